"""The layer that encrypts the files of a storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config import Config, wrong_setting
from ..encryption.keys import Keyring
from ..filesystems.store import StoreFS
from ..keys import storage_key

if TYPE_CHECKING:
    from ..filesystems.encrypted import EncryptedFS

__all__ = ["Encryption", "layer"]


def layer(storage: str, config: Config) -> Encryption | None:
    """Return the layer of a storage whose settings ask for encryption.

    :raises flask_pyfs.errors.ConfigurationError: if a setting beside them would go round it.
    """
    return Encryption(storage, config)


class Encryption:
    """Encrypts what is written, and decrypts what is read; see :class:`flask_pyfs.filesystems.encrypted.EncryptedFS`.

    :param storage: the name of the storage.
    :param config: its settings.
    :raises flask_pyfs.errors.ConfigurationError: if a setting beside the keys would go round it.
    """

    def __init__(self, storage: str, config: Config) -> None:
        # not with the module, nor later, when another thread may fork meanwhile
        from ..filesystems.encrypted import EncryptedFS
        from ..filesystems.encrypted.forms import Forms

        self._made: type[EncryptedFS] = EncryptedFS
        self._config = config
        if config["url"]:
            rule = (
                "cannot be used with ENCRYPTION_KEYS: a server at that URL would send encrypted files. Remove it, or "
                f"set {storage_key(storage, 'URL')} to an empty text"
            )
            raise wrong_setting(storage, config["backend"], config, "URL", rule)
        self.keyring: Keyring = Keyring(config["encryption_keys"])
        self._forms = Forms(self.keyring)

    def over(self, store: StoreFS) -> EncryptedFS:
        return self._made(store, self._forms)

    def obstacle_to(self, serve_mode: str) -> str | None:
        return "its files are encrypted" if serve_mode == "sendfile" else None
