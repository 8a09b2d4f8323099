"""The pieces of an upload that is not finished, as parts of one multipart upload of the object that it is to become."""

from __future__ import annotations

import heapq
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from operator import itemgetter
from secrets import token_hex
from typing import Any, BinaryIO, NamedTuple

from fs import errors

from ...names import Reserved
from ..base import Readable
from ..below import PiecesFS
from ..objects.parts import Range
from ..parts import Part
from ..piece_names import PieceName
from ..store import OPEN, PARTS, Facts, StoreFS
from .joining import Joining
from .multipart import ObjectInParts
from .upload import S3Upload
from .windows import Windows, mark_of, slots_for, windows_in

# what the names of claims begin with, which lie beside the pieces
_SLOT = "slot-"

_NEVER = datetime.min.replace(tzinfo=timezone.utc)


class Bucket(NamedTuple):
    """What the pieces need of a bucket.

    :param files: the bucket as a filesystem.
    :param in_parts: that of the filesystem.
    :param new_object: returns what sends an object of a path.
    :param keeps_taken: that of the filesystem.
    :param copied: lets the server copy bytes of an object as the part of a number; returns False if it cannot.
    """

    files: StoreFS
    in_parts: Callable[[str], ObjectInParts]
    new_object: Callable[[str], S3Upload]
    keeps_taken: Callable[[str], bool]
    copied: Callable[[S3Upload, int, str, Range], bool]


