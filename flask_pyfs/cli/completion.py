"""What a shell offers: the storages of the app, and the files in them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from itertools import islice

import click
from click.shell_completion import CompletionItem
from flask.cli import ScriptInfo

from ..state import Registry, find, require_registry
from .output import printable

__all__ = ["places", "storages"]

# more than a person reads
_MOST = 200

# of a directory with many files, those that are looked through
_LOOKED_AT = 10_000

# how many directories are entered of which each has nothing but the next
_DEEPEST = 10

# what bash takes for part of a word
_PLAIN = re.compile(r"[\w@%+=:,./-]")


def places(context: click.Context, incomplete: str, *, with_paths: bool) -> list[CompletionItem]:
    """Return the places that may follow in a shell. Never raises: what cannot be known is not offered.

    At most 10,000 names of one directory are listed, and 200 are offered.

    :param incomplete: what was typed so far.
    :param with_paths: also offer the paths of this machine.
    """
    # the first, because in bash it takes the place of those before it
    offered = [CompletionItem(incomplete, type="file")] if with_paths and ":" not in incomplete else []
    if incomplete[:1] not in (".", "/", "~"):
        offered += _offered(context, lambda registry: _found(registry, incomplete))
    return offered


def storages(context: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return the names of storages that may follow in a shell. Never raises."""
    return _offered(context, lambda registry: sorted(name for name in registry if name.startswith(incomplete)))


def _offered(context: click.Context, find_in: Callable[[Registry], list[str]]) -> list[CompletionItem]:
    # the shell would take what the app prints for candidates, or show it in the line that is typed
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        try:
            app = context.ensure_object(ScriptInfo).load_app()
            with app.app_context():
                return [CompletionItem(_for_shell(each)) for each in find_in(require_registry(app))]
        except (Exception, SystemExit, KeyboardInterrupt):
            return []


def _found(registry: Registry, incomplete: str) -> list[str]:
    found = sorted(islice(_at(registry, incomplete), _MOST))
    for _ in range(_DEEPEST):
        # a shell puts a space behind the only candidate
        if len(found) != 1 or not found[0].endswith((":", "/")):
            break
        if not (inside := sorted(islice(_at(registry, found[0]), _MOST))):
            break
        found = inside
    return found


def _at(registry: Registry, start: str) -> Iterator[str]:
    typed = re.fullmatch(r"(\w[\w.-]*):(.*)", start, re.DOTALL)
    if typed is None:
        yield from (f"{name}:" for name in registry if name.startswith(start))
    elif typed[1] in registry:
        level = find(registry[typed[1]]).operations.level(typed[2].rpartition("/")[0])
        for name, _ in islice(level, _LOOKED_AT):
            # nobody types a line break in a name
            if name.startswith(typed[2]) and printable(name) == name:
                yield f"{typed[1]}:{name}"


def _for_shell(place: str) -> str:
    if not any(name.endswith("_COMPLETE") and value == "bash_complete" for name, value in os.environ.items()):
        return place
    # click's function reads the line without "-r", which takes one backslash away
    return "".join(each if _PLAIN.fullmatch(each) else f"\\\\{each}" for each in place)
