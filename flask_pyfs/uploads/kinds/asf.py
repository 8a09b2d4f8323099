"""Windows Media, told apart by its streams (Advanced Systems Format 01.20.05, 2.2, 3.1 and 3.3)."""

from __future__ import annotations

from uuid import UUID

from .source import Check, Source, starts

_HEADER = UUID("75B22630-668E-11CF-A6D9-00AA0062CE6C").bytes_le
_STREAM = UUID("B7DC0791-A9B7-11CF-8EE6-00C00C205365").bytes_le
_VIDEO = UUID("BC19EFC0-5B4D-11CF-A8FD-00805F5C442B").bytes_le
_LONGEST_HEADER = 64 * 1024

is_asf: Check = starts(_HEADER)


def is_wmv(source: Source) -> bool:
    """Tell whether the file is Windows Media with video."""
    return is_asf(source) and _STREAM + _VIDEO in _stream_types(source)


def is_wma(source: Source) -> bool:
    """Tell whether the file is Windows Media without video."""
    return is_asf(source) and _STREAM + _VIDEO not in _stream_types(source)


def _stream_types(source: Source) -> set[bytes]:
    header = source.at(0, _LONGEST_HEADER)
    found, place = set(), header.find(_STREAM)
    while place >= 0:
        # the size of the object stands between
        found.add(_STREAM + header[place + 24 : place + 40])
        place = header.find(_STREAM, place + 16)
    return found
