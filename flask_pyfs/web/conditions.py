"""The conditions of a request (RFC 9110, section 13), judged by the facts of a file.

Werkzeug's own code is not used: it treats ``If-Match: *`` as a tag, accepts a weak tag or a later date in If-Range,
judges nothing after If-Match, and ignores If-Unmodified-Since.
"""

from __future__ import annotations

import re
from datetime import datetime

from flask import request
from werkzeug.http import parse_date

from ..filesystems.store import Facts

#: The headers that make a request conditional, by their keys in a WSGI environment.
CONDITIONS = frozenset(
    f"HTTP_{name}" for name in ("IF_MATCH", "IF_NONE_MATCH", "IF_MODIFIED_SINCE", "IF_UNMODIFIED_SINCE", "IF_RANGE")
)


def status_of(facts: Facts) -> int:
    """Return 200, 304 or 412 for a GET or HEAD of the file. Section 13.2.2 gives the order of the conditions."""
    if "If-Match" in request.headers:
        # as_set returns only strong tags
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
    """Return whether Range applies: If-Range is missing, or names exactly this version (section 13.1.5)."""
    version = request.headers.get("If-Range")
    if version is None:
        return True
    if version.startswith(('"', "W/")):
        return version == f'"{facts.etag}"'
    return facts.modified is not None and _date("If-Range") == _second(facts.modified)


def version_known() -> tuple[str | None, bool]:
    """Return the entity tag of If-None-Match if no other condition applies, else None; and whether the response depends
    on further conditions.
    """
    headers = request.headers
    others = any(name in headers for name in ("If-Match", "If-Unmodified-Since", "If-Range"))
    tags = [tag or "" for tag in request.if_none_match.as_set(include_weak=True)]
    # some stores misread other tags
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
