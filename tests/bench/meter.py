"""Seconds, seconds of the processor, and the peak of memory above the start; and how quiet the machine is."""

from __future__ import annotations

import ctypes
import gc
import re
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# times through the loop of bare_loop, some hundredths of a second
_LOOPS = 500_000

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class Meter:
    """Measures blocks.

    :ivar results: by the name of a block, ``seconds``, ``cpu`` (seconds of the processor, of all threads, for the
        process and for the system on its behalf), ``times`` (how often the block did its work) and, on Linux, ``mib``.
    """

    def __init__(self) -> None:
        self.results: dict[str, dict[str, float]] = {}

    @contextmanager
    def measure(self, name: str, times: int = 1) -> Iterator[None]:
        _tidy_memory()
        before = _reset_peak()
        start, worked = time.perf_counter(), _cpu()
        yield
        seconds, cpu = time.perf_counter() - start, _cpu() - worked
        self.results[name] = {"seconds": seconds, "cpu": cpu, "times": times}
        if before is not None:
            self.results[name]["mib"] = max(0, _memory("VmHWM") - before) / 1024


def bare_loop() -> float:
    """Return the seconds that a loop takes which does nothing. On a quiet machine, it is always the same."""
    start = time.perf_counter()
    for _ in range(_LOOPS):
        pass
    return time.perf_counter() - start


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


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
