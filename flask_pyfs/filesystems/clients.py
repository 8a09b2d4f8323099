"""Clients of drivers, of which each process has its own."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["PerProcess"]

Client = TypeVar("Client")


class PerProcess(Generic[Client]):
    """Makes a client when it is first asked for, once for all threads, and again after a fork.

    A connection that parent and child share mixes their answers up.

    :param make: makes the client.
    """

    def __init__(self, make: Callable[[], Client]) -> None:
        self._make = make
        self._reset()
        _all.add(self)

    def _reset(self) -> None:
        # a thread of the parent may hold the lock at the fork, and it does not exist in the child
        self._lock = threading.Lock()
        self._client: Client | None = None

    def __call__(self) -> Client:
        """Return the client of this process."""
        client = self._client
        if client is None:
            with self._lock:
                client = self._client
                if client is None:
                    client = self._client = self._make()
        return client


_all: weakref.WeakSet[PerProcess[Any]] = weakref.WeakSet()


def _reset_all() -> None:
    for each in list(_all):
        each._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
