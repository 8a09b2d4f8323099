"""Renames files to the normal form of their names."""

from __future__ import annotations

import unicodedata
from collections import Counter

import click

from .. import adoption
from .commands import command, json_option
from .exits import Failures
from .output import Output
from .places import STORAGE, chosen

_LEFT = {
    "taken": "another file has the name {!r}",
    "shared": "several files would have the name {!r}",
    "impossible": "no new file could have such a name",
}


@command()
@click.argument("storage", type=STORAGE)
@click.option("--dry-run", is_flag=True, help="Rename nothing, and show what would be renamed.")
@json_option
def adopt(storage: str, dry_run: bool, as_json: bool) -> int:
    """Rename files to the normal form of their names.

    Other programs, and the packages before this one, stored names in decomposed Unicode, with // or with a / at the
    start. A file is renamed where its normal form is free, and never replaced. What cannot be renamed is listed with
    the reason, and stays as it is. Rows and documents with the old names still find the files; signed URLs, and URLs
    of another server, do not.

    \b
    Example:
        flask fs adopt photos --dry-run
    """
    out, failures, counts = Output(as_json), Failures(), Counter[str]()
    [found] = chosen([storage])
    for name, normal, outcome, error in adoption.adopt(found, dry_run=dry_run):
        counts[outcome] += 1
        reason = str(error) if error else _LEFT.get(outcome, "").format(normal) or None
        # which looks the same
        form = " (in NFC)" if unicodedata.normalize("NFC", name) == normal else ""
        text = f"{name!r} -> {normal!r}{form}" if reason is None else f"{name!r} stays: {reason}"
        fields = {"name": name, "normal": normal, "outcome": outcome, "reason": reason, "dry_run": dry_run}
        out.result(text, storage=storage, **fields)
        if error is not None:
            failures.add(error)
    renamed, failed = counts["renamed"], counts["failed"]
    left = counts.total() - renamed - failed
    out.note(f"{renamed} {'to rename' if dry_run else 'renamed'}, {left} left as they are, {failed} failed")
    return failures.code
