"""The pieces of an upload that is not finished, as chunks of the file that it is to become."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, BinaryIO, cast

from bson import Int64, ObjectId
from fs import errors

from ...names import Reserved
from ..base import Readable
from ..below import ViewFS
from ..joined import JoinedFile
from ..objects.filesystem import ObjectFS
from ..objects.store import beginning_of
from ..piece_names import PieceName
from .bucket import GridBucket
from .facts import STRETCH, Incomplete, Revision
from .joins import read_parts, stretches
from .upload import known_or_guessed

# the name of the file that grows, beside the pieces
_WHOLE = "whole"


class GridPieces(ViewFS):
    """A bucket as an upload sees it, whose pieces are chunks of one file.

    That file grows beside them: its document has a reserved name, and says that it is empty. A piece of whole chunks is
    written where it will be, and a document of the name of the piece says so. No chunk is ever replaced: where one with
    other content is already, the piece is a file as any other.

    At the end the file that grows gets its name, which the server decides once. A worker that deletes the upload at
    that moment deletes the document only under its reserved name, and no chunk if it has got another.

    :param store: the bucket as a filesystem.
    :param bucket: the bucket.
    :param chunk_size: the size of its chunks in bytes.
    :param length: how many bytes the upload will have.
    """

    def __init__(self, store: ObjectFS, bucket: GridBucket, chunk_size: int, length: int) -> None:
        super().__init__(store)
        self._store = store
        self._bucket = bucket
        self._chunk_size = chunk_size
        self._length = length
        # the file that grows, if a piece was added to it and it has not got its name
        self._growing: Revision | None = None

    def put(self, path: str, file: Readable, **options: Any) -> str | None:
        piece = PieceName.parsed(path.rpartition("/")[2])
        if piece is None:
            return super().put(path, file, **options)
        source, offset = cast(BinaryIO, file), piece.offset
        begin = source.tell()
        size = source.seek(0, os.SEEK_END) - begin
        source.seek(begin)
        version = self._add(path, offset, size, source) if self._fits(offset, offset + size) else None
        if version is None:
            source.seek(begin)
            return super().put(path, file, **options)
        return version

    def _fits(self, start: int, end: int) -> bool:
        """Return whether the file that grows may have chunks of these bytes alone."""
        is_whole = end % self._chunk_size == 0 or end == self._length
        return start % self._chunk_size == 0 and is_whole and start < end <= self._length

    def _add(self, path: str, offset: int, size: int, file: BinaryIO) -> str | None:
        """Add a piece to the file that grows, and return its version; None if it cannot be added. Three commands or
        more.
        """
        # otherwise, two requests with the same bytes would write a chunk twice
        if not self._bucket.refuses_chunks():
            return None
        if self._growing is None:
            self._growing = self._bucket.growing(_beside(path), self._chunk_size)
        # another worker may have other settings
        if self._growing.chunk_size != self._chunk_size:
            return None
        first, step = offset // self._chunk_size, self._store.part_size
        for start in range(0, size, step):
            content, _ = beginning_of(file, min(step, size - start))
            if not self._bucket.grow(self._growing, first + start // self._chunk_size, content):
                return None
        return self._publish(path, size, {"of": self._growing.id, "first": first})

    def _publish(self, path: str, size: int, stretch: dict[str, Any]) -> str:
        identifier = ObjectId()
        document = {
            "_id": identifier,
            "filename": str(path),
            "length": Int64(size),
            "chunkSize": self._chunk_size,
            "uploadDate": datetime.now(timezone.utc),
            STRETCH: stretch,
        }
        self._bucket.publish(document, overwrite=True)
        return str(identifier)

    def join_files(
        self,
        paths: Sequence[str],
        target: str,
        *,
        overwrite: bool = True,
        content_type: str | None = None,
        **options: Any,
    ) -> str | None:
        """The file that grows gets its name. What it lacks, if that is not more than half, is read from the pieces and
        added; otherwise, this does as the bucket. A file that has got its name before is found.

        Three commands, and more if something lacks, or a file is replaced.
        """
        # before the look at what has the name: what is written after it is newer
        now = datetime.now(timezone.utc)
        key = self._store._file_key(target)
        names = [key, *paths, *map(_beside, paths[:1])]
        found = {each.filename: each for each in reversed(self._bucket.revisions(*names))}
        pieces = [found[path] for path in paths if path in found]
        holder = next((piece.holder for piece in pieces if piece.holder != piece.id), None)
        options |= {"overwrite": overwrite, "content_type": content_type}
        if holder is None or len(pieces) < len(paths) or sum(piece.size for piece in pieces) != self._length:
            return super().join_files(paths, target, **options)
        if key in found and found[key].id == holder:
            return str(holder)
        if key in found and not overwrite:
            raise errors.FileExists(key)
        whole = found.get(_beside(paths[0]))
        if whole is None or whole.id != holder:
            # the file was stored, and replaced or deleted since
            raise errors.ResourceNotFound(paths[0])
        if not self._complete(whole, pieces):
            return super().join_files(paths, target, **options)
        values = {"length": Int64(self._length), "contentType": known_or_guessed(content_type, key)}
        if not self._name(whole, key, now, values, overwrite=overwrite):
            # another worker was faster, or has deleted it
            return self.join_files(paths, target, **options)
        self._growing = None
        return str(holder)

    def _complete(self, whole: Revision, pieces: Sequence[Revision]) -> bool:
        """Add what the file that grows lacks, and return whether it has the content of the pieces then."""
        size, count = whole.chunk_size, -(-self._length // whole.chunk_size)
        lacking = [part for part in stretches(pieces, size, whole) if part.revision is None]
        if sum(part.chunks for part in lacking) > count / 2:
            return False
        with JoinedFile(self, [Reserved(piece.filename) for piece in pieces], [piece.size for piece in pieces]) as file:
            for part in lacking:
                read = read_parts(part, cast(BinaryIO, file), size, max(1, self._store.part_size // size))
                if not all(self._bucket.grow(whole, first, content) for first, content in read):
                    return False
        if self._bucket.has_chunks(whole.id, count):
            return True
        if self._bucket.has_document(whole.id):
            raise Incomplete(whole.filename)
        # the upload was deleted
        raise errors.ResourceNotFound(whole.filename)

    def _name(self, whole: Revision, key: str, now: datetime, values: dict[str, Any], *, overwrite: bool) -> bool:
        """Give the file that grows its name, and return whether it had none."""
        named, replaced = self._bucket.rename(whole, key, now, exclusive=not overwrite, **values)
        if replaced is None:
            return named
        if replaced.ids and replaced.newest.id == whole.id and not overwrite:
            # another has written the name since the look, and its clock is behind
            empty = {"length": Int64(0)}
            if self._bucket.rename(replaced.newest, whole.filename, now, exclusive=True, **empty)[0]:
                raise errors.FileExists(key)
        self._bucket.remove_replaced(replaced)
        return named

    def delete_tree(self, path: str) -> None:
        super().delete_tree(path)
        if self._growing is not None:
            self._bucket.remove_grown(self._growing.id)


def _beside(path: str) -> str:
    return f"{path.rpartition('/')[0]}/{_WHOLE}"
