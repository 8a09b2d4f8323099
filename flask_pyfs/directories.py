"""What is a directory of a storage, which may be empty."""

from __future__ import annotations

from .errors import OperationNotSupported, translated
from .state import find
from .storage import Storage


def is_directory(storage: Storage, path: str) -> bool:
    """Return whether a path is a directory, also one of which no listing knows anything. One request.

    :param path: the path, in this spelling alone.
    """
    try:
        with translated(storage.name, path):
            return bool(storage.fs.isdir(path))
    except OperationNotSupported:
        # a backend that was written for Flask-FS
        return next(find(storage).operations.level(path), None) is not None
