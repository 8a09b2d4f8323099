"""What a client has sent by whatever way: it is checked, stored under its name, and announced."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, BinaryIO

from werkzeug.datastructures import FileStorage

from . import names
from .backends.base import BaseBackend
from .backends.contract import StoredName
from .display_names import display_name
from .errors import FileExists, FileNotFound, FSError, InvalidPath
from .files import mime
from .filesystems.base import CHUNK_SIZE
from .filesystems.store import StoreFS
from .signals import file_uploaded
from .state import State, find
from .storage import Storage
from .uploads import intake
from .uploads.refusals import wrong_media_type, wrong_type
from .uploads.terms import Terms
from .web.access import is_allowed, refused

__all__ = ["announce", "must_be_read", "require_allowed", "stored", "stored_from"]


def stored_from(
    storage: Storage,
    file: BinaryIO,
    terms: Terms,
    paths: Sequence[str] = (),
    sizes: Sequence[int] = (),
    *,
    content_type: str | None = None,
    is_again: bool = False,
    overwrite: bool | None = None,
    store: StoreFS | None = None,
) -> StoredName:
    """Ask AUTHORIZE, and do what :func:`stored` does with content that is in the store.

    :param file: the content; it can seek.
    :param paths: the files of the store that have it, in order, for the store to join; none if it is to be sent.
    :param sizes: the length of each in bytes.
    :param content_type: what the client calls it.
    :param is_again: as for :func:`stored`.
    :param overwrite: whether the store may replace a file of that name when it joins the files; by default, as the
        terms say.
    :param store: the store that has the files, if it is one that ``for_upload`` of the storage's store returned.
    :raises NotAuthorized: if AUTHORIZE denies it.
    :raises flask_pyfs.errors.FSError: as :func:`stored` does.
    """
    state = find(storage)
    require_allowed(state, terms)
    options: dict[str, Any] = {} if terms.content_type is None else {"content_type": terms.content_type}
    if store is not None:
        options["store"] = store
    overwrite = terms.overwrite if overwrite is None else overwrite
    keep = partial(state.operations.join, paths, terms.name, overwrite, sizes=sizes, **options)
    upload = FileStorage(file, terms.original_name or terms.name, content_type=content_type)
    return stored(storage, upload, terms, keep if paths else None, is_again=is_again)


def stored(
    storage: Storage,
    upload: FileStorage,
    terms: Terms,
    keep: Callable[[], Any] | None = None,
    *,
    is_again: bool = False,
) -> StoredName:
    """Check an upload as :meth:`Storage.save` does, store it under the name that was agreed on, and announce it.

    The caller has asked AUTHORIZE, by :func:`require_allowed`.

    :param upload: the upload; its stream can seek if ``keep`` is given.
    :param keep: stores the content as it already is in the store, and returns what ``save`` of a backend does. It is
        called in place of ``save``, unless the content had to be changed, as VERIFY_SVG does.
    :param is_again: whether it may have been stored before by a worker that was killed: then a file of that name with
        the same content is taken for it.
    :raises UnauthorizedFileType: if the storage does not accept the file.
    :raises FileTooLarge: if it is larger than MAX_SIZE or the terms permit.
    :raises FileExists: if the name is taken.
    :raises RuntimeError: if a receiver of ``file_uploaded`` raises an error of this package; the file is stored.
    """
    state = find(storage)
    name, basename = terms.name, terms.name.rpartition("/")[2]
    if upload.mimetype != (terms.content_type or upload.mimetype):
        raise wrong_media_type(storage.name, name, str(terms.content_type))
    if not intake.allows(storage, upload, basename):
        raise wrong_type(storage.name, name, basename, storage.extensions, state.config)
    options: dict[str, Any] = {} if terms.content_type is None else {"content_type": terms.content_type}
    upload = intake.measured(storage, upload, name, terms.max_size)
    with storage.prepared(upload, name) as content:
        saved: Any = _known(state, content, name) if is_again else None
        try:
            if saved is not None:
                saved.content_type = terms.content_type or saved.content_type
            elif keep is not None and content is upload:
                saved = keep()
            else:
                saved = state.operations.save(content, name, overwrite=terms.overwrite, **options)
        except InvalidPath as error:
            # a parent of the name is a file
            raise FileExists(str(error), path=name, storage=storage.name) from error
    known = saved if isinstance(saved, StoredName) else StoredName(name)
    known.original_name = terms.original_name or display_name(upload.filename)
    announce(storage, known)
    return known


def announce(storage: Storage, name: StoredName) -> None:
    """Send ``file_uploaded`` for a file that is stored.

    :raises RuntimeError: if a receiver raises an error of this package.
    """
    try:
        file_uploaded.send(storage, filename=name)
    except FSError as error:
        # it would look like a refusal of the file
        message = f"{name!r} is stored in storage {storage.name!r}, but a receiver of file_uploaded failed: {error}"
        raise RuntimeError(message) from error


def _known(state: State, content: Any, name: str) -> StoredName | None:
    """Return the name of a file if it has the same content as an upload, which is back at its position then."""
    try:
        facts, file = state.operations.fetch(name)
    except FileNotFound:
        return None
    position = content.tell() if hasattr(content, "tell") else None
    with file:
        is_same = facts.size == _size_left(content) and _are_same(file, content)
    if position is not None:
        content.seek(position)
    if not is_same:
        return None
    backend = state.backend
    known = StoredName(backend.meant(name) if isinstance(backend, BaseBackend) else name, facts.version)
    known.size, known.content_type = facts.size, facts.content_type or mime(name, BaseBackend.DEFAULT_MIME)
    return known


def must_be_read(storage: Storage, terms: Terms) -> bool:
    """Return whether the content of an upload must be readable before it is the file that was agreed on. No request.

    It must be if it decides whether the storage takes it, if a method of the app has to store it, or if a file may have
    the name in another spelling.
    """
    state = find(storage)
    if storage.inspects or state.operations.in_parts(terms.name) is None:
        return True
    return not terms.unique and len(state.operations.spellings(terms.name)) > 1


def _size_left(content: Any) -> int:
    if not hasattr(content, "tell"):
        # a stream that cannot seek is one that is empty: see intake.measured
        return 0
    position = content.tell()
    content.seek(0, os.SEEK_END)
    size = int(content.tell()) - int(position)
    content.seek(position)
    return size


def _are_same(file: BinaryIO, content: Any) -> bool:
    while piece := file.read(CHUNK_SIZE):
        view = memoryview(piece)
        while view:
            other = content.read(len(view))
            if not other or view[: len(other)] != other:
                return False
            view = view[len(other) :]
    return not content.read(1)


def require_allowed(state: State, terms: Terms) -> None:
    """Ask AUTHORIZE, which has allowed the upload when it was permitted, also of what the upload would replace.

    :raises NotAuthorized: if it denies it now.
    """
    if not is_allowed(state, terms.name, "write", signed=True) or not _may_replace(state, terms):
        raise refused(state, terms.name, "write")


def _may_replace(state: State, terms: Terms) -> bool:
    if not terms.overwrite or state.config["authorize"] is None:
        return True
    # AUTHORIZE has allowed no other spelling when the URL was signed
    others = (each for each in state.operations.spellings(terms.name) if each != terms.name)
    return all(not state.operations.exists(names.Exact(each)) or is_allowed(state, each, "write") for each in others)
