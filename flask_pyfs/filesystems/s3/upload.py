"""Uploading an object to a bucket: in one request or in parts."""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from typing import Any

from fs import errors

from ..objects.writer import Upload
from .bucket import S3Bucket
from .errors import S3Refused
from .facts import member

log = logging.getLogger(__name__)

# the most parts of an object (a limit of S3)
_PARTS = 10_000


class S3Upload(Upload):
    """The upload of an object.

    The server verifies the content: the signature of each request contains the SHA-256 of its body (AWS Signature
    Version 4).

    :param bucket: the bucket.
    :param path: the path of the file, for error messages.
    :param key: the key of the object.
    :param overwrite: replace an existing object.
    :param arguments: further parameters of the S3 API, such as ContentType, ACL or StorageClass.
    """

    def __init__(self, bucket: S3Bucket, path: str, key: str, *, overwrite: bool, arguments: dict[str, Any]) -> None:
        self._bucket = bucket
        self._path = path
        self._key = key
        self._overwrite = overwrite
        self._arguments = arguments
        self._id: str | None = None
        self._tags: dict[int, str] = {}

    def put(self, content: bytearray) -> None:
        """Store the whole content. One request."""
        parameters = self._bucket.known("PutObject", self._arguments)
        if self._overwrite:
            self._bucket.write("put_object", self._path, Key=self._key, Body=content, **parameters)
        else:

            def etag() -> str:
                return hashlib.md5(content, usedforsecurity=False).hexdigest()

            self._bucket.write_new("put_object", self._path, self._key, etag, Body=content, **parameters)

    def begin(self) -> None:
        """Begin a multipart upload. One request."""
        parameters = self._bucket.known("CreateMultipartUpload", self._arguments)
        answer = self._bucket.write("create_multipart_upload", self._path, Key=self._key, **parameters)
        self._id = str(member(answer, "UploadId"))

    def send_part(self, number: int, content: bytearray) -> None:
        """Send a part. One request."""
        answer = self._send("upload_part", "UploadPart", number, Body=content)
        self._tags[number] = member(answer, "ETag")

    def copy_part(self, number: int, source: dict[str, str], start: int, stop: int, etag: str) -> None:
        """Create a part from a range of another object, up to, but not including, ``stop``. One request.

        :param source: the bucket and the key of the other object.
        :param start: the offset of the first byte.
        :param etag: the entity tag that the other object must have.
        """
        answer = self._send(
            "upload_part_copy",
            "UploadPartCopy",
            number,
            CopySource=source,
            CopySourceRange=f"bytes={start}-{stop - 1}",
            CopySourceIfMatch=etag,
        )
        self._tags[number] = member(member(answer, "CopyPartResult"), "ETag")

    def _send(self, operation: str, name: str, number: int, **parameters: Any) -> Any:
        if number > _PARTS:
            raise errors.OperationFailed(
                self._path, msg=f"'{{path}}' needs more than {_PARTS} parts: set a larger PART_SIZE"
            )
        parameters.update(self._bucket.known(name, self._arguments))
        return self._bucket.request(
            operation, self._path, Key=self._key, UploadId=self._id, PartNumber=number, **parameters
        )

    def complete(self) -> None:
        """Create the object from the parts. One request."""
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in sorted(self._tags.items())]
        parameters = {"UploadId": self._id, "MultipartUpload": {"Parts": parts}}
        parameters.update(self._bucket.known("CompleteMultipartUpload", self._arguments))
        try:
            if self._overwrite:
                self._bucket.request("complete_multipart_upload", self._path, Key=self._key, **parameters)
            else:
                self._bucket.write_new("complete_multipart_upload", self._path, self._key, self._etag, **parameters)
        except S3Refused as error:
            # the first attempt may have succeeded, but its response was lost
            if not (error.code == "NoSuchUpload" and error.repeated):
                raise
            if not self._bucket.holds(self._path, self._key, self._etag()):
                raise

    def _etag(self) -> str:
        # Amazon derives the entity tag from those of the parts, if they are MD5 digests
        with suppress(ValueError):
            digests = b"".join(bytes.fromhex(tag.strip('"')) for _, tag in sorted(self._tags.items()))
            return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(self._tags)}"
        return ""

    def abort(self) -> None:
        """Abort the multipart upload. One request, or none if it did not begin."""
        if self._id is None:
            return
        upload, self._id = self._id, None
        try:
            self._bucket.abort(self._key, upload)
        except errors.FSError as error:
            log.warning(
                "bucket %r: could not abort the unfinished upload %s of %r. It takes space until remove_leftovers() "
                "aborts it: %s",
                self._bucket.name,
                upload,
                self._key,
                error,
            )
