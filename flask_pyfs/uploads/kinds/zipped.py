"""ZIP, and documents that are ZIP archives, told apart by what they contain.

Sources: PKWARE's APPNOTE 6.3.10 (4.3.16 end of central directory, 4.3.14 and 4.3.15 those of ZIP64, 8.5.3 and 8.5.4 the
markers of split archives); ECMA-376 part 2, 10.1.2 (content types); OpenDocument 1.3 part 2, 2.2.4 and 3.3 (mimetype,
manifest); EPUB OCF 3.3, 4.3.

Only the central directory is read, and one member, of which at most 512 KiB are decompressed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from .ole import is_encrypted
from .source import Check, Source, starts

_END = b"PK\5\6"
_END_SIZE = 22
_LONGEST_COMMENT = 65535
_ENTRY_SIZE = 46
_MOST_ENTRIES = 8192
_DIRECTORY_SIZE = 512 * 1024
_MOST_INFLATED = 512 * 1024
_PIECE = 16 * 1024

#: Told by the first local file header, by the end of an archive without members, or by the marker of a split one.
is_zip: Check = starts(b"PK\3\4", b"PK\5\6", b"PK\7\x08PK\3\4", b"PK00PK\3\4")


def is_last_part(source: Source) -> bool:
    """Tell whether the file is the last of a split archive, which has the directory and the name ``zip``."""
    end = _end_of_directory(source)
    part, start_part, comment_size = (source.little(end + at, 2) for at in (4, 6, 20))
    is_at_end = end >= 0 and end + _END_SIZE + comment_size == source.size
    # the offset counts from the part in which the directory begins
    return is_at_end and 0 < part == start_part and source.at(source.little(end + 16, 4), 4) == b"PK\1\2"


@dataclass(frozen=True)
class _Member:
    name: bytes
    method: int
    is_encrypted: bool
    size: int
    offset: int


def _end_of_directory(source: Source) -> int:
    """Return the offset of the record that ends the central directory, or -1."""
    for size in (_END_SIZE, _END_SIZE + _LONGEST_COMMENT):
        start = max(source.size - size, 0)
        place = source.at(start, size).rfind(_END)
        if place >= 0:
            return start + place
    return -1


def _members(source: Source) -> Iterator[_Member]:
    end = _end_of_directory(source)
    if end < 0:
        return
    size, offset = source.little(end + 12, 4), source.little(end + 16, 4)
    if 0xFFFFFFFF in (size, offset) and source.at(end - 20, 4) == b"PK\6\7":
        end = source.little(end - 12, 8)
        size, offset = source.little(end + 40, 8), source.little(end + 48, 8)
    if source.at(offset, 4) != b"PK\1\2":
        # bytes were put before the archive
        offset = end - size
    stop = offset + _DIRECTORY_SIZE
    for _ in range(_MOST_ENTRIES):
        entry = source.at(offset, _ENTRY_SIZE)
        if len(entry) < _ENTRY_SIZE or entry[:4] != b"PK\1\2" or offset > stop:
            return
        name_size, extra_size, comment_size = (int.from_bytes(entry[at : at + 2], "little") for at in (28, 30, 32))
        yield _Member(
            name=source.at(offset + _ENTRY_SIZE, name_size),
            method=int.from_bytes(entry[10:12], "little"),
            is_encrypted=bool(entry[8] & 1),
            size=int.from_bytes(entry[20:24], "little"),
            offset=int.from_bytes(entry[42:46], "little"),
        )
        offset += _ENTRY_SIZE + name_size + extra_size + comment_size


def _read(source: Source, *names: bytes) -> bytes:
    """Return the start of the first of these members, empty if the archive has none that can be read.

    :param names: in lower case, as names of parts differ in more than their case (ECMA-376 part 2, 9.1.1.1.1).
    """
    found = next((member for member in _members(source) if member.name.lower() in names), None)
    if found is None or found.is_encrypted or source.at(found.offset, 4) != b"PK\3\4":
        return b""
    start = found.offset + 30 + source.little(found.offset + 26, 2) + source.little(found.offset + 28, 2)
    size = min(found.size, _MOST_INFLATED)
    if found.method == 0:
        return source.at(start, size)
    return _inflated(source, start, size) if found.method == zlib.DEFLATED else b""


def _inflated(source: Source, start: int, size: int) -> bytes:
    inflater, content = zlib.decompressobj(-zlib.MAX_WBITS), b""
    try:
        for offset in range(start, start + size, _PIECE):
            content += inflater.decompress(source.at(offset, _PIECE), _MOST_INFLATED - len(content))
            if inflater.eof or len(content) == _MOST_INFLATED:
                break
    except zlib.error:
        return b""
    return content


_CONTENT_TYPE = re.compile(rb"ContentType\s*=\s*[\"']([^\"']+\.main(?:\+xml)?)[\"']", re.IGNORECASE)

_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml."
_EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml."
_POWERPOINT = "application/vnd.openxmlformats-officedocument.presentationml."
_WORD_MACROS = "application/vnd.ms-word."
_EXCEL_MACROS = "application/vnd.ms-excel."
_POWERPOINT_MACROS = "application/vnd.ms-powerpoint."
_MAIN_PARTS = {
    "docx": _WORD + "document.main+xml",
    "dotx": _WORD + "template.main+xml",
    "docm": _WORD_MACROS + "document.macroEnabled.main+xml",
    "dotm": _WORD_MACROS + "template.macroEnabledTemplate.main+xml",
    "xlsx": _EXCEL + "sheet.main+xml",
    "xltx": _EXCEL + "template.main+xml",
    "xlsm": _EXCEL_MACROS + "sheet.macroEnabled.main+xml",
    "xltm": _EXCEL_MACROS + "template.macroEnabled.main+xml",
    "xlam": _EXCEL_MACROS + "addin.macroEnabled.main+xml",
    "xlsb": _EXCEL_MACROS + "sheet.binary.macroEnabled.main",
    "pptx": _POWERPOINT + "presentation.main+xml",
    "ppsx": _POWERPOINT + "slideshow.main+xml",
    "potx": _POWERPOINT + "template.main+xml",
    "pptm": _POWERPOINT_MACROS + "presentation.macroEnabled.main+xml",
    "ppsm": _POWERPOINT_MACROS + "slideshow.macroEnabled.main+xml",
    "potm": _POWERPOINT_MACROS + "template.macroEnabled.main+xml",
    "vsdx": "application/vnd.ms-visio.drawing.main+xml",
}

# LibreOffice writes the type on the right into files with the extension on the left
_ALSO = {"ppsx": "pptx", "ppsm": "pptm", "potm": "pptm", "dotm": "docm", "xltm": "xlsm", "xlsm": "xlsx"}
_EVERY_MAIN_PART = {name.lower().encode() for name in _MAIN_PARTS.values()}


def _office(ext: str) -> Check:
    wanted = {_MAIN_PARTS[name].lower().encode() for name in (ext, _ALSO.get(ext, ext))}

    def check(source: Source) -> bool:
        if not is_zip(source):
            return is_encrypted(source)
        # without the zeros, UTF-16 is ASCII
        content_types = _read(source, b"[content_types].xml").replace(b"\0", b"")
        found = {name.lower() for name in _CONTENT_TYPE.findall(content_types)} & _EVERY_MAIN_PART
        return bool(found) and found <= wanted

    return check


#: Checks for the documents of Office Open XML, by extension. One with a password hides which of them it is.
OFFICE = {ext: _office(ext) for ext in _MAIN_PARTS}

_ROOT_OF_MANIFEST = re.compile(rb"<[^<>]{0,500}full-path\s?=\s?[\"']/[\"'][^<>]{0,500}>")
_MEDIA_TYPE = re.compile(rb"media-type\s*=\s*[\"']([^\"']*)[\"']")

_OPEN_DOCUMENT = {
    "odt": "text",
    "ott": "text-template",
    "odm": "text-master",
    "ods": "spreadsheet",
    "ots": "spreadsheet-template",
    "odp": "presentation",
    "otp": "presentation-template",
    "odg": "graphics",
    "otg": "graphics-template",
    "odf": "formula",
    "odc": "chart",
    "odb": "base",
}


def typed(media_type: str) -> Check:
    """Return a check for an archive whose ``mimetype``, or else the manifest of OpenDocument, has this media type."""
    wanted = media_type.encode()

    def check(source: Source) -> bool:
        if not is_zip(source):
            return False
        found = _read(source, b"mimetype")
        if not found:
            root = _ROOT_OF_MANIFEST.search(_read(source, b"meta-inf/manifest.xml"))
            value = _MEDIA_TYPE.search(root.group()) if root else None
            found = value.group(1) if value else b""
        return found.strip() == wanted

    return check


#: Checks for OpenDocument, by extension.
OPEN_DOCUMENT = {ext: typed(f"application/vnd.oasis.opendocument.{name}") for ext, name in _OPEN_DOCUMENT.items()}
