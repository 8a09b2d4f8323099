"""Compares the clock of the store with that of this machine."""

from __future__ import annotations

from datetime import datetime, timedelta

from .findings import Finding, Subject

# signed URLs are valid for a while too long or too short
_WARNING = timedelta(seconds=60)
# Amazon answers RequestTimeTooSkewed from 15 minutes on, and clocks go on drifting
_ERROR = timedelta(minutes=5)


def judged(subject: Subject, modified: datetime | None, began: datetime, ended: datetime) -> Finding:
    """Return what the time of a write tells of the clocks.

    :param modified: when the store says that it wrote.
    :param began: when this machine says that the write began.
    :param ended: and when it ended.
    """
    if modified is None:
        return subject.found("clock", "skipped", "the store does not tell the time of a write")
    skew = began - modified if modified < began else max(modified - ended, timedelta())
    if skew <= _WARNING:
        return subject.found("clock", "ok", "the clocks of the store and of this machine agree")
    seconds = round(skew.total_seconds())
    by = f"{seconds} seconds" if seconds < 120 else f"{round(seconds / 60)} minutes"
    direction = "ahead of" if modified < began else "behind"
    return subject.found(
        "clock",
        "error" if skew > _ERROR else "warning",
        f"the clock of this machine is {by} {direction} that of the store: set it by NTP (or the store's, if this one "
        "is right). Signed URLs end too early or too late, and S3 refuses all requests from 15 minutes on",
    )
