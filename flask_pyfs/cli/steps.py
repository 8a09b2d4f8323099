"""Finds which files a command copies or moves, and where to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .. import names
from ..errors import FileExists, FileNotFound, FSError
from ..transfer.sides import Side, require_apart
from .exits import Failures, Stopped
from .listed import require_directory
from .places import Place, require_path

__all__ = ["Sides", "Step", "steps"]


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


def steps(sources: Sequence[Place], target: Place, recursive: bool, failures: Failures, sides: Sides) -> Iterator[Step]:
    """Iterate over the files to copy or to move.

    :param failures: is told of the sources that cannot be.
    :param sides: is asked for the sides.
    :raises click.UsageError: if a path has the name of a storage.
    """
    for place in (*sources, target):
        require_path(place)
    into = target.is_directory or len(sources) > 1 or _is_local_directory(target)
    # one after the other, they would replace each other
    taken = set[str]() if len(sources) > 1 else None
    for source in sources:
        try:
            last = _last_part(source)
            goal = _inside(target, last) if into else target
            if _is_directory(source, recursive):
                for step in _below(source, goal, failures, sides):
                    if _is_taken(taken, f"{last}/{step.target_name}" if last else step.target_name):
                        failures.add(_taken(step.target_shown))
                    else:
                        yield step
                continue
            if goal.is_directory:
                raise Stopped(f"{str(source)!r} has no name that the copy could have: write DST with one")
            if _is_taken(taken, last):
                raise _taken(str(goal))
            yield Step(*sides.file(source), *sides.file(goal), str(source), str(goal))
        except (FSError, Stopped) as error:
            failures.add(error)


def _is_taken(taken: set[str] | None, name: str) -> bool:
    if taken is None:
        return False
    stored = names.stored_as(name)
    is_taken = stored in taken
    taken.add(stored)
    return is_taken


def _taken(shown: str) -> FileExists:
    return FileExists(f"two of the sources would be {shown!r}")


def _is_local_directory(place: Place) -> bool:
    return place.storage_name is None and os.path.isdir(place.name)


def _is_directory(source: Place, recursive: bool) -> bool:
    """Return whether a source is a directory. Whether it is a file is for the copying to find out.

    :raises FileNotFound: if it is neither.
    """
    if source.storage_name is None:
        is_directory = os.path.isdir(source.name)
        if not is_directory and not os.path.isfile(source.name):
            raise FileNotFound(f"there is no file {source.name!r}", path=source.name)
    else:
        is_directory = source.is_directory or not source.storage.exists(source.name)
        if is_directory:
            require_directory(source)
    if is_directory and not recursive:
        raise Stopped(f"{str(source)!r} is a directory: pass -r to take all files below it")
    return is_directory


def _last_part(source: Place) -> str:
    """Return the name that a source gets in a directory; an empty one if only what is in it goes there."""
    if source.is_directory:
        return ""
    last = source.name.rpartition("/")[2]
    return "" if last in (".", "..") else last


def _inside(target: Place, name: str) -> Place:
    return target._replace(name=f"{target.name.rstrip('/')}/{name}" if target.name.strip("/") else name)


def _below(source: Place, target: Place, failures: Failures, sides: Sides) -> Iterator[Step]:
    origin, goal = sides.directory(source), sides.directory(target)
    require_apart(origin, goal)
    above, goal_above = _start(source), _start(target)
    # of the few names in other spellings
    taken = set[str]()
    for name, _ in origin.entries():
        normal = names.stored_as(name)
        if normal != name:
            if normal in taken or origin.operations.exists(names.Exact(origin.full_name(normal))):
                failures.add(FileExists(f"two files of {str(source)!r} would be {normal!r}", path=name))
                continue
            taken.add(normal)
        yield Step(origin, names.Exact(name), goal, name, f"{above}{name}", f"{goal_above}{name}")
    for error in origin.unread.values():
        failures.add(error)


def _start(place: Place) -> str:
    directory = place.name.rstrip("/")
    start = f"{directory}/" if directory or place.storage_name is None else ""
    return start if place.storage_name is None else f"{place.storage_name}:{start}"
