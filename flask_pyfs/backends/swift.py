"""Files in a container of OpenStack Swift."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast
from urllib.parse import quote

from fs.base import FS

from ..config import wrong_setting
from ..display_names import name_in
from ..errors import ETagMismatchError, PoolExhaustedError, shortened
from ..files import mime
from ..misspelt import closest
from ..options import Option, Secret, is_count, is_duration
from .base import BaseBackend
from .contract import UploadTerms, UploadURL
from .overrides import handle

if TYPE_CHECKING:
    from ..filesystems.swift.filesystem import SwiftFS

__all__ = ["ETagMismatchError", "PoolExhaustedError", "SwiftBackend"]

_MIB = 1024 * 1024


# at the end of an address: /auth/v1.0, /v2.0, /v3
_VERSION = re.compile(r"/v([123])(\.\d+)?/*\Z")


_CONTAINER = "a name of at most 247 bytes without a slash, and not '.' or '..'"


def _is_container(name: str) -> bool:
    # the container of the segments has a longer name, and Swift allows 256 bytes
    return "/" not in name and name not in (".", "..") and len(name.encode()) <= 256 - len("_segments")


class SwiftBackend(BaseBackend):
    """Keeps files in a container of OpenStack Swift.

    The name of an object is PREFIX and the name of its file. The first operation makes the first request.

    :raises flask_pyfs.errors.ConfigurationError: if a setting is missing or invalid.
    """

    options: ClassVar[Sequence[Option]] = (
        Option(
            "AUTHURL",
            required=True,
            # the backend refuses a URL with a password, without showing it
            check=lambda url: "@" in url or url.lower().startswith(("http://", "https://")),
            rule="a URL that begins with http:// or https://",
        ),
        Option("USER", required=True, argument="user"),
        Option("KEY", required=True, secret=True, argument="key"),
        Option("AUTH_VERSION", "version", choices=("1", "2", "3"), argument="auth_version"),
        Option("TENANT_NAME"),
        Option("REGION_NAME"),
        Option("OS_OPTIONS", "dict", secret=True),
        Option(
            "CONTAINER",
            aliases=("CONTAINER_NAME",),
            check=_is_container,
            rule=_CONTAINER,
        ),
        Option("CREATE_CONTAINER", "bool", default=True, argument="create_container"),
        Option(
            "SEGMENT_SIZE",
            "size",
            default=1024 * _MIB,
            check=lambda size: _MIB <= size <= 5 * 1024 * _MIB,
            rule="a size from 1 MiB to 5 GiB, such as '1 GiB'",
            argument="segment_size",
        ),
        Option("TEMP_URL_KEY", secret=True, argument="temp_url_key"),
        Option(
            "POOL_SIZE",
            "int",
            default=100,
            check=lambda size: size >= 1,
            rule="a whole number, 1 or more",
            argument="pool_size",
        ),
        Option(
            "TIMEOUT",
            "float",
            default=15,
            check=is_duration,
            rule="a number of seconds, at least 0.001",
            argument="timeout",
        ),
        Option("RETRIES", "int", default=2, check=is_count, rule="a whole number, 0 or more", argument="retries"),
    )

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        # not with the module: its options must be known without the driver
        from ..filesystems.swift import SwiftFS  # noqa: F401  (not later, when another thread may fork)
        from ..filesystems.swift.auth import ADDRESS, KNOWN, is_address

        super().__init__(name, config)
        os_options = self._os_options
        if unknown := sorted(set(os_options) - KNOWN):
            meant = closest(unknown[0], KNOWN)
            hint = f"did you mean {meant!r}?" if meant else f"use {', '.join(sorted(KNOWN))}"
            rule = f"has the unknown key {shortened(repr(unknown[0]), 60)}: {hint}"
            raise wrong_setting(name, "swift", self.config, "OS_OPTIONS", rule)
        if not is_address(self.config["authurl"]):
            raise wrong_setting(name, "swift", self.config, "AUTHURL", ADDRESS)
        if not is_address(os_options.get("object_storage_url", "https://default")):
            raise wrong_setting(name, "swift", self.config, "OS_OPTIONS", f"has an object_storage_url, which {ADDRESS}")
        if self.config["auth_version"] is None:
            ending = _VERSION.search(self.config["authurl"])
            self.config["auth_version"] = ending[1] if ending else "3"
        if not _is_container(self.container):
            rule = f"must be set, because the storage's own name cannot be that of a container: {_CONTAINER}"
            raise wrong_setting(name, "swift", self.config, "CONTAINER", rule)

    @property
    def container(self) -> str:
        """The name of the container."""
        return self.config["container"] or self.name

    def derived_settings(self) -> dict[str, Any]:
        return {"CONTAINER": self.container}

    @property
    def signs_urls(self) -> bool:
        return bool(self.config["temp_url_key"]) and self.wrapper is None

    def obstacle_to(self, serve_mode: str) -> str | None:
        if serve_mode == "redirect" and not self.signs_urls:
            return "it signs URLs only with a TEMP_URL_KEY"
        return super().obstacle_to(serve_mode)

    @property
    def _os_options(self) -> dict[str, str]:
        settings = {key: self.config[key] for key in ("tenant_name", "region_name")}
        settings.update(self.config["os_options"] or {})
        return {key: Secret(value) for key, value in settings.items() if value}

    @handle
    def conn(self) -> Any:
        """A connection of swiftclient, with a login of its own. Each thread of each process has another one."""
        return cast("SwiftFS", self.bare).connection

    def arguments(self) -> dict[str, Any]:
        arguments = {"auth_url": self.config["authurl"], "os_options": self._os_options, **super().arguments()}
        if (assigned := vars(self).get("conn")) is not None:
            # code that replaces __init__ assigns it, as Flask-FS did: the storage logs in as it does
            arguments.update(auth_url=assigned.authurl, user=assigned.user, key=assigned.key)
            arguments["auth_version"] = str(assigned.auth_version).partition(".")[0]
            arguments["os_options"] = {key: Secret(value) for key, value in assigned.os_options.items() if value}
        return arguments

    def open_fs(self) -> FS:
        from ..filesystems.swift import SwiftFS

        return SwiftFS(self.container, **self.arguments())

    def signed_url(self, filename: str, expires: int, lifetime: int, *, disposition: str | None = None) -> str | None:
        """Return a temporary URL of Swift; None without TEMP_URL_KEY. Makes no request except one login per process."""
        if not self.signs_urls:
            return None
        with self._translated(filename):
            url = cast("SwiftFS", self.store).temporary_url(self._path(filename), expires)
        return f"{url}&inline" if disposition is None else f"{url}&filename={quote(name_in(disposition), safe='')}"

    def signed_upload(self, filename: str, terms: UploadTerms) -> UploadURL | None:
        """Return a temporary URL for a PUT.

        Such a URL takes any content, any number of times. So the result is None if the terms do not allow overwriting,
        or limit the type or the size; and without TEMP_URL_KEY. In each process, the first call logs in and makes the
        container if it is missing; further calls make no request.
        """
        if not self.signs_urls or not terms.overwrite or terms.content_type or terms.max_size:
            return None
        with self._translated(filename):
            store = cast("SwiftFS", self.store)
            store.prepare()
            url = store.temporary_url(self._path(filename), terms.expires, "PUT")
        return UploadURL(filename, url, "PUT", headers={"Content-Type": mime(filename, self.DEFAULT_MIME)})
