"""The conditions of a request (RFC 9110, section 13), for a file of which some facts are known.

Werkzeug takes ``If-Match: *`` for a tag, and a weak tag or a later date in If-Range for the file's own. It stops after
If-Match, and leaves If-Unmodified-Since out.
"""

from __future__ import annotations

import re
from datetime import datetime

from flask import request
from werkzeug.http import parse_date

from ..filesystems.store import Facts

#: The headers that make a request conditional, as a WSGI environment names them.
CONDITIONS = frozenset(
    f"HTTP_{name}" for name in ("IF_MATCH", "IF_NONE_MATCH", "IF_MODIFIED_SINCE", "IF_UNMODIFIED_SINCE", "IF_RANGE")
)


def status_of(facts: Facts) -> int:
    """Return 200, 304 or 412 for a GET or HEAD of the file, in the order of section 13.2.2."""
    if "If-Match" in request.headers:
        # as_set has the strong ones alone
        if not request.if_match.star_tag and facts.etag not in request.if_match.as_set():
            return 412
    elif (limit := _date("If-Unmodified-Since")) and (facts.modified is None or _second(facts.modified) > limit):
        return 412
    if "If-None-Match" in request.headers:
        known = request.if_none_match
        if known.star_tag or facts.etag in known.as_set(include_weak=True):
            return 304
    elif (since := _date("If-Modified-Since")) and facts.modified is not None and _second(facts.modified) <= since:
        return 304
    return 200


def range_applies(facts: Facts) -> bool:
    """Whether If-Range lets a Range count: it is missing, or names this very version (section 13.1.5)."""
    version = request.headers.get("If-Range")
    if version is None:
        return True
    if version.startswith(('"', "W/")):
        return version == f'"{facts.etag}"'
    return facts.modified is not None and _date("If-Range") == _second(facts.modified)


def version_known() -> tuple[str | None, bool]:
    """Return the entity tag that the client has, where that alone decides whether it gets the file, else None; and
    whether anything else than that tag does.
    """
    headers = request.headers
    others = any(name in headers for name in ("If-Match", "If-Unmodified-Since", "If-Range"))
    tags = [tag or "" for tag in request.if_none_match.as_set(include_weak=True)]
    # some stores take others apart
    if len(tags) == 1 and re.fullmatch(r"[\w-]+", tags[0], re.ASCII) and not others:
        return tags[0], False
    return None, others or "If-None-Match" in headers or "If-Modified-Since" in headers


def _date(header: str) -> datetime | None:
    try:
        return parse_date(request.headers.get(header))
    except OverflowError:
        return None


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
