"""Makes a file of the parts that a client has sent, if the storage takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from ..arrivals import announce, require_allowed, stored_from
from ..backends.contract import StoredName
from ..errors import translated
from ..files import mime
from ..filesystems.parts import MOST_PARTS, SMALLEST_PART, Part, WrongParts
from ..names import Reserved
from ..unchangeable import unchangeable
from ..unfinished import REFUSALS, Ended
from ..uploads.intake import allows
from ..uploads.refusals import too_large, wrong_type
from .upload import Upload, is_sealed

__all__ = ["finished", "listed"]

# the number and the entity tag of each part, in order
_Wanted = Sequence[tuple[int, str]]

# the parts that the store has; None if it does not know the upload any more
_Parts = Mapping[int, Part] | None

# what a list says of the parts of a file
_STORED = "stored"


def listed(upload: Upload) -> list[tuple[int, int, str]]:
    """Return the number, the size and the entity tag of each part that the store has.

    If the parts have become a file, but the client did not get the answer, it asks which parts there are, and sends the
    others. So of a file, each part is told that it may have had.

    :raises Ended: if the upload was cancelled or has expired.
    """
    parts = upload.parts()
    if parts is not None:
        return [(number, part.size, part.etag) for number, part in parts.items()]
    known = _finished(upload, [], None)
    size = upload.unfinished.look().length or known.size or 0
    count = min(max(1, -(-size // SMALLEST_PART)), MOST_PARTS)
    return [(number, min(SMALLEST_PART, size), _STORED) for number in range(1, count + 1)]


def finished(upload: Upload, wanted: _Wanted) -> StoredName:
    """Make a file of parts, unless that was done before, and return its name.

    :param wanted: the number and the entity tag of each part, in order. If the parts were put together before, they do
        not matter.
    :raises WrongParts: if the store has no such part.
    :raises Ended: if the upload was cancelled or has expired.
    :raises flask_pyfs.unfinished.Busy: if another worker is at it.
    :raises flask_pyfs.errors.FSError: if the storage does not take the file. If that is for ever, the parts are gone.
    """
    return _finished(upload, wanted, upload.parts())


def _finished(upload: Upload, wanted: _Wanted, parts: _Parts) -> StoredName:
    length = None if parts is None else sum(parts[number].size for number, _ in wanted if number in parts)
    is_mine = False

    def finish(is_again: bool) -> StoredName:
        nonlocal is_mine
        is_mine = True
        return _finish(upload, wanted, parts, is_again)

    known = upload.unfinished.finish_once(finish, length=length)
    if not is_mine:
        # who finished it may have been killed right after that
        upload.unfinished.clear(upload.unfinished.look())
    return known


def _finish(upload: Upload, wanted: _Wanted, parts: _Parts, is_again: bool) -> StoredName:
    try:
        if upload.begun.is_checked:
            return _checked(upload, _complete(upload, wanted, parts, overwrite=True), is_again)
        return _unchecked(upload, wanted, parts)
    except REFUSALS:
        upload.abort()
        raise


def _checked(upload: Upload, incoming: StoredName, is_again: bool) -> StoredName:
    terms, sizes = upload.terms, [incoming.size or 0]
    with _sealed(upload, is_again) as path, upload.state.operations.joined([path], sizes) as file:
        return stored_from(
            upload.storage,
            file,
            terms,
            [path],
            sizes,
            content_type=terms.content_type,
            is_again=is_again,
            overwrite=terms.may_replace,
        )


def _sealed(upload: Upload, is_again: bool) -> AbstractContextManager[Reserved]:
    """Return a context with the path of the content as no client can change it while it is checked."""
    if is_sealed(upload.state):
        return nullcontext(upload.incoming)
    guard = translated(upload.storage.name, upload.terms.name)
    return unchangeable(upload.unfinished, upload.incoming, guard, is_again=is_again)


def _unchecked(upload: Upload, wanted: _Wanted, parts: _Parts) -> StoredName:
    storage, terms, state = upload.storage, upload.terms, upload.state
    require_allowed(state, terms)
    basename = terms.name.rpartition("/")[2]
    if storage.inspects:
        # the settings have changed since it began, and what has its name cannot be checked any more
        upload.abort()
        raise Ended
    if not allows(storage, None, basename):
        raise wrong_type(storage.name, terms.name, basename, storage.extensions, state.config)
    known = _complete(upload, wanted, parts, overwrite=terms.may_replace)
    known.content_type = terms.content_type or mime(known, state.callee.kind.DEFAULT_MIME)
    known.original_name = terms.original_name
    announce(storage, known)
    return known


def _complete(upload: Upload, wanted: _Wanted, parts: _Parts, *, overwrite: bool) -> StoredName:
    begun, name = upload.begun, upload.terms.name
    with translated(upload.storage.name, name):
        if parts is None:
            found = upload.file.found(begun.mark)
            if found is None:
                raise Ended
            known = StoredName(name, found.version)
            known.size = found.size
            return known
        size = _size(upload, wanted, parts)
        known = StoredName(name, upload.file.complete(begun.store_id, wanted, begun.mark, overwrite=overwrite))
        known.size = size
        return known


def _size(upload: Upload, wanted: _Wanted, parts: Mapping[int, Part]) -> int:
    """Return the size of the file that some parts will be.

    :raises FileTooLarge: if that is more than MAX_SIZE or the terms permit.
    """
    size = 0
    for number, etag in wanted:
        part = parts.get(number)
        if part is None or part.etag != etag:
            raise WrongParts(f"there is no part {number} with the entity tag {etag!r}")
        size += part.size
    limits = (upload.terms.max_size, upload.state.config["max_size"])
    limit = min((each for each in limits if each is not None), default=size)
    if size > limit:
        raise too_large(upload.storage.name, upload.terms.name, limit)
    return size
