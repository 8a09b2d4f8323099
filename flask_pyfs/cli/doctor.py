"""Checks that the storages work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict

import click
from flask import current_app
from flask.cli import ScriptInfo

from ..doctor import Finding, examine
from ..doctor.http import origin_of
from .commands import command, json_option
from .exits import DONE, FAILED, TRY_AGAIN
from .output import Output
from .places import STORAGE, chosen
from .sizes import counted


def _origin(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    try:
        return value and origin_of(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error


@command()
@click.argument("storages", nargs=-1, type=STORAGE, metavar="[STORAGE]...")
@click.option(
    "--origin", callback=_origin, metavar="URL", help="The origin of the app's pages, such as https://shop.example."
)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@json_option
@click.pass_context
def doctor(context: click.Context, storages: Sequence[str], origin: str | None, strict: bool, as_json: bool) -> int:
    """Check the app and its storages.

    It says which setting to change. With STORAGE, only these storages are checked. Each gets a file below .flask_pyfs/
    that is written, read, listed, replaced and deleted. No file of the app is touched.

    The exit code is 0 if there are no errors, 1 if there are, and 5 if all of them are worth trying again.

    \b
    Examples:
        flask fs doctor
        flask fs doctor photos --origin https://shop.example
    """
    out, found, subjects = Output(as_json), list[Finding](), chosen(storages)
    info = context.ensure_object(ScriptInfo)
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    load = None if info.create_app else info.app_import_path or ""
    with closing(examine(app, subjects if storages else None, origin=origin, load=load)) as findings:
        for finding in findings:
            found.append(finding)
            place = "" if finding.storage is None else f"{finding.storage}: "
            out.result(f"{finding.level:8} {place}{finding.check}: {finding.message}", **asdict(finding))
    errors = [each for each in found if each.level == "error" or (strict and each.level == "warning")]
    counts = Counter(each.level for each in found)
    out.note(f"{counted(counts['error'], 'error')}, {counted(counts['warning'], 'warning')}")
    return DONE if not errors else TRY_AGAIN if all(each.again for each in errors) else FAILED
