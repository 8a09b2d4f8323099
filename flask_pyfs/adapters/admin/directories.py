"""Renames directories of a storage, as far as its store has them."""

from __future__ import annotations

import logging
from contextlib import suppress

from fs.errors import FSError as FilesystemError

from ... import names
from ...errors import OperationNotSupported, translated
from ...state import find
from ...storage import Storage

_log = logging.getLogger(__name__)


def rename(storage: Storage, directory: str, target: str) -> None:
    """Move all files of a directory, each to the same place below another one, which is free.

    One or two requests for each file, as for ``Storage.move``. If one cannot be moved, the others are moved back; what
    the store refuses to move back is logged.

    :raises FSError: if one cannot be moved.
    """
    moved: list[tuple[str, str]] = []
    try:
        # all names first: a listing may show what has been moved
        for name in [name for name in storage.list_files(f"{directory}/") if name.startswith(f"{directory}/")]:
            new = target + name[len(directory) :]
            storage.move(names.Exact(name), new, overwrite=False)
            moved.append((name, new))
        if not moved:
            with translated(storage.name, target):
                storage.fs.makedirs(target)
    except BaseException:
        for name, new in reversed(moved):
            try:
                storage.move(new, names.Exact(name), overwrite=False)
            except Exception:
                _log.exception("storage %r: %r could not be moved back to %r", storage.name, new, name)
        raise
    _remove_empty(storage, directory)


def _remove_empty(storage: Storage, directory: str) -> None:
    # only what is empty: another process may have stored a file meanwhile
    for name, facts in list(find(storage).operations.level(directory)):
        if facts is None:
            _remove_empty(storage, name[:-1])
    with suppress(FilesystemError, OperationNotSupported):
        storage.fs.removedir(directory)
