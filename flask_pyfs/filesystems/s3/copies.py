"""Copying an object inside a bucket or from another one, and moving it."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, NamedTuple

from fs import errors

from ..objects.http import known_encoding, strong_tag
from ..objects.writer import in_parts
from ..store import SourceChanged
from .bucket import NOT_IN_XML
from .conditional import REFUSED, ConditionalWrites
from .errors import S3Refused
from .facts import facts_of, mark_of, new_metadata
from .upload import S3Upload

_log = logging.getLogger(__name__)

# of an MD5
_DIGITS = 32

# the parameters that a copy takes over from its source
_DESCRIPTION = {"CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires"}


class _Copy(NamedTuple):
    """A copy that was made.

    :param etag: the entity tag that proves that the source has not changed since. That of a source in parts proves
        nothing, because the entity tag of its copy is another one; nor does that of a copy that KMS encrypts.
    :param is_digest: whether it may be the MD5 of the content.
    """

    etag: str | None
    is_digest: bool


@dataclass(frozen=True)
class Copies:
    """Copies and moves objects. Paths are those of the filesystem.

    :param writes: the conditional writes of the bucket.
    :param full_key: returns the key of a path.
    :param head: returns the response to HEAD for a path.
    :param arguments: parameters of the S3 API for new objects, such as ACL or StorageClass.
    :param part_size: the size in bytes of the parts in which a large object is copied.
    """

    writes: ConditionalWrites
    full_key: Callable[[str], str]
    head: Callable[[str], Any]
    arguments: dict[str, Any]
    part_size: int

    def copy(
        self,
        path: str,
        target: str,
        *,
        overwrite: bool,
        only: str | None = None,
        origin: Copies | None = None,
        replaces: str | None = None,
        note: str | None = None,
    ) -> _Copy:
        """Copy an object.

        :param only: the entity tag that the source must have, in its quotes, or None.
        :param origin: the copies of the bucket of the source, if that is another one.
        :param replaces: the entity tag that the target must have, or None.
        :param note: the note of the copy. One request more, because the metadata must be sent with it then.
        :raises SourceChanged: with a note, if the source changed meanwhile.
        """
        origin = origin or self
        source = {"Bucket": origin.writes.bucket.name, "Key": origin.full_key(path)}
        parameters = self._own
        if note is not None:
            found = origin.head(path)
            only = found.get("ETag")
            parameters = self._described(found, self.full_key(target), note)
        elif NOT_IN_XML.search(path):
            origin.head(path)
        if only is not None:
            parameters["CopySourceIfMatch"] = only
        parameters = self.writes.bucket.known("CopyObject", parameters)
        try:
            answer = self.writes.copy(
                path,
                target,
                lambda: origin.head(path),
                overwrite=overwrite,
                replaces=replaces,
                Key=self.full_key(target),
                CopySource=source,
                **parameters,
            )
        except S3Refused as error:
            if note is not None and error.code in REFUSED:
                raise SourceChanged(path, exc=error) from error
            head = origin.head(path) if error.code in ("EntityTooLarge", "InvalidRequest") else None
            if head is None or head["ContentLength"] <= self.part_size or only not in (None, head.get("ETag")):
                raise
            self._copy_parts(source, head, target, overwrite=overwrite, replaces=replaces, note=note)
            return _Copy(facts_of(head).etag, is_digest=False)
        etag = strong_tag(answer["CopyObjectResult"]["ETag"])
        return _Copy(etag, is_digest=_is_digest(answer, etag))

    @property
    def _own(self) -> dict[str, Any]:
        return {name: value for name, value in self.arguments.items() if name not in _DESCRIPTION}

    def _as(self, head: Any) -> dict[str, Any]:
        """Return the parameters of a new object that is to have the metadata of another one."""
        described = {name: value for name, value in head.items() if name in _DESCRIPTION}
        described["ContentEncoding"] = known_encoding(described.get("ContentEncoding", ""))
        described["Metadata"] = {name: _ascii(value) for name, value in head.get("Metadata", {}).items()}
        return {**self._own, **{name: value for name, value in described.items() if value is not None}}

    def _described(self, head: Any, key: str, note: str) -> dict[str, Any]:
        parameters = self._as(head)
        metadata = new_metadata(parameters["Metadata"], self.writes.bucket.name, key, token_hex(8), note)
        return {**parameters, "Metadata": metadata, "MetadataDirective": "REPLACE"}

    def _copy_parts(
        self,
        source: dict[str, str],
        head: Any,
        target: str,
        *,
        overwrite: bool,
        replaces: str | None,
        note: str | None,
    ) -> None:
        upload = S3Upload(
            self.writes,
            target,
            self.full_key(target),
            overwrite=overwrite,
            arguments=self._as(head),
            replaces=replaces,
            note=note,
        )
        size = head["ContentLength"]
        with in_parts(upload):
            for number, start in enumerate(range(0, size, self.part_size), 1):
                upload.copy_part(number, source, start, min(start + self.part_size, size), head.get("ETag"))

    def move(self, path: str, target: str, *, overwrite: bool) -> None:
        """Copy an object, prove that the copy is of the version that is there, and delete that version.

        A version that was written after the copy stays, as if it had been written after the move.
        """
        etag, is_digest = self.copy(path, target, overwrite=overwrite)
        with suppress(errors.ResourceNotFound):
            source = self.head(path)
            found = facts_of(source).etag
            is_copied = found is not None and found == etag
            if not is_copied and not (is_digest and _is_digest(source, found)):
                is_copied = self._is_copy(target, source) or self._copy_again(path, target, source, etag)
            if is_copied:
                self.writes.delete(path, self.full_key(path), found)
            else:
                _log.info("bucket %r: %r was written after it was copied, and stays", self.writes.bucket.name, path)

    def _is_copy(self, target: str, source: Any) -> bool:
        # a copy inherits the mark
        mark = mark_of(source)
        return mark is not None and self.writes.find(target, self.full_key(target), mark) is not None

    def _copy_again(self, path: str, target: str, source: Any, copied: str | None) -> bool:
        # an object in parts that has no mark is copied a second time, now this version of it
        if copied is None or mark_of(source) is not None or facts_of(self.head(target)).etag != copied:
            return False
        try:
            self.copy(path, target, overwrite=True, only=source.get("ETag"))
        except S3Refused:
            return False
        # some servers ignore the condition
        return facts_of(self.head(path)).etag == facts_of(source).etag


def _ascii(value: str) -> str:
    # boto3 sends nothing else, and reads headers as ISO-8859-1; S3 itself answers in this form (RFC 2047)
    return value if value.isascii() else f"=?UTF-8?B?{b64encode(value.encode('iso-8859-1')).decode()}?="


def _is_digest(answer: Any, etag: str | None) -> bool:
    # the entity tag of an object in parts, or that S3 encrypts with other keys, is another one for a copy
    encrypts = str(answer.get("ServerSideEncryption", "")).startswith("aws:kms") or "SSECustomerAlgorithm" in answer
    return not encrypts and len(etag or "") == _DIGITS
