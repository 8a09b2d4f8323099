"""What the target of a migration has under a name: one contract for all stores."""

import errno
import fcntl
import os
import threading
from io import BytesIO

import pytest
from fs import errors
from places import make_place

# isort: split
# places makes it importable
from counting import requests_of
from fs.osfs import OSFS

from flask_pyfs.encryption.keys import new_key
from flask_pyfs.errors import StoreMisconfigured
from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.local import LocalFS
from flask_pyfs.filesystems.migrating import noted
from flask_pyfs.filesystems.migrating.choosing import target_of
from flask_pyfs.filesystems.migrating.target import ANYTHING, NO_FILE, NOTHING
from flask_pyfs.filesystems.s3 import S3FS
from flask_pyfs.filesystems.store import OtherVersion
from flask_pyfs.filesystems.swift import SwiftFS
from flask_pyfs.names import Reserved

KINDS = ["memory", "local", "s3-moto", "gridfs", "swift"]

# those that keep their entries beside the files do so in the open
ENCRYPTED = ["memory-encrypted", "local-encrypted"]


@pytest.fixture(
    params=[*(pytest.param(kind, marks=[pytest.mark.server] * (kind not in KINDS[:2])) for kind in KINDS), *ENCRYPTED]
)
def target(request, configure_storage, app):
    with app.app_context(), make_place(request.param, request) as settings:
        if request.param in ENCRYPTED:
            settings["ENCRYPTION_KEYS"] = [new_key()]
        yield target_of(configure_storage("files", settings).backend.store)


def write(target, path="a/b.txt", content=b"one", expected=ANYTHING, **options):
    return target.write(path, BytesIO(content), expected, **options)


def content(target, path="a/b.txt"):
    with target.fetch(path)[1] as file:
        return file.read()


def listed(target, prefix=""):
    return [(path, found.is_deleted) for path, found in target.entries(prefix)]


def test_nothing(target):
    assert target.look("a/b.txt") is None
    assert target.fetch("a/b.txt") is None
    assert not target.drop("a/b.txt", "1")
    assert listed(target) == []


def test_own_file(target):
    version = write(target)
    entry = target.look("a/b.txt")
    assert (entry.version, entry.is_deleted, entry.mirrors, entry.facts.size) == (version, False, None, 3)
    found, file = target.fetch("a/b.txt")
    with file:
        assert (found, file.read()) == (entry, b"one")
    assert listed(target) == [("a/b.txt", False)]


def test_mirror(target):
    version = write(target, mirrors="x")
    assert (target.look("a/b.txt").version, target.look("a/b.txt").mirrors) == (version, "x")
    again = write(target, content=b"two", expected=version, mirrors="y")
    assert (target.look("a/b.txt").version, target.look("a/b.txt").mirrors) == (again, "y")
    write(target, content=b"own")
    assert target.look("a/b.txt").mirrors is None


@pytest.mark.parametrize("mirrors", [None, NO_FILE, "x"])
@pytest.mark.parametrize("before", [None, "own", "mirror", "tombstone"])
def test_tombstone(target, before, mirrors):
    if before is not None:
        write(target, mirrors="z" if before == "mirror" else None)
    if before == "tombstone":
        target.bury("a/b.txt", ANYTHING)
    version = target.bury("a/b.txt", ANYTHING, mirrors=mirrors)
    entry = target.look("a/b.txt")
    assert (entry.version, entry.is_deleted, entry.mirrors) == (version, True, mirrors)
    assert target.fetch("a/b.txt") == (entry, None)
    assert listed(target) == [("a/b.txt", True)]
    with pytest.raises(errors.FileExists):
        write(target, expected=NOTHING)
    write(target, content=b"new", expected=version)
    assert content(target) == b"new"
    assert listed(target) == [("a/b.txt", False)]


