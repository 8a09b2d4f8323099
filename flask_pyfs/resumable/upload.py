"""An upload as the protocols see it: it takes the next bytes, and becomes a file when it has them all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from ..backends.contract import StoredName
from ..uploads.terms import Terms

__all__ = ["ChecksumMismatch", "Status", "Upload", "WrongLength", "WrongOffset"]


@dataclass(frozen=True)
class Status:
    """How far an upload is.

    :param offset: how many bytes the store has of it; all bytes below are safe.
    :param length: how many it will have, or None if the client has not said.
    :param expires: when it will expire, with a time zone.
    :param stored: the file that it has become, or None if it is not finished.
    """

    offset: int
    length: int | None
    expires: datetime
    stored: StoredName | None = None


class WrongOffset(Exception):
    """The bytes are not the next ones.

    :ivar status: how far the upload is.
    """

    def __init__(self, status: Status) -> None:
        super().__init__(status.offset)
        self.status = status


class WrongLength(Exception):
    """The client says another length than before, or sends more than that."""


class ChecksumMismatch(Exception):
    """The bytes have another checksum than the client says. None of them is kept."""


class Upload:
    """An upload that has begun.

    :ivar token: what its URL ends with; it holds all that does not change.
    :ivar terms: what was agreed on.
    :ivar storage: the storage.
    """

    token: str
    terms: Terms
    storage: Any

    @classmethod
    def begin(cls, storage: Any, token: str, *, length: int | None, original_name: str | None = None) -> Upload:
        """Begin an upload with the token of a URL that :func:`flask_pyfs.resumable.begin` returned. No request.

        :param length: how many bytes it will have, or None if the client says it later.
        :raises flask_pyfs.errors.NotAuthorized: if the token is none, or has expired.
        :raises flask_pyfs.errors.FileTooLarge: if the length is larger than what was agreed on.
        """
        raise NotImplementedError

    @classmethod
    def opened(cls, token: str) -> Upload:
        """Return the upload that has a token. No request.

        :raises flask_pyfs.errors.NotAuthorized: if it is no token of this app.
        """
        raise NotImplementedError

    def status(self) -> Status:
        """Return how far it is. One listing. If it has all bytes, but the worker that had to finish it was killed, this
        finishes it.

        :raises flask_pyfs.unfinished.Busy: if another worker is finishing it.
        :raises flask_pyfs.unfinished.Ended: if it was cancelled or has expired.
        :raises flask_pyfs.errors.FSError: if it is refused, as :func:`flask_pyfs.arrivals.stored` does.
        """
        raise NotImplementedError

    def append(
        self,
        stream: BinaryIO,
        offset: int,
        *,
        length: int | None = None,
        is_last: bool = False,
        checksum: tuple[str, bytes] | None = None,
    ) -> Status:
        """Take the next bytes, and finish the upload if these are all. Memory does not grow with them.

        If reading the stream fails, what has come is kept, and the exception goes on.

        :param stream: the bytes.
        :param offset: where they begin.
        :param length: how many bytes the upload will have, if the client says it now.
        :param is_last: whether the upload ends with the end of the stream.
        :param checksum: the algorithm and the digest that the bytes must have; none is kept before it is checked.
        :raises WrongOffset: if they are not the next ones; nothing is kept.
        :raises WrongLength: see there.
        :raises ChecksumMismatch: see there.
        :raises flask_pyfs.errors.FileTooLarge: before a byte moves, if that can be known, else as soon as it is.
        :raises flask_pyfs.unfinished.Busy: likewise as :meth:`status`.
        :raises flask_pyfs.unfinished.Ended: likewise.
        """
        raise NotImplementedError

    def cancel(self) -> None:
        """Remove it. A file that it has become stays.

        :raises flask_pyfs.unfinished.Ended: if that was done before, or it has expired.
        """
        raise NotImplementedError
