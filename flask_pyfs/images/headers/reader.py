"""What is known of an image before Pillow sees it, and the reader for it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..refusals import damaged

if TYPE_CHECKING:
    from ...seekable import FileView

_READ_SIZE = 64 * 1024
_EXIF = b"Exif\0\0"
_EXIF_DIRECTORIES = (34665, 34853, 40965)
_EXIF_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
_MOST_EXIF_ENTRIES = 20_000

#: The bytes of EXIF data that are looked at: more than these cost too much by themselves.
LONGEST_EXIF = 8 * 1024 * 1024

#: What Pillow keeps for each piece of metadata: an object or two, in bytes.
ENTRY = 200


@dataclass
class Header:
    """What an image costs besides its pixels.

    :param size: the width and height of the canvas, in pixels; that of the largest frame if that is larger.
    :param frames: the number of frames of an animation.
    :param pages: the number of pages of a TIFF.
    :param opening: the bytes that Pillow takes to open the file: for metadata, or for files that it reads whole.
    :param decoding: the bytes that the decoder takes besides the decoded image.
    :param steps: the number of pieces that Pillow's own code reads one by one.
    :param passes: how often the decoder goes over all pixels.
    :param length: the length of the file, in bytes.
    :param is_late: whether there may be an orientation after the pixels.
    :param variant: what makes the decoder another one: ``scans``, ``arithmetic``, ``rle``, ``lossless``,
        ``deep``, ``turned``, ``4:2:0``; ``cleared`` if a GIF shows what is behind it, though it has no transparent
        colour.
    :param colours: what a PNG says of its colours before its pixels: the data of the first chunk of each name. Of an
        AVIF the numbers ``nclx``, unless they are those of sRGB.
    :param depth: the bits of each colour of a PNG.
    """

    size: tuple[int, int] = (0, 0)
    frames: int = 1
    pages: int = 1
    opening: int = 0
    decoding: int = 0
    steps: int = 0
    passes: int = 1
    length: int = 0
    variant: str = ""
    is_late: bool = False
    colours: dict[bytes, bytes] = field(default_factory=dict)
    depth: int = 8

    @property
    def pixels(self) -> int:
        return self.size[0] * self.size[1]


class Reader:
    """Reads a file in pieces, with few calls of its methods.

    :param ahead: how many bytes are read at once: few where only few are needed at an offset, as there may be many such
        offsets in a file.
    """

    def __init__(self, view: FileView, offset: int = 0, ahead: int = _READ_SIZE) -> None:
        self._view = view
        self._ahead = ahead
        self._piece = b""
        self._place = 0
        self._offset = offset

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._offset - len(self._piece) + self._place

    def take(self, size: int) -> bytes:
        """Return the next bytes, fewer at the end of the file."""
        if self._place + size > len(self._piece):
            rest = self._piece[self._place :]
            self._view.seek(self._offset)
            piece = self._view.read(max(self._ahead, size))
            self._offset += len(piece)
            self._piece, self._place = rest + piece, 0
        found = self._piece[self._place : self._place + size]
        self._place += len(found)
        return found

    def number(self, size: int) -> int:
        """Return a number of so many bytes, the most significant first."""
        return int.from_bytes(self.take(size), "big")

    def skip(self, size: int) -> None:
        """Pass over bytes."""
        self._place += size
        if self._place > len(self._piece):
            self._offset += self._place - len(self._piece)
            self._piece, self._place = b"", 0


class Bits:
    """Reads numbers of so many bits, the most significant first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, size: int) -> int:
        """Return the next bits as a number; 0 after the end."""
        self._left -= size
        return self._value >> self._left & ((1 << size) - 1) if self._left >= 0 else 0

    def take_golomb(self) -> int:
        """Return a number as H.265 writes it (9.2)."""
        zeros = 0
        while zeros < 32 and not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)


def refuse_steps(what: str, steps: int, most: int) -> None:
    """Refuse a file with so many pieces that reading them one by one takes too long.

    :raises UnauthorizedFileType: if there are more than ``most``.
    """
    if steps > most:
        raise damaged(f"the image has more than {most} {what}, which no camera or program writes")


def exif_cost(length: int) -> int:
    """Return the bytes that Pillow takes for EXIF data: each fraction of eight bytes becomes an object."""
    return 50 * length


def exif_copies(data: bytes) -> int:
    """Return the bytes that older Pillow copies from EXIF data, whose entries may share them.

    :raises UnauthorizedFileType: if there are more than 20,000 entries.
    """
    while data.startswith(_EXIF):
        data = data[len(_EXIF) :]
    order = "<" if data[:2] == b"II" else ">"
    places, seen, copied, steps = [data[4:8]], set(), 0, 0
    while places:
        (place,) = struct.unpack(order + "I", places.pop().ljust(4, b"\0"))
        if place in seen:
            continue
        seen.add(place)
        (count,) = struct.unpack(order + "H", data[place : place + 2].ljust(2, b"\0"))
        for start in range(place + 2, min(place + 2 + 12 * count, len(data) - 11), 12):
            steps += 1
            refuse_steps("entries of EXIF", steps, _MOST_EXIF_ENTRIES)
            tag, kind, number = struct.unpack_from(order + "HHI", data, start)
            size = number * _EXIF_SIZES.get(kind, 1)
            copied += size if size <= len(data) else 0
            if tag in _EXIF_DIRECTORIES:
                places.append(data[start + 8 : start + 12])
    return copied
