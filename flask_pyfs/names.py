"""The one rule for the names of files.

A name is a relative POSIX path. Every name that an app or a client gives passes through :func:`normalize` before
anything is touched.
"""

from __future__ import annotations

import re
import unicodedata

from .errors import InvalidPath

__all__ = ["MAX_BYTES", "RESERVED", "is_normal", "join", "normalize", "normalize_prefix"]

#: The longest name, in bytes of UTF-8: the limit of S3 keys and of Swift objects.
MAX_BYTES = 1024

#: Path components that start with this belong to unfinished uploads.
RESERVED = ".flask_pyfs"

_PLAIN = re.compile(r"(?!\.)[A-Za-z0-9_.\-]+(?:/(?!\.)[A-Za-z0-9_.\-]+)*")


def normalize(name: str) -> str:
    """Return the name as it is stored: no leading slash, no empty or ``.`` components, NFC.

    :param name: a path relative to the root of a storage; a leading ``/`` means that root.
    :raises InvalidPath: for an empty name, ``.``, a ``..`` component, NUL and other control characters,
        backslashes, text that is not Unicode, the names of unfinished uploads, and more than
        :data:`MAX_BYTES` bytes.
    """
    if not isinstance(name, str):
        raise InvalidPath(f"a file name must be a str, not {type(name).__name__}")
    if len(name) <= MAX_BYTES and _PLAIN.fullmatch(name):
        return name
    return _normalize(name)


def is_plain(name: str) -> bool:
    """Whether a name is certainly normal, of plain ASCII characters, and without a part that starts with a dot."""
    return len(name) <= MAX_BYTES and _PLAIN.fullmatch(name) is not None


def _normalize(name: str) -> str:
    composed = unicodedata.normalize("NFC", name)
    for character in composed:
        # Cc: control characters; Cs: surrogates, which cannot be encoded
        if character == "\\" or unicodedata.category(character) in ("Cc", "Cs"):
            raise _invalid(name, f"it contains the character {character!r}")
    parts = [part for part in composed.split("/") if part not in ("", ".")]
    if not parts:
        raise _invalid(name, "it names no file")
    if ".." in parts:
        raise _invalid(name, "it has a '..' component")
    if any(part.startswith(RESERVED) for part in parts):
        raise _invalid(name, f"names that start with {RESERVED!r} are kept for unfinished uploads")
    normal = "/".join(parts)
    if len(normal.encode()) > MAX_BYTES:
        raise _invalid(name, f"it is longer than {MAX_BYTES} bytes")
    return normal


def _invalid(name: str, reason: str) -> InvalidPath:
    shown = name if len(name) <= 80 else name[:77] + "..."
    return InvalidPath(f"{shown!r} is not a valid file name: {reason}", path=name)


def normalize_prefix(prefix: str | None) -> str:
    """Return the prefix of names that a listing asks for; a trailing slash is kept, None and ``/`` mean all.

    :raises InvalidPath: as :func:`normalize` does.
    """
    if prefix is None or not prefix.strip("/"):
        return ""
    return normalize(prefix) + ("/" if prefix.endswith("/") else "")


def is_normal(name: str) -> bool:
    """Whether :func:`normalize` accepts the name and leaves it as it is."""
    try:
        return normalize(name) == name
    except InvalidPath:
        return False


def join(*parts: str) -> str:
    """Put directories in front of a name; empty ones are left out."""
    return "/".join(stripped for part in parts if (stripped := part.strip("/")))
