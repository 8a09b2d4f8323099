"""Files in MongoDB, in the layout of GridFS."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from fs.base import FS

from ..addresses import require_mongo
from ..config import wrong_setting
from ..errors import shortened
from ..misspelt import closest
from ..options import Option, is_duration
from .base import BaseBackend
from .overrides import handle

if TYPE_CHECKING:
    from ..filesystems.gridfs import GridFS

__all__ = ["GridFsBackend"]

_KIB = 1024


# both by what MongoDB and its drivers refuse
_DATABASE = "a name of at most 63 bytes without spaces and '.', '$', '/', '\\' and '\"'"
_BUCKET = "a name of at most 120 bytes without '$', with no '.' at an end and no two together, not 'system.…'"


def _is_database(name: str) -> bool:
    return 0 < len(name.encode()) <= 63 and re.search(r'[\s.$/\\"\0]', name) is None


def _is_bucket(name: str) -> bool:
    parts = name.split(".")
    is_name = len(name.encode()) <= 120 and all(parts) and re.search(r"[$\0]", name) is None
    return not name or (is_name and not (len(parts) > 1 and parts[0] == "system"))


class GridFsBackend(BaseBackend):
    """Keeps files in a bucket of GridFS.

    The ``filename`` of a document is PREFIX and the name of its file. The first operation makes the first request.

    :raises flask_pyfs.errors.ConfigurationError: if a setting is missing or invalid.
    """

    options: ClassVar[Sequence[Option]] = (
        Option(
            "MONGO_URL",
            required=True,
            secret=True,
            check=require_mongo,
        ),
        Option("MONGO_DB", required=True, check=_is_database, rule=_DATABASE),
        Option("BUCKET", aliases=("BUCKET_NAME",), check=_is_bucket, rule=_BUCKET),
        Option(
            "CHUNK_SIZE",
            "size",
            default=255 * _KIB,
            check=lambda size: _KIB <= size <= 15 * _KIB * _KIB,
            rule="a size from 1 KiB to 15 MiB, such as '255 KiB'",
            argument="chunk_size",
        ),
        Option(
            "TIMEOUT",
            "float",
            default=30,
            check=is_duration,
            rule="a number of seconds, at least 0.001",
            argument="timeout",
        ),
    )

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        # not with the module: its options must be known without the driver
        from ..filesystems.gridfs import GridFS  # noqa: F401  (not later, when another thread may fork)

        super().__init__(name, config)
        if not _is_bucket(self.bucket_name):
            rule = f"must be set, because the storage's own name cannot be that of a bucket: {_BUCKET}"
            raise wrong_setting(name, "gridfs", self.config, "BUCKET", rule)

    def check_settings(self) -> None:
        from ..filesystems.gridfs.options import known_options

        known = known_options()
        options = self.config["mongo_url"].partition("?")[2]
        for option in re.findall(r"(?:^|[&;])([A-Za-z.]+)=", options):
            if option.lower() not in known and (meant := closest(option, known)):
                name = shortened(repr(option), 60)
                rule = f"has the option {name}, which MongoDB does not know: did you mean {known[meant]!r}?"
                raise wrong_setting(self.name, "gridfs", self.config, "MONGO_URL", rule)

    @property
    def bucket_name(self) -> str:
        """The name of the bucket."""
        return self.config["bucket"] or self.name

    @handle
    def client(self) -> Any:
        """The client of pymongo of the current process."""
        return cast("GridFS", self.bare).client

    @handle
    def db(self) -> Any:
        """The database of pymongo."""
        return self.client[self.config["mongo_db"]]

    def derived_settings(self) -> dict[str, Any]:
        return {"BUCKET": self.bucket_name}

    def open_fs(self) -> FS:
        from ..filesystems.gridfs import GridFS

        return GridFS(self.config["mongo_url"], self.config["mongo_db"], self.bucket_name, **self.arguments())