def test_drop(target):
    version = write(target, mirrors="x")
    assert not target.drop("a/b.txt", "other")
    assert target.drop("a/b.txt", version)
    assert target.look("a/b.txt") is None
    version = target.bury("a/b.txt", NOTHING)
    assert not target.drop("a/b.txt", "other")
    assert target.drop("a/b.txt", version)
    assert target.look("a/b.txt") is None
    assert write(target, expected=NOTHING)


@pytest.mark.parametrize("change", [write, lambda target, **options: target.bury("a/b.txt", options["expected"])])
def test_conditions(target, change):
    with pytest.raises(OtherVersion):
        change(target, expected="1")
    version = write(target)
    for wrong, error in (("1", OtherVersion), (NOTHING, errors.FileExists)):
        with pytest.raises(error):
            change(target, expected=wrong)
    assert target.look("a/b.txt").version == version
    change(target, expected=version)
    with pytest.raises(OtherVersion):
        change(target, expected=version)


def test_open_write(target):
    with target.open_write("a/b.txt", NOTHING) as file:
        file.write(b"one")
        assert target.look("a/b.txt") is None
    assert content(target) == b"one"
    # at once, or when it closes
    with pytest.raises(errors.FileExists):
        target.open_write("a/b.txt", NOTHING).close()
    version = target.look("a/b.txt").version
    with target.open_write("a/b.txt", version) as file:
        file.write(b"two")
    assert content(target) == b"two"
    with pytest.raises(OtherVersion):
        target.open_write("a/b.txt", version).close()
    assert content(target) == b"two"


def test_move(target):
    version = write(target, mirrors="x")
    there = target.bury("c", ANYTHING)
    with_version = target.move("a/b.txt", version, "c", there)
    # a server without renames leaves it to a copy
    assert with_version == (not target.store.keeps_notes)
    if with_version:
        assert listed(target) == [("a/b.txt", True), ("c", False)]
        assert target.look("c").mirrors is None
        assert content(target, "c") == b"one"
        with pytest.raises(OtherVersion):
            target.move("a/b.txt", version, "d", ANYTHING)
        with pytest.raises(errors.FileExists):
            target.move("c", target.look("c").version, "a/b.txt", NOTHING)
    assert not target.move("c", target.look("c").version, "c", ANYTHING)


def test_a_copy_inside_the_target_is_a_file_of_its_own(target):
    write(target, mirrors="x")
    # in memory, none is made without reading
    if target.copy_in(target.store, "a/b.txt", "c", NOTHING):
        assert (content(target, "c"), target.look("c").mirrors) == (b"one", None)
        with pytest.raises(errors.FileExists):
            target.copy_in(target.store, "a/b.txt", "c", NOTHING)
        with pytest.raises(OtherVersion):
            target.copy_in(target.store, "a/b.txt", "c", "1")
        target.bury("a/b.txt", ANYTHING)
        with pytest.raises(errors.ResourceNotFound):
            target.copy_in(target.store, "a/b.txt", "c", ANYTHING)
        assert content(target, "c") == b"one"


def test_a_listing_has_all_names_in_key_order(target):
    names = ["a.txt", "a/b", "a/c/d", "a0", "b/\u00e9", "c" * 200]
    for number, name in enumerate(names):
        if number % 2:
            target.bury(name, NOTHING)
        else:
            write(target, name)
    target.store.put(Reserved(".flask_pyfs/own"), BytesIO())
    # of the size of a tombstone
    target.store.put("z", BytesIO(bytes(target.store.facts("a/b").size if target.store.keeps_notes else 9)))
    assert listed(target) == [*((name, number % 2 == 1) for number, name in enumerate(names)), ("z", False)]
    assert listed(target, "a/") == [("a/b", True), ("a/c/d", False)]
    assert listed(target, "a/c") == [("a/c/d", False)]


@pytest.mark.parametrize("name", ["a/" + "x" * 300, "y/" * 1500 + "z", "\udcff.txt", "a\0b"])
def test_a_name_that_the_store_cannot_have_has_nothing(target, name):
    assert target.look(name) is None
    assert target.fetch(name) is None


