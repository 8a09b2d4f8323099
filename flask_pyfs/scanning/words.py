"""What is said of a file that a scanner did not let pass, or could not scan."""

from __future__ import annotations

from ..errors import BackendError, UnauthorizedFileType, shortened
from ..keys import storage_key

_UNSCANNED = "The file cannot be checked for viruses at the moment. Try again later."


class Unscanned(Exception):
    """A scanner could not scan a file; the message says why, and what to do."""


def infected(storage: str, filename: str, found: str) -> UnauthorizedFileType:
    """Return the error for a file in which a scanner found something.

    :param found: the name of what it found.
    """
    return UnauthorizedFileType(
        f"storage {storage!r} does not take {filename!r}: its scanner found {shortened(found, 80)}",
        path=filename,
        storage=storage,
        user_message="This file is not accepted, because a virus was found in it.",
    )


def refused(storage: str, filename: str) -> UnauthorizedFileType:
    """Return the error for a file that the app's own scanner did not let pass."""
    key = storage_key(storage, "SCAN")
    return UnauthorizedFileType(
        f"storage {storage!r} does not take {filename!r}: its scanner ({key}) returned something else than True",
        path=filename,
        storage=storage,
        user_message="This file is not accepted.",
    )


def unscanned(storage: str, filename: str, error: Exception) -> BackendError:
    """Return the error for a file that could not be scanned.

    :param error: what the scanner raised.
    """
    reason = str(error) if isinstance(error, Unscanned) else f"it raised {type(error).__name__}: {error}"
    what = f"because its scanner ({storage_key(storage, 'SCAN')}) could not scan it: {shortened(reason)}"
    return BackendError(
        f"storage {storage!r} does not take {filename!r}, {what}",
        path=filename,
        storage=storage,
        user_message=_UNSCANNED,
    )
