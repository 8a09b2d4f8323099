"""Asks a scanner for viruses about each file that a client sends: SCAN."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from inspect import iscoroutine
from typing import Any, BinaryIO, cast

from ..errors import BackendError, ConfigurationError, FSError, UnauthorizedFileType
from ..keys import storage_key
from ..seekable import FileView, OwnFile, as_given, rewindable
from ..storage import Storage
from .clamd import ask
from .views import readable
from .words import infected, refused, unscanned

__all__ = ["scan", "scanned"]

_log = logging.getLogger(__name__)


@contextmanager
def scanned(storage: Storage, prepared: AbstractContextManager[Any], filename: str) -> Iterator[Any]:
    """Yield what another context manager yields, after the scanner of the storage let it pass.

    :param prepared: yields the content to store for an upload. One that cannot seek is copied to a temporary file. What
        this package has made of an upload is not scanned: the upload was.
    :param filename: the name under which it is stored.
    :raises flask_pyfs.errors.FSError: as :func:`scan` does.
    """
    with prepared as upload:
        if isinstance(upload, OwnFile):
            yield upload
            return
        with rewindable(upload) as content:
            start = content.tell()
            try:
                scan(storage, content, filename)
            finally:
                content.seek(start)
            yield as_given(upload, content)


def scan(storage: Storage, file: BinaryIO, filename: str) -> None:
    """Ask the scanner of a storage about a file, from its position to its end. Memory does not grow with it.

    :param file: a file that can seek. Its position changes.
    :param filename: the name under which it is stored.
    :raises flask_pyfs.errors.UnauthorizedFileType: if it does not let the file pass.
    :raises flask_pyfs.errors.BackendError: if it fails, or cannot scan this file, unless SCAN_FAIL_OPEN is on.
    """
    config = storage.config
    scanner, view = config["scan"], FileView(file, file.tell())
    try:
        if isinstance(scanner, str):
            found = ask(scanner, cast(BinaryIO, view))
            if found is not None:
                raise infected(storage.name, filename, found)
        elif _answer(storage.name, scanner, view, filename) is not True:
            raise refused(storage.name, filename)
    except UnauthorizedFileType as error:
        _log.warning("%s", error)
        raise
    except Exception as error:
        if view.error is not None:
            # the upload itself cannot be read
            raise view.error from None
        if isinstance(error, FSError) and not isinstance(error, BackendError):
            raise
        failure = unscanned(storage.name, filename, error)
        if not config["scan_fail_open"]:
            raise failure from error
        _log.warning("%s; it is stored all the same, because SCAN_FAIL_OPEN is on", failure)


def _answer(storage: str, scanner: Callable[[BinaryIO, str], Any], view: FileView, filename: str) -> Any:
    answer = scanner(readable(view), filename)
    if iscoroutine(answer):
        # else Python warns that nobody awaited it
        answer.close()
        key = storage_key(storage, "SCAN")
        raise ConfigurationError(f"{key} must be no async function, but return True or False", storage=storage)
    return answer
