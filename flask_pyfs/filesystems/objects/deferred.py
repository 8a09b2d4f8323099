"""Work that must not run in a garbage collection, which can begin in the middle of anything: a driver that is called
there waits for its own locks, and before Python 3.12 it may crash the interpreter
(https://github.com/python/cpython/issues/148891).

The hook on collections buys what no ``__del__`` here can know: a generator or a file of others that a collection finds
closes ours as any caller does. It costs a microsecond for each collection.
"""

from __future__ import annotations

import atexit
import gc
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

_log = logging.getLogger(__name__)

deferred: deque[Callable[[], object]] = deque()
# the parent's, which a child neither runs nor drops
_inherited: list[Callable[[], object]] = []

_sending = threading.local()

# the thread that is collecting
_collector: list[int] = []


def call_or_defer(function: Callable[[], object]) -> None:
    """Call a function now; if this thread is in a garbage collection, when a client is used next."""
    if _is_collecting():
        deferred.append(function)
    else:
        function()


def run_deferred() -> None:
    """Call what was deferred. Nobody waits for it, so its errors are logged."""
    if not deferred or _is_collecting() or getattr(_sending, "part", False):
        return
    functions = []
    # several threads may take them
    with suppress(IndexError):
        while True:
            functions.append(deferred.popleft())
    for function in functions:
        try:
            function()
        except Exception:
            _log.exception("could not clean up after a file or a client that was dropped without being closed")


@contextmanager
def holding_deferred() -> Iterator[None]:
    """Keep this thread from running what was deferred: it may abort the very upload whose part the thread sends."""
    _sending.part = True
    try:
        yield
    finally:
        _sending.part = False


def _is_collecting() -> bool:
    return _collector == [threading.get_ident()]


def _note(phase: str, _info: dict[str, Any]) -> None:
    _collector[:] = [threading.get_ident()] if phase == "start" else []


def _inherit() -> None:
    _inherited.extend(deferred)
    deferred.clear()


gc.callbacks.append(_note)
atexit.register(run_deferred)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_inherit)
