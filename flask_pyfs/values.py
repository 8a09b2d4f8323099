"""Converts the values of settings, and refuses those that are impossible."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import shortened
from .keys import refusal
from .options import Option

__all__ = ["converted", "disclosed", "shown", "sounds_secret"]

_SECRET_KEY = re.compile(
    "secret|password|passwd|passphrase|pwd|token|credential|signature|api_?key|connection_?string"
    "|(^|_)(key|pass|dsn|sas)$",
    re.IGNORECASE,
)


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
    """Return a value for a message: cut, and without the password and the query of a URL."""
    return shortened(_without_secrets(repr(value)), 60)


def _without_secrets(text: str) -> str:
    login, hidden = ("//.*@", "//***@") if "//" in text else ("^(['\"]?).*:.*@", r"\1***@")
    text = re.sub(login, hidden, text)
    # a quotation mark at the end is that of the repr
    return re.sub("(//[^?#]*)[?#].*?(['\"]?)$", r"\1?…\2", text, flags=re.DOTALL)


def disclosed(option: Option, value: Any) -> Any:
    """Return a value for people and for JSON, without what is secret.

    >>> disclosed(Option("MONGO_URL", secret=True), "mongodb://ann:t0ps3cret@db.example.org/?tls=true")
    'mongodb://ann:***@db.example.org/***'

    Of a secret URL, the path is hidden too, and of any URL the query and the fragment.
    """
    if option.type == "mode" and isinstance(value, int):
        return f"{value:04o}"
    return _disclosed(option.name, value, option.secret)


def _disclosed(name: str, value: Any, is_secret: bool = False) -> Any:
    if value is None:
        return None
    if sounds_secret(name):
        return "***"
    if is_secret:
        return _address_of(value) if isinstance(value, str) else "***"
    if isinstance(value, str):
        # not the repr of a subclass
        return _without_secrets(str(value))
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _disclosed(str(key), each) for key, each in value.items()}
    if callable(value):
        return f"{value.__module__}:{value.__qualname__}" if hasattr(value, "__qualname__") else type(value).__name__
    return [_disclosed("", each) for each in value] if isinstance(value, Iterable) else type(value).__name__


def _address_of(url: str) -> str:
    """Return a secret URL as far as anybody may see it; who wrote it may have forgotten to quote the password."""
    scheme, found, rest = url.partition("://")
    login, at, place = rest.rpartition("@")
    if not found or "?" in login:
        return f"{scheme}://***" if found else "***"
    user, colon, _ = login.partition(":")
    # what stands alone may be a token
    shown_login = f"{user if colon else '***'}{':***' if colon else ''}@" if at else ""
    server = re.split("[/?#]", place, maxsplit=1)[0]
    return f"{scheme}://{shown_login}{server}{'/***' if server != place else ''}"
