"""Storages on an app."""

from __future__ import annotations

import os

from flask import Flask, current_app

from .config import DEFAULT_BACKEND, route_prefix, serves
from .storage import Storage
from .web.delivery import make_blueprint
from .web.urls import ENDPOINT

__all__ = ["by_name", "init_app"]


def init_app(app: Flask, *storages: Storage) -> None:
    """Configure storages on an app and register the route that serves them.

    May be called again with more storages. It makes no request to a store and starts no thread.

    :param app: the app.
    :param storages: the storages.
    :raises flask_pyfs.errors.ConfigurationError: for a setting that is missing or wrong.
    """
    app.config.setdefault("FS_SERVE", app.config.get("DEBUG", False))
    app.config.setdefault("FS_ROOT", os.path.join(app.instance_path, "fs"))
    app.config.setdefault("FS_PREFIX", None)
    app.config.setdefault("FS_URL", None)
    app.config.setdefault("FS_BACKEND", DEFAULT_BACKEND)
    app.config.setdefault("FS_IMAGES_OPTIMIZE", False)

    configured = app.extensions.setdefault("fs", {})
    for storage in storages:
        storage.configure(app)
        configured[storage.name] = storage
    serves(app.config)
    if ENDPOINT not in app.view_functions:
        app.register_blueprint(make_blueprint(), url_prefix=route_prefix(app.config))


def by_name(name: str) -> Storage | None:
    """Return the storage of that name on the current app, or None."""
    storage: Storage | None = current_app.extensions["fs"].get(name)
    return storage
