"""Durations as people write them: ``90``, ``15m``, ``1h30m``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import click

__all__ = ["DURATION"]

if TYPE_CHECKING:
    _ParamType = click.ParamType[timedelta]
else:
    # older versions of click take no type
    _ParamType = click.ParamType

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


class _Duration(_ParamType):
    name = "duration"

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> timedelta:
        """Return the duration that a text means: a number of seconds, or numbers with units."""
        if isinstance(value, timedelta):
            return value
        text = str(value).strip().lower()
        if re.fullmatch(r"[0-9]{1,11}(\.[0-9]+)?", text):
            text = f"{text}s"
        units = "".join(rf"(?:(?P<{unit}>[0-9]{{1,9}}(?:\.[0-9]+)?){unit})?" for unit in _UNITS)
        found = re.fullmatch(units, text.replace(" ", "")) if text else None
        if found is None:
            self.fail(f"{value!r} is no duration: write seconds, or 15m, 1h, 7d", parameter, context)
        parts = {_UNITS[unit]: float(number) for unit, number in found.groupdict().items() if number}
        try:
            return timedelta(**parts)
        except OverflowError:
            self.fail(f"{value!r} is too long", parameter, context)


#: A number of seconds, or numbers with units: ``w``, ``d``, ``h``, ``m``, ``s``.
DURATION = _Duration()
