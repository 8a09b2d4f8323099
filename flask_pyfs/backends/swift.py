"""Files in a container of OpenStack Swift."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from fs.base import FS

from ..config import Config, wrong_setting
from ..files import mime
from ..options import Option
from .base import BaseBackend
from .handles import UploadTerms, UploadURL

if TYPE_CHECKING:
    from ..filesystems.swift.filesystem import SwiftFS

__all__ = ["SwiftBackend"]

_MIB = 1024 * 1024


class SwiftBackend(BaseBackend):
    """Keeps files in a container of OpenStack Swift.

    The name of an object is that of its file, below PREFIX. Nothing is reached before the first use.

    :raises flask_pyfs.errors.ConfigurationError: for a setting that cannot be right.
    """

    options = (
        Option("AUTHURL", required=True),
        Option("USER", required=True),
        Option("KEY", required=True, secret=True),
        Option("AUTH_VERSION", default="3"),
        Option("TENANT_NAME"),
        Option("REGION_NAME"),
        Option("OS_OPTIONS", "dict", secret=True),
        Option("CONTAINER", aliases=("CONTAINER_NAME",)),
        Option("CREATE_CONTAINER", "bool", default=True),
        Option("SEGMENT_SIZE", "int", default=1024 * _MIB),
        Option("TEMP_URL_KEY", secret=True),
        Option("POOL_SIZE", "int", default=100),
        Option("TIMEOUT", "float", default=15),
        Option("RETRIES", "int", default=2),
        # of flask-fs2: nobody waits for a connection here, and what did not arrive whole is never kept
        Option("POOL_TIMEOUT", "float"),
        Option("ETAG_MISMATCH_POLICY"),
    )

    def __init__(self, name: str, config: Config) -> None:
        # the settings are known without the driver, which is looked for before the first use
        from ..filesystems.swift.auth import KNOWN, VERSIONS
        from ..filesystems.swift.filesystem import SwiftFS

        super().__init__(name, config)
        self._filesystem_class = SwiftFS
        self.container: str = self.config["container"] or name
        self._version = self.config["auth_version"].removeprefix("v").partition(".")[0]
        self._os_options = {
            key: str(value)
            for key, value in {
                "tenant_name": self.config["tenant_name"],
                "region_name": self.config["region_name"],
                **(self.config["os_options"] or {}),
            }.items()
            if value
        }
        if not self.config["authurl"].startswith(("http://", "https://")):
            raise wrong_setting(name, "swift", "AUTHURL", "must begin with http:// or https://")
        if self._version not in VERSIONS:
            raise wrong_setting(name, "swift", "AUTH_VERSION", f"must be one of {', '.join(VERSIONS)}")
        if unknown := sorted(set(self._os_options) - KNOWN):
            known = ", ".join(sorted(KNOWN))
            raise wrong_setting(name, "swift", "OS_OPTIONS", f"has {unknown[0]!r}, which is none of {known}")
        if "/" in self.container or len(self.container.encode()) > 256 - len("_segments"):
            raise wrong_setting(name, "swift", "CONTAINER", "must have no slash, and 247 bytes at most")
        if not _MIB <= self.config["segment_size"] <= 5 * 1024 * _MIB:
            raise wrong_setting(name, "swift", "SEGMENT_SIZE", "must be from 1 MiB to 5 GiB, in bytes")
        if not 0 < self.config["timeout"] < math.inf:
            raise wrong_setting(name, "swift", "TIMEOUT", "must be more than 0 seconds")
        if self.config["retries"] < 0:
            raise wrong_setting(name, "swift", "RETRIES", "must not be negative")
        if self.config["pool_size"] < 1:
            raise wrong_setting(name, "swift", "POOL_SIZE", "must be 1 or more")

    def open_fs(self) -> FS:
        return self._filesystem_class(
            self.container,
            self.config["authurl"],
            self.config["user"],
            self.config["key"],
            auth_version=self._version,
            os_options=self._os_options,
            create_container=self.config["create_container"],
            segment_size=self.config["segment_size"],
            temp_url_key=self.config["temp_url_key"],
            pool_size=self.config["pool_size"],
            timeout=self.config["timeout"],
            retries=self.config["retries"],
        )

    def signed_url(self, filename: str, expires: int, lifetime: int, *, disposition: str | None = None) -> str | None:
        """Return a temporary URL of Swift; None without TEMP_URL_KEY. No request but that which lets in, once in a
        process.
        """
        if not self.config["temp_url_key"]:
            return None
        with self._translated(filename):
            url = cast("SwiftFS", self.store).temporary_url(self._path(filename), expires)
        basename = filename.rpartition("/")[2]
        return f"{url}&inline" if disposition is None else f"{url}&filename={quote(basename, safe='')}"

    def signed_upload(self, filename: str, terms: UploadTerms) -> UploadURL | None:
        """Return a temporary URL for a PUT. Whoever has it may send it what and as often as they like, so it is None
        where that is not asked for, and without TEMP_URL_KEY. No request but that which lets in and one for the
        container, once in a process.
        """
        if not self.config["temp_url_key"] or not terms.overwrite or terms.content_type or terms.max_size:
            return None
        with self._translated(filename):
            store = cast("SwiftFS", self.store)
            store.prepare()
            url = store.temporary_url(self._path(filename), terms.expires, "PUT")
        return UploadURL(filename, url, "PUT", headers={"Content-Type": mime(filename, self.DEFAULT_MIME)})

    def remove_leftovers(self, older_than: float = 24 * 60 * 60, *, dry_run: bool = False) -> int:
        """Delete the segments that killed processes left behind, and return of how many uploads those are.

        :param older_than: leave those alone whose upload was begun in the last so many seconds; they may go on.
        :param dry_run: delete nothing.
        """
        with self._translated():
            prefix = f"{self.prefix}/" if self.prefix else ""
            return cast("SwiftFS", self.store).remove_segments(older_than, prefix, dry_run=dry_run)
