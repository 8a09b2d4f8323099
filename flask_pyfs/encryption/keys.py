"""The keys of a storage."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..options import Option, Secret

__all__ = ["Key", "Keyring", "WrongKeys", "new_key"]

_KEYS = Option("ENCRYPTION_KEYS", "keys", secret=True)
_URLSAFE = str.maketrans("-_", "+/")


class WrongKeys(Exception):
    """What a callable returned in place of keys."""


class Key:
    """A key of 32 bytes. Its ``repr`` shows only its identifier.

    :param text: the key in base64.
    :ivar identifier: a short text that tells it from the others and does not tell what it is.
    """

    __slots__ = ("identifier", "secret")

    def __init__(self, text: str) -> None:
        self.secret: bytes = base64.b64decode(text.translate(_URLSAFE))
        self.identifier: str = hashlib.sha256(b"flask_pyfs key identifier" + self.secret).hexdigest()[:8]

    def __repr__(self) -> str:
        return f"<Key {self.identifier}>"


class Keyring:
    """The keys of a storage. The first one encrypts, each of them decrypts.

    :param given: the setting ENCRYPTION_KEYS: the keys in base64, or a callable that returns them. It is called once,
        when a key is needed.
    """

    def __init__(self, given: Sequence[str] | Callable[[], Any]) -> None:
        self._given = given
        self._keys: tuple[Key, ...] = ()

    @property
    def keys(self) -> tuple[Key, ...]:
        """All keys.

        :raises WrongKeys: if the callable returns something else.
        """
        if not self._keys:
            given = self._given() if callable(self._given) else self._given
            try:
                texts: list[str] = _KEYS.convert(given)
            except (ValueError, TypeError) as error:
                raise WrongKeys(str(error)) from None
            self._keys = tuple(map(Key, texts))
        return self._keys

    @property
    def first(self) -> Key:
        """The key that encrypts."""
        return self.keys[0]

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys)

    def __repr__(self) -> str:
        return f"<Keyring {', '.join(key.identifier for key in self._keys) or 'not read yet'}>"


def new_key() -> Secret:
    """Return a new random key in base64."""
    import secrets

    return Secret(base64.b64encode(secrets.token_bytes(32)).decode())
