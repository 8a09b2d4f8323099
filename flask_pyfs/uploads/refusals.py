"""The errors for uploads that a storage does not take, each with its reason for the person who uploads."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Any

from ..config import Config
from ..errors import FileTooLarge, InvalidPath, UnauthorizedFileType
from ..files import denied_part, extension, has_extension, is_empty
from ..keys import storage_key

#: The sentence for a form in which no file was chosen.
NOTHING_CHOSEN = "Choose a file first."

# more would be no sentence
_MOST_EXTENSIONS = 60

_UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def unnamed(file: Any, storage: str) -> InvalidPath:
    """Return the error for an upload without a name: a form in which no file was chosen, or a name of symbols alone."""
    sent = getattr(file, "filename", None)
    if not sent:
        return InvalidPath(f"storage {storage!r}: a filename is required", storage=storage, user_message=NOTHING_CHOSEN)
    return InvalidPath(
        f"{sent!r} cannot be made the name of a file: it has no letter and no digit",
        storage=storage,
        user_message="The name of the file has no letter and no digit. Rename the file.",
    )


def wrong_type(
    storage: str, name: str, basename: str, extensions: Container[str], config: Config
) -> UnauthorizedFileType:
    """Return the error for an upload whose name has an extension that a storage does not take.

    :param name: the name of the upload.
    :param basename: its last part, which is what was judged.
    :param extensions: those of the storage.
    """
    return UnauthorizedFileType(
        f"storage {storage!r} does not take {basename!r}: files of this type are not allowed",
        path=name,
        storage=storage,
        user_message=_reason(basename, extensions, config["allow"], config["deny"]),
    )


def wrong_media_type(storage: str, name: str, media_type: str) -> UnauthorizedFileType:
    """Return the error for an upload that is not of the media type for which its URL was signed."""
    return UnauthorizedFileType(
        f"storage {storage!r} does not take {name!r}: its URL was signed for {media_type}",
        path=name,
        storage=storage,
        user_message=f"Only files of the media type {media_type} are accepted.",
    )


def _reason(basename: str, extensions: Container[str], allow: Container[str], deny: Container[str]) -> str | None:
    ext = extension(basename)
    denied = denied_part(basename, deny)
    if denied is not None and denied != ext:
        return f"The name of the file must not contain .{denied}. Rename the file."
    known = listed(extensions, allow, deny)
    if known is None:
        is_taken = denied is None and (has_extension(extensions, ext) or has_extension(allow, ext))
    else:
        is_taken = has_extension(known, ext)
    if is_taken:
        # a method of the app refuses it
        return "This file is not accepted."
    if known:
        return f"Only {_all_of(known)} files are accepted."
    # a set such as AllExcept only knows what it does not hold
    return f"{ext} files are not accepted." if known is None and re.fullmatch(r"\w{1,16}", ext) else None


def listed(extensions: Container[str], allow: Container[str], deny: Container[str]) -> list[str] | None:
    """Return the extensions that a storage takes, as they were written; None if one of its sets cannot list its own."""
    found: dict[str, None] = {}
    for each in (extensions, allow):
        if isinstance(each, str):
            each = each.split()
        if is_empty(each):
            continue
        if not isinstance(each, Iterable):
            return None
        # a set has no order
        members = sorted(each) if isinstance(each, (set, frozenset)) else each
        found.update(dict.fromkeys(member.lstrip(".") for member in members if isinstance(member, str)))
    return [ext for ext in found if not (deny and has_extension(deny, ext))]


def _all_of(extensions: list[str]) -> str:
    if len(extensions) > _MOST_EXTENSIONS:
        return f"{', '.join(extensions[:_MOST_EXTENSIONS])} and some other"
    return " and ".join(filter(None, (", ".join(extensions[:-1]), extensions[-1])))


def too_large(storage: str, name: str, max_size: int) -> FileTooLarge:
    """Return the error for an upload with more bytes than MAX_SIZE allows."""
    return FileTooLarge(
        f"storage {storage!r} does not take {name!r}: it is larger than {max_size} bytes, the MAX_SIZE of the "
        f"storage ({storage_key(storage, 'MAX_SIZE')})",
        path=name,
        storage=storage,
        user_message=f"The file is too large: it may have {in_units(max_size)} at most.",
    )


def unmeasured(storage: str, name: str, max_size: int) -> FileTooLarge:
    """Return the error for a request that does not say how long it is, and so may be longer than MAX_SIZE allows."""
    return FileTooLarge(
        f"storage {storage!r} does not take {name!r}: the request has no Content-Length, and at most {max_size} bytes "
        "are taken",
        path=name,
        storage=storage,
        user_message="The file came without its size. Send it in another way.",
    )


def in_units(size: int) -> str:
    """Return a number of bytes as people read it. It is rounded down, so that a file of that size is not too large.

    >>> in_units(20_000_000), in_units(20 * 1024 * 1024), in_units(1500), in_units(999)
    ('20 MB', '20.9 MB', '1.5 kB', '999 bytes')
    """
    for unit, number in _UNITS:
        if size >= number:
            whole, tenths = divmod(size * 10 // number, 10)
            return f"{whole}.{tenths} {unit}" if tenths else f"{whole} {unit}"
    return "1 byte" if size == 1 else f"{size} bytes"
