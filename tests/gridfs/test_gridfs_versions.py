"""Deleting and replacing a version, with others who act between the commands, and uploads that others take for dead."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from bson import ObjectId
from counting_commands import before_command, commands
from drivers import one_server, put_by_gridfs
from fs import errors

from flask_pyfs.filesystems.gridfs import upload
from flask_pyfs.filesystems.store import OtherVersion

pytestmark = [one_server, pytest.mark.usefixtures("no_orphans")]

LARGE = bytes(5 * 1024 * 1024)


@pytest.fixture
def ours(open_gridfs):
    filesystem = open_gridfs(strict=False)
    # the indexes are there
    filesystem.replace_version("warm", io.BytesIO(b"y"), filesystem.put("warm", io.BytesIO(b"x")))
    filesystem.delete_tree("warm")
    return filesystem


@pytest.fixture
def other(open_gridfs):
    """The same bucket, as another process has it."""
    filesystem = open_gridfs(strict=False, timeout=20)
    filesystem.replace_version("warm", io.BytesIO(b"y"), filesystem.put("warm", io.BytesIO(b"x")))
    filesystem.delete_tree("warm")
    return filesystem


def contents(store):
    return {name: store.readbytes(name) for name in store.iter_files()}


class Outcome:
    """What comes of a call: its result, or the error that it raised."""

    def __init__(self, call):
        self.result = self.error = None
        try:
            self.result = call()
        except errors.FSError as error:
            self.error = type(error)

    @property
    def succeeded(self):
        return self.error is None


COMMANDS = ["find", "insert", "find", "update", "delete", "delete", "find"]


def test_the_commands_are_those_that_are_interrupted(ours):
    version = ours.put("a", io.BytesIO(b"old"))
    with commands() as sent:
        ours.replace_version("a", io.BytesIO(b"new"), version)
    assert [name for name, _ in sent] == COMMANDS


@pytest.mark.parametrize("number", range(1, len(COMMANDS) + 2))
class TestWhileAVersionIsReplaced:
    @pytest.fixture
    def replace(self, ours, number, bare):
        """Replace a version, and let another one act before a command."""

        def replace(act):
            version, theirs = ours.put("a", io.BytesIO(b"old")), []
            with before_command(number, lambda: theirs.append(Outcome(lambda: act(version)))):
                mine = Outcome(lambda: ours.replace_version("a", io.BytesIO(b"new"), version))
            if not theirs:
                theirs.append(Outcome(lambda: act(version)))
            assert bare["files.files"].count_documents({}) == len(contents(ours))
            return mine, theirs[0]

        return replace

    def test_it_is_replaced_once(self, ours, other, replace):
        mine, theirs = replace(lambda version: other.replace_version("a", io.BytesIO(b"theirs"), version))
        assert (mine.error, theirs.error) in [(OtherVersion, None), (None, OtherVersion)]
        assert contents(ours) == {"a": b"new" if mine.succeeded else b"theirs"}

    def test_it_is_deleted_or_replaced(self, ours, other, replace):
        mine, theirs = replace(lambda version: other.delete_version("a", version))
        assert mine.succeeded != theirs.result
        assert contents(ours) == ({"a": b"new"} if mine.succeeded else {})

    def test_a_deletion_is_not_undone(self, ours, other, replace):
        _, theirs = replace(lambda version: other.delete_tree("a"))
        assert theirs.succeeded
        assert contents(ours) == {}

    def test_an_overwrite_is_not_lost(self, ours, other, replace):
        _, theirs = replace(lambda version: other.put("a", io.BytesIO(b"theirs")))
        assert theirs.succeeded
        assert contents(ours) == {"a": b"theirs"}

    def test_a_move_takes_one_of_both_contents(self, ours, other, replace):
        mine, theirs = replace(lambda version: other.move_file("a", "b"))
        assert theirs.succeeded
        assert contents(ours) == {"b": b"new" if mine.succeeded else b"old"}

    def test_what_another_one_found_there_can_be_replaced_again(self, ours, other, replace):
        def act(version):
            found = other.facts("a").version
            if found != version:
                other.replace_version("a", io.BytesIO(b"newest"), found)
            return found != version

        mine, theirs = replace(act)
        assert (mine.error, theirs.error) == (None, None)
        assert contents(ours) == {"a": b"newest" if theirs.result else b"new"}

    def test_a_file_comes_back_by_an_exclusive_write(self, ours, other, replace):
        def act(version):
            other.delete_tree("a")
            other.put("a", io.BytesIO(b"theirs"), overwrite=False)

        _, theirs = replace(act)
        assert theirs.succeeded
        assert contents(ours) == {"a": b"theirs"}


@pytest.mark.parametrize("step", ["insert_above", "replace", "_make_way", "remove_chunks"])
def test_who_is_interrupted_leaves_one_of_both_contents(ours, other, bare, monkeypatch, step):
    version = ours.put("a", io.BytesIO(b"old"))

    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(ours._bucket), step, interrupt)
        with pytest.raises(KeyboardInterrupt):
            ours.replace_version("a", io.BytesIO(b"new"), version)
    assert contents(other) == {"a": b"old" if step == "insert_above" else b"new"}
    # the version is used up
    assert other.delete_version("a", version) == (step == "insert_above")
    other.put("a", io.BytesIO(b"theirs"))
    other.remove_leftovers(older_than=-60)
    assert contents(other) == {"a": b"theirs"}
    assert bare["files.files"].count_documents({}) == 1


def test_a_replacement_that_was_interrupted_moves_without_the_old_content(ours, other, monkeypatch):
    version = ours.put("a", io.BytesIO(b"old"))
    with monkeypatch.context() as patch:
        patch.setattr(type(ours._bucket), "replace", lambda *arguments: None)
        new = ours.replace_version("a", io.BytesIO(b"new"), version)
    other.move_file("a", "b")
    assert contents(other) == {"b": b"new"}
    assert other.delete_version("b", new)


def test_a_failure_while_the_old_version_is_deleted_loses_nothing(ours, other, bare, monkeypatch):
    def fail(*arguments):
        raise errors.RemoteConnectionError(msg="the connection was lost")

    version = ours.put("a", io.BytesIO(b"old"))
    with monkeypatch.context() as patch:
        patch.setattr(type(ours._bucket), "_delete", fail)
        with pytest.raises(errors.RemoteConnectionError):
            ours.replace_version("a", io.BytesIO(b"new"), version)
    assert contents(other) == {"a": b"new"}
    other.put("a", io.BytesIO(b"theirs"))
    assert bare["files.files"].count_documents({}) == 1


# Dates and ids

NOW = datetime.now(timezone.utc).replace(microsecond=0)


@pytest.mark.parametrize("date", [NOW - timedelta(days=999), NOW + timedelta(days=999)], ids=["past", "future"])
@pytest.mark.parametrize("identifier", ["text", 5, ObjectId("0" * 24), ObjectId("f" * 24)], ids=repr)
def test_versions_of_files_of_other_drivers(ours, bare, date, identifier):
    put_by_gridfs(bare, "a", b"theirs", _id=identifier)
    bare["files.files"].update_one({}, {"$set": {"uploadDate": date}})
    version = ours.facts("a").version
    put_by_gridfs(bare, "b", b"other")
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    with pytest.raises(OtherVersion):
        ours.replace_version("a", io.BytesIO(b"new"), ours.facts("b").version)
    new = ours.replace_version("a", io.BytesIO(b"new"), version)
    # the time of the write, not that of its place in the order
    assert before < ours.facts("a").modified < before + timedelta(minutes=1)
    assert not ours.delete_version("a", version)
    assert ours.delete_version("a", new)
    assert contents(ours) == {"b": b"other"}


def test_an_id_that_is_used_again_is_another_version(ours, bare):
    identifier = put_by_gridfs(bare, "a", b"old", _id="always")
    version = ours.facts("a").version
    ours.delete_tree("a")
    put_by_gridfs(bare, "a", b"new", _id=identifier)
    assert not ours.delete_version("a", version)
    assert contents(ours) == {"a": b"new"}


def test_older_revisions_do_not_come_back(ours, bare):
    for number in range(3):
        put_by_gridfs(bare, "a", str(number).encode())
        put_by_gridfs(bare, "b", str(number).encode())
    assert ours.delete_version("a", ours.facts("a").version)
    ours.replace_version("b", io.BytesIO(b"new"), ours.facts("b").version)
    assert contents(ours) == {"b": b"new"}
    assert bare["files.files"].count_documents({}) == 1


def test_a_copy_is_a_version_of_its_own(ours):
    ours.replace_version("a", io.BytesIO(b"new"), ours.put("a", io.BytesIO(b"old")))
    ours.copy_file("a", "b")
    ours.copy_file("a", "c")
    version = ours.facts("a").version
    assert not ours.delete_version("b", version)
    ours.move_file("a", "d")
    assert not ours.delete_version("a", version)
    assert ours.delete_version("d", version)
    assert contents(ours) == {"b": b"new", "c": b"new"}


def test_one_of_many_replaces_a_version(open_gridfs, ours, soak):
    others = [open_gridfs(strict=False) for _ in range(8)]
    for _ in range(50 if soak else 5):
        version, together = ours.put("a", io.BytesIO(b"old")), threading.Barrier(len(others), timeout=60)

        def compete(number, version=version, together=together):
            together.wait()
            return Outcome(lambda: others[number].replace_version("a", io.BytesIO(str(number).encode()), version))

        with ThreadPoolExecutor(len(others)) as threads:
            outcomes = list(threads.map(compete, range(len(others))))
        won = [number for number, outcome in enumerate(outcomes) if outcome.succeeded]
        assert [outcome.error for outcome in outcomes].count(OtherVersion) == len(others) - 1
        assert contents(ours) == {"a": str(won[0]).encode()}
        assert ours.facts("a").version == outcomes[won[0]].result


# Unfinished uploads


@pytest.fixture
def paused(monkeypatch):
    """Every upload has paused."""
    monkeypatch.setattr(upload, "_PAUSE", -1.0)


def begin(store, bare, **options):
    """Open a file for writing, of which two parts are sent."""
    file = store.open_write("a", **options)
    file.write(LARGE)
    while bare["files.chunks"].count_documents({"n": 15}) == 0 or bare["files.chunks"].count_documents({"n": 7}) == 0:
        pass
    return file


@pytest.mark.parametrize("number", range(1, 8))
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_upload_that_ends_while_it_is_removed(ours, other, paused, bare, number, overwrite):
    if overwrite:
        ours.put("a", io.BytesIO(b"old"))
    file = begin(ours, bare, overwrite=overwrite)
    ended = []
    with before_command(number, lambda: ended.append(Outcome(file.close))):
        removed = other.remove_leftovers(older_than=-60)
    if not ended:
        ended.append(Outcome(file.close))
    assert ended[0].error in (None, errors.OperationFailed)
    before = {"a": b"old"} if overwrite else {}
    assert contents(ours) == ({"a": LARGE} if ended[0].succeeded else before)
    assert not (removed and ended[0].succeeded)
    # what the failed upload had still to send
    other.remove_leftovers(older_than=-60)


@pytest.mark.parametrize("look", [1, 2])
def test_an_upload_that_ends_while_two_remove_it(ours, other, paused, bare, monkeypatch, look):
    new = ours.new_object("a", overwrite=True, content_type=None)
    new.digest_part(bytearray(b"content"))
    new.send_part(1, bytearray(b"content"))
    # one has hidden the chunk, and puts it back when it sees the document
    bare["files.chunks"].update_one({}, {"$set": {"n": -1}})
    looks, real = [], other._bucket.has_document

    def has_document(identifier):
        looks.append(identifier)
        if len(looks) == look:
            bare["files.chunks"].update_one({}, {"$set": {"n": 0}})
            new.complete()
        return real(identifier)

    monkeypatch.setattr(other._bucket, "has_document", has_document)
    assert other.remove_leftovers(older_than=-60) == 0
    assert contents(ours) == {"a": b"content"}


def test_an_upload_that_was_removed_says_so(ours, other, paused, bare):
    file = begin(ours, bare)
    assert other.remove_leftovers(older_than=60) == 0
    assert other.remove_leftovers(older_than=-60, dry_run=True) == 1
    assert other.remove_leftovers(older_than=-60) == 1
    with pytest.raises(errors.OperationFailed, match="paused for so long"):
        file.close()
    assert contents(ours) == {}
    other.remove_leftovers(older_than=-60)


def test_the_age_is_that_of_the_last_chunk(other, bare):
    old, older = (ObjectId.from_datetime(NOW - timedelta(days=days)) for days in (2, 3))
    for files_id, ids in {"live": [old, ObjectId()], "dead": [older, ObjectId(str(old)[:-1] + "1")]}.items():
        chunks = [{"_id": each, "files_id": files_id, "n": n, "data": b"x"} for n, each in enumerate(ids)]
        bare["files.chunks"].insert_many(chunks)
    assert other.remove_leftovers(dry_run=True) == other.remove_leftovers() == 1
    assert bare["files.chunks"].distinct("files_id") == ["live"]
    bare["files.chunks"].delete_many({})


def test_who_is_killed_while_it_removes_leaves_it_to_the_next(ours, bare, monkeypatch):
    bare["files.chunks"].insert_many([{"files_id": 1, "n": n, "data": b"x"} for n in range(2)])

    def interrupt(*arguments):
        raise KeyboardInterrupt

    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(type(ours._bucket), "remove_chunks", interrupt)
            with pytest.raises(KeyboardInterrupt):
                ours.remove_leftovers(older_than=-60)
    assert ours.remove_leftovers(older_than=-60) == 1
    assert bare["files.chunks"].count_documents({}) == 0
