"""Makes a file of the parts that a client has sent, if the storage takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BufferedReader
from typing import BinaryIO, cast

from werkzeug.datastructures import FileStorage

from ..arrivals import require_allowed, stored
from ..backends.contract import StoredName
from ..errors import FileExists, FileNotFound, FileTooLarge, UnauthorizedFileType, translated
from ..files import mime
from ..filesystems.joined import JoinedFile
from ..filesystems.parts import MOST_PARTS, SMALLEST_PART, Part, WrongParts
from ..signals import file_uploaded
from ..unfinished import Ended
from ..uploads.intake import allows
from ..uploads.refusals import too_large, wrong_type
from .upload import Upload, must_be_checked

__all__ = ["finished", "listed"]

# what a list says of the parts of a file
_STORED = "stored"

# what is compared at once, in bytes
_PIECE = 1024 * 1024


def listed(upload: Upload) -> list[tuple[int, int, str]]:
    """Return the number, the size and the entity tag of each part that the store has.

    If the parts have become a file, but the client did not get the answer, it asks which parts there are, and sends the
    others. So of a file, each part is told that it may have had.

    :raises Ended: if the upload was cancelled or has expired.
    """
    parts = upload.parts()
    if parts is not None:
        return [(number, part.size, part.etag) for number, part in parts.items()]
    size = finished(upload, []).size or 0
    count = min(max(1, -(-size // SMALLEST_PART)), MOST_PARTS)
    return [(number, min(SMALLEST_PART, size), _STORED) for number in range(1, count + 1)]


def finished(upload: Upload, wanted: Sequence[tuple[int, str]]) -> StoredName:
    """Make a file of parts, unless that was done before, and return its name.

    :param wanted: the number and the entity tag of each part, in order. If the parts were put together before, they do
        not matter.
    :raises WrongParts: if the store has no such part.
    :raises Ended: if the upload was cancelled or has expired.
    :raises flask_pyfs.unfinished.Busy: if another worker is at it.
    :raises flask_pyfs.errors.FSError: if the storage does not take the file. If that is for ever, the parts are gone.
    """
    return upload.unfinished.finish_once(lambda is_repeated: _finish(upload, wanted, is_repeated))


def _finish(upload: Upload, wanted: Sequence[tuple[int, str]], is_repeated: bool) -> StoredName:
    try:
        return _held(upload, wanted, is_repeated) if upload.begun.is_held else _direct(upload, wanted)
    except (UnauthorizedFileType, FileTooLarge, FileExists):
        upload.abort()
        raise


def _direct(upload: Upload, wanted: Sequence[tuple[int, str]]) -> StoredName:
    storage, terms, state = upload.storage, upload.terms, upload.state
    require_allowed(state, terms)
    basename = terms.name.rpartition("/")[2]
    if must_be_checked(storage, state):
        # the settings are others than when it began, and what has its name cannot be checked any more
        upload.abort()
        raise Ended
    if not allows(storage, None, basename):
        raise wrong_type(storage.name, terms.name, basename, storage.extensions, state.config)
    known = _complete(upload, wanted, overwrite=terms.overwrite)
    known.content_type = terms.content_type or mime(known, state.callee.kind.DEFAULT_MIME)
    known.original_name = terms.original_name
    file_uploaded.send(storage, filename=known)
    return known


def _held(upload: Upload, wanted: Sequence[tuple[int, str]], is_repeated: bool) -> StoredName:
    terms, operations, path = upload.terms, upload.state.operations, upload.held
    size = _complete(upload, wanted, overwrite=True).size or 0
    file = BufferedReader(JoinedFile(upload.unfinished.store, [path], [size]))
    content_type = terms.content_type or mime(terms.name, "application/octet-stream")

    def keep() -> StoredName:
        try:
            kept = operations.join([path], terms.name, terms.overwrite, sizes=[size], content_type=terms.content_type)
        except FileExists:
            known = _kept_before(upload, cast(BinaryIO, file)) if is_repeated else None
            if known is None:
                raise
            return known
        return kept if isinstance(kept, StoredName) else StoredName(terms.name)

    with file:
        sent = FileStorage(cast(BinaryIO, file), terms.original_name, content_type=content_type)
        return stored(upload.storage, sent, terms, keep)


def _kept_before(upload: Upload, file: BinaryIO) -> StoredName | None:
    """Return the file of the name if it has the same content: a worker that was killed then has stored it."""
    name = upload.terms.name
    try:
        facts, other = upload.state.operations.fetch(name)
    except FileNotFound:
        return None
    file.seek(0)
    with other:
        while (piece := other.read(_PIECE)) == file.read(_PIECE):
            if not piece:
                known = StoredName(name, facts.version)
                known.size, known.content_type = facts.size, facts.content_type
                return known
    return None


def _complete(upload: Upload, wanted: Sequence[tuple[int, str]], *, overwrite: bool) -> StoredName:
    begun, name = upload.begun, upload.terms.name
    parts = upload.parts()
    with translated(upload.storage.name, name):
        if parts is None:
            found = upload.file.found(begun.mark)
            if found is None:
                raise Ended
            known = StoredName(name, found.version)
            known.size = found.size
            return known
        size = _size(upload, parts, wanted)
        known = StoredName(name, upload.file.complete(begun.store_id, wanted, begun.mark, overwrite=overwrite))
        known.size = size
        return known


def _size(upload: Upload, parts: Mapping[int, Part], wanted: Sequence[tuple[int, str]]) -> int:
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
