"""Refuses a storage whose files flask-fs2 encrypted, or that is to encrypt them: nothing is encrypted here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .keys import refusal
from .options import Option
from .values import converted

__all__ = ["ENCRYPTED", "refuse_encryption", "require_unencrypted"]

ENCRYPTED = Option("AES256_ENCRYPTED", "bool")
_ENCRYPTION_KEY = "AES256_KEY"


def refuse_encryption(settings: Mapping[str, Any], prefixes: Sequence[tuple[int, str]], storage: str) -> None:
    """Check that nothing is to be encrypted.

    :param prefixes: the levels, and what the keys of each begin with.
    :raises flask_pyfs.errors.ConfigurationError: if AES256_ENCRYPTED is on.
    """
    keys = [prefix + ENCRYPTED.name for _, prefix in prefixes]
    key = next((key for key in keys if settings.get(key) is not None), None)
    if key is not None:
        has_key = any(settings.get(prefix + _ENCRYPTION_KEY) for _, prefix in prefixes)
        _require_unencrypted(key, settings[key], storage, has_key=has_key)


def require_unencrypted(config: Mapping[str, Any], options: Iterable[Option], storage: str) -> None:
    """Check that a backend which is built by hand is not to encrypt, unless it has the option itself.

    :raises flask_pyfs.errors.ConfigurationError: if AES256_ENCRYPTED is on.
    """
    value = config.get(ENCRYPTED.name.lower())
    if value is None or getattr(config, "_is_resolved", False) or any(each.name == ENCRYPTED.name for each in options):
        return
    _require_unencrypted(ENCRYPTED.name, value, storage, has_key=bool(config.get(_ENCRYPTION_KEY.lower())))


def _require_unencrypted(key: str, value: Any, storage: str, *, has_key: bool) -> None:
    if converted(ENCRYPTED, key, value, storage):
        raise refusal(
            f"{key} is on, but nothing is encrypted here: storage {storage!r} would keep its files unencrypted. "
            "Keep flask-fs2 for this storage, or decrypt its files with flask-fs2 and turn the setting off",
            storage,
        )
    if has_key and value and isinstance(value, str):
        raise refusal(
            f"{key} is the text {value!r}, which flask-fs2 takes for true: with the AES256_KEY that is set, it "
            f"encrypted files of storage {storage!r}, and nothing is decrypted here. Decrypt them with flask-fs2, and "
            "set False or an empty text, or no AES256_KEY",
            storage,
        )
