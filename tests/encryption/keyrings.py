"""Keys, and the files of a storage as a process sees them that has some of these."""

import base64
import hashlib

from flask_pyfs.encryption.keys import Key, Keyring
from flask_pyfs.filesystems.encrypted import EncryptedFS
from flask_pyfs.filesystems.encrypted.forms import Forms


def key(name):
    """Return a key, always the same for a name."""
    return base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()


OLD, NEW, LOST = key("old"), key("new"), key("lost")


def identifier(text):
    return Key(text).identifier


class _Process(EncryptedFS):
    def close(self):
        """The store belongs to the storage, which goes on."""


def with_keys(backend, *keys):
    """Return the store of a backend as a process has it that was configured with these keys."""
    return _Process(backend.bare, Forms(Keyring(keys)))
