"""An upload as the protocols see it: it takes the next bytes, and becomes a file when it has them all."""

from __future__ import annotations

import dataclasses
import io
from contextlib import suppress
from datetime import datetime, timezone
from functools import partial
from typing import cast

from ..arrivals import must_be_read, stored_from
from ..backends.contract import StoredName
from ..backends.handles import BufferFile
from ..display_names import display_name
from ..errors import BackendError, FSError, translated
from ..filesystems.base import Readable
from ..filesystems.store import PART, PARTS, Facts
from ..state import find
from ..storage import Storage
from ..unfinished import Busy, Ended, Found, Unfinished
from ..uploads.refusals import too_large
from ..uploads.terms import Terms
from ..web.failures import is_of_client
from . import pieces
from .outcomes import Failed, Status, WrongLength, WrongOffset
from .pieces import Piece, Source
from .taking import InMemory, Taking
from .tokens import claims_of_upload, claims_to_begin, upload_token

__all__ = ["Upload"]

#: For how long nobody tries again to finish an upload after a failure, in seconds: each try reads the whole file.
REST = 5.0

# a file that says that a worker has failed, by its time
_FAILED = "failed"

_NOTHING = memoryview(b"")


class Upload:
    """An upload that has begun.

    :ivar token: what its URL ends with; it holds all that does not change.
    :ivar terms: what was agreed on.
    :ivar storage: the storage.
    """

    token: str
    terms: Terms
    storage: Storage

    def __init__(self, token: str) -> None:
        self.token = token
        self.storage, claims = claims_of_upload(token)
        self.terms = Terms.of(claims)
        self._state = find(self.storage)
        self._length: int | None = claims.get("length")
        self._began = datetime.fromtimestamp(claims["began"], timezone.utc)
        self._unfinished = Unfinished(
            self._state,
            claims["id"],
            self._began,
            (self.terms.name, self._length),
            content_type=self.terms.content_type,
            is_read=must_be_read(self.storage, self.terms),
        )

    @classmethod
    def begin(cls, token: str, *, length: int | None, original_name: str | None = None) -> Upload:
        """Begin an upload with the token of a URL that :func:`flask_pyfs.resumable.begin` returned. No request.

        :param length: how many bytes it will have, or None if the client says it later.
        :param original_name: what the client calls the file; without it, what was agreed on.
        :raises flask_pyfs.errors.NotAuthorized: if the token is none, or has expired.
        :raises flask_pyfs.errors.FileTooLarge: if the length is larger than what was agreed on.
        """
        storage, claims = claims_to_begin(token)
        terms = Terms.of(claims)
        _require_size(storage, terms, length)
        terms = dataclasses.replace(terms, original_name=display_name(original_name) or terms.original_name)
        return cls(upload_token(find(storage), terms, length))

    @classmethod
    def opened(cls, token: str) -> Upload:
        """Return the upload that has a token. No request.

        :raises flask_pyfs.errors.NotAuthorized: if it is no token of this app.
        """
        return cls(token)

    def status(self) -> Status:
        """Return how far it is. One listing. If it has all bytes, but the worker that had to finish it was killed, this
        finishes it.

        :raises Failed: for :data:`REST` after a worker has failed to finish it.
        :raises flask_pyfs.unfinished.Busy: if another worker is finishing it.
        :raises flask_pyfs.unfinished.Ended: if it was cancelled or has expired.
        :raises flask_pyfs.errors.FSError: if it is refused, as :func:`flask_pyfs.arrivals.stored` does.
        """
        return self._status(self._look())

    def append(
        self,
        stream: Source,
        offset: int,
        *,
        length: int | None = None,
        is_last: bool = False,
        checksum: tuple[str, bytes] | None = None,
    ) -> Status:
        """Take the next bytes, and finish the upload if these are all. Memory does not grow with them.

        One listing, one request for each piece of at most ``piece_size`` of the store, and another listing if they are
        not the last ones; one request for a length that is said now, and for a checksum of more than one piece. If
        reading the stream fails, what has come is kept, and the exception goes on.

        :param stream: the bytes.
        :param offset: where they begin.
        :param length: how many bytes the upload will have, if the client says it now.
        :param is_last: whether the upload ends with the end of the stream.
        :param checksum: the algorithm and the digest that the bytes must have; none is kept before it is checked.
        :raises WrongOffset: if they are not the next ones; nothing is kept.
        :raises WrongLength: see there.
        :raises ChecksumMismatch: see there.
        :raises flask_pyfs.resumable.pieces.TooManyPieces: if the upload may have no more short pieces, and the stream
            does not end at a multiple of ``piece_size``; what comes before the last one is kept.
        :raises flask_pyfs.errors.FileTooLarge: before a byte moves, if that can be known, else as soon as it is.
        :raises Failed: likewise as :meth:`status`.
        :raises flask_pyfs.unfinished.Busy: likewise.
        :raises flask_pyfs.unfinished.Ended: likewise.
        """
        found = self._look()
        status = self._status(found)
        if offset != status.offset:
            raise WrongOffset(status)
        if length is not None:
            found = self._agreed(found, offset, length)
        known = self._length_in(found)
        taking = Taking(self._put, self._remove, self._part_mark)
        taken = taking.taken
        try:
            self._take(stream, offset, known, checksum, found, taking, is_last=is_last)
        except FSError:
            with suppress(BackendError):
                # a store may take no piece of what has ended meanwhile
                found = self._look(taken)
                if found.stored is not None:
                    return self._status(found)
            raise
        except Exception:
            # what was kept of it may have come after the upload was cancelled, as clients do both at once
            with suppress(Ended, FSError):
                self._look(taken)
            raise
        end = offset + sum(facts.size for facts in taken.values())
        if is_last and known is None:
            taken |= self._said(end)
        if taken and end == self._length:
            # who finishes it looks once more
            found = dataclasses.replace(found, files={**found.files, **taken})
        elif taken:
            found = self._look(taken)
        status = self._status(found, taking.whole)
        if is_last and status.length != end:
            raise WrongLength
        return status

    def cancel(self) -> None:
        """Remove it. A file that it has become stays.

        :raises flask_pyfs.unfinished.Ended: if that was done before, or it has expired.
        :raises flask_pyfs.unfinished.Busy: if a worker is finishing it: nothing of it is left then but the file.
        """
        self._unfinished.cancel()

    def _look(self, taken: dict[str, Facts] | None = None) -> Found:
        """Return what is there, if the upload goes on or is finished.

        :param taken: what this worker has just stored.
        """
        found = self._unfinished.goes_on(taken or ())
        if PARTS in found.files and found.stored is None and not found.has_begun:
            # the settings have changed since it began, or the store has dropped them
            raise Ended
        # the listings of some stores are late
        return dataclasses.replace(found, files={**(taken or {}), **found.files})

    def _status(self, found: Found, held: InMemory | None = None) -> Status:
        expires = max(filter(None, (found.newest, self._began))) + self._unfinished.lifetime
        length = self._length_in(found)
        if found.stored is not None:
            return Status(length or 0, length, expires, found.stored)
        chain = pieces.chain_of(found.files, length)
        end = sum(piece.size for piece in chain)
        if length is None or (end != length and not found.has_begun):
            return Status(end, length, expires)
        # who has begun had all bytes, whatever has become of the pieces since
        return Status(length, length, expires, self._finished(found, chain if end == length else None, length, held))

    def _length_in(self, found: Found) -> int | None:
        if self._length is not None:
            return self._length
        return found.length if found.stored is not None else pieces.length_in(found.files)

    def _agreed(self, found: Found, offset: int, length: int) -> Found:
        """Keep the length that the client says now, and return what is there then."""
        known = self._length_in(found)
        if known == length:
            return found
        if known is not None or length < offset:
            raise WrongLength
        _require_size(self.storage, self.terms, length)
        found = self._look(self._said(length))
        if self._length_in(found) != length:
            # another client has said less at the same moment
            raise WrongLength
        return found

    def _said(self, length: int) -> dict[str, Facts]:
        return self._put(pieces.name_of_length(length))

    def _take(
        self,
        stream: Source,
        offset: int,
        length: int | None,
        checksum: tuple[str, bytes] | None,
        found: Found,
        taking: Taking,
        *,
        is_last: bool,
    ) -> None:
        """Store a stream in pieces.

        :param length: how many bytes the upload will have, or None.
        """
        most, excess = length, cast(Exception, WrongLength())
        if length is None and self.terms.max_size is not None:
            most, excess = self.terms.max_size, too_large(self.storage.name, self.terms.name, self.terms.max_size)
        room = None if most is None else most - offset
        size = self._unfinished.store.piece_size
        # an upload without a length that ends here has one more short piece, and no other after it
        is_free = (is_last and length is None) or pieces.has_room(found.files, size)
        # of a request with a checksum, all counts or nothing
        cut = pieces.cut(stream, offset, size, room, excess, keeps_broken=is_free and checksum is None)
        if not is_free:
            cut = pieces.only_whole(cut, offset, size, length)
        if checksum is None:
            taking.take(cut, offset)
        else:
            taking.take_checked(cut, offset, *checksum)

    def _part_mark(self, mark: str, offset: int, size: int, /, *, waits: bool) -> str | None:
        with translated(self.storage.name):
            return self._unfinished.store.part_mark(mark, offset, size, waits=waits)

    def _remove(self, name: str) -> None:
        self._unfinished.store.delete_tree(self._unfinished.path(name))

    def _put(self, name: str, content: memoryview = _NOTHING) -> dict[str, Facts]:
        with translated(self.storage.name):
            self._unfinished.store.put(self._unfinished.path(name), cast(Readable, BufferFile(content)))
        return {name: Facts(len(content), None)}

    def _finished(self, found: Found, chain: list[Piece] | None, length: int, held: InMemory | None) -> StoredName:
        """Finish the upload.

        :param chain: the pieces; None for those of who has begun.
        """
        _require_rested(found)
        # who goes on must take the same pieces, whatever has come since
        plan = None if chain is None else pieces.written(chain)
        try:
            return self._unfinished.finish_once(partial(self._joined, chain or [], held), plan=plan, length=length)
        except (Busy, Ended):
            raise
        except Exception as error:
            if not (isinstance(error, FSError) and is_of_client(error)):
                with suppress(FSError):
                    self._put(_FAILED)
            raise

    def _joined(self, chain: list[Piece], held: InMemory | None, is_again: bool) -> StoredName:
        if is_again:
            chain = pieces.read(self._unfinished.plan())
            # what cannot be read cannot be compared: the store itself finds the file that it has made of them
            is_again = self._unfinished.store.reads_parts or not any(piece.name.endswith(PART) for piece in chain)
        kept = partial(
            stored_from, self.storage, terms=self.terms, content_type=self.terms.content_type, is_again=is_again
        )
        if held is not None and [piece.name for piece in chain] == [held.name]:
            # it need not be read
            return kept(io.BytesIO(held.content))
        paths, sizes = [self._unfinished.path(piece.name) for piece in chain], [piece.size for piece in chain]
        elsewhere = self._unfinished.elsewhere
        with self._state.operations.joined(paths, sizes, **elsewhere) as file:
            return kept(file, paths=paths, sizes=sizes, **elsewhere)


def _require_rested(found: Found) -> None:
    moment = found.files[_FAILED].modified if _FAILED in found.files else None
    # by the clock of the store, which may differ
    since = REST if moment is None else abs((datetime.now(timezone.utc) - moment).total_seconds())
    if since < REST:
        raise Failed(REST - since)


def _require_size(storage: Storage, terms: Terms, length: int | None) -> None:
    if length is not None and terms.max_size is not None and length > terms.max_size:
        raise too_large(storage.name, terms.name, terms.max_size)
