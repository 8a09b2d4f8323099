"""The rule for the names of files.

A name is a relative POSIX path. Every name from an app or a client passes through :func:`normalize` before it is used.
"""

from __future__ import annotations

import re
import unicodedata

from .errors import InvalidPath

__all__ = ["MAX_BYTES", "RESERVED", "is_normal", "is_reserved", "join", "normalize", "normalize_prefix"]

#: The maximum length of a name, in bytes of UTF-8, which is the limit of S3 and Swift.
MAX_BYTES = 1024

#: The prefix of path components that belong to unfinished uploads.
RESERVED = ".flask_pyfs"

_PLAIN = re.compile(r"(?!\.)[A-Za-z0-9_.\-]+(?:/(?!\.)[A-Za-z0-9_.\-]+)*")

# Default_Ignorable_Code_Point of Unicode (DerivedCoreProperties.txt)
_IGNORABLE = (
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

# all that can become a dot at the start, or a tilde, when it is folded
_SUSPECT = re.compile(f"{_IGNORABLE}*[.\u2024\ufe52\uff0e]|.*[~\uff5e]", re.DOTALL)

# the short names that FAT and NTFS give to a reserved one: FLASK_~1, and FL3A7F~1 if these are taken
_SHORT = re.compile(r"fl(?:ask_|[0-9a-f]{4})~[0-9]+[. ]*")


def normalize(name: str) -> str:
    """Return the normal form of a name: in NFC, without a leading slash and without empty or ``.`` components.

    >>> normalize("/photos//./ann.jpg")
    'photos/ann.jpg'
    >>> normalize("../secret")
    Traceback (most recent call last):
    ...
    flask_pyfs.errors.InvalidPath: '../secret' is not a valid file name: it has a '..' component

    :param name: a path relative to the root of a storage; a leading ``/`` stands for the root.
    :raises InvalidPath: if the name is empty or ``.``, has a ``..`` component, a control character, a backslash or a
        surrogate, is reserved for unfinished uploads, or has more than :data:`MAX_BYTES` bytes.
    """
    if not isinstance(name, str):
        raise InvalidPath(f"a file name must be a str, not {type(name).__name__}")
    if len(name) <= MAX_BYTES and _PLAIN.fullmatch(name):
        return name
    return _normalize(name)


def is_plain(name: str) -> bool:
    """Return whether a name is normal and only has ASCII letters, digits and ``_.-/``, without dot files."""
    return len(name) <= MAX_BYTES and _PLAIN.fullmatch(name) is not None


def is_reserved(component: str) -> bool:
    """Return whether a component of a path belongs to unfinished uploads, on any kind of disk.

    Some disks ignore case, or characters without a width, or compare compatible characters as equal, or give each file
    a short name too.

    >>> is_reserved(".flask_pyfs"), is_reserved(".Flask_PYFS-x"), is_reserved("FLASK_~1"), is_reserved("flask_pyfs")
    (True, True, True, False)
    """
    if component.isascii():
        if component[:1] != "." and "~" not in component:
            return False
        folded = component.lower()
    elif _SUSPECT.match(component):
        folded = _folded(component)
    else:
        return False
    return folded.startswith(RESERVED) or _SHORT.fullmatch(folded) is not None


def _folded(text: str) -> str:
    # twice, because each step may make characters that the others change
    for _ in range(2):
        bare = re.sub(_IGNORABLE, "", unicodedata.normalize("NFKD", text))
        text = bare.upper().casefold()
    return unicodedata.normalize("NFKD", text)


def _normalize(name: str) -> str:
    composed = unicodedata.normalize("NFC", name)
    for character in composed:
        # Cc: control characters; Cs: surrogates, which UTF-8 cannot encode
        if character == "\\" or unicodedata.category(character) in ("Cc", "Cs"):
            raise _invalid(name, f"it contains the character {character!r}")
    parts = [part for part in composed.split("/") if part not in ("", ".")]
    if not parts:
        raise _invalid(name, "it has no component")
    if ".." in parts:
        raise _invalid(name, "it has a '..' component")
    if any(map(is_reserved, parts)):
        raise _invalid(name, f"components that start with {RESERVED!r} are reserved for unfinished uploads")
    normal = "/".join(parts)
    if len(normal.encode()) > MAX_BYTES:
        raise _invalid(name, f"it is longer than {MAX_BYTES} bytes")
    return normal


def _invalid(name: str, reason: str) -> InvalidPath:
    shown = name if len(name) <= 80 else name[:77] + "..."
    return InvalidPath(f"{shown!r} is not a valid file name: {reason}", path=name)


def normalize_prefix(prefix: str | None) -> str:
    """Return the normal form of the prefix of a listing. A trailing slash is kept; None and ``/`` give ``''``.

    >>> normalize_prefix("/photos/"), normalize_prefix(None)
    ('photos/', '')

    :raises InvalidPath: see :func:`normalize`.
    """
    if prefix is None or not prefix.strip("/"):
        return ""
    return normalize(prefix) + ("/" if prefix.endswith("/") else "")


def is_normal(name: str) -> bool:
    """Return whether a name is in the form that :func:`normalize` returns."""
    try:
        return normalize(name) == name
    except InvalidPath:
        return False


def join(*parts: str) -> str:
    """Join directories and a name with slashes, without empty parts."""
    return "/".join(stripped for part in parts if (stripped := part.strip("/")))
