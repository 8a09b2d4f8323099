"""Answers the errors that a client caused: with the sentence for the person who uploads, in HTML or JSON."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from flask import Flask, Response, current_app, jsonify, make_response, request
from flask.typing import ResponseReturnValue
from markupsafe import escape
from werkzeug.exceptions import HTTPException, default_exceptions

from ..common import handles_errors
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


class Failure(HTTPException):
    """What an error becomes for Werkzeug: one of its own classes for the status, whose response is what the client of
    the current request prefers, JSON or HTML.

    :ivar error: the error.
    :ivar message: its message for the developer, which the response has too; None outside of debug mode.
    """

    error: FSError
    message: str | None = None

    def get_description(self, environ: Any = None, scope: Any = None) -> str:
        description = super().get_description(environ, scope)
        return f"{description}<p>{escape(self.message)}</p>" if self.message else description

    def get_response(self, environ: Any = None, scope: Any = None) -> Any:
        response = self._in_json() if _wants_json() else super().get_response(environ, scope)
        response.vary.add("Accept")
        return response

    def _in_json(self) -> Response:
        # the keys of the handler for HTTPException in Flask's documentation, and the name of the error
        body = {
            "code": self.code,
            "name": self.name,
            # an app may have set one that is translated when it is shown
            "description": str(self.description),
            "error": type(self.error).__name__,
            **({"debug": self.message} if self.message else {}),
        }
        return make_response(jsonify(body), self.code)


@cache
def _kind(code: int) -> type[Failure]:
    known = default_exceptions.get(code, HTTPException)
    return type(known.__name__, (Failure, known), {"code": code})


def http_error(error: FSError) -> HTTPException:
    """Return the exception of Werkzeug for an error, and log the error.

    Its ``description`` is the error's ``user_message``, and its ``__cause__`` the error.
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
    failure = _kind(error.code)(description=str(error.user_message))
    failure.error = failure.__cause__ = error
    if current_app.debug:
        failure.message = f"{type(error).__name__}: {error}"
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


def is_missing(failure: HTTPException) -> bool:
    """Return whether an exception is one of :func:`missing`, and not one that the app raised."""
    return isinstance(failure, Failure) and isinstance(failure.error, FileNotFound)


def _wants_json() -> bool:
    """Return whether the client prefers JSON to HTML: ``*/*`` prefers none, and gets what Flask sends for any error."""
    accepted = request.accept_mimetypes
    json, html = accepted["application/json"], accepted["text/html"]
    named = set(accepted.values())
    return json > html or (json == html > 0 and "application/json" in named and "text/html" not in named)
