"""Requests to a bucket that change an object only on a condition, so that the server decides between writers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fs import errors

from ..objects.http import strong_tag
from ..store import OtherVersion
from .advice import cannot_encrypt
from .bucket import S3Bucket
from .errors import BucketMissing, S3Refused, was_repeated
from .facts import facts_of, mark_of

_log = logging.getLogger(__name__)

#: What refuses a condition that does not hold.
REFUSED = ("PreconditionFailed", "412")

# a server that does not support a condition says so at its first use, and is not asked again
_WARNINGS = {
    "IfNoneMatch": "If-None-Match, so if several processes write the same new name at the same time, the last one wins",
    "IfMatch": "If-Match, so what another process writes while a version is replaced is lost",
    "DeleteIfMatch": "If-Match for deletions, so what another process writes while a version is deleted is lost",
}

_OPERATIONS = {"put_object": "PutObject", "complete_multipart_upload": "CompleteMultipartUpload"}


class ConditionalWrites:
    """Sends requests that change an object on a condition.

    :param bucket: the bucket.
    :param encryption: returns the parameters that say how the server encrypts. A policy of the bucket may refuse an
        object without them.
    """

    def __init__(self, bucket: S3Bucket, encryption: Callable[[], dict[str, Any]]) -> None:
        self.bucket = bucket
        self._encryption = encryption
        self._knows_conditions_of_copies = True
        self._unsupported: set[str] = set()
        self._keeps_taken: bool | None = None
        #: Whether the server takes no part of an upload that was completed; None before it was tried.
        self.seals: bool | None = None
        #: Whether parts of all numbers are taken, and may be listed; None before it was tried.
        self.keeps_parts: bool | None = None

    def _give_up(self, condition: str) -> None:
        if condition not in self._unsupported:
            self._unsupported.add(condition)
            _log.warning("bucket %r: the server does not support %s", self.bucket.name, _WARNINGS[condition])

    @property
    def decides_versions(self) -> bool:
        """Whether the server decides ``If-Match`` for replacing and for deleting an object, as far as is known."""
        # boto3 has the conditions of both since 1.36
        return self._unsupported.isdisjoint(("IfMatch", "DeleteIfMatch")) and all(
            self.bucket.known(operation, {"IfMatch": ""}) for operation in ("PutObject", "DeleteObject")
        )

    def learn(self, path: str, key: str) -> None:
        """Find out whether the server decides ``If-Match``, or ignores it. Four requests at most.

        :param key: where an object is stored for it, and removed.
        """
        other = '"00000000000000000000000000000000"'
        self._put_probe(path, key)
        try:
            for operation, name in (("put_object", "IfMatch"), ("delete_object", "DeleteIfMatch")):
                parameters = self._encryption() if operation == "put_object" else {}
                if not self._is_refused(operation, path, Key=key, IfMatch=other, **parameters):
                    self._give_up(name)
        finally:
            self.bucket.delete([key])

    def keeps_taken(self, path: str, key: str) -> bool:
        """Return whether the server refuses a PUT with ``If-None-Match: *`` if the key is taken, so that clients may
        send one. Three requests at first, none later.

        :param key: where an object is stored for it, and removed.
        """
        if self._keeps_taken is None:
            try:
                self._put_probe(path, key)
                try:
                    self._keeps_taken = self._is_refused(
                        "put_object", path, Key=key, IfNoneMatch="*", **self._encryption()
                    )
                finally:
                    self.bucket.delete([key])
            except errors.PermissionDenied:
                # who may not try it does not learn it
                self._keeps_taken = False
        return self._keeps_taken

    def _put_probe(self, path: str, key: str) -> None:
        self.bucket.write("put_object", path, Key=key, Body=b"probe", **self._encryption())

    def _is_refused(self, operation: str, path: str, **parameters: Any) -> bool:
        # whether a condition that does not hold is refused, and neither ignored nor unknown to the server
        try:
            self.bucket.request(operation, path, **parameters)
        except errors.ResourceNotFound:
            return True
        except S3Refused as error:
            if error.code in (*REFUSED, "ConditionalRequestConflict"):
                return True
            if error.code != "NotImplemented":
                raise
        return False

    def write_new(self, operation: str, path: str, key: str, mark: str, **parameters: Any) -> Any:
        """Send a request that creates an object, on the condition that the key is free (``If-None-Match: *``).

        If the server does not support the condition, a HeadObject request checks the key before each write, and one
        warning is logged.

        :param mark: the mark that the new object will have.
        :returns: a response with the entity tag of the new object.
        :raises fs.errors.FileExists: if the key is taken.
        """

        def check() -> None:
            if self.bucket.is_taken(path, key):
                raise errors.FileExists(path)

        def send(conditions: dict[str, str]) -> Any:
            return self.bucket.write(operation, path, Key=key, **conditions, **parameters)

        return self._write({"IfNoneMatch": "*"}, operation, path, key, mark, send, check, errors.FileExists)

    def write_over(self, operation: str, path: str, key: str, mark: str, etag: str, **parameters: Any) -> Any:
        """Send a request that replaces an object, on the condition that it has an entity tag (``If-Match``).

        If the server does not support the condition, a HeadObject request checks it before each write, and one warning
        is logged.

        :raises OtherVersion: if the object was replaced or deleted.
        """

        def check() -> None:
            if self._etag(path, key) != etag:
                raise OtherVersion(path)

        def send(conditions: dict[str, str]) -> Any:
            try:
                return self.bucket.request(operation, path, Key=key, **conditions, **parameters)
            except errors.ResourceNotFound as error:
                raise OtherVersion(path, exc=error) from error

        return self._write({"IfMatch": f'"{etag}"'}, operation, path, key, mark, send, check, OtherVersion)

    def _write(
        self,
        condition: dict[str, str],
        operation: str,
        path: str,
        key: str,
        mark: str,
        send: Callable[[dict[str, str]], Any],
        check: Callable[[], None],
        refusal: type[errors.ResourceError],
    ) -> Any:
        (name,) = condition
        for _ in range(3):
            conditions = {} if name in self._unsupported else self.bucket.known(_OPERATIONS[operation], condition)
            # the parts took their time, and not every server reads the condition there
            if not conditions or (name == "IfMatch" and operation == "complete_multipart_upload"):
                check()
            try:
                return send(conditions)
            except S3Refused as error:
                if not conditions:
                    raise
                if error.code == "NotImplemented" and not cannot_encrypt(error.code, error.details):
                    self._give_up(name)
                elif error.code in REFUSED:
                    # the first attempt may have succeeded, but its response was lost
                    if error.repeated and (found := self.find(path, key, mark)) is not None:
                        return found
                    if name == "IfMatch":
                        # OpenStack Swift compares another entity tag where an object was sent in parts
                        check()
                        return send({})
                    raise refusal(path, exc=error) from error
                elif error.code != "ConditionalRequestConflict":
                    raise
        # another process was writing this key during all three attempts
        raise refusal(path)

    def find(self, path: str, key: str, mark: str) -> Any:
        """Return the response to HEAD for an object if it has this mark, and None if not."""
        try:
            answer = self.bucket.head(path, Key=key)
        except errors.ResourceNotFound:
            return None
        return answer if mark_of(answer) == mark else None

    def delete(self, path: str, key: str, etag: str | None) -> bool:
        """Delete an object, on the condition that it has an entity tag (``If-Match``). One request.

        If the server does not support the condition, it is left out, and one warning is logged. Callers look at the
        object right before.

        :returns: whether it was deleted; False if it was replaced, or is missing.
        """
        conditions = {}
        if etag is not None and "DeleteIfMatch" not in self._unsupported:
            # boto3 has this parameter since 1.36
            conditions = self.bucket.known("DeleteObject", {"IfMatch": f'"{etag}"'})
        try:
            self.bucket.request("delete_object", path, Key=key, **conditions)
        except errors.ResourceNotFound as error:
            return was_repeated(error.exc)
        except S3Refused as error:
            if not conditions:
                raise
            if error.code == "NotImplemented":
                self._give_up("DeleteIfMatch")
                return self.delete(path, key, None)
            if error.code == "ConditionalRequestConflict":
                return False
            if error.code not in REFUSED:
                raise
            found = self._etag(path, key)
            # the first attempt may have deleted it, but its response was lost
            if found is None:
                return error.repeated
            # OpenStack Swift compares another entity tag where an object was sent in parts
            return found == etag and self.delete(path, key, None)
        return True

    def _etag(self, path: str, key: str) -> str | None:
        try:
            return facts_of(self.bucket.head(path, Key=key)).etag
        except errors.ResourceNotFound:
            return None

    def copy(
        self,
        path: str,
        target: str,
        require: Callable[[], Any],
        *,
        overwrite: bool,
        replaces: str | None,
        **parameters: Any,
    ) -> Any:
        """Copy an object, and return the response.

        :param path: the path of the file, for error messages, like ``target``.
        :param require: returns the response to HEAD for the source, or raises an error if it is missing.
        :param replaces: the entity tag that the target has, as a look at it told, and must still have; None for any.
        :raises fs.errors.FileExists: if the target exists and ``overwrite`` is false.
        :raises OtherVersion: if the target was replaced or deleted.
        """
        key, condition = parameters["Key"], {}

        def is_kept() -> bool:
            if replaces is not None:
                return self._etag(target, key) == replaces
            return not self.bucket.is_taken(target, key)

        refusal = errors.FileExists if replaces is None else OtherVersion
        if replaces is not None:
            condition = {"IfMatch": f'"{replaces}"'}
        elif not overwrite:
            condition = {"IfNoneMatch": "*"}
            # servers without support for the condition ignore it in a copy, so the key is checked first
            if not is_kept():
                # a missing source is reported before a taken target
                require()
                raise refusal(target)
        # boto3 has these parameters since 1.41
        conditions = self.bucket.known("CopyObject", condition) if self._knows_conditions_of_copies else {}
        try:
            return self._copy(path, require, {**parameters, **conditions})
        except errors.ResourceNotFound as error:
            if replaces is None:
                raise
            # of the source, or of the target whose version is the condition
            require()
            raise OtherVersion(target, exc=error) from error
        except S3Refused as error:
            if error.code == "ConditionalRequestConflict":
                # another process is writing the target
                raise refusal(target, exc=error) from error
            if error.code not in ("NotImplemented", *REFUSED) or not conditions:
                raise
            if not is_kept():
                raise refusal(target, exc=error) from error
            only = parameters.get("CopySourceIfMatch")
            if error.code in REFUSED and only is not None and facts_of(require()).etag != strong_tag(only):
                raise
            # OpenStack Swift applies the condition to the source
            self._knows_conditions_of_copies = False
            return self._copy(path, require, parameters)

    def _copy(self, path: str, require: Callable[[], Any], parameters: dict[str, Any]) -> Any:
        try:
            return self.bucket.request("copy_object", path, **parameters)
        except BucketMissing:
            # it may be that of the source
            require()
            return self.bucket.write("copy_object", path, **parameters)
