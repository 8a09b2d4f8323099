"""Files in MongoDB, in the layout of GridFS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from fs.base import FS

from ..options import Option, is_duration
from .base import BaseBackend
from .overrides import handle

if TYPE_CHECKING:
    from ..filesystems.gridfs import GridFS

__all__ = ["GridFsBackend"]

_KIB = 1024


class GridFsBackend(BaseBackend):
    """Keeps files in a bucket of GridFS.

    The ``filename`` of a document is PREFIX and the name of its file. The first operation makes the first request.

    :raises flask_pyfs.errors.ConfigurationError: if a setting is missing or invalid.
    """

    options = (
        Option(
            "MONGO_URL",
            required=True,
            secret=True,
            check=lambda url: url.startswith(("mongodb://", "mongodb+srv://")),
            rule="a URL that begins with mongodb:// or mongodb+srv://",
        ),
        Option("MONGO_DB", required=True),
        Option("BUCKET", aliases=("BUCKET_NAME",)),
        Option(
            "CHUNK_SIZE",
            "int",
            default=255 * _KIB,
            check=lambda size: _KIB <= size <= 15 * _KIB * _KIB,
            rule="from 1 KiB to 15 MiB, in bytes",
            argument="chunk_size",
        ),
        Option("TIMEOUT", "float", default=30, check=is_duration, rule="at least 0.001 seconds", argument="timeout"),
    )

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        # not with the module: its options must be known without the driver
        from ..filesystems.gridfs import GridFS  # noqa: F401  (not later, when another thread may fork)

        super().__init__(name, config)

    @property
    def bucket_name(self) -> str:
        """The name of the bucket."""
        return self.config["bucket"] or self.name

    @handle
    def client(self) -> Any:
        """The client of pymongo of the current process."""
        return cast("GridFS", self.store).client

    @handle
    def db(self) -> Any:
        """The database of pymongo."""
        return self.client[self.config["mongo_db"]]

    def open_fs(self) -> FS:
        from ..filesystems.gridfs import GridFS

        return GridFS(self.config["mongo_url"], self.config["mongo_db"], self.bucket_name, **self.arguments())
