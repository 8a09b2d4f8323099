"""The name that a client gives its upload, made safe."""

from __future__ import annotations

import os
import unicodedata

from werkzeug.utils import secure_filename

from .files import lower_extension

__all__ = ["client_name"]

#: A client's name is cut to so many bytes; file systems take 255, and a random part may be added.
LONGEST = 200


def client_name(filename: str) -> str:
    """Return a file name without directories that is safe on any system, its extension in lower case.

    It is what werkzeug's ``secure_filename`` makes of it, unless that would drop letters: a name in another script
    keeps them. It may be empty.
    """
    safe = secure_filename(filename)
    if any(character.isalnum() and not _to_ascii(character) for character in filename):
        base = unicodedata.normalize("NFC", filename).replace("\\", "/").rpartition("/")[2]
        safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in "_".join(base.split())).strip("._")
    stem, ext = os.path.splitext(lower_extension(safe))
    room = max(LONGEST - len(ext.encode()), 0)
    return stem.encode()[:room].decode(errors="ignore") + ext


def _to_ascii(character: str) -> bytes:
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore")
