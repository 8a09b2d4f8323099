"""Requests to a bucket."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError
from fs import errors

from ...errors import StoreMisconfigured
from ..objects.clients import PerProcess
from .advice import is_of_s3
from .client import S3Settings
from .errors import BucketMissing, S3Refused, is_mute, not_deleted, s3_answers, s3_errors

# seconds for which a response of the bucket proves that it exists
_PROOF = 10.0

# the most keys in one DeleteObjects request (a limit of S3)
_BATCH = 1000

#: Characters that XML cannot contain, or that XML parsers change. The error of a GET has the key.
NOT_IN_XML = re.compile("[\x00-\x1f\x7f\ufffe\uffff]")


class S3Bucket:
    """Sends requests to a bucket. Keys are full keys here, with the prefix of the filesystem.

    :param name: the name of the bucket.
    :param clients: returns the client of the current process.
    :param settings: the settings of the client, for messages.
    :param create: create the bucket on the first write.
    """

    def __init__(self, name: str, clients: PerProcess[Any], settings: S3Settings, *, create: bool) -> None:
        self.name = name
        self.create = create
        self._clients = clients
        # contexts that know the settings; classes, so that a request takes no call more
        self.guard: type[s3_errors] = type("s3_errors", (s3_errors,), {"settings": settings})
        self.answers: type[s3_answers] = type("s3_answers", (s3_answers,), {"settings": settings})
        self._answered = float("-inf")
        # a server of S3 whose answers have no header that only S3 has
        self._has_no_sign = False

    def request(self, operation: str, path: str = "", **parameters: Any) -> Any:
        """Send a request and return its response.

        :param operation: the name of a method of the client.
        :param path: the path of the file, for error messages.
        :raises S3Refused: if a condition does not hold, or for another reason that the caller may handle.
        :raises fs.errors.FSError: if the request fails otherwise.
        """
        client = self._client(path)
        with self.answers(self.name, path):
            answer = getattr(client, operation)(Bucket=self.name, **parameters)
        self._answered = time.monotonic()
        return answer

    def _client(self, path: str = "") -> Any:
        with self.guard(self.name, path):
            return self._clients()

    def read(self, operation: str, path: str = "", **parameters: Any) -> Any:
        """Send a request that reads. A bucket that the first write will create counts as empty."""
        try:
            return self.request(operation, path, **parameters)
        except BucketMissing:
            if not self.create:
                raise
            raise errors.ResourceNotFound(path) from None

    def head(self, path: str, **parameters: Any) -> Any:
        """Send a HeadObject request. The answer has no body: one more request is sent if the bucket may be missing, if
        the server may not be one of S3, or to learn the reason of a refusal.
        """
        try:
            return self.read("head_object", path, **parameters)
        except errors.ResourceNotFound as error:
            if not self._has_no_sign and not (isinstance(error.exc, ClientError) and is_of_s3(error.exc)):
                self._has_no_sign = self._ask_again(path, parameters)
            # a missing bucket looks like a missing object
            if not self.create and time.monotonic() - self._answered > _PROOF:
                self._require()
            raise
        except errors.FSError as error:
            if is_mute(getattr(error, "exc", None)):
                # this refusal stands, whatever becomes of the second request
                with suppress(errors.RemoteConnectionError, errors.OperationTimeout):
                    self._ask_again(path, parameters)
            raise

    def _ask_again(self, path: str, parameters: dict[str, Any]) -> bool:
        # the answer to a GET says why it is refused; but not if that cannot be parsed
        if NOT_IN_XML.search(parameters["Key"]):
            return False
        with suppress(errors.ResourceNotFound):
            try:
                same = self.known("GetObject", parameters)
                self.read("get_object", path, **{**same, "Range": "bytes=0-0"})["Body"].close()
            except S3Refused as error:
                if error.code != "InvalidRange":
                    raise
        return True

    def _require(self) -> None:
        try:
            self.request("head_bucket")
        except errors.ResourceNotFound as error:
            raise self.guard(self.name).bucket_missing(error) from error

    def write(self, operation: str, path: str, **parameters: Any) -> Any:
        """Send a request that writes. Create the bucket if it is missing and ``create`` is set."""
        try:
            return self.request(operation, path, **parameters)
        except BucketMissing:
            if not self.create:
                raise
        is_ours = self._make()
        try:
            return self.request(operation, path, **parameters)
        except errors.PermissionDenied as error:
            if is_ours:
                raise
            taken = f"BUCKET {self.name!r} belongs to another account: set BUCKET to another name"
            raise self.guard(self.name, path).explain(StoreMisconfigured, taken, error.exc) from error

    def _make(self) -> bool:
        # whether the bucket belongs to this account, as far as the server tells
        region = self._client().meta.region_name
        # Amazon rejects a LocationConstraint for us-east-1 (CreateBucket in the S3 API)
        parameters: dict[str, Any] = {}
        if region not in (None, "us-east-1", "aws-global"):
            parameters["CreateBucketConfiguration"] = {"LocationConstraint": region}
        try:
            self.request("create_bucket", **parameters)
        except S3Refused as error:
            # another process has just created it; if it belongs to another account, the write fails
            if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists", "OperationAborted"):
                raise
            return error.code != "BucketAlreadyExists"
        return True

    def prepare(self) -> None:
        """Create the bucket if it is missing and ``create`` is set. One request, or two, on the first call."""
        if self.create and self._answered == float("-inf"):
            try:
                self.request("head_bucket")
            except errors.ResourceNotFound:
                self._make()
            except errors.PermissionDenied:
                # the right to write does not include s3:ListBucket, which HeadBucket needs
                pass

    def known(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return only the arguments that an operation accepts.

        :param operation: the name of the operation in the S3 API.
        """
        if not arguments:
            return {}
        members = self._client().meta.service_model.operation_model(operation).input_shape.members
        return {name: value for name, value in arguments.items() if name in members}

    def as_fields(self, arguments: dict[str, Any]) -> dict[str, str]:
        """Convert arguments of PutObject to the fields of a POST form."""
        members = self._client().meta.service_model.operation_model("PutObject").input_shape.members
        return {
            "acl" if name == "ACL" else members[name].serialization["name"]: str(value)
            for name, value in arguments.items()
            if name in members and not isinstance(value, dict)
        }

    def is_taken(self, path: str, key: str) -> bool:
        """Return whether an object with this key exists."""
        try:
            self.head(path, Key=key)
        except errors.ResourceNotFound:
            return False
        return True

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, 1,000 per request. Missing objects are ignored."""
        remaining = iter(keys)
        while batch := list(islice(remaining, _BATCH)):
            many = [key for key in batch if not NOT_IN_XML.search(key)]
            single = [key for key in batch if NOT_IN_XML.search(key)]
            if len(many) > 1:
                self._delete_many(many)
            else:
                single += many
            self._delete_each(single)

    def _delete_each(self, keys: list[str]) -> None:
        for key in keys:
            # some servers answer 404 for a missing object
            with suppress(errors.ResourceNotFound):
                self.read("delete_object", key, Key=key)

    def _delete_many(self, keys: list[str]) -> None:
        listed = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        try:
            failures = self.read("delete_objects", Delete=listed).get("Errors", ())
        except errors.ResourceNotFound:
            return
        except S3Refused as error:
            if error.code != "NotImplemented":
                raise
            self._delete_each(keys)
            return
        for failure in failures:
            if failure.get("Code") != "NoSuchKey":
                raise not_deleted(self.name, failure, len(failures))

    def abort(self, key: str, upload: str) -> bool:
        """Abort an unfinished upload. Return False if it no longer exists. One request."""
        try:
            self.request("abort_multipart_upload", key, Key=key, UploadId=upload)
        except S3Refused as error:
            if error.code != "NoSuchUpload":
                raise
            return False
        return True
