"""The URLs of files."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Flask, has_request_context, request
from werkzeug.routing import PathConverter

from ..common import route_prefix

#: The endpoint of the route that serves files.
ENDPOINT = "fs.get_file"

#: The endpoint of the rooms that answer below ``/-/``.
ROOM = "fs.call_room"

# what Werkzeug leaves as it is in a path
_SAFE = "!$&'()*+,/:;=@"


def base_url(app: Flask, storage: str, configured: str | None) -> str:
    """Return the URL that the URLs of a storage's files begin with. It ends with a slash.

    :param app: the app that the storage is configured on.
    :param storage: the storage's name.
    :param configured: the setting URL. A host without a scheme gets the scheme of the request, or ``http`` outside a
        request; a path stays a path.
    """
    if not configured:
        return _route(app, storage, "", external=knows_host(app))
    url = configured if configured.endswith("/") else configured + "/"
    if "://" in url or (url.startswith("/") and not url.startswith("//")):
        return url
    scheme = request.scheme if has_request_context() else "http"
    return f"{scheme}://{url.lstrip('/')}"


def file_url(app: Flask, storage: str, configured: str | None, name: str, external: bool) -> str:
    """Return the URL of a file. Makes no request to the store.

    :param app: the app that the storage is configured on.
    :param storage: the storage's name.
    :param configured: the setting URL.
    :param name: the file's name.
    :param external: return an absolute URL.
    :raises RuntimeError: with ``external``, if nothing tells the host.
    """
    if not configured:
        return _route(app, storage, name, external)
    base, path = base_url(app, storage, configured), quote(name, errors="surrogateescape")
    if base == "/" and path.startswith("/"):
        # two slashes would begin the name of a host
        path = f"%2F{path[1:]}"
    url = base + path
    if not external or "://" in base:
        return url
    # urljoin would drop the components "." of the name
    return _host_url(app, storage) + url


def with_query(url: str, query: str) -> str:
    """Return a URL with a query added to it."""
    return f"{url}{'&' if '?' in url else '?'}{query}"


def knows_host(app: Flask) -> bool:
    """Return whether something tells the host of the app: a request, or ``SERVER_NAME``."""
    return has_request_context() or bool(app.config["SERVER_NAME"])


def _host_url(app: Flask, storage: str) -> str:
    if has_request_context():
        return request.host_url.removesuffix("/")
    host = app.config["SERVER_NAME"]
    if not host:
        raise RuntimeError(
            f"storage {storage!r}: outside a request, nothing tells the host of absolute URLs: set 'SERVER_NAME', and "
            "'APPLICATION_ROOT' and 'PREFERRED_URL_SCHEME' as needed"
        )
    return f"{app.config['PREFERRED_URL_SCHEME']}://{host}"


def _route(app: Flask, storage: str, name: str, external: bool) -> str:
    host = _host_url(app, storage) if external else ""
    if ENDPOINT not in app.view_functions:
        # the app did not call init_app, or is a script: the files are at their URLs in the app that did
        return f"{host}{_root_of(app)}/{storage}/{quote(name, _SAFE, errors='surrogateescape')}"
    # Werkzeug builds no URL with an empty path, so the base is the URL of the file "-" without its name
    url = _built(app, ENDPOINT, {"fs": storage, "filename": name or "-"}, external)
    return url if name else url[:-1]


def room_url(app: Flask, storage: str, room: str, rest: str, external: bool) -> str:
    """Return the URL below ``/-/`` at which a room answers.

    :param app: the app that the storage is configured on.
    :param storage: the storage's name, for the error.
    :param rest: what follows the name of the room: letters, digits, ``-``, ``_``, ``.`` and ``/``.
    :param external: return an absolute URL.
    :raises RuntimeError: with ``external``, if nothing tells the host.
    """
    host = _host_url(app, storage) if external else ""
    if ROOM not in app.view_functions:
        return f"{host}{_root_of(app)}/-/{room}/{rest}"
    return _built(app, ROOM, {"room": room, "rest": rest}, external)


def _root_of(app: Flask) -> str:
    root = request.root_path if has_request_context() else app.config["APPLICATION_ROOT"]
    return root.rstrip("/") + (route_prefix(app.config) or "")


def _built(app: Flask, endpoint: str, values: dict[str, Any], external: bool) -> str:
    # the routes of this app, even during a request to another app
    adapter = app.create_url_adapter(request if has_request_context() else None)
    if adapter is None:
        adapter = app.url_map.bind("", script_name=app.config["APPLICATION_ROOT"])
    app.inject_url_defaults(endpoint, values)
    return adapter.build(endpoint, values, force_external=external)


class NameConverter(PathConverter):
    """Matches the name of a file in a URL: any, also with a leading slash or a line break."""

    regex = r"[\s\S]+?"
    part_isolating = False

    def to_url(self, value: Any) -> str:
        # the bytes of a name that is not UTF-8 (PEP 383)
        return quote(str(value), _SAFE, errors="surrogateescape")
