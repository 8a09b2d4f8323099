"""A filesystem over methods that were written for Flask-FS: those of a whole backend, or some of a built-in one."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from io import BytesIO
from typing import Any, BinaryIO, cast

from fs import errors

from .. import names
from ..errors import (
    ErrorContext,
    FileExists,
    FileNotFound,
    InvalidPath,
    OperationNotSupported,
    PermissionDenied,
    VersionChanged,
)
from ..filesystems.base import CHUNK_SIZE, Readable
from ..filesystems.objects import Content, ObjectFS, Upload
from ..filesystems.store import Facts, OtherVersion, Unchanged, level_of
from .contract import StoredName
from .flaskfs import FlaskFSBackend
from .overrides import call

__all__ = ["OperatedFS"]


class OperatedFS(ObjectFS):
    """The files of a storage whose backend has methods of Flask-FS, which are called for all that they do.

    It has no directories but those that files are in. If the backend knows no versions, the version of a file is its
    time, its size, and its checksum if the backend tells that with them; a condition is then looked at before the
    write.

    :param operations: the operations of the backend.
    """

    strict = False

    # an old app lists all that is there
    hides_reserved = False

    keeps_checksums = False

    checksum_algorithm = "sha1"

    def __init__(self, operations: FlaskFSBackend) -> None:
        super().__init__()
        self._operations = operations
        self._knows_versions = operations.knows_versions

    def canonical(self, path: str) -> str:
        with suppress(InvalidPath):
            return self._operations.spellings(_exact(path))[0]
        return path

    def head_object(self, key: str, *, checksum: bool = False) -> Facts:
        name = _exact(key)
        with _stated(key):
            facts = self._operations.facts(name) or _versioned(self._operations.known(name))
            if checksum and facts.checksum is None:
                facts = replace(facts, checksum=self._operations.metadata(name).get("checksum"))
        return facts

    def get_object(self, key: str, start: int, stop: int | None, unless: str | None) -> Content:
        facts = self.head_object(key)
        if unless is not None and unless == facts.etag:
            raise Unchanged(key, unless)
        while True:
            body = self._opened(key)
            before, facts = facts, self.head_object(key)
            if facts == before:
                return Content(facts, body, 0, facts.size)
            # the file was replaced in between
            body.close()

    def get_object_again(self, key: str, facts: Facts, start: int, stop: int | None) -> _Body:
        body = self._opened(key)
        if self.head_object(key).version != facts.version:
            body.close()
            raise errors.OperationFailed(key, msg="'{path}' was replaced while it was read")
        body.skip(start)
        return body

    def _opened(self, key: str) -> _Body:
        with _stated(key):
            try:
                return _Body(self._operations.open(_exact(key), "rb"))
            except OperationNotSupported:
                return _Body(BytesIO(self._operations.read(_exact(key))))

    def new_object(self, key: str, *, overwrite: bool, content_type: str | None) -> Upload:
        def store(file: Any) -> Any:
            return self._operations.save(file, _exact(key), overwrite, content_type=content_type)

        return _Upload(self, key, store)

    def replace_version(self, path: str, file: Readable, version: str, **options: Any) -> str | None:
        def store(file: Any) -> Any:
            return self._operations.replace_version(_exact(key), file, version, **options)

        key = self._file_key(path)
        if self._knows_versions:
            return self.send(_Upload(self, key, store), file)
        return super().replace_version(path, file, version, **options)

    def delete_version(self, path: str, version: str) -> bool:
        if not self._knows_versions:
            return super().delete_version(path, version)
        key = self._file_key(path)
        with suppress(errors.ResourceNotFound), _stated(key):
            return bool(self._operations.delete_version(_exact(key), version))
        return False

    def delete_objects(self, keys: Iterable[str]) -> None:
        for key in keys:
            # not everyone takes the deletion of nothing
            with suppress(errors.ResourceNotFound), _stated(key):
                if not key.endswith("/") and self._operations.exists(_exact(key)):
                    self._operations.delete(_exact(key))

    def copy_object(self, key: str, target: str, *, overwrite: bool) -> None:
        with _stated(key, target=target):
            self._operations.copy(_exact(key), _exact(target), overwrite)

    def iter_facts(
        self, prefix: str = "", *, unread: Callable[[str, Exception], object] | None = None
    ) -> Iterator[tuple[str, Facts]]:
        options = {} if unread is None else {"unread": unread}
        with _stated():
            for name, facts in call(self._operations.entries, prefix or None, **options):
                if name.startswith(prefix):
                    yield name, facts if self._knows_versions else _versioned(facts)

    def iter_files(self, prefix: str = "") -> Iterator[str]:
        with _stated():
            for name in self._operations.list_files(prefix or None):
                if name.startswith(prefix) and names.is_normal(name):
                    yield name

    def list_objects(self, prefix: str, *, deep: bool, limit: int | None = None) -> Iterator[tuple[str, Facts | None]]:
        if deep:
            return self.iter_facts(prefix)
        return level_of(self.iter_facts, prefix.rstrip("/"))


def _exact(key: str) -> str:
    return key if isinstance(key, names.Reserved) else names.Exact(key)


def _versioned(facts: Facts) -> Facts:
    told = (facts.modified and facts.modified.timestamp(), facts.size, facts.checksum)
    return replace(facts, etag="-".join(str(each) for each in told if each is not None), marked=True)


class _stated(ErrorContext):  # noqa: N801
    """Turns those errors of a storage into ``fs.errors`` that a filesystem is looked at for."""

    def meaning(self, error: Exception) -> Exception | None:
        if isinstance(error, FileNotFound):
            return errors.ResourceNotFound(self.path, exc=error)
        if isinstance(error, FileExists):
            return errors.FileExists(self.target, exc=error)
        if isinstance(error, VersionChanged):
            return OtherVersion(self.path, exc=error)
        if isinstance(error, PermissionDenied):
            return errors.PermissionDenied(self.path, exc=error)
        if isinstance(error, InvalidPath):
            return errors.InvalidPath(self.path, exc=error)
        return None


class _Body:
    """The content of a file, from what a backend calls an open file."""

    def __init__(self, opened: Any) -> None:
        self._stack = ExitStack()
        if hasattr(opened, "read"):
            self._stack.callback(opened.close)
        else:
            # Flask-FS's own stores give a context
            opened = self._stack.enter_context(opened)
        self._file = opened

    def read(self, size: int, /) -> bytes:
        return cast(bytes, self._file.read(size))

    def skip(self, count: int) -> None:
        while count > 0 and (piece := self.read(min(count, CHUNK_SIZE))):
            count -= len(piece)

    def close(self, left: int = 0, /) -> None:
        self._stack.close()


class _Upload(Upload):
    """Collects the parts in a temporary file, because a backend takes one stream."""

    def __init__(self, store: OperatedFS, key: str, save: Callable[[Any], Any]) -> None:
        self._store = store
        self._key = key
        self._save = save
        self._lock = threading.Lock()
        self._parts: BinaryIO | None = None

    def put(self, content: bytearray) -> None:
        # directories have no markers
        if not self._key.endswith("/"):
            self._publish(BytesIO(content))

    def begin(self) -> None:
        self._parts = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  (until it is stored)

    def send_part(self, number: int, content: bytearray) -> None:
        parts = cast(BinaryIO, self._parts)
        with self._lock:
            parts.seek((number - 1) * self._store.part_size)
            parts.write(content)

    def complete(self) -> None:
        with cast(BinaryIO, self._parts) as parts:
            parts.seek(0)
            self._publish(parts)

    def _publish(self, content: BinaryIO) -> None:
        with _stated(self._key):
            stored = self._save(content)
        version = stored.version if isinstance(stored, StoredName) else None
        self.version = version or self._store.head_object(self._key).version

    def abort(self) -> None:
        if self._parts is not None:
            self._parts.close()
