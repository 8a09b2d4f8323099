"""How the URL of a file is made."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urljoin

from flask import Flask, has_request_context, request, url_for

__all__ = ["ENDPOINT", "base_url", "file_url"]

#: The endpoint of the route that serves files.
ENDPOINT = "fs.get_file"


def base_url(app: Flask, storage: str, configured: str | None) -> str:
    """Return the URL below which the files of a storage are found, with its final slash.

    :param app: the app that the storage is configured on.
    :param storage: the storage's name.
    :param configured: the URL setting. A host without a scheme takes the scheme of the request, ``http`` outside
        one; a path stays a path.
    """
    if not configured:
        return _route(app, storage, "", external=True)
    url = configured if configured.endswith("/") else configured + "/"
    if "://" in url or (url.startswith("/") and not url.startswith("//")):
        return url
    scheme = request.scheme if has_request_context() else "http"
    return f"{scheme}://{url.lstrip('/')}"


def file_url(app: Flask, storage: str, configured: str | None, name: str, external: bool) -> str:
    """Return the URL of a file; the store is not asked.

    :param app: the app that the storage is configured on.
    :param storage: the storage's name.
    :param configured: the URL setting.
    :param name: the file's name.
    :param external: make it absolute. Outside a request, without ``SERVER_NAME``, it is the path alone.
    """
    if not configured:
        return _route(app, storage, name, external)
    url = base_url(app, storage, configured) + quote(name)
    return urljoin(request.host_url, url) if external and has_request_context() else url


def _route(app: Flask, storage: str, name: str, external: bool) -> str:
    # Werkzeug builds no URL with an empty path converter, so the base is the URL of a file less its name.
    values: dict[str, Any] = {"fs": storage, "filename": name or "-"}
    if has_request_context():
        url = url_for(ENDPOINT, _external=external, **values)
    elif app.config["SERVER_NAME"]:
        with app.app_context():
            url = url_for(ENDPOINT, _external=external, **values)
    else:
        url = app.url_map.bind("", script_name=app.config["APPLICATION_ROOT"]).build(ENDPOINT, values)
    return url if name else url[:-1]
