"""Who may have a file: the question that an app answers before a file is shown, signed or stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..storage import Storage

__all__ = ["Access", "is_allowed"]


@dataclass(frozen=True)
class Access:
    """What somebody is about to get.

    :param storage: the storage.
    :param filename: the file's name.
    :param action: ``'read'``, or ``'write'`` for an upload by a signed URL.
    :param signed: whether the request carries a signature that holds, which somebody was given before. It is False when
        a URL is about to be signed.
    """

    storage: Storage
    filename: str
    action: str
    signed: bool = False


def is_allowed(access: Access) -> bool:
    """Ask what AUTHORIZE names; without it, everything is allowed."""
    authorize = access.storage.config["authorize"]
    return authorize is None or bool(authorize(access))
