"""The stores: for each, the settings of the libraries and the bare client that shows what it can do at best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .gridfs import GridFS
from .local import Local
from .s3 import S3OnMoto, S3OnSwift
from .swift import Swift

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from drivers import Driver
    from workloads import Sizes

__all__ = ["STORES", "Store"]


class Store(Protocol):
    """A store, under the name of its backend. It is built anew in every process.

    :ivar area: a directory of this run.
    :ivar limits: how much of the bare client's time a workload may take.
    :ivar without: the libraries that do not know it.
    :ivar clients: by the names of other libraries, what makes their client, as ``raw`` does.
    :ivar memory: how many MiB above the start it may take to save, read and copy a big file.
    """

    name: str
    area: Path
    limits: dict[str, float]
    memory: int
    without: frozenset[str]
    clients: Mapping[str, Callable[[str], Driver]]

    def __init__(self, area: Path) -> None: ...

    def started(self) -> AbstractContextManager[None]:
        """Run the store while the block lasts, in the first process alone."""

    def sizes(self, sizes: Sizes) -> Sizes:
        """Return how much is done on this store."""

    def settings(self) -> dict[str, Any]:
        """Return the settings of the app, understood by every library. They keep storages apart by their names."""

    def raw(self, storage: str) -> Driver:
        """Return the bare client, on the files of a storage as all libraries find them."""


STORES: dict[str, type[Store]] = {store.name: store for store in (Local, S3OnMoto, S3OnSwift, GridFS, Swift)}
