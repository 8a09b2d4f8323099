"""References in JSON: the provider of an app writes them wherever they are in what it is given."""

from __future__ import annotations

from functools import wraps
from typing import Any

from flask import Flask

from .file import FileReference


def teach(app: Flask, **event: Any) -> None:
    """Let the JSON provider of an app, whichever it has now, write references as :meth:`FileReference.to_json` does.

    Its ``default`` gets all other values that it got before. A provider without ``default`` stays as it is.
    """
    provider: Any = app.json
    default = getattr(provider, "default", None)
    if default is None or hasattr(default, "_writes_references"):
        return

    @wraps(default)
    def write(value: Any) -> Any:
        return value.to_json() if isinstance(value, FileReference) else default(value)

    write._writes_references = True  # type: ignore[attr-defined]
    provider.default = write
