"""What the settings of a storage ask of its backend and of the app. It is checked when the storage is configured."""

from __future__ import annotations

from flask import Flask

from ..backends.base import BaseBackend
from ..common import COMMON, route_prefix
from ..keys import refusal
from ..origins import set_by
from ..state import StandIn, State

__all__ = ["require_possible"]

_MODES = next(option.choices for option in COMMON if option.name == "SERVE_MODE")


def require_possible(state: State) -> None:
    """Check that a storage can do what its settings ask for.

    :raises flask_pyfs.errors.ConfigurationError: if its own SERVE_MODE or that of its backend is not possible. Also, on
        an app and not in a script, if the app has no SECRET_KEY and must sign the URLs of a PRIVATE storage, or if
        Flask answers at the URLs of the storage itself.
    """
    _require_mode(state)
    if not isinstance(state.app, StandIn):
        _require_secret_key(state)
        _require_urls(state)


def _require_mode(state: State) -> None:
    mode, key = state.config["serve_mode"], set_by(state.config, "SERVE_MODE")
    # at level 3 it is for all storages that can
    if key not in (None, "FS_SERVE_MODE") and (obstacle := _obstacle(state, mode)):
        possible = " or ".join(repr(other) for other in _MODES if not _obstacle(state, other))
        cannot = f"which the backend {state.backend_name!r} cannot do, because {obstacle}"
        raise refusal(f"{key} is {mode!r}, {cannot}: use {possible}", state.storage.name)


def _obstacle(state: State, mode: str) -> str | None:
    if isinstance(state.backend, BaseBackend):
        return state.backend.obstacle_to(mode)
    return None if mode == "stream" or (mode == "sendfile" and state.root) else "it was written for Flask-FS"


def _require_secret_key(state: State) -> None:
    # a store that signs its URLs needs no signature of the app
    is_signed_elsewhere = isinstance(state.backend, BaseBackend) and state.backend.signs_urls
    if state.config["private"] and not state.app.secret_key and not is_signed_elsewhere:
        key = set_by(state.config, "PRIVATE")
        raise refusal(
            f"{key} is on, but the app has no SECRET_KEY, so it cannot sign URLs: set SECRET_KEY before init_app",
            state.storage.name,
        )


def _require_urls(state: State) -> None:
    url = f"{route_prefix(state.app.config) or ''}/{state.storage.name}/"
    # files on another server are not reached by the route
    if url in _static_urls(state.app) and not state.config["url"]:
        raise refusal(
            f"Flask answers at {url} with its static files, so those of this storage are never served: set FS_PREFIX, "
            "or give the storage another name",
            state.storage.name,
        )


def _static_urls(app: Flask) -> set[str]:
    # below them, the route of the storages is the more specific one
    rules = app.url_map.iter_rules("static") if "static" in app.view_functions else ()
    return {rule.rule.removesuffix("<path:filename>") for rule in rules}
