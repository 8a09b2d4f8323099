"""The errors for files that cannot be decrypted, each with what to do."""

from __future__ import annotations

from ...encryption.keys import Keyring
from ...errors import Undecipherable, explained

__all__ = ["changed", "not_encrypted", "not_opened", "of_no_length"]


def not_encrypted(path: str, keyring: Keyring) -> Undecipherable:
    """Return the error for a file that does not begin as an encrypted one."""
    return explained(
        Undecipherable(path, msg="'{path}' is not encrypted"),
        f"it is not encrypted: if it was stored before {keyring.setting} was set, set {_read_plain(keyring)} to a "
        "moment after that, else store it again",
    )


def of_no_length(path: str, keyring: Keyring) -> Undecipherable:
    """Return the error for a file whose length is that of no encrypted file."""
    return explained(
        Undecipherable(path, msg="'{path}' is not encrypted, or was cut"),
        f"it was cut, or is not encrypted: restore it from a backup; or set {_read_plain(keyring)} to a moment after "
        "it was stored plain",
    )


def not_opened(path: str, keyring: Keyring) -> Undecipherable:
    """Return the error for a file that no key opens."""
    return explained(
        Undecipherable(path, msg="'{path}' was changed since it was encrypted, or no key of it is set"),
        f"it was changed since it was encrypted, or {keyring.setting} lacks its key: add that key behind the others, "
        "or restore the file from a backup",
    )


def changed(path: str, keyring: Keyring) -> Undecipherable:
    """Return the error for a file of which a key opened one segment, but does not open another one."""
    return explained(
        Undecipherable(path, msg="'{path}' was changed or cut since it was encrypted"),
        f"it was changed or cut since a key of {keyring.setting} encrypted it: restore it from a backup",
    )


def _read_plain(keyring: Keyring) -> str:
    # on the same level
    return f"{keyring.setting.removesuffix('KEYS')}READ_PLAIN"
