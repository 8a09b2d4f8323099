"""Makes the files of one side those of the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from ..errors import FileExists, FileNotFound, FSError
from ..names import Exact
from .comparing import compare
from .copying import copy_file
from .deleting import delete_file
from .patience import Patience, Stopped
from .plan import Plan, Step
from .report import Event, OnEvent, Report
from .sides import Place, Side
from .versions import changed_at_target, known_facts
from .workers import in_threads

__all__ = ["require_apart", "sync"]

Tell = Callable[[Event], object]


def sync(
    source: Place,
    target: Place,
    *,
    checksum: bool = False,
    delete: bool = False,
    delete_all: bool = False,
    dry_run: bool = False,
    jobs: int = 8,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    shard: tuple[int, int] | None = None,
    on_event: OnEvent | None = None,
) -> Report:
    """Copy the files of a source to a target that are missing or different there. Call it again to go on after it was
    interrupted.

    A file is left alone if the target has it in the same size and, where both listings tell the same kind of checksum,
    with the same one; else if it is newer there than at the source.

    Both sides are listed first, and then files are written. Each appears complete, in one version, with its media type.
    A file that is stored, replaced or changed at the target by another writer meanwhile stays as that wrote it, and is
    reported as failed. No signals are sent.

    :param source: a storage, a :class:`Side` or the path of a directory of this machine; ``target`` likewise.
    :param checksum: compare the content of files of the same size by checksums, which both sides compute if they know
        none.
    :param delete: delete the files that only the target has, after all others were copied, if nothing failed.
    :param delete_all: do so even if the source has no files.
    :param dry_run: report what would be done, and write nothing.
    :param jobs: how many files are copied at a time.
    :param include: copy and delete only files that one of these patterns matches, as in ``.gitignore``.
    :param exclude: neither copy nor delete files that one of these patterns matches.
    :param shard: ``(i, n)`` for the i-th of n parts of the names, counted from 1, for n processes at once.
    :param on_event: is called in this thread for each :class:`Event`.
    :raises flask_pyfs.errors.FileNotFound: if the source is a directory that is missing.
    :raises flask_pyfs.errors.FSError: if one side is in the other; if the listing of a side fails; or with ``delete``,
        if the source has no file.
    :raises ValueError: if ``jobs`` is less than 1.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be 1 or more, not {jobs!r}")
    deletes = delete or delete_all
    origin, goal = Side.of(source), Side.of(target)
    require_apart(origin, goal, deletes)
    _require_source(origin)
    report = Report(dry_run=dry_run)

    def tell(event: Event) -> None:
        report.add(event)
        if on_event is not None:
            on_event(event)

    with Plan() as plan:
        differences = compare(origin, goal, checksum=checksum, include=include, exclude=exclude, shard=shard)
        chosen = _fill(plan, differences, deletes, tell)
        if plan.deletions and not chosen and not delete_all:
            raise FSError(
                f"the source, {origin.label}, has none of the chosen files, so all {plan.deletions} of the target, "
                f"{goal.label}, would be deleted: nothing was. If that is meant, pass delete_all (--delete-all)"
            )
        tell(Event("planned", size=plan.bytes, files=plan.copies + plan.deletions))
        patience = Patience()
        work = _Work(origin, goal, patience, dry_run)
        in_threads(plan.to_copy(), work.copy, jobs, patience, tell)
        if report.failed:
            report.kept = plan.deletions
        else:
            in_threads(plan.to_delete(), work.delete, jobs, patience, tell)
    return report


def _fill(plan: Plan, differences: Iterator[Any], deletes: bool, tell: Tell) -> int:
    """Plan what is to be done. Return how many chosen files the source has."""
    chosen = 0
    for each in differences:
        chosen += each.source_name is not None
        if each.kind in ("only_source", "differs"):
            plan.add(Step(each.name, each.source_name, each.target_name, each.source.size, each.target))
        elif each.kind == "only_target" and deletes:
            plan.add(Step(each.name, None, each.target_name, each.target.size, each.target))
        else:
            if each.kind == "failed":
                plan.drop(each.name)
            size = each.source.size if each.source is not None else 0
            tell(Event(each.kind, each.name, size, error=each.error))
    return chosen


class _Work:
    """What the threads do."""

    def __init__(self, source: Side, target: Side, patience: Patience, dry_run: bool) -> None:
        self._source = source
        self._target = target
        self._patience = patience
        self._dry_run = dry_run

    def copy(self, step: Step, tell: Tell) -> None:
        progress = 0

        def count(event: Event) -> None:
            nonlocal progress
            progress += event.size if event.kind == "progress" else -event.size
            tell(event)

        size = step.size
        try:
            if not self._dry_run:
                size = self._copy(step, count)
        except MemoryError:
            raise
        except Stopped:
            # nobody listens
            pass
        except Exception as error:
            tell(Event("failed", step.name, progress, error=error))
        else:
            tell(Event("copied" if step.listed is None else "replaced", step.name, size))

    def _copy(self, step: Step, tell: Tell) -> int:
        assert step.source_name is not None
        try:
            copied = copy_file(
                self._source,
                Exact(step.source_name),
                self._target,
                Exact(step.target_name),
                replaces=step.listed,
                patience=self._patience,
                tell=tell,
            )
        except FileExists as error:
            with suppress(FileNotFound):
                known_facts(self._target.operations, self._target.full_name(step.target_name))
                raise changed_at_target(step.name, self._target.label) from error
            # it is the name of a directory
            raise
        return copied.size

    def delete(self, step: Step, tell: Tell) -> None:
        assert step.listed is not None
        try:
            if not self._dry_run:
                delete_file(self._target, Exact(step.target_name), step.listed, self._patience)
        except MemoryError:
            raise
        except Stopped:
            pass
        except Exception as error:
            tell(Event("failed", step.name, error=error))
        else:
            tell(Event("deleted", step.name, step.size))


def _require_source(source: Side) -> None:
    root = getattr(source.operations, "root", None)
    if root is not None:
        is_missing = not os.path.isdir(os.path.join(root, source.directory))
    else:
        # other stores have a directory as long as it has files
        is_missing = bool(source.directory) and next(source.entries(), None) is None
    if is_missing:
        raise FileNotFound(f"the source is missing: there is no directory {source.label}", path=source.directory)


def require_apart(source: Side, target: Side, deletes: bool) -> None:
    """Raise an error if the target is in the source, or with ``deletes`` the other way round."""
    here, there = _location(source), _location(target)
    if here[0] != there[0]:
        return
    if f"{there[1]}/".startswith(f"{here[1]}/" if here[1] else ""):
        raise FSError(f"the target, {target.label}, is in the source, {source.label}: it would copy itself")
    if deletes and f"{here[1]}/".startswith(f"{there[1]}/" if there[1] else ""):
        raise FSError(f"the source, {source.label}, is in the target, {target.label}: it would be deleted there")


def _location(side: Side) -> tuple[object, str]:
    # disks are one place, and every other storage is one of its own
    root = getattr(side.operations, "root", None)
    if root is not None:
        return os.sep, os.path.realpath(os.path.join(root, side.directory)).strip(os.sep)
    return id(side.operations), side.directory
