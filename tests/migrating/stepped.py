"""Operations that stop before each of their requests, so that a test runs them in any order, or kills one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

from flask_pyfs.filesystems.migrating import moving
from flask_pyfs.filesystems.migrating.choosing import target_of
from flask_pyfs.filesystems.migrating.filesystem import MigratingFS
from flask_pyfs.filesystems.migrating.moving import Moved
from flask_pyfs.filesystems.store import StoreFS

#: More requests than any operation makes that runs alone.
MANY = 100

_REQUESTS_OF_STORE = {
    *("facts", "fetch", "has_file", "put", "replace_version", "delete_version", "delete_tree", "copy_from"),
    "iter_facts",
}
_REQUESTS_OF_TARGET = {"look", "fetch", "write", "open_write", "copy_in", "move", "bury", "drop", "entries"}


class Killed(BaseException):
    """The process is dead: none of its code makes a request any more."""


def _held() -> Any:
    lock = threading.Lock()
    lock.acquire()
    return lock


class Operation:
    """An operation in a thread, which stops before each request, and before it ends.

    :param run: the operation. It gets the gate to go through before each request.
    """

    def __init__(self, run: Callable[[Callable[[], None]], Any]) -> None:
        self._run = run
        self._turn = _held()
        self._stopped = _held()
        self.is_killed = False
        self.steps = 0
        self.is_done = False
        self.result: Any = None
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()
        self._stopped.acquire()

    def _main(self) -> None:
        try:
            self._gate()
            self.result = self._run(self._gate)
            self._gate()
        except Killed:
            pass
        except Exception as error:
            self.error = error
        self.is_done = True
        self._stopped.release()

    def _gate(self) -> None:
        if not self.is_killed:
            self._stopped.release()
            self._turn.acquire()
        if self.is_killed:
            raise Killed

    def step(self) -> None:
        """Go on to the next request, or to the end."""
        assert not self.is_done
        self.steps += 1
        assert self.steps < MANY, "the operation does not end"
        self._turn.release()
        self._stopped.acquire()

    def kill(self) -> None:
        """End it here. What it has asked for so far is done."""
        self.is_killed = True
        self._turn.release()
        self._stopped.acquire()
        self._thread.join()

    def finish(self) -> None:
        """Go on to the end."""
        while not self.is_done:
            self.step()


class _Stepped:
    """Stands for a store, or for the entries of one, and goes through a gate before each request."""

    def __init__(self, inner: Any, requests: set[str], gate: Callable[[], None]) -> None:
        self._inner = inner
        self._requests = requests
        self._gate = gate

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        # for isinstance
        return type(self._inner)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._requests:
            return found

        def request(*arguments: Any, **options: Any) -> Any:
            self._gate()
            return found(*arguments, **options)

        return request


def migrating(source: StoreFS, target: StoreFS, gate: Callable[[], None] = lambda: None, **options: Any) -> MigratingFS:
    """Return what a process makes of two stores. It goes through a gate before each request of a verb to either."""
    made = MigratingFS(source, target, **options)
    # the garbage collector would close the stores of all others
    made.close = lambda: None  # type: ignore[method-assign]
    entries: Any = _Stepped(target_of(target, made.journal), _REQUESTS_OF_TARGET, gate)
    store: Any = _Stepped(source, _REQUESTS_OF_STORE, gate)
    made.source, made.entries_of_target = store, entries
    for mode in made._modes.values():
        mode.source, mode.target = store, entries
    made.target = cast(StoreFS, _Stepped(target, _REQUESTS_OF_STORE, gate))
    return made


def bring(fs: MigratingFS, path: str) -> Moved:
    """Copy a file of the source to the target, as a copier does."""
    return moving.bring(fs.source, fs.entries_of_target, path, follows=fs.writes == "both")


def settle(fs: MigratingFS, path: str) -> Moved:
    """Move a file of the target back to the source, as a copier does."""
    return moving.settle(fs.source, fs.entries_of_target, path)
