"""``swift://`` for ``fs.open_fs``."""

from __future__ import annotations

from typing import Any

from fs.opener import Opener
from fs.opener.errors import OpenerError
from fs.opener.parse import ParseResult

from .auth import VERSIONS
from .filesystem import SwiftFS


class SwiftOpener(Opener):
    """Opens ``swift://user:key@host/container?auth_version=…`` as a :class:`SwiftFS`.

    The parameters are ``auth_version``, ``auth_path`` (by default ``/auth/v1.0`` for version 1, else empty), ``secure``
    (``false`` for HTTP), ``create_container``, ``segment_size`` in bytes, ``pool_size``, ``timeout`` in seconds,
    ``retries``, and the names of ``os_options``. A user of version 1 is ``account:user``, with the colon written as
    ``%3A``.
    """

    protocols: list[str] = ["swift"]

    def open_fs(self, fs_url: str, parse_result: ParseResult, writeable: bool, create: bool, cwd: str) -> SwiftFS:
        host, _, container = parse_result.resource.partition("/")
        container = container.strip("/")
        if not host or not container or "/" in container:
            raise OpenerError("the URL must have the form swift://user:key@host/container")
        given = dict(parse_result.params)
        version = given.pop("auth_version", "1").removeprefix("v").partition(".")[0]
        if version not in VERSIONS:
            raise OpenerError(f"auth_version must be one of {', '.join(VERSIONS)}, not {version!r}")
        scheme = "http" if given.pop("secure", "true").lower() in ("0", "false", "no") else "https"
        path = given.pop("auth_path", "/auth/v1.0" if version == "1" else "")
        settings: dict[str, Any] = {"create_container": create or given.pop("create_container", "") in ("1", "true")}
        try:
            for name, kind in (("segment_size", int), ("pool_size", int), ("retries", int), ("timeout", float)):
                if name in given:
                    settings[name] = kind(given.pop(name))
        except ValueError as error:
            raise OpenerError(f"{name} must be a number") from error
        return SwiftFS(
            container,
            f"{scheme}://{host}{path}",
            parse_result.username,
            parse_result.password,
            auth_version=version,
            os_options=given,
            **settings,
        )
