"""The pieces of an upload that is not finished, among the segments of the file that it is to become."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, BinaryIO, NamedTuple

from fs import errors

from ...names import Reserved
from ..base import Readable
from ..below import PiecesFS
from ..store import PART, UPLOADS, Facts, OtherVersion, StoreFS
from .answers import odd_answers
from .container import SwiftContainer
from .deletion import delete
from .facts import listed_facts
from .joins import Joins
from .listing import entries, name_of
from .segments import segments_now
from .upload import SwiftUpload

# the key of the file, which may look like that of a piece, how long the path above the uploads is, the upload, the path
# of the piece in its directory
_PIECE = re.compile(rf"(?P<key>.+)/flask-pyfs/upload-(?P<above>\d+)-(?P<upload>[^/]+)/.+{re.escape(PART)}", re.DOTALL)

# the limit of Swift for the name of an object, and for what the name of a piece has after the prefix, in bytes
_LONGEST, _REST = 1024, 64


class Place(NamedTuple):
    """Where the pieces of an upload are.

    :param directory: the directory of the upload.
    :param target: the key of the file that it is to become.
    """

    directory: str
    target: str

    @property
    def prefix(self) -> str:
        """What the keys of all its pieces begin with."""
        above, _, identifier = self.directory.rpartition(f"{UPLOADS}/")
        return f"{self.target}/flask-pyfs/upload-{len(above)}-{identifier}/"

    def is_short(self) -> bool:
        """Return whether Swift takes the keys of its pieces."""
        return len(self.prefix.encode()) + _REST <= _LONGEST


@dataclass(frozen=True)
class Stores:
    """A container, and that of its segments.

    :param files: the container as a filesystem.
    :param parts: the segments as a filesystem.
    :param joins: makes objects of the container.
    """

    container: SwiftContainer
    segments: SwiftContainer
    files: StoreFS
    parts: StoreFS
    joins: Joins


class SwiftPieces(PiecesFS):
    """A container as an upload sees it, whose pieces are in the container of segments.

    They are no segments before a manifest names them, and nobody else's then but those of the object.

    :param stores: the container, and that of the segments.
    :param place: where the pieces are.
    """

    def __init__(self, stores: Stores, place: Place) -> None:
        super().__init__(stores.files)
        self._stores = stores
        self._place = place
        # the keys of those that this worker made segments, or may have
        self._joined: set[str] = set()

    def _at(self, path: str) -> tuple[StoreFS, str]:
        """Return what has a file, and its path there."""
        key = self._key(path)
        return (self._stores.files, path) if key is None else (self._stores.parts, Reserved(key))

    def _key(self, path: str) -> str | None:
        above = f"{self._place.directory}/"
        return self._place.prefix + path[len(above) :] if path.startswith(above) and path.endswith(PART) else None

    def put(self, path: str, file: Readable, **options: Any) -> str | None:
        store, key = self._at(path)
        # nobody else has the name of a piece, and what may be replaced is looked for
        return store.put(key, file, **options if store is self._stores.files else {**options, "overwrite": False})

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        store, key = self._at(path)
        return store.fetch(key, start, stop, unless=unless)

    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        store, key = self._at(path)
        return store.facts(key, checksum=checksum)

    def iter_facts(self, prefix: str = "", **options: Any) -> Iterator[tuple[str, Facts]]:
        """Two listings: of the container of segments, and of the container."""
        # first to the end: who removes pieces has written before why
        ours = [(path, facts) for path, facts in self._pieces() if path.startswith(prefix)]
        yield from heapq.merge(super().iter_facts(prefix, **options), ours, key=itemgetter(0))

    def _pieces(self) -> Iterator[tuple[str, Facts]]:
        segments, before = self._stores.segments, self._place.prefix
        for entry in entries(segments, before):
            match = _PIECE.fullmatch(name_of(entry))
            if match and match["key"] == self._place.target:
                with odd_answers(segments.name, name_of(entry)):
                    yield f"{self._place.directory}/{name_of(entry)[len(before) :]}", listed_facts(entry)

    def copy_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        """A piece has the content of the file, and nothing else of it, as a segment must."""
        key = self._key(target)
        if key is None or self._key(path) is not None:
            super().copy_file(path, target, overwrite=overwrite)
        else:
            self._stores.container.copy(path, self._stores.segments, key, is_bare=True)

    def delete_tree(self, path: str) -> None:
        """Delete the pieces first: what else there is tells that some are left."""
        own = self._key(path)
        below = (each for each, _ in self._pieces() if each.startswith(f"{path}/"))
        delete(self._stores.segments, self._unused(below if own is None else [path]))
        if own is None:
            super().delete_tree(path)

    def has_unused(self) -> bool:
        """Return whether the target does not consist of all the pieces. A listing, one request, and one for each
        manifest.
        """
        try:
            return bool(self._unused(path for path, _ in self._pieces()))
        except errors.InvalidPath:
            # HTTP clients cannot ask for the target, so the pieces are none of ours
            return False
        except OtherVersion:
            # perhaps it was just joined
            return False

    def _unused(self, paths: Iterable[str]) -> list[str]:
        """Return the keys of those pieces that the target does not consist of.

        :raises OtherVersion: if the target was replaced in between.
        """
        keys = {key for path in paths if (key := self._key(path)) is not None} - self._joined
        if keys:
            keys -= set(segments_now(self._stores.container, self._stores.segments, self._place.target))
        return sorted(keys)

    def join_files(
        self,
        paths: Sequence[str],
        target: str,
        *,
        sizes: Sequence[int] | None = None,
        **options: Any,
    ) -> str | None:
        """Pieces of 1 MiB or more become segments where they are; otherwise as that of the filesystem."""
        uploads = set[SwiftUpload]()

        def make_segment(upload: SwiftUpload, number: int, path: str, size: int) -> None:
            uploads.add(upload)
            key = self._key(path)
            if key is None:
                upload.copy_part(number, self._stores.container, path, size)
            elif target != self._place.target:
                upload.copy_part(number, self._stores.segments, key, size)
            else:
                upload.adopt_part(number, key, size)

        sizes = self.sizes_of(paths) if sizes is None else sizes
        longest = max((size for path, size in zip(paths, sizes, strict=True) if self._key(path)), default=0)
        try:
            return self._stores.joins.join(self, paths, target, make_segment, sizes=sizes, longest=longest, **options)
        finally:
            for upload in uploads:
                self._joined |= upload.adopted


def uploads_in(stores: Stores, prefix: str, before: datetime) -> Iterator[tuple[str, StoreFS, datetime]]:
    """Do what :meth:`StoreFS.iter_elsewhere` does: one listing, and for each upload whose pieces are old what
    :meth:`SwiftPieces.has_unused` costs.
    """
    found: dict[Place, datetime] = {}
    segments = stores.segments
    for entry in entries(segments, prefix):
        match = _PIECE.fullmatch(name_of(entry))
        # those of a directory further down are none of ours
        if match and int(match["above"]) == len(prefix):
            with odd_answers(segments.name, name_of(entry)):
                time = listed_facts(entry).modified
            place = Place(f"{prefix}{UPLOADS}/{match['upload']}", match["key"])
            found[place] = max(filter(None, (found.get(place), time)))
    for place, newest in found.items():
        pieces = SwiftPieces(stores, place)
        if newest >= before or pieces.has_unused():
            yield place.directory, pieces, newest
