"""What names files: the rows of a table, or the documents of a collection."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from types import NoneType
from typing import Any, NamedTuple, Protocol

from ..errors import FSError, shortened
from ..storage import Storage
from .holders import Held

#: The part of a file that is the default of a column, which no row need name now.
DEFAULT = "default"


class Named(NamedTuple):
    """A file that a row or a document names.

    :param storage: the storage; None if it is not known, so that the file may be in any.
    :param model: the class, as ``module:Class``, or the name of a table without one.
    :param key: the primary key: of a row, a tuple; None for a default.
    :param column: the attribute, such as ``avatar``, ``photos[0]`` for one of a list, or ``parts[0].photo`` in an
        embedded document.
    :param part: ``file``, ``original``, ``thumbnail 100`` or ``default``.
    :param name: the name of the file, as the row has it.
    """

    storage: Storage | None
    model: str
    key: Any
    column: str
    part: str
    name: str


class Naming(Protocol):
    """Rows or documents that name files."""

    @property
    def storages(self) -> frozenset[Storage | None]:
        """The storages of the files; with None, files of any may be named."""

    def read(self) -> Generator[Named, None, None]:
        """Iterate over all files that are named, in constant memory.

        :raises FSError: if not all can be read.
        """

    def look_up(self, key: Any) -> Generator[Named, None, None]:
        """Iterate over the files that one row or document names by now.

        :raises FSError: if it cannot be read.
        """


@contextmanager
def reading(label: str) -> Iterator[None]:
    """Say what cannot be read, if something is wrong with a database or a value in it.

    :raises FSError: if the block raises anything.
    """
    try:
        yield
    except Exception as error:
        reason = shortened(" ".join(str(error).split()), 200)
        raise FSError(f"{label} cannot be read, so not all names of files are known: {reason}") from error


def require_references(value: Any, column: str) -> None:
    """Raise an exception if what a type of files gave is no reference: one of the app may give anything, such as a URL.

    :raises TypeError: if it is neither a reference, nor None, nor a list of such.
    """
    if isinstance(value, (list, tuple)):
        for each in value:
            require_references(each, column)
    elif not isinstance(value, (NoneType, Held)):
        raise TypeError(f"the type of {column!r} makes {type(value).__name__} of files")


def named_in(value: Any, column: str) -> Iterator[tuple[str, str, str]]:
    """Iterate over the files that a value of a column names: the place, the part and the name of each.

    Of a value that is no reference, each text may be a name.
    """
    if isinstance(value, Held):
        many = value.references
        for place, reference in enumerate(many):
            at = column if reference is value else f"{column}[{place}]"
            for part, name in _parts(reference):
                yield at, part, name
    elif isinstance(value, str):
        if value:
            yield column, "file", value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from named_in(key, column)
            yield from named_in(each, f"{column}.{key}")
    elif isinstance(value, (list, tuple, set, frozenset)):
        for place, each in enumerate(value):
            yield from named_in(each, f"{column}[{place}]")


def texts_in(value: Any, column: str) -> Iterator[tuple[str, str, str]]:
    """Do the same for a column of texts, which may be JSON: each text in that may be a name too."""
    for found in named_in(value, column):
        yield found
        try:
            inner = json.loads(found[2])
        except ValueError:
            continue
        yield from texts_in(inner, found[0])


def _parts(reference: Any) -> Iterator[tuple[str, str]]:
    named = {"file": reference.filename, "original": getattr(reference, "original", None)}
    if named["original"] == named["file"]:
        del named["original"]
    sizes: Mapping[str, Any] = getattr(reference, "thumbnails", {})
    named.update((f"thumbnail {size}", name) for size, name in sizes.items())
    for part, name in named.items():
        if isinstance(name, str) and name:
            yield part, name
