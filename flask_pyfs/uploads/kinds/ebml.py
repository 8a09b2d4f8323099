"""Matroska and WebM, told apart by the DocType, wherever it is in the header of EBML (RFC 8794, 4, 6 and 11.2)."""

from __future__ import annotations

import re

from .source import Check, Source

_EBML = 0x1A45DFA3
_DOC_TYPE = 0x4282
_LONGEST_HEADER = 64 * 1024
_MOST_ELEMENTS = 64

# the CodecID of a track of video, with a size of one byte (RFC 9559, 5.1.4.1.21)
_VIDEO = re.compile(rb"\x86[\x82-\xfe]V_[A-Z]")


def _number(source: Source, offset: int, with_marker: bool) -> tuple[int, int]:
    """Return a number of variable length, and where it ends; -1 if there is none."""
    first = source.big(offset, 1)
    length = 9 - first.bit_length()
    found = source.at(offset, length)
    if not first or len(found) < length:
        return -1, offset
    value = int.from_bytes(found, "big")
    return (value if with_marker else value & (1 << 7 * length) - 1), offset + length


def _doc_type(source: Source) -> bytes:
    identifier, place = _number(source, 0, True)
    size, place = _number(source, place, False)
    if identifier != _EBML or not 0 <= size <= _LONGEST_HEADER:
        return b""
    end = place + size
    for _ in range(_MOST_ELEMENTS):
        identifier, place = _number(source, place, True)
        size, place = _number(source, place, False)
        if size < 0 or place >= end:
            break
        if identifier == _DOC_TYPE:
            return source.at(place, min(size, 16)).rstrip(b"\0")
        place += size
    return b""


def doc_type(name: bytes) -> Check:
    """Return a check for a DocType."""
    return lambda source: _doc_type(source) == name


def sound(name: bytes) -> Check:
    """Return a check for a DocType, without video."""
    return lambda source: _doc_type(source) == name and not _VIDEO.search(source.at(0, _LONGEST_HEADER))
