"""What a store keeps of an upload that is not finished: a directory of its own, under a reserved name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .backends.contract import StoredName
from .filesystems.store import Facts, StoreFS
from .names import Reserved
from .state import State

__all__ = ["Busy", "Ended", "Unfinished", "new_identifier"]


class Busy(Exception):
    """Another worker is finishing this upload at the moment."""


class Ended(Exception):
    """The upload was cancelled or has expired."""


def new_identifier() -> str:
    """Return the identifier of a new upload, which nobody can guess."""
    raise NotImplementedError


@dataclass(frozen=True)
class Found:
    """What is in the directory of an upload.

    :param files: the files by their names in the directory, each with what the listing tells.
    :param stored: the file that the upload has become, or None if it is not finished.
    :param is_ended: whether it was cancelled.
    """

    files: dict[str, Facts]
    stored: StoredName | None = None
    is_ended: bool = False


class Unfinished:
    """An upload that is not finished. All that is known of it is in the store, so any worker of any machine may go on
    with it.

    :param state: the state of the storage.
    :param identifier: what :func:`new_identifier` returned.
    :raises flask_pyfs.errors.OperationNotSupported: if the backend was written for Flask-FS.
    """

    def __init__(self, state: State, identifier: str) -> None:
        raise NotImplementedError

    @property
    def store(self) -> StoreFS:
        """The store."""
        raise NotImplementedError

    def path(self, name: str) -> Reserved:
        """Return the path of a file in the directory of this upload."""
        raise NotImplementedError

    def look(self) -> Found:
        """Return what is there. One listing; one more request if the upload is finished."""
        raise NotImplementedError

    def finish_once(self, finish: Callable[[bool], StoredName]) -> StoredName:
        """Finish the upload, unless that was done before, remember what it has become, and remove the rest.

        Of several workers that want it at once, one does it. A worker that is killed leaves nothing that the next one
        cannot finish.

        :param finish: stores the file. It is told whether another worker may have begun to do so, and was killed: then
            a file of that name may be what it has stored.
        :raises Busy: if another worker is at it.
        :raises Ended: if the upload was cancelled or has expired.
        :raises flask_pyfs.errors.FSError: as ``finish`` raises it. A refused file (UnauthorizedFileType, FileTooLarge,
            FileExists) ends the upload, and its content is removed.
        """
        raise NotImplementedError

    def cancel(self) -> None:
        """Remove the upload, so that nothing can go on with it."""
        raise NotImplementedError
