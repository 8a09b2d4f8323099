"""Finds files that nothing names, and what names files that are gone."""

from __future__ import annotations

import pkgutil
import re
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from flask import current_app

from ..errors import BackendError, FSError
from ..orphans import Finding, find_orphans, storages_in_use
from ..state import require_registry
from ..storage import Storage
from .commands import command, json_option
from .durations import DURATION
from .exits import DIFFERENT, DONE, FAILED, TRY_AGAIN, Stopped
from .output import Output
from .places import storage_named

if TYPE_CHECKING:
    _ParamType = click.ParamType[Any]
else:
    # older versions of click take no type
    _ParamType = click.ParamType


class _Age(_ParamType):
    name = "age"

    def convert(self, value: object, parameter: click.Parameter | None, context: click.Context | None) -> timedelta:
        """Return an age. A number alone, which may be meant as days, is none."""
        if str(value).strip().isdecimal():
            self.fail(f"{value!r} has no unit: write {value}s, {value}h or {value}d", parameter, context)
        return DURATION.convert(value, parameter, context)


class _Object(_ParamType):
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
@click.argument("storages", nargs=-1, metavar="[STORAGE]...")
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
@click.option("--older-than", type=_Age(), default="1d", show_default=True, help="Younger files do not count.")
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
) -> None:
    """Find files that no row and no document names, and those whose file is gone.

    Nothing is deleted without --delete. Without STORAGE, it takes each that a model uses. Models are those that the app
    imports, of SQLAlchemy and of mongoengine: --model imports more.

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
    chosen = [storage_named(name) for name in dict.fromkeys(storages)] or _used(out, imported)
    failures, found = list[FSError](), False
    for storage in chosen:
        counts = Counter[str]()
        try:
            for finding in find(storage):
                if missing or finding.kind != "missing":
                    counts[finding.kind] += 1
                    _print(out, storage.name, finding)
                if finding.error is not None:
                    failures.append(finding.error)
        except FSError as error:
            out.note(f"{storage.name}: {error}")
            failures.append(error)
        else:
            said = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
            out.note(f"{storage.name}: {said or 'nothing found'}")
        found = found or bool(counts["orphan"] or counts["missing"])
    click.get_current_context().exit(_code(failures, found))


def _used(out: Output, models: Sequence[Any]) -> list[Storage]:
    used = storages_in_use(models)
    if not used:
        raise Stopped(
            "no model that is imported uses a storage of the app: name a class by --model module:Class", FAILED
        )
    for name, storage in require_registry(current_app).items():
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


def _code(failures: Sequence[FSError], found: bool) -> int:
    if failures:
        return TRY_AGAIN if all(isinstance(each, BackendError) for each in failures) else FAILED
    return DIFFERENT if found else DONE
