"""A bucket of S3, or of a server with an S3 interface, as a filesystem."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import MISSING, fields, replace
from datetime import datetime, timedelta, timezone
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from fs import errors
from fs.info import Info
from fs.time import datetime_to_epoch

from ... import files
from ...errors import StoreMisconfigured
from ...names import Reserved, has_reserved
from ...options import Secret
from ..base import Readable
from ..objects.clients import PerProcess, shared_client
from ..objects.filesystem import ObjectFS
from ..objects.http import HTTPBody, byte_range, closed_on_error, replaced, require_start
from ..objects.parts import Part, Range, make_parts, plan
from ..objects.reader import Body
from ..objects.store import Content
from ..parts import MOST_PARTS, SMALLEST_PART
from ..store import DAY, Description, Facts, OtherVersion, RangeNotSatisfiable, StoreFS, Unchanged
from .bucket import NOT_IN_XML, S3Bucket
from .client import S3Settings, make_client, make_session
from .conditional import ConditionalWrites
from .copies import Copies
from .errors import S3Refused
from .facts import described, facts_of, listed_facts, note_of, range_of
from .listing import list_keys, list_parts, list_uploads
from .multipart import ObjectInParts
from .signing import LONGEST, Signer
from .upload import S3Upload

if TYPE_CHECKING:
    from ... import _untyped as fs_s3fs
    from .pieces import Bucket
else:
    import fs_s3fs

# how many files are joined first, if there are more than an object may have parts
_GROUP = 1000

# the options of a client that fs_s3fs does not have
_CLIENT_OPTIONS = {each.name for each in fields(S3Settings) if each.default is not MISSING}


class S3FS(ObjectFS, fs_s3fs.S3FS):
    """A bucket as a filesystem: an ``fs_s3fs.S3FS`` that streams, and needs no directory markers.

    :param bucket_name: the name of the bucket.
    :param arguments: further positional arguments of ``fs_s3fs.S3FS``; see its documentation.
    :param storage_class: the storage class of new objects.
    :param sse: how the server encrypts new objects: ``AES256`` with a key of its own, ``aws:kms`` with one of KMS.
    :param sse_kms_key_id: the key of KMS, by its identifier, ARN or alias; without it, the account's own for S3.
    :param create_bucket: create the bucket on the first write; until then it counts as empty. Otherwise a missing
        bucket is an error.
    :param part_size: the size of a part in bytes; larger objects are sent in parts of this size. S3 allows 5 MiB to
        5 GiB, and 10,000 parts per object.
    :param options: keyword arguments of ``fs_s3fs.S3FS``, and those of
        :class:`~flask_pyfs.filesystems.s3.client.S3Settings`: ``addressing_style``, ``timeout``, ``retries`` and
        ``public_endpoint_url``.
    """

    #: The size of a part in bytes when an object too large for one CopyObject request is copied in parts.
    copy_part_size = 512 * 1024 * 1024

    keeps_descriptions = True

    keeps_notes = True

    takes_parts = True

    def __init__(
        self,
        bucket_name: str,
        *arguments: Any,
        storage_class: str | None = None,
        sse: str | None = None,
        sse_kms_key_id: str | None = None,
        create_bucket: bool = False,
        part_size: int = ObjectFS.part_size,
        **options: Any,
    ) -> None:
        own = {name: options.pop(name) for name in _CLIENT_OPTIONS & set(options)}
        # the base class changes upload_args, which belong to the caller
        super().__init__(bucket_name, *map(copy, arguments), **{name: copy(value) for name, value in options.items()})
        self.upload_args: dict[str, Any] = self.upload_args or {}
        self.download_args: dict[str, Any] = self.download_args or {}
        given = {"StorageClass": storage_class, "ServerSideEncryption": sse, "SSEKMSKeyId": sse_kms_key_id}
        self.upload_args.update({name: value for name, value in given.items() if value})
        self.part_size = part_size
        for name in ("aws_secret_access_key", "aws_session_token"):
            if (secret := getattr(self, name)) is not None:
                setattr(self, name, Secret(secret))
        self._settings = S3Settings(
            endpoint_url=self.endpoint_url,
            region=self.region,
            access_key=self.aws_access_key_id,
            secret_key=self.aws_secret_access_key,
            session_token=self.aws_session_token,
            **own,
        )
        self._clients = shared_client(replace(self._settings, public_endpoint_url=None), make_client)
        self._signers = shared_client(self._settings, Signer)
        self._resources = PerProcess(self._make_resource)
        self._bucket = S3Bucket(bucket_name, self._clients, self._settings, create=create_bucket)
        self._writes = ConditionalWrites(self._bucket, self._encryption)
        # until the server says that it cannot
        self._joins = True

    @property
    def client(self) -> Any:
        """The boto3 client of the current process, shared by filesystems with the same settings."""
        return self._clients()

    @property
    def s3(self) -> Any:
        """A boto3 resource of the current process, for code written for ``fs_s3fs``."""
        return self._resources()

    @property
    def session(self) -> Any:
        """A new session of boto3 with the settings of the client."""
        return make_session(self._settings)

    def _make_resource(self) -> Any:
        config = self.client.meta.config
        return self.session.resource("s3", endpoint_url=self.endpoint_url, config=config)

    # Primitives

    def _full_key(self, key: str) -> str:
        # no path functions here: other tools write keys such as "a//b", which differs from "a/b"
        return (f"{self._prefix}/{key}" if self._prefix else key).replace("/", str(self.delimiter))

    def head_object(self, key: str, *, checksum: bool = False) -> Facts:
        return self._facts(key, self._head_answer(key, **({"ChecksumMode": "ENABLED"} if checksum else {})))

    def _facts(self, key: str, answer: Any, size: int | None = None) -> Facts:
        facts = facts_of(answer, size)
        # beside a note, there is a mark
        if len(answer.get("Metadata", ())) < 2:
            return facts
        return replace(facts, note=note_of(answer, self._bucket.name, self._full_key(key)))

    def _head_answer(self, key: str, **parameters: Any) -> Any:
        parameters.update(self._bucket.known("HeadObject", self.download_args))
        return self._bucket.head(key, Key=self._full_key(key), **parameters)

    def get_object(self, key: str, start: int, stop: int | None, unless: str | None) -> Content:
        if NOT_IN_XML.search(key):
            # the answer to HEAD has no body
            self.head_object(key)
        parameters = {}
        if (asked := byte_range(start, stop)) is not None:
            parameters["Range"] = asked
        if unless is not None:
            parameters["IfNoneMatch"] = f'"{unless}"'
        try:
            answer = self._get_answer(key, **parameters)
        except S3Refused as error:
            if error.code == "304" and unless is not None:
                raise Unchanged(key, unless, error) from error
            if error.code != "InvalidRange":
                raise
            # not every server reports the size, and S3 refuses every range of an empty object
            actual = error.details.get("ActualObjectSize", "")
            if actual.isdigit() and int(actual):
                raise RangeNotSatisfiable(key, int(actual), error) from error
            return Content(self.head_object(key))
        first, last, size = range_of(answer)
        return Content(self._facts(key, answer, size), self._body(key, answer), first, last)

    def _body(self, key: str, answer: Any) -> HTTPBody:
        # the wrapper of botocore waits until it has all that it is asked for
        return HTTPBody(answer["Body"]._raw_stream, answer["Body"], self._bucket.answers(self._bucket.name, key))

    def get_object_again(self, key: str, facts: Facts, start: int, stop: int | None) -> Body:
        parameters = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"}
        if facts.etag is not None:
            parameters["IfMatch"] = f'"{facts.etag}"'
        try:
            answer = self._get_answer(key, **parameters)
        except S3Refused as error:
            if error.code not in ("PreconditionFailed", "412"):
                raise
            raise replaced(key, error) from error
        body = self._body(key, answer)
        with closed_on_error(body):
            if facts.etag not in (None, facts_of(answer).etag):
                # the server ignores the condition
                raise replaced(key)
            require_start(key, range_of(answer)[0], start)
        return body

    def _get_answer(self, key: str, **parameters: Any) -> Any:
        parameters.update(self._bucket.known("GetObject", self.download_args))
        return self._bucket.read("get_object", key, Key=self._full_key(key), **parameters)

    def new_object(
        self,
        key: str,
        *,
        overwrite: bool,
        content_type: str | None,
        description: Description | None = None,
        replaces: str | None = None,
        note: str | None = None,
    ) -> S3Upload:
        arguments = self._get_upload_args(key)
        if description is not None:
            arguments |= described(description)
        if content_type is not None:
            arguments["ContentType"] = content_type
        return S3Upload(
            self._writes,
            key,
            self._full_key(key),
            overwrite=overwrite,
            arguments=arguments,
            replaces=replaces,
            note=note,
        )

    def _get_upload_args(self, key: str) -> dict[str, Any]:
        own = self._arguments_for(key) if "ACL" in self.upload_args else self.upload_args
        return {"ContentType": files.mime(key, "application/octet-stream"), **own}

    def _arguments_for(self, key: str) -> dict[str, Any]:
        # what is not finished is for nobody but the app
        without = "ACL" if has_reserved(key) else None
        return {name: value for name, value in self.upload_args.items() if name != without}

    def _encryption(self) -> dict[str, Any]:
        names = ("ServerSideEncryption", "SSEKMSKeyId")
        return {name: self.upload_args[name] for name in names if name in self.upload_args}

    def delete_objects(self, keys: Iterable[str]) -> None:
        self._bucket.delete(self._full_key(key) for key in keys)

    def replace_version(
        self,
        path: str,
        file: Readable,
        version: str,
        *,
        content_type: str | None = None,
        description: Description | None = None,
        note: str | None = None,
    ) -> str | None:
        """Two requests for a small file: HEAD, and a PUT with ``If-Match``."""
        key = self._file_key(path)
        etag = self._require_version(key, version).etag
        upload = self.new_object(
            key, overwrite=True, content_type=content_type, description=description, replaces=etag, note=note
        )
        return self.send(upload, file)

    def delete_version(self, path: str, version: str) -> bool:
        """Two requests: HEAD, and a DELETE with ``If-Match``."""
        key = self._file_key(path)
        try:
            facts = self._require_version(key, version)
        except OtherVersion:
            return False
        return self._writes.delete(key, self._full_key(key), facts.etag)

    @property
    def decides_versions(self) -> bool:
        return self._writes.decides_versions

    def learn_conditions(self, path: str) -> bool:
        """Four requests, or none if it is known that the server does not decide."""
        if self.decides_versions:
            key = self._file_key(path)
            self._writes.learn(key, self._full_key(key))
        return self.decides_versions

    def _copies_to(self, key: str) -> Copies:
        return Copies(self._writes, self._full_key, self._head_answer, self._arguments_for(key), self.copy_part_size)

    def copy_object(self, key: str, target: str, *, overwrite: bool) -> None:
        self._copies_to(target).copy(key, target, overwrite=overwrite)

    def location(self, path: str) -> tuple[Hashable, str]:
        # with other keys, it is the same bucket
        return (self._settings.server, self._bucket.name), self._full_key(path)

    def copy_from(
        self,
        store: StoreFS,
        path: str,
        target: str,
        *,
        overwrite: bool = True,
        version: str | None = None,
        note: str | None = None,
    ) -> bool:
        """One CopyObject; before it a HEAD of the target without ``overwrite``, or with ``version``, and with ``note``
        one of the file.

        Both buckets must have the same endpoint and credentials. A server that ignores conditions of copies loses what
        another process writes after that HEAD. With ``note``, it may copy a version of the file that came after
        its HEAD, with the media type and the description of the one before.
        """
        if not isinstance(store, S3FS) or self._settings.account != store._settings.account:
            return False
        if "SSECustomerKey" in store.download_args:
            # the server would need the key of the source
            return False
        key, target_key = store._file_key(path), self._file_key(target)
        if (store._bucket.name, store._full_key(key)) == (self._bucket.name, self._full_key(target_key)):
            self._require_own(target_key, overwrite=overwrite, version=version)
            return True
        replaces = None if version is None else self._require_version(target_key, version).etag
        copies, origin = self._copies_to(target_key), store._copies_to(key)
        copies.copy(key, target_key, overwrite=overwrite, origin=origin, replaces=replaces, note=note)
        return True

    def join_files(
        self,
        paths: Sequence[str],
        target: str,
        *,
        sizes: Sequence[int] | None = None,
        overwrite: bool = True,
        content_type: str | None = None,
    ) -> str | None:
        """One request for each file of 5 MiB or more, which the server copies, and two more. With ``overwrite``, a
        single file of at most ``copy_part_size`` bytes is one CopyObject.

        Smaller files are read and sent again, and so are all if they have no more than ``part_size`` bytes together, or
        if the server does not know UploadPartCopy.

        Of more than 10,000, which is the most that an object may have of parts, each 1,000 become an object beside the
        first file, which is deleted in the end: each of them is copied twice, and takes space twice meanwhile.
        """
        sizes = self.sizes_of(paths) if sizes is None else sizes
        options: dict[str, Any] = {"overwrite": overwrite, "content_type": content_type}
        # with a key of the customer, the server would need that of each file
        can_copy = "SSECustomerKey" not in self.download_args
        # many servers ignore the condition that the name is free in a CopyObject
        if overwrite and can_copy and len(paths) == 1 and sizes[0] <= self.copy_part_size:
            upload = self.new_object(self._file_key(target), **options)
            self._copying(self._file_key(paths[0]), upload.copy)
            return upload.version
        if sum(sizes) > self.part_size and self._joins and can_copy:
            parts = plan(sizes, SMALLEST_PART, self.copy_part_size)
            if len(parts) > MOST_PARTS:
                return self._join_groups(paths, target, sizes, options)
            upload = self.new_object(self._file_key(target), **options)
            try:
                self._join([self._file_key(path) for path in paths], parts, upload)
            except S3Refused as error:
                if error.code != "NotImplemented":
                    raise
                self._joins = False
            else:
                return upload.version
        return super().join_files(paths, target, sizes=sizes, **options)

    def _join_groups(
        self, paths: Sequence[str], target: str, sizes: Sequence[int], options: dict[str, Any]
    ) -> str | None:
        # where it is, it is removed with the rest if this process is killed
        beside, groups, lengths = f"{paths[0]}-joined-{token_hex(8)}", list[Reserved](), list[int]()
        try:
            for start in range(0, len(paths), _GROUP):
                some = sizes[start : start + _GROUP]
                groups.append(Reserved(f"{beside}-{start}"))
                lengths.append(sum(some))
                self.join_files(paths[start : start + _GROUP], groups[-1], sizes=some)
            return self.join_files(groups, target, sizes=lengths, **options)
        finally:
            with suppress(errors.FSError):
                self.delete_objects(groups)

    def _join(self, keys: Sequence[str], parts: Sequence[Part], upload: S3Upload) -> None:
        def copy(number: int, source: Range) -> None:
            self._copy_part(upload, number, keys[source.number], source)

        make_parts(upload, parts, copy, lambda source: self.read_range(keys[source.number], source))

    def _copy_part(self, upload: S3Upload, number: int, key: str, source: Range) -> None:
        def copied(place: dict[str, str]) -> None:
            upload.copy_part(number, place, source.start, source.stop, None)

        self._copying(key, copied)

    def _copying(self, key: str, copy: Callable[[dict[str, str]], None]) -> None:
        try:
            copy({"Bucket": self._bucket.name, "Key": self._full_key(key)})
        except (errors.ResourceNotFound, StoreMisconfigured):
            # not every server says that it is the source that is missing
            self.head_object(key)
            raise

    def for_upload(
        self,
        directory: str,
        target: str,
        length: int | None,
        *,
        content_type: str | None = None,
        is_read: bool = True,
    ) -> StoreFS:
        """What one request stores needs no parts, and what has more than 5,000 pieces has too few numbers for them."""
        if is_read or length is None or not length > self.piece_size >= SMALLEST_PART:
            return self
        from .windows import slots_for

        # with a key of the customer, the mark of the object can be read only by sending the key
        if slots_for(length, self.piece_size) < 2 or "SSECustomerKey" in self.download_args:
            return self
        from .pieces import S3Pieces

        return S3Pieces(self._for_pieces(), directory, target, length, content_type)

    def _for_pieces(self) -> Bucket:
        from .pieces import Bucket

        def new_object(path: str) -> S3Upload:
            return self.new_object(self._file_key(path), overwrite=True, content_type=None)

        def copied(upload: S3Upload, number: int, path: str, source: Range) -> bool:
            try:
                if self._joins:
                    self._copy_part(upload, number, self._file_key(path), source)
            except S3Refused as error:
                if error.code != "NotImplemented":
                    raise
                self._joins = False
            return self._joins

        return Bucket(self, self.in_parts, new_object, self.keeps_taken, copied)

    def iter_elsewhere(self, prefix: str, before: datetime) -> Iterator[tuple[str, StoreFS, datetime]]:
        """One listing, and two requests for each upload that has parts."""
        from .pieces import uploads_in

        return uploads_in(self._for_pieces(), prefix)

    def move_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        key, target_key = self._file_key(path), self._file_key(target)
        if key == target_key:
            self.head_object(key)
        else:
            self._copies_to(target_key).move(key, target_key, overwrite=overwrite)

    def list_objects(self, prefix: str, *, deep: bool, limit: int | None = None) -> Iterator[tuple[str, Facts | None]]:
        above = len(self._full_key(""))
        delimiter = None if deep else str(self.delimiter)
        for full, entry in list_keys(self._bucket, self._full_key(prefix), delimiter, limit):
            key = full[above:].replace(self.delimiter, "/")
            # the root directory may have a marker if it is below the root of the bucket
            if key:
                yield key, None if entry is None else listed_facts(entry)

    def remove_leftovers(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        """Abort the unfinished multipart uploads of killed processes, and return their number.

        Those of clients (:meth:`in_parts`) are among them: nothing tells them apart. Those that have pieces of an
        upload are not: :meth:`remove_uploads` removes them.

        One request per 1,000 unfinished uploads, and for each old one a request that lists its parts right before it is
        aborted, and one that aborts it; for each directory above an old one a listing of the uploads there, and a
        request for each that has parts.

        :param older_than: the minimum age of the last part, or of an upload without parts, in seconds; younger uploads
            may still be in progress.
        :param prefix: only uploads whose paths start with this prefix.
        :param dry_run: count the uploads without aborting them.
        """
        from .windows import Kept

        before = datetime.now(timezone.utc) - timedelta(seconds=older_than)
        found, kept = 0, Kept(self)
        for upload in list_uploads(self._bucket, self._full_key(prefix)):
            path = upload["Key"][len(self._full_key("")) :].replace(self.delimiter, "/")
            if (
                upload["Initiated"] < before
                and self._is_idle(upload, before)
                and not kept.has(path, upload["UploadId"])
            ):
                found += dry_run or self._bucket.abort(upload["Key"], upload["UploadId"])
        return found

    def _is_idle(self, upload: Any, before: datetime) -> bool:
        try:
            parts = list_parts(self._bucket, upload["Key"], upload["UploadId"])
            return all(part["LastModified"] < before for part in parts)
        except S3Refused as error:
            if error.code != "NoSuchUpload":
                raise
            return False

    # Signed URLs

    def signed_url(self, path: str, expires: int, lifetime: int, disposition: str | None = None) -> str:
        """Return a signed URL with which anybody may read a file until it expires. No request.

        :param expires: the time of expiry, in seconds since 1970.
        :param lifetime: the validity in seconds, at most seven days (AWS Signature Version 4); the signature is dated
            to ``expires - lifetime``.
        :param disposition: the Content-Disposition header of the response.
        :raises ValueError: if ``lifetime`` is longer than seven days.
        """
        _check_lifetime(lifetime)
        key = self._file_key(path)
        shown = {} if disposition is None else {"ResponseContentDisposition": disposition}
        with self._bucket.guard(self._bucket.name, key):
            signer = self._signers()
            return signer.url(expires, lifetime, Bucket=self._bucket.name, Key=self._full_key(key), **shown)

    def signed_post(
        self, path: str, lifetime: int, content_type: str | None = None, max_size: int | None = None
    ) -> tuple[str, dict[str, str]]:
        """Return the URL and the fields of a form with which anybody may store or replace a file for a while.

        No request, unless ``create_bucket`` is set: the first call then checks that the bucket exists.

        :param lifetime: the validity in seconds, at most seven days (AWS Signature Version 4).
        :param content_type: the media type of the file; None to guess it from the name.
        :param max_size: the maximum size of the file in bytes.
        :raises ValueError: if ``lifetime`` is longer than seven days.
        """
        _check_lifetime(lifetime)
        key = self._file_key(path)
        self._bucket.prepare()
        arguments = self._get_upload_args(key)
        if content_type is not None:
            arguments["ContentType"] = content_type
        conditions = [] if max_size is None else [["content-length-range", 0, max_size]]
        with self._bucket.guard(self._bucket.name, key):
            form = self._signers().post(
                lifetime, self._bucket.name, self._full_key(key), self._bucket.as_fields(arguments), conditions
            )
        return form["url"], form["fields"]

    def signed_put(self, path: str, lifetime: int, content_type: str | None = None) -> tuple[str, dict[str, str]]:
        """Return the URL and the headers of a PUT with which anybody may store a new file for a while. The server
        refuses one that would replace a file.

        No request, unless ``create_bucket`` is set: see :meth:`signed_post`.

        :param lifetime: as for :meth:`signed_post`, like ``content_type``.
        :raises ValueError: if ``lifetime`` is longer than seven days.
        """
        _check_lifetime(lifetime)
        key = self._file_key(path)
        self._bucket.prepare()
        given = {**self._get_upload_args(key), "IfNoneMatch": "*"}
        if content_type is not None:
            given["ContentType"] = content_type
        fields = self._bucket.as_fields(given)
        with self._bucket.guard(self._bucket.name, key):
            named = {name: given[name] for name in self._bucket.known("PutObject", given) if name != "Metadata"}
            place = {"Bucket": self._bucket.name, "Key": self._full_key(key)}
            url = self._signers().request("put_object", lifetime, **place, **named)
        return url, {{"acl": "x-amz-acl"}.get(name, name): value for name, value in fields.items()}

    def keeps_taken(self, path: str) -> bool:
        """Return whether the server refuses what :meth:`signed_put` signs if the name is taken. Three requests at
        first, none later.

        :param path: where a few bytes are stored, to try it.
        """
        key = self._file_key(path)
        return self._writes.keeps_taken(key, self._full_key(key))

    def in_parts(self, path: str) -> ObjectInParts:
        key = self._file_key(path)
        arguments = self._get_upload_args(key)
        return ObjectInParts(self._writes, self._signers, key, self._full_key(key), arguments)

    # Namespaces of fs_s3fs

    def _file_info(self, key: str, facts: Facts, namespaces: Collection[str]) -> Info:
        raw = dict(super()._file_info(key, facts, namespaces).raw)
        if "s3" in namespaces:
            raw["s3"] = self._attributes(key)
        if "urls" in namespaces:
            raw["urls"] = {"download": self.geturl(key)}
        return Info(raw)

    def _attributes(self, key: str) -> dict[str, Any]:
        head = self._head_answer(key)
        head.pop("ResponseMetadata", None)
        return {
            xform_name(name): datetime_to_epoch(value) if isinstance(value, datetime) else value
            for name, value in head.items()
        }


def _check_lifetime(lifetime: int) -> None:
    if lifetime > LONGEST:
        raise ValueError(f"a signed URL of S3 is valid for at most {LONGEST} seconds (7 days), not {lifetime} seconds")
