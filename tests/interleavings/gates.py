"""What a store sends is counted, and at one of its requests another one acts first."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import monitoring

MonkeyPatch = Any


class Gate:
    """Counts requests, and lets another one act before one of them."""

    def __init__(self) -> None:
        self._counting = False
        self._count = 0
        self._at = 0
        self._act: Callable[[], None] | None = None

    @contextmanager
    def before(self, number: int = 0, act: Callable[[], None] | None = None) -> Iterator[Gate]:
        """Act before the request of this number, the first being 1, that is sent in the block."""
        self._counting, self._count, self._at, self._act = True, 0, number, act
        try:
            yield self
        finally:
            self._counting = False

    @property
    def is_passed(self) -> bool:
        """Whether there was a request of this number: a request that is sent again may be missing the next time."""
        return self._count >= self._at

    @property
    def count(self) -> int:
        """The number of requests."""
        return self._count

    def passed(self) -> None:
        """A request is about to be sent."""
        if not self._counting:
            return
        self._count += 1
        if self._count == self._at and self._act is not None:
            # what the other one sends is not counted
            self._counting = False
            self._act()
            self._counting = True

    def around(self, function: Callable[..., Any], when: Callable[[], bool] = lambda: True) -> Callable[..., Any]:
        """Return a function that is counted as a request if a condition holds."""

        def counted(*arguments: Any, **keywords: Any) -> Any:
            if when():
                self.passed()
            return function(*arguments, **keywords)

        return counted


gate = Gate()


class _Listener(monitoring.CommandListener):
    def started(self, event: Any) -> None:
        if event.command_name != "endSessions":
            gate.passed()

    def succeeded(self, event: Any) -> None:
        pass

    def failed(self, event: Any) -> None:
        pass


# for the clients that are made after this was imported
monitoring.register(_Listener())


def count_nothing(patch: MonkeyPatch, filesystem: Any) -> None:
    """Commands are counted by the listener."""


def count_system_calls(patch: MonkeyPatch, filesystem: Any) -> None:
    names = ("link", "lstat", "mkdir", "open", "remove", "rename", "replace", "rmdir", "scandir", "stat", "unlink")
    for name in names:
        patch.setattr(os, name, gate.around(getattr(os, name)))


def count_calls(patch: MonkeyPatch, filesystem: Any) -> None:
    """Count the calls of a filesystem in memory, but not those that hold its lock, because no other gets in there."""
    for name in ("getinfo", "isdir", "makedirs", "move", "openbin", "remove", "removedir", "scandir"):
        counted = gate.around(getattr(filesystem, name), lambda: not filesystem._lock._is_owned())
        patch.setattr(filesystem, name, counted)


def count_http(patch: MonkeyPatch, filesystem: Any) -> None:
    from botocore.httpsession import URLLib3Session

    send = URLLib3Session.send
    patch.setattr(URLLib3Session, "send", lambda session, request: gate.around(send)(session, request))


def count_requests(patch: MonkeyPatch, filesystem: Any) -> None:
    from flask_pyfs.filesystems.swift.account import Account

    request = Account.request

    def counted(account: Any, *arguments: Any, **keywords: Any) -> Any:
        gate.passed()
        return request(account, *arguments, **keywords)

    patch.setattr(Account, "request", counted)
