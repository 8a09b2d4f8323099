"""Uploading an object to a bucket: in one request or in parts."""

from __future__ import annotations

import logging
from secrets import token_hex
from typing import Any

from fs import errors

from ..base import Readable
from ..objects.writer import Upload
from ..parts import MOST_PARTS
from .conditional import ConditionalWrites
from .errors import S3Refused
from .facts import MARK, new_metadata, written_version

_log = logging.getLogger(__name__)


class S3Upload(Upload):
    """The upload of an object.

    The server verifies the content: the signature of each request contains the SHA-256 of its body (AWS Signature
    Version 4). Each upload leaves a random mark in the user metadata, because the entity tag of two uploads of the same
    content is the same.

    :param writes: the conditional writes of the bucket.
    :param path: the path of the file, for error messages.
    :param key: the key of the object.
    :param overwrite: replace an existing object.
    :param replaces: the entity tag that the existing object must have, or None.
    :param arguments: further parameters of the S3 API, such as ContentType, ACL or StorageClass.
    :param note: the note of the object, or None.
    :ivar tags: the entity tags of its parts, by their numbers.
    :raises ValueError: if the note can be none.
    """

    def __init__(
        self,
        writes: ConditionalWrites,
        path: str,
        key: str,
        *,
        overwrite: bool,
        arguments: dict[str, Any],
        replaces: str | None = None,
        note: str | None = None,
    ) -> None:
        self._writes = writes
        self._bucket = writes.bucket
        self._path = path
        self._key = key
        self._overwrite = overwrite
        self._replaces = replaces
        self._mark = token_hex(8)
        metadata = {MARK: self._mark}
        if note is not None or "Metadata" in arguments:
            metadata = new_metadata(arguments.get("Metadata", {}), writes.bucket.name, key, self._mark, note)
        self._arguments = {**arguments, "Metadata": metadata}
        self._id: str | None = None
        self.tags: dict[int, str] = {}

    def put(self, content: bytearray) -> None:
        """Store the whole content. One request."""
        self._publish("put_object", Body=content, **self._bucket.known("PutObject", self._arguments))

    def _publish(self, operation: str, **parameters: Any) -> None:
        write: Any = self._writes.write_new
        if self._replaces is not None:
            write, parameters["etag"] = self._writes.write_over, self._replaces
        if self._overwrite and self._replaces is None:
            answer = self._bucket.write(operation, self._path, Key=self._key, **parameters)
        else:
            answer = write(operation, self._path, self._key, self._mark, **parameters)
        self.version = written_version(self._mark, answer.get("CopyObjectResult", answer))

    def copy(self, source: dict[str, str]) -> None:
        """Store the content of another object, and nothing else of it. One request.

        :param source: the bucket and the key of the other object, which has no more than 5 GiB.
        """
        # otherwise the copy has the metadata and the tags of the other object
        replaced = {"MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE"}
        parameters = self._bucket.known("CopyObject", {**self._arguments, **replaced})
        self._publish("copy_object", CopySource=source, **parameters)

    def begin(self) -> None:
        """Begin a multipart upload. One request."""
        parameters = self._bucket.known("CreateMultipartUpload", self._arguments)
        answer = self._bucket.write("create_multipart_upload", self._path, Key=self._key, **parameters)
        self._id = str(answer["UploadId"])

    def go_on(self, upload: str) -> None:
        """Send the parts of a multipart upload that has begun. No request."""
        self._id = upload

    def send_part(self, number: int, content: bytearray | Readable) -> None:
        """Send a part. One request.

        :param content: its bytes, or a binary file that can seek, which takes no memory besides its own.
        """
        answer = self._send("upload_part", "UploadPart", number, Body=content)
        self.tags[number] = answer["ETag"]

    def copy_part(self, number: int, source: dict[str, str], start: int, stop: int, etag: str | None) -> None:
        """Create a part from a range of another object, up to, but not including, ``stop``. One request.

        :param source: the bucket and the key of the other object.
        :param start: the offset of the first byte.
        :param etag: the entity tag that the other object must have; None if the store gave none.
        """
        condition = {} if etag is None else {"CopySourceIfMatch": etag}
        answer = self._send(
            "upload_part_copy",
            "UploadPartCopy",
            number,
            CopySource=source,
            CopySourceRange=f"bytes={start}-{stop - 1}",
            **condition,
        )
        self.tags[number] = answer["CopyPartResult"]["ETag"]

    def _send(self, operation: str, name: str, number: int, **parameters: Any) -> Any:
        if number > MOST_PARTS:
            raise errors.OperationFailed(
                self._path, msg=f"'{{path}}' needs more than {MOST_PARTS} parts: set a larger PART_SIZE"
            )
        parameters.update(self._bucket.known(name, self._arguments))
        return self._bucket.request(
            operation, self._path, Key=self._key, UploadId=self._id, PartNumber=number, **parameters
        )

    def complete(self) -> None:
        """Create the object from the parts. One request."""
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in sorted(self.tags.items())]
        parameters = {"UploadId": self._id, "MultipartUpload": {"Parts": parts}}
        parameters.update(self._bucket.known("CompleteMultipartUpload", self._arguments))
        try:
            self._publish("complete_multipart_upload", **parameters)
        except S3Refused as error:
            # the first attempt may have succeeded, but its response was lost
            found = self._find() if error.code == "NoSuchUpload" and error.repeated else None
            if found is None:
                raise
            self.version = written_version(self._mark, found)
        except (errors.RemoteConnectionError, errors.OperationTimeout):
            # the server may have created the object, or still do it, and some lose its parts by an abort then
            self._id = None
            _log.warning(
                "bucket %r: nobody knows whether the server created %r; if not, its parts take space until "
                "remove_leftovers() aborts the upload",
                self._bucket.name,
                self._key,
            )
            raise

    def _find(self) -> Any:
        return self._writes.find(self._path, self._key, self._mark)

    def abort(self) -> None:
        """Abort the multipart upload. One request, or none if it did not begin."""
        if self._id is None:
            return
        upload, self._id = self._id, None
        try:
            self._bucket.abort(self._key, upload)
        except errors.FSError as error:
            _log.warning(
                "bucket %r: could not abort the unfinished upload %s of %r. It takes space until remove_leftovers() "
                "aborts it: %s",
                self._bucket.name,
                upload,
                self._key,
                error,
            )
