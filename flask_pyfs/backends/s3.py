"""Files in a bucket of S3, or of another server with its protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ClassVar, cast

from fs.base import FS

from ..addresses import bucket_in, require_server
from ..config import setting_name, wrong_setting
from ..errors import ConfigurationError
from ..names import Reserved
from ..options import Option, is_count, is_duration
from .base import BaseBackend
from .contract import UploadTerms, UploadURL
from .overrides import handle

if TYPE_CHECKING:
    from ..filesystems.s3.filesystem import S3FS

__all__ = ["S3Backend"]

_MIB = 1024 * 1024


# what boto3 refuses: the rules of Amazon are stricter, and those of others are not all the same
_BUCKET = "a name of 3 to 63 lower-case letters, digits, '-' and '.' (some servers also take '_' and upper case)"


def _is_bucket(name: str) -> bool:
    return re.fullmatch("[A-Za-z0-9._-]{0,255}", name) is not None or name.startswith("arn:")


class S3Backend(BaseBackend):
    """Keeps files in a bucket: Amazon's S3, MinIO, Ceph, OpenStack Swift, R2…

    The key of a file is PREFIX and its name. The first operation makes the first request.

    :raises flask_pyfs.errors.ConfigurationError: if a setting is missing or invalid.
    """

    options: ClassVar[Sequence[Option]] = (
        Option("ENDPOINT", check=require_server, argument="endpoint_url"),
        Option(
            "REGION",
            check=lambda name: re.fullmatch(r"(?![0-9]+\Z)(?!-)[A-Za-z0-9-]{0,63}(?<!-)", name) is not None,
            rule="the name of a region, such as 'eu-west-2'",
            argument="region",
        ),
        Option("ACCESS_KEY", argument="aws_access_key_id"),
        Option("SECRET_KEY", secret=True, argument="aws_secret_access_key"),
        Option("SESSION_TOKEN", secret=True, argument="aws_session_token"),
        Option("BUCKET", aliases=("BUCKET_NAME",), check=_is_bucket, rule=_BUCKET),
        Option("CREATE_BUCKET", "bool", default=True, argument="create_bucket"),
        Option("ACL", aliases=("OBJECT_ACL",), argument="acl"),
        Option("STORAGE_CLASS", aliases=("OBJECT_STORAGE_CLASS",), argument="storage_class"),
        Option("SSE", choices=("AES256", "aws:kms"), argument="sse"),
        Option("SSE_KMS_KEY_ID", argument="sse_kms_key_id"),
        Option("CACHE_CONTROL", argument="cache_control"),
        Option("ADDRESSING_STYLE", choices=("auto", "path", "virtual"), argument="addressing_style"),
        Option(
            "PART_SIZE",
            "size",
            default=8 * _MIB,
            check=lambda size: 5 * _MIB <= size <= 5 * 1024 * _MIB,
            rule="a size from 5 MiB to 5 GiB, such as '8 MiB'",
            argument="part_size",
        ),
        Option(
            "TIMEOUT",
            "float",
            default=30,
            check=is_duration,
            rule="a number of seconds, at least 0.001",
            argument="timeout",
        ),
        Option("RETRIES", "int", default=2, check=is_count, rule="a whole number, 0 or more", argument="retries"),
        Option("PUBLIC_ENDPOINT", check=require_server, argument="public_endpoint_url"),
    )

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        # not with the module: its options must be known without the driver
        from ..filesystems.s3 import S3FS  # noqa: F401  (not later, when another thread may fork)

        super().__init__(name, config)
        if not _is_bucket(self.bucket_name):
            rule = f"must be set, because the storage's own name cannot be that of a bucket: {_BUCKET}"
            raise self._wrong("BUCKET", rule)
        for key in ("ENDPOINT", "PUBLIC_ENDPOINT"):
            url = self.config[key.lower()] or ""
            # it would be in signed URLs, and in messages
            if "@" in url:
                raise self._wrong(key, "must not contain a user or a password: set ACCESS_KEY and SECRET_KEY")
            if found := bucket_in(url, self.bucket_name):
                setting = setting_name(self.config, name, "BUCKET")
                rule = f"must not contain the bucket: set it to {found[1]!r}, and {setting} to {found[0]!r}"
                raise self._wrong(key, rule)
        if bool(self.config["access_key"]) != bool(self.config["secret_key"]):
            given, missing = ("ACCESS_KEY", "SECRET_KEY") if self.config["access_key"] else ("SECRET_KEY", "ACCESS_KEY")
            rule = f"is set without {missing}: set both, or neither, so that boto3 finds the credentials itself"
            raise self._wrong(given, rule)

        if self.config["sse_kms_key_id"] and self.config["sse"] != "aws:kms":
            raise self._wrong("SSE_KMS_KEY_ID", "is set without SSE 'aws:kms': set SSE to it, or remove the key")

    def _wrong(self, key: str, rule: str) -> ConfigurationError:
        return wrong_setting(self.name, "s3", self.config, key, rule)

    @property
    def bucket_name(self) -> str:
        """The name of the bucket."""
        assigned = vars(self).get("bucket")
        return self.config["bucket"] or self.name if assigned is None else assigned.name

    # What Flask-FS makes in __init__; code that replaces __init__ assigns its own

    @handle
    def session(self) -> Any:
        """A session of boto3 with the settings of this backend."""
        return cast("S3FS", self.bare).session

    @handle
    def s3(self) -> Any:
        """The resource of boto3 of the current process. It is not safe for threads."""
        return cast("S3FS", self.bare).s3

    @handle
    def client(self) -> Any:
        """The client of boto3 of the current process."""
        return cast("S3FS", self.bare).client

    @handle
    def bucket(self) -> Any:
        """The bucket, as a resource of boto3."""
        return self.s3.Bucket(self.bucket_name)

    def arguments(self) -> dict[str, Any]:
        arguments = super().arguments()
        if (assigned := vars(self).get("s3")) is not None:
            # the storage reaches the same server in the same way, with a client of its own in each process
            client = assigned.meta.client
            arguments["endpoint_url"], arguments["region"] = client.meta.endpoint_url, client.meta.region_name
            style = (client.meta.config.s3 or {}).get("addressing_style")
            arguments["addressing_style"] = style or arguments["addressing_style"]
        return arguments

    def derived_settings(self) -> dict[str, Any]:
        return {"BUCKET": self.bucket_name}

    def open_fs(self) -> FS:
        from ..filesystems.s3 import S3FS

        return S3FS(self.bucket_name, **self.arguments())

    def signed_url(self, filename: str, expires: int, lifetime: int, *, disposition: str | None = None) -> str | None:
        """Return a presigned URL of S3. Makes no request.

        :raises ValueError: if ``lifetime`` is longer than seven days.
        """
        with self._translated(filename):
            return cast("S3FS", self.store).signed_url(self._path(filename), expires, lifetime, disposition)

    def signed_upload(self, filename: str, terms: UploadTerms) -> UploadURL | None:
        """Return a presigned form of S3, or, if the terms do not allow overwriting, a presigned PUT on the condition
        that the name is free. In each process, the first call makes the bucket if it is missing, and the first without
        overwriting asks in three requests whether the server knows that condition; further calls make no request.

        The result is None if the terms do not allow overwriting and the server ignores the condition, or if there is a
        maximum size, which no PUT has, or if the name has other spellings, whose files the condition does not see; and,
        with overwriting, for a name with ``${filename}``, which S3 would replace by the name of the client's file.

        :raises ValueError: if the lifetime is longer than seven days.
        """
        return self._form(filename, terms) if terms.overwrite else self._put_of_new(filename, terms)

    def _form(self, filename: str, terms: UploadTerms) -> UploadURL | None:
        if "${filename}" in self._path(filename):
            return None
        with self._translated(filename):
            store = cast("S3FS", self.store)
            url, fields = store.signed_post(self._path(filename), terms.lifetime, terms.content_type, terms.max_size)
        return UploadURL(filename, url, fields=fields)

    def _put_of_new(self, filename: str, terms: UploadTerms) -> UploadURL | None:
        if terms.max_size is not None or len(self.spellings(filename)) > 1:
            return None
        with self._translated(filename):
            store = cast("S3FS", self.store)
            if not store.keeps_taken(Reserved.of(self.prefix, f"probe-{token_hex(8)}")):
                return None
            url, headers = store.signed_put(self._path(filename), terms.lifetime, terms.content_type)
        return UploadURL(filename, url, "PUT", headers=headers)
