"""XML, told apart by its root element (Extensible Markup Language 1.0, 2.8)."""

from __future__ import annotations

import re
import zlib

from .source import Check, Source
from .text import decoded

_HEAD = 8192
_NAME = re.compile(r"<([A-Za-z_:][^\s/>]*)([^>]*)")
_HTML = re.compile(r"<!DOCTYPE\s+html", re.IGNORECASE)
_SUBSET_END = re.compile(r"\]\s*>")
_GZIP = 16 + zlib.MAX_WBITS


def root(text: str) -> tuple[str, str] | None:
    """Return the name of the root element without its prefix, and its attributes; None if the text is not XML.

    The name is empty if the text ends before the root element, as after a long comment.
    """
    rest = text.lstrip("\ufeff \t\r\n")
    if not rest.startswith("<"):
        return None
    while rest.startswith(("<?", "<!")):
        if rest.startswith("<?php"):
            return None
        end = _end_of_prolog(rest)
        if end < 0:
            return "", ""
        rest = rest[end:].lstrip()
    found = _NAME.match(rest)
    if found is None:
        return None if rest else ("", "")
    return found.group(1).rpartition(":")[2], found.group(2)


def _end_of_prolog(rest: str) -> int:
    if rest.startswith("<?"):
        place = rest.find("?>")
        return place + 2 if place >= 0 else -1
    if rest.startswith("<!--"):
        place = rest.find("-->", 4)
        return place + 3 if place >= 0 else -1
    place, subset = rest.find(">"), rest.find("[")
    if 0 <= subset < place:
        found = _SUBSET_END.search(rest, subset)
        return found.end() if found else -1
    return place + 1 if place >= 0 else -1


def is_xml(source: Source) -> bool:
    """Tell whether a text begins with the prolog or the root element of XML, and is not HTML."""
    text = decoded(source)
    found = root(text) if text is not None else None
    if text is None or found is None:
        return False
    is_html = found[0].lower() == "html" or _HTML.search(text)
    return not is_html or "xmlns" in found[1]


def rooted(*names: str, namespace: str = "") -> Check:
    """Return a check for XML with one of these root elements.

    :param namespace: what the attributes of the root element contain.
    """

    def check(source: Source) -> bool:
        text = decoded(source)
        return text is not None and _is_rooted(text, names, namespace)

    return check


def rooted_in_gzip(*names: str, namespace: str = "") -> Check:
    """Return a check for XML with one of these root elements, compressed by gzip."""

    def check(source: Source) -> bool:
        try:
            start = zlib.decompressobj(_GZIP).decompress(source.at(0, _HEAD), _HEAD)
        except zlib.error:
            return False
        return _is_rooted(start.decode("utf-8", "replace"), names, namespace)

    return check


def _is_rooted(text: str, names: tuple[str, ...], namespace: str) -> bool:
    found = root(text)
    return found is not None and found[0] in names and namespace in found[1]
