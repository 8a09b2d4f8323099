"""Moves one file from the source to the target, or back, while the app writes to both.

docs/architecture.rst, "Two stores as one", has the states of a name and what each step may meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO

from fs import errors

from ..store import Facts, OtherVersion, SourceChanged, StoreFS
from .content import found, kept_by, remove, revision, write
from .target import NO_FILE, NOTHING, Entry, Expected, Target

__all__ = ["Moved", "Outcome", "bring", "clear", "follow", "settle", "uncover"]

# what is read and written in one request each: a copy by the server is not faster
_SMALL = 8 * 1024 * 1024

# how often a server is asked to copy a file: one that refuses each time may not understand the condition
_ROUNDS = 3


class Outcome(Enum):
    """What became of a file."""

    #: it was copied
    COPIED = "copied"
    #: it was copied over an older copy
    AGAIN = "again"
    #: the same version is there
    THERE = "there"
    #: the app wrote a file there, which counts
    OWN = "own"
    #: the app deleted it
    DELETED = "deleted"
    #: there is no such file to move
    GONE = "gone"


@dataclass(frozen=True)
class Moved:
    """What became of a file.

    :param size: its size in bytes, 0 if it is not there any more.
    :param version: the version that counts now of the store that it moved to, if it is known.
    :param was: what the target had before, when it moves back.
    :param exists: whether the source has a file that counts, when it moves back.
    """

    outcome: Outcome
    size: int = 0
    version: str | None = None
    was: Entry | None = None
    exists: bool = False


def bring(source: StoreFS, target: Target, path: str, *, follows: bool = False) -> Moved:
    """Copy a file of the source to the target, unless the app has written or deleted it there.

    Three requests of a file that is not there yet: one reads it, one writes it, and one looks whether the source still
    has this version. A process that knows the source alone may replace or delete it meanwhile.

    :param follows: also do in the target what such a process deleted in the source.
    :raises fs.errors.Unsupported: if the content is encoded, and the target does not keep how.
    """
    return _bring(source, target, path, NOTHING, follows)


def follow(source: StoreFS, target: Target, path: str, seen: Entry | None) -> Moved:
    """Make the target mirror what the source has now, over what was seen there, or over another mirror.

    :param seen: what the target had before the source was written.
    """
    return _bring(source, target, path, NOTHING if seen is None else seen.version, True)


def _bring(source: StoreFS, target: Target, path: str, expected: Expected, follows: bool) -> Moved:
    outcome, refused, rounds = Outcome.COPIED, False, 0
    while True:
        rounds += 1
        try:
            mirrored, version = _copy(source, target, path, expected, by_server=rounds <= _ROUNDS)
        except errors.ResourceNotFound:
            if not follows:
                return Moved(Outcome.GONE)
            if (buried := _bury(source, target, path, expected)) is not None:
                return buried
        except errors.FileExists:
            # of a name that has nothing, it is a directory
            if refused:
                raise
            refused = True
        except (OtherVersion, SourceChanged):
            pass
        else:
            # a process that knows the source alone may have written or deleted there
            now = found(source, path)
            if now is not None and revision(now) == mirrored:
                return Moved(outcome, now.size, version)
            if now is None and not follows:
                target.drop(path, version)
                return Moved(Outcome.GONE)
            expected, outcome = version, Outcome.AGAIN
            continue
        entry = target.look(path)
        if entry is None:
            expected = NOTHING
            continue
        refused = False
        if entry.mirrors is None:
            if not entry.is_deleted:
                return Moved(Outcome.OWN, entry.facts.size, entry.version)
            clear(source, target, path, entry.version)
            return Moved(Outcome.DELETED, version=entry.version)
        now = found(source, path)
        if now is not None and entry.mirrors == revision(now):
            return Moved(Outcome.THERE, now.size, entry.version)
        expected, outcome = entry.version, Outcome.COPIED if entry.is_deleted else Outcome.AGAIN


def _copy(source: StoreFS, target: Target, path: str, expected: Expected, *, by_server: bool) -> tuple[str, str]:
    facts, file = source.fetch(path)
    with file:
        mirrors, description = revision(facts), facts.description
        if by_server and facts.size > _SMALL and target.copy_in(source, path, path, expected, mirrors=mirrors):
            entry = target.look(path)
            if entry is None or entry.mirrors != mirrors:
                raise OtherVersion(path)
            return mirrors, entry.version
        version = target.write(
            path,
            file,
            expected,
            content_type=facts.content_type,
            description=kept_by(target.store, path, description),
            mirrors=mirrors,
        )
    return mirrors, version


def _bury(source: StoreFS, target: Target, path: str, expected: Expected) -> Moved | None:
    try:
        version = target.bury(path, expected, mirrors=NO_FILE)
    except (errors.FileExists, OtherVersion):
        return None
    return Moved(Outcome.GONE, version=version) if found(source, path) is None else None


def clear(source: StoreFS, target: Target, path: str, tombstone: str) -> None:
    """Delete what the source has under a tombstone: what a delete left that crashed.

    Whoever writes the source under a tombstone removes that tombstone afterwards, if it is still the same. So what was
    seen before the tombstone was replaced is not acknowledged, and never will be.

    :param tombstone: the version of the tombstone.
    """
    while (there := found(source, path)) is not None:
        try:
            tombstone = target.bury(path, tombstone)
        except OtherVersion:
            entry = target.look(path)
            if entry is None or not entry.is_deleted or entry.mirrors is not None:
                return
            tombstone = entry.version
        else:
            remove(source, path, there)


def settle(source: StoreFS, target: Target, path: str) -> Moved:
    """Move a file of the target back to the source, so that the target has nothing there, or a tombstone.

    Four requests of a file that the app wrote to the target; two of a name that has nothing there.

    :raises fs.errors.Unsupported: if the content is encoded, and the source does not keep how.
    """
    moved = uncover(source, target, path)
    if moved.outcome is Outcome.DELETED and moved.was is not None:
        if moved.was.mirrors is None:
            clear(source, target, path, moved.was.version)
        elif (there := found(source, path)) is not None and revision(there) == moved.was.mirrors:
            # it is hidden; a newer one would not be
            remove(source, path, there)
    return moved


def uncover(source: StoreFS, target: Target, path: str) -> Moved:
    """Do as :func:`settle` does, but leave what the source has under a tombstone."""
    rounds = 0
    while True:
        rounds += 1
        # the source first: if the target still has the file then, the source has nothing newer that is acknowledged
        there = found(source, path)
        got = target.fetch(path)
        if got is None:
            version = None if there is None else there.version
            return Moved(Outcome.GONE, version=version, exists=there is not None)
        entry, file = got
        if file is None:
            if entry.mirrors is None or there is None or revision(there) == entry.mirrors:
                return Moved(Outcome.DELETED, version=entry.version, was=entry)
            target.drop(path, entry.version)
            continue
        with file:
            if entry.mirrors is not None and there is not None:
                if target.drop(path, entry.version):
                    same = revision(there) == entry.mirrors
                    outcome = Outcome.THERE if same else Outcome.OWN
                    return Moved(outcome, there.size, there.version, entry, exists=True)
                continue
            try:
                written, copied = _copy_back(source, target, path, entry, file, there, by_server=rounds <= _ROUNDS)
            except errors.FileExists:
                # without a file, it is a directory
                if found(source, path) is None and target.look(path) is not None:
                    raise
                continue
            except (errors.ResourceNotFound, OtherVersion, SourceChanged):
                continue
        if target.drop(path, entry.version):
            # nobody wrote to the source before that: so what was seen there is this copy
            return Moved(Outcome.COPIED, entry.facts.size, written or copied, entry, exists=True)
        if there is None and written is not None and entry.mirrors is None:
            # one who moved it would have replaced this copy; so it was deleted since, and this would bring it back
            source.delete_version(path, written)


def _copy_back(
    source: StoreFS, target: Target, path: str, entry: Entry, file: BinaryIO, there: Facts | None, *, by_server: bool
) -> tuple[str | None, str | None]:
    """Return the version that this wrote, if the write told it; else what is there now, which may be another one's."""
    version = None if there is None else there.version
    if (
        by_server
        and entry.facts.size > _SMALL
        and source.copy_from(target.store, path, path, overwrite=there is not None, version=version)
    ):
        copied = found(source, path)
        return None, None if copied is None else copied.version
    written = write(
        source,
        path,
        file,
        overwrite=there is not None,
        version=version,
        content_type=entry.facts.content_type,
        description=entry.facts.description,
    )
    return written, None
