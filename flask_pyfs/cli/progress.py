"""Shows how far a transfer is: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from .sizes import size_text, time_text

if TYPE_CHECKING:
    from ..transfer import Event

__all__ = ["Progress", "showing"]

# a file takes about as long as so many bytes more, which matters for many small ones
_BYTES_OF_A_FILE = 64 * 1024
# seconds between two lines of a log
_LOG_SECONDS = 30
# seconds over which the rate is measured, and between two measurements
_WINDOW, _SAMPLE = 30, 1
# seconds between two pictures on a terminal
_PICTURE = 0.2
_BAR = 24
_LEAVES_ALONE = ("same", "differs", "only_source", "only_target", "own")


class Progress:
    """Counts the events of a transfer, and shows nothing.

    Counting an event takes about a microsecond; what is shown is made from the counts, a few times a second.
    """

    def __init__(self) -> None:
        #: Files that are done, and of how many; the latter is None until the transfer is planned.
        self.files: int = 0
        self.all_files: int | None = None
        #: Of how many bytes.
        self.all_bytes: int = 0
        #: Files that were compared and need nothing.
        self.compared: int = 0
        # bytes of the files that are done, and of those under way
        self._ended = self._under_way = 0
        self._samples: deque[tuple[float, int, int]] = deque()

    def add(self, event: Event) -> None:
        """Count an event of a transfer."""
        kind = event.kind
        if kind == "progress":
            self._under_way += event.size
        elif kind in _LEAVES_ALONE:
            self.compared += 1
            # a migration looks at what it planned
            self.files += self.all_files is not None
        elif kind == "planned":
            # what came before is no part of it, such as what a migration deletes when it turns
            self.files = 0
            # before the files: a bar is drawn by another thread
            self._samples.append((time.monotonic(), self.bytes, self._done()))
            self.all_files, self.all_bytes = event.files, event.size
        else:
            self.files += kind != "again"
            if kind != "deleted":
                # the server copies without progress
                self._under_way = max(self._under_way - event.size, 0)
            if kind in ("copied", "replaced"):
                self._ended += event.size

    @property
    def bytes(self) -> int:
        """The bytes that arrived."""
        return self._ended + self._under_way

    def echo(self, text: str, err: bool = False) -> None:
        """Print a line, as :func:`click.echo` does, without harm to what is shown."""
        click.echo(text, err=err)

    @property
    def share(self) -> float:
        """The part that is done, from 0 to 1."""
        whole = self.all_bytes + (self.all_files or 0) * _BYTES_OF_A_FILE
        return min(self._done() / whole, 1) if whole else 0

    def line(self, width: int = 1000) -> str:
        """Return the counts in words, as many of them as fit into a width."""
        if self.all_files is None:
            return (f"comparing: {self.compared:,} files" if self.compared else "listing the files")[:width]
        parts = [f"{self.files:,} of {self.all_files:,} files"]
        parts.append(f"{size_text(self.bytes)} of {size_text(self.all_bytes)}")
        if rates := self._rates():
            rate, work_rate = rates
            parts.append(f"{size_text(rate)}/s")
            if work_rate > 0:
                left = self.all_bytes + self.all_files * _BYTES_OF_A_FILE - self._done()
                parts.append(f"{time_text(max(left, 0) / work_rate)} left")
        line = parts[0]
        for part in parts[1:]:
            if len(line) + 2 + len(part) > width:
                break
            line += ", " + part
        return line[:width]

    def _done(self) -> int:
        return self.bytes + self.files * _BYTES_OF_A_FILE

    def _rates(self) -> tuple[float, float] | None:
        # bytes a second, and the same with what the files themselves take
        now = time.monotonic()
        samples = self._samples
        if now - samples[-1][0] >= _SAMPLE:
            samples.append((now, self.bytes, self._done()))
            while now - samples[0][0] > _WINDOW and len(samples) > 2:
                samples.popleft()
        since, byte_count, done = samples[0]
        seconds = now - since
        if seconds < _SAMPLE:
            return None
        # what came to nothing is taken back
        return max(self.bytes - byte_count, 0) / seconds, (self._done() - done) / seconds


class _Log(Progress):
    # a line on standard error, now and then, also while a store lists or nothing comes
    def __init__(self) -> None:
        super().__init__()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="flask_pyfs-progress", daemon=True)

    def __enter__(self) -> _Log:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _tell(self) -> None:
        while not self._over.wait(_LOG_SECONDS):
            # it may be closed, or a pipe that nobody reads
            with suppress(OSError, ValueError):
                self.echo(self.line(), err=True)


class _Bar(Progress):
    # a bar on the terminal, by rich
    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        super().__init__()
        self._console = Console(file=sys.stderr)
        # the log and the warnings of Python go above the bar; standard output may be a file
        self._live = Live(
            get_renderable=self._picture,
            console=self._console,
            refresh_per_second=1 / _PICTURE,
            transient=True,
            redirect_stdout=False,
        )

    def __enter__(self) -> _Bar:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def echo(self, text: str, err: bool = False) -> None:
        if err or sys.stdout.isatty():
            from rich.text import Text

            self._console.print(Text(text), soft_wrap=True)
        else:
            click.echo(text)

    def _picture(self) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        # one column less: some terminals begin a new line when the last one is filled
        width = self._console.width - 1
        line = self.line(width)
        bar = min(width - len(line) - 1, _BAR)
        if bar < 5:
            return Text(line, no_wrap=True)
        row = Table.grid(padding=(0, 1, 0, 0))
        unknown = self.all_files is None
        row.add_row(ProgressBar(total=1, completed=self.share, width=bar, pulse=unknown), Text(line, no_wrap=True))
        return row


@contextmanager
def showing(quiet: bool = False) -> Iterator[Progress]:
    """Show the progress of a transfer on standard error, while the block runs.

    On a terminal with rich it is a bar, else a line every 30 seconds.

    :param quiet: show nothing.
    """
    if quiet:
        yield Progress()
    elif _can_draw():
        with _Bar() as bar:
            yield bar
    else:
        with _Log() as log:
            yield log


def _can_draw() -> bool:
    if not sys.stderr.isatty() or os.environ.get("TERM", "dumb") in ("dumb", "unknown"):
        return False
    try:
        import rich  # noqa: F401
    except ImportError:
        return False
    return True
