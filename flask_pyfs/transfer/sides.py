"""The two sides of a transfer: a storage, a directory in one, or a directory of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..backends.contract import Operations
from ..backends.local import LocalBackend
from ..filesystems.store import Facts
from ..state import find
from ..storage import Storage

__all__ = ["Place", "Side"]


class Side:
    """One side of a transfer. Names are relative to its directory.

    :param operations: the operations of the storage.
    :param directory: a directory in it, without a slash at its end; empty for the whole storage.
    :param label: what messages call it.
    """

    def __init__(self, operations: Operations, directory: str = "", *, label: str = "") -> None:
        self.operations = operations
        self.directory = directory.strip("/")
        self.label = label

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.label!r}>"

    @classmethod
    def of(cls, place: Place, directory: str = "") -> Side:
        """Return the side that a storage or a path of this machine is.

        :param directory: a directory in the storage.
        """
        if isinstance(place, Side):
            return place
        if isinstance(place, Storage):
            return cls(find(place).operations, directory, label=f"{place.name}:{directory}")
        root = os.path.abspath(os.fspath(place))
        return cls(LocalBackend(root, {"root": root}), label=root)

    def full_name(self, name: str) -> str:
        """Return the name in the storage for a name of this side."""
        return f"{self.directory}/{name}" if self.directory else name

    def entries(self) -> Iterator[tuple[str, Facts]]:
        """Iterate over the names of the files in key order, each with what the listing tells of it."""
        root = getattr(self.operations, "root", None)
        if root is not None and not os.path.isdir(root):
            # to look must not make it
            return
        start = f"{self.directory}/" if self.directory else ""
        for name, facts in self.operations.entries(start or None):
            # the listing stands for each spelling of the directory
            if name.startswith(start):
                yield name[len(start) :], facts


#: A storage, a side, or the path of a directory of this machine.
Place = Storage | Side | str | os.PathLike[str]
