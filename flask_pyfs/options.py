"""Options: the settings that a backend declares."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .conversions import CONVERTERS, Secret

__all__ = ["Option", "Secret", "is_count", "is_duration"]


def is_duration(seconds: float) -> bool:
    """Whether it is a time that something can wait for: more than a millisecond, and not for ever."""
    return 0.001 <= seconds < math.inf


def is_count(number: int) -> bool:
    """Whether something can be done so often."""
    return number >= 0


@dataclass(frozen=True)
class Option:
    """A setting that a backend declares.

    >>> part_size = Option("PART_SIZE", "int", default=8 * 1024 * 1024)
    >>> part_size.convert("1048576")
    1048576
    >>> Option("MODE", "mode").convert("0640") == 0o640
    True
    >>> Option("DENY", "extensions").convert("php, .EXE")
    ['php', 'exe']
    >>> Option("MAX_SIZE", "size").convert("20 MB")
    20000000
    >>> part_size.convert("many")
    Traceback (most recent call last):
    ...
    ValueError: a whole number

    :param name: the KEY, in upper case.
    :param type: ``str``, ``bool``, ``int``, ``float``, ``directory`` (of the operating system; ``~`` is the home
        directory), ``mode`` (file permissions), ``list`` (of str), ``extensions``, ``prefix`` (a directory of a store),
        ``dict``, ``seconds`` (a number or a ``timedelta``), ``size`` (a number of bytes, or a text such as ``'20 MB'``
        or ``'20 MiB'``), ``version`` (its major number: ``'v2.0'`` is ``'2'``), ``callable`` (or its name, as
        ``'module:name'``), ``service`` (a callable, or the URL of a server), ``key`` (a str or bytes), ``keys`` (of 32
        bytes, in base64, or a callable that returns them), ``moment`` (a ``datetime`` with a time zone, or its text in
        ISO 8601) or ``backend`` (the name of another backend, with settings of its own; see
        :meth:`flask_pyfs.config.Config.side`). A str, as the environment gives it, is converted to the type.
    :param default: the value if the setting is not set.
    :param required: whether a configuration without the setting is rejected.
    :param secret: whether the value is hidden in ``repr``, logs and error messages. A str becomes a :class:`Secret`.
    :param aliases: other KEYs that set it at the same level; the option's own name takes precedence.
    :param named: whether the name of the storage is appended, as a directory, to values of the levels 2 and 3.
    :param levels: the levels that may set it: 1 the storage's, 2 the backend's, 3 the app's.
    :param choices: the allowed values; any value of the type if empty.
    :param check: whether a converted value is possible. It may also raise a ValueError with what the value must be.
    :param rule: what a value must be, with its type, to be read after "must be".
    :param argument: the keyword argument of the backend's filesystem that gets the value; see
        :meth:`flask_pyfs.backends.BaseBackend.arguments`.
    :param wrapper: whether the setting puts a wrapper around the store, such as encryption.
    :raises ValueError: if the type is unknown.
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
    wrapper: bool = False

    def __post_init__(self) -> None:
        if self.type not in CONVERTERS:
            raise ValueError(f"option {self.name}: type must be one of {', '.join(CONVERTERS)}, not {self.type!r}")

    def convert(self, value: Any) -> Any:
        """Convert a value to the type of the option.

        :raises ValueError: if the value cannot be converted or is not one of the choices. The message says what it must
            be.
        """
        if self.secret and isinstance(value, float):
            # Flask's from_prefixed_env takes a key such as 12e3 for a number, and its digits are lost
            raise ValueError("a text: it was read as a number, so put it in double quotes")
        try:
            converted = CONVERTERS[self.type](value)
        except ValueError as error:
            raise (ValueError(self.rule) if self.rule else error) from error.__cause__
        if self.choices and converted not in self.choices:
            raise ValueError(f"one of {', '.join(map(str, self.choices))}")
        if self.check is not None and not self.check(converted):
            raise ValueError(self.rule)
        return Secret(converted) if self.secret and isinstance(converted, str) else converted
