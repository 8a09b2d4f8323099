"""Compressed files and archives other than ZIP.

Sources: RFC 1952, 2.3 (gzip); the specification of the .xz file format, 2.1.1; POSIX, pax, "ustar Interchange Format"
(also for the older and newer headers, which have the same checksum).
"""

from __future__ import annotations

import zlib

from .source import Check, Source, any_of, starts

_BLOCK = 512
_PIECE = 4096
_GZIP = 16 + zlib.MAX_WBITS

# what unpacking may take: the largest preset of xz has a dictionary of 64 MiB, which only fills with what is unpacked
_MOST_MEMORY = 80 * 1024 * 1024

is_bzip2: Check = any_of(*(starts(b"BZh%d1AY&SY" % level, b"BZh%d\x17rE8P\x90" % level) for level in range(1, 10)))
is_xz: Check = starts(b"\xfd7zXZ\0")
is_rar: Check = starts(b"Rar!\x1a\7\0", b"Rar!\x1a\7\1\0")
# also in the form of pzstd, which begins with a frame that is skipped
is_zstandard: Check = any_of(starts(b"\x28\xb5\x2f\xfd"), starts(b"\x2a\x4d\x18", at=1))


def is_gzip(source: Source) -> bool:
    """Tell whether the file is gzip: its method is deflate, and no reserved flag is set."""
    head = source.at(0, 10)
    return len(head) == 10 and head.startswith(b"\x1f\x8b\x08") and head[3] < 0x20


def is_tar(source: Source) -> bool:
    """Tell whether the file is a tar archive of any age, also one without members."""
    return _is_header(source.at(0, _BLOCK)) or (source.size >= 2 * _BLOCK and not any(source.at(0, 2 * _BLOCK)))


def _is_header(block: bytes) -> bool:
    digits = block[148:156].strip(b" \0")
    if len(block) < _BLOCK or not digits.isdigit() or not block[0]:
        return False
    try:
        checksum = int(digits, 8)
    except ValueError:
        return False
    counted = block[:148] + b" " * 8 + block[156:]
    # some old tar added up signed bytes
    return checksum in (sum(counted), sum(counted) - 256 * sum(byte > 127 for byte in counted))


def _is_start_of_tar(content: bytes) -> bool:
    return _is_header(content[:_BLOCK]) or (len(content) == 2 * _BLOCK and not any(content))


def is_tar_in_gzip(source: Source) -> bool:
    """Tell whether the file is a tar archive in gzip."""
    try:
        return _is_start_of_tar(zlib.decompressobj(_GZIP).decompress(source.at(0, _PIECE), 2 * _BLOCK))
    except zlib.error:
        return False


def is_tar_in_xz(source: Source) -> bool:
    """Tell whether the file is a tar archive in xz. Only the magic number counts if this Python has no lzma."""
    if not is_xz(source):
        return False
    try:
        import lzma
    except ImportError:
        return True
    try:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_MEMORY)
        return _is_start_of_tar(unpacker.decompress(source.at(0, _PIECE), 2 * _BLOCK))
    except lzma.LZMAError as error:
        # larger dictionaries are valid, too
        return "Memory usage limit" in str(error)
