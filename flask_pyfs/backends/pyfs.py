"""Files in any filesystem that has a PyFilesystem URL."""

from __future__ import annotations

from fs import open_fs
from fs.base import FS
from fs.errors import CreateFailed, ResourceNotFound
from fs.opener.errors import OpenerError

from ..config import wrong_setting
from ..options import Option
from .base import BaseBackend

__all__ = ["PyFilesystemBackend"]


class PyFilesystemBackend(BaseBackend):
    """Keeps files in the filesystem of a PyFilesystem URL: ``ftp://``, ``zip://``, ``temp://``, ``mem://``, ``ssh://``…

    The first operation opens the filesystem. The URL is secret, because it may contain a password.

    :raises flask_pyfs.errors.ConfigurationError: if a setting is missing or invalid.
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
        # create=True replaces existing archives of zip:// and tar://, so try without it first
        try:
            return self._open(create=False)
        except (CreateFailed, ResourceNotFound, FileNotFoundError):
            return self._open(create=True)

    def _open(self, *, create: bool) -> FS:
        try:
            return open_fs(self.config["open_url"], create=create)
        except OpenerError as error:
            problem = type(error).__name__
        # outside the except, because the cause's message contains the URL
        raise wrong_setting(self.name, "pyfs", "OPEN_URL", f"cannot be opened ({problem})")
