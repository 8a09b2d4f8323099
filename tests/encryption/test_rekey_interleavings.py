"""Files of a storage that moves are encrypted anew, with another operation between each two requests, or the other way
round: what each returns is explained by an order of the others alone.
"""

import itertools
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from keyrings import NEW, OLD

import flask_pyfs as fs
from flask_pyfs.encryption.keys import Keyring
from flask_pyfs.filesystems.encrypted import EncryptedFS
from flask_pyfs.filesystems.encrypted.forms import Forms
from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.memory import MemoryFS
from flask_pyfs.rekeying.places import Place
from flask_pyfs.rekeying.todo import Item
from flask_pyfs.rekeying.work import Work
from flask_pyfs.transfer.patience import Patience

sys.path.append(str(Path(__file__).parents[1] / "migrating"))

import actions_migrating as actions
import stepped
from histories import MISSING, explain

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
}
ACTIONS = {
    "read": actions.reading,
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
#: One in so many scenes is played, without --soak.
SHARE = 11


class _Process(EncryptedFS):
    def close(self):
        """The store belongs to all processes of a world."""


def encrypted(bare, *keys):
    return _Process(bare, Forms(Keyring(keys)))


class World(actions.World):
    """Two stores, whose processes write with the old key and read with the new one too."""

    def __init__(self, **options):
        self.bare = [GenericStore(MemoryFS()) for _ in range(2)]
        super().__init__(*(encrypted(bare, OLD, NEW) for bare in self.bare), **options)

    def rekey(self, name):
        """Encrypt a file anew on both sides, in steps."""
        self.now += 1
        if (content := self.first[name]) is not MISSING:
            # what is another version than the one that was moved stays
            self.events[name].append(actions.Event("replace", content, content, start=self.now))

        def run(gate):
            source, target = (encrypted(bare, NEW, OLD) for bare in self.bare)
            entries = stepped.migrating(source, target, gate, **self.options).entries_of_target
            for side, store, known in (("source", source, None), ("target", target, entries)):
                rekey_one(stepped_store(store, gate), side, known, name)

        operation = stepped.Operation(run)
        self.running.append((operation, []))
        return operation


def stepped_store(store, gate):
    return stepped._Stepped(store, {*stepped._REQUESTS_OF_STORE, "kept"}, gate)


def rekey_one(store, side, entries, name):
    backend: Any = SimpleNamespace(store=store, config={}, prefix="")
    place = Place(backend, side, entries)
    with suppress(fs.FileNotFound, fs.VersionChanged), fs.errors.translated("files", name):
        looked = place.look(name)
        if looked.holding != place.first:
            item = Item(0, name, looked.facts.size, looked.facts.version, looked.holding.key)
            Work(place, item, "files", Patience(), lambda event: None).run()


def interleave(world_of, first, one, other):
    """Run one operation; before each of its requests, in a world of its own, the other one."""
    for point in itertools.count(1):
        world = world_of()
        world.start_with("a", **FIRST[first])
        world.start_with("other", b"of the other name")
        operation = one(world, "a")
        if operation is None:
            return
        while operation.steps < point and not operation.is_done:
            world.step(operation)
        is_over = operation.is_done
        between = other(world, "a")
        while between is not None and not between.is_done:
            world.step(between)
        world.finish()
        for name, events in world.events.items():
            # a version may be unknown although the content is the same
            assert explain(events, world.first[name], loose=True), f"before request {point}: {name}: {events}"
        if is_over:
            return


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_in_memory(mode, soak):
    scenes = itertools.product(FIRST, ACTIONS, ["rekey first", "rekey between"])
    failed = []
    for number, (first, name, order) in enumerate(scenes):
        if not soak and number % SHARE != list(MODES).index(mode):
            continue
        pair = (World.rekey, ACTIONS[name]) if order == "rekey first" else (ACTIONS[name], World.rekey)
        try:
            interleave(lambda: World(**MODES[mode]), first, *pair)
        except AssertionError as error:
            failed.append(f"{first}, {name}, {order}: {error}")
    assert not failed, "\n".join(failed)
