"""What a server copies while files move: whose version is found afterwards, and a server that refuses each time."""

import io
from collections.abc import Callable

import pytest
from fs import errors

from flask_pyfs.filesystems.local import LocalFS
from flask_pyfs.filesystems.migrating import moving
from flask_pyfs.filesystems.migrating.filesystem import MigratingFS
from flask_pyfs.filesystems.migrating.moving import Outcome, bring, settle
from flask_pyfs.filesystems.migrating.target import ANYTHING
from flask_pyfs.filesystems.store import SourceChanged


@pytest.fixture(autouse=True)
def all_are_large(monkeypatch):
    monkeypatch.setattr(moving, "_SMALL", 0)


class Copying(LocalFS):
    """Runs something after it has copied a file, once."""

    afterwards: Callable[[], object] | None = None

    def copy_from(self, *arguments, **options):
        is_done = super().copy_from(*arguments, **options)
        run, self.afterwards = self.afterwards, None
        if run is not None:
            run()
        return is_done


class Refusing(LocalFS):
    """Says each time that the file changed while it was copied."""

    asked = 0

    def copy_from(self, *arguments, **options):
        self.asked += 1
        # no test is to run on for ever
        assert self.asked < 20
        raise SourceChanged("a")


@pytest.fixture
def roots(tmp_path):
    for name in ("source", "target"):
        (tmp_path / name).mkdir()
    return [str(tmp_path / name) for name in ("source", "target")]


def put(store, content, **options):
    return store.put("a", io.BytesIO(content), **options)


def test_a_copy_back_that_was_overtaken_leaves_what_the_app_wrote(roots):
    other = MigratingFS(*map(LocalFS, roots), direction="back")
    source = Copying(roots[0])
    slow = MigratingFS(source, LocalFS(roots[1]), direction="back")
    put(slow.target, b"of the app")
    source.afterwards = lambda: put(other, b"acknowledged")
    settle(source, slow.entries_of_target, "a")
    assert other.read_file("a") == b"acknowledged"


def test_a_version_that_moves_back_can_be_replaced(roots):
    fs = MigratingFS(*map(LocalFS, roots), direction="back")
    version = put(fs.target, b"of the app")
    made = fs.replace_version("a", io.BytesIO(b"replaced"), version)
    assert fs.read_file("a") == b"replaced"
    assert fs.facts("a").version == made


def test_a_copy_that_is_refused_takes_back_no_file_of_an_old_process(roots):
    source = Copying(roots[0])
    fs = MigratingFS(source, LocalFS(roots[1]), writes="both")
    old = LocalFS(roots[0])
    old.put("origin", io.BytesIO(b"content"))

    def both_are_written():
        fs.entries_of_target.write("a", io.BytesIO(b"of a new process"), ANYTHING)
        put(old, b"of an old process")

    source.afterwards = both_are_written
    with pytest.raises(errors.FileExists):
        fs.copy_file("origin", "a", overwrite=False)
    assert old.read_file("a") == b"of an old process"
    assert fs.read_file("a") == b"of a new process"


def test_a_server_that_never_copies_is_not_asked_for_ever(roots):
    source, target = LocalFS(roots[0]), Refusing(roots[1])
    put(source, b"content")
    fs = MigratingFS(source, target)
    assert bring(source, fs.entries_of_target, "a").outcome is Outcome.COPIED
    assert target.read_file("a") == b"content"
    assert target.asked == 3


def test_a_server_that_never_copies_back_is_not_asked_for_ever(roots):
    source, target = Refusing(roots[0]), LocalFS(roots[1])
    put(target, b"content")
    fs = MigratingFS(source, target, direction="back")
    assert settle(source, fs.entries_of_target, "a").outcome is Outcome.COPIED
    assert source.read_file("a") == b"content"
    assert source.asked == 3
