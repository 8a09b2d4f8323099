"""Sets storages up on an app, and finds them by name."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from functools import partial
from itertools import chain

from flask import Flask, Response, appcontext_pushed, current_app, has_app_context

from .backends.base import BaseBackend
from .backends.registry import all_options, installed, options_of
from .backends.surroundings import surroundings
from .common import APP, COMMON, DEFAULT_BACKEND, handles_errors, route_prefix, serves, upload_origins
from .config import Config, with_defaults
from .errors import ConfigurationError, FileNotFound, InvalidPath
from .misspelt import Misspelt, reaching_nothing
from .routes import make_blueprint
from .state import registry_of, require_registry
from .storage import Storage
from .web.delivery import streamed
from .web.downloads import requested_download
from .web.failures import missing, register
from .web.json import teach
from .web.responses import harden
from .web.urls import ENDPOINT

_log = logging.getLogger(__name__)


class WrongArguments(ConfigurationError, TypeError):
    """``init_app`` was called with something else than an app and storages."""


def init_app(app: Flask, *storages: Storage) -> None:
    """Configure storages on an app, register the route that serves them, and answer the errors that clients cause.

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
    :raises flask_pyfs.errors.ConfigurationError: if a setting is missing or invalid; the message names its keys. It is
        a TypeError as well if the arguments are not an app and storages, in this order.
    """
    _require_order(app, storages)
    registry, settings = registry_of(app), app.config
    registry.set_default(settings, "FS_SERVE", settings.get("DEBUG", False))
    registry.set_default(settings, "FS_ROOT", os.path.join(app.instance_path, "fs"))
    registry.set_default(settings, "FS_PREFIX", None)
    registry.set_default(settings, "FS_URL", None)
    registry.set_default(settings, "FS_BACKEND", DEFAULT_BACKEND)
    registry.set_default(settings, "FS_IMAGES_OPTIMIZE", False)

    for storage in storages:
        storage.configure(app)
        registry[storage.name] = storage
    serves(app.config)
    handles_errors(app.config)
    upload_origins(app.config)
    teach(app)
    # the app may get another provider after this
    appcontext_pushed.connect(teach, app)
    if ENDPOINT not in app.view_functions:
        app.register_blueprint(make_blueprint(), url_prefix=route_prefix(app.config))
    register(app)
    _log_misspelt(app)


def _require_order(app: object, storages: tuple[object, ...]) -> None:
    if not isinstance(app, Flask):
        given = f"{app!r} is first" if isinstance(app, Storage) else f"the first is a {type(app).__name__}"
        raise WrongArguments(f"call init_app(app, storage, …), with the app first: here, {given}")
    for storage in storages:
        if not isinstance(storage, Storage):
            what = type(storage).__name__
            hint = "unpack it: init_app(app, *storages)" if isinstance(storage, (list, tuple, set)) else "construct one"
            raise WrongArguments(f"call init_app(app, storage, …): after the app, a {what} is no Storage; {hint}")


def misspelt_settings(app: Flask) -> Iterator[Misspelt]:
    """Find the settings of the app as a whole that reach nothing, and are close to one that would."""
    registry = registry_of(app)
    of_backends = (options_of(type(state.backend)) or () for state in registry.states.values())
    known = (*APP, *COMMON, *chain.from_iterable(of_backends))
    return reaching_nothing(app.config, known, installed, all_options, list(registry))


def _log_misspelt(app: Flask) -> None:
    for key, meant in misspelt_settings(app):
        if registry_of(app).is_first(key):
            _log.warning("%s has no effect: did you mean %s?", key, meant)


def by_name(name: str) -> Storage | None:
    """Return the storage of that name on the current app, or None if there is none.

    :raises flask_pyfs.errors.ConfigurationError: if ``init_app`` was not called for the app.
    """
    storage: Storage | None = require_registry(current_app).get(name)
    return storage


def _default_root() -> str | None:
    if not has_app_context():
        return None
    root: str | None = current_app.config.get("FS_LOCAL_ROOT") or current_app.config.get("FS_ROOT")
    return root


def _respond(backend: BaseBackend, filename: str) -> Response:
    # its own method, because one that overrides it may have called this
    config = with_defaults(Config(backend.config), COMMON, backend.name)
    try:
        response = streamed(partial(BaseBackend.serve, backend), config, filename, _ignore)
    except (FileNotFound, InvalidPath) as error:
        raise missing(filename, backend.name) from error
    if saved := requested_download(signed=False):
        response.headers["Content-Disposition"] = saved.disposition_of(filename)
    harden(config, response)
    return response


def _ignore() -> None:
    pass


surroundings.default_root, surroundings.respond = _default_root, _respond
