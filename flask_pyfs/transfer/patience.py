"""How long a transfer waits for a store that does not answer or is too busy, and how often it tries."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import TypeVar

from ..errors import BackendError

__all__ = ["Patience", "Stopped"]

Result = TypeVar("Result")

_TRIES = 5

# seconds: the longest pause after the first try, which doubles with each, and the longest of all
_FIRST, _LONGEST = 1.0, 20.0

# so many files in a row that the store did not take in the end
_HOPELESS = 16


class Stopped(Exception):
    """The transfer was stopped, and what it was doing is left out."""


class Patience:
    """The patience of one transfer, which all its threads share.

    A request that fails is made at most five times. The pauses double, and each is a random part of its longest, so
    that many clients do not come back together. When no file succeeds any more, each is tried once.

    :param sleep: waits so many seconds. By default, :meth:`stop` ends it at once.
    """

    def __init__(self, sleep: Callable[[float], object] | None = None) -> None:
        self._stopped = threading.Event()
        self._sleep = sleep or self._stopped.wait
        self._lock = threading.Lock()
        self._given_up = 0

    def stop(self) -> None:
        """Stop all that is under way at its next read or pause. A copy by the server is waited for."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether the transfer is stopped."""
        return self._stopped.is_set()

    def check(self) -> None:
        """Raise :exc:`Stopped` if the transfer is stopped."""
        if self._stopped.is_set():
            raise Stopped

    def allows(self, tries: int) -> bool:
        """Return whether there is to be another try.

        :param tries: how many have failed.
        """
        if tries < _TRIES and self._given_up < _HOPELESS:
            return True
        with self._lock:
            self._given_up += 1
        return False

    def pause(self, tries: int) -> None:
        """Wait before the next try."""
        self._sleep(random.uniform(0, min(_LONGEST, _FIRST * 2 ** (tries - 1))))
        self.check()

    def persist(self, call: Callable[[], Result]) -> Result:
        """Call a function, again while a store fails, and return what it returns."""
        tries = 0
        while True:
            try:
                result = call()
                break
            except BackendError:
                tries += 1
                if not self.allows(tries):
                    raise
                self.pause(tries)
        self.succeeded()
        return result

    def succeeded(self) -> None:
        """Note that the stores work."""
        if self._given_up:
            with self._lock:
                self._given_up = 0