def test_no_range_of_a_tombstone_is_out_of_it(target):
    target.bury("a", NOTHING)
    for start, stop in ((0, None), (0, 1), (5, 5), (10**6, None), (10**6, 10**6 + 1), (-5, None)):
        entry, file = target.fetch("a", start, stop)
        assert entry.is_deleted
        assert file is None


def test_what_lies_beside_can_be_removed(target):
    for name in ("a", "b"):
        write(target, name, mirrors="x")
    target.drop("a", target.bury("a", ANYTHING))
    target.clear()
    assert listed(target) == [("b", False)]
    assert write(target, "a", mirrors="y", expected=NOTHING)
    assert target.look("a").mirrors == "y"


def test_windows(target):
    is_swift = isinstance(target.store, SwiftFS)
    assert target.is_exact == (not is_swift)
    assert (target.window is None) == (not is_swift)


def test_requests(target):
    if not isinstance(target.store, S3FS):
        return
    write(target)
    with requests_of(target.store.client) as sent:
        target.look("a/b.txt")
        target.look("missing")
        content(target)
        version = write(target, mirrors="x")
        target.bury("a/b.txt", ANYTHING)
    assert [operation for _, operation in sent] == ["HeadObject", "HeadObject", "GetObject", "PutObject", "PutObject"]
    assert version


def test_listings_look_at_each_tombstone_once(target, monkeypatch):
    if not target.store.keeps_notes:
        return
    looked = []
    facts = target.store.facts

    def counted(path, **options):
        looked.append(path)
        return facts(path, **options)

    monkeypatch.setattr(target.store, "facts", counted)
    names = [f"{number}" for number in range(5)]
    for name in names:
        target.bury(name, ANYTHING)
    size = facts("0").size
    target.store.put("file", BytesIO(b"x" * size))
    deleted = [(name, True) for name in names]
    assert listed(target) == [*deleted, ("file", False)]
    assert sorted(looked) in ([], [*names, "file"])
    looked.clear()
    assert listed(target) == [*deleted, ("file", False)]
    assert looked == []
    # another content is another file
    target.bury("file", ANYTHING)
    target.store.put("0", BytesIO(b"y" * size))
    assert listed(target) == [("0", False), *deleted[1:], ("file", True)]
    # only some are remembered
    monkeypatch.setattr(noted, "_REMEMBERED", 3)
    target._seen.clear()
    for _ in range(2):
        looked.clear()
        assert listed(target) == [("0", False), *deleted[1:], ("file", True)]
        assert len(target._seen) <= 3
    assert len(looked) <= 4


@pytest.mark.parametrize("before", [None, "file", "tombstone"])
def test_one_who_knows_the_store_alone_is_not_overtaken(target, before):
    if target.store.keeps_notes:
        # its own writes decide
        return
    there = write(target) if before == "file" else target.bury("a/b.txt", NOTHING) if before else NOTHING
    known = target._state

    def overtaken(path):
        entry = known(path)
        target.store.put(path, BytesIO(b"theirs"))
        return entry

    target._state = overtaken
    with pytest.raises((OtherVersion, errors.FileExists)):
        write(target, content=b"ours", expected=there)
    target._state = known
    assert content(target) == b"theirs"


class TestDirectory:
    @pytest.fixture
    def target(self, tmp_path):
        return target_of(LocalFS(str(tmp_path), create=True))

    def test_one_file_has_one_name(self, target):
        version = write(target, "a//b.txt", mirrors="x")
        assert target.look("/a/./b.txt").version == version
        assert target.look("a/b.txt").mirrors == "x"
        target.bury("./a/b.txt", version)
        assert target.look("a//b.txt").is_deleted
        assert listed(target) == [("a/b.txt", True)]

    @pytest.mark.parametrize("name", ["\udcff.txt", "x" * 255, "\U0001f600", "y/" * 100 + "z"])
    def test_names(self, target, name):
        write(target, name, mirrors="x")
        assert target.look(name).mirrors == "x"
        target.bury(name, ANYTHING)
        assert listed(target) == [(name, True)]

    def test_what_nobody_wrote_makes_no_directory(self, target, tmp_path):
        target.look("a")
        target.fetch("a")
        assert listed(target) == []
        assert list(tmp_path.iterdir()) == []

    def test_nothing_is_left_after_all(self, target, tmp_path):
        for name in ("a", "b"):
            write(target, name, mirrors="x")
        write(target, "a", mirrors="y")
        target.drop("a", target.bury("a", ANYTHING))
        target.clear()
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["b"]
        assert list(tmp_path.glob(".flask_pyfs/migrating/*")) == []

    def test_who_waits_for_a_lock_that_is_removed_takes_a_new_one(self, target, tmp_path):
        write(target)
        shelf = target._shelf
        name = target._key("a/b.txt")
        waits = threading.Thread(target=write, args=(target,), kwargs={"content": b"two"})
        with shelf.locked(name):
            waits.start()
            [lock] = (tmp_path / ".flask_pyfs/migrating/beside/locks").rglob(f"{name[:2]}/*")
            lock.unlink()
            assert content(target) == b"one"
        waits.join()
        assert content(target) == b"two"
        assert lock.exists()

    def test_who_looks_needs_no_permission_to_write(self, target, tmp_path, monkeypatch):
        target.bury("a", NOTHING)
        opened, open_ = [], os.open

        def told(path, flags, *arguments, **options):
            if "/locks/" in str(path):
                opened.append(flags & os.O_ACCMODE)
            return open_(path, flags, *arguments, **options)

        monkeypatch.setattr(os, "open", told)
        assert target.look("a").is_deleted
        assert opened == [os.O_RDONLY]

    @pytest.mark.parametrize(
        ("umask", "options", "mode"),
        [
            (0o022, {}, 0o644),
            (0o002, {}, 0o664),
            (0o002, {"mode": 0o600}, 0o664),
            (0o022, {"directory_mode": 0o770}, 0o660),
        ],
    )
    def test_who_may_write_to_the_directory_may_lock(self, tmp_path, umask, options, mode):
        before = os.umask(umask)
        try:
            target = target_of(LocalFS(str(tmp_path), **options))
            target.bury("a", NOTHING)
        finally:
            os.umask(before)
        [lock] = [path for path in tmp_path.glob(".flask_pyfs/migrating/beside/locks/*/*") if path.is_file()]
        assert lock.stat().st_mode & 0o777 == mode
        assert [path for path in tmp_path.glob(".flask_pyfs/*") if path.is_file()] == []

    def test_a_text_that_is_not_whole_stops_nobody(self, target, tmp_path):
        write(target, "a", mirrors="x")
        target.bury("b", NOTHING)
        for room in ("copied", "deleted"):
            for path in (tmp_path / f".flask_pyfs/migrating/beside/{room}").rglob("*"):
                if path.is_file():
                    path.write_bytes(b"")
        # what it was a copy of is not known; that it was a copy, is
        assert target.look("a").mirrors == "damaged"
        assert target.look("b").is_deleted
        assert listed(target) == [("a", False)]
        assert target.drop("b", target.look("b").version)

    def test_what_cannot_be_locked_is_named(self, target, tmp_path, monkeypatch):
        def refuse(descriptor, operation):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(fcntl, "flock", refuse)
        with pytest.raises(StoreMisconfigured, match=r"cannot be locked .No locks available.*: mount it with locks"):
            write(target)
        assert not target.store.has_file("a/b.txt")


def test_a_store_that_can_only_be_a_source(tmp_path):
    with OSFS(str(tmp_path)) as files, pytest.raises(StoreMisconfigured, match="use this one as SOURCE"):
        target_of(GenericStore(files))
