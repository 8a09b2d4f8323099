"""Takes a file that a client has sent to the store, if it is what was agreed on.

The client can write the file again at any moment until its URL expires. So the file is copied to a second reserved
name, which no signature names, and that copy is what is checked, and becomes the file.
"""

from __future__ import annotations

from functools import partial
from typing import BinaryIO, cast

from ..arrivals import stored_from
from ..backends.contract import StoredName
from ..backends.handles import StorageFile
from ..errors import BackendError, FileNotFound, translated
from ..state import State, find
from ..storage import Storage
from ..unchangeable import unchangeable
from ..unfinished import Busy, Ended, Unfinished
from ..uploads.terms import Terms
from .permits import INCOMING, permitted

__all__ = ["confirm", "take"]


def confirm(storage: Storage, token: str) -> StoredName:
    """Check a file and give it its name; see :meth:`flask_pyfs.Storage.confirm`."""
    try:
        return take(storage, token)
    except Busy as error:
        message = f"storage {storage.name!r}: another request is confirming this upload: confirm it again"
        raise BackendError(message, storage=storage.name) from error
    except Ended as error:
        reason = "its upload has expired, or was confirmed long ago (UPLOAD_LIFETIME)"
        terms, _ = permitted(find(storage), token)
        raise _missing(storage.name, terms.name, reason) from error


def take(storage: Storage, token: str) -> StoredName:
    """Do the same.

    :raises Busy: if another request is at it.
    :raises Ended: if the upload has expired.
    """
    state = find(storage)
    terms, unfinished = permitted(state, token)
    found = unfinished.look()
    if found.stored is not None:
        return found.stored
    found.require_open()
    if INCOMING not in found.files and not _has_come(storage.name, unfinished):
        raise _missing(storage.name, terms.name, "the client has not uploaded it yet")
    return unfinished.finish_once(partial(_finish, state, terms, unfinished))


def _has_come(storage: str, unfinished: Unfinished) -> bool:
    # a listing of Swift may be late
    with translated(storage):
        return unfinished.store.has_file(unfinished.path(INCOMING))


def _finish(state: State, terms: Terms, unfinished: Unfinished, is_again: bool) -> StoredName:
    guard, incoming = translated(state.storage.name, terms.name), unfinished.path(INCOMING)
    with unchangeable(unfinished, incoming, guard, is_again=is_again) as held:
        with guard:
            facts, content = unfinished.store.fetch(held)
        with cast(BinaryIO, StorageFile(content, guard)) as file:
            storage = cast(Storage, state.storage)
            return stored_from(
                storage, file, terms, [held], [facts.size], content_type=facts.content_type, is_again=is_again
            )


def _missing(storage: str, name: str, reason: str) -> FileNotFound:
    return FileNotFound(f"{name!r} in storage {storage!r} cannot be confirmed: {reason}", path=name, storage=storage)
