"""The stores: for each, the settings of the libraries and the bare client that shows what it can do at best."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .local import Local

if TYPE_CHECKING:
    from drivers import Driver

__all__ = ["STORES", "Store"]


class Store(Protocol):
    """A store, under the name of its backend. It is built anew in every process.

    :ivar area: a directory of this run.
    """

    name: str
    area: Path

    def __init__(self, area: Path) -> None: ...

    def settings(self) -> dict[str, Any]:
        """Return the settings of the app, understood by every library. They keep storages apart by their names."""

    def raw(self, storage: str) -> Driver:
        """Return the bare client, on the files of a storage as all libraries find them."""


STORES: dict[str, type[Store]] = {Local.name: Local}
