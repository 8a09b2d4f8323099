"""``local://`` for ``fs.open_fs``."""

from __future__ import annotations

import os

from fs.opener import Opener
from fs.opener.parse import ParseResult

from .filesystem import LocalFS


class LocalOpener(Opener):
    """Opens ``local:///a/directory`` as a :class:`LocalFS`. A relative path starts at the current directory."""

    protocols: list[str] = ["local"]

    def open_fs(self, fs_url: str, parse_result: ParseResult, writeable: bool, create: bool, cwd: str) -> LocalFS:
        return LocalFS(os.path.abspath(os.path.join(cwd, parse_result.resource)), create=create)
