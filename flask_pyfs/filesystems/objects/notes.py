"""Notes (:attr:`StoreFS.keeps_notes`) in the user metadata of objects.

A copy takes the metadata of its source along, and so do tools that change the content of an object. So a note has a
seal with the one object that it is for. It is encoded, because servers and clients change spaces in metadata; and it
is in pieces, because Swift limits the length of a value.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from itertools import count, takewhile

# characters
_LONGEST = 1000
_PIECE = 256


def require_note(note: str) -> None:
    """Raise ``ValueError`` if a text can be no note."""
    if not (len(note) <= _LONGEST and note.isascii() and note.isprintable()):
        raise ValueError(f"a note has at most {_LONGEST} printable ASCII characters: {note!r}")


def sealed(note: str | None, name: str, *place: str) -> dict[str, str]:
    """Return the metadata of an object with a note; without one, none.

    :param name: the start of the names of the metadata.
    :param place: what tells this write of the object from all others: its bucket, its key, and its mark.
    :raises ValueError: if the text can be no note.
    """
    if note is None:
        return {}
    require_note(note)
    encoded = urlsafe_b64encode(note.encode()).decode()
    # the source of a copy may have had more pieces
    value = f"{_seal(note, place)}.{len(encoded)}.{encoded}"
    return {f"{name}{start // _PIECE + 1}": value[start : start + _PIECE] for start in range(0, len(value), _PIECE)}


def unsealed(metadata: Mapping[str, str], name: str, *place: str) -> str | None:
    """Return the note of an object, or None if it has none, or that of another one.

    :param metadata: the metadata of the object.
    :param name: the start of the names, as for :func:`sealed`, like ``place``.
    """
    pieces = takewhile(bool, (metadata.get(f"{name}{number}") for number in count(1)))
    seal, _, value = "".join(filter(None, pieces)).partition(".")
    length, _, encoded = value.partition(".")
    try:
        note = urlsafe_b64decode(encoded[: int(length)]).decode("ascii")
    except ValueError:
        return None
    return note if seal == _seal(note, place) else None


def _seal(note: str, place: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join((note, *place)).encode()).hexdigest()[:16]
