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
from ..state import find
from ..storage import Storage
from ..unchangeable import unchangeable
from ..unfinished import INCOMING, Busy, Ended, Unfinished
from ..uploads.terms import Terms
from .permits import permitted

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
    """Do what :func:`confirm` does.

    :raises Busy: if another request is at it.
    :raises Ended: if the upload has expired.
    """
    state = find(storage)
    terms, identifier = permitted(state, token)
    upload = Unfinished(state, identifier)
    found = upload.goes_on()
    if found.stored is not None:
        return found.stored
    size = found.files[INCOMING].size if INCOMING in found.files else _size(storage.name, terms.name, upload)
    # another worker may see another size, if the client sends another file: none needs what the others have copied
    upload = Unfinished(state, identifier, becomes=(terms.name, size))
    return upload.finish_once(partial(_finish, storage, terms, upload))


def _size(storage: str, name: str, upload: Unfinished) -> int:
    # a listing of Swift may be late
    try:
        with translated(storage):
            return upload.store.facts(upload.path(INCOMING)).size
    except FileNotFound:
        raise _missing(storage, name, "the client has not uploaded it yet") from None


def _finish(storage: Storage, terms: Terms, upload: Unfinished, is_again: bool) -> StoredName:
    guard = translated(storage.name, terms.name)
    with unchangeable(upload, upload.path(INCOMING), guard, is_again=is_again) as copy:
        with guard:
            facts, content = upload.store.fetch(copy)
        with cast(BinaryIO, StorageFile(content, guard)) as file:
            return stored_from(
                storage,
                file,
                terms,
                [copy],
                [facts.size],
                content_type=facts.content_type,
                is_again=is_again,
                overwrite=terms.may_replace,
                **upload.elsewhere,
            )


def _missing(storage: str, name: str, reason: str) -> FileNotFound:
    return FileNotFound(f"{name!r} in storage {storage!r} cannot be confirmed: {reason}", path=name, storage=storage)
