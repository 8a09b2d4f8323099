"""Ends a command that runs for long, by Ctrl-C or SIGTERM."""

from __future__ import annotations

import _thread
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from .exits import INTERRUPTED

__all__ = ["stoppable"]

_STANDARD_ERROR = 2
# a bar on the terminal is on the line of the cursor, and hides it
_ERASE_LINE, _SHOW_CURSOR = b"\r\x1b[2K", b"\x1b[?25h"
_SAID = b"Stopping. Once more ends it at once.\n"


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, by ``KeyboardInterrupt``; the second signal ends the process at once.

    The second one does so until the process ends, since it is about to end once the first one came. A signal that is
    ignored stays so. Elsewhere than in the main thread, where Python allows no handlers, it does
    nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # a script ignores SIGINT for what it starts in the background
    heard = [each for each in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(each) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is _stop:
                # None is a handler that Python did not set, and cannot set again
                signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    for each in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(each) is _stop:
            signal.signal(each, _end)
    _watch()
    # the signal may have come within a write to sys.stderr, which allows no other one
    _write((_ERASE_LINE if _is_terminal() else b"") + _SAID)
    raise KeyboardInterrupt


def _watch() -> None:
    # a signal that comes just before Python waits for a thread is handled only after that
    end, begin = os.pipe()
    os.set_blocking(begin, False)
    signal.set_wakeup_fd(begin, warn_on_full_buffer=False)
    # threading has locks, which the code that was interrupted may hold
    _thread.start_new_thread(_wait, (end,))


def _wait(end: int) -> None:
    while signal.getsignal(number := os.read(end, 1)[0]) is not _end:
        pass
    _end(number, None)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    if _is_terminal():
        _write(_SHOW_CURSOR)
    os._exit(INTERRUPTED)


def _is_terminal() -> bool:
    return os.isatty(_STANDARD_ERROR)


def _write(text: bytes) -> None:
    # it may be closed, or a pipe that nobody reads
    with suppress(OSError):
        os.write(_STANDARD_ERROR, text)
