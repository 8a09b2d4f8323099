"""Authorization: AUTHORIZE decides before a file is served, signed or uploaded by a signed URL."""

from __future__ import annotations

from inspect import iscoroutine, isroutine
from typing import Any, NamedTuple

from werkzeug import Response

from ..errors import ConfigurationError, NotAuthorized
from ..state import Named, State


class Access(NamedTuple):
    """The access that AUTHORIZE allows or denies.

    :param storage: the storage.
    :param filename: the name of the file.
    :param action: ``'read'``, or ``'write'`` for an upload by a signed URL.
    :param signed: whether the request has a valid signature, so AUTHORIZE allowed the access when the URL was signed.
        It is False when a URL is about to be signed.

    .. code-block:: python

        def may_read(access: fs.Access) -> bool:
            return access.signed or access.filename.startswith(f"{current_user.id}/")

        app.config["DOCUMENTS_FS_AUTHORIZE"] = may_read
    """

    storage: Named
    filename: str
    action: str
    signed: bool = False


def is_allowed(state: State, filename: str, action: str, *, signed: bool = False) -> bool:
    """Return what AUTHORIZE decides. If it is not set, every access is allowed.

    :raises ConfigurationError: if it returns what is true but allows nothing: a response, an error, a coroutine, or a
        method that it did not call.
    """
    authorize: Any = state.config["authorize"]
    if authorize is None:
        return True
    answer = authorize(Access(state.storage, filename, action, signed))
    if _allows_nothing(answer):
        # else Python warns that nobody awaited it
        getattr(answer, "close", lambda: None)()
        raise ConfigurationError(
            f"AUTHORIZE of storage {state.storage.name!r} returned a {type(answer).__name__}: it must be no async "
            "function, and return True or False, or call abort(), which takes a response too",
            storage=state.storage.name,
        )
    return bool(answer)


def _allows_nothing(answer: Any) -> bool:
    # what a view returns, or raises
    is_of_view = isinstance(answer, (Response, BaseException)) or (type(answer) is tuple and len(answer) > 0)
    # not isawaitable: each proxy of Werkzeug is one, such as current_user
    return is_of_view or iscoroutine(answer) or isroutine(answer)


def require_permission(state: State, filename: str, action: str) -> None:
    """Ask AUTHORIZE, for a URL that is about to be signed.

    :raises NotAuthorized: if AUTHORIZE denies it.
    """
    if not is_allowed(state, filename, action):
        raise refused(state, filename, action)


def refused(state: State, filename: str, action: str) -> NotAuthorized:
    """Return the error for an access that AUTHORIZE denies."""
    storage = state.storage.name
    message = f"AUTHORIZE of storage {storage!r} denies permission to {action} {filename!r}"
    return NotAuthorized(message, path=filename, storage=storage)
