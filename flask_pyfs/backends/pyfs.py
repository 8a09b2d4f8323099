"""Files in any filesystem that has a PyFilesystem URL."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, cast

from fs.base import FS
from fs.errors import CreateFailed, ResourceNotFound
from fs.opener import ftpfs, open_fs, registry
from fs.opener.errors import OpenerError, ParseError
from fs.opener.parse import ParseResult, parse_fs_url

from ..config import wrong_setting
from ..errors import ConfigurationError, shortened
from ..misspelt import closest
from ..names import collapse
from ..options import Option
from .base import BaseBackend

__all__ = ["PyFilesystemBackend"]

# PyFilesystem's own opener of ftp://; its decorator has made an instance of the class
_FTP: object = ftpfs.FTPOpener

# the openers of this package
_OWN = {"gridfs", "local", "swift"}

# what brings the openers of others
_PACKAGES = {
    "ssh": "fs.sshfs",
    "sftp": "fs.sshfs, which calls it ssh://",
    "webdav": "fs.webdavfs",
    "webdavs": "fs.webdavfs",
    "smb": "fs.smbfs",
    "dropbox": "fs.dropboxfs",
    "gs": "fs-gcsfs",
    "gcs": "fs-gcsfs, which calls it gs://",
    "googledrive": "fs.googledrivefs",
    "onedrive": "fs.onedrivefs",
    "irods": "fs-irods",
    "s3": "'flask_pyfs[s3]'",
    "azblob": "fs-azureblob",
}


class PyFilesystemBackend(BaseBackend):
    """Keeps files in the filesystem of a PyFilesystem URL: ``ftp://``, ``zip://``, ``temp://``, ``mem://``, ``ssh://``…

    The first operation opens the filesystem. The URL is secret, because it may contain a password. The files of
    ``osfs://`` are on a disk of the operating system, so ``storage.path`` and SERVE_MODE ``sendfile`` work.

    :raises flask_pyfs.errors.ConfigurationError: if a setting is missing or invalid.
    """

    options: ClassVar[Sequence[Option]] = (
        Option(
            "OPEN_URL",
            required=True,
            secret=True,
            check=lambda url: "://" in url,
            rule="a PyFilesystem URL such as 'mem://' or 'ftp://user:password@host/'",
        ),
    )

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        super().__init__(name, config)
        parsed = self._parsed()
        if parsed.protocol in ("osfs", "file") and not parsed.path:
            directory = os.path.abspath(os.path.expanduser(parsed.resource))
            self.root: str | None = os.path.join(directory, self.prefix) if self.prefix else directory

    def check_settings(self) -> None:
        protocol, known = self._parsed().protocol, registry.protocols
        if protocol in known:
            return
        shown, names = shortened(repr(protocol), 30), ", ".join(sorted(known))
        if protocol.lower() in _PACKAGES:
            problem = f"pip install {_PACKAGES[protocol.lower()]} (installed are {names})"
        elif close := closest(protocol, [*known, *_PACKAGES]):
            problem = f"did you mean {close!r}? ({names})"
        else:
            problem = f"installed are {names}"
        raise self._wrong(f"begins with {shown}, a scheme that no installed package has: {problem}")

    @property
    def may_be_target(self) -> bool:
        return self._parsed().protocol in _OWN

    def location(self, start: str) -> tuple[Hashable, str] | None:
        """Return where names that begin with a text are: the server and the user of the URL, and the path there."""
        parsed = self._parsed()
        # each opening of the first two makes a filesystem of its own
        if parsed.protocol in ("mem", "temp") or self.root is not None:
            return None
        if parsed.protocol == "s3":
            return super().location(start)
        host, _, path = parsed.resource.partition("/")
        above = collapse(f"{path}/{self.prefix}/")
        return (parsed.protocol, host.lower(), parsed.username), above + start

    def _parsed(self) -> ParseResult:
        try:
            return parse_fs_url(self.config["open_url"])
        except ParseError:
            problem = "is not a PyFilesystem URL such as 'mem://' or 'ftp://user:password@host/'"
        # outside the except, because the cause's message contains the URL
        raise self._wrong(problem)

    def _wrong(self, problem: str) -> ConfigurationError:
        return wrong_setting(self.name, "pyfs", self.config, "OPEN_URL", problem)

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
        raise self._wrong(f"cannot be opened ({problem})")


def _opened(url: str, create: bool) -> FS:
    parsed = parse_fs_url(url)
    if registry.get_opener(parsed.protocol) is not _FTP:
        return open_fs(url, create=create)
    # ftplib takes long to import
    from ..filesystems.ftp import FTPOpener

    return cast(FS, FTPOpener().open_fs(url, parsed, True, create, "."))
