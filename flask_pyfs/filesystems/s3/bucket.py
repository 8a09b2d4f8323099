"""The requests that are made of a bucket."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from fs import errors

from ..objects.clients import PerProcess
from .errors import BucketMissing, S3Refused, not_deleted, s3_errors
from .facts import member

log = logging.getLogger(__name__)

# seconds for which an answer proves that the bucket exists
_PROOF = 10.0

# the most keys of a request
_BATCH = 1000

# characters of keys that XML does not have, or that its parsers change
_NOT_IN_XML = re.compile("[\x00-\x1f\x7f\ufffe\uffff]")


class S3Bucket:
    """A bucket, and the requests that are made of it. Keys are whole here.

    :param name: its name.
    :param clients: returns the client of the process.
    :param create: make the bucket when something is first written to it.
    """

    def __init__(self, name: str, clients: PerProcess[Any], *, create: bool) -> None:
        self.name = name
        self.create = create
        self.knows_conditions = True
        self.knows_conditions_of_copies = True
        self._clients = clients
        self._answered = float("-inf")

    def request(self, operation: str, path: str = "", **parameters: Any) -> Any:
        """Send a request and return its answer.

        :param operation: the name of a method of the client.
        :param path: the path of the file, for errors.
        :raises S3Refused: where the server refuses a condition, or something else that the caller may know.
        :raises fs.errors.FSError: where it refuses otherwise, or fails.
        """
        with s3_errors(self.name, path):
            answer = getattr(self._clients(), operation)(Bucket=self.name, **parameters)
        self._answered = time.monotonic()
        return answer

    def _client(self, path: str = "") -> Any:
        with s3_errors(self.name, path):
            return self._clients()

    def read(self, operation: str, path: str = "", **parameters: Any) -> Any:
        """Send a request that reads. In a bucket that is still to be made there is nothing."""
        try:
            return self.request(operation, path, **parameters)
        except BucketMissing:
            if not self.create:
                raise
            raise errors.ResourceNotFound(path) from None

    def head(self, path: str, **parameters: Any) -> Any:
        """Ask for the facts of an object."""
        try:
            return self.read("head_object", path, **parameters)
        except errors.ResourceNotFound:
            # an answer to HEAD has no body that would say what is not there
            if not self.create and time.monotonic() - self._answered > _PROOF:
                self._require()
            raise

    def _require(self) -> None:
        try:
            self.request("head_bucket")
        except errors.ResourceNotFound as error:
            raise BucketMissing.named(self.name) from error

    def write(self, operation: str, path: str, **parameters: Any) -> Any:
        """Send a request that writes. A bucket that is still to be made is made now."""
        try:
            return self.request(operation, path, **parameters)
        except BucketMissing:
            if not self.create:
                raise
        self._make()
        return self.request(operation, path, **parameters)

    def _make(self) -> None:
        region = self._client().meta.region_name
        # Amazon takes every region's name but this one's
        parameters: dict[str, Any] = {}
        if region not in (None, "us-east-1", "aws-global"):
            parameters["CreateBucketConfiguration"] = {"LocationConstraint": region}
        try:
            self.request("create_bucket", **parameters)
        except S3Refused as error:
            # another one has just made it; where it is not ours, the write will say so
            if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists", "OperationAborted"):
                raise

    def prepare(self) -> None:
        """Make the bucket, where it is to be made and is not there. One request at first."""
        if self.create and self._answered == float("-inf"):
            try:
                self.request("head_bucket")
            except errors.ResourceNotFound:
                self._make()
            except errors.PermissionDenied:
                # who may write need not be allowed to ask
                pass

    def known(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return those of the arguments that an operation takes.

        :param operation: its name in the S3 API.
        """
        if not arguments:
            return {}
        members = self._client().meta.service_model.operation_model(operation).input_shape.members
        return {name: value for name, value in arguments.items() if name in members}

    def as_fields(self, arguments: dict[str, Any]) -> dict[str, str]:
        """Return arguments of PutObject as the fields of a form have them."""
        members = self._client().meta.service_model.operation_model("PutObject").input_shape.members
        return {
            "acl" if name == "ACL" else members[name].serialization["name"]: str(value)
            for name, value in arguments.items()
            if name in members and not isinstance(value, dict)
        }

    def is_taken(self, path: str, key: str) -> bool:
        """Whether there is an object of that key."""
        try:
            self.head(path, Key=key)
        except errors.ResourceNotFound:
            return False
        return True

    def write_new(self, operation: str, path: str, key: str, etag: Callable[[], str], **parameters: Any) -> None:
        """Send a request that makes an object visible, under the condition that there is none of that key.

        Several at once are decided by the server. One that does not know the condition is asked before, and a warning
        is logged, once.

        :param etag: returns the entity tag that the object will have.
        :raises fs.errors.FileExists: where there is one.
        """
        for _ in range(3):
            if not self.knows_conditions:
                if self.is_taken(path, key):
                    raise errors.FileExists(path)
                self.write(operation, path, Key=key, **parameters)
                return
            try:
                self.write(operation, path, Key=key, IfNoneMatch="*", **parameters)
                return
            except S3Refused as error:
                if error.code == "NotImplemented":
                    self.knows_conditions = False
                    log.warning(
                        "bucket %r: the server does not know If-None-Match, so of several who write a new name at the "
                        "same time the last one wins",
                        self.name,
                    )
                elif error.code in ("PreconditionFailed", "412"):
                    if error.repeated and self.holds(path, key, etag()):
                        # the first answer was lost
                        return
                    raise errors.FileExists(path, exc=error) from error
                elif error.code != "ConditionalRequestConflict":
                    raise
        # three times, another one was writing it
        raise errors.FileExists(path)

    def copy(self, path: str, target: str, *, overwrite: bool, **parameters: Any) -> None:
        """Copy an object.

        :param path: the path of its file, for errors, like ``target``.
        :raises fs.errors.FileExists: without ``overwrite``, where the target is taken.
        """
        key, conditions = parameters["Key"], {}
        if not overwrite:
            # a server that does not know the condition ignores it here, so its answer is not enough
            if self.is_taken(target, key):
                # what is not there cannot be in the way
                self.head(path, Key=parameters["CopySource"]["Key"])
                raise errors.FileExists(target)
            # boto3 knows it since 1.41
            if self.knows_conditions_of_copies:
                conditions = self.known("CopyObject", {"IfNoneMatch": "*"})
        try:
            self.read("copy_object", path, **parameters, **conditions)
        except S3Refused as error:
            if error.code not in ("PreconditionFailed", "NotImplemented", "412") or not conditions:
                raise
            if self.is_taken(target, key):
                raise errors.FileExists(target, exc=error) from error
            # OpenStack Swift takes the condition for one of the source
            self.knows_conditions_of_copies = False
            self.read("copy_object", path, **parameters)

    def holds(self, path: str, key: str, etag: str) -> bool:
        """Whether there is an object of that key with that entity tag."""
        try:
            found = self.head(path, Key=key)["ETag"]
        except errors.ResourceNotFound:
            return False
        return bool(found.strip('"') == etag)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, a thousand in a request. What is not there is no error."""
        remaining = iter(keys)
        while batch := list(islice(remaining, _BATCH)):
            many = [key for key in batch if not _NOT_IN_XML.search(key)]
            single = [key for key in batch if _NOT_IN_XML.search(key)]
            if len(many) > 1:
                self._delete_many(many)
            else:
                single += many
            self._delete_each(single)

    def _delete_each(self, keys: list[str]) -> None:
        for key in keys:
            # some servers answer 404 for what is not there
            with suppress(errors.ResourceNotFound):
                self.read("delete_object", key, Key=key)

    def _delete_many(self, keys: list[str]) -> None:
        listed = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        try:
            refused = self.read("delete_objects", Delete=listed).get("Errors", ())
        except errors.ResourceNotFound:
            return
        except S3Refused as error:
            if error.code != "NotImplemented":
                raise
            self._delete_each(keys)
            return
        for refusal in refused:
            if refusal.get("Code") != "NoSuchKey":
                raise not_deleted(self.name, refusal, len(refused))

    def list(self, prefix: str, delimiter: str | None, limit: int | None) -> Iterator[tuple[str, Any]]:
        """Iterate over the keys that start with a prefix, with what the listing says of their objects, a thousand in a
        request.

        :param delimiter: where it is given, those below the next one come once, as the key to there with None.
        :param limit: the most keys that are wanted.
        """
        parameters: dict[str, Any] = {"Prefix": prefix}
        if delimiter is not None:
            parameters["Delimiter"] = delimiter
        if limit is not None:
            parameters["MaxKeys"] = limit
        return islice(self._entries(parameters), limit)

    def _entries(self, parameters: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        for page in self._pages("list_objects_v2", {"ContinuationToken": "NextContinuationToken"}, parameters):
            for below in page.get("CommonPrefixes", ()):
                yield below["Prefix"], None
            for entry in page.get("Contents", ()):
                yield entry["Key"], entry

    def unfinished(self, prefix: str) -> Iterator[Any]:
        """Iterate over the unfinished uploads of keys that start with a prefix, a thousand in a request."""
        markers = {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"}
        for page in self._pages("list_multipart_uploads", markers, {"Prefix": prefix}):
            yield from page.get("Uploads", ())

    def _pages(self, operation: str, markers: dict[str, str], parameters: dict[str, Any]) -> Iterator[Any]:
        while True:
            try:
                page = self.read(operation, **parameters)
            except errors.ResourceNotFound:
                return
            yield page
            if not page.get("IsTruncated"):
                return
            parameters.update({name: member(page, following) for name, following in markers.items()})

    def abort(self, key: str, upload: str) -> bool:
        """Abort an unfinished upload, and return False where there is no such upload any more."""
        try:
            self.request("abort_multipart_upload", key, Key=key, UploadId=upload)
        except S3Refused as error:
            if error.code != "NoSuchUpload":
                raise
            return False
        return True
