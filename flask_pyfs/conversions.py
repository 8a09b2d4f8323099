"""Conversions: the values of settings in the types of their options."""

from __future__ import annotations

import base64
import binascii
import json
import math
import os
import pkgutil
import re
from collections.abc import Callable, Container, Iterable, Mapping, Set
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from .errors import InvalidPath
from .names import normalize_prefix

__all__ = ["CONVERTERS", "Secret", "is_key", "keys_of"]

_TRUE = {"1", "true", "yes", "on", "y", "t"}
_FALSE = {"0", "false", "no", "off", "n", "f", ""}

_CALLABLE = "a callable, or the name of one such as 'package.module:function'"

_URLSAFE = str.maketrans("-_", "+/")

_SIZE = re.compile(r"\s*([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*((?:[kmgt]i?)?b)\s*", re.IGNORECASE)
_UNITS: dict[str, int] = {
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}


class Secret(str):
    """A str whose ``repr`` hides it, because tools that report errors print the variables of each frame.

    >>> key = Secret("t0ps3cret")
    >>> key, key == "t0ps3cret", f"{key}"
    ('***', True, 't0ps3cret')
    """

    def __repr__(self) -> str:
        return "'***'"


def _to_str(value: Any) -> str:
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise ValueError("a str")


def _to_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if isinstance(value, (str, int)) and text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueError("true or false")


def _to_int(value: Any) -> int:
    if not isinstance(value, bool) and isinstance(value, (str, int, float)):
        try:
            number = int(value)
        except (ValueError, OverflowError):
            number = None
        if number is not None and (isinstance(value, str) or number == value):
            return number
    raise ValueError("a whole number")


def _to_float(value: Any) -> float:
    if not isinstance(value, bool) and isinstance(value, (str, int, float)):
        try:
            return float(value)
        except ValueError:
            pass
    raise ValueError("a number")


def _to_seconds(value: Any) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else _to_float(value)
    if 0 <= seconds < math.inf:
        return seconds
    raise ValueError("a number of seconds, 0 or more")


