"""Copies and moves files: within storages, between them, and from and to this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import click

from ..errors import FileExists, FileNotFound, FSError, VersionChanged
from ..filesystems.store import Facts
from ..transfer.copying import Copied, address, copy_file
from ..transfer.deleting import delete_file
from ..transfer.patience import Patience, Stopped
from ..transfer.report import Event
from ..transfer.sides import are_one_file
from ..transfer.versions import known_facts, seen_facts
from ..transfer.workers import in_threads
from .commands import command, json_option
from .exits import Failure, Failures
from .output import Output
from .places import PLACE, Place
from .progress import showing
from .steps import Sides, Step, Steps
from .streams import copy_by_stream, is_stream
from .transfers import jobs_option

_PARAMETERS = (
    click.argument("sources", type=PLACE, metavar="SRC…", nargs=-1, required=True),
    click.argument("target", type=PLACE, metavar="DST"),
    click.option("-r", "--recursive", is_flag=True, help="Take directories, with all files below them."),
    click.option("--overwrite/--no-overwrite", default=False, help="Replace files, or not, which is the default."),
    jobs_option,
    json_option,
)


def _transfer(name: str) -> Callable[[Callable[..., int]], click.Command]:
    def decorate(function: Callable[..., int]) -> click.Command:
        for parameter in reversed(_PARAMETERS):
            function = parameter(function)
        return command(name)(function)

    return decorate


@_transfer("cp")
def cp(sources: tuple[Place, ...], target: Place, **options: Any) -> int:
    """Copy files.

    SRC and DST are STORAGE:NAME or paths of this machine; one of them may be "-", standard input or output. DST is a
    directory if it ends with a slash, is a whole storage or a directory of this machine, or if there are several SRC.
    With -r, a directory that is written with a slash at its end is copied without its own name.

    The server copies what it can. Each file appears whole, or not at all. Of two files of a directory that would have
    one name, neither is copied. Signals of the storages are not sent.

    \b
    Examples:
        flask fs cp photos:2026/a.jpg backups:2026/
        flask fs cp -r --overwrite photos:2026/ /mnt/photos/
        pg_dump shop | flask fs cp - backups:shop.sql
    """
    if is_stream(target) or any(map(is_stream, sources)):
        return copy_by_stream(sources, target, overwrite=options["overwrite"])
    return _all(sources, target, _copied, **options)


@_transfer("mv")
def mv(sources: tuple[Place, ...], target: Place, **options: Any) -> int:
    """Move files.

    SRC and DST are as for "cp". A file is removed when its copy is stored, if it still is what was copied. Signals of
    the storages are not sent.

    \b
    Examples:
        flask fs mv photos:a.jpg photos:2026/a.jpg
        flask fs mv -r photos:2024/ archive:photos/2024/
    """
    for place in (*sources, target):
        if is_stream(place):
            raise click.UsageError(f"{str(place)!r} is no file, and cannot be moved: use cp")
    for place in sources:
        # what it leads to would be removed, and the link stay
        if place.storage_name is None and os.path.islink(place.name) and os.path.isfile(place.name):
            actual = os.path.realpath(place.name)
            raise click.UsageError(f"{place.name!r} is a link to {actual!r}: move that, or use cp")
    return _all(sources, target, _moved, **options)


# copies or moves one file, and returns its size
_Do = Callable[[Step, bool, Patience, Callable[[Event], object]], int]


def _all(
    sources: tuple[Place, ...], target: Place, do: _Do, recursive: bool, overwrite: bool, jobs: int, as_json: bool
) -> int:
    patience = Patience()
    with showing() as progress, Sides() as sides:
        out = Output(as_json, progress.echo)
        failures = Failures(out)

        def work(step: Step, tell: Callable[[Any], None]) -> None:
            under_way = 0

            def count(event: Event) -> None:
                nonlocal under_way
                under_way += event.size if event.kind == "progress" else -event.size
                tell(event)

            try:
                size = do(step, overwrite, patience, count)
            except Stopped:
                # nobody listens
                pass
            except FSError as error:
                tell(Event("failed", step.target_name, under_way, error=error))
                tell(
                    partial(failures.add, _hinted(error, overwrite), source=step.source_shown, target=step.target_shown)
                )
            else:
                tell(Event("copied", step.target_name, size))
                if as_json:
                    tell(partial(out.result, "", source=step.source_shown, target=step.target_shown, size=size))

        def hear(told: Any) -> None:
            if not isinstance(told, Event):
                told()
                return
            progress.add(told)
            if told.kind == "again":
                out.note(f"{told.name}: trying again: {told.error}")

        with closing(Steps(sources, target, recursive, failures, sides)) as steps:
            progress.add(Event("planned", size=steps.bytes, files=steps.files))
            in_threads(steps, work, jobs, patience, hear)
    return failures.code


def _hinted(error: FSError, overwrite: bool) -> Exception:
    return Failure(f"{error}; --overwrite replaces files") if isinstance(error, FileExists) and not overwrite else error


def _copied(step: Step, overwrite: bool, patience: Patience, tell: Callable[[Event], object]) -> int:
    return _copy(step, overwrite, patience, tell).size


def _copy(step: Step, overwrite: bool, patience: Patience, tell: Callable[[Event], object]) -> Copied:
    return copy_file(
        step.source, step.name, step.target, step.target_name, overwrite=overwrite, patience=patience, tell=tell
    )


def _moved(step: Step, overwrite: bool, patience: Patience, tell: Callable[[Event], object]) -> int:
    operations, name = step.source.operations, address(step.source, step.name)
    listed = known_facts(operations, name)
    if operations is step.target.operations:
        operations.move(name, address(step.target, step.target_name), overwrite)
        return listed.size
    _require_two(step, listed, overwrite)
    size = _copy(step, overwrite, patience, tell).size
    try:
        delete_file(step.source, step.name, listed, patience)
    except VersionChanged as error:
        message = f"{step.source_shown} is copied, but it was changed meanwhile, and stays: run it again"
        raise VersionChanged(message, path=step.name) from error
    return size


def _require_two(step: Step, listed: Facts, overwrite: bool) -> None:
    # two storages may have one place, and a server does nothing if a file is to be copied to itself
    one = FSError(f"{step.source_shown!r} and {step.target_shown!r} may be one file, which stays")
    if are_one_file(step.source, step.name, step.target, step.target_name):
        raise one
    try:
        there = seen_facts(step.target.operations, address(step.target, step.target_name))
    except FileNotFound:
        return
    if not overwrite:
        raise FileExists(f"{step.target_shown!r}: the name is taken", path=step.target_name)
    if there == listed:
        raise one
