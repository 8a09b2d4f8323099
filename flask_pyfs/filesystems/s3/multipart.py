"""Objects that clients send to a bucket in parts, by URLs that the app signs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from fs import errors

from ..parts import MOST_PARTS, Made, Part, WrongParts
from .conditional import ConditionalWrites
from .errors import S3Refused
from .facts import facts_of, new_metadata, written_version
from .listing import list_parts
from .signing import Signer

# what the server answers if the parts do not fit
_WRONG = ("EntityTooSmall", "InvalidPart", "InvalidPartOrder")


class ObjectInParts:
    """One object that clients send in parts; see :class:`~flask_pyfs.filesystems.parts.InParts`.

    The parts have no checksum but that of TLS and the entity tag: what a browser sends has none.

    :param writes: the conditional writes of the bucket.
    :param signer: returns what signs URLs.
    :param path: the path of the file, for error messages.
    :param key: the key of the object.
    :param arguments: what new objects have by the settings, such as ContentType, ACL or StorageClass.
    """

    def __init__(
        self, writes: ConditionalWrites, signer: Callable[[], Signer], path: str, key: str, arguments: dict[str, Any]
    ) -> None:
        self._writes = writes
        self._bucket = writes.bucket
        self._signer = signer
        self._path = path
        self._key = key
        self._arguments = arguments

    def begin(self, mark: str, *, content_type: str | None = None) -> str:
        arguments = self._arguments
        if content_type is not None:
            arguments = {**arguments, "ContentType": content_type}
        metadata = new_metadata(arguments.get("Metadata", {}), self._bucket.name, self._key, mark, None)
        parameters = self._bucket.known("CreateMultipartUpload", {**arguments, "Metadata": metadata})
        answer = self._bucket.write("create_multipart_upload", self._path, Key=self._key, **parameters)
        return str(answer["UploadId"])

    def signed(self, upload: str, number: int, lifetime: int) -> str:
        with self._bucket.guard(self._bucket.name, self._path):
            named = {"Bucket": self._bucket.name, "Key": self._key, "UploadId": upload, "PartNumber": number}
            return self._signer().request("upload_part", lifetime, **named)

    def parts(self, upload: str) -> dict[int, Part] | None:
        try:
            listed = list(list_parts(self._bucket, self._key, upload))
        except S3Refused as error:
            if error.code != "NoSuchUpload":
                raise
            return None
        return {
            each["PartNumber"]: Part(each["Size"], each["ETag"].strip('"'), each["LastModified"]) for each in listed
        }

    def keeps_parts(self) -> bool:
        """Return whether the server takes a part of each number up to :data:`MOST_PARTS`, and lists it to these
        credentials. It is tried once, with an upload that is aborted then: four requests at first, none later.
        """
        if self._writes.keeps_parts is None:
            try:
                self._writes.keeps_parts = self._is_listed()
            except (S3Refused, errors.PermissionDenied):
                # the S3 of Swift takes 1,000 parts, unless it is told to take more
                self._writes.keeps_parts = False
        return self._writes.keeps_parts

    def _is_listed(self) -> bool:
        upload = self.begin(token_hex(8))
        try:
            self._send_probe(upload, MOST_PARTS)
            return MOST_PARTS in (self.parts(upload) or ())
        finally:
            self.abort(upload)

    def _send_probe(self, upload: str, number: int) -> Any:
        named = {"UploadId": upload, "PartNumber": number}
        return self._bucket.write("upload_part", self._path, Key=self._key, Body=b"probe", **named)

    def complete(self, upload: str, parts: Sequence[tuple[int, str]], mark: str, *, overwrite: bool) -> str | None:
        if not overwrite and self._bucket.is_taken(self._path, self._key):
            # not every server reads the condition of a completion
            return self._made(mark, errors.FileExists(self._path))
        named = [{"PartNumber": number, "ETag": f'"{tag}"'} for number, tag in parts]
        parameters: dict[str, Any] = {"UploadId": upload, "MultipartUpload": {"Parts": named}}
        try:
            answer = self._completed(mark, parameters, overwrite=overwrite)
        except errors.FileExists as error:
            return self._made(mark, error)
        except S3Refused as error:
            if error.code in _WRONG:
                raise WrongParts(error.code) from error
            if error.code != "NoSuchUpload":
                raise
            # another request may have completed it
            return self._made(mark, errors.ResourceNotFound(self._path, error))
        return written_version(mark, answer)

    def _completed(self, mark: str, parameters: dict[str, Any], *, overwrite: bool) -> Any:
        operation = "complete_multipart_upload"
        if overwrite:
            return self._bucket.write(operation, self._path, Key=self._key, **parameters)
        return self._writes.write_new(operation, self._path, self._key, mark, **parameters)

    def _made(self, mark: str, otherwise: errors.FSError) -> str | None:
        found = self.found(mark)
        if found is None:
            raise otherwise
        return found.version

    def found(self, mark: str) -> Made | None:
        answer = self._writes.find(self._path, self._key, mark)
        if answer is None:
            return None
        facts = facts_of(answer)
        return Made(facts.version, facts.size)

    def copying(self) -> dict[str, str]:
        # UploadPartCopy
        return {"x-amz-copy-source": quote(f"{self._bucket.name}/{self._key}")}

    def is_sealed(self) -> bool:
        if self._writes.seals is None:
            try:
                self._writes.seals = self._is_forgotten()
            except errors.PermissionDenied:
                # who may not try it does not learn it
                self._writes.seals = False
        return self._writes.seals

    def _is_forgotten(self) -> bool:
        # a server that lists the parts of a completed upload takes others in their place: the S3 of Swift does
        mark = token_hex(8)
        upload = self.begin(mark)
        try:
            part = self._send_probe(upload, 1)
            self.complete(upload, [(1, part["ETag"].strip('"'))], mark, overwrite=True)
            return self.parts(upload) is None
        finally:
            try:
                self.abort(upload)
            finally:
                self._bucket.delete([self._key])

    def abort(self, upload: str) -> None:
        # some servers answer so to an upload that was completed
        with suppress(errors.ResourceNotFound):
            self._bucket.abort(self._key, upload)
