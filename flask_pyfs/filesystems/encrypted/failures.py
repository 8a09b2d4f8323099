"""The errors for files that cannot be decrypted, each with what to do."""

from __future__ import annotations

from ...encryption.fernet import has_time
from ...encryption.keys import Keyring
from ...encryption.segments import HEADER
from ...errors import Undecipherable, explained
from ...names import has_reserved

__all__ = ["changed", "damaged", "doubtful", "not_encrypted", "not_opened", "of_flask_fs2", "of_no_length", "unopened"]


def not_encrypted(path: str, keyring: Keyring) -> Undecipherable:
    """Return the error for a file that does not begin as an encrypted one."""
    return _told(
        path,
        "'{path}' is not encrypted",
        f"it is not encrypted: if it was stored before {keyring.setting} was set, set {_read_plain(keyring)} to a "
        "moment after that, else store it again",
    )


def of_no_length(path: str, keyring: Keyring) -> Undecipherable:
    """Return the error for a file whose length is that of no encrypted file."""
    return _told(
        path,
        "'{path}' is not encrypted, or was cut",
        f"it was cut, or is not encrypted: restore it from a backup; or set {_read_plain(keyring)} to a moment after "
        "it was stored plain",
    )


def not_opened(path: str, keyring: Keyring) -> Undecipherable:
    """Return the error for a file that no key opens."""
    return _told(
        path,
        "'{path}' was changed since it was encrypted, or no key of it is set",
        f"it was changed since it was encrypted, or {keyring.setting} lacks its key: add that key behind the others, "
        "or restore the file from a backup",
    )


def doubtful(path: str, keyring: Keyring) -> Undecipherable:
    """Return the error for a file that may be plain, but looks encrypted, and that no key opens."""
    return _told(
        path,
        "'{path}' looks encrypted, and no key opens it",
        f"it looks encrypted, and no key opens it: if {keyring.setting} lacks its key, add that behind the others; if "
        "it was changed, restore it from a backup; if it is plain, store it again",
    )


def of_flask_fs2(path: str, keyring: Keyring) -> Undecipherable:
    """Return the error for a file that begins as those that flask-fs2 encrypted, whose key is not set."""
    return _told(
        path,
        "'{path}' was encrypted by flask-fs2, or was cut",
        f"flask-fs2 encrypted it: set {keyring.setting.removesuffix('ENCRYPTION_KEYS')}AES256_KEY to its key; "
        "with that key set, the file was cut: restore it from a backup",
    )


def damaged(path: str) -> Undecipherable:
    """Return the error for a file of flask-fs2 that the key does not verify."""
    return _told(
        path,
        "'{path}' was changed since it was encrypted, or AES256_KEY is another key",
        "it was changed or cut since flask-fs2 encrypted it, or AES256_KEY is another key than flask-fs2 had: set that "
        "key, or restore the file from a backup",
    )


def changed(path: str, keyring: Keyring) -> Undecipherable:
    """Return the error for a file of which a key opened one segment, but does not open another one."""
    return _told(
        path,
        "'{path}' was changed or cut since it was encrypted",
        f"it was changed or cut since a key of {keyring.setting} encrypted it: restore it from a backup",
    )


def unopened(path: str, keyring: Keyring, start: bytes) -> Undecipherable:
    """Return the error for a file whose first segment no key opens.

    :param start: its first bytes, up to 40 of them.
    """
    if has_time(start):
        return of_flask_fs2(path, keyring)
    return (not_opened if start[:1] == bytes([HEADER]) else not_encrypted)(path, keyring)


def _told(path: str, message: str, explanation: str) -> Undecipherable:
    error = explained(Undecipherable(path, msg=message), explanation)
    # nobody has asked for that one by its name
    error.beside = path if has_reserved(path) else None
    return error


def _read_plain(keyring: Keyring) -> str:
    # on the same level
    return f"{keyring.setting.removesuffix('KEYS')}READ_PLAIN"
