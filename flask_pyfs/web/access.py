"""Who may have a file: the question that an app answers before a file is shown, signed or stored."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..state import Named, State


class Access(NamedTuple):
    """What somebody is about to get.

    :param storage: the storage.
    :param filename: the name of the file.
    :param action: ``'read'``, or ``'write'`` for an upload by a signed URL.
    :param signed: whether the request has a valid signature, so that somebody was allowed before. It is False when a
        URL is about to be signed.

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
    """Ask what AUTHORIZE names. Without it, everything is allowed."""
    authorize: Any = state.config["authorize"]
    return authorize is None or bool(authorize(Access(state.storage, filename, action, signed)))
