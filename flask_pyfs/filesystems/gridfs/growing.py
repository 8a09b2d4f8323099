"""Files of a GridFS bucket that get their chunks before they get their name."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, cast

from bson import Int64, ObjectId
from pymongo import ReturnDocument
from pymongo.errors import BulkWriteError, DuplicateKeyError

from .chunks import GridChunks
from .collections import Document
from .errors import is_duplicate
from .facts import Revision, revision_of


class GridGrowing(GridChunks):
    """Begins files, and adds chunks to them in any order. No chunk is ever replaced."""

    def growing(self, filename: str, chunk_size: int) -> Revision:
        """Return a file that grows, after inserting it if it is missing. One command.

        Its document says that it is empty, and keeps its chunks from being leftovers.

        :param filename: its name, which nothing else has.
        :param chunk_size: the size of its chunks in bytes, if it is inserted now.
        """
        values: Document = {"length": Int64(0), "chunkSize": chunk_size, "uploadDate": datetime.now(timezone.utc)}
        query: Document = {"filename": filename, "exclusive": True}
        with self.errors(filename):
            try:
                found = self._found_or_inserted(query, values)
            except DuplicateKeyError:
                # another has inserted it at the same moment
                found = self._found_or_inserted(query, values)
        return revision_of(found)

    def _found_or_inserted(self, query: Document, values: Document) -> Document:
        found: Any = self.files.find_one_and_update(
            query, {"$setOnInsert": values}, upsert=True, return_document=ReturnDocument.AFTER
        )
        # with these options it is not None
        return cast(Document, found)

    def grow(self, whole: Revision, first: int, content: bytearray) -> bool:
        """Add chunks to a file that grows. One command, and one more if it has some of them.

        :param first: the number of the first chunk.
        :returns: whether the file has these chunks now; False if it has others in their place.
        """
        with self.errors(whole.filename):
            try:
                self.insert_chunks(whole.id, first, content, whole.chunk_size, ordered=False)
            except BulkWriteError as error:
                if not is_duplicate(error):
                    raise
                return self._has_content(whole, first, content)
        return True

    def _has_content(self, whole: Revision, first: int, content: bytearray) -> bool:
        last = first + -(-len(content) // whole.chunk_size)
        query = {"files_id": whole.id, "n": {"$gte": first, "$lt": last}}
        return b"".join(chunk["data"] for chunk in self._primary_chunks.find(query, sort=[("n", 1)])) == content

    def remove_grown(self, identifier: ObjectId) -> None:
        """Delete the chunks that were added to a file after it was deleted. One command, and one more if it was."""
        if not self.has_document(identifier):
            self.remove_chunks(identifier)
