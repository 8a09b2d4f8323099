"""Objects of this package in JSON: the provider of an app writes them wherever they are in what it is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from functools import wraps
from typing import Any

from flask import Flask


class InJSON(ABC):
    """An object that the JSON provider of an app writes."""

    @abstractmethod
    def to_json(self) -> Any:
        """Return what is written for it, of types that every provider knows."""


def teach(app: Flask, **event: Any) -> None:
    """Let the JSON provider of an app, whichever it has now, write each :class:`InJSON` as its ``to_json`` does.

    Its ``default`` gets all other values that it got before. A provider without one, or with one that cannot be
    replaced, stays as it is.
    """
    provider: Any = app.json
    default = getattr(provider, "default", None)
    # functools.wraps copies the attribute to what an app puts around it
    if default is None or getattr(default, "_writes_in_json", None) is default:
        return

    @wraps(default)
    def write(value: Any) -> Any:
        return value.to_json() if isinstance(value, InJSON) else default(value)

    write._writes_in_json = write  # type: ignore[attr-defined]
    with suppress(AttributeError):
        provider.default = write
