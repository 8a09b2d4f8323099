"""Plain text, and the formats made of it that have no root element.

Text has no signature. What is refused are bytes that no text has: NUL, unless the text is UTF-16 or UTF-32 with its
byte order mark (Unicode Standard, 23.8), and, in what is not UTF-8, more than a few of the control characters that
fill binary formats.
"""

from __future__ import annotations

import codecs
import re

from .source import Source

_HEAD = 8192
_BOMS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}

# documents that may be of ASCII throughout
_DOCUMENTS = (b"%PDF-", b"{\\rtf")

# tabs, line ends, form feeds, backspaces, the end of file of DOS, and ESC of ISO 2022 are text
_CONTROLS = re.compile(rb"[\x01-\x07\x0e-\x19\x1c-\x1f\x7f]")
_NO_TEXT = re.compile("[\0\ufffe\uffff]")

# comments, as editors and compilers take them in JSON
_COMMENTS = re.compile(r"(?:\s|//[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))*", re.DOTALL)

# a value, also in arrays; NaN and Infinity as Python writes them
_JSON = re.compile(
    r"[\s\[]*(?:\Z|\{\s*[\"}/]|[\"\]]|-?[0-9][0-9.eE+-]*(?=[\s,\]]|\Z)|-?(?:true|false|null|NaN|Infinity)\b)"
)

# the format of NeXT, which is older than that of XML: dictionaries, arrays, texts
_OLD_PLIST = re.compile(r"[{(\"]|\Z")


def decoded(source: Source) -> str | None:
    """Return the first 8 KiB of a text, or None if it is none. What has no known encoding is read as Latin-1."""
    head = source.at(0, _HEAD)
    is_whole = source.size <= _HEAD
    for bom, encoding in _BOMS.items():
        if head.startswith(bom):
            text = _decoded(head, encoding, is_whole)
            return None if text is None or _NO_TEXT.search(text) else text
    if b"\0" in head or head.startswith(_DOCUMENTS):
        return None
    text = _decoded(head, "utf-8", is_whole)
    if text is None and len(_CONTROLS.findall(head)) * 50 <= len(head):
        text = head.decode("latin-1")
    return text


def _decoded(head: bytes, encoding: str, is_whole: bool) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head, is_whole)
    except UnicodeError:
        return None


def is_text(source: Source) -> bool:
    """Tell whether the start is text."""
    return decoded(source) is not None


def is_json(source: Source) -> bool:
    """Tell whether a text begins like a value of JSON (RFC 8259), also in lines of its own, or with comments."""
    return _begins(source, _JSON)


def is_old_plist(source: Source) -> bool:
    """Tell whether a text begins like a property list in the format of NeXT, or in JSON."""
    return _begins(source, _OLD_PLIST)


def _begins(source: Source, pattern: re.Pattern[str]) -> bool:
    text = decoded(source)
    if text is None:
        return False
    comments = _COMMENTS.match(text)
    return pattern.match(text, comments.end() if comments else 0) is not None
