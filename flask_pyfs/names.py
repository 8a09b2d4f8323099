"""The rule for the names of files.

A name is a relative POSIX path. A new file gets the normal form of its name: :func:`normalize`. Files that other tools
stored may have other names, so each operation tries the :func:`spellings` of the name that it is given. Every name from
an app or a client passes through one of these functions, or :func:`given`, before it is used.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

from .errors import InvalidPath

__all__ = [
    "MAX_BYTES",
    "RESERVED",
    "Exact",
    "Reserved",
    "collapse",
    "given",
    "is_ignorable",
    "is_normal",
    "is_plain",
    "is_refused",
    "is_reserved",
    "join",
    "last_parts",
    "may_be_reserved",
    "normal_form",
    "normalize",
    "normalize_prefix",
    "prefixes",
    "signed",
    "spellings",
    "stored_as",
    "uploaded",
    "visible",
    "without_middle",
]

#: The maximum length of the name of a new file, in bytes of UTF-8, which is the limit of S3 and Swift.
MAX_BYTES = 1024

# that of a path in Linux: a disk, or MongoDB, may hold files with longer names than a new one may have
_LONGEST = 4096

#: The prefix of path components that belong to unfinished uploads.
RESERVED = ".flask_pyfs"

_PLAIN = re.compile(rf"(?!.{{{MAX_BYTES + 1}}})(?!\.)[A-Za-z0-9_.\-]+(?:/(?!\.)[A-Za-z0-9_.\-]+)*")

_TOO_LONG = "The name of the file is too long. Choose a shorter one."

# in characters, of a name that a client sent
_HALF = 256

# what no new name may have: the backslash, control characters (Cc), and surrogates (Cs), which UTF-8 cannot encode
_ODD = re.compile("[\\\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")

# what no file on any system has; other surrogates stand for bytes that are not UTF-8 (PEP 383)
_NEVER = re.compile("[\x00\ud800-\udc7f\udd00-\udfff]")

# Default_Ignorable_Code_Point of Unicode (DerivedCoreProperties.txt)
_IGNORABLE = (
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

_ONE_IGNORABLE = re.compile(_IGNORABLE)

# printable ASCII without a backslash and a tilde, and letters and marks of scripts that are often seen: none is
# ignorable, folds to a dot, a slash or a tilde, or composes to anything else
_LETTER = (
    r"[ -.0-\[\]-}\xc0-\u024f\u0300-\u034e\u0350-\u036f\u0370-\u052f\u05d0-\u05ea\u0621-\u064a\u0900-\u0dff"
    r"\u0e01-\u0e5b\u3041-\u30ff\u4e00-\u9fff\uac00-\ud7a3]"
)

# all that can become a dot at the start, or a tilde, when it is folded
_SUSPECT = re.compile(f"{_IGNORABLE}*[.\u2024\ufe52\uff0e]|.*[~\uff5e]", re.DOTALL)

#: Finds a dot at the start of a component, a tilde, or what is not ASCII. A path without them has no reserved
#: component, and needs no call of :func:`has_reserved`.
may_be_reserved: Callable[[str], re.Match[str] | None] = re.compile(r"(?:\A|/)\.|[^\x00-}\x7f]").search

# the short names that FAT and NTFS give to a reserved one: FLASK_~1, and FL3A7F~1 if these are taken
_SHORT = re.compile(r"fl(?:ask_|[0-9a-f]{4})~[0-9]+[. ]*")


class Exact(str):
    """A name that means exactly this key: no other spelling is tried."""


class Reserved(str):
    """A path under a reserved name, which the verbs of a store take: for what the package stores beside the files."""

    @classmethod
    def of(cls, prefix: str, digest: str) -> Reserved:
        """Return the path of a reserved name below a PREFIX."""
        return cls(f"{prefix}/{RESERVED}/{digest}" if prefix else f"{RESERVED}/{digest}")


def normalize(name: str) -> str:
    """Return the normal form of a name: in NFC, without a leading slash and without empty or ``.`` components.

    >>> normalize("/photos//./ann.jpg")
    'photos/ann.jpg'
    >>> normalize("../secret")
    Traceback (most recent call last):
    ...
    flask_pyfs.errors.InvalidPath: '../secret' is not a valid file name: it has a '..' component

    :param name: a path relative to the root of a storage; a leading ``/`` stands for the root.
    :raises InvalidPath: as :func:`given` does; or if the name has a control character, a backslash or a surrogate, or
        more than :data:`MAX_BYTES` bytes. No new file can have such a name.
    """
    if is_plain(name):
        # not of a subclass
        return str(name)
    if isinstance(name, str) and _lettered()(name):
        # what is composed already stays the same object
        composed = str(unicodedata.normalize("NFC", name))
        if len(composed.encode()) <= MAX_BYTES:
            return composed
    return _normalize(given(name))


def given(name: str) -> str:
    """Return a name as it is, if a file may have it that this package or another tool stored. Makes no request.

    >>> given("photos//ann.jpg")
    'photos//ann.jpg'

    :raises InvalidPath: if the name is empty or ``.``, has a ``..`` component (between slashes or backslashes), has a
        NUL, is reserved for unfinished uploads, has more than 4,096 bytes, or has a surrogate that stands for no byte.
    """
    if not isinstance(name, str):
        raise InvalidPath(f"a file name must be a str, not {type(name).__name__}")
    if not _PLAIN.fullmatch(name) and not _lettered()(name):
        _refuse(name)
    return name


def spellings(name: str) -> tuple[str, ...]:
    """Return the names that a file may have which is meant by a name, in the order in which they are tried.

    A name that is not in normal form is tried as it is, and then in normal form. A name in normal form is tried in NFC,
    and then in NFD, in which some disks keep it. An ASCII name in normal form has no other spelling.

    >>> spellings("photos/ann.jpg"), spellings("photos//ann.jpg")
    (('photos/ann.jpg',), ('photos//ann.jpg', 'photos/ann.jpg'))

    :raises InvalidPath: as :func:`given` does.
    """
    if is_plain(name):
        return (str(name),)
    given(name)
    if isinstance(name, Exact):
        return (str(name),)
    # no file has a name that ends with a slash
    exact, normal = name.rstrip("/"), normal_form(name)
    if normal is None:
        return (exact,)
    decomposed = unicodedata.normalize("NFD", normal)
    known = (exact, normal) if len(decomposed.encode()) > MAX_BYTES else (exact, normal, decomposed)
    return tuple(dict.fromkeys(known))


def signed(name: str) -> tuple[str, ...]:
    """Return the spellings that a signed URL of a name opens: exactly this one and, of a name in NFC, its NFD.

    >>> signed("photos//ann.jpg")
    ('photos//ann.jpg',)
    """
    found = spellings(name)
    return found if found[0] == normal_form(name) else found[:1]


def normal_form(name: str) -> str | None:
    """Return the normal form of a name, or None if it has none."""
    try:
        return normalize(name)
    except InvalidPath:
        return None


def stored_as(name: str) -> str:
    """Return the normal form of a name, or the name itself if it has none, so that only an old file can have it."""
    return normal_form(name) or name


def is_plain(name: str) -> bool:
    """Return whether a name is normal and only has ASCII letters, digits and ``_.-/``, without dot files."""
    return isinstance(name, str) and _PLAIN.fullmatch(name) is not None


def has_reserved(path: str) -> bool:
    """Return whether a component of a path is reserved.

    >>> has_reserved("a/.flask_pyfs/b"), has_reserved("a/b")
    (True, False)
    """
    return may_be_reserved(path) is not None and any(map(is_reserved, path.split("/")))


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


def is_ignorable(character: str) -> bool:
    """Return whether a character has no width, so that a reader does not see it and some disks ignore it."""
    return _ONE_IGNORABLE.fullmatch(character) is not None


def _folded(text: str) -> str:
    # twice, because each step may make characters that the others change
    for _ in range(2):
        bare = re.sub(_IGNORABLE, "", unicodedata.normalize("NFKD", text))
        text = bare.upper().casefold()
    return unicodedata.normalize("NFKD", text)


@cache
def _lettered() -> Callable[[str], re.Match[str] | None]:
    """Return what matches names of which nothing is refused, and that only NFC changes, if they are not too long."""
    # it takes milliseconds to compile, and not every app has such names
    return re.compile(rf"(?!.{{{MAX_BYTES + 1}}})(?!\.){_LETTER}+(?:/(?!\.){_LETTER}+)*").fullmatch


def _refuse(name: str) -> None:
    if len(name.encode(errors="surrogatepass")) > _LONGEST:
        raise _invalid(name, f"it is longer than {MAX_BYTES} bytes", _TOO_LONG)
    if never := _NEVER.search(name):
        raise _invalid(name, f"it contains the character {never[0]!r}")
    # some tools take a backslash for a separator, or compatible characters for their ASCII ones
    for text in (name,) if name.isascii() else (name, _folded(name)):
        parts = text.replace("\\", "/").split("/")
        if ".." in parts:
            raise _invalid(name, "it has a '..' component")
        if any(map(is_reserved, parts)):
            raise _invalid(name, f"components that start with {RESERVED!r} are reserved for unfinished uploads")
    if all(part in ("", ".") for part in name.split("/")):
        raise _invalid(name, "it has no component")


def _normalize(name: str) -> str:
    composed = unicodedata.normalize("NFC", name)
    if odd := _ODD.search(composed):
        raise _invalid(name, f"no new file can have the character {odd[0]!r}")
    normal = "/".join(part for part in composed.split("/") if part not in ("", "."))
    if len(normal.encode()) > MAX_BYTES:
        raise _invalid(name, f"no new file can have a name longer than {MAX_BYTES} bytes", _TOO_LONG)
    return normal


def _invalid(name: str, reason: str, user_message: str | None = None) -> InvalidPath:
    shown = name if len(name) <= 80 else name[:77] + "..."
    return InvalidPath(f"{shown!r} is not a valid file name: {reason}", path=name, user_message=user_message)


def normalize_prefix(prefix: str | None) -> str:
    """Return the normal form of a prefix. A trailing slash is kept; None and ``/`` give ``''``.

    >>> normalize_prefix("/photos/"), normalize_prefix(None)
    ('photos/', '')

    :raises InvalidPath: see :func:`normalize`.
    """
    if prefix is None or not prefix.strip("/"):
        return ""
    return normalize(prefix) + ("/" if prefix.endswith("/") else "")


def prefixes(prefix: str | None) -> tuple[str, ...]:
    """Return the starts of the names that a listing of a prefix shows: the prefix in each of its spellings.

    >>> prefixes("photos/"), prefixes("/photos"), prefixes("photos//")
    (('photos/',), ('/photos', 'photos'), ('photos/',))

    :raises InvalidPath: as :func:`given` does.
    """
    if prefix is None or not prefix.strip("/"):
        return ("",)
    if is_plain(prefix.removesuffix("/")):
        return (prefix,)
    end = "/" if prefix.endswith("/") else ""
    found = dict.fromkeys((prefix, *(f"{spelling}{end}" for spelling in spellings(prefix))))
    # what starts with one of them is listed with that one
    return tuple(each for each in found if not any(each != other and each.startswith(other) for other in found))


def is_refused(name: str) -> bool:
    """Return whether :func:`given` refuses a name."""
    try:
        given(name)
    except InvalidPath:
        return True
    return False


def is_normal(name: str) -> bool:
    """Return whether a name is in the form that :func:`normalize` returns."""
    try:
        return normalize(name) == name
    except InvalidPath:
        return False


def collapse(name: str) -> str:
    """Return the name of the same file in a directory of a disk: without a leading slash, and empty or ``.`` components
    in between. A slash at the end is kept.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return "/".join(parts) + ("/" if parts and name.endswith("/") else "")


