"""How far the migration of a storage is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from ..errors import translated
from ..filesystems.migrating.copiers import RENEWAL, Seen, have_run, seen_copiers
from ..filesystems.migrating.journal import Direction, Phase, State
from ..filesystems.store import StoreFS
from ..storage import Storage
from ..transfer.patience import Patience
from ..transfer.report import Event
from ..transfer.workers import require_jobs
from .comparing import Comparison, compare
from .migrating import migration_of

__all__ = ["Status", "status"]

# a file takes about as long as so many bytes more
_BYTES_OF_A_FILE = 64 * 1024


PhaseName = Literal["new", "copying", "finishing", "finished", "turning"]


@dataclass(frozen=True)
class Status:
    """How far a migration is.

    :param direction: where the files go: ``forward`` to the target, ``back`` to the source.
    :param phase: ``new`` before the first copier; ``copying``; ``finishing`` while the copiers end; ``finished``;
        ``turning`` while it changes to the other direction after an end.
    :param copiers: how many copiers run.
    :param to_do: files that are still to be moved. This and the other counts are None after the end, when one store
        alone counts, and nothing is compared.
    :param done: files that are where they are to be.
    :param differing: copies of files that changed since.
    :param deleted: names that the app deleted, which are kept in the target until the end.
    :param bytes: the size of all that is to do; back, without what the source has in the same size.
    :param rate: bytes that all copiers move in a second, or None if none runs.
    :param seconds_left: how long they will take, or None if it is not known.
    """

    direction: Direction
    phase: PhaseName
    copiers: int
    to_do: int | None
    done: int | None
    differing: int | None
    deleted: int | None
    bytes: int | None
    rate: float | None
    seconds_left: float | None


def status(storage: Storage, *, jobs: int = 8) -> Status:
    """Return how far the migration of a storage is. Both stores are listed once.

    While copiers run it takes 4 seconds at least, to see what they do.

    :param jobs: how many files of different sizes are looked at at a time.
    :raises flask_pyfs.errors.ConfigurationError: if the storage is not migrating, or if it was turned in
        the other direction.
    :raises flask_pyfs.errors.FSError: if a listing fails.
    :raises ValueError: if ``jobs`` is less than 1.
    """
    require_jobs(jobs)
    fs = migration_of(storage)
    with translated(storage.name):
        state = None if fs.journal.is_over() else fs.journal.state()
        if state is not None and not state.is_finished:
            state = fs.journal.required(fs.direction)
        phase = _phase(state, fs.direction)
        # the app starts the journal, too
        if phase == "copying" and state is not None and not state.is_turned and not have_run(fs.target):
            phase = "new"
        before, began = _copiers(fs.target), time.monotonic()
        comparison = Comparison(fs, is_strict=False)
        counts = {"to_do": 0, "done": 0, "differing": 0}
        size = 0

        def tell(event: Event) -> None:
            nonlocal size
            key = _KEYS.get(event.kind, "to_do")
            counts[key] += 1
            size += event.size if key != "done" else 0

        is_finished = state is not None and state.direction == fs.direction and state.is_finished
        if not is_finished:
            compare(storage, comparison, jobs, None, Patience(), tell)
            size -= comparison.left_there
        if before:
            time.sleep(max(0, began + RENEWAL + 1 - time.monotonic()))
        after = _copiers(fs.target)
    # what a copier says is from its last beat, not from now
    moved = [
        ((new.beats - before[token].beats) * RENEWAL, *(new.done[part] - before[token].done[part] for part in (0, 1)))
        for token, new in after.items()
        if token in before and new.beats > before[token].beats
    ]
    speed = sum((moved_bytes + files * _BYTES_OF_A_FILE) / seconds for seconds, files, moved_bytes in moved)
    left = size + (counts["to_do"] + counts["differing"]) * _BYTES_OF_A_FILE
    return Status(
        fs.direction,
        phase,
        len(moved),
        **(dict.fromkeys(counts) if is_finished else counts),
        deleted=None if is_finished else comparison.deleted,
        bytes=None if is_finished else size,
        rate=sum(moved_bytes / seconds for seconds, _, moved_bytes in moved) if moved else None,
        seconds_left=left / speed if speed else None,
    )


def _phase(state: State | None, direction: Direction) -> PhaseName:
    if state is None:
        return "new"
    if state.phase in (Phase.CLEARING, Phase.TURNING):
        return "turning"
    return _PHASES[state.phase] if state.direction == direction else "new"


_PHASES: dict[Phase, PhaseName] = {
    Phase.COPYING: "copying",
    Phase.FINISHING: "finishing",
    Phase.FINISHED: "finished",
}

_KEYS = {"same": "done", "own": "done", "differs": "differing"}


def _copiers(store: StoreFS) -> dict[str, Seen]:
    return {seen.token: seen for seen in seen_copiers(store)}
