"""The chunks of a GridFS bucket: their copies, their number, and those that no file has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from bson import ObjectId

from .collections import Document, GridCollections
from .facts import Incomplete, Revision
from .joins import Stretch

# how many bytes the server copies in one command, which must end within the timeout
_COPIED = 32 * 1024 * 1024

# how many of these commands run in parallel
_COPIES = 2


class GridChunks(GridCollections):
    """Copies, counts and deletes chunks."""

    def copy_chunks(self, revision: Revision, target: GridChunks, identifier: ObjectId) -> None:
        """Copy the chunks of a revision inside the server. One command per 32 MiB, and one or two to count them.

        :param target: the bucket that gets them, which may be this one.
        :param identifier: the id of the file there.
        :raises Incomplete: if the revision was deleted in the meantime, or chunks are missing.
        """
        wanted, step = revision.chunk_count, max(1, _COPIED // revision.chunk_size)
        with self.errors(revision.filename):
            if wanted > step and self._count(revision.holder) < wanted:
                # a document may claim any length
                raise Incomplete(revision.filename)

            def copy(start: int) -> None:
                self.merge_chunks(revision, start, min(wanted, start + step), target, identifier)

            with ThreadPoolExecutor(_COPIES, "copy") as copies:
                # the executor waits for all copies before an error leaves the block
                list(copies.map(copy, range(0, wanted, step)))
            if wanted and target._count(identifier) != wanted:
                raise Incomplete(revision.filename)

    def merge_chunks(
        self, revision: Revision, start: int, stop: int, target: GridChunks, identifier: ObjectId, offset: int = 0
    ) -> None:
        """Copy some chunks of a revision inside the server. One command.

        :param start: the number of the first chunk.
        :param stop: the number of the chunk to stop before.
        :param target: the bucket that gets them, which may be this one.
        :param identifier: the id of the file there.
        :param offset: a number that is added to those of the chunks.
        """
        into = {"db": target.chunks.database.name, "coll": target.chunks.name}
        above = revision.first_chunk
        number = {"$add": ["$n", offset - above]} if offset != above else True
        self._primary_chunks.aggregate(
            [
                # some drivers add an empty chunk
                {"$match": {"files_id": revision.holder, "n": {"$gte": above + start, "$lt": above + stop}}},
                # the server creates a new _id if a document has none
                {"$project": {"_id": False, "files_id": {"$literal": identifier}, "n": number, "data": True}},
                {"$merge": {"into": into, "whenMatched": "fail"}},
            ]
        )

    def insert_chunks(
        self,
        identifier: ObjectId,
        first: int,
        content: bytearray | bytes,
        chunk_size: int,
        *,
        ordered: bool = True,
    ) -> None:
        """Store chunks of a file. One command, or none without content.

        :param identifier: the id of the file.
        :param first: the number of the first chunk.
        :param content: what they have, one after the other.
        :param ordered: whether none is stored after one that the file has.
        :raises pymongo.errors.BulkWriteError: if the file has one of them.
        """
        # the driver keeps the tracebacks of its errors, and a view in their frames would block resizing the buffer
        with memoryview(content) as view:
            chunks: list[Document] = [
                {"_id": ObjectId(), "files_id": identifier, "n": n, "data": bytes(view[start : start + chunk_size])}
                for n, start in enumerate(range(0, len(content), chunk_size), first)
            ]
        if chunks:
            self.chunks.insert_many(chunks, ordered=ordered)

    def join_chunks(self, parts: Sequence[Stretch], identifier: ObjectId) -> None:
        """Copy the first chunks of several revisions inside the server, as those of one file. One command per 32 MiB of
        each, two at once.

        :param parts: which chunks of the file are copied, and from where.
        :param identifier: the id of the file.
        """
        steps = [
            (revision, start, min(count, start + step), first)
            for first, count, revision in parts
            if revision is not None
            for step in (max(1, _COPIED // revision.chunk_size),)
            for start in range(0, count, step)
        ]

        def copy(step: tuple[Revision, int, int, int]) -> None:
            revision, start, stop, first = step
            with self.errors(revision.filename):
                self.merge_chunks(revision, start, stop, self, identifier, first)

        with ThreadPoolExecutor(_COPIES, "join") as copies:
            # the executor waits for all copies before an error leaves the block
            list(copies.map(copy, steps))

    def has_chunks(self, identifier: ObjectId, count: int) -> bool:
        """Return whether a file has so many chunks. One command."""
        with self.errors():
            return self._count(identifier) == count

    def _count(self, identifier: Any) -> int:
        # a chunk with a negative number belongs to an upload that is being removed
        return self._primary_chunks.count_documents({"files_id": identifier, "n": {"$gte": 0}})

    def remove_chunks(self, *ids: Any) -> None:
        """Delete the chunks of files whose documents do not exist. One command."""
        with self.errors():
            self.chunks.delete_many({"files_id": {"$in": ids}})

    def orphans(self, written_before: datetime) -> Iterator[Any]:
        """Iterate over the ids of files that have chunks but no document, and whose last chunk is old.

        One command, and one per id.
        """
        with self.errors():
            found = self._primary_chunks.aggregate(
                [
                    # the index alone answers both stages
                    {"$sort": {"files_id": 1}},
                    {"$group": {"_id": "$files_id"}},
                    {"$lookup": {"from": self.files.name, "localField": "_id", "foreignField": "_id", "as": "file"}},
                    {"$match": {"file": []}},
                ]
            )
            for each in found:
                if self._last_chunk(each["_id"], written_before):
                    yield each["_id"]

    def remove_orphan(self, identifier: Any, written_before: datetime) -> bool:
        """Delete the chunks of an upload that has no document, unless it still runs. Five commands.

        An upload that ends now either is seen here, or misses the chunk that is hidden first, and fails.

        :returns: whether they were deleted.
        """
        with self.errors():
            last = self._last_chunk(identifier, written_before)
            if last is None:
                return False
            found = last.get("n")
            if not isinstance(found, int):
                number, hidden = found, -1
            else:
                # another may have hidden it, or may have been killed before it put it back
                number, hidden = max(found, -1 - found), min(found, -1 - found)
            if not self.has_document(identifier):
                hides = self.chunks.update_one({"_id": last["_id"], "n": found}, {"$set": {"n": hidden}})
                if not hides.matched_count:
                    return False
            if self.has_document(identifier):
                self.chunks.update_one({"_id": last["_id"]}, {"$set": {"n": number}})
                return False
        self.remove_chunks(identifier)
        return True

    def has_document(self, identifier: Any) -> bool:
        """Return whether a file has a document. One command."""
        with self.errors():
            return self._primary.find_one({"_id": identifier}, {"_id": True}) is not None

    def _last_chunk(self, identifier: Any, written_before: datetime) -> Document | None:
        # its ObjectId tells when it was written
        last = self._primary_chunks.find_one({"files_id": identifier}, {"n": True}, sort=[("n", -1)])
        if last is None or not isinstance(last["_id"], ObjectId) or last["_id"].generation_time >= written_before:
            return None
        return last
