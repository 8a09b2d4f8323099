"""Answers the current request with a file: streamed by the app, or sent by the store or by the web server in front."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Response, current_app, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from .. import names
from ..backends.contract import NotModified, NotSatisfiable
from ..config import Config
from ..errors import FileNotFound, InvalidPath, PermissionDenied
from ..files import mime
from ..signals import before_display
from ..state import State
from . import responses
from .access import is_allowed, refused
from .downloads import PARAMETER, Download, given_download, requested_download
from .failures import http_error, missing
from .signing import RENDER, SIGNATURE, lifetime_of, verified

# how long a URL is valid to which a client is redirected, in seconds
_REDIRECTED = 60 * 60

_CLAIMS = "flask_pyfs.claims"


def claims_of(state: State, name: str, action: str) -> dict[str, str] | None:
    """Return the claims of the current request's signature for a file; None if it is missing, invalid or expired.

    The signature is verified only once per request.
    """
    if SIGNATURE not in request.args:
        return None
    # another app may answer in the same request, with a key of its own
    subject = (state.app, request.query_string, state.storage.name, action, name)
    verdicts = request.environ.setdefault(_CLAIMS, {})
    if subject not in verdicts:
        verdicts[subject] = verified(state.app, state.storage.name, action, name, request.args)
    claims: dict[str, str] | None = verdicts[subject]
    return claims


def serve(state: State, name: str, download: bool | str | None = None) -> Response:
    """Return a response to the current request with a file of a storage.

    AUTHORIZE and the signal get the name of the file that is served. If several spellings of the name are tried, this
    is the one that is found, and AUTHORIZE is asked before anything of it is sent.

    :param download: whether browsers save the file, or under which name; None as the request says.
    :raises werkzeug.exceptions.HTTPException: 403 if AUTHORIZE denies it, 404 if there is no such file, 412 if a
        condition of the request fails, 416 if the file has none of the bytes of its Range.
    """
    config, claims = state.config, claims_of(state, name, "read")
    if names.is_plain(name):
        spellings: tuple[str, ...] = (name,)
    else:
        spellings = _exactly(state, name, signed=claims is not None)
    several = len(spellings) > 1
    saved = None
    if download is not None:
        saved = given_download(download)
    elif PARAMETER in request.args:
        saved = requested_download(signed=claims is not None)
    permission = None
    if config["authorize"] is not None:
        # AUTHORIZE has allowed no other when the URL was signed
        permission = partial(_require_permission, state, signed=spellings[0] if claims is not None else None)
    if permission and not several:
        permission(spellings[0])
    denied: PermissionDenied | None = None
    for spelling in spellings:
        announce: Callable[[], object] = partial(before_display.send, state.storage, filename=str(spelling))
        if permission and several:
            announce = partial(_permitted, permission, spelling, announce)
        try:
            # SERVE_MODE stream is the common one
            sent = (
                _sent_elsewhere(state, spelling, several, saved, announce) if config["serve_mode"] != "stream" else None
            )
            response = sent or streamed(state.operations.serve, config, spelling, announce)
            break
        except (FileNotFound, InvalidPath):
            continue
        except PermissionDenied as error:
            # some stores do not tell everybody what is missing
            if spelling == spellings[-1] or _is_known(state, spelling):
                raise
            denied = denied or error
    else:
        if denied is not None:
            raise denied
        if permission and several:
            # whether a file is missing is not for everybody
            permission(names.stored_as(name))
        raise missing(name, state.storage.name)
    if saved is not None and response.location is None:
        response.headers["Content-Disposition"] = saved.disposition_of(spelling)
    responses.harden(config, response)
    if claims is not None and response.cache_control.max_age:
        # no cache may keep the response after the signature expires
        response.cache_control.max_age = min(response.cache_control.max_age, int(int(claims["expires"]) - time.time()))
    return response


def _exactly(state: State, name: str, *, signed: bool) -> tuple[str, ...]:
    try:
        found = state.operations.spellings(name)
    except InvalidPath as error:
        raise missing(name, state.storage.name) from error
    return tuple(map(names.Exact, found[: len(names.signed(name))] if signed else found))


def _is_known(state: State, name: str) -> bool:
    try:
        return state.operations.exists(name)
    except PermissionDenied:
        return False


def _require_permission(state: State, name: str, *, signed: str | None) -> None:
    if not is_allowed(state, str(name), "read", signed=name == signed):
        raise http_error(refused(state, str(name), "read"))


def _permitted(permission: Callable[[str], None], name: str, announce: Callable[[], object]) -> None:
    permission(name)
    announce()


def _sent_elsewhere(
    state: State, name: str, several: bool, saved: Download | None, announce: Callable[[], object]
) -> Response | None:
    config = state.config
    if config["serve_mode"] == "redirect" and request.method == "GET":
        # a thumbnail may have to be made first
        if (several or RENDER in request.args) and not state.operations.exists(name):
            raise FileNotFound(f"{name!r} is not in storage {state.storage.name!r}")
        if url := _url_in_store(state, name, saved):
            announce()
            return responses.redirection(url)
    if config["serve_mode"] == "sendfile" and (place := state.place_of(name)) and place.backend is not None:
        facts = place.backend.facts(name)
        announce()
        return responses.respond_by_server(config, name, facts, place.path, f"{place.backend.prefix}/{place.below}")
    return None


def streamed(serve: Callable[..., Any], config: Config, name: str, announce: Callable[[], object]) -> Response:
    """Return a response that the app sends itself.

    :param serve: the method of a backend.
    :param config: the settings of its storage.
    :param announce: called if there is such a file. A method of other code may not call it; then it is called before
        the response is sent.
    """
    announced = False

    def announce_once() -> None:
        nonlocal announced
        announce()
        announced = True

    try:
        answer = serve(name, partial(responses.respond, config), announce_once, responses.wanted())
    except NotModified as known:
        announce()
        return responses.not_modified(config, name, known.etag)
    except NotSatisfiable as refused:
        announce()
        raise RequestedRangeNotSatisfiable(refused.size) from refused
    # a backend of Flask-FS may return what a view may
    response = current_app.make_response(answer)
    if not announced:
        try:
            announce()
        except BaseException:
            response.close()
            raise
    return response


def _url_in_store(state: State, name: str, saved: Download | None) -> str | None:
    media_type = mime(name)
    if responses.is_script(media_type):
        # a store sends no nosniff, so a page could load the file as a script
        return None
    if saved is None and responses.is_active(media_type):
        saved = Download("1", True)
    disposition = saved and saved.disposition_of(name)
    return state.operations.signed_url(name, *lifetime_of(_REDIRECTED), disposition=disposition)
