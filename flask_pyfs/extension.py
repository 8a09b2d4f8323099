"""Sets storages up on an app, and finds them by name."""

from __future__ import annotations

import os

from flask import Flask, current_app

from .config import DEFAULT_BACKEND, route_prefix, serves
from .routes import make_blueprint
from .state import registry_of, require_registry
from .storage import Storage
from .web.urls import ENDPOINT


def init_app(app: Flask, *storages: Storage) -> None:
    """Configure storages on an app, and register the route that serves them.

    Makes no request to a store and starts no thread. An app may call it again with more storages.

    >>> from flask import Flask
    >>> import flask_pyfs as fs
    >>> images = fs.Storage("images", fs.IMAGES)
    >>> app = Flask("shop")
    >>> fs.init_app(app, images)
    >>> app.extensions["fs"]["images"]
    <Storage 'images'>

    :param app: the app.
    :param storages: the storages.
    :raises flask_pyfs.errors.ConfigurationError: if a setting is missing or invalid; the message names its keys.
    """
    app.config.setdefault("FS_SERVE", app.config.get("DEBUG", False))
    app.config.setdefault("FS_ROOT", os.path.join(app.instance_path, "fs"))
    app.config.setdefault("FS_PREFIX", None)
    app.config.setdefault("FS_URL", None)
    app.config.setdefault("FS_BACKEND", DEFAULT_BACKEND)
    app.config.setdefault("FS_IMAGES_OPTIMIZE", False)

    registry = registry_of(app)
    for storage in storages:
        storage.configure(app)
        registry[storage.name] = storage
    serves(app.config)
    if ENDPOINT not in app.view_functions:
        app.register_blueprint(make_blueprint(), url_prefix=route_prefix(app.config))


def by_name(name: str) -> Storage | None:
    """Return the storage of that name on the current app, or None if there is none.

    :raises flask_pyfs.errors.ConfigurationError: if ``init_app`` was not called for the app.
    """
    storage: Storage | None = require_registry(current_app).get(name)
    return storage
