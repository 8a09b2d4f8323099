"""Converts the values of settings, and refuses those that are impossible."""

from __future__ import annotations

import re
from typing import Any

from .errors import shortened
from .keys import refusal
from .options import Option

__all__ = ["converted", "shown", "sounds_secret"]

_SECRET_KEY = re.compile(r"secret|password|passwd|token|credential|(^|_)key$", re.IGNORECASE)


def sounds_secret(key: str) -> bool:
    """Return whether the value of a setting is hidden because of the name of the setting."""
    return _SECRET_KEY.search(key) is not None


def converted(option: Option, key: str, value: Any, storage: str | None) -> Any:
    """Return the value of a setting in the type of its option.

    :param key: the name of the setting, as it is set.
    :param storage: the storage's name, or None for a setting of the app.
    :raises flask_pyfs.errors.ConfigurationError: if the value is impossible.
    """
    try:
        return option.convert(value)
    except (ValueError, TypeError) as error:
        given = "" if option.secret or sounds_secret(key) else f", not {shown(value)}"
        # what cannot be imported has a cause
        raise refusal(f"{key} must be {error}{given}", storage) from error.__cause__


def shown(value: Any) -> str:
    """Return a value for a message: cut, and without the password of a URL."""
    text = repr(value)
    login, hidden = ("//.*@", "//***@") if "//" in text else ("^(['\"]?).*:.*@", r"\1***@")
    return shortened(re.sub(login, hidden, text), 60)
