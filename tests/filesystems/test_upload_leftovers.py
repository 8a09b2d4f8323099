"""What is swept of uploads that were never finished, on every store."""

import io
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from places import make_place

import flask_pyfs as fs
from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.memory import MemoryFS
from flask_pyfs.filesystems.store import UPLOADS, Facts
from flask_pyfs.names import Reserved

SERVED = ["s3-moto", "gridfs", "swift"]
KINDS = ["local", "memory", "pyfs", "migrating", *SERVED]


@pytest.fixture(params=[pytest.param(kind, marks=[pytest.mark.server] if kind in SERVED else []) for kind in KINDS])
def storage(request, app, configure_storage, tmp_path):
    """A storage with a PREFIX."""
    if request.param == "migrating":
        settings = {"BACKEND": "migrating", "SOURCE": "memory", "TARGET": "local", "TARGET_PREFIX": "in/side"}
        with app.app_context():
            yield configure_storage("files", {**settings, "TARGET_ROOT": str(tmp_path / "target")})
        return
    with make_place(request.param, request) as settings, app.app_context():
        yield configure_storage("files", {**settings, "PREFIX": "in/side"})


def put(storage, name, store=None):
    (store or storage.backend.store).put(Reserved.of(storage.backend.prefix, name), io.BytesIO(b"content"))


def left(storage):
    above = Reserved.of(storage.backend.prefix, "uploads/")
    return sorted(path[len(above) :] for path, _ in storage.backend.store.iter_facts(above))


def test_an_upload_is_removed_as_a_whole_when_its_newest_file_is_old(storage, monkeypatch):
    for name in ("old/open/1", "old/ended", "living/open/1", "living/open/2"):
        put(storage, f"uploads/{name}")
    storage.write("file.txt", b"content")
    late = datetime.now(timezone.utc) + timedelta(hours=2)
    seen = type(storage.backend.store).iter_facts

    def later(store, prefix="", **options):
        for path, facts in seen(store, prefix, **options):
            # one goes on
            is_living = path.endswith("living/open/2")
            yield path, replace(facts, modified=late if is_living else facts.modified)

    monkeypatch.setattr(type(storage.backend.store), "iter_facts", later)
    remove = storage.backend.remove_leftovers
    # as long as UPLOAD_LIFETIME says
    assert remove(-60) == 0
    storage.backend.config["upload_lifetime"] = -3600
    assert remove(3600) == 0
    assert remove(-60, dry_run=True) == 1
    assert left(storage) == ["living/open/1", "living/open/2", "old/ended", "old/open/1"]
    assert remove(-60) == 1
    assert left(storage) == ["living/open/1", "living/open/2"]
    monkeypatch.undo()
    assert remove(-60) == 1
    assert left(storage) == []
    assert list(storage.list_files()) == ["file.txt"]


def test_an_upload_that_goes_on_after_the_listing_stays(storage, monkeypatch):
    put(storage, "uploads/x/1")
    storage.backend.config["upload_lifetime"] = -3600
    store, listed = storage.backend.store, type(storage.backend.store).iter_facts
    asked = []

    def iter_facts(self, prefix="", **options):
        asked.append(prefix)
        found = list(listed(self, prefix, **options))
        if prefix.endswith("/x/"):
            late = datetime.now(timezone.utc) + timedelta(hours=2)
            found = [(path, replace(facts, modified=late)) for path, facts in found]
        return iter(found)

    monkeypatch.setattr(type(store), "iter_facts", iter_facts)
    assert storage.backend.remove_leftovers(-60) == 0
    monkeypatch.undo()
    assert left(storage) == ["x/1"]
    assert any(prefix.endswith(f"{UPLOADS}/x/") for prefix in asked)


def test_what_tells_no_time_stays(monkeypatch):
    store = GenericStore(MemoryFS())
    monkeypatch.setattr(store, "iter_facts", lambda prefix: iter([(f"{UPLOADS}/x/1", Facts(7, None))]))
    assert store.remove_uploads(-60) == 0


def test_an_upload_goes_on_after_a_migration_has_begun(app, configure_storage, tmp_path):
    with app.app_context():
        plain = configure_storage("plain", {"BACKEND": "local", "ROOT": str(tmp_path / "old")})
        sides = {
            "SOURCE": "local",
            "SOURCE_ROOT": str(tmp_path / "old"),
            "TARGET": "local",
            "TARGET_ROOT": str(tmp_path / "new"),
        }
        moving = configure_storage("moving", {"BACKEND": "migrating", **sides})
        put(plain, "uploads/x/1")
        put(moving, "uploads/x/2")
        paths = [Reserved(f"{UPLOADS}/x/{number}") for number in (1, 2)]
        store = moving.backend.store
        assert [path for path, _ in store.iter_facts(Reserved(f"{UPLOADS}/x/"))] == paths
        assert store.read_file(paths[0]) == b"content"
        with pytest.raises(fs.FSError), fs.errors.translated("moving"):
            store.put(paths[0], io.BytesIO(), overwrite=False)
        assert moving.backend.join(paths, "a.txt", False).size == 14
        assert moving.read("a.txt") == b"contentcontent"
        version = store.facts(paths[0]).version
        assert store.delete_version(paths[0], version)
        put(plain, "uploads/x/1")
        store.delete_tree(Reserved(f"{UPLOADS}/x"))
        assert left(moving) == left(plain) == []
