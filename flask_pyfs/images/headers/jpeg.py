"""JPEG: ITU-T T.81, annex B."""

from __future__ import annotations

import re

from .reader import ENTRY, LONGEST_EXIF, Header, Reader, exif_copies, exif_cost, refuse_steps

_READ_SIZE = 1024 * 1024
_SCAN = 0xDA
_END = 0xD9
# a marker ends the data of a scan, but neither a byte of 255 in them nor a restart does
_MARKER = re.compile(rb"\xff[^\0\xd0-\xd7\xff]")
# libjpeg passes over lower codes without their length (jpeg_resync_to_restart)
_FIRST_WITH_LENGTH = 0xC0
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_ALONE = {0x01, *range(0xD0, 0xDA)}

# encoders write about ten scans, and a few dozen segments; Pillow passes over other bytes one by one
_MOST_SCANS = 200
_MOST_SEGMENTS = 5_000
_MOST_OTHER_BYTES = 64 * 1024
_MOST_TABLES = 100

# Pillow keeps each segment, and what it means
_COPIES = 3


def read(reader: Reader, header: Header) -> None:
    """Read the segments up to the first scan, and count the scans if they are read one by one."""
    reader.skip(2)
    frame, exif, tables, others, data = b"", 0, 0, 0, b""
    while marker := _marker(reader):
        code, skipped = marker
        others += skipped
        header.steps += 1
        refuse_steps("segments", header.steps, _MOST_SEGMENTS)
        refuse_steps("bytes between its segments", others, _MOST_OTHER_BYTES)
        if code in _ALONE:
            continue
        length = int.from_bytes(reader.take(2), "big") - 2
        header.opening += _COPIES * max(length, 0) + ENTRY
        start = reader.take(min(max(length, 0), 20))
        if code in _FRAMES:
            refuse_steps("frame of JPEG", 1 + bool(frame), 1)
            frame = bytes([code]) + start
        elif code == 0xDB:
            tables += 1
            refuse_steps("segments of tables", tables, _MOST_TABLES)
        elif code == 0xE1 and start.startswith(b"Exif\0\0"):
            exif += length
            refuse_steps("bytes of EXIF", exif, LONGEST_EXIF)
            start += reader.take(length - len(start))
            data += start[6:]
        elif code == _SCAN:
            _set_frame(header, reader, frame, scanned=start[0] if start else 0)
            break
        reader.skip(length - len(start))
    header.opening += exif_cost(exif) + exif_copies(data)


def _marker(reader: Reader) -> tuple[int, int] | None:
    """Return the code of the next marker, and how many bytes were skipped before it."""
    skipped = 0
    byte = reader.take(1)
    while byte:
        if byte == b"\xff":
            while (byte := reader.take(1)) == b"\xff" and skipped <= _MOST_OTHER_BYTES:
                skipped += 1
            if byte not in (b"", b"\0", b"\xff"):
                return byte[0], skipped
        skipped += 1
        if skipped > _MOST_OTHER_BYTES:
            return 0x01, skipped
        byte = reader.take(1)
    return None


def _set_frame(header: Header, reader: Reader, frame: bytes, scanned: int) -> None:
    if len(frame) < 7:
        return
    code, bands = frame[0], frame[6]
    header.size = int.from_bytes(frame[4:6], "big"), int.from_bytes(frame[2:4], "big")
    if code >= 0xC9:
        header.variant = "arithmetic"
    if code in (0xC2, 0xC6, 0xCA, 0xCE) or scanned < bands:
        # libjpeg keeps two bytes for each sample of the full image, even for a draft
        factors = [(value >> 4, value & 15) for value in frame[8 : 7 + 3 * bands : 3]]
        largest = max((across for across, _ in factors), default=1) * max((down for _, down in factors), default=1)
        samples = sum(across * down for across, down in factors) / max(largest, 1)
        header.decoding = int(2 * header.pixels * samples)
        header.variant = header.variant or "scans"
        # each scan costs a pass over the whole image, however few bytes it has
        header.passes = _count_scans(reader)[0]


def is_cut(reader: Reader) -> bool:
    """Return whether a JPEG has no scan, or not the marker of its end."""
    reader.skip(2)
    segments = 0
    while marker := _marker(reader):
        segments += 1
        refuse_steps("segments", segments, _MOST_SEGMENTS)
        if marker[0] == _END:
            break
        if marker[0] in _ALONE:
            continue
        length = max(int.from_bytes(reader.take(2), "big") - 2, 0)
        reader.skip(length)
        if marker[0] == _SCAN:
            return not _count_scans(reader)[1]
    return True


def _count_scans(reader: Reader) -> tuple[int, bool]:
    """Count the scans as libjpeg does: from marker to marker up to the end of the image, whatever follows it.

    Return also whether there is an end.
    """
    scans, segments, piece, place = 1, 0, b"", 0
    while True:
        found = _MARKER.search(piece, place)
        if found and found[0][1] == _END:
            return scans, True
        if found is None or found.end() + 2 > len(piece):
            rest = piece[found.start() if found else max(place, len(piece) - 1) :]
            more = reader.take(_READ_SIZE)
            piece, place = rest + more, 0
            if more:
                continue
            return scans, False
        code = found[0][1]
        segments += 1
        scans += code == _SCAN
        refuse_steps("scans", scans, _MOST_SCANS)
        refuse_steps("segments", segments, _MOST_SEGMENTS)
        place = found.end()
        if code >= _FIRST_WITH_LENGTH and code not in _ALONE:
            place += max(int.from_bytes(piece[place : place + 2], "big"), 2)
            reader.skip(max(place - len(piece), 0))
