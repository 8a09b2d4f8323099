"""The journal of a migration, and the copiers that it ends, on each kind of target."""

import io
import threading
from datetime import timedelta

import pytest
from load import open_storage

from flask_pyfs.errors import StoreMisconfigured
from flask_pyfs.filesystems.migrating import copiers
from flask_pyfs.filesystems.migrating.copiers import Copier, Ended, remove_all, wait_for_others
from flask_pyfs.filesystems.migrating.journal import Interrupted, Journal, Phase
from flask_pyfs.filesystems.store import MIGRATING
from flask_pyfs.names import Reserved


@pytest.fixture
def memory():
    return open_storage({"BACKEND": "memory"})[0].backend.store


@pytest.fixture
def quick(monkeypatch):
    """Copiers that renew often, and expire soon."""
    monkeypatch.setattr(copiers, "RENEWAL", 0.02)
    monkeypatch.setattr(copiers, "EXPIRY", 0.6)


def slot(number):
    return Reserved(f"{MIGRATING}/copier-{number}")


def test_phases(target):
    journal, other = Journal(target), Journal(target)
    assert journal.state() is None
    assert not journal.finished("forward")
    journal.begin("forward")
    assert (other.state().direction, other.state().phase) == ("forward", Phase.COPYING)
    version = other.state().version
    other.begin("forward")
    assert other.state().version == version
    state = other.finishing("forward")
    assert state.phase is Phase.FINISHING
    assert not journal.finished("forward", 0)
    other.finish(state)
    assert journal.finished("forward", 0)
    assert other.finishing("forward").phase is Phase.FINISHED
    # nothing starts it again
    journal.begin("forward")
    assert journal.finished("forward", 0)


@pytest.mark.parametrize(("direction", "other"), [("forward", "back"), ("back", "forward")])
def test_the_end_is_that_of_all_processes_until_it_turns(target, direction, other):
    journal, process = Journal(target), Journal(target)
    journal.finish(journal.finishing(direction))
    assert process.direction(other) == direction
    for change in (process.begin, process.finishing):
        with pytest.raises(StoreMisconfigured, match=f"{direction} is finished: flask fs migrate turns it {other}"):
            change(other)
    assert process.to_turn(direction) is None
    for phase in (Phase.FINISHED, Phase.CLEARING, Phase.TURNING):
        state = journal.to_turn(other)
        assert state is not None
        assert state.phase is phase
        assert process.finished(direction, 0)
        assert process.forgets(direction) == (phase is Phase.FINISHED)
        assert process.direction(other) == direction
        assert journal.turn(state)
        # another one that saw the same takes no step
        assert not process.turn(state)
    # who has seen that it turns asks at once, and all change, whatever their settings say
    assert process.direction(direction) == process.direction(other) == other
    assert not process.finished(direction)
    assert not process.finished(other)
    assert journal.to_turn(other) is None
    process.begin(other)
    with pytest.raises(StoreMisconfigured, match=f"turned {other}, and is not finished: set DIRECTION to {other!r}"):
        process.begin(direction)
    state = journal.finishing(other)
    assert process.direction(direction) == other
    journal.finish(state)
    assert process.finished(other, 0)


def test_no_two_states_are_one_version(target):
    journal = Journal(target)
    first = journal.finishing("forward")
    journal.begin("forward")
    second = journal.finishing("forward")
    # one who waited since the first must not end what began anew
    with pytest.raises(Interrupted):
        journal.finish(first)
    journal.finish(second)


def test_copiers_that_start_stop_the_end(target):
    journal = Journal(target)
    state = journal.finishing("forward")
    Journal(target).begin("forward")
    with pytest.raises(Interrupted):
        journal.finish(state)
    assert not journal.finished("forward", 0)


def test_an_answer_is_kept_as_long_as_asked(memory):
    journal, other = Journal(memory), Journal(memory)
    assert not journal.finished("forward")
    other.finish(other.finishing("forward"))
    assert not journal.finished("forward", 3600)
    assert journal.finished("forward", 0)
    assert journal.finished("forward", 3600)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"direction": "up", "phase": "copying"}', b"\xff"])
