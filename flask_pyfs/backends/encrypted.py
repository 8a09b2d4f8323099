"""The wrapper that encrypts the files of a storage."""

from __future__ import annotations

import base64
import binascii
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from ..config import Config, setting_name, wrong_setting
from ..encryption.keys import Key, Keyring
from ..errors import ConfigurationError
from ..filesystems.store import StoreFS
from ..keys import refusal, storage_key

if TYPE_CHECKING:
    from ..filesystems.encrypted import EncryptedFS
    from ..filesystems.encrypted.forms import Forms

__all__ = ["Encryption"]

# the store may date a file after each moment that has not come
_AHEAD = timedelta(days=7)


class Encryption:
    """Encrypts the files of a storage, as :class:`flask_pyfs.filesystems.encrypted.EncryptedFS` does. No request.

    :param storage: the name of the storage.
    :param config: its settings.
    :raises flask_pyfs.errors.ConfigurationError: if URL is set, AES256_KEY is no key, or ENCRYPTION_READ_PLAIN is a
        moment that is far ahead.
    """

    def __init__(self, storage: str, config: Config) -> None:
        # not with the module, nor later, when another thread may fork meanwhile
        from ..filesystems.encrypted import EncryptedFS

        self._filesystem: type[EncryptedFS] = EncryptedFS
        _require_no_url(storage, config)
        self.keyring: Keyring = _keyring(storage, config)
        self._forms = _forms(storage, config, self.keyring)

    def over(self, store: StoreFS) -> EncryptedFS:
        return self._filesystem(store, self._forms)

    def obstacle_to(self, serve_mode: str) -> str | None:
        return "its files are encrypted" if serve_mode == "sendfile" else None


def _require_no_url(storage: str, config: Config) -> None:
    if config["url"]:
        asking = "ENCRYPTION_KEYS" if config["encryption_keys"] else "AES256_ENCRYPTED"
        rule = (
            f"cannot be used with {setting_name(config, storage, asking)}: a server at that URL would send encrypted "
            f"files. Remove it, or set {storage_key(storage, 'URL')} to an empty text"
        )
        raise wrong_setting(storage, config["backend"], config, "URL", rule)


class _NoKeys(Keyring):
    """The keyring of a storage that only has the key of flask-fs2. Nothing can be written.

    :param setting: the name of the setting that would have some.
    :param refusal: what a write raises.
    """

    def __init__(self, setting: str, refusal: ConfigurationError) -> None:
        super().__init__((), setting)
        self._refusal = refusal

    @property
    def keys(self) -> tuple[Key, ...]:
        return ()

    @property
    def first(self) -> Key:
        raise ConfigurationError(str(self._refusal), storage=self._refusal.storage)


def _keyring(storage: str, config: Config) -> Keyring:
    if config["encryption_keys"]:
        return Keyring(config["encryption_keys"], setting_name(config, storage, "ENCRYPTION_KEYS"))
    name, old = setting_name(config, storage, "ENCRYPTION_KEYS"), setting_name(config, storage, "AES256_ENCRYPTED")
    return _NoKeys(
        name,
        refusal(
            f"{name} is not set, so nothing can be written: {old} alone lets storage {storage!r} read the files that "
            f"flask-fs2 encrypted. Set {name} to a key that 'flask fs keygen' prints",
            storage,
        ),
    )


def _forms(storage: str, config: Config, keyring: Keyring) -> Forms:
    from ..filesystems.encrypted.forms import Forms
    from ..filesystems.encrypted.mixed import MixedForms

    old, moment = _old_key(storage, config), _moment(storage, config)
    return Forms(keyring) if old is None and moment is None else MixedForms(keyring, old=old, plain_before=moment)


def _old_key(storage: str, config: Config) -> Key | None:
    """Return the key of flask-fs2. With one, its files are read, whether AES256_ENCRYPTED is on or not."""
    text = config["aes256_key"]
    if text:
        # as flask-fs2 reads it: line ends and the like are left out
        with suppress(binascii.Error, ValueError):
            if len(base64.urlsafe_b64decode(text)) == 32:
                return Key(text)
        rule = "must be the key that flask-fs2 had: 32 bytes in base64"
    elif config["aes256_encrypted"]:
        rule = f"must be set, as {setting_name(config, storage, 'AES256_ENCRYPTED')} is on: the key that flask-fs2 had"
    else:
        return None
    raise wrong_setting(storage, config["backend"], config, "AES256_KEY", rule)


def _moment(storage: str, config: Config) -> datetime | None:
    """Return the moment before which files may be plain.

    It may be near, for servers of an older configuration that still write. Until it comes, anyone who can write to the
    store can add plain files, so a far one is refused.
    """
    moment: datetime | None = config["encryption_read_plain"]
    if moment is not None and moment > datetime.now(timezone.utc) + _AHEAD:
        rule = (
            "must be at most 7 days ahead: the moment at which the last plain file is written. Until then, anyone who "
            "can write to the store can add plain files"
        )
        raise wrong_setting(storage, config["backend"], config, "ENCRYPTION_READ_PLAIN", rule)
    return moment
