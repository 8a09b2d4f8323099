"""Each operation on a name, with another one or a crash at each of its requests, on each pair of stores."""

import inspect
import itertools
import textwrap
from functools import partial
from typing import Any

import actions_migrating as actions
import pytest
from histories import MISSING, explain
from places import make_place

import flask_pyfs as fs
from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.memory import MemoryFS
from flask_pyfs.filesystems.migrating import journal, moving
from flask_pyfs.filesystems.migrating.back import Back
from flask_pyfs.filesystems.migrating.both import Both
from flask_pyfs.filesystems.migrating.forward import Forward
from flask_pyfs.filesystems.migrating.reading import Mode
from flask_pyfs.filesystems.store import MIGRATING
from flask_pyfs.names import Reserved

STORES = ["local", "s3-moto", "gridfs", "swift"]
PAIRS = list(itertools.permutations(STORES, 2))
#: Those that run without --soak: each store on each side.
QUICK_PAIRS = list(zip(STORES, STORES[1:] + STORES[:1], strict=True))
#: One in so many scenes is played in memory, without --soak.
SHARE = 61
MODES: dict[str, Any] = {
    "forward": {"direction": "forward"},
    "both": {"direction": "forward", "writes": "both"},
    "back": {"direction": "back"},
}
#: What a name has at first: the arguments of ``start_with``.
FIRST: dict[str, Any] = {
    "source": {"content": b"first"},
    "copied": {"content": b"first", "copied": True},
    "own": {"content": b"first", "own": True},
    "alone": {"content": b"first", "own": True, "copied": True},
    "deleted": {"content": MISSING, "own": True, "copied": True},
    "left": {"content": MISSING, "own": True},
    "nothing": {"content": MISSING},
}
ACTIONS = {
    "read": actions.reading,
    "checksum": actions.summing,
    "write": actions.writing,
    "new": lambda world, name: actions.writing(world, name, new=True),
    "open": lambda world, name: actions.writing(world, name, opened=True),
    "delete": actions.deleting,
    "delete version": actions.deleting_version,
    "replace": actions.replacing,
    "copy": lambda world, name: actions.copying(world, "other", name),
    "move": lambda world, name: actions.copying(world, name, "other", move=True),
    "copier": actions.moving,
}
#: What may come between two requests of an operation that began before the end of the migration.
ENDS = ["finish", *(f"finish, {then}" for then in ("write", "new", "delete", "delete, write", "write, delete", "move"))]
#: What does not hold there, as docs/architecture.rst says: the mode, the operation, and what comes in between.
NOT_EXACT = {
    ("forward", "replace", "finish, delete"),
    ("forward", "replace", "finish, write, delete"),
    ("back", "delete version", "finish, new"),
}
#: What the end of the migration made wrong: the mode, what there is at first, the operation, what comes in between.
LATE = [
    ("back", "deleted", "new", "finish"),
    ("back", "left", "new", "finish"),
    ("back", "alone", "new", "finish, delete"),
    ("back", "alone", "replace", "finish, delete"),
    ("back", "source", "delete version", "finish"),
]
#: What processes do that know the source alone.
OLD = {f"old {kind}": partial(actions.old, kind=kind) for kind in ("read", "write", "new", "delete")}
EVERY: dict[str, Any] = {**ACTIONS, **OLD}
#: One operation, and the other that comes in between, or a crash.
SCENES = [*itertools.product(ACTIONS, [*ACTIONS, "crash"])]


class Broken(AssertionError):
    """No order explains what was returned."""


def interleave(make_world, first, one, other):
    """Run one operation; before each of its requests, in a world of its own, the other one, or a crash."""
    for point in itertools.count(1):
        world = make_world()
        world.start_with("a", **FIRST[first])
        world.start_with("other", b"of the other name")
        operation = EVERY[one](world, "a")
        if operation is None:
            return
        while operation.steps < point and not operation.is_done:
            world.step(operation)
        is_over = operation.is_done
        if other == "crash":
            if not is_over:
                world.kill(operation)
        else:
            for each in other.split(", "):
                between = (EVERY | {"finish": actions.finishing})[each](world, "a")
                while between is not None and not between.is_done:
                    world.step(between)
        world.finish()
        for name, events in world.events.items():
            if not explain(events, world.first[name], loose=world.options["direction"] == "back"):
                raise Broken(f"{first}: {other} before request {point} of {one}: {name}: {events}")
        if is_over:
            return


