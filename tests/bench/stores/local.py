"""A directory of the operating system, with the standard library alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, ClassVar
from wsgiref.util import FileWrapper

from drivers import BLOCK
from web import views

if TYPE_CHECKING:
    from workloads import Sizes


class Local:
    name = "local"
    limits = {"save": 1.1}
    memory = 8
    without = frozenset[str]()
    clients: ClassVar[dict[str, Any]] = {}

    def __init__(self, area: Path) -> None:
        self.area = area

    def started(self) -> AbstractContextManager[None]:
        return nullcontext()

    def sizes(self, sizes: Sizes) -> Sizes:
        return sizes

    def settings(self) -> dict[str, Any]:
        return {"FS_BACKEND": self.name, "FS_ROOT": str(self.area)}

    def raw(self, storage: str) -> RawLocal:
        return RawLocal(str(self.area / storage))


class RawLocal:
    """The shortest code for each operation. Nothing is checked, and a file being written is seen."""

    def __init__(self, root: str) -> None:
        self._root = root

    def write(self, name: str, content: bytes) -> None:
        path = f"{self._root}/{name}"
        try:
            with open(path, "xb") as file:
                file.write(content)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path))
            self.write(name, content)

    def read(self, name: str) -> bytes:
        with open(f"{self._root}/{name}", "rb") as file:
            return file.read()

    def exists(self, name: str) -> bool:
        return os.path.isfile(f"{self._root}/{name}")

    def save(self, file: BinaryIO, name: str) -> None:
        os.makedirs(self._root, exist_ok=True)
        with open(f"{self._root}/{name}", "xb") as target:
            shutil.copyfileobj(file, target, BLOCK)

    def copy(self, name: str, target: str) -> None:
        shutil.copy2(f"{self._root}/{name}", f"{self._root}/{target}")

    def delete(self, name: str) -> None:
        path = f"{self._root}/{name}"
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)

    def open(self, name: str, mode: str) -> IO[Any]:
        return open(f"{self._root}/{name}", mode)

    def read_chunks(self, name: str) -> Iterator[bytes]:
        with open(f"{self._root}/{name}", "rb") as file:
            while piece := file.read(BLOCK):
                yield piece

    def serve(self, name: str) -> Iterator[bytes]:
        # what a WSGI application without a framework returns
        with open(f"{self._root}/{name}", "rb") as file:
            yield from FileWrapper(file, BLOCK)

    @cached_property
    def web(self) -> Any:
        from flask import send_from_directory

        return views(
            lambda name: send_from_directory(self._root, name), lambda upload, name: upload.save(f"{self._root}/{name}")
        )

    url = "/raw"

    @property
    def small(self) -> Any:
        return self.web

    copes_with_threads = True

    def list_files(self) -> Iterator[str]:
        for directory, _, files in os.walk(self._root):
            above = directory[len(self._root) + 1 :]
            for name in files:
                yield f"{above}/{name}" if above else name