def _to_backend(value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValueError("the name of a backend, such as 'local' or 's3'")


def _to_version(value: Any) -> str:
    return _to_str(value).strip().lower().removeprefix("v").partition(".")[0]


def _to_callable(value: Any) -> Callable[..., Any]:
    found = value
    if isinstance(value, str):
        try:
            found = pkgutil.resolve_name(value)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(f"{_CALLABLE} ({type(error).__name__}: {str(error)[:120]})") from error
    if callable(found):
        return found  # type: ignore[no-any-return]
    raise ValueError(f"{_CALLABLE} (it is a {type(found).__name__})" if isinstance(value, str) else _CALLABLE)


def _to_service(value: Any) -> str | Callable[..., Any]:
    # no name of a callable has a slash, and a URL may be misspelt
    if isinstance(value, str) and "/" in value:
        return value
    return _to_callable(value)


_KEYS = "a list of keys, each 32 bytes in base64, as 'flask fs keygen' prints them"
_OR_CALLABLE = f"{_KEYS}, or a callable that returns it"


def _to_keys(value: Any) -> list[Secret] | Callable[[], Any]:
    if not callable(value) and not (isinstance(value, str) and ":" in value):
        return keys_of(value, _OR_CALLABLE)
    try:
        return _to_callable(value)
    except ValueError as error:
        why = type(error.__cause__ or error).__name__
    # keys with a colon between them may have been taken for a name, and the error of that has them
    raise ValueError(f"{_OR_CALLABLE} (its name cannot be resolved: {why})")


def keys_of(value: Any, rule: str = _KEYS) -> list[Secret]:
    """Return the keys in a value, which are texts.

    :param value: a list of str, or a str with commas or spaces.
    :param rule: what the value must be.
    :raises ValueError: if it is something else, or has no key. The message has no part of it.
    """
    try:
        keys = _to_list(value)
    except ValueError:
        raise ValueError(rule) from None
    if not keys:
        raise ValueError(f"{rule} (it has no key)")
    if isinstance(value, Set):
        # in each process another one would be the first
        raise ValueError(f"{rule} (a set has no first one)")
    for number, key in enumerate(keys, 1):
        if not is_key(key):
            raise ValueError(f"{rule} (number {number} is no key)")
    return [Secret(key) for key in keys]


def _to_key(value: Any) -> str:
    # flask-fs2 makes keys of bytes
    return _to_str(value.decode("latin-1") if isinstance(value, bytes) else value)


def is_key(text: str) -> bool:
    """Whether a text is a key of 32 bytes in base64, of either alphabet."""
    try:
        return len(base64.b64decode(text.translate(_URLSAFE), validate=True)) == 32
    except (binascii.Error, ValueError):
        return False


def _to_moment(value: Any) -> datetime:
    found = value
    if isinstance(value, str):
        with suppress(ValueError):
            # Python 3.10 does not read the Z
            found = datetime.fromisoformat(re.sub("[Zz]$", "+00:00", value.strip()))
    if isinstance(found, datetime) and found.tzinfo is not None:
        return found
    raise ValueError("a moment with its time zone, such as '2026-12-01T10:00Z'")


def _to_size(value: Any) -> int:
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        # exact, as a float is not
        whole, _, decimals = match[1].partition(".")
        scale: int = 10 ** len(decimals)
        return int(whole + decimals) * _UNITS[match[2].lower()] // scale
    try:
        return _to_int(value)
    except ValueError:
        raise ValueError("a number of bytes, or a size such as '20 MB' or '20 MiB'") from None


def _to_mode(value: Any) -> int:
    try:
        mode = int(value, 8) if isinstance(value, str) else _to_int(value)
    except ValueError:
        mode = -1
    if 0 <= mode <= 0o777:
        return mode
    raise ValueError("permissions: an octal number such as 0o640 or '0640'")


def _to_directory(value: Any) -> str:
    path = _to_str(value)
    directory = os.path.expanduser(path)
    if path.startswith("~") and directory == path:
        user = path.partition("/")[0]
        raise ValueError(f"a directory: {user[:40]!r} is no home directory (./{user[:40]} is one of that name)")
    return directory


def _to_list(value: Any) -> list[str]:
    if isinstance(value, str):
        return [item for item in re.split(r"[\s,]+", value) if item]
    if isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        items = list(value)
        if all(isinstance(item, str) for item in items):
            return items
    raise ValueError("a list of str, or a str with commas or spaces")


def _to_extensions(value: Any) -> Container[str]:
    if isinstance(value, Container) and not isinstance(value, (str, bytes, Iterable)):
        return value
    return [item.lower().lstrip(".") for item in _to_list(value)]


def _to_prefix(value: Any) -> str:
    try:
        return normalize_prefix(_to_str(value)).rstrip("/")
    except InvalidPath:
        raise ValueError("a directory such as 'some/where', without '..'") from None


def _to_dict(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        with suppress(ValueError):
            value = json.loads(value or "{}")
    if isinstance(value, Mapping):
        return dict(value)
    raise ValueError("a dict, or a str with a JSON object")


#: The conversion of each type of option. It raises a ValueError, which says what the value must be.
CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "str": _to_str,
    "backend": _to_backend,
    "bool": _to_bool,
    "int": _to_int,
    "float": _to_float,
    "directory": _to_directory,
    "mode": _to_mode,
    "list": _to_list,
    "extensions": _to_extensions,
    "dict": _to_dict,
    "prefix": _to_prefix,
    "seconds": _to_seconds,
    "size": _to_size,
    "callable": _to_callable,
    "service": _to_service,
    "key": _to_key,
    "keys": _to_keys,
    "moment": _to_moment,
    "version": _to_version,
}
