"""Checks of the app as a whole. They make no request."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from flask import Flask

from ..settings import Unread
from ..state import find, require_registry
from .findings import Finding, Level, signs_urls
from .restarting import Restart

# what tutorials write
_KNOWN = {
    "dev",
    "development",
    "secret",
    "secret key",
    "secret-key",
    "secretkey",
    "changeme",
    "change me",
    "test",
    "key",
}
_SHORTEST = 16

# settings of storages in the environment, as Flask reads them
_IN_ENVIRONMENT = re.compile(r"FLASK_((?:\w+_)?FS_\w+)")


def examine(app: Flask, unread: Iterable[Unread], restart: Restart | None) -> Iterator[Finding]:
    """Check the settings of an app.

    :param unread: its settings that reach no storage.
    :param restart: another process that loads the app; None if none can.
    """
    yield from _settings(unread)
    yield from _environment(app)
    yield _debug(app)
    yield from _secret_key(app, restart)


def _found(check: str, level: Level, message: str) -> Finding:
    return Finding(None, check, level, message)


def _settings(found: Iterable[Unread]) -> Iterator[Finding]:
    # those of a storage are told with it
    unread = [f"{each.key}: {each.reason}" for each in found if each.storage is None]
    for message in unread:
        yield _found("settings", "warning", message)
    if not unread:
        yield _found("settings", "ok", "each setting reaches something")


def _environment(app: Flask) -> Iterator[Finding]:
    registry = require_registry(app)

    def is_read(key: str) -> bool:
        return key in app.config and not registry.is_default(app.config, key)

    found = filter(None, map(_IN_ENVIRONMENT.fullmatch, sorted(os.environ)))
    # a name in several parts is that of a value in a dict
    if missing := [each[0] for each in found if not is_read(each[1].partition("__")[0])]:
        message = "set in the environment, and the app does not read it: call app.config.from_prefixed_env()"
        yield _found("environment", "warning", f"{', '.join(missing)}: {message} before init_app")


def _debug(app: Flask) -> Finding:
    if app.debug and not app.testing:
        message = "DEBUG is on: in production, turn DEBUG off"
        if require_registry(app).is_default(app.config, "FS_SERVE"):
            message += ". FS_SERVE is on only because of it: set FS_SERVE if the app sends the files"
        return _found("debug", "warning", message)
    return _found("debug", "ok", "DEBUG is off")


def _secret_key(app: Flask, restart: Restart | None) -> Iterator[Finding]:
    key = app.secret_key
    if not key:
        if _signs(app):
            message = "the app has no SECRET_KEY, so url() with expires and upload_url() fail: set a long random one"
            yield _found("secret-key", "warning", message)
        return
    raw = key if isinstance(key, bytes) else str(key).encode()
    text = raw.decode(errors="replace")
    if text.lower() in _KNOWN or len(text) < _SHORTEST:
        message = "SECRET_KEY is one that can be guessed, and who does signs URLs of all files: set a long random one"
        yield _found("secret-key", "warning", message)
    else:
        yield _found("secret-key", "ok", "SECRET_KEY is long")
    if restart is None:
        yield _found(
            "restart", "skipped", "the app was not loaded by its name, so it cannot be loaded again to compare"
        )
        return
    again = restart.has_key(raw)
    if again is None:
        yield _found("restart", "skipped", "the app cannot be loaded a second time to compare its SECRET_KEY")
    elif again:
        yield _found("restart", "ok", "SECRET_KEY is the same at each start")
    else:
        message = "SECRET_KEY is another one at each start, so signed URLs end with a restart, and other processes "
        yield Finding(None, "restart", "error", f"{message}refuse them: set SECRET_KEY to one fixed random text")


def _signs(app: Flask) -> bool:
    """Return whether the URLs of a storage, or the uploads to it, are signed by the app and not by the store."""
    with app.app_context():
        return any(each.verifies or not signs_urls(find(each)) for each in require_registry(app).values())
