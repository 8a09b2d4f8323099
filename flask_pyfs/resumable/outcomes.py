"""What becomes of a request to an upload: how far the upload is then, or why nothing was taken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..backends.contract import StoredName

__all__ = ["ChecksumMismatch", "Failed", "Status", "WrongLength", "WrongOffset"]


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


class Failed(Exception):
    """All bytes are there, but a worker has just failed to finish the upload, for a reason that is not the client's.

    :ivar seconds: when to ask again.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds
