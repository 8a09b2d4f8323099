"""What a transfer tells while it runs, and when it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ..errors import BackendError

__all__ = ["Event", "Kind", "OnEvent", "Report"]

Kind = Literal[
    # a sync
    "planned",
    "progress",
    "copied",
    "replaced",
    "deleted",
    "again",
    # a check, and what a sync leaves alone
    "same",
    "differs",
    "only_source",
    "only_target",
    # both
    "failed",
]

# of the failures, a report keeps the first ones
_KEPT = 100


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a file.

    :param kind: what happened. ``planned`` comes once, when it is known what there is to do; ``progress`` says that
        more bytes arrived; ``again`` that a file is tried again; the others are the end of one file.
    :param name: the name at the target, relative to the target; empty for ``planned``.
    :param size: bytes: those of the file; for ``planned`` those of all files, for ``progress`` those since the last.
    :param files: for ``planned``, how many files there are to copy and to delete.
    :param error: for ``failed`` and ``again``, why.
    """

    kind: Kind
    name: str = ""
    size: int = 0
    files: int = 0
    error: Exception | None = None


#: Called for each event in the thread that called the transfer, one at a time.
OnEvent = Callable[[Event], object]


@dataclass
class Report:
    """How a transfer ended.

    :param counts: how many files ended in each way, by the kind of their last event.
    :param bytes: how many bytes were copied.
    :param failures: the first 100 failures.
    """

    counts: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    failures: list[Event] = field(default_factory=list)
    _lasting: int = 0

    def add(self, event: Event) -> None:
        """Count an event."""
        if event.kind == "progress":
            self.bytes += event.size
        elif event.kind not in ("planned", "again"):
            self.counts[event.kind] += 1
        if event.kind == "failed":
            self._lasting += not isinstance(event.error, BackendError)
            if len(self.failures) < _KEPT:
                self.failures.append(event)

    @property
    def failed(self) -> int:
        """How many files failed."""
        return self.counts["failed"]

    @property
    def differing(self) -> int:
        """How many files a check found to differ, or on one side only."""
        return self.counts["differs"] + self.counts["only_source"] + self.counts["only_target"]

    @property
    def is_worth_retrying(self) -> bool:
        """Whether files failed, and each because the store did not answer or was too busy."""
        return self.failed > 0 and self._lasting == 0
