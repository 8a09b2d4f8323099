"""Files in any filesystem that has a PyFilesystem URL."""

from __future__ import annotations

from fs import open_fs
from fs.base import FS
from fs.errors import CreateFailed, ResourceNotFound
from fs.opener.errors import OpenerError

from ..errors import ConfigurationError
from ..options import Option
from .base import BaseBackend

__all__ = ["PyFilesystemBackend"]


class PyFilesystemBackend(BaseBackend):
    """Keeps files in the filesystem of a PyFilesystem URL: ``ftp://``, ``zip://``, ``temp://``, ``mem://``, ``ssh://``…

    The filesystem is opened on first use. The URL is secret, because it may contain a password.
    """

    options = (
        Option(
            "OPEN_URL",
            required=True,
            secret=True,
            check=lambda url: "://" in url,
            rule="a PyFilesystem URL such as 'mem://' or 'ftp://user:password@host/'",
        ),
    )

    def open_fs(self) -> FS:
        # create=True replaces the archives of zip:// and tar://, so first try without
        try:
            return self._open(create=False)
        except (CreateFailed, ResourceNotFound, FileNotFoundError):
            return self._open(create=True)

    def _open(self, *, create: bool) -> FS:
        try:
            return open_fs(self.config["open_url"], create=create)
        except OpenerError as error:
            problem = type(error).__name__
        # without the cause, whose message contains the URL
        raise ConfigurationError(f"storage {self.name!r}: cannot open OPEN_URL ({problem})", storage=self.name)
