"""The options of every storage, and the settings of an app as a whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .addresses import require_link, require_scanner
from .options import Option, is_duration
from .values import converted

__all__ = [
    "AES256_ENCRYPTED",
    "AES256_KEY",
    "APP",
    "COMMON",
    "DEFAULT_BACKEND",
    "ENQUEUE",
    "IMAGES_MAX_MEMORY",
    "LIVE",
    "OF_SIDES",
    "OF_STORAGE",
    "PREFIX",
    "handles_errors",
    "route_prefix",
    "serves",
    "upload_origins",
]

DEFAULT_BACKEND = "local"


def _require_route(prefix: str) -> bool:
    if set(prefix).isdisjoint("<>"):
        return True
    raise ValueError("the start of a URL, such as '/media', without '<' and '>': Flask takes those for a variable")


_ROUTE_PREFIX = Option("PREFIX", levels=(3,), check=_require_route)
_SERVE = Option("SERVE", "bool", levels=(1, 2))
_HANDLE_ERRORS = Option("HANDLE_ERRORS", "bool", default=True, levels=(3,))


def _are_origins(values: list[str]) -> bool:
    return values == ["*"] or all(_ORIGIN.fullmatch(value) for value in values)


# as browsers send it: without a path, in lower case, without the port that the scheme has anyway (RFC 6454, section 6)
_ORIGIN = re.compile(
    r"(?!http://[^/]*:80$)(?!https://[^/]*:443$)https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
)

_UPLOAD_ORIGINS = Option(
    "UPLOAD_ORIGINS",
    "list",
    levels=(3,),
    check=_are_origins,
    rule="'*' alone, or a list of origins such as 'https://www.example.org', in lower case and without a path",
)

#: The least leaves room for the libraries.
IMAGES_MAX_MEMORY = Option(
    "IMAGES_MAX_MEMORY",
    "size",
    check=lambda size: size >= 32 * 1024 * 1024,
    rule="a size of at least 32 MiB, such as '256 MiB'",
)

_YEARS = 10 * 365 * 24 * 60 * 60

#: How long an upload that is not finished lives after its last piece, in seconds.
UPLOAD_LIFETIME = Option(
    "UPLOAD_LIFETIME",
    "seconds",
    default=24 * 60 * 60,
    # the moment of its end must be a date
    check=lambda seconds: is_duration(seconds) and seconds <= _YEARS,
    rule="a number of seconds, more than 0 and at most 315360000 (10 years)",
)

ENQUEUE = Option("ENQUEUE", "callable")

_URL_EXPIRES = Option(
    "URL_EXPIRES",
    "seconds",
    default=3600,
    # S3 signs for no longer
    check=lambda seconds: is_duration(seconds) and seconds <= 7 * 24 * 60 * 60,
    rule="a number of seconds, more than 0 and at most 604800 (7 days)",
)

#: The directory of a storage in its store.
PREFIX = Option("PREFIX", "prefix", default="", levels=(1, 2))

#: What flask-fs2 encrypted with.
AES256_ENCRYPTED = Option("AES256_ENCRYPTED", "bool", default=False, wrapper=True)
AES256_KEY = Option("AES256_KEY", "key", secret=True)

#: What encrypts the files of a store. A storage that has several backends may encrypt those of each in another way.
_ENCRYPTION = (
    Option("ENCRYPTION_KEYS", "keys", secret=True, wrapper=True),
    Option("ENCRYPTION_READ_PLAIN", "moment"),
    AES256_ENCRYPTED,
    AES256_KEY,
)

#: The options that each backend of a storage may have for itself, if it has several.
OF_SIDES: tuple[Option, ...] = (PREFIX, *_ENCRYPTION)

#: The options of every storage, with any backend.
COMMON: tuple[Option, ...] = (
    Option("BACKEND", default=DEFAULT_BACKEND, levels=(1, 3)),
    Option("URL", named=True, check=require_link),
    *OF_SIDES,
    _SERVE,
    Option("ALLOW", "extensions", default=()),
    Option("DENY", "extensions", default=()),
    Option("MAX_SIZE", "size", check=lambda size: size >= 1, rule="a number of bytes, 1 or more, or such as '20 MB'"),
    Option("SERVE_MODE", default="stream", choices=("stream", "redirect", "sendfile")),
    Option("ACCEL_URL", named=True, check=require_link),
    Option("PRIVATE", "bool", default=False),
    Option("AUTHORIZE", "callable"),
    _URL_EXPIRES,
    Option("MAX_AGE", "seconds"),
    Option("IMMUTABLE", "bool", default=False),
    Option("VERIFY", "bool"),
    Option("VERIFY_RENAME", "bool", default=False),
    Option("VERIFY_SVG", default="refuse", choices=("refuse", "strip")),
    Option("SCAN", "service", check=require_scanner),
    Option("SCAN_FAIL_OPEN", "bool", default=False),
    Option("IMAGES_OPTIMIZE", "bool", default=False),
    Option("IMAGES_MAX_PIXELS", "int"),
    IMAGES_MAX_MEMORY,
    ENQUEUE,
    Option("CONFIRM", "bool", default=False),
    UPLOAD_LIFETIME,
)

#: The KEYs that are settings of a storage as a whole, also if it has several backends.
OF_STORAGE = frozenset(option.name for option in COMMON if option not in OF_SIDES)

#: Those of them that are looked up each time they are needed. ``init_app`` reads all others.
LIVE = frozenset({"IMAGES_OPTIMIZE", "IMAGES_MAX_PIXELS", "IMAGES_MAX_MEMORY", "ENQUEUE"})

#: The settings of the app as a whole. ``init_app`` sets FS_ROOT, which is the backend's.
APP: tuple[Option, ...] = (_ROUTE_PREFIX, _SERVE, _HANDLE_ERRORS, _UPLOAD_ORIGINS, Option("ROOT"))


def route_prefix(settings: Mapping[str, Any]) -> str | None:
    """Return the app's ``FS_PREFIX``, the URL prefix of the route, with a leading slash; None if it is not set.

    :raises ConfigurationError: if it is not a str.
    """
    value = settings.get("FS_PREFIX")
    prefix = "" if value is None else converted(_ROUTE_PREFIX, "FS_PREFIX", value, None).strip("/")
    return f"/{prefix}" if prefix else None


def serves(settings: Mapping[str, Any]) -> bool:
    """Return whether the app's ``FS_SERVE`` is on.

    :raises ConfigurationError: if it is neither true nor false.
    """
    value = settings.get("FS_SERVE")
    return False if value is None else bool(converted(_SERVE, "FS_SERVE", value, None))


def handles_errors(settings: Mapping[str, Any]) -> bool:
    """Return whether the errors that clients cause are answered: the app's ``FS_HANDLE_ERRORS``.

    :raises ConfigurationError: if it is neither true nor false.
    """
    value = settings.get("FS_HANDLE_ERRORS")
    return bool(_HANDLE_ERRORS.default if value is None else converted(_HANDLE_ERRORS, "FS_HANDLE_ERRORS", value, None))


def upload_origins(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the origins whose pages may upload: the app's ``FS_UPLOAD_ORIGINS``; ``('*',)`` stands for all.

    :raises ConfigurationError: if it is no list of origins.
    """
    value = settings.get("FS_UPLOAD_ORIGINS")
    return () if value is None else tuple(converted(_UPLOAD_ORIGINS, "FS_UPLOAD_ORIGINS", value, None))
