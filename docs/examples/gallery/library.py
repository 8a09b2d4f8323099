"""The photos of the gallery: how they are stored, listed, made small, deleted and brought back."""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from flask import current_app
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.uploads import client_name

try:
    from flask_pyfs import images
except ImportError:
    # without Pillow the page shows the images themselves
    images = None  # type: ignore[assignment]

photos = fs.Storage("photos", fs.IMAGES)
thumbnails = fs.Storage("thumbnails", fs.IMAGES)

PHOTOS_PER_PAGE = 60
THUMBNAIL_PIXELS = 480
PIECE = 1 << 16

# deleted photos are here for a while; what a client uploads has no directory, so no new photo can get here
DELETED = ".deleted/"
KEPT_SECONDS = 60 * 60
UPLOAD_SECONDS = 60 * 60


def store(file: FileStorage) -> str:
    """Store an upload, and return its name.

    If another photo has that name, a part is added to it that the content gives. So what is sent again, because the
    answer to the first request was lost, is there once.
    """
    try:
        return photos.save(file)
    except fs.FileExists as taken:
        name = str(taken.path)
    with photos.open(name, "rb") as stored:
        if pieces_are_equal(stored, file):
            return name
    file.seek(0)
    digest = hashlib.sha256()
    for piece in pieces_of(file):
        digest.update(piece)
    file.seek(0)
    stem, ext = os.path.splitext(name)
    name = f"{stem}-{digest.hexdigest()[:16]}{ext}"
    with suppress(fs.FileExists):
        photos.save(file, name)
    return name


def agree(sent: str, is_one_of_many: bool) -> fs.UploadURL:
    """Return where a client may send a photo, which keeps its name unless that is taken.

    :param sent: what the client calls it.
    :param is_one_of_many: whether the client sends others of that name at the same time.
    """
    # a name without a letter becomes an empty one, and check says so
    name = client_name(sent) or photos.check(FileStorage(filename=sent), "")
    agreed = functools.partial(photos.resumable_url, name, expires=UPLOAD_SECONDS, original_name=sent)
    target = agreed(unique=is_one_of_many)
    is_taken = not is_one_of_many and photos.exists(target.name)
    return agreed(unique=True) if is_taken else target


def pieces_of(file: Any) -> Iterator[bytes]:
    return iter(lambda: file.read(PIECE), b"")


def pieces_are_equal(one: Any, other: Any) -> bool:
    other.seek(0)
    # photos that differ do so in their first piece
    return all(first == second for first, second in itertools.zip_longest(pieces_of(one), pieces_of(other)))


# Listing


def _time_of(entry: fs.Entry) -> float:
    return (entry.modified or datetime.min.replace(tzinfo=timezone.utc)).timestamp()


def _natural(entry: fs.Entry) -> list[Any]:
    # 2.jpg comes before 10.jpg
    return [int(part) if part.isdecimal() else part.casefold() for part in re.split(r"(\d+)", entry.name)]


ORDERS = {
    "newest": lambda entry: (-_time_of(entry), entry.name),
    "oldest": lambda entry: (_time_of(entry), entry.name),
    "name": _natural,
}


@dataclass(frozen=True)
class Page:
    """A page of the listing: the ``number``-th of ``count``. ``total`` is the number of all photos."""

    entries: list[fs.Entry]
    number: int
    count: int
    total: int

    @property
    def first(self) -> int:
        return (self.number - 1) * PHOTOS_PER_PAGE + 1

    @property
    def numbers(self) -> list[int | None]:
        """The pages to link: the first, the last, and those around this one; None where some are left out."""
        near = {1, self.count, *range(max(1, self.number - 1), min(self.count, self.number + 1) + 1)}
        found: list[int | None] = []
        for number in sorted(near):
            if found and number - 1 not in near:
                found.append(None)
            found.append(number)
        return found


def page_of(order: str, number: int) -> Page:
    """Return a page of the photos; the last one if there are not as many.

    A storage has no index by date, so each page lists all photos, with their sizes and times. On S3 that takes one
    request for each 1,000 photos. A page of 100,000 photos costs 100 requests there, and two to three seconds of CPU
    time anywhere: an app with as many keeps what it lists in a database.
    """
    shown = (entry for entry in photos.entries() if not entry.name.startswith(DELETED))
    entries = sorted(shown, key=ORDERS[order])
    count = max(1, -(-len(entries) // PHOTOS_PER_PAGE))
    number = min(number, count)
    return Page(entries[(number - 1) * PHOTOS_PER_PAGE : number * PHOTOS_PER_PAGE], number, count, len(entries))


# Thumbnails


def make_thumbnail(name: str) -> bool:
    """Make the thumbnail of a photo, and return whether there is one now."""
    if images is None:
        return False
    try:
        version = photos.version(name)
        with photos.open(name, "rb") as photo:
            thumbnails.write(name, images.resize(photo, THUMBNAIL_PIXELS), overwrite=True)
        if photos.exists(name) and photos.version(name) == version:
            return True
        # the photo was deleted or replaced meanwhile
        thumbnails.delete(name)
    except (fs.FileNotFound, fs.InvalidPath, fs.UnauthorizedFileType):
        pass  # such as SVG, which browsers scale themselves
    except fs.FSError:
        current_app.logger.exception("%r has no thumbnail", name)
    return False


# Deleting


def delete(name: str) -> str:
    """Delete a photo so that it can be brought back for a while, and return its name until then.

    It is moved to where no page shows it, under a name that nobody else can guess. The store does that itself: the
    bytes do not pass through the app. Each deletion sweeps what was kept long enough before.
    """
    kept = f"{DELETED}{time.time():.0f}-{secrets.token_hex(8)}/{name}"
    photos.move(name, kept)
    # the photo is deleted now, whatever becomes of the rest
    with logged(f"the thumbnail of {name!r} was not deleted"):
        thumbnails.delete(name)
    with logged("what was deleted before was not swept"):
        sweep()
    return kept


def bring_back(kept: str) -> str:
    """Undo a deletion, and return the name of the photo, which has a random part if another photo has its name now."""
    found = re.fullmatch(f"({re.escape(DELETED)}[0-9]+-[0-9a-f]{{16}})/(.+)", kept)
    if found is None:
        raise fs.FileNotFound(f"{kept!r} is no deleted photo", path=kept, storage=photos.name)
    place, name = found.groups()
    try:
        photos.move(kept, name)
    except fs.FileExists:
        stem, ext = os.path.splitext(name)
        name = f"{stem}-{secrets.token_hex(8)}{ext}"
        photos.move(kept, name)
    # on a disk, that is an empty directory now
    with logged(f"{place!r} was not deleted"):
        photos.delete(place)
    return name


def sweep() -> None:
    """Delete for good what was deleted more than an hour ago. ``flask sweep`` does it, too, for a cron job."""
    for name in list(photos.list_files(DELETED)):
        place = name.removeprefix(DELETED).partition("/")[0]
        since = place.partition("-")[0]
        if since.isdecimal() and int(since) < time.time() - KEPT_SECONDS:
            with logged(f"{name!r} was not swept"):
                photos.delete(DELETED + place)


@contextmanager
def logged(what: str) -> Iterator[None]:
    """Log an error of a storage, and go on."""
    try:
        yield
    except fs.FSError:
        current_app.logger.exception(what)
