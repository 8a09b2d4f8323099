"""Durations as people write them: ``90``, ``15m``, ``1h30m``, ``2 days``."""

from __future__ import annotations

import re
from datetime import timedelta

import click

from .parameters import ParamType

__all__ = ["AGE", "DURATION"]

_UNITS = {
    "weeks": r"w(?:eeks?)?",
    "days": r"d(?:ays?)?",
    "hours": r"h(?:ours?)?",
    "minutes": r"m(?:in(?:utes?)?)?",
    "seconds": r"s(?:ec(?:onds?)?)?",
}
_PARTS = re.compile(
    "".join(rf"(?:(?P<{name}>[0-9]{{1,9}}(?:\.[0-9]+)?) *{unit}(?:$| *(?=[0-9])))?" for name, unit in _UNITS.items())
)
_SECONDS = re.compile(r"[0-9]{1,11}(\.[0-9]+)?")


class _Duration(ParamType[timedelta]):
    name = "duration"

    def __init__(self, *, needs_unit: bool = False) -> None:
        self._needs_unit = needs_unit

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> timedelta:
        """Return the duration that a text means: numbers with units, or a number of seconds."""
        if isinstance(value, timedelta):
            return value
        text = str(value).strip().lower()
        if _SECONDS.fullmatch(text) and not self._needs_unit:
            text = f"{text}s"
        found = _PARTS.fullmatch(text) if text else None
        if found is None:
            start = "a number and its unit" if self._needs_unit else "seconds, or a number and its unit"
            self.fail(f"{value!r} is no duration: write {start}, such as 15m, 1h30m, 7d, 2w", parameter, context)
        parts = {name: float(number) for name, number in found.groupdict().items() if number}
        try:
            return timedelta(**parts)
        except OverflowError:
            self.fail(f"{value!r} is too long", parameter, context)


#: A number of seconds, or numbers with units, from weeks to seconds: ``1h30m``, ``2 days``.
DURATION = _Duration()
#: The same of what may be deleted. A number without its unit is refused, since it may have been meant as days.
AGE = _Duration(needs_unit=True)
