"""Checks that the scanner of a storage answers."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import OperationNotSupported
from ..rooms import room
from .findings import Finding, Subject


def examine(subject: Subject) -> Iterator[Finding]:
    """Ask the daemon of ClamAV that SCAN names. A function of the app is not called."""
    url = subject.state.config["scan"]
    if not isinstance(url, str):
        return
    try:
        clamd = room("scanning.clamd", subject.state.storage.name)
    except OperationNotSupported as error:
        yield subject.found("scan", "skipped", str(error))
        return
    try:
        clamd.ping(url)
    except clamd.Unscanned as error:
        yield subject.found("scan", "error", f"{subject.setting('SCAN')}: {error}", again=True)
    else:
        yield subject.found("scan", "ok", "the scanner answers")
