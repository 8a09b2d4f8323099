"""Finds files that nothing names, and what names files that are gone."""

from __future__ import annotations

import pkgutil
import re
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import click

from ..errors import FSError
from ..orphans import Finding, find_orphans, storages_in_use
from ..storage import Storage
from .commands import command, json_option
from .durations import AGE
from .exits import DIFFERENT, DONE, Failure, Failures, code_of
from .output import Output
from .parameters import ParamType
from .places import STORAGE, chosen, registry
from .sizes import counted


class _Object(ParamType[str]):
    def __init__(self, name: str) -> None:
        self.name: str = name

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> str:
        """Return the name of something in a module."""
        if not re.fullmatch(r"[\w.]+:[\w.]+", str(value)):
            self.fail(f"{value!r} names nothing in a module: write {self.name}", parameter, context)
        return str(value)


def _loaded(values: Sequence[str], option: str) -> list[Any]:
    # in the context of the app, which the module may need
    try:
        return [pkgutil.resolve_name(value) for value in values]
    except (ImportError, AttributeError) as error:
        raise click.BadParameter(str(error), param_hint=option) from error


@command()
@click.argument("storages", nargs=-1, type=STORAGE, metavar="[STORAGE]...")
@click.option("--model", "models", multiple=True, type=_Object("module:Class"), help="Import a class, or a base.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    type=_Object("module:Class.attribute"),
    help="A column or field of texts or JSON, each text of which counts as the name of a file.",
)
@click.option(
    "--session",
    type=_Object("module:name"),
    help="The session, its maker or the engine for tables that Flask-SQLAlchemy does not have.",
)
@click.option(
    "--older-than",
    type=AGE,
    metavar="AGE",
    default="1d",
    show_default=True,
    help="Leave younger ones alone, such as 12h or 2w: their row may not be stored yet.",
)
@click.option("--delete", is_flag=True, help="Delete the files that nothing names.")
@click.option("--missing/--no-missing", default=True, help="Report what names files that are gone.")
@json_option
def orphans(
    storages: Sequence[str],
    models: Sequence[str],
    columns: Sequence[str],
    session: str | None,
    older_than: timedelta,
    delete: bool,
    missing: bool,
    as_json: bool,
) -> int:
    """Find files that nothing names, and names without a file.

    It finds files that no row and no document names, and rows and documents whose file is gone. Nothing is deleted
    without --delete. Without STORAGE, it takes each that a model uses. Models are those that the app imports, of
    SQLAlchemy and of mongoengine: --model imports more.

    \b
    Examples:
        flask fs orphans photos
        flask fs orphans photos --older-than 2w --delete
        flask fs orphans photos --column shop.models:Post.attachment

    Exit codes: 0 nothing is found, or all is deleted; 9 something is found; 1 a storage or a database failed, and its
    files stay; 5 worth trying again.
    """
    if columns and not storages:
        raise click.UsageError("--column needs STORAGE: name the storages whose files the column names")
    out = Output(as_json)
    imported = _loaded(models, "--model")
    find = partial(
        find_orphans,
        models=imported,
        columns=_loaded(columns, "--column"),
        session=next(iter(_loaded([session] if session else [], "--session")), None),
        older_than=older_than.total_seconds(),
        delete=delete,
    )
    failures, found = Failures(), False
    for storage in chosen(storages) if storages else _used(out, imported):
        counts = Counter[str]()
        try:
            for finding in find(storage):
                if missing or finding.kind != "missing":
                    counts[finding.kind] += 1
                    _print(out, storage.name, finding)
                if finding.error is not None:
                    failures.add(finding.error)
        except FSError as error:
            # a database does not know for which storage it is read
            failures.add(Failure(f"{storage.name}: {error}", code_of(error)))
        else:
            out.note(f"{storage.name}: {_sum(counts)}")
        found = found or bool(counts["orphan"] or counts["missing"])
    return failures.code or (DIFFERENT if found else DONE)


def _sum(counts: Counter[str]) -> str:
    parts = [counted(n, kind) if kind == "orphan" else f"{n} {kind}" for kind, n in sorted(counts.items())]
    return ", ".join(parts) or "nothing found"


def _used(out: Output, models: Sequence[Any]) -> list[Storage]:
    known, used = registry(), storages_in_use(models)
    if not used:
        raise Failure("no model that is imported uses a storage of the app: name a class by --model module:Class")
    for name, storage in known.items():
        if storage not in used:
            out.note(f"{name}: left out, because no column and no field uses it")
    return used


def _print(out: Output, storage_name: str, finding: Finding) -> None:
    text = f"{finding.kind:<8} {storage_name}:{finding.name}"
    fields = {"kind": finding.kind, "storage": storage_name, "name": finding.name}
    if finding.kind == "missing":
        key = finding.key[0] if isinstance(finding.key, tuple) and len(finding.key) == 1 else finding.key
        where = {"model": finding.model, "key": key, "column": finding.column, "part": finding.part}
        row = "" if key is None else f", key {key}"
        out.result(f"{text} ({finding.part} of {finding.model}.{finding.column}{row})", **fields, **where)
        return
    error = {} if finding.error is None else {"error": str(finding.error)}
    said = f": {finding.error}" if error else ""
    out.result(text + said, **fields, size=finding.size, modified=finding.modified, **error)
