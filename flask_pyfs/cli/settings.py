"""Shows the settings of storages, and where they come from."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click
from flask import current_app

from ..settings import DEFAULT, Setting, settings_of, settings_of_app, unread_settings
from .commands import command, json_option
from .output import Output
from .places import STORAGE, chosen

_WIDTH = 80
# of most names, and of most values
_NAME, _VALUE = 17, 26


@command()
@click.argument("storages", nargs=-1, type=STORAGE, metavar="[STORAGE]...")
@json_option
def settings(storages: Sequence[str], as_json: bool) -> None:
    """Show the settings, and where each comes from.

    Without STORAGE, it shows those of all storages, and of the app as a whole. Each line has the value that applies,
    the layer (1 the storage's, 2 its backend's, 3 the app's; 4 is the default) and the key that sets it. Secrets are
    hidden. Then come the keys that are set and that no storage reads. No store is asked for anything.

    \b
    Example:
        flask fs settings photos
    """
    out, found = Output(as_json), chosen(storages)
    for each in found:
        _print(out, each.name, settings_of(each))
    unread = list(unread_settings(current_app))
    if storages:
        names = {each.name for each in found}
        unread = [each for each in unread if each.storage in names]
    else:
        _print(out, "the app as a whole", settings_of_app(current_app))
    if unread and not as_json:
        out.result("set, and read by no storage")
    for key, reason, _ in unread:
        fields: dict[str, Any] = {**dict.fromkeys(Setting._fields), "key": key, "shadowed": (), "reason": reason}
        _show(out, _wrapped(f"{key}: {reason}", 2), **fields)


def _print(out: Output, title: str, found: Iterable[Setting]) -> None:
    if not out.as_json:
        out.result(title)
    settings = list(found)
    width = max(_NAME, *(len(setting.name) for setting in settings))
    for setting in settings:
        _show(out, _lines(setting, width), **setting._asdict(), reason=None)


def _show(out: Output, lines: Iterable[str], **fields: Any) -> None:
    if out.as_json:
        out.result("", **fields)
        return
    for line in lines:
        out.result(line)


def _lines(setting: Setting, width: int) -> Iterator[str]:
    value = _text(setting.value)
    origin = "default" if setting.layer == DEFAULT else f"{setting.layer} {setting.key}"
    line = f"  {setting.name:{width}}  {value:{_VALUE}}  {origin}"
    if len(line) <= _WIDTH:
        yield line
    else:
        before = 2 + width + 2 + _VALUE + 2
        yield f"  {setting.name:{width}}  {value}"
        yield f"{'':{before}}{origin}" if before + len(origin) <= _WIDTH else f"{origin:>{_WIDTH}}"
    if setting.shadowed:
        yield from _wrapped(f"before {', '.join(setting.shadowed)}", width + 4)


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    if value == "":
        return "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _wrapped(text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_long_words=False,
        break_on_hyphens=False,
    )
