"""Makes the files of one side those of the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

from ..errors import ConfigurationError, FileExists, FileNotFound, VersionChanged
from ..names import Exact
from .comparing import Difference, compare
from .copying import copy_file
from .deleting import delete_file
from .patience import Patience, Stopped
from .plan import Plan, Step
from .report import Event, OnEvent, Report
from .sides import Place, Side, require_apart
from .versions import changed_at_target, known_facts, seen_facts
from .workers import in_threads, require_jobs

__all__ = ["sync"]

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

    A file is left alone if it has the same size, and the same checksum if both listings tell one of the same algorithm,
    else if the target's is not older than the source's (a second newer, where the source tells whole seconds alone).

    Both sides are listed first, and then files are written. Each appears complete, in one version, with its media type.
    A file that is stored, replaced or changed at the target by another writer meanwhile stays as that wrote it, and is
    reported as failed. So is a directory that cannot be read, unless it is excluded. No signals are sent.

    :param source: a storage, a :class:`Side` or the path of a directory of this machine; ``target`` likewise.
    :param checksum: compare the content of files of the same size by checksums, which both sides compute if they know
        none.
    :param delete: delete the files that only the target has, after all others were copied, if nothing failed.
    :param delete_all: do so even if the source has no files, or is a directory that is gone. Needs ``delete``.
    :param dry_run: report what would be done, in the order of the names, and write nothing.
    :param jobs: how many files are copied at a time.
    :param include: copy and delete only files that one of these patterns matches, as in ``.gitignore``.
    :param exclude: neither copy nor delete files that one of these patterns matches.
    :param shard: ``(i, n)`` for the i-th of n parts of the names, counted from 1, for n processes at once.
    :param on_event: is called in this thread for each :class:`Event`.
    :raises flask_pyfs.errors.FileNotFound: if the source is missing; with ``delete_all``, only if it is in a storage
        whose ROOT is.
    :raises flask_pyfs.errors.ConfigurationError: if the target is in the source, or with ``delete`` the
        source in the target; if a pattern or the shard is
        invalid; or with ``delete``, if the source has none of the chosen files.
    :raises flask_pyfs.errors.FSError: if the listing of a side fails.
    :raises ValueError: if ``jobs`` is less than 1, or ``delete_all`` comes without ``delete``.
    """
    require_jobs(jobs)
    if delete_all and not delete:
        raise ValueError("delete_all needs delete")
    origin, goal = Side.of(source), Side.of(target)
    require_apart(origin, goal, deletes=delete)
    report = Report(dry_run=dry_run)

    def tell(event: Event) -> None:
        report.add(event)
        if on_event is not None:
            on_event(event)

    options: Any = {"checksum": checksum, "jobs": jobs, "include": include, "exclude": exclude, "shard": shard}
    chosen = compare(origin, goal, may_be_gone=delete_all, **options)
    with closing(chosen), Plan() as plan:
        sources = _fill(plan, chosen, delete, tell)
        if plan.deletions and not sources and not delete_all:
            raise ConfigurationError(
                f"the source, {origin.label}, has none of the chosen files, so all {plan.deletions} of the target, "
                f"{goal.label}, would be deleted: nothing was. If that is meant, pass delete_all (--delete-all)"
            )
        tell(Event("planned", size=plan.bytes, files=plan.copies + plan.deletions))
        patience = Patience()
        work = _Work(origin, goal, patience, dry_run)
        # one thread tells in the order of the plan
        threads = 1 if dry_run else jobs
        try:
            in_threads(plan.to_copy(), work.copy, threads, patience, tell)
            if report.failed:
                report.kept = plan.deletions
            else:
                in_threads(plan.to_delete(), work.delete, threads, patience, tell)
        finally:
            if not dry_run:
                goal.tidy()
    return report


def _fill(plan: Plan, differences: Iterable[Difference], deletes: bool, tell: Tell) -> int:
    """Plan what is to be done. Return how many of the chosen files the source has."""
    sources = 0
    for each in differences:
        kind, name, source_name, target_name, source, target, error = each
        sources += source is not None
        if kind in ("only_source", "differs"):
            plan.add(Step(name, source_name, target_name, source, target))
        elif kind == "only_target" and deletes:
            plan.add(Step(each.shown_name, None, target_name, None, target))
        else:
            tell(Event(kind, each.shown_name, source.size if source is not None else 0, error=error))
    return sources


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
            tell(replace(event, name=step.name))

        assert step.source is not None
        size = step.source.size
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
            tell(Event("copied" if step.target is None else "replaced", step.name, size))

    def _copy(self, step: Step, tell: Tell) -> int:
        assert step.source_name is not None
        try:
            copied = copy_file(
                self._source,
                Exact(step.source_name),
                self._target,
                Exact(step.target_name),
                replaces=step.target,
                listed=step.source,
                patience=self._patience,
                tell=tell,
            )
        except FileExists as error:
            with suppress(FileNotFound):
                seen_facts(self._target.operations, self._target.full_name(step.target_name))
                raise changed_at_target(step.name, self._target.label) from error
            # it is the name of a directory
            raise
        except FileNotFound as error:
            with suppress(FileNotFound):
                known_facts(self._source.operations, Exact(self._source.full_name(step.source_name)))
                raise
            message = f"{step.source_name!r} was deleted at the source, {self._source.label}, meanwhile: run it again"
            raise VersionChanged(message, path=step.source_name) from error
        return copied.size

    def delete(self, step: Step, tell: Tell) -> None:
        assert step.target is not None
        try:
            if not self._dry_run:
                delete_file(self._target, Exact(step.target_name), step.target, self._patience)
        except MemoryError:
            raise
        except Stopped:
            pass
        except Exception as error:
            tell(Event("failed", step.name, error=error))
        else:
            tell(Event("deleted", step.name, step.target.size))
