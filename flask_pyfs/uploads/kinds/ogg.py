"""Ogg, told apart by the codecs of its streams (RFC 3533, 6; RFC 5334, 4 and 10)."""

from __future__ import annotations

from collections.abc import Iterator

from .source import Check, Source

_MOST_STREAMS = 16
_VORBIS = b"\x01vorbis"
_OPUS = b"OpusHead"
_SPEEX = b"Speex   "
_SOUND = (_VORBIS, _OPUS, _SPEEX, b"\x7fFLAC", b"fLaC", b"PCM     ")
_VIDEO = (b"\x80theora", b"BBCD\0", b"OVP80", b"\x01video\0\0\0", b"\x80daala")


def _first_packets(source: Source) -> Iterator[bytes]:
    """Yield the start of the first packet of each stream: the pages with these come before all others."""
    place = 0
    for _ in range(_MOST_STREAMS):
        header = source.at(place, 27)
        if len(header) < 27 or header[:4] != b"OggS" or not header[5] & 2:
            return
        segments = source.at(place + 27, header[26])
        place += 27 + len(segments)
        yield source.at(place, 16)
        place += sum(segments)


def is_ogg(source: Source) -> bool:
    """Tell whether the file is Ogg, with any streams."""
    return any(True for _ in _first_packets(source))


def has_sound(source: Source) -> bool:
    """Tell whether a stream is sound. Covers of albums are streams of video, and ``ogg`` was the name of all Ogg."""
    return any(packet.startswith(_SOUND) for packet in _first_packets(source))


def has_video(source: Source) -> bool:
    """Tell whether a stream is video."""
    return any(packet.startswith(_VIDEO) for packet in _first_packets(source))


def is_sound(source: Source) -> bool:
    """Tell whether there is sound, and no video."""
    return has_sound(source) and not has_video(source)


def coded(*packets: bytes) -> Check:
    """Return a check for a stream whose first packet begins so."""
    return lambda source: any(packet.startswith(packets) for packet in _first_packets(source))


is_opus: Check = coded(_OPUS)
is_speex: Check = coded(_SPEEX)
