"""What a transfer tells while it runs, and when it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ..errors import is_worth_retrying

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
    # a migration: the app wrote or deleted it in the store that it writes to
    "own",
    # files that are encrypted anew: it was deleted meanwhile
    "gone",
    # all
    "failed",
]

# of the failures, a report keeps the first ones
_KEPT = 100


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a file.

    :param kind: what happened. ``planned`` comes once, when it is known what there is to do; ``progress`` says that
        more bytes arrived; ``again`` that a file is tried again; the others are the end of one file.
    :param name: the name under which both sides are compared, relative to them: the one that a new file would get at
        the target. For ``only_target`` and ``deleted`` it is the name there, for ``planned`` it is empty. What names of
        the sides a failure is about, its error says.
    :param size: bytes: those of the file; for ``planned`` those of all files to copy; for ``progress`` those since the
        last; for ``again`` and ``failed`` those that ``progress`` told of this file, and that came to nothing.
    :param files: for ``planned``, how many files there are to copy and to delete; in a migration, how many names may
        need something.
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
    :param bytes: how many bytes the files have that were copied; in a dry run, that would be.
    :param failures: the first 100 failures.
    :param kept: how many files were not deleted, because others failed.
    :param dry_run: whether nothing was written.
    """

    counts: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    failures: list[Event] = field(default_factory=list)
    kept: int = 0
    dry_run: bool = False
    _lasting: int = 0

    def add(self, event: Event) -> None:
        """Count an event."""
        if event.kind in ("planned", "progress", "again"):
            return
        self.counts[event.kind] += 1
        if event.kind in ("copied", "replaced"):
            self.bytes += event.size
        elif event.kind == "failed":
            self._lasting += not is_worth_retrying(event.error)
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
        """Whether files failed, and each because the store did not answer or was too busy, or because it was changed
        meanwhile.
        """
        return self.failed > 0 and self._lasting == 0
