"""Ends a command that runs for long, by Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from .exits import INTERRUPTED

__all__ = ["stoppable"]

_SHOW_CURSOR = b"\x1b[?25h"


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, by ``KeyboardInterrupt``. The second of either ends the process at once.

    Elsewhere than in the main thread, where Python allows no handlers, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None is a handler that Python did not set, and cannot set again
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, _end)
    raise KeyboardInterrupt


def _end(number: int, frame: FrameType | None) -> NoReturn:
    # a bar hides the cursor
    if os.isatty(sys.__stderr__.fileno() if sys.__stderr__ else 2):
        os.write(2, _SHOW_CURSOR)
    os._exit(INTERRUPTED)
