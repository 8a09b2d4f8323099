"""Safe names for the files that clients send."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from .. import files
from ..names import is_ignorable, without_middle

# file systems allow 255 bytes, and save() may add a random part
MAX_BYTES = 200

# what a name that is cut keeps
_EXTENSION = re.compile(r"(\.tar)?\.[^.]+\Z", re.IGNORECASE)
# in bytes; what is longer is no extension
_LONGEST_EXTENSION = 64

# white space, and what NFKC or a reader takes for a slash
_BLANKS = re.compile("[\\s\uff0f\uff3c\u2044\u2215]+")

# signs inside words that Unicode recommends for identifiers (UAX #31, table 3a)
_MEDIAL = "\u00b7\u05f3\u05f4\u0f0b\u30fb"
_ZWNJ, _ZWJ = "\u200c", "\u200d"
_VIRAMA = 9

# what stands for characters that are left out, until it is known what was around them
_GAP = "\0"

# dashes, and signs like the low line
_DASHES = {"Pd": "-", "Pc": "_"}

_DEVICES = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9])(?![^.])", re.IGNORECASE)


def client_name(filename: str) -> str:
    """Return a client's file name without directories, safe on any system, with its extension in lower case.

    Letters and digits of every script are kept, with their combining marks; white space becomes ``_``, and all else is
    left out but ``_``, ``.`` and ``-``. If no letter is lost by it, they become ASCII, and so the name of an ASCII file
    is that of werkzeug's ``secure_filename``. But only the last component is kept, on any system, whether its separator
    is a slash or a backslash; names of devices of Windows get a ``_``; and where only the extension has usable
    characters, the name is ``file``.

    The result has at most 200 bytes, and is empty if the last component has no usable character.

    >>> client_name("My Photo.JPG"), client_name("My Résumé.pdf")
    ('My_Photo.jpg', 'My_Resume.pdf')
    >>> client_name("../../etc/passwd"), client_name("C:\\\\plans\\\\plan.txt")
    ('passwd', 'plan.txt')
    >>> client_name("фото.jpg"), client_name("हिन्दी.txt"), client_name("🎉.png")
    ('фото.jpg', 'हिन्दी.txt', 'file.png')

    :param filename: the name that the client sent.
    """
    base = filename.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = _usable(unicodedata.normalize("NFC", without_middle(base)))
    # what is left of a long name may have an ASCII form, which may be longer
    for _ in range(2):
        name = unicodedata.normalize("NFC", files.lower_extension(_in_ascii(name)))
        name = _shortened(f"_{name}" if _DEVICES.match(unicodedata.normalize("NFKC", name)) else name)
    return name


def _usable(base: str) -> str:
    marked = _with_gaps(_BLANKS.sub("_", base)).rstrip(f"{_GAP}._")
    head = marked.partition(".")[0]
    bare = marked.replace(_GAP, "").strip("._")
    if files.extension(marked) and ("." not in bare or (head and not head.strip(f"{_GAP}_"))):
        # only the extension is left
        return f"file.{bare}"
    return bare


def _with_gaps(base: str) -> str:
    """Return a name with a gap for each character that is left out."""
    kept: list[str] = []
    for position, given in enumerate(base):
        before = kept[-1] if kept else _GAP
        after = base[position + 1 : position + 2]
        stays = given in "._-" or _is_word(given) or _joins(before, given, after)
        kept.append(given if stays else _DASHES.get(unicodedata.category(given), _GAP))
    return "".join(kept)


@lru_cache(maxsize=4096)
def _is_word(character: str) -> bool:
    """Return whether a character is a letter or a digit, also to what takes compatible characters for the same."""
    if character.isascii():
        return character.isalnum()
    # some compatible forms have dots, slashes and brackets: ⒈ ½ ⑴
    forms = (character, *unicodedata.normalize("NFKC", character))
    return unicodedata.category(character)[0] in "LN" and all(
        unicodedata.category(form)[0] in "LMN" and not is_ignorable(form) for form in forms
    )


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc") and not is_ignorable(character)


def _is_in_word(character: str) -> bool:
    return _is_word(character) or _is_mark(character)


def _joins(before: str, character: str, after: str) -> bool:
    """Return whether a character that is no letter belongs to a word: a mark, or a sign inside it."""
    if not _is_in_word(before):
        return False
    if _is_mark(character):
        return True
    if not (after and _is_word(after)):
        return False
    if character in (_ZWNJ, _ZWJ) and unicodedata.combining(before) == _VIRAMA:
        return True
    if character == _ZWNJ:
        # between Arabic letters (UAX #31, A1)
        return {unicodedata.bidirectional(before), unicodedata.bidirectional(after)} <= {"AL", "NSM"}
    return character in _MEDIAL


def _in_ascii(name: str) -> str:
    """Return a name in ASCII if none of its letters and digits is lost by it."""
    if name.isascii() or not all(_to_ascii(character) for character in name if _is_word(character)):
        return name
    return _to_ascii(name).decode()


def _to_ascii(text: str) -> bytes:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore")


def _shortened(name: str) -> str:
    if len(name.encode()) <= MAX_BYTES:
        return name
    found = _EXTENSION.search(name)
    dotted = found[0] if found and len(found[0].encode()) <= _LONGEST_EXTENSION else ""
    stem = name.removesuffix(dotted)
    cut = len(stem.encode()[: MAX_BYTES - len(dotted.encode())].decode(errors="ignore"))
    end = cut
    while end and _continues(stem[end - 1], stem[end]):
        end -= 1
    # a letter with more marks than there is room for keeps some of them
    return stem[: end or cut].rstrip(f"._{_MEDIAL}{_ZWNJ}{_ZWJ}") + dotted


def _continues(before: str, character: str) -> bool:
    """Return whether a character is part of the same cluster as the one before it."""
    joiners = (_ZWNJ, _ZWJ)
    return _is_mark(character) or character in joiners or before in joiners or unicodedata.combining(before) == _VIRAMA
