"""What is not done in a garbage collection, which may come in the middle of anything: a driver that is called there
waits for its own locks, and before Python 3.12 it may crash the interpreter
(https://github.com/python/cpython/issues/148891).

The hook on collections buys what no ``__del__`` here can know: a generator or a file of others that is found there
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

__all__ = ["catch_up", "outside_collection", "sending_a_part"]

log = logging.getLogger(__name__)

_put_off: deque[Callable[[], object]] = deque()
# those of the parent, which a child neither does nor lets go
_inherited: list[Callable[[], object]] = []

_sending = threading.local()

# the thread that is collecting
_collector: list[int] = []


def outside_collection(function: Callable[[], object]) -> None:
    """Call a function now, or after the garbage collection that this thread is in: when a client is used next, or at
    the end of the process.
    """
    if _is_collecting():
        _put_off.append(function)
    else:
        function()


def catch_up() -> None:
    """Call what was put off. Its errors are logged, because nobody waits for it."""
    if not _put_off or _is_collecting() or getattr(_sending, "part", False):
        return
    functions = []
    # several threads may take them
    with suppress(IndexError):
        while True:
            functions.append(_put_off.popleft())
    for function in functions:
        try:
            function()
        except Exception:
            log.exception("what was left by a file or a client that nobody holds any longer could not be cleared away")


@contextmanager
def sending_a_part() -> Iterator[None]:
    """Put off in this thread what was put off: it may be to take back the file whose part is being sent here."""
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
    _inherited.extend(_put_off)
    _put_off.clear()


gc.callbacks.append(_note)
atexit.register(catch_up)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_inherit)
