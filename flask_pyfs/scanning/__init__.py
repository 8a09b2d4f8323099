"""Asks a scanner for viruses about each file that a client sends: SCAN."""

from __future__ import annotations

from typing import Any, BinaryIO

__all__ = ["scan"]


def scan(storage: Any, file: BinaryIO, filename: str) -> None:
    """Ask the scanner of a storage about a file.

    :raises flask_pyfs.errors.UnauthorizedFileType: if it does not let the file pass.
    :raises flask_pyfs.errors.BackendError: if it cannot be reached, unless SCAN_FAIL_OPEN says otherwise.
    """
    raise NotImplementedError
