"""The settings that a backend declares, and how their values are converted."""

from __future__ import annotations

import json
import math
import os
import pkgutil
import re
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from .errors import InvalidPath
from .names import normalize_prefix

__all__ = ["Option", "is_count", "is_duration"]

_TRUE = {"1", "true", "yes", "on", "y", "t"}
_FALSE = {"0", "false", "no", "off", "n", "f", ""}


def _to_str(value: Any) -> str:
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise ValueError("text")


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
    raise ValueError("a number of seconds")


def is_duration(seconds: float) -> bool:
    """Whether it is a time that something can wait for: more than a millisecond, and not for ever."""
    return 0.001 <= seconds < math.inf


def is_count(number: int) -> bool:
    """Whether something can be done so often."""
    return number >= 0


def _to_version(value: Any) -> str:
    return _to_str(value).removeprefix("v").partition(".")[0]


def _to_callable(value: Any) -> Callable[..., Any]:
    if isinstance(value, str):
        try:
            value = pkgutil.resolve_name(value)
        except (ImportError, AttributeError, ValueError):
            raise ValueError("a callable, or the name of one such as 'package.module:function'") from None
    if callable(value):
        return value  # type: ignore[no-any-return]
    raise ValueError("a callable, or the name of one such as 'package.module:function'")


def _to_mode(value: Any) -> int:
    try:
        mode = int(value, 8) if isinstance(value, str) else _to_int(value)
    except ValueError:
        mode = -1
    if 0 <= mode <= 0o777:
        return mode
    raise ValueError("permissions such as 0o644 or '0644'")


def _to_list(value: Any) -> list[str]:
    if isinstance(value, str):
        return [item for item in re.split(r"[\s,]+", value) if item]
    if isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        items = list(value)
        if all(isinstance(item, str) for item in items):
            return items
    raise ValueError("a list of texts")


def _to_extensions(value: Any) -> Container[str]:
    if isinstance(value, Container) and not isinstance(value, (str, bytes, Iterable)):
        return value
    return [item.lower().lstrip(".") for item in _to_list(value)]


def _to_prefix(value: Any) -> str:
    try:
        return normalize_prefix(_to_str(value)).rstrip("/")
    except InvalidPath:
        raise ValueError("a directory such as 'some/where'") from None


def _to_dict(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        with suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise ValueError("a mapping")


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "str": _to_str,
    "bool": _to_bool,
    "int": _to_int,
    "float": _to_float,
    "mode": _to_mode,
    "list": _to_list,
    "extensions": _to_extensions,
    "dict": _to_dict,
    "prefix": _to_prefix,
    "seconds": _to_seconds,
    "callable": _to_callable,
    "version": _to_version,
}


@dataclass(frozen=True)
class Option:
    """A setting that a backend declares.

    :param name: the KEY, in upper case.
    :param type: ``str``, ``bool``, ``int``, ``float``, ``mode`` (file permissions), ``list`` (of texts),
        ``extensions``, ``prefix`` (a directory), ``dict``, ``seconds`` (a number or a ``timedelta``), ``version`` (its
        major number: ``'v2.0'`` is ``'2'``) or ``callable`` (or ``'module:name'`` of one). Texts, as the environment
        gives them, are converted.
    :param default: the value where nothing is set.
    :param required: refuse a configuration without it.
    :param secret: never show the value.
    :param aliases: other KEYs that set it at the same level; its own name wins.
    :param named: a value above the storage's own level gets the storage's name appended, as a directory.
    :param levels: the levels that may set it: 1 the storage's, 2 the backend's, 3 the app's.
    :param choices: the values that it may have, where these are few.
    :param check: whether a converted value is possible.
    :param rule: what ``check`` asks for, to be read after "must be".
    :param argument: the keyword argument of the backend's filesystem that gets the value; see
        :meth:`flask_pyfs.backends.BaseBackend.arguments`.
    """

    name: str
    type: str = "str"
    default: Any = None
    required: bool = False
    secret: bool = False
    aliases: tuple[str, ...] = ()
    named: bool = False
    levels: tuple[int, ...] = field(default=(1, 2, 3))
    choices: tuple[Any, ...] = ()
    check: Callable[[Any], bool] | None = None
    rule: str = ""
    argument: str | None = None

    def __post_init__(self) -> None:
        if self.type not in _CONVERTERS:
            raise ValueError(f"{self.name}: an option's type is one of {', '.join(_CONVERTERS)}, not {self.type!r}")

    def convert(self, value: Any) -> Any:
        """Return a value as the type of the option asks for.

        :raises ValueError: for what it cannot be made of; the message says what it must be.
        """
        converted = _CONVERTERS[self.type](value)
        if self.choices and converted not in self.choices:
            raise ValueError(f"one of {', '.join(map(str, self.choices))}")
        if self.check is not None and not self.check(converted):
            raise ValueError(self.rule)
        return converted
