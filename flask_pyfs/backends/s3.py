"""Files in a bucket of S3, or of a server that speaks its protocol."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from fs.base import FS

from ..config import Config, wrong_setting
from ..options import Option
from .base import BaseBackend
from .handles import UploadTerms, UploadURL

if TYPE_CHECKING:
    from ..filesystems.s3.filesystem import S3FS

__all__ = ["S3Backend"]

_MIB = 1024 * 1024


class S3Backend(BaseBackend):
    """Keeps files in a bucket: Amazon's S3, MinIO, Ceph, OpenStack Swift, R2…

    The key of a file is its name, below PREFIX. Nothing is reached before the first use.

    :raises flask_pyfs.errors.ConfigurationError: for a setting that cannot be right.
    """

    options = (
        Option("ENDPOINT"),
        Option("REGION"),
        Option("ACCESS_KEY"),
        Option("SECRET_KEY", secret=True),
        Option("SESSION_TOKEN", secret=True),
        Option("BUCKET", aliases=("BUCKET_NAME",)),
        Option("CREATE_BUCKET", "bool", default=True),
        Option("ACL", aliases=("OBJECT_ACL",)),
        Option("STORAGE_CLASS", aliases=("OBJECT_STORAGE_CLASS",)),
        Option("CACHE_CONTROL"),
        Option("ADDRESSING_STYLE"),
        Option("PART_SIZE", "int", default=8 * _MIB),
        Option("TIMEOUT", "float", default=30),
        Option("RETRIES", "int", default=2),
        Option("PUBLIC_ENDPOINT"),
    )

    def __init__(self, name: str, config: Config) -> None:
        # the settings are known without the driver, which is looked for before the first use
        from ..filesystems.s3.filesystem import S3FS

        super().__init__(name, config)
        self._filesystem_class = S3FS
        self.bucket: str = self.config["bucket"] or name
        if bool(self.config["access_key"]) != bool(self.config["secret_key"]):
            raise wrong_setting(
                name,
                "s3",
                "ACCESS_KEY",
                "and SECRET_KEY must be set together, or neither, for boto3 to find them itself",
            )
        if not 5 * _MIB <= self.config["part_size"] <= 5 * 1024 * _MIB:
            raise wrong_setting(name, "s3", "PART_SIZE", "must be from 5 MiB to 5 GiB, in bytes")
        if not 0 < self.config["timeout"] < math.inf:
            raise wrong_setting(name, "s3", "TIMEOUT", "must be more than 0 seconds")
        if self.config["retries"] < 0:
            raise wrong_setting(name, "s3", "RETRIES", "must not be negative")
        if self.config["addressing_style"] not in (None, "auto", "path", "virtual"):
            raise wrong_setting(name, "s3", "ADDRESSING_STYLE", "must be auto, path or virtual")

    def open_fs(self) -> FS:
        return self._filesystem_class(
            self.bucket,
            aws_access_key_id=self.config["access_key"],
            aws_secret_access_key=self.config["secret_key"],
            aws_session_token=self.config["session_token"],
            endpoint_url=self.config["endpoint"],
            region=self.config["region"],
            cache_control=self.config["cache_control"],
            acl=self.config["acl"],
            storage_class=self.config["storage_class"],
            create_bucket=self.config["create_bucket"],
            addressing_style=self.config["addressing_style"],
            part_size=self.config["part_size"],
            timeout=self.config["timeout"],
            retries=self.config["retries"],
            public_endpoint_url=self.config["public_endpoint"],
        )

    def signed_url(self, filename: str, expires: int, lifetime: int, *, disposition: str | None = None) -> str | None:
        """Return a presigned URL of S3. No request."""
        with self._translated(filename):
            return cast("S3FS", self.store).signed_url(self._path(filename), expires, lifetime, disposition)

    def signed_upload(self, filename: str, terms: UploadTerms) -> UploadURL | None:
        """Return a presigned form of S3. No request, but one for the bucket at first.

        None without ``overwrite``, for no form can refuse a name that is taken, and for a name in which S3 would put
        that of the client's file.
        """
        if not terms.overwrite or "${filename}" in self._path(filename):
            return None
        with self._translated(filename):
            store = cast("S3FS", self.store)
            url, fields = store.signed_post(self._path(filename), terms.lifetime, terms.content_type, terms.max_size)
        return UploadURL(filename, url, fields=fields)

    def remove_leftovers(self, older_than: float = 24 * 60 * 60) -> int:
        """Abort the unfinished uploads that killed processes left behind, and return how many those were.

        A lifecycle rule of the bucket can do the same.

        :param older_than: leave those alone that were begun in the last so many seconds; they may go on.
        """
        with self._translated():
            return cast("S3FS", self.store).abort_uploads(older_than, f"{self.prefix}/" if self.prefix else "")
