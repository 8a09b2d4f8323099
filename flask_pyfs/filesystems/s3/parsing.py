"""Parses headers, times and listings of S3, which botocore does in a general way that takes most of the time of a
listing, and a tenth of that of a small request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, cast
from xml.etree.ElementTree import XMLParser, fromstring, tostring

from botocore.utils import parse_timestamp

# whole seconds, which is all that is kept of a time
_LISTED = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.]0*)?Z")

# IMF-fixdate (RFC 9110, section 5.6.7)
_IN_HEADERS = re.compile("[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT")

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_ROOT = "ListBucketResult"


class Headers(Mapping[str, str]):
    """The headers of a response by their names, in any case. botocore looks for each that an operation can have, and
    its own headers make an object for each look.

    :param headers: the headers.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._names = list(headers)
        self._values = {name.lower(): value for name, value in headers.items()}

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def parse_time(text: Any) -> datetime:
    """Return the time that S3 tells. Other forms than those of its headers and listings are for botocore.

    :raises ValueError: if it is none.
    """
    if isinstance(text, str):
        if (found := _IN_HEADERS.fullmatch(text)) and found[2] in _MONTHS:
            day, month, year, hour, minute, second = found.groups()
            date = int(year), _MONTHS.index(month) + 1, int(day)
            return datetime(*date, int(hour), int(minute), int(second), tzinfo=timezone.utc)
        if _LISTED.fullmatch(text):
            return datetime.fromisoformat(f"{text[:19]}+00:00")
    return cast(datetime, parse_timestamp(text))


_MEMBERS: dict[str, Any] = {"Key": str, "LastModified": parse_time, "ETag": str, "Size": int, "StorageClass": str}


def take_entries(answer: dict[str, Any], parsed: dict[str, Any]) -> None:
    """Parse the entries of a listing, unless they have more than is known here, and leave the rest to botocore.

    :param answer: the answer as botocore is about to parse it.
    :param parsed: what is added to the result.
    :raises ValueError: if a size or a time is none, or is there twice.
    :raises xml.etree.ElementTree.ParseError: if the answer is cut or damaged.
    """
    # as botocore, whatever encoding the answer tells
    root = fromstring(answer["body"], XMLParser(encoding="utf-8"))
    space = root.tag.removesuffix(_ROOT)
    contents = f"{space}Contents"
    members = {space + name: (name, kind) for name, kind in _MEMBERS.items()}
    entries, rest = [], []
    for each in root:
        if each.tag != contents:
            if each.tag.endswith("Contents"):
                return
            rest.append(each)
            continue
        entry: dict[str, Any] = {}
        for member in each:
            known = members.get(member.tag)
            if known is None:
                return
            name, kind = known
            if name in entry:
                raise ValueError(f"an entry has more than one {name}")
            entry[name] = kind(member.text or "")
        entries.append(entry)
    if entries:
        root[:] = rest
        # a carriage return that is no reference becomes a line feed
        answer["body"], parsed["Contents"] = tostring(root).replace(b"\r", b"&#13;"), entries
