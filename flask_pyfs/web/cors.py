"""Lets pages of other origins use the routes below ``/-/``, and upload by signed URLs: CORS, by FS_UPLOAD_ORIGINS."""

from __future__ import annotations

import re

from flask import Response, after_this_request, current_app, request

from ..common import upload_origins

__all__ = ["allow_pages"]

# what a script may read of a response, besides what the standard lets it
_EXPOSED = ", ".join(
    (
        "ETag",
        "Location",
        "Retry-After",
        "Tus-Checksum-Algorithm",
        "Tus-Extension",
        "Tus-Max-Size",
        "Tus-Resumable",
        "Tus-Version",
        "Upload-Complete",
        "Upload-Defer-Length",
        "Upload-Expires",
        "Upload-Length",
        "Upload-Limit",
        "Upload-Metadata",
        "Upload-Offset",
    )
)

_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?: *, *[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")


def allow_pages(methods: list[str]) -> Response | None:
    """Let the page that made the current request read the answer, if FS_UPLOAD_ORIGINS has its origin.

    Pages of the origins in a list may send cookies, which AUTHORIZE may need; those of ``*`` may not.

    :param methods: the methods of the route.
    :return: the answer to a preflight, or None if the request is none, or of no such page.
    """
    origins = upload_origins(current_app.config)
    if not origins:
        return None
    is_any = origins == ("*",)
    origin = request.headers.get("Origin")
    is_allowed = origin is not None and (is_any or origin in origins)

    @after_this_request
    def expose(response: Response) -> Response:
        if not is_any:
            response.vary.add("Origin")
        if is_allowed:
            response.headers["Access-Control-Allow-Origin"] = "*" if is_any else str(origin)
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
            if not is_any:
                response.headers["Access-Control-Allow-Credentials"] = "true"
        return response

    if not is_allowed or request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    response = Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = ", ".join(methods)
    asked = request.headers.get("Access-Control-Request-Headers", "").strip()
    if _NAMES.fullmatch(asked):
        # a token permits the request, so no field of it can do harm
        response.headers["Access-Control-Allow-Headers"] = asked
    response.headers["Access-Control-Max-Age"] = "7200"
    response.vary.update(("Access-Control-Request-Method", "Access-Control-Request-Headers"))
    return response
