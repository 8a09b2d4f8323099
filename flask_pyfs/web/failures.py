"""Answers the errors that a client caused: with the sentence for the person who uploads, in HTML or JSON."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, Response, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, default_exceptions

from ..config import handles_errors
from ..errors import FileNotFound, FSError, NotAuthorized, PermissionDenied

_log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Answer the errors of this package that nothing in an app handles; FS_HANDLE_ERRORS says whether.

    A handler of the app for :exc:`~flask_pyfs.errors.FSError` takes the place of this one, whichever comes first.
    """
    if FSError not in app.error_handler_spec[None][None]:
        app.register_error_handler(FSError, _answer)


def _answer(error: FSError) -> ResponseReturnValue:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    # Flask stops at FSError, and the app may handle a class above it, such as OSError
    handlers = app.error_handler_spec[None][None]
    for kind in type(error).__mro__:
        handler = handlers.get(kind)
        if handler is not None and handler is not _answer:
            answer: ResponseReturnValue = app.ensure_sync(handler)(error)
            return answer
    if not is_of_client(error) or not handles_errors(app.config):
        raise error
    failure = http_error(error)
    answered = app.handle_http_exception(failure)
    if answered is failure and app.trap_http_exception(failure):
        raise error
    return answered


def is_of_client(error: FSError) -> bool:
    """Return whether the client of the request caused an error. If the store refuses an operation, it did not."""
    refused_by_store = isinstance(error, PermissionDenied) and not isinstance(error, NotAuthorized)
    return 400 <= error.code < 500 and not refused_by_store


def http_error(error: FSError) -> HTTPException:
    """Return the exception of Werkzeug for an error, and log the error.

    The ``description`` is the error's ``user_message``. The response is what the client of the current request prefers:
    JSON or HTML. In debug mode, it has the message for the developer too.
    """
    _log.info(
        "answered %d to %s %r: %s: %s",
        error.code,
        request.method,
        request.path,
        type(error).__name__,
        " ".join(str(error).splitlines()),
        exc_info=error if _log.isEnabledFor(logging.DEBUG) else None,
    )
    description = str(error.user_message)
    failure = _failure(error.code, description)
    failure.__cause__ = error
    message = f"{type(error).__name__}: {error}" if current_app.debug else None
    if _wants_json():
        failure.response = _in_json(failure, error, message)
    else:
        shown = f"{description}\n\n{message}" if message else description
        failure.response = _failure(error.code, shown).get_response(request.environ)
    failure.response.vary.add("Accept")
    return failure


@contextmanager
def answered() -> Iterator[None]:
    """Raise the exception of Werkzeug in place of an error that the client caused, whatever FS_HANDLE_ERRORS says."""
    try:
        yield
    except FSError as error:
        if not is_of_client(error):
            raise
        raise http_error(error) from error


def missing(filename: str, storage: str) -> HTTPException:
    """Return the exception for a file that is not in a storage."""
    return http_error(FileNotFound(f"{filename!r} is not in storage {storage!r}", path=filename, storage=storage))


def _failure(code: int, description: str) -> HTTPException:
    failure = default_exceptions.get(code, HTTPException)(description=description)
    failure.code = code
    return failure


def _in_json(failure: HTTPException, error: FSError, message: str | None) -> Response:
    # the keys of the handler for HTTPException in Flask's documentation, and the name of the error
    body = {
        "code": failure.code,
        "name": failure.name,
        "description": failure.description,
        "error": type(error).__name__,
        **({"debug": message} if message else {}),
    }
    response = jsonify(body)
    response.status_code = error.code
    return response


def _wants_json() -> bool:
    """Return whether the client prefers JSON to HTML: ``*/*`` prefers none, and gets what Flask sends for any error."""
    accepted = request.accept_mimetypes
    json, html = accepted["application/json"], accepted["text/html"]
    named = set(accepted.values())
    return json > html or (json == html > 0 and "application/json" in named and "text/html" not in named)
