"""Seconds, and the peak of memory above the start."""

from __future__ import annotations

import ctypes
import gc
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class Meter:
    """Measures blocks.

    :ivar results: by the name of a block, ``seconds``, ``times`` (how often the block did its work) and, on Linux,
        ``mib``.
    """

    def __init__(self) -> None:
        self.results: dict[str, dict[str, float]] = {}

    @contextmanager
    def measure(self, name: str, times: int = 1) -> Iterator[None]:
        _tidy_memory()
        before = _reset_peak()
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        self.results[name] = {"seconds": seconds, "times": times}
        if before is not None:
            self.results[name]["mib"] = max(0, _memory("VmHWM") - before) / 1024


def _tidy_memory() -> None:
    gc.collect()
    # memory that was freed but not returned would hide what a block takes
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _reset_peak() -> int | None:
    """Let the peak of memory, which the kernel counts exactly, start here; return the memory now, in KiB."""
    try:
        _RESET.write_text("5")
    except OSError:
        return None
    return _memory("VmRSS")


def _memory(key: str) -> int:
    found = re.search(rf"^{key}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    assert found, key
    return int(found.group(1))