class S3Pieces(PiecesFS):
    """A bucket as an upload sees it, whose full pieces are parts of a multipart upload.

    Short pieces, those that wait for a checksum, and those for which there is no slot are objects as any others.

    :param bucket: the bucket.
    :param directory: the directory of the upload.
    :param target: the path of the object that it is to become.
    :param length: the length of that object in bytes.
    :param content_type: its media type, or None for that of the name.
    """

    reads_parts = False

    def __init__(
        self, bucket: Bucket, directory: str, target: str, length: int = 0, content_type: str | None = None
    ) -> None:
        super().__init__(bucket.files)
        self._bucket = bucket
        self._place = f"{directory}/{OPEN}"
        self._target, self._length, self._content_type = target, length, content_type
        self._object = bucket.in_parts(target)
        self._windows: Windows | None = None
        # the slot of each request, by its mark; None if it has got none
        self._slots: dict[str, int | None] = {}
        # the first that may be free
        self._next = 1
        # whether this worker has made the object
        self._is_made = False

    def _at(self, name: str) -> Reserved:
        return Reserved(self._place + name)

    # the multipart upload

    def _found(self) -> Windows | None:
        """Return the multipart upload; None if there is none yet. One request until it is known."""
        if self._windows is None:
            try:
                self._windows = Windows.read(self.whole.read_file(self._at(PARTS)))
            except errors.ResourceNotFound:
                return None
        return self._windows

    def _started(self) -> Windows | None:
        """Return the multipart upload, which is begun if there is none; None if the server cannot have it so."""
        if self._windows is not None:
            return self._windows
        if not self._bucket.keeps_taken(self._at(f"probe-{token_hex(8)}")) or not self._object.keeps_parts():
            return None
        mark, size = token_hex(8), self.whole.piece_size
        upload = self._object.begin(mark, content_type=self._content_type)
        windows = Windows(upload, mark, self._target, size, slots_for(self._length, size))
        try:
            self.whole.put(self._at(PARTS), io.BytesIO(windows.written()), overwrite=False)
        except errors.FileExists:
            self._object.abort(upload)
            return self._found()
        self._windows = windows
        return windows

    def part_mark(self, mark: str, offset: int, size: int, *, waits: bool) -> str | None:
        """For the first piece of a request, one request to get a slot, and more if others take theirs at the same
        moment; two more for the first one of an upload, and seven for that of a process.
        """
        window = self.whole.piece_size
        is_full = not offset % window and (size == window or offset + size == self._length)
        if waits or not is_full:
            return None
        if mark not in self._slots:
            self._slots[mark] = self._claimed()
        slot = self._slots[mark]
        return None if slot is None else mark_of(slot)

    def _claimed(self) -> int | None:
        windows = self._started()
        # with another window, the pieces do not fit
        if windows is None or windows.size != self.whole.piece_size:
            return None
        for slot in range(self._next, windows.slots):
            with suppress(errors.FileExists):
                self.whole.put(self._at(f"{_SLOT}{slot}"), io.BytesIO(), overwrite=False)
                return slot
        return None

    # files

    def _number(self, path: str) -> int | None:
        """Return the number of the part that a piece is; None if it is an object of its own."""
        name = PieceName.parsed(path[len(self._place) :]) if path.startswith(self._place) else None
        if name is None or not name.in_place:
            return None
        windows = self._found()
        if windows is None:
            raise errors.ResourceNotFound(path)
        return windows.number_of(name)

    def put(self, path: str, file: Readable, **options: Any) -> str | None:
        number = self._number(path)
        if number is None:
            return super().put(path, file, **options)
        self._upload().send_part(number, file)
        return None

    def _upload(self) -> S3Upload:
        assert self._windows is not None
        upload = self._bucket.new_object(self._target)
        upload.go_on(self._windows.upload)
        return upload

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        self._require_object(path)
        return super().fetch(path, start, stop, unless=unless)

    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        self._require_object(path)
        return super().facts(path, checksum=checksum)

    def _require_object(self, path: str) -> None:
        if self._number(path) is not None:
            raise errors.Unsupported(path, msg="'{path}' is a part of a multipart upload, which cannot be read")

    def iter_facts(self, prefix: str = "", **options: Any) -> Iterator[tuple[str, Facts]]:
        """Two listings: of the directory, and of the parts; one until there are some."""
        listed = dict(super().iter_facts(prefix, **options))
        if self._place.startswith(prefix) and self._at(PARTS) in listed:
            parts = self._parts()
            if parts is None:
                # a worker that makes the object of them, or removes them, has written before why
                listed = dict(super().iter_facts(prefix, **options))
            else:
                del listed[self._at(PARTS)]
                listed = dict(heapq.merge(listed.items(), self._pieces(parts), key=itemgetter(0)))
        claims = [path[len(self._place + _SLOT) :] for path in listed if path.startswith(self._place + _SLOT)]
        self._next = max([self._next, *(int(claim) + 1 for claim in claims)])
        return iter(listed.items())

    def _parts(self) -> Mapping[int, Part] | None:
        windows = self._found()
        return None if windows is None else self._object.parts(windows.upload)

    def _pieces(self, parts: Mapping[int, Part]) -> Iterator[tuple[str, Facts]]:
        assert self._windows is not None
        for number, part in parts.items():
            if (name := self._windows.name(number)) is not None:
                yield self._at(str(name)), Facts(part.size, part.modified)

    def newest(self) -> datetime | None:
        """Return the time of the newest part, or the earliest time there is if no part has come; None if S3 does not
        know the multipart upload. Two requests.
        """
        parts = self._parts()
        return None if parts is None else max((part.modified for part in parts.values()), default=_NEVER)

    def delete_tree(self, path: str) -> None:
        """With the directory go all parts, and these first: what else there is tells that some are left. A part alone
        stays until then.
        """
        if f"{path}/" in (self._place, self._place[: -len(OPEN)]) and not self._is_made:
            windows = self._found()
            if windows is not None:
                self._object.abort(windows.upload)
        if self._number(path) is None:
            super().delete_tree(path)

    def sizes_of(self, paths: Sequence[str]) -> list[int]:
        """Two requests, and one for each object."""
        facts = dict(self.iter_facts(self._place))
        return [facts[path].size if path in facts else self.whole.facts(path).size for path in paths]

    def join_files(
        self, paths: Sequence[str], target: str, *, sizes: Sequence[int] | None = None, **options: Any
    ) -> str | None:
        """One listing and one request, if a piece is a part; for each window that others have, one more, and one for
        each of them if there are several, which are read and sent; unless another worker has sent it. Otherwise as that
        of the filesystem.
        """
        numbers = [self._number(path) for path in paths]
        if not any(numbers):
            return super().join_files(paths, target, sizes=sizes, **options)
        if target != self._target:
            raise errors.Unsupported(target, msg=f"the pieces are parts of {self._target!r}, not of '{{path}}'")
        parts = self._parts()
        if parts is None:
            version = self._version(paths[0])
        else:
            sizes = self.sizes_of(paths) if sizes is None else sizes
            windows, upload = self._windows, self._upload()
            assert windows is not None
            joining = Joining(windows, self._object, upload, parts, overwrite=options.get("overwrite", True))
            version = joining.join(self.whole, self._bucket.copied, paths, numbers, sizes)
        self._is_made = True
        return version

    def _version(self, path: str) -> str | None:
        """Return the version of the object that another worker has made."""
        assert self._windows is not None
        made = self._object.found(self._windows.mark)
        if made is None:
            raise errors.ResourceNotFound(path)
        return made.version


def uploads_in(bucket: Bucket, prefix: str) -> Iterator[tuple[str, StoreFS, datetime]]:
    """Do what :meth:`StoreFS.iter_elsewhere` does. One listing, and two requests for each upload."""
    for directory, windows in windows_in(bucket.files, prefix):
        pieces = S3Pieces(bucket, directory, windows.target)
        newest = pieces.newest()
        if newest is not None:
            yield directory, pieces, newest
