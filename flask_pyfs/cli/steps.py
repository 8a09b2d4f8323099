"""Finds which files a command copies or moves, and where to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from .. import names
from ..errors import FileExists, FileNotFound, FSError, OperationNotSupported
from ..state import find
from ..transfer import plan
from ..transfer.sides import Side, require_apart
from ..transfer.versions import known_facts
from .exits import Failure, Failures
from .listed import require_directory
from .places import Place, require_path

__all__ = ["Sides", "Step", "Steps"]


class Step(NamedTuple):
    """A file that is to be copied or moved.

    :param source: the side that has it.
    :param name: its name there.
    :param target: the side that gets it.
    :param target_name: its name there.
    :param source_shown: what people call it.
    :param target_shown: what people call the copy.
    """

    source: Side
    name: str
    target: Side
    target_name: str
    source_shown: str
    target_shown: str


class Sides:
    """The sides that a command uses, each once. At the end of the block, nothing is left of unfinished files."""

    def __init__(self) -> None:
        self._made: dict[Place, Side] = {}

    def __enter__(self) -> Sides:
        return self

    def __exit__(self, *_: object) -> None:
        for side in self._made.values():
            side.tidy()

    def file(self, place: Place) -> tuple[Side, str]:
        """Return the side that has a file, or gets it, and its name there."""
        if place.storage_name is not None:
            return self.directory(place._replace(name="")), place.name
        directory, name = os.path.split(os.path.realpath(place.name))
        return self.directory(Place(None, directory)), name

    def directory(self, place: Place) -> Side:
        """Return the side that a directory is."""
        name = place.name.rstrip("/") if place.storage_name is not None else os.path.realpath(place.name)
        key = Place(place.storage_name, name)
        if key not in self._made:
            self._made[key] = Side.of(name) if place.storage_name is None else Side.of(place.storage, name)
        return self._made[key]


class _Tree(NamedTuple):
    # a directory; so many of the listed files are its own
    origin: Side
    goal: Side
    above: str
    goal_above: str
    last: str
    files: int
    # names that two files of it would have
    clashing: set[str]


class Steps:
    """The files to copy or to move. All of them are found before the first one, and what was listed is kept in a
    temporary database, so it takes no memory.

    :param failures: is told of the sources that cannot be copied or moved.
    :param sides: is asked for the sides.
    :raises click.UsageError: if a path has the name of a storage.
    """

    def __init__(
        self, sources: Sequence[Place], target: Place, recursive: bool, failures: Failures, sides: Sides
    ) -> None:
        self._failures = failures
        self._sides = sides
        self._found: list[tuple[str, Step] | _Tree] = []
        #: How many files there are, and of how many bytes.
        self.files: int = 0
        self.bytes: int = 0
        for place in (*sources, target):
            require_path(place)
        # one after the other, they would replace each other
        self._taken = set[str]() if len(sources) > 1 else None
        self._plan = plan.Plan()
        into = target.is_directory or len(sources) > 1 or _is_local_directory(target)
        try:
            for source in sources:
                try:
                    self._find(source, target, recursive, into)
                except (FSError, Failure) as error:
                    failures.add(error, source=str(source))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Forget what was listed."""
        self._plan.__exit__()

    def _find(self, source: Place, target: Place, recursive: bool, into: bool) -> None:
        last = _last_part(source)
        goal = _inside(target, last) if into else target
        size = _size(source, recursive)
        if size is None:
            self._find_below(source, goal, last)
            return
        if goal.is_directory:
            raise Failure(f"{str(source)!r} has no name that the copy could have: write DST with one")
        step = Step(*self._sides.file(source), *self._sides.file(goal), str(source), str(goal))
        self._found.append((last, step))
        self.files += 1
        self.bytes += size

    def _find_below(self, source: Place, target: Place, last: str) -> None:
        origin, goal = self._sides.directory(source), self._sides.directory(target)
        require_apart(origin, goal)
        files = 0
        # of the few names in other spellings
        taken, clashing = set[str](), set[str]()
        try:
            for name, facts in origin.entries():
                normal = names.stored_as(name)
                if normal != name:
                    if normal in taken or origin.operations.exists(names.Exact(origin.full_name(normal))):
                        clashing.add(normal)
                    taken.add(normal)
                self._plan.add(plan.Step(normal, name, name, facts, None))
                files += 1
                self.bytes += facts.size
        finally:
            self.files += files
            self._found.append(_Tree(origin, goal, _start(source), _start(target), last, files, clashing))
        for error in origin.unread.values():
            self._failures.add(error, source=str(source))

    def __iter__(self) -> Iterator[Step]:
        """Iterate over the files. The failures are told of those that would have the name of another."""
        listed = self._plan.to_copy()
        for found in self._found:
            if not isinstance(found, _Tree):
                last, step = found
                if self._is_free(last, step):
                    yield step
                continue
            for file in islice(listed, found.files):
                name = file.target_name
                shown = f"{found.above}{name}"
                if found.clashing and file.name in found.clashing:
                    # neither is the one that is meant
                    error = FileExists(f"{shown!r}: two files of the directory would be {file.name!r}", path=name)
                    self._failures.add(error, source=shown)
                    continue
                step = Step(found.origin, names.Exact(name), found.goal, name, shown, f"{found.goal_above}{name}")
                if self._is_free(f"{found.last}/{name}" if found.last else name, step):
                    yield step

    def _is_free(self, name: str, step: Step) -> bool:
        if self._taken is None:
            return True
        stored = names.stored_as(name)
        if stored in self._taken:
            error = FileExists(f"two of the sources would be {step.target_shown!r}")
            self._failures.add(error, source=step.source_shown, target=step.target_shown)
            return False
        self._taken.add(stored)
        return True


def _is_local_directory(place: Place) -> bool:
    return place.storage_name is None and os.path.isdir(place.name)


def _size(source: Place, recursive: bool) -> int | None:
    """Return the size of a source that is a file; None if it is a directory.

    :raises FileNotFound: if it is neither.
    """
    if source.storage_name is None:
        if os.path.isfile(source.name):
            return os.path.getsize(source.name)
        if not os.path.isdir(source.name):
            raise FileNotFound(f"there is no file {source.name!r}", path=source.name)
    else:
        size = None if source.is_directory else _stored_size(source)
        if size is not None:
            return size
        require_directory(source)
    if not recursive:
        raise Failure(f"{str(source)!r} is a directory: pass -r to take all files below it")
    return None


def _stored_size(source: Place) -> int | None:
    operations = find(source.storage).operations
    try:
        return known_facts(operations, source.name).size
    except FileNotFound:
        return None
    except OperationNotSupported:
        # an old backend need not tell it
        return 0 if operations.exists(source.name) else None


def _last_part(source: Place) -> str:
    """Return the name that a source gets in a directory; an empty one if only what is in it goes there."""
    if source.is_directory:
        return ""
    last = source.name.rpartition("/")[2]
    return "" if last in (".", "..") else last


def _inside(target: Place, name: str) -> Place:
    return target._replace(name=f"{target.name.rstrip('/')}/{name}" if target.name.strip("/") else name)


def _start(place: Place) -> str:
    directory = place.name.rstrip("/")
    start = f"{directory}/" if directory or place.storage_name is None else ""
    return start if place.storage_name is None else f"{place.storage_name}:{start}"
