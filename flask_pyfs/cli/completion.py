"""The places that a shell offers: the storages of the app, and the files in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from itertools import islice

import click
from click.shell_completion import CompletionItem
from flask.cli import ScriptInfo

from ..state import find, require_registry
from ..storage import Storage
from .output import printable

__all__ = ["candidates"]

# more than a person reads
_MOST = 200

# of a directory with many files, those that are looked through
_LOOKED_AT = 10_000


def candidates(context: click.Context, incomplete: str, *, with_paths: bool) -> list[CompletionItem]:
    """Return what may follow in a shell. Never raises: what cannot be known is not offered.

    At most 10,000 names of one directory are listed, and 200 are offered.

    :param incomplete: what was typed so far.
    :param with_paths: also offer the paths of this machine.
    """
    # the shell would take whatever the app prints for candidates, or show it in the line that is typed
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        try:
            found = list(islice(_found(context, incomplete), _MOST))
        except (Exception, SystemExit):
            found = []
    offered = [CompletionItem(each) for each in found]
    if with_paths and ":" not in incomplete:
        offered.append(CompletionItem(incomplete, type="file"))
    return offered


def _found(context: click.Context, incomplete: str) -> Iterator[str]:
    app = context.ensure_object(ScriptInfo).load_app()
    with app.app_context():
        registry = require_registry(app)
        typed = re.fullmatch(r"(\w[\w.-]*):(.*)", incomplete, re.DOTALL)
        if typed is None:
            yield from (f"{name}:" for name in sorted(registry) if name.startswith(incomplete))
        elif typed[1] in registry:
            yield from _below(registry[typed[1]], typed[2])


def _below(storage: Storage, start: str) -> Iterator[str]:
    directory = start.rpartition("/")[0]
    level = find(storage).operations.level(directory)
    for name, _ in islice(level, _LOOKED_AT):
        # nobody types a line break in a name
        if name.startswith(start) and printable(name) == name:
            yield f"{storage.name}:{name}"
