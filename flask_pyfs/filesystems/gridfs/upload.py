"""Uploading a new revision of a file to GridFS."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime, timezone
from typing import Any, BinaryIO

import pymongo
from bson import Int64, ObjectId
from fs import errors

from ... import files
from ..objects.writer import Upload
from ..store import OtherVersion
from .bucket import GridBucket
from .facts import NOTE, STRETCH, Incomplete, Revision, noted
from .joins import Stretch, read_parts

_log = logging.getLogger(__name__)

# the time limit for deleting chunks after a timeout or a lost connection
_ABORT_SECONDS = 2.0

# after a pause of so many seconds, an upload looks whether its chunks are still there
_PAUSE = 60.0

# what a copy of a document does not inherit: these say how the document was written
_OWN = {"exclusive", "replaces", "replacedAt", NOTE, STRETCH}


def _clocks() -> tuple[float, float]:
    # the first may be set back, and the second may stand still while the machine sleeps
    return time.time(), time.monotonic()


def known_or_guessed(content_type: str | None, filename: str) -> str:
    """Return a media type, or without one that of the name of the file."""
    return content_type or files.mime(filename, "application/octet-stream")


class GridFSUpload(Upload):
    """The upload of a revision: first its chunks, then the document that makes them a file.

    :param bucket: the bucket.
    :param filename: the name of the file.
    :param overwrite: replace an existing file.
    :param replaces: replace only this revision of the file.
    :param chunk_size: the size of a chunk in bytes.
    :param part_size: the size of a part in bytes, a multiple of ``chunk_size``.
    :param content_type: the media type.
    :param note: the note of the file, or None.
    :raises ValueError: if that can be none.
    """

    def __init__(
        self,
        bucket: GridBucket,
        filename: str,
        *,
        overwrite: bool,
        replaces: Revision | None = None,
        chunk_size: int,
        part_size: int,
        content_type: str,
        note: str | None = None,
    ) -> None:
        with bucket.errors(filename):
            # reject a name that UTF-8 cannot encode before sending anything
            filename.encode()
        self._bucket = bucket
        self._filename = filename
        self._overwrite = overwrite
        self._replaces = replaces
        self._chunk_size = chunk_size
        self._chunks_of_part = part_size // chunk_size
        self._content_type = content_type
        self._note = noted(note, filename)
        self._id = ObjectId()
        self._length = 0
        self._digest = hashlib.md5(usedforsecurity=False)
        self._sent = False
        self._published = False
        self._in_doubt = False
        self._last_sign = _clocks()
        self._paused = False

    def put(self, content: bytearray) -> None:
        """Store the whole content. Two commands, and more if it replaces a file or paused."""
        self._bucket.prepare()
        self.digest_part(content)
        try:
            self.send_part(1, content)
            self.complete()
        except BaseException:
            self.abort()
            raise

    def begin(self) -> None:
        """Check early that the name is free. One command; none with ``overwrite``."""
        self._bucket.prepare()
        if not self._overwrite and self._bucket.revisions(self._filename):
            raise errors.FileExists(self._filename)

    def digest_part(self, content: bytearray) -> None:
        """Add a part to the checksum. No command."""
        self._digest.update(content)
        self._length += len(content)

    def send_part(self, number: int, content: bytearray) -> None:
        """Store the chunks of a part. One command."""
        self._send_chunks((number - 1) * self._chunks_of_part, content)

    def _send_chunks(self, first: int, content: bytearray | bytes) -> None:
        self._notice_pause()
        self._sent |= bool(content)
        with self._watch(), self._bucket.errors(self._filename):
            self._bucket.insert_chunks(self._id, first, content, self._chunk_size)

    def complete(self) -> None:
        """Insert the document of the file. One command, and four more if it replaces a file."""
        self._publish({**self._document(), "metadata": {"md5": self._digest.hexdigest()}})

    def _document(self) -> dict[str, Any]:
        return {
            "_id": self._id,
            "filename": self._filename,
            "length": Int64(self._length),
            "chunkSize": self._chunk_size,
            "contentType": self._content_type,
            **self._note,
        }

    def copy_from(self, origin: GridBucket, revision: Revision) -> None:
        """Store a copy of another revision: its chunks, and its document with the new id, name and date.

        :param origin: the bucket of that revision.
        """
        self._bucket.prepare()
        self._sent = True
        try:
            with self._watch():
                origin.copy_chunks(revision, self._bucket, self._id)
            document = {key: value for key, value in revision.document.items() if key not in _OWN}
            self._length, self._chunk_size = revision.size, revision.chunk_size
            self._publish({**document, "_id": self._id, "filename": self._filename, **self._note})
        except BaseException:
            self.abort()
            raise

    def join(self, parts: Sequence[Stretch], length: int, file: BinaryIO) -> None:
        """Store a revision that is made of others. The server knows no checksum of it.

        :param parts: where its chunks come from.
        :param length: its length in bytes.
        :param file: its content, from which those chunks are read that the server does not copy.
        """
        self.begin()
        self._sent, self._length = True, length
        try:
            with self._watch():
                self._bucket.join_chunks(parts, self._id)
            for part in parts:
                if part.revision is None:
                    for first, content in read_parts(part, file, self._chunk_size, self._chunks_of_part):
                        self._send_chunks(first, content)
            if not self._bucket.has_chunks(self._id, -(-length // self._chunk_size)):
                raise Incomplete(self._filename)
            self._publish(self._document())
        except BaseException:
            self.abort()
            raise

    def _publish(self, document: dict[str, Any]) -> None:
        # BSON dates have milliseconds
        now = datetime.now(timezone.utc)
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        old, replaced = self._replaces, None
        self._notice_pause()
        self._published = True
        try:
            with self._watch():
                if old:
                    self._bucket.insert_above({**document, "replacedAt": now}, old)
                else:
                    replaced = self._bucket.publish({**document, "uploadDate": now}, overwrite=self._overwrite)
        except (errors.FileExists, OtherVersion):
            self._published = False
            raise
        if self._paused:
            self._require_chunks()
        # the revision is stored: from here on, abort() must not delete it
        self._published = self._sent = False
        self.version: str | None = str(self._id)
        if old:
            self._bucket.replace(document, old)
        elif replaced:
            self._bucket.remove_replaced(replaced)

    def _require_chunks(self) -> None:
        # after the document is there, because remove_leftovers looks for it after it hides a chunk
        count = -(-self._length // self._chunk_size)
        if self._bucket.has_chunks(self._id, count) or not self._bucket.withdraw(self._id):
            # also if another process has replaced or deleted the file in the meantime
            return
        message = "the upload of '{path}' paused for so long that remove_leftovers() deleted it: upload it again"
        raise errors.OperationFailed(self._filename, msg=message)

    def _notice_pause(self) -> None:
        last, self._last_sign = self._last_sign, _clocks()
        if max(now - before for now, before in zip(self._last_sign, last, strict=True)) > _PAUSE:
            self._paused = True

    @contextmanager
    def _watch(self) -> Iterator[None]:
        try:
            yield
        except (errors.OperationTimeout, errors.RemoteConnectionError):
            self._in_doubt = True
            raise

    def abort(self) -> None:
        """Delete the chunks that were sent. One command, or none if nothing was sent."""
        try:
            with pymongo.timeout(min(_ABORT_SECONDS, self._bucket.timeout)) if self._in_doubt else nullcontext():
                self._abort()
        except errors.FSError as error:
            self._warn(f"deleting them failed: {error}")

    def _abort(self) -> None:
        sent, self._sent = self._sent, False
        published, self._published = self._published, False
        if published:
            with self._bucket.errors(self._filename):
                # another process may have moved the file already
                self._bucket.files.delete_one({"_id": self._id, "filename": self._filename})
            if self._in_doubt:
                # the server may still insert the document, which needs its chunks
                self._warn("the server may still complete the upload")
                return
        if sent:
            self._bucket.remove_chunks(self._id)

    def _warn(self, problem: str) -> None:
        _log.warning(
            "bucket %r: the chunks with files_id %s of the unfinished upload of %r remain and take space until "
            "remove_leftovers() deletes them: %s",
            self._bucket.name,
            self._id,
            self._filename,
            problem,
        )
