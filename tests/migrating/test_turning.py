"""A migration that is finished, and then goes in the other direction: what is out of date does not come back."""

import threading

import pytest
from two_stores import contents, in_memory, source_of, target_of, turned, write, write_here

from flask_pyfs import ConfigurationError
from flask_pyfs.cli.progress import Progress
from flask_pyfs.filesystems.migrating.journal import Journal, Phase
from flask_pyfs.migration import finish, migrate, status, turning, verify, windows

pytestmark = pytest.mark.usefixtures("hasty")


def finished(storage, names="abc"):
    """Copy files to the target, and finish."""
    for name in names:
        write(source_of(storage), name, f"first {name}".encode())
    assert migrate(storage).is_complete
    assert finish(storage).finished


def now(storage):
    return {name: storage.read(name) for name in storage.list_files()}


def test_back_and_forward_again(storage):
    finished(storage, "abcd")
    back = turned(storage, DIRECTION="back")
    storage.write("a", b"later", overwrite=True)
    storage.delete("b")
    # until it turns, each process uses the target alone
    back.write("new", b"of one that is to go back")
    back.delete("c")
    # something else writes there
    write(source_of(storage), "d", b"other d")
    write(source_of(storage), "stale", b"stale")
    expected = {"a": b"later", "d": b"first d", "new": b"of one that is to go back"}
    assert now(storage) == now(back) == contents(target_of(storage)) == expected
    assert verify(back).missing == 3
    assert windows(back)[0].startswith("source: it loses all files that the target does not have")
    assert windows(storage) == [each for each in windows(back) if not each.startswith("source")]

    report = migrate(back)
    assert report.is_complete
    assert not report.finished
    assert contents(source_of(storage)) == expected
    assert contents(target_of(storage)) == {}
    # those too that were to go forward have turned
    storage.write("a", b"last", overwrite=True)
    expected["a"] = b"last"
    assert now(storage) == now(back) == contents(source_of(storage)) == expected
    for do in (migrate, finish, status):
        with pytest.raises(ConfigurationError, match="was turned back, and is not finished"):
            do(storage)
    assert finish(back).finished
    storage.delete("d")
    del expected["d"]
    write_here(storage, "left", b"left")
    assert now(storage) == now(back) == expected
    assert status(back).phase == "finished"
    assert status(storage).phase == "new"

    assert migrate(storage).is_complete
    assert now(storage) == contents(target_of(storage)) == expected
    assert finish(storage).finished
    assert now(storage) == expected


@pytest.mark.parametrize("moment", ["before", "meanwhile", "after"])
def test_what_is_deleted_while_it_turns_stays_deleted(storage, moment):
    finished(storage, "ab")
    write(source_of(storage), "stale")
    other = turned(storage)
    steps = {"before": Phase.FINISHED, "after": Phase.CLEARING}
    back = turned(storage, DIRECTION="back")
    own = back.backend.store.journal
    step = own.turn

    def turn(state):
        taken = step(state)
        if steps.get(moment) is state.phase:
            # as one does that has asked a moment ago
            other.delete("a")
        return taken

    own.turn = turn
    told = []

    def on_event(event):
        if moment == "meanwhile" and event.name == "stale":
            other.delete("a")
        told.append((event.kind, event.name))

    migrate(back, on_event=on_event)
    assert ("deleted", "stale") in told
    assert now(back) == {"b": b"first b"}
    assert finish(back).finished
    assert contents(source_of(storage)) == {"b": b"first b"}


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_one_that_was_killed_is_gone_on_with(steps):
    storage = in_memory()
    finished(storage)
    storage.delete("a")
    own = Journal(target_of(storage))
    for _ in range(steps):
        # who steps to the last but one has cleared it
        turning_to = own.to_turn("back")
        assert turning_to is not None
        if turning_to.phase is Phase.CLEARING:
            source_of(storage).delete_tree("a")
        assert own.turn(turning_to)
    back = turned(storage, DIRECTION="back")
    assert status(back).phase == ("copying" if steps == 3 else "turning")
    assert migrate(back).is_complete
    assert finish(back).finished
    assert contents(source_of(storage)) == {"b": b"first b", "c": b"first c"}


def test_one_that_stopped_while_it_cleared_is_gone_on_with():
    storage = in_memory()
    finished(storage)
    for name in "abc":
        storage.delete(name)

    def stop(event):
        raise KeyboardInterrupt

    back = turned(storage, DIRECTION="back")
    with pytest.raises(KeyboardInterrupt):
        migrate(back, on_event=stop, jobs=1)
    assert now(storage) == now(back) == {}
    assert migrate(back).is_complete
    assert finish(back).finished
    assert contents(source_of(storage)) == {}


def test_several_may_turn_at_once():
    storage = in_memory()
    finished(storage, "abcdefgh")
    for name in "abcd":
        storage.delete(name)
    others = [turned(storage, DIRECTION="back") for _ in range(3)]
    reports = []

    threads = [threading.Thread(target=lambda other=other: reports.append(migrate(other))) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.is_complete for report in reports] == [True] * 3
    assert contents(source_of(storage)) == {name: f"first {name}".encode() for name in "efgh"}


@pytest.mark.parametrize("direction", ["back", "forward"])
def test_one_that_is_late_deletes_nothing_of_what_came_after_the_turn(direction):
    storage = in_memory()
    finished(storage)
    back = turned(storage, DIRECTION="back")
    if direction == "forward":
        migrate(back)
        finish(back)
    other = turned(storage, DIRECTION=direction)
    fs = other.backend.store
    state = fs.journal.to_turn(direction)
    assert migrate(turned(storage, DIRECTION=direction)).is_complete
    other.write("new", b"new")
    clear = turning._clear_source if direction == "back" else turning._clear_target
    with pytest.raises(turning._Turned):
        clear(fs, state, "new")
    assert other.read("new") == b"new"


def test_finishing_once_more_leaves_the_tombstones_of_one_that_turns():
    storage = in_memory()
    finished(storage)
    own = storage.backend.store.journal
    own.turn(own.to_turn("back"))
    storage.delete("a")
    assert finish(storage).finished
    assert storage.backend.store.entries_of_target.look("a").is_deleted
    back = turned(storage, DIRECTION="back")
    assert migrate(back).is_complete
    assert now(back) == {"b": b"first b", "c": b"first c"}


def test_what_cannot_be_deleted_stops_the_turn(monkeypatch):
    storage = in_memory()
    finished(storage)
    storage.delete("a")
    back = turned(storage, DIRECTION="back")
    fs = back.backend.store
    with monkeypatch.context() as patch:
        patch.setattr(fs.source, "delete_version", lambda path, version: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            migrate(back)
    assert now(storage) == now(back) == {"b": b"first b", "c": b"first c"}
    assert status(back).phase == "turning"


def test_the_bar_counts_what_is_planned():
    storage = in_memory()
    finished(storage)
    for name in "ab":
        storage.delete(name)
    storage.write("new", b"new")
    shown = Progress()
    migrate(turned(storage, DIRECTION="back"), on_event=shown.add)
    # one is copied, one is there already; two were deleted before
    assert shown.files == shown.all_files == 2
