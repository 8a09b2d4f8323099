"""Any PyFilesystem without its reserved names, for apps."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from fs.base import FS
from fs.info import Info
from fs.path import abspath, join, normpath
from fs.permissions import Permissions
from fs.subfs import SubFS
from fs.wrapfs import WrapFS

from ..names import is_reserved
from .base import refuse_reserved

__all__ = ["ShownFS"]


class ShownFS(WrapFS[FS]):
    """The standard methods of a filesystem, which reach nothing under a reserved name, and list none.

    Closing it closes the filesystem.

    :param filesystem: the filesystem.
    """

    def delegate_path(self, path: str) -> tuple[FS, str]:
        if isinstance(path, str):
            refuse_reserved(path, normpath(path))
        return self.delegate_fs(), path

    def close(self) -> None:
        super().close()
        self.delegate_fs().close()

    def __del__(self) -> None:
        # the base would close the filesystem, which others may use
        pass

    def isclosed(self) -> bool:
        return super().isclosed() or self.delegate_fs().isclosed()

    def scandir(
        self, path: str, namespaces: Collection[str] | None = None, page: tuple[int, int] | None = None
    ) -> Iterator[Info]:
        shown = (info for info in super().scandir(path, namespaces) if not is_reserved(info.name))
        return shown if page is None else islice(shown, *page)

    def listdir(self, path: str) -> list[str]:
        return [name for name in super().listdir(path) if not is_reserved(name)]

    def filterdir(self, path: str, *arguments: Any, **options: Any) -> Iterator[Info]:
        # by the listing of this one
        return FS.filterdir(self, path, *arguments, **options)

    def removetree(self, dir_path: str) -> None:
        if abspath(normpath(dir_path)) != "/":
            super().removetree(dir_path)
            return
        for info in self.scandir("/"):
            (super().removetree if info.is_dir else self.remove)(join("/", info.name))

    # the result must hide reserved names, too

    def makedir(self, path: str, permissions: Permissions | None = None, recreate: bool = False) -> SubFS[FS]:
        super().makedir(path, permissions, recreate)
        return self.opendir(path)

    def makedirs(self, path: str, permissions: Permissions | None = None, recreate: bool = False) -> SubFS[FS]:
        super().makedirs(path, permissions, recreate)
        return self.opendir(path)
