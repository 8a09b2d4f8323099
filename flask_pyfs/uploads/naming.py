"""Safe names for the files that clients send."""

from __future__ import annotations

import os
import unicodedata

from werkzeug.utils import secure_filename

from ..files import lower_extension

# file systems allow 255 bytes, and save() may add a random part
MAX_BYTES = 200


def client_name(filename: str) -> str:
    """Return a client's file name without directories, safe on any system, with its extension in lower case.

    This is the name that werkzeug's ``secure_filename`` returns, except that letters of other scripts are kept. The
    result has at most 200 bytes, and is empty if the name has no usable character.

    >>> client_name("My Photo.JPG")
    'My_Photo.jpg'
    >>> client_name("../../etc/passwd")
    'etc_passwd'
    >>> client_name("фото.jpg")
    'фото.jpg'

    :param filename: the name that the client sent.
    """
    safe = secure_filename(filename)
    if any(character.isalnum() and not _to_ascii(character) for character in filename):
        base = unicodedata.normalize("NFC", filename).replace("\\", "/").rpartition("/")[2]
        safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in "_".join(base.split())).strip("._")
    stem, ext = os.path.splitext(lower_extension(safe))
    room = max(MAX_BYTES - len(ext.encode()), 0)
    return stem.encode()[:room].decode(errors="ignore") + ext


def _to_ascii(character: str) -> bytes:
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore")
