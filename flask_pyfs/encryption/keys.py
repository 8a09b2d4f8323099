"""The keys of a storage."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from fs.errors import RemoteConnectionError

from ..conversions import Secret, keys_of
from ..errors import StoreMisconfigured, explained

__all__ = ["Key", "Keyring", "new_key"]


class _SecretBytes(bytes):
    # tools that report errors print the variables of each frame
    def __repr__(self) -> str:
        return "b'***'"

    __str__ = __repr__


class _Unpicklable:
    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled or copied: its keys would be in the result")


class Key(_Unpicklable):
    """A key of 32 bytes. Its ``repr`` shows only its identifier.

    :param text: the key in base64, of either alphabet.
    :ivar secret: the bytes. Their ``repr`` does not show them.
    :ivar identifier: 8 hexadecimal digits, which tell it from the others and do not tell what it is.
    """

    __slots__ = ("identifier", "secret")

    def __init__(self, text: str) -> None:
        self.secret: bytes = _SecretBytes(base64.urlsafe_b64decode(text))
        self.identifier: str = hashlib.sha256(b"flask_pyfs key identifier" + self.secret).hexdigest()[:8]

    def __repr__(self) -> str:
        return f"<Key {self.identifier}>"


class Keyring(_Unpicklable):
    """The keys of a storage. The first one encrypts, each of them decrypts.

    :param given: the setting ENCRYPTION_KEYS: the keys in base64, or a callable that returns them. It is called once a
        process, when a key is needed first, and again only if it failed. Threads that wait for it share its failure.
    :ivar setting: the name of the setting, as it is set.
    """

    def __init__(self, given: Sequence[str] | Callable[[], Any], setting: str = "ENCRYPTION_KEYS") -> None:
        self._given = given
        self.setting = setting
        self._keys: tuple[Key, ...] = ()
        self._failure, self._failures = "", 0
        self._renew()

    def _renew(self) -> None:
        self._lock, self._owner, self._asks = threading.RLock(), os.getpid(), False

    @property
    def keys(self) -> tuple[Key, ...]:
        """All keys, the first one first.

        :raises fs.errors.RemoteConnectionError: if the callable raises an error, which is the cause.
        :raises flask_pyfs.errors.StoreMisconfigured: if it returns something else, or needs the keys itself.
        """
        if not self._keys:
            if self._owner != os.getpid():
                # a thread of the parent may have held the lock at the fork, and it does not exist here
                self._renew()
            failures = self._failures
            with self._lock:
                if not self._keys:
                    self._keys = self._found(failures)
        return self._keys

    def _found(self, failures: int) -> tuple[Key, ...]:
        """Return the keys.

        :param failures: how often the callable had failed when this thread began to wait.
        """
        if self._asks:
            explanation = f"the callable of {self.setting} uses files that these keys encrypt: keep its own elsewhere"
            raise explained(StoreMisconfigured(explanation), explanation)
        if self._failures != failures:
            # who waited as long as a service takes to fail does not wait once more
            raise explained(RemoteConnectionError(msg=self._failure), self._failure)
        self._asks = True
        try:
            return self._read()
        finally:
            self._asks = False

    @property
    def first(self) -> Key:
        """The key that encrypts.

        :raises fs.errors.FSError: as :attr:`keys` does.
        """
        return self.keys[0]

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys)

    def __repr__(self) -> str:
        return f"<Keyring {', '.join(key.identifier for key in self._keys) or 'not read yet'}>"

    def _read(self) -> tuple[Key, ...]:
        found = self._ask(self._given) if callable(self._given) else _keys_in(self._given)
        if isinstance(found, str):
            explanation = f"{self.setting} must give {found}"
            raise explained(StoreMisconfigured(explanation), explanation)
        return found

    def _ask(self, service: Callable[[], Any]) -> tuple[Key, ...] | str:
        try:
            # no variable has what it returns
            return _keys_in(service())
        except Exception as error:
            self._failure = f"the callable of {self.setting} raised {type(error).__name__}, so no key is there"
            self._failures += 1
            raise explained(RemoteConnectionError(exc=error, msg=self._failure), self._failure) from error


def _keys_in(given: Any) -> tuple[Key, ...] | str:
    """Return the keys in a value, or what it must be. It raises nothing, because the traceback would have the value."""
    try:
        return tuple(map(Key, keys_of(given)))
    except ValueError as error:
        return str(error)


def new_key() -> Secret:
    """Return a new random key in base64."""
    return Secret(base64.b64encode(secrets.token_bytes(32)).decode())
