"""Sound and video of MPEG that is no MP4.

A frame has no magic number: what counts are headers that follow each other at the distance that each one says.

Sources: ISO/IEC 11172-3, 2.4.1.3 and 13818-3, 2.4.2.3 (frames of layers I, II and III); ISO/IEC 13818-7, 6.2 (ADTS,
ADIF); ISO/IEC 14496-3, 1.7.2 (LOAS); ISO/IEC 13818-1, 2.4.3.2 (packets) and 2.5.3.3 (packs); ID3v2.4, 3.1 and 3.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .source import Check, Source

_MOST_TAGS = 4
_MOST_SKIPPED = 4096
_FRAMES_OF_RADIO = 8
_SYNC = re.compile(rb"\xff(?=[\xe0-\xff])")
_TAGS = (b"TAG", b"APETAGEX", b"ID3")

# by version and layer: kbit/s, by the index 1 to 14
_RATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES[2, 3] = _RATES[2, 2]

# by the two bits of the version: MPEG-2.5, reserved, MPEG-2, MPEG-1
_FREQUENCIES = ((11025, 12000, 8000), (), (22050, 24000, 16000), (44100, 48000, 32000))

# what begins so has frames inside, but is another container: RIFF, Ogg, FLAC, AIFF, Flash, Matroska, MPEG-PS, ASF, MP4
_CONTAINERS = (b"RIFF", b"OggS", b"fLaC", b"FORM", b"FLV", b"FWS", b"\x1aE\xdf\xa3", b"\0\0\1", b"0&\xb2u", b"<", b"G@")


_Frame = Callable[[bytes], tuple[int, object]]


def after_tags(source: Source) -> int:
    """Return the offset of what follows the ID3v2 tags at the start, 0 without any."""
    place = 0
    for _ in range(_MOST_TAGS):
        head = source.at(place, 10)
        if len(head) < 10 or head[:3] != b"ID3" or 0xFF in head[3:5] or max(head[6:]) > 127:
            break
        size = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        # a footer repeats the header
        place += 10 + size + (10 if head[5] & 0x10 else 0)
    return place


def tagged(beginning: bytes) -> Check:
    """Return a check for what begins so, at the start or after ID3v2 tags."""
    return lambda source: source.at(after_tags(source), len(beginning)) == beginning


def _layer_frame(header: bytes) -> tuple[int, object]:
    """Return the size of a frame of layer I, II or III, 0 if this is none; and what all frames of a file share."""
    if len(header) < 4 or header[0] != 0xFF or header[1] < 0xE0:
        return 0, None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    rate, frequency = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or rate in (0, 15) or frequency == 3 or header[3] & 3 == 2:
        return 0, None
    bits = 1000 * _RATES[1 if version == 3 else 2, layer][rate - 1]
    hertz, padding = _FREQUENCIES[version][frequency], header[2] >> 1 & 1
    if layer == 1:
        size = (12 * bits // hertz + padding) * 4
    else:
        size = (72 if layer == 3 and version != 3 else 144) * bits // hertz + padding
    return size, (version, layer, frequency)


def _adts_frame(header: bytes) -> tuple[int, object]:
    if len(header) < 6 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0, None
    size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return (size if size > 7 else 0), (header[1], header[2] & 0xFD)


def _loas_frame(header: bytes) -> tuple[int, object]:
    if len(header) < 3 or header[0] != 0x56 or header[1] & 0xE0 != 0xE0:
        return 0, None
    size = (header[1] & 0x1F) << 8 | header[2]
    return (size + 3 if size else 0), None


def _is_framed(source: Source, place: int, frame: _Frame, least: int = 3, may_end: bool = True) -> bool:
    """Tell whether there are so many frames, or fewer that end with the file or before a tag."""
    first = None
    for number in range(least):
        header = source.at(place, 8)
        if number and may_end and (place == source.size or header.startswith(_TAGS)):
            return True
        size, shared = frame(header)
        if not size or (number and shared != first):
            return False
        first, place = shared, place + size
    return place <= source.size


def is_mp3(source: Source) -> bool:
    """Tell whether the file is sound of layer I, II or III, which all are ``audio/mpeg`` (RFC 3003)."""
    place = after_tags(source)
    head = source.at(place, _MOST_SKIPPED)
    # some writers of tags leave zeros behind them
    start = place + len(head) - len(head.lstrip(b"\0"))
    if _is_framed(source, start, _layer_frame):
        return True
    if head.startswith(_CONTAINERS) or head[4:8] == b"ftyp":
        return False
    # recorders of radio begin inside a frame, and have many of them
    starts = (place + found.start() for found in _SYNC.finditer(head))
    return any(_is_framed(source, start, _layer_frame, _FRAMES_OF_RADIO, may_end=False) for start in starts)


def is_aac(source: Source) -> bool:
    """Tell whether the file is AAC in ADTS, LOAS or ADIF."""
    place = after_tags(source)
    frames = (_adts_frame, _loas_frame)
    return source.at(place, 4) == b"ADIF" or any(_is_framed(source, place, frame) for frame in frames)


def is_program(source: Source) -> bool:
    """Tell whether the file is a program stream of MPEG-1 or MPEG-2, or a stream of video alone."""
    head = source.at(0, 5)
    return head.startswith((b"\0\0\1\xb3", b"\0\0\1\xba")) and len(head) == 5


def is_transport(source: Source) -> bool:
    """Tell whether the file is a transport stream: plain, with time codes (of camcorders), or with error correction."""
    for before, size in ((0, 188), (4, 192), (0, 204)):
        places = range(before, min(5 * size, source.size), size)
        if len(places) > 1 and all(source.at(place, 1) == b"G" for place in places):
            return True
    return False
