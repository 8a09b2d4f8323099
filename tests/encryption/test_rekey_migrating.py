"""The files of a storage that moves between two stores are encrypted anew on both sides, and go on moving."""

import io
import re
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from keyrings import LOST, NEW, OLD, identifier, with_keys

import flask_pyfs as fs
from flask_pyfs.filesystems.below import BelowFS
from flask_pyfs.filesystems.migrating.filesystem import MigratingFS
from flask_pyfs.filesystems.store import MIGRATING
from flask_pyfs.migration import migrate, verify
from flask_pyfs.names import Reserved
from flask_pyfs.rekeying import Holding, rekey, windows, work

sys.path.append(str(Path(__file__).parents[1] / "migrating"))

import stepped
from moving_storages import moving, sides

SERVERS = [("local", "s3-moto"), ("s3-moto", "gridfs"), ("gridfs", "swift"), ("swift", "local")]
PAIRS = [("local", "memory"), ("memory", "local"), *(pytest.param(*pair, marks=pytest.mark.server) for pair in SERVERS)]


def held(storage, key):
    """Return both stores as a process has them that has one key."""
    source, target = (BelowFS(with_keys(side, key)) for side in sides(storage))
    return MigratingFS(source, target)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_both_sides_and_what_they_know_of_each_other(source, target, app, request, monkeypatch):
    monkeypatch.setattr(work, "_IN_USE", timedelta(seconds=-60))
    with moving(app, request, source, target, ENCRYPTION_KEYS=[NEW, OLD]) as storage:
        old = held(storage, OLD)
        for name in ("left", "copied", "replaced", "deleted"):
            old.source.put(name, io.BytesIO(name.encode()))
        for name in ("copied", "replaced"):
            stepped.bring(old, name)
        old.put("replaced", io.BytesIO(b"by the app"))
        old.delete_tree("deleted")
        before = {name: old.entries_of_target.look(name) for name in ("copied", "replaced", "deleted")}
        report = rekey(storage)
        assert not report.failed
        assert report.firsts == {Holding(side, identifier(NEW)) for side in ("source", "target")}
        assert {each.side for each, files in report.keys.items() if files} == {"source", "target"}
        assert not any(files for (_, key), files in report.keys.items() if key != identifier(NEW))
        new = held(storage, NEW)
        after = {name: new.entries_of_target.look(name) for name in before}
        for name, entry in before.items():
            assert (after[name].is_deleted, after[name].mirrors) == (entry.is_deleted, entry.mirrors)
        read = {name: new.read_file(name) for name in ("left", "copied", "replaced")}
        assert read == {"left": b"left", "copied": b"copied", "replaced": b"by the app"}
        assert not new.has_file("deleted")
        assert new.journal.state() is not None
        # what is on no side any more would be missing
        assert migrate(storage).is_complete
        assert verify(storage).is_complete
        assert {name: storage.read(name) for name in storage.list_files()} == read
        assert rekey(storage).counts.keys() == {"same"}


def test_each_side_has_keys_of_its_own(app, request):
    settings = {"SOURCE_ENCRYPTION_KEYS": [NEW, OLD], "TARGET_ENCRYPTION_KEYS": [LOST, NEW]}
    with moving(app, request, "local", "memory", **settings) as storage:
        source, target = sides(storage)
        with_keys(source, OLD).put("a", io.BytesIO(b"a"))
        with_keys(target, NEW).put("b", io.BytesIO(b"b"))
        assert rekey(storage, dry_run=True).keys == {
            Holding("source", identifier(NEW)): 0,
            Holding("source", identifier(OLD)): 1,
            Holding("target", identifier(LOST)): 0,
            Holding("target", identifier(NEW)): 1,
        }
        assert rekey(storage).counts == {"replaced": 2}
        assert (with_keys(source, NEW).read_file("a"), with_keys(target, LOST).read_file("b")) == (b"a", b"b")


def test_only_the_side_that_is_encrypted(app, request):
    with moving(app, request, "local", "memory", TARGET_ENCRYPTION_KEYS=[NEW, OLD]) as storage:
        source, target = sides(storage)
        source.store.put("plain", io.BytesIO(b"plain"))
        with_keys(target, OLD).put("b", io.BytesIO(b"b"))
        assert rekey(storage).keys == {Holding("target", identifier(NEW)): 1, Holding("target", identifier(OLD)): 0}
        assert source.store.read_file("plain") == b"plain"


@pytest.mark.server
def test_the_windows_of_both_sides(app, request):
    with moving(app, request, "swift", "local", ENCRYPTION_KEYS=[NEW, OLD]) as storage:
        [window] = windows(storage)
        assert window.startswith("source: the store does not decide conditions")
        assert not list(sides(storage)[0].store.iter_facts(Reserved(f"{MIGRATING}/")))


def test_a_key_that_was_removed_too_early(app, request):
    with moving(app, request, "local", "memory", ENCRYPTION_KEYS=[NEW]) as storage:
        held(storage, OLD).put("a", io.BytesIO(b"a"))
        lacks = "in storage 'files': TARGET: it was changed since it was encrypted, or FILES_FS_ENCRYPTION_KEYS lacks"
        with pytest.raises(fs.DecryptionError, match=f"^'a' {lacks}"):
            storage.read("a")
        # what nobody has asked for is named, too
        journal = f"{MIGRATING}/state"
        with_keys(sides(storage)[1], OLD).put(Reserved(journal), io.BytesIO(b"{}"))
        with pytest.raises(fs.DecryptionError, match=f"^{re.escape(repr(journal))} {lacks}"):
            migrate(storage)
        report = rekey(storage)
        assert set(report.counts) == {"failed"}
        assert sides(storage)[1].bare.has_file("a")
