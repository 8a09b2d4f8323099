"""Refuses settings that leave it unclear whether the files of a storage are encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .common import AES256_ENCRYPTED, COMMON
from .keys import refusal, storage_key, storage_prefixes
from .options import Option
from .origins import set_by
from .values import converted

__all__ = ["require_keys", "require_unambiguous", "require_wrappers"]


def require_unambiguous(option: Option, key: str, value: Any, config: Mapping[str, Any], storage: str) -> None:
    """Check that a setting says clearly whether flask-fs2 encrypted the files of a storage.

    :param option: the option that is set. Only AES256_ENCRYPTED can be unclear.
    :param key: the name of the setting, as it is set.
    :param value: its value, as it is set.
    :param config: the settings of the storage.
    :raises flask_pyfs.errors.ConfigurationError: if AES256_ENCRYPTED is a text such as ``'false'`` beside AES256_KEY.
    """
    if option is not AES256_ENCRYPTED or not isinstance(value, str) or not value or not config.get("aes256_key"):
        return
    if not converted(option, key, value, storage):
        raise refusal(
            f"{key} is the text {value!r}, which flask-fs2 takes for true: with the AES256_KEY that is set, it "
            f"encrypted files of storage {storage!r}. Set True to read them, or False, or no AES256_KEY",
            storage,
        )


def require_keys(config: Mapping[str, Any], storage: str) -> None:
    """Check that a storage that was plain until a moment has keys now.

    :param config: the settings of the storage, or of one of its backends.
    :raises flask_pyfs.errors.ConfigurationError: if ENCRYPTION_READ_PLAIN is set without ENCRYPTION_KEYS.
    """
    if config["encryption_read_plain"] and not (config["encryption_keys"] or config["aes256_encrypted"]):
        key = str(set_by(config, "ENCRYPTION_READ_PLAIN"))
        is_own = key.startswith(storage_prefixes(storage))
        needed = f"{key.removesuffix('READ_PLAIN')}KEYS" if is_own else storage_key(storage, "ENCRYPTION_KEYS")
        raise refusal(
            f"{key} needs keys, without which storage {storage!r} would keep new files unencrypted: set {needed}, or "
            "set it only for storages with keys",
            storage,
        )


def require_wrappers(
    undeclared: Mapping[str, str], settings: Mapping[str, Any], config: Mapping[str, Any], storage: str
) -> None:
    """Check that the keys of one of several backends did not lose their effect: after a migration, the storage has one.

    :param undeclared: the keys that the backend does not declare, by their KEY.
    :param settings: the configuration of an app.
    :param config: the settings of the storage.
    :raises flask_pyfs.errors.ConfigurationError: if one such as TARGET_ENCRYPTION_KEYS is set, and nothing encrypts.
    """
    wrappers = [option.name for option in COMMON if option.wrapper]
    if any(config[name.lower()] for name in wrappers):
        return
    for name, key in undeclared.items():
        wrapper = next((each for each in wrappers if name.endswith(f"_{each}")), None)
        if wrapper and settings[key]:
            raise refusal(
                f"{key} has no effect with this backend, so new files would be unencrypted: set "
                f"{storage_key(storage, wrapper)}, or remove it if storage {storage!r} has plain files",
                storage,
            )