def uploaded(name: str) -> str:
    """Return the name of an upload, as :func:`given` does, without the slashes and ``.`` components at its end: no file
    is called so.

    >>> uploaded("photos//ann.jpg/./")
    'photos//ann.jpg'
    """
    if isinstance(name, str) and _PLAIN.fullmatch(name):
        return name
    # a regular expression looks for the end at each slash
    bare = given(name).rstrip("/")
    while bare.endswith("/."):
        bare = bare[:-2].rstrip("/")
    return bare


def last_parts(name: str) -> tuple[str, ...]:
    """Return the last part of the name of an upload, in each form that may show an extension: a control character hides
    none.
    """
    if _PLAIN.fullmatch(name):
        return (name.rpartition("/")[2],)
    basename = stored_as(name).rpartition("/")[2]
    return tuple(dict.fromkeys((basename, visible(basename, ""))))


def without_middle(name: str) -> str:
    """Return what a client sent as a name, without its middle if it is longer than any name of a file.

    To normalize a text takes quadratic time where marks follow each other, and some clients send 500 kB of them.
    """
    return name if len(name) <= 2 * _HALF else name[:_HALF] + name[-_HALF:]


def visible(name: str, instead: str = "_") -> str:
    """Return a name with something else in place of each backslash, control character and surrogate."""
    return _ODD.sub(instead, name)


def join(*parts: str) -> str:
    """Join directories and a name with slashes, without empty parts."""
    return "/".join(stripped for part in parts if (stripped := part.strip("/")))
