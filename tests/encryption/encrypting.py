"""Encrypted stores and storages, with keys that are new each time."""

import base64
import secrets

from flask_pyfs.encryption.keys import Keyring
from flask_pyfs.filesystems.encrypted import EncryptedFS
from flask_pyfs.filesystems.encrypted.forms import Forms


def new_key():
    return base64.b64encode(secrets.token_bytes(32)).decode()


def forms(*keys):
    return Forms(Keyring(list(keys) or [new_key()]))


def encrypted(store, *keys):
    return EncryptedFS(store, forms(*keys))
