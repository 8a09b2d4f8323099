"""A new revision of a file in GridFS."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timezone
from typing import Any

import pymongo
from bson import Int64, ObjectId
from fs import errors

from ..objects.writer import Upload
from .bucket import GridBucket
from .facts import Revision

log = logging.getLogger(__name__)

# how long a server that has not answered in time is waited for once more
_ABORT_SECONDS = 2.0


class GridFSUpload(Upload):
    """A new revision: its chunks are written first, and its document makes them a file.

    :param bucket: where it goes.
    :param filename: its name.
    :param overwrite: replace a file of that name.
    :param chunk_size: the length of a chunk in bytes.
    :param part_size: the length of a part in bytes, a multiple of it.
    :param content_type: its media type.
    """

    def __init__(
        self, bucket: GridBucket, filename: str, *, overwrite: bool, chunk_size: int, part_size: int, content_type: str
    ) -> None:
        with bucket.errors(filename):
            # before anything is sent for a name that cannot be one
            filename.encode()
        self._bucket = bucket
        self._filename = filename
        self._overwrite = overwrite
        self._chunk_size = chunk_size
        self._chunks_of_part = part_size // chunk_size
        self._content_type = content_type
        self._id = ObjectId()
        self._length = 0
        self._digest = hashlib.md5(usedforsecurity=False)
        self._sent = False
        self._published = False
        self._in_doubt = False

    def put(self, content: bytearray) -> None:
        """Store all content. Two commands, and four more where it replaces a file."""
        self._bucket.prepare()
        self.digest_part(content)
        try:
            self.send_part(1, content)
            self.complete()
        except BaseException:
            self.abort()
            raise

    def begin(self) -> None:
        """Find out whether the name is taken before much is sent. One command without ``overwrite``, else none."""
        self._bucket.prepare()
        if not self._overwrite and self._bucket.revisions(self._filename):
            raise errors.FileExists(self._filename)

    def digest_part(self, content: bytearray) -> None:
        """Add a part to the checksum. No command."""
        self._digest.update(content)
        self._length += len(content)

    def send_part(self, number: int, content: bytearray) -> None:
        """Store chunks. One command."""
        first, size = (number - 1) * self._chunks_of_part, self._chunk_size
        # the driver keeps the tracebacks of its failures, and with them what is held here
        with memoryview(content) as view:
            chunks: list[dict[str, Any]] = [
                {"_id": ObjectId(), "files_id": self._id, "n": first + n, "data": bytes(view[start : start + size])}
                for n, start in enumerate(range(0, len(content), size))
            ]
        if chunks:
            self._sent = True
            with self._watch(), self._bucket.errors(self._filename):
                self._bucket.chunks.insert_many(chunks)

    def complete(self) -> None:
        """Make the file of the chunks. One command, and four more where it replaces a file."""
        self._publish(
            {
                "_id": self._id,
                "filename": self._filename,
                "length": Int64(self._length),
                "chunkSize": self._chunk_size,
                "contentType": self._content_type,
                "metadata": {"md5": self._digest.hexdigest()},
            }
        )

    def copy_from(self, revision: Revision) -> None:
        """Make the file of another one's content and description."""
        self._bucket.prepare()
        self._sent = True
        try:
            with self._watch():
                self._bucket.copy_chunks(revision, self._id)
            document = {key: value for key, value in revision.document.items() if key != "exclusive"}
            self._publish({**document, "_id": self._id, "filename": self._filename})
        except BaseException:
            self.abort()
            raise

    def _publish(self, document: dict[str, Any]) -> None:
        # of milliseconds, as BSON has them
        now = datetime.now(timezone.utc)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self._published = True
        try:
            with self._watch():
                replaced = self._bucket.publish({**document, "uploadDate": now}, overwrite=self._overwrite)
        except errors.FileExists:
            self._published = False
            raise
        # from here on it is the file, and perhaps the only one
        self._published = self._sent = False
        if replaced:
            self._bucket.remove_replaced(replaced)

    @contextmanager
    def _watch(self) -> Iterator[None]:
        try:
            yield
        except (errors.OperationTimeout, errors.RemoteConnectionError):
            self._in_doubt = True
            raise

    def abort(self) -> None:
        """Forget what was sent. One command, where something was."""
        try:
            with pymongo.timeout(min(_ABORT_SECONDS, self._bucket.timeout)) if self._in_doubt else nullcontext():
                self._abort()
        except errors.FSError as error:
            self._warn(f"could not be deleted: {error}")

    def _abort(self) -> None:
        sent, self._sent = self._sent, False
        published, self._published = self._published, False
        if published:
            with self._bucket.errors(self._filename):
                # somebody may have moved it
                self._bucket.files.delete_one({"_id": self._id, "filename": self._filename})
            if self._in_doubt:
                # a document that comes late would be one without chunks
                self._warn("are left, because nobody knows whether the server made a file of them")
                return
        if sent:
            self._bucket.remove_chunks(self._id)

    def _warn(self, problem: str) -> None:
        log.warning(
            "bucket %r: the chunks %s of an unfinished %r take space until they are removed, for they %s",
            self._bucket.name,
            self._id,
            self._filename,
            problem,
        )
