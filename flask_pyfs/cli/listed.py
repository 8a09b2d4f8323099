"""What lies at a place: a file, or a directory with what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..backends.contract import Entry
from ..directories import is_directory
from ..errors import FileNotFound
from ..files import mime
from ..state import find
from .places import Place

__all__ = ["Listed", "below", "file_at", "listed", "require_directory"]


class Listed(NamedTuple):
    """A file or a directory.

    :param name: its name in the storage; that of a directory ends with a slash.
    :param entry: the file; None for a directory.
    """

    name: str
    entry: Entry | None


def listed(place: Place, *, recursive: bool = False) -> Iterator[Listed]:
    """Iterate over what is to be listed for a place: the file itself, or what is in the directory.

    One request for the file, if the place is not written as a directory; then those of the listing.

    :param recursive: all files below the directory, in key order, instead of what is directly in it.
    :raises FileNotFound: if there is neither, at the first step.
    """
    if (entry := file_at(place)) is not None:
        yield Listed(entry.name, entry)
        return
    found = False
    for each in (Listed(entry.name, entry) for entry in below(place)) if recursive else _level(place):
        found = True
        yield each
    if not found:
        require_directory(place)


def file_at(place: Place) -> Entry | None:
    """Return the file of a place, or None if there is none. One request; none if it is written as a directory."""
    if place.is_directory:
        return None
    try:
        known = place.storage.metadata(place.name, checksum=False)
    except FileNotFound:
        return None
    return Entry(place.name, known.get("size", 0), known.get("modified"), known["mime"])


def below(place: Place) -> Iterator[Entry]:
    """Iterate over all files below a directory, in key order."""
    return place.storage.entries(f"{place.name.rstrip('/')}/" if place.name else None)


def require_directory(place: Place) -> None:
    """Return if a place is a directory, in which there may be nothing.

    :raises FileNotFound: if it is not.
    """
    directory = place.name.rstrip("/")
    spellings = find(place.storage).operations.spellings(directory) if directory else ()
    if directory and not any(is_directory(place.storage, each) for each in spellings):
        what = "directory" if place.is_directory else "file or directory"
        raise FileNotFound(f"there is no {what} {str(place)!r}", path=place.name, storage=place.storage_name)


def _level(place: Place) -> Iterator[Listed]:
    state, directory = find(place.storage), place.name.rstrip("/")
    unknown = state.callee.kind.DEFAULT_MIME
    # what is listed is what is there, whatever its spelling
    for spelling in state.operations.spellings(directory) if directory else ("",):
        for name, facts in state.operations.level(spelling):
            if facts is None:
                yield Listed(name, None)
            else:
                content_type = facts.content_type or mime(name, unknown)
                yield Listed(name, Entry(name, facts.size, facts.modified, content_type))
