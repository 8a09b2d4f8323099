"""What apps, old processes and copiers do with one name, and what they saw."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

from fs import errors
from histories import DONE, MISSING, Content, Event
from stepped import Operation, bring, migrating, settle

from flask_pyfs.filesystems.migrating.moving import Outcome
from flask_pyfs.filesystems.store import OtherVersion, StoreFS


class World:
    """Two stores, and all that happened to the names in them.

    :param options: those of MigratingFS.
    """

    def __init__(self, source: StoreFS, target: StoreFS, **options: Any) -> None:
        self.source = source
        self.target = target
        self.options = options
        self.first: dict[str, Content] = {}
        self.events: dict[str, list[Event]] = {}
        # what any name ever had, because copies take it anywhere
        self.had: list[Content] = []
        self.versions: dict[str, list[tuple[Content, str]]] = {}
        self.running: list[tuple[Operation, list[Event]]] = []
        self.number = 0
        self.now = 0
        #: Whether the migration is finished, so that one store alone counts.
        self.is_finished = False

    def plain(self, **options: Any) -> Any:
        """Return what a process makes of the stores, without any stops."""
        return migrating(self.source, self.target, **{**self.options, **options})

    def start_with(self, name: str, content: Content, *, copied: bool = False, own: bool = False) -> None:
        """Let a name have a file from before the migration, or what the app wrote in the target, or deleted there.

        :param copied: the source has it no longer alone: the target has a copy, or all that there is.
        """
        self.events[name] = []
        self.versions[name] = []
        self.first[name] = content
        self.had.append(content)
        forward = self.plain(direction="forward", writes="target")
        if content is not MISSING and not own:
            self.source.put(name, BytesIO(content))
        if copied and content is not MISSING and not own:
            assert bring(forward, name).outcome is Outcome.COPIED
        if own:
            if content is MISSING or not copied:
                self.source.put(name, BytesIO(b"from before"))
            if content is MISSING:
                forward.delete_tree(name)
                if not copied:
                    # a delete that crashed
                    self.source.put(name, BytesIO(b"left by a crash"))
            else:
                forward.put(name, BytesIO(content))
        self.look(name)

    def look(self, name: str) -> None:
        """Note the version that a name has, so that later operations may name it."""
        fs = self.plain()
        try:
            facts, file = fs.fetch(name)
        except errors.ResourceNotFound:
            return
        with file:
            self.versions[name].append((file.read(), facts.version))

    def content(self, name: str) -> bytes:
        self.number += 1
        made = f"{name} {self.number}".encode() * (self.number % 3 + 1)
        self.had.append(made)
        return made

    def begin(self, run: Callable[[Any], Any], events: list[tuple[str, Event]], **options: Any) -> Operation:
        self.now += 1
        for name, event in events:
            event.start = self.now
            self.events[name].append(event)
        options = {**self.options, **options}
        # each process has its own
        operation = Operation(lambda gate: run(migrating(self.source, self.target, gate, **options)))
        self.running.append((operation, [event for _, event in events]))
        return operation

    def step(self, operation: Operation) -> None:
        self.now += 1
        operation.step()
        self._end()

    def kill(self, operation: Operation) -> None:
        self.now += 1
        operation.kill()
        self._end()

    def _end(self) -> None:
        for operation, events in [each for each in self.running if each[0].is_done]:
            self.running.remove((operation, events))
            if operation.error is not None:
                raise AssertionError("an operation failed") from operation.error
            if not operation.is_killed:
                for event in events:
                    event.end = self.now
                    event.result = operation.result

    def finish(self) -> None:
        """Let all that runs end, and the migration too; then look at each name once more."""
        for operation, _ in list(self.running):
            while not operation.is_done:
                self.step(operation)
        self.read_all()
        if not self.is_finished:
            self._move_all()
        # the other store is not asked any more
        written = self.target if self.plain().direction == "forward" else self.source
        left = {name: written.read_file(name) if written.has_file(name) else MISSING for name in self.events}
        assert left == {name: self.read(name) for name in self.events}

    def _move_all(self) -> None:
        fs = self.plain()
        for name in self.events:
            moved = bring(fs, name) if fs.direction == "forward" else settle(fs, name)
            assert moved.outcome in Outcome
        self.read_all()
        for path, listed in list(fs.entries_of_target.entries()):
            if listed.is_deleted:
                entry = fs.entries_of_target.look(path)
                assert not self.source.has_file(path), path
                assert fs.entries_of_target.drop(path, entry.version)
        self.read_all()

    def read_all(self) -> None:
        for name in self.events:
            self.now += 1
            event = Event("read", start=self.now, end=self.now, result=self.read(name))
            self.events[name].append(event)
        fs = self.plain()
        there = {name: event[-1].result for name, event in self.events.items()}
        listed = {path: facts.size for path, facts in fs.iter_facts()}
        assert listed == {name: len(content) for name, content in there.items() if content is not MISSING}

    def read(self, name: str) -> Content:
        return read(self.plain(), name)


def read(fs: Any, name: str) -> Content:
    try:
        return fs.read_file(name)
    except errors.ResourceNotFound:
        return MISSING


def said(run: Callable[[], Any]) -> Any:
    """Return what an operation returns, or a word for its error."""
    try:
        found = run()
    except errors.FileExists:
        return "exists"
    except OtherVersion:
        return "other"
    except errors.ResourceNotFound:
        return "missing"
    return found if isinstance(found, bool) else DONE


def reading(world: World, name: str) -> Operation:
    return world.begin(lambda fs: read(fs, name), [(name, Event("read"))])


def summing(world: World, name: str) -> Operation:
    """Read a file by its checksum alone."""

    def run(fs: Any) -> Content:
        try:
            algorithm, _, digest = fs.facts(name, checksum=True).checksum.partition(":")
        except errors.ResourceNotFound:
            return MISSING
        digests = {hashlib.new(algorithm, each).hexdigest(): each for each in world.had if each}
        return digests.get(digest, b"of nobody")

    return world.begin(run, [(name, Event("read"))])


def writing(world: World, name: str, *, new: bool = False, opened: bool = False) -> Operation:
    content = world.content(name)

    def run(fs: Any) -> None:
        if opened:
            with fs.open_write(name, overwrite=not new) as file:
                file.write(content)
        else:
            fs.put(name, Forward(content), overwrite=not new)

    return world.begin(lambda fs: said(lambda: run(fs)), [(name, Event("new" if new else "write", content))])


def deleting(world: World, name: str) -> Operation:
    return world.begin(lambda fs: said(lambda: fs.delete_tree(name)), [(name, Event("delete"))])


def deleting_version(world: World, name: str) -> Operation | None:
    if not world.versions[name]:
        return None
    content, version = world.versions[name][-1]
    event = Event("delete_version", content)
    return world.begin(lambda fs: said(lambda: fs.delete_version(name, version)), [(name, event)])


def replacing(world: World, name: str) -> Operation | None:
    if not world.versions[name]:
        return None
    content, version = world.versions[name][-1]
    new = world.content(name)
    event = Event("replace", content, new)
    return world.begin(lambda fs: said(lambda: fs.replace_version(name, BytesIO(new), version)), [(name, event)])


def copying(world: World, name: str, other: str, *, new: bool = False, move: bool = False) -> Operation:
    def run(fs: Any) -> None:
        (fs.move_file if move else fs.copy_file)(name, other, overwrite=not new)

    copied = Event("copied", choice=world.had)
    events = [(other, copied), (name, Event("moved" if move else "taken"))]
    return world.begin(lambda fs: said(lambda: run(fs)), events)


def old(world: World, name: str, kind: str) -> Operation:
    """What a process does that knows the source alone."""
    content = world.content(name)
    event = {"read": Event("read"), "delete": Event("delete")}.get(kind, Event(kind, content))

    def run(fs: Any) -> Any:
        if kind == "read":
            return read(fs.source, name)
        if kind == "delete":
            return said(lambda: fs.source.delete_tree(name))
        return said(lambda: fs.source.put(name, BytesIO(content), overwrite=kind == "write"))

    return world.begin(run, [(name, event)])


def moving(world: World, name: str) -> Operation:
    """A copier."""

    def run(fs: Any) -> str:
        return str(bring(fs, name) if fs.direction == "forward" else settle(fs, name))

    return world.begin(run, [])


def finishing(world: World, name: str) -> None:
    """The end of the migration, as ``finish`` makes it when all names are moved, and no copier is left."""
    fs = world.plain()
    state = fs.journal.finishing(fs.direction)
    for each in world.events:
        bring(fs, each) if fs.direction == "forward" else settle(fs, each)
    fs.journal.finish(state)
    for path, listed in list(fs.entries_of_target.entries()):
        if listed.is_deleted:
            entry = fs.entries_of_target.look(path)
            assert fs.entries_of_target.drop(path, entry.version)
    world.is_finished = True


class Forward:
    """A stream that cannot go back."""

    def __init__(self, content: bytes) -> None:
        self._file = BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)
