"""MP4, QuickTime, HEIF and their kin, told apart by their brands and tracks.

Sources: ISO/IEC 14496-12, 4.2 (boxes), 4.3 (ftyp), 8.4.3 (handlers); QuickTime File Format, "Movie atoms"; ISO/IEC
23008-12, 10 (brands of HEIF), AV1 Image File Format 1.1, 6; 3GPP TS 26.244, 5.3; https://mp4ra.org for the others.
"""

from __future__ import annotations

from collections.abc import Iterator

from .source import Check, Source

_MOST_BOXES = 64
_MOST_BRANDS = 64
_FILLERS = (b"free", b"skip", b"wide", b"pnot", b"uuid")

_AVIF = {b"avif", b"avis"}
_HEVC = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"}
_HEIF = {b"mif1", b"msf1", b"mif2", b"1pic"}
_SOUND = {b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "}
_QUICKTIME = b"qt  "

# still images and others that are no MPEG-4: Canon's raw images, JPEG 2000, JPEG XL
_OTHERS = _AVIF | _HEVC | _HEIF | {b"crx ", b"jp2 ", b"jpx ", b"jpm ", b"mjp2", b"jxl ", _QUICKTIME}


def boxes(source: Source, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the type of each box, and where its content begins and ends; 64 boxes at most."""
    for _ in range(_MOST_BOXES):
        header = source.at(start, 16)
        size, name, body = int.from_bytes(header[:4], "big"), header[4:8], start + 8
        if size == 1:
            size, body = int.from_bytes(header[8:], "big"), start + 16
        elif size == 0:
            size = end - start
        stop = start + size
        if len(header) < 8 or stop < body or start >= end:
            return
        yield name, body, min(stop, end)
        start = stop


def _brands(source: Source) -> list[bytes]:
    """Return the major brand and the compatible ones."""
    for name, body, end in boxes(source, 0, source.size):
        if name == b"ftyp":
            found = source.at(body, min(end - body, 8 + 4 * _MOST_BRANDS))
            return [found[:4]] + [found[at : at + 4] for at in range(8, len(found) - 3, 4)]
        if name not in _FILLERS:
            break
    return []


def _inside(source: Source, wanted: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    return ((body, stop) for name, body, stop in boxes(source, start, end) if name == wanted)


def _has_movie(source: Source) -> bool:
    return any(_inside(source, b"moov", 0, source.size))


def _handlers(source: Source) -> set[bytes]:
    """Return what the tracks hold: ``soun``, ``vide``…"""
    return {
        source.at(handler[0] + 8, 4)
        for movie in _inside(source, b"moov", 0, source.size)
        for track in _inside(source, b"trak", *movie)
        for media in _inside(source, b"mdia", *track)
        for handler in _inside(source, b"hdlr", *media)
    }


def _first(brands: list[bytes], *kinds: set[bytes]) -> set[bytes] | None:
    # the major brand decides, then the compatible ones in their order
    return next((kind for brand in brands for kind in kinds if brand in kind), None)


def is_avif(source: Source) -> bool:
    """Tell whether the file is an image or a sequence of AV1."""
    return _first(_brands(source), _AVIF, _HEVC) is _AVIF


def is_heif(source: Source) -> bool:
    """Tell whether the file is an image or a sequence of HEVC, or HEIF that names no codec."""
    brands = _brands(source)
    kind = _first(brands, _AVIF, _HEVC)
    return kind is _HEVC or (kind is None and brands[:1] != [_QUICKTIME] and not _HEIF.isdisjoint(brands))


def is_mp4(source: Source) -> bool:
    """Tell whether the file is a movie or sound of MPEG-4, whichever camera or program it is of."""
    brands = _brands(source)
    return bool(brands) and brands[0] not in _OTHERS and _has_movie(source)


def is_sound(source: Source) -> bool:
    """Tell whether the file is MPEG-4 with sound alone, or says so. The chapters of a book may have pictures."""
    if not is_mp4(source):
        return False
    if _brands(source)[0] in _SOUND:
        return True
    handlers = _handlers(source)
    return b"soun" in handlers and b"vide" not in handlers


def is_mobile(source: Source) -> bool:
    """Tell whether the file is MPEG-4 that is, or is also, 3GPP or 3GPP2."""
    return is_mp4(source) and any(brand[:2] == b"3g" or brand == b"kddi" for brand in _brands(source))


def is_quicktime(source: Source) -> bool:
    """Tell whether the file is QuickTime: of its brand, or older than brands."""
    brands = _brands(source)
    if brands:
        return _QUICKTIME in brands and _has_movie(source)
    for name, _, _ in boxes(source, 0, source.size):
        if name not in _FILLERS:
            return name in (b"moov", b"mdat", b"PICT") and _has_movie(source)
    return False


def branded(*brands: bytes) -> Check:
    """Return a check for one of these major brands."""
    return lambda source: _brands(source)[:1] in [[brand] for brand in brands]