def interleave_twice(make_world, first, one, other):
    """Run one operation up to each of its requests, then another one up to each of its own; then let the first end, and
    then the other.
    """
    for point in itertools.count(1):
        for point_of_other in itertools.count(1):
            world = make_world()
            world.start_with("a", **FIRST[first])
            world.start_with("other", b"of the other name")
            operations = []
            for name, steps in ((one, point), (other, point_of_other)):
                operations.append(EVERY[name](world, "a"))
                if operations[-1] is None:
                    return
                while operations[-1].steps < steps and not operations[-1].is_done:
                    world.step(operations[-1])
            ended = [operation.is_done for operation in operations]
            for operation in operations:
                while not operation.is_done:
                    world.step(operation)
            world.finish()
            for name, events in world.events.items():
                if not explain(events, world.first[name], loose=world.options["direction"] == "back"):
                    raise Broken(f"{first}: {other} up to {point_of_other}, {one} from {point}: {name}: {events}")
            if ended[1]:
                break
        if ended[0]:
            return


def memory_world(mode):
    return actions.World(GenericStore(MemoryFS()), GenericStore(MemoryFS()), **MODES[mode])


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_in_memory(mode, soak):
    for number, (first, (one, other)) in enumerate(itertools.product(FIRST, SCENES)):
        if soak or number % SHARE == list(MODES).index(mode):
            interleave(lambda: memory_world(mode), first, one, other)


def pytest_generate_tests(metafunc):
    if "pair" in metafunc.fixturenames:
        pairs = PAIRS if metafunc.config.getoption("--soak") else QUICK_PAIRS
        metafunc.parametrize("pair", pairs, ids=map("-".join, pairs))


@pytest.mark.slow
def test_with_old_processes(soak):
    # none of them may run when there are own files of the target
    scenes = itertools.product(["source", "copied", "nothing"], ACTIONS, OLD)
    for number, (first, one, other) in enumerate(scenes):
        if soak or number % 13 == 0:
            interleave(lambda: memory_world("both"), first, one, other)