def test_a_file_of_others_is_named(memory, content):
    memory.put(Reserved(f"{MIGRATING}/state"), io.BytesIO(content))
    with pytest.raises(StoreMisconfigured, match=r"\.flask_pyfs/migrating/state"):
        Journal(memory).finished("forward")


def test_the_numbers_have_no_gap(target):
    journal = Journal(target)
    journal.begin("forward")
    with Copier(journal, "forward"):
        with Copier(journal, "forward"), Copier(journal, "forward"):
            assert [target.facts(slot(number)).size > 0 for number in range(3)] == [True] * 3
        assert [target.facts(slot(number)).size > 0 for number in range(3)] == [True, False, False]
        with Copier(journal, "forward"):
            assert [target.facts(slot(number)).size > 0 for number in range(3)] == [True, True, False]
        assert not target.has_file(slot(3))
    remove_all(target)
    assert not any(target.has_file(slot(number)) for number in range(3))


def test_one_that_is_finished_takes_no_copier(memory):
    journal = Journal(memory)
    for prepare in (lambda: None, lambda: journal.finishing("forward"), lambda: journal.begin("back")):
        prepare()
        with pytest.raises(Ended), Copier(journal, "forward"):
            pytest.fail("it runs")
        assert memory.facts(slot(0)).size == 0


def test_the_end_waits_for_copiers_that_live(target, quick):
    journal = Journal(target)
    journal.begin("forward")
    runs, waited, is_done = threading.Event(), threading.Event(), threading.Event()

    def run():
        with Copier(Journal(target), "forward") as copier:
            runs.set()
            assert waited.wait(60)
            assert copier._ended.wait(60)
            with pytest.raises(Ended):
                copier.check()
            is_done.set()

    def on_wait(number):
        assert not is_done.is_set() or waited.is_set()
        waited.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert runs.wait(60)
    journal.finishing("forward")
    wait_for_others(journal, on_wait=on_wait)
    assert is_done.is_set()
    thread.join()


def test_the_end_does_not_wait_for_the_dead(target, quick):
    journal = Journal(target)
    journal.begin("forward")
    dead = Copier(journal, "forward")
    dead._take()
    told = []
    wait_for_others(journal, on_wait=told.append)
    assert told[0] == 1
    assert target.facts(slot(0)).size == 0
    # it was not dead
    dead._renew()
    assert target.facts(slot(0)).size > 0


def test_a_turn_waits_for_the_other_direction_alone(memory):
    journal = Journal(memory)
    journal.begin("back")
    with Copier(journal, "back"):
        wait_for_others(journal, "back", on_wait=lambda number: pytest.fail(str(number)))


def test_an_abandoned_number_is_taken(memory, monkeypatch):
    journal = Journal(memory)
    journal.begin("forward")
    dead = Copier(journal, "forward")
    dead._take()
    monkeypatch.setattr(copiers, "_ABANDONED", timedelta(-1))
    with Copier(journal, "forward"):
        assert not memory.has_file(slot(1))
        # it was not dead: it takes another number
        monkeypatch.setattr(copiers, "_ABANDONED", timedelta(1))
        dead._renew()
        assert memory.facts(slot(1)).size > 0


def test_a_copy_that_took_long_is_told_of_the_end(memory, monkeypatch):
    journal = Journal(memory)
    journal.begin("forward")
    with Copier(journal, "forward") as copier:
        began = copier.check()
        other = Journal(memory)
        other.finish(other.finishing("forward"))
        assert copier.overtaken(began) is None
        monkeypatch.setattr(copiers, "LOOK", -1)
        assert copier.overtaken(began).phase is Phase.FINISHED
        with pytest.raises(Ended):
            copier.check()


def test_leases_that_are_swept_leave_the_journal(target):
    journal = Journal(target)
    journal.begin("forward")
    target.put(Reserved(".flask_pyfs/lease"), io.BytesIO(b"token"))
    target.remove_leases(-60)
    target.remove_leftovers(-60)
    assert not target.has_file(Reserved(".flask_pyfs/lease"))
    assert journal.state() is not None


def test_who_saw_that_it_ends_asks_before_each_operation(memory):
    journal, other = Journal(memory), Journal(memory)
    state = other.finishing("forward")
    assert not journal.finished("forward")
    other.finish(state)
    assert journal.finished("forward")
