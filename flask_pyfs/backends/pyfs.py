"""Files in any filesystem that a PyFilesystem URL names."""

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
    """Keeps files where a PyFilesystem URL points: ``ftp://``, ``zip://``, ``temp://``, ``mem://``, ``ssh://``…

    The URL is opened when it is first needed, and never shown: it may hold a password.
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
        # zip:// and tar:// replace an archive when asked to create one, so ask only where nothing can be opened
        try:
            return self._open(create=False)
        except (CreateFailed, ResourceNotFound, FileNotFoundError):
            return self._open(create=True)

    def _open(self, *, create: bool) -> FS:
        try:
            return open_fs(self.config["open_url"], create=create)
        except OpenerError as error:
            problem = type(error).__name__
        # without its cause, whose message holds the URL
        raise ConfigurationError(f"storage {self.name!r}: OPEN_URL cannot be opened ({problem})", storage=self.name)
