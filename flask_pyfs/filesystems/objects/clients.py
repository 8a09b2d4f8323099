"""Clients of drivers, of which each process has its own."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

from .deferred import call_or_defer, deferred, run_deferred

Client = TypeVar("Client")
Settings = TypeVar("Settings")


class PerProcess(Generic[Client]):
    """Makes a client when it is first asked for, once for all threads, and again after a fork.

    A connection that parent and child share mixes their answers up.

    :param make: makes the client.
    :param close: closes it when nobody can ask for it any longer, or the process ends; never in a child of the process
        that made it.
    """

    def __init__(self, make: Callable[[], Client], close: Callable[[Client], object] | None = None) -> None:
        self._make = make
        self._close = close
        self._closing: weakref.finalize[..., Any] | None = None
        self._inherited: list[Any] = []
        self._reset()
        _all.add(self)

    def _reset(self) -> None:
        # a thread of the parent may hold the lock at the fork, and it does not exist in the child
        self._lock = threading.Lock()
        self._client: Client | None = None

    def _inherit(self) -> None:
        if self._closing is not None:
            # what a driver does when a client goes is for the parent to do
            self._inherited.append(self._closing.detach())
            self._closing = None
        self._reset()

    def __call__(self) -> Client:
        """Return the client of this process."""
        if deferred:
            run_deferred()
        client = self._client
        if client is None:
            with self._lock:
                client = self._client
                if client is None:
                    client = self._client = self._make()
                    if self._close is not None:
                        self._closing = weakref.finalize(self, call_or_defer, partial(self._close, client))
        return client


def giving_up_on(*failures: type[Exception]) -> Callable[..., None]:
    """Return a handler for a driver that asks whether to send a request again.

    A server that does not answer in time is not asked again: whoever waits would wait several times.

    :param failures: the errors that mean silence. The handler raises them.
    """

    def give_up(caught_exception: Exception | None = None, **others: Any) -> None:
        if isinstance(caught_exception, failures):
            raise caught_exception

    return give_up


_shared: weakref.WeakValueDictionary[Any, PerProcess[Any]] = weakref.WeakValueDictionary()


def shared_client(
    settings: Settings, make: Callable[[Settings], Client], close: Callable[[Client], object] | None = None
) -> PerProcess[Client]:
    """Return what gives the client of the process; equal settings share one, and with it the connections.

    :param settings: what makes the client.
    :param make: makes it; each such function has clients of its own.
    """
    key = (make, settings)
    return _shared.get(key) or _shared.setdefault(key, PerProcess(lambda: make(settings), close))


_all: weakref.WeakSet[PerProcess[Any]] = weakref.WeakSet()


def _reset_all() -> None:
    for each in list(_all):
        each._inherit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
