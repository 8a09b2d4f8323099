"""Names of files for people: what a client calls its file, and what a browser saves a file as."""

from __future__ import annotations

import os
import re
import unicodedata
from urllib.parse import quote, unquote

from .files import extension
from .names import visible, without_middle

__all__ = ["MAX_BYTES", "attachment", "display_name", "name_in", "saved_name"]

#: The maximum length of a display name, in bytes of UTF-8: what file systems allow.
MAX_BYTES = 255

# the embeddings, overrides and isolates of Unicode's bidirectional algorithm show "fdp.exe" as "exe.pdf"
_BIDI = "\u202a-\u202e\u2066-\u2069"
_HIDDEN = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{_BIDI}\ud800-\udfff]")

# RFC 6266, appendix D: some browsers decode "%41" in the parameter filename, and some mistake a backslash
_MISREAD = re.compile(r'["\\/]|%(?=[0-9A-Fa-f]{2})')

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

_ATTACHMENT = re.compile(r"""attachment; filename=("[^"]*"|[^";]*)(?:; filename\*=UTF-8''(.*))?""")

# what ends or splits a name on Windows
_WINDOWS = re.compile(r'[:*?"<>|]')


def display_name(name: str | None) -> str | None:
    """Return the name that a client gave its file, as it may be shown: the last component, whichever separator the
    client uses, in NFC, without control characters and the marks that reverse text. None if nothing is left.

    It has at most 255 bytes; a longer one is cut before its extension.

    >>> display_name("C:\\\\Users\\\\Ann\\\\Bericht 2026.pdf")
    'Bericht 2026.pdf'
    """
    if not name:
        return None
    last = re.split(r"[/\\]", _HIDDEN.sub("", name))[-1].strip()
    last = unicodedata.normalize("NFC", without_middle(last))
    if last in ("", ".", ".."):
        return None
    stem, ext = os.path.splitext(last)
    room = MAX_BYTES - len(ext.encode())
    if room <= 0:
        stem, ext, room = last, "", MAX_BYTES
    return stem.encode()[:room].decode(errors="ignore") + ext


def saved_name(asked: str, stored: str, *, trusted: bool) -> str:
    """Return the name under which a browser saves a file.

    :param asked: the name that is asked for; ``'1'`` for that of the file.
    :param stored: the name of the file.
    :param trusted: whether the app itself asks. The extension of another name must be that of the file, which is
        appended if it is not: nobody can make a browser save ``a.txt`` as ``a.exe``.
    """
    own = stored.rpartition("/")[2]
    name = display_name(asked)
    if asked == "1" or name is None:
        return own
    if trusted:
        return name
    # Windows drops these at the end
    name, ext = _WINDOWS.sub("_", name).rstrip(". "), extension(own)
    plain = unicodedata.normalize("NFKC", name).rstrip(". ")
    if plain and {extension(name), _ending(plain)} == {ext}:
        return name
    return display_name(f"{name}.{ext}") or own if name and ext else own


def _ending(name: str) -> str:
    # also that of ".exe", before which a program may put a name
    return name.lower().rpartition(".")[2] if "." in name else ""


def attachment(name: str) -> str:
    """Return the Content-Disposition that makes a browser save a file under its name (RFC 6266, section 4.3).

    No control character reaches it, no mark that reverses text, and no backslash, which ends a directory on some
    systems. ``filename`` is in ASCII, and has nothing that some browsers misread (appendix D); what it lacks is in
    ``filename*``.
    """
    basename = _HIDDEN.sub("_", visible(name.rpartition("/")[2]))
    plain = unicodedata.normalize("NFKD", basename).encode("ascii", "ignore").decode()
    stem, ext = os.path.splitext(_MISREAD.sub("_", plain))
    if stem.startswith(".") and not ext and not basename.startswith("."):
        # only the extension of the name is ASCII
        stem, ext = "", stem
    plain = (stem if stem.strip(". ") else "download") + ext
    disposition = f"attachment; filename={plain}" if _TOKEN.fullmatch(plain) else f'attachment; filename="{plain}"'
    if plain != basename:
        # the encoding of RFC 8187
        disposition += f"; filename*=UTF-8''{quote(basename, safe='')}"
    return disposition


def name_in(disposition: str) -> str:
    """Return the name that :func:`attachment` has put into a Content-Disposition."""
    match = _ATTACHMENT.fullmatch(disposition)
    return unquote(match[2] or "") or match[1].strip('"') if match else ""