@pytest.mark.slow
@pytest.mark.server
def test_on_each_pair(pair, app, request, soak):
    number = PAIRS.index(pair)
    source, target = pair
    with make_place(source, request) as theirs, make_place(target, request) as ours:
        # one that nothing holds is closed
        storages = [fs.Storage(side, fs.ALL) for side in ("source", "target")]
        for storage, settings in zip(storages, (theirs, ours), strict=True):
            app.config.update({f"{storage.name.upper()}_FS_{key}": value for key, value in settings.items()})
            fs.init_app(app, storage)
        with app.app_context():
            stores = [storage.backend.store for storage in storages]
        cases = list(itertools.product(MODES, FIRST, SCENES))
        chosen = cases[number * len(cases) // len(PAIRS)]
        for mode, first, (one, other) in cases if soak else [chosen]:

            def make_world(mode=mode):
                for store in stores:
                    for path in [path for path, _ in store.iter_facts()]:
                        store.delete_tree(Reserved(path))
                    store.delete_tree(Reserved(MIGRATING))
                return actions.World(*stores, **MODES[mode])

            interleave(make_world, first, one, other)


#: What would be wrong: the function, what is replaced in it, and the scene that shows it.
FAULTS: dict[str, Any] = {
    "the source loses a file before the tombstone is there": (
        Forward.delete,
        "            tombstone = self.target.bury(path, ANYTHING)\n            if there is not None:\n"
        "                remove(self.source, path, there)\n",
        "            if there is not None:\n                remove(self.source, path, there)\n"
        "            tombstone = self.target.bury(path, ANYTHING)\n",
        ("forward", "source", "delete", "new"),
    ),
    "a file is moved back by what the target had before the source was looked at": (
        moving.uncover,
        "        there = found(source, path)\n        got = target.fetch(path)\n",
        "        got = target.fetch(path)\n        there = found(source, path)\n",
        ("back", "own", "copier", "write"),
    ),
    "a copy stays that nothing replaced before its file was deleted": (
        moving.uncover,
        "source.delete_version(path, written)",
        "pass",
        ("back", "alone", "new", "finish, delete"),
    ),
    "a write over a tombstone is acknowledged although another tombstone is there": (
        Back._write_over,
        "if not self.target.drop(path, hides) and",
        "if self.target.drop(path, hides) is None and",
        ("back", "deleted", "write", "copier"),
    ),
    "a file is written whatever became of the version that was seen": (
        Back.write,
        "content.store(self.source, path, overwrite=moved.exists, version=moved.version)",
        "content.store(self.source, path, overwrite=moved.exists)",
        ("back", "source", "write", "delete version"),
    ),
    "what is under a tombstone is looked at after it was replaced": (
        moving.clear,
        "            remove(source, path, there)",
        "            remove(source, path, found(source, path) or there)",
        ("back", "left", "copier", "write"),
    ),
    "a copy replaces what the app wrote": (
        moving._copy,
        "            expected,\n            content_type",
        "            expected if expected is None else type(expected).ANYTHING,\n            content_type",
        ("forward", "source", "copier", "write"),
    ),
    "a write names a mirror that is out of date": (
        Both._there,
        "return there if is_mirrored and entry is not None and entry.version == version else None",
        "return there if is_mirrored else None",
        ("both", "copied", "replace", "write"),
    ),
    "a write over a tombstone with a file of the source leaves the tombstone until then": (
        Back._write_over,
        "            hides = self.target.bury(path, hides, mirrors=tombstone.mirrors)\n",
        "            pass\n",
        ("back", "left", "new", "write"),
    ),
    "what hides a version of the source stays when there is another one": (
        Back._delete_there,
        "return not self.target.drop(path, tombstone)",
        "return False",
        ("back", "source", "delete version", "new"),
    ),
    "a version that a copier deleted is said to be another one": (
        Back._delete_there,
        "        return True",
        "        return now is not None",
        ("back", "source", "delete version", "copier"),
    ),
    "a file counts as moved although another one came into the target": (
        moving.uncover,
        "        if target.drop(path, entry.version):\n            # nobody wrote",
        "        if target.drop(path, entry.version) or True:\n            # nobody wrote",
        ("back", "alone", "write", "delete version"),
    ),
    "a read looks at the source before the target": (
        Mode.fetch,
        "        got = self._fetch_of_target(path, start, stop, unless)\n",
        "        there = found(self.source, path)\n        got = self._fetch_of_target(path, start, stop, unless)\n"
        "        if got is None and there is None:\n            raise errors.ResourceNotFound(path)\n",
        ("back", "alone", "read", "copier"),
    ),
    "a move looks for its file in the source before the target": (
        Mode.held,
        "        entry = self.look(path)\n",
        "        there = self.in_source(path)\n        entry = self.look(path)\n"
        "        if entry is None and there is None:\n            return None\n",
        ("back", "alone", "move", "copier"),
    ),
    "a delete leaves no tombstone in the target if that has nothing": (
        Back.delete,
        "if entry is not None and entry.is_deleted and entry.mirrors is None:",
        "if entry is None:\n            remove(self.source, path, there)\n            return\n"
        "        if entry is not None and entry.is_deleted and entry.mirrors is None:",
        ("back", "deleted", "new", "write, delete"),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_finds(fault, monkeypatch):
    function, right, wrong, (mode, first, one, other) = FAULTS[fault]
    source = inspect.getsource(function)
    assert source.count(right) == 1
    mutant = textwrap.dedent(source.replace(right, wrong))
    names: dict[str, Any] = {}
    exec(compile(f"from __future__ import annotations\n{mutant}", "fault", "exec"), names)
    monkeypatch.setattr(function, "__code__", names[function.__name__].__code__)
    monkeypatch.setattr(journal, "MAX_AGE", 0.0)
    with pytest.raises((Broken, AssertionError)):
        interleave(lambda: memory_world(mode), first, one, other)


@pytest.mark.parametrize("fault", FAULTS)
def test_without_it(fault, monkeypatch):
    monkeypatch.setattr(journal, "MAX_AGE", 0.0)
    interleave(lambda: memory_world(FAULTS[fault][3][0]), *FAULTS[fault][3][1:])


@pytest.mark.parametrize("other", ["copier", "write", "delete, write"])
@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("mode", MODES)
def test_a_checksum_is_that_of_a_file_that_was_there(mode, first, other):
    interleave(lambda: memory_world(mode), first, "checksum", other)


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("mode", MODES)
def test_a_file_that_moves_is_always_seen(mode, first):
    interleave(lambda: memory_world(mode), first, "read", "copier")


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("mode", MODES)
def test_a_copier_does_not_make_a_move_leave_its_file(mode, first):
    interleave(lambda: memory_world(mode), first, "move", "copier")


@pytest.mark.slow
def test_a_copier_that_is_late_brings_nothing_back(soak):
    scenes = [(mode, first, other) for mode in MODES for first in FIRST for other in ACTIONS]
    chosen = [("back", "alone", other) for other in ("move", "delete", "delete version", "replace", "write", "copier")]
    for mode, first, other in scenes if soak else chosen:
        interleave_twice(lambda mode=mode: memory_world(mode), first, "copier", other)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["forward", "back"])
def test_the_end_of_the_migration_comes_in_between(mode, soak, monkeypatch):
    # who has seen that it ends asks each time
    monkeypatch.setattr(journal, "MAX_AGE", 0.0)
    ones = [name for name in ACTIONS if name != "copier"]
    for number, (first, one, end) in enumerate(itertools.product(FIRST, ones, ENDS)):
        if (mode, one, end) not in NOT_EXACT and (soak or number % 13 == 0):
            interleave(lambda: memory_world(mode), first, one, end)


@pytest.mark.parametrize(("mode", "first", "one", "end"), LATE)
def test_an_operation_that_began_before_the_end_is_right(mode, first, one, end, monkeypatch):
    monkeypatch.setattr(journal, "MAX_AGE", 0.0)
    interleave(lambda: memory_world(mode), first, one, end)
