"""The verbs of a store to which clients send one file in parts, by requests that it signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

__all__ = ["MOST_PARTS", "SMALLEST_PART", "InParts", "Made", "Part", "WrongParts"]

#: The most parts of a file, whose numbers begin with 1 (a limit of S3).
MOST_PARTS = 10_000

#: The least bytes of a part, but for the last one (a limit of S3).
SMALLEST_PART = 5 * 1024 * 1024


class Part(NamedTuple):
    """A part that the store has.

    :param size: its length in bytes.
    :param etag: its entity tag, without quotes.
    :param modified: when the store got it.
    """

    size: int
    etag: str
    modified: datetime


class Made(NamedTuple):
    """A file that was made of parts.

    :param version: its version, or None if the store cannot tell it.
    :param size: its length in bytes.
    """

    version: str | None
    size: int


class WrongParts(Exception):
    """The parts cannot become a file: one but the last has less than :data:`SMALLEST_PART` bytes, or was sent again."""


class InParts(Protocol):
    """A file that clients send in parts. Nobody sees it before it is complete. Errors are ``fs.errors``."""

    def begin(self, mark: str, *, content_type: str | None = None) -> str:
        """Begin an upload, and return its id in the store. One request.

        :param mark: a random text that tells the file from all others that the name ever had.
        :param content_type: the media type; without it, that of the name.
        """

    def signed(self, upload: str, number: int, lifetime: int) -> str:
        """Return a URL to which a client sends a part, by a PUT. No request.

        :param number: 1 to :data:`MOST_PARTS`.
        :param lifetime: how long the URL is valid, in seconds.
        """

    def parts(self, upload: str) -> Mapping[int, Part] | None:
        """Return the parts that the store has, by their numbers, in order; None if it knows no such upload. One request
        per 1,000 parts.
        """

    def complete(self, upload: str, parts: Sequence[tuple[int, str]], mark: str, *, overwrite: bool) -> str | None:
        """Make the file of these parts, and return its version.

        :param parts: the number and the entity tag of each, in order.
        :param mark: that of :meth:`begin`.
        :param overwrite: as for :meth:`~flask_pyfs.filesystems.store.StoreFS.put`.
        :raises WrongParts: if the parts cannot become a file.
        :raises fs.errors.FileExists: without ``overwrite``, if the name is taken.
        :raises fs.errors.ResourceNotFound: if the store knows no such upload.
        """

    def found(self, mark: str) -> Made | None:
        """Return the file if it is there, as the upload with this mark made it. One request."""

    def copying(self) -> Mapping[str, str]:
        """Return the headers with which a client may try to let the store copy this file, in place of the content of a
        part. Nobody has signed them, so the store must refuse them. No request.
        """

    def is_sealed(self) -> bool:
        """Return whether no part of an upload can be sent again once that was completed. It is tried once, with this
        file, which is removed then: six requests at first, none later.
        """

    def abort(self, upload: str) -> None:
        """Forget an upload and its parts, if there is one. One request."""
