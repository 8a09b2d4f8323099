"""The listing of a directory in key order, while others change it."""

import io
import os
import shutil
import tempfile

import pytest
from fs import errors
from hypothesis import given
from hypothesis import strategies as st

from flask_pyfs.filesystems.local import LocalFS

# also bytes that are no UTF-8; no two names are one on a disk that ignores case or forms
COMPONENTS = [b"a", b"a-", b"a.b", b"a b", b"a0", b"\xc3\xa9", b"\xef\xbf\xbd", b"\xf0\x9f\x98\x80", b"\xff", b"\x80x"]
PATHS = st.lists(st.sampled_from(COMPONENTS), min_size=1, max_size=4).map(b"/".join)


@pytest.fixture
def local(tmp_path):
    return LocalFS(str(tmp_path / "root"), create=True)


@pytest.fixture
def root(tmp_path, local):
    return tmp_path / "root"


def put(local, *paths):
    for path in paths:
        local.put(path, io.BytesIO(b"x"))


def paths_of(listing):
    return [path for path, _ in listing]


@given(paths=st.sets(PATHS, max_size=20), prefix=PATHS)
def test_the_order_is_that_of_keys(paths, prefix):
    root = tempfile.mkdtemp()
    try:
        for path in paths:
            place = os.path.join(os.fsencode(root), path)
            try:
                os.makedirs(os.path.dirname(place), exist_ok=True)
                os.close(os.open(place, os.O_WRONLY | os.O_CREAT))
            except OSError:
                # it is below a file, or in place of a directory
                continue
        local = LocalFS(root)
        expected = sorted(local.iter_files())
        assert paths_of(local.iter_facts()) == expected
        for start in (prefix[:1], prefix[:3], prefix, prefix + b"/"):
            shown = os.fsdecode(start)
            assert paths_of(local.iter_facts(shown)) == [path for path in expected if path.startswith(shown)]
        for path, facts in local.iter_facts():
            assert facts == local.facts(path)
    finally:
        shutil.rmtree(root)


def replaced_by_link(place, outside):
    os.remove(place)
    os.symlink(outside, place)


def replaced_by_directory(place, outside):
    os.remove(place)
    os.makedirs(place / "x")
    (place / "x" / "y").touch()


def replaced_by_pipe(place, outside):
    os.remove(place)
    os.mkfifo(place)


@pytest.mark.parametrize(
    "change",
    [
        lambda place, outside: os.remove(place),
        replaced_by_link,
        replaced_by_directory,
        replaced_by_pipe,
    ],
    ids=["deleted", "link", "directory", "pipe"],
)
def test_what_is_no_file_any_more_is_left_out(local, root, tmp_path, change):
    put(local, "a", "b", "c")
    outside = tmp_path / "outside"
    outside.write_bytes(b"secret")
    listing = local.iter_facts()
    found = [next(listing)]
    change(root / "b", outside)
    found += listing
    assert paths_of(found) == ["a", "c"]


def test_directories_that_change_meanwhile(local, root):
    put(local, "a/x", "a/y", "b/x", "c/x", "d", "e/x")
    listing = local.iter_facts()
    found = [next(listing)]
    shutil.rmtree(root / "b")
    shutil.rmtree(root / "c")
    (root / "c").touch()
    os.rename(root / "e", root / "f")
    put(local, "a/z", "e/new", "z")
    found += listing
    # what was there all the time, and what is new where nobody has looked yet
    assert paths_of(found) == ["a/x", "a/y", "d", "e/new"]


def test_the_directory_that_has_the_rest_is_deleted(local, root):
    put(local, "a/b/x", "a/c", "a/d/x", "b")
    listing = local.iter_facts()
    found = [next(listing)]
    shutil.rmtree(root / "a")
    found += listing
    assert paths_of(found) == ["a/b/x", "b"]


def test_one_descriptor_is_open_at_most(local, root):
    put(local, "a/b/c/x", "a/b/y", "a/z", "b")
    before = len(os.listdir("/proc/self/fd"))
    listing = local.iter_facts()
    for _ in range(3):
        next(listing)
        assert len(os.listdir("/proc/self/fd")) == before + 1
    listing.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(list(local.iter_facts())) == 4
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_directory_that_nobody_may_search(local, root, monkeypatch, caplog):
    put(local, "a", "closed/b", "closed/c", "d")
    stat, inside = os.stat, os.stat(root / "closed")

    def refuse(path, *arguments, dir_fd=None, **options):
        if dir_fd is not None and os.path.samestat(os.fstat(dir_fd), inside):
            raise PermissionError(13, "Permission denied", path)
        return stat(path, *arguments, dir_fd=dir_fd, **options)

    monkeypatch.setattr(os, "stat", refuse)
    monkeypatch.setattr("flask_pyfs.filesystems.local.listing._logged", set())
    assert paths_of(local.iter_facts()) == ["a", "d"]
    (record,) = caplog.records
    assert "closed" in record.getMessage()
    with pytest.raises(errors.PermissionDenied):
        list(local.iter_facts("closed/"))


def test_links_have_the_facts_of_what_they_lead_to(root, tmp_path):
    (tmp_path / "outside" / "d").mkdir(parents=True)
    (tmp_path / "outside" / "d" / "secret").write_bytes(b"secret")
    (root / "b.txt").write_bytes(b"content")
    os.symlink("b.txt", root / "a")
    os.symlink(tmp_path / "outside", root / "b")
    os.symlink("..", root / "z")
    for follows, expected in ((False, [("a", 7), ("b.txt", 7)]), (True, [("a", 7), ("b.txt", 7), ("b/d/secret", 6)])):
        local = LocalFS(str(root), follow_symlinks=follows)
        assert [(path, facts.size) for path, facts in local.iter_facts() if not path.startswith("z/")] == expected
        assert paths_of(local.iter_facts()) == sorted(local.iter_files())
