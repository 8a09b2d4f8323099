"""Sets of file extensions, and the media types of file names."""

from __future__ import annotations

import os.path
import re
import unicodedata
from collections.abc import Collection, Container, Iterable
from typing import overload

from .mediatypes import TYPES

__all__ = [
    "ALL",
    "ARCHIVES",
    "AUDIO",
    "DATA",
    "DEFAULTS",
    "DOCUMENTS",
    "EXECUTABLES",
    "IMAGES",
    "NONE",
    "SCRIPTS",
    "TEXT",
    "VIDEO",
    "All",
    "AllExcept",
    "DisallowAll",
]

#: Plain text.
TEXT = ["txt"]

#: Office documents, without the formats of today's Office that can contain macros (``docm``…), and PDF.
DOCUMENTS = [
    *("rtf", "odf", "odt", "ods", "odp", "odg", "gnumeric", "abw"),
    *("doc", "docx", "xls", "xlsx", "pptx", "pdf"),
]

#: Images that browsers display.
IMAGES = ["jpg", "jpe", "jpeg", "png", "gif", "svg", "bmp", "webp", "avif"]

#: Films, as cameras, phones and encoders write them.
VIDEO = ["mp4", "m4v", "webm", "ogv", "mov", "mkv", "avi", "3gp"]

#: Sound.
AUDIO = ["wav", "mp3", "aac", "ogg", "oga", "flac"]

#: Structured data.
DATA = ["csv", "ini", "json", "plist", "xml", "yaml", "yml"]

#: Scripts. A web server that runs one of these languages must not have such files below its document root.
SCRIPTS = ["js", "php", "pl", "py", "rb", "sh", "bat"]

#: Archives and compressed files.
ARCHIVES = ["gz", "bz2", "zip", "tar", "tgz", "txz", "7z"]

#: Programs and shared libraries; meant for :class:`AllExcept`.
EXECUTABLES = ["so", "exe", "dll"]

#: The default of a storage: text, documents, images and data.
DEFAULTS = TEXT + DOCUMENTS + IMAGES + DATA


class All:
    """The set of all extensions. :data:`ALL` is an instance.

    >>> "exe" in All()
    True
    """

    def __contains__(self, item: object) -> bool:
        return True


class DisallowAll:
    """The empty set of extensions. :data:`NONE` is an instance.

    >>> "txt" in DisallowAll()
    False
    """

    def __contains__(self, item: object) -> bool:
        return False


class AllExcept:
    """The set of all extensions except some.

    >>> safe = AllExcept(SCRIPTS + EXECUTABLES)
    >>> "pdf" in safe, "php" in safe, "PHP" in safe
    (True, False, False)

    :param items: the excluded extensions; case does not matter.
    """

    def __init__(self, items: Container[str]) -> None:
        self.items = items

    def __contains__(self, item: object) -> bool:
        return isinstance(item, str) and not has_extension(self.items, item)


#: Every extension.
ALL = All()

#: No extension. A storage with it only takes the extensions of its ALLOW setting.
NONE = DisallowAll()


def has_extension(extensions: Container[str], ext: str) -> bool:
    """Return whether a set of extensions contains an extension; case does not matter.

    >>> has_extension(["jpg", ".PNG"], "png")
    True

    :param extensions: a list, a set, another container, or a str with extensions separated by spaces.
    :param ext: the extension, without its dot.
    """
    if isinstance(extensions, str):
        extensions = extensions.split()
    if not isinstance(extensions, Iterable):
        return ext.lower() in extensions
    wanted = ext.casefold()
    return wanted in [known.lstrip(".").casefold() for known in extensions if isinstance(known, str)]


def is_empty(extensions: Container[str]) -> bool:
    """Return whether a set of extensions is known to be empty."""
    return isinstance(extensions, DisallowAll) or (isinstance(extensions, Collection) and not extensions)


def only_images(extensions: Container[str], allowed: Container[str] = ()) -> bool:
    """Return whether a set of extensions holds some, and only those of images.

    :param extensions: a list, a set, or one str with the extensions separated by spaces. A set that cannot list its
        extensions, such as :data:`ALL`, holds others.
    :param allowed: decides instead if the first set holds none.
    """
    known = extensions.split() if isinstance(extensions, str) else extensions
    if is_empty(known):
        known = allowed
    return isinstance(known, Collection) and bool(known) and all(map(_is_image, known))


def _is_image(ext: str) -> bool:
    return mime(f"x.{ext.lstrip('.').lower()}", "").startswith("image/")


def denied_part(basename: str, denied: Container[str]) -> str | None:
    """Return the first dotted part of a name that is in a set of denied extensions, or None.

    Web servers may act on any part (Apache's AddHandler runs ``x.php.jpg``), strip white space, or end a part at an
    unexpected character. So each part is compared whole, stripped, and up to its first such character.
    """
    if not denied:
        return None
    for part in unicodedata.normalize("NFKC", basename).casefold().split(".")[1:]:
        run = re.match(r"\s*(\w*)", part)
        for form in {part, part.strip(), run.group(1) if run else ""}:
            if form and has_extension(denied, form):
                return form
    return None


def extension(filename: str) -> str:
    """Return the extension of a name in lower case, without its dot; ``''`` if there is none.

    >>> extension("My Photo.JPG"), extension("backup.tar.gz"), extension("README")
    ('jpg', 'gz', '')
    """
    # as os.path.splitext finds it, in half the time
    stem, _, ext = os.fspath(filename).rpartition("/")[2].rpartition(".")
    return ext.lower() if stem.strip(".") else ""


def lower_extension(filename: str) -> str:
    """Return a name with its extension in lower case.

    >>> lower_extension("My Photo.JPG")
    'My Photo.jpg'
    """
    main, ext = os.path.splitext(filename)
    return main + ext.lower()


@overload
def mime(filename: str, default: str) -> str: ...


@overload
def mime(filename: str, default: None = None) -> str | None: ...


def mime(filename: str, default: str | None = None) -> str | None:
    """Return the media type of a file name, or the default if the type is unknown.

    Only the table :data:`flask_pyfs.mediatypes.TYPES` decides, so the answer is the same on every machine. A compressed
    file has the type of its compression.

    >>> mime("photos/ann.png"), mime("backup.tar.gz")
    ('image/png', 'application/gzip')
    >>> mime("README", "application/octet-stream")
    'application/octet-stream'
    """
    return TYPES.get(extension(filename), default)
