"""Files in any filesystem that has a PyFilesystem URL."""

from __future__ import annotations

from typing import cast

from fs.base import FS
from fs.errors import CreateFailed, ResourceNotFound
from fs.opener import ftpfs, open_fs, registry
from fs.opener.errors import OpenerError
from fs.opener.parse import parse_fs_url

from ..config import wrong_setting
from ..options import Option
from .base import BaseBackend

__all__ = ["PyFilesystemBackend"]

# PyFilesystem's own opener of ftp://; its decorator has made an instance of the class
_FTP: object = ftpfs.FTPOpener


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
            return _opened(self.config["open_url"], create)
        except OpenerError as error:
            problem = type(error).__name__
        # outside the except, because the cause's message contains the URL
        raise wrong_setting(self.name, "pyfs", "OPEN_URL", f"cannot be opened ({problem})")


def _opened(url: str, create: bool) -> FS:
    parsed = parse_fs_url(url)
    if registry.get_opener(parsed.protocol) is not _FTP:
        return open_fs(url, create=create)
    # ftplib takes long to import
    from ..filesystems.ftp import FTPOpener

    return cast(FS, FTPOpener().open_fs(url, parsed, True, create, "."))
