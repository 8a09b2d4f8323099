"""Files in MongoDB, in the layout of GridFS."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from fs.base import FS

from ..config import Config, wrong_setting
from ..options import Option
from .base import BaseBackend

if TYPE_CHECKING:
    from ..filesystems.gridfs.filesystem import GridFS

__all__ = ["GridFsBackend"]

_KIB = 1024


class GridFsBackend(BaseBackend):
    """Keeps files in a bucket of GridFS.

    The ``filename`` of a file is its name, below PREFIX. Nothing is reached before the first use.

    :raises flask_pyfs.errors.ConfigurationError: for a setting that cannot be right.
    """

    options = (
        Option("MONGO_URL", required=True, secret=True),
        Option("MONGO_DB", required=True),
        Option("BUCKET", aliases=("BUCKET_NAME",)),
        Option("CHUNK_SIZE", "int", default=255 * _KIB),
        Option("TIMEOUT", "float", default=30),
    )

    def __init__(self, name: str, config: Config) -> None:
        # the settings are known without the driver, which is looked for before the first use
        from ..filesystems.gridfs.filesystem import GridFS

        super().__init__(name, config)
        self._filesystem_class = GridFS
        self.bucket: str = self.config["bucket"] or name
        if not self.config["mongo_url"].startswith(("mongodb://", "mongodb+srv://")):
            raise wrong_setting(name, "gridfs", "MONGO_URL", "must begin with mongodb:// or mongodb+srv://")
        if not _KIB <= self.config["chunk_size"] <= 15 * _KIB * _KIB:
            raise wrong_setting(name, "gridfs", "CHUNK_SIZE", "must be from 1 KiB to 15 MiB, in bytes")
        if not 0.001 <= self.config["timeout"] < math.inf:
            raise wrong_setting(name, "gridfs", "TIMEOUT", "must be more than 0 seconds")

    def open_fs(self) -> FS:
        return self._filesystem_class(
            self.config["mongo_url"],
            self.config["mongo_db"],
            self.bucket,
            chunk_size=self.config["chunk_size"],
            timeout=self.config["timeout"],
        )

    def remove_leftovers(self, older_than: float = 24 * 60 * 60, *, dry_run: bool = False) -> int:
        """Delete the chunks that killed processes left behind, and return of how many files those are.

        All of the bucket is looked at, whatever PREFIX is.

        :param older_than: leave those alone whose last chunk was written in the last so many seconds; they may go on.
        :param dry_run: delete nothing.
        """
        with self._translated():
            return cast("GridFS", self.store).remove_orphans(older_than, dry_run=dry_run)
