"""The verbs of uploads over any PyFilesystem, made of its standard methods."""

from __future__ import annotations

import hashlib
import io
import logging
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from fs import errors
from fs.base import FS
from fs.info import Info
from fs.path import dirname, join
from fs.wrapfs import WrapFS

from ..names import RESERVED, Reserved, is_reserved, may_be_reserved
from .base import Readable, copy_stream, refuse_reserved
from .shown import ShownFS
from .special import entries_of, info_of, is_link, is_special
from .store import Facts, OtherVersion, StoreFS
from .streams import PendingFile, WholeFile, WrappedFile

__all__ = ["GenericStore", "as_store"]

_log = logging.getLogger(__name__)


def as_store(filesystem: FS) -> StoreFS:
    """Return the filesystem itself if it has the verbs of uploads, else a wrapper that has them."""
    return filesystem if isinstance(filesystem, StoreFS) else GenericStore(filesystem)


class GenericStore(WrapFS[FS], StoreFS):
    """Gives any PyFilesystem the verbs of uploads.

    A file is written under a temporary name in the root and then moved, so writes are as atomic as the filesystem's
    ``move``: fully if that renames, as in memory; not if it copies and removes, as over FTP.

    The filesystem normalises the paths of verbs too. So a file whose path is not normal, such as ``a//b``, is out of
    reach in a filesystem that tells it from ``a/b``.

    :param filesystem: the filesystem.
    """

    def __init__(self, filesystem: FS) -> None:
        super().__init__(filesystem)
        self._filesystem = filesystem
        self._shown = ShownFS(filesystem)
        # that of a wrapper is a lock of its own
        innermost: FS = filesystem
        while isinstance(innermost, WrapFS):
            innermost = innermost.delegate_fs()
        self.exclusive: Callable[[], AbstractContextManager[object]] = innermost.lock
        # of another one, two writes may be at the same time
        self._numbers_writes = getattr(innermost, "numbers_writes", False)
        # each is logged once
        self._unreadable: set[str] = set()

    @property
    def decides_versions(self) -> bool:
        return self._numbers_writes

    @property
    def standard(self) -> FS:
        return self._filesystem

    @property
    def shown(self) -> FS:
        return self._shown

    def isclosed(self) -> bool:
        # an app may close the wrapped filesystem
        return super().isclosed() or self._filesystem.isclosed()

    def open_write(self, path: str, *, overwrite: bool = True, content_type: str | None = None) -> BinaryIO:
        valid = self._writable(path, overwrite)
        return self._pending(lambda temporary: self._move_over(temporary, valid, overwrite))

    def put(self, path: str, file: Readable, *, overwrite: bool = True, content_type: str | None = None) -> str | None:
        valid = self._writable(path, overwrite)
        return self._store(file, lambda temporary: self._move_over(temporary, valid, overwrite), valid)

    def replace_version(
        self, path: str, file: Readable, version: str, *, content_type: str | None = None
    ) -> str | None:
        valid = self._valid(path)

        def require_version() -> None:
            if not self._is_version(valid, version):
                raise OtherVersion(path)

        def replace(temporary: str) -> None:
            require_version()
            self._move_over(temporary, valid, True)

        # before the stream is read
        require_version()
        return self._store(file, replace, valid)

    def delete_version(self, path: str, version: str) -> bool:
        with self.exclusive():
            if not self._is_version(path, version):
                return False
            try:
                self._filesystem.remove(path)
            except (errors.ResourceNotFound, errors.FileExpected):
                # another process deleted it
                return False
        return True

    def _is_version(self, path: str, version: str) -> bool:
        try:
            return self.facts(path).version == version
        except (errors.ResourceNotFound, errors.FileExpected, errors.DirectoryExpected):
            return False

    def _store(self, file: Readable, publish: Callable[[str], None], path: str) -> str | None:
        made: list[str | None] = []

        def publish_version(temporary: str) -> None:
            # in memory, no other write comes in between
            with self.exclusive():
                publish(temporary)
                # another process may have deleted the file
                with suppress(errors.ResourceNotFound):
                    made.append(self.facts(path).version)

        with self._pending(publish_version) as target:
            copy_stream(file, target)
        return made[0] if made else None

    def _pending(self, publish: Callable[[str], None]) -> BinaryIO:
        temporary = f"/{RESERVED}-{secrets.token_hex(12)}"

        def discard() -> None:
            with suppress(errors.ResourceNotFound):
                self._filesystem.remove(temporary)

        file = self._filesystem.openbin(temporary, "w")
        # FTPFS makes a file only at the first write
        file.write(b"")
        if self._filesystem.getmeta().get("network"):
            file = cast(BinaryIO, _ForwardFile(file))
        return cast(BinaryIO, PendingFile(file, "wb", lambda: publish(temporary), discard))

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        facts = self.facts(path)
        while True:
            file = self._filesystem.openbin(path, "r")
            before, facts = facts, self.facts(path)
            if facts == before:
                return facts, cast(BinaryIO, WholeFile(file, facts.size))
            # the file was replaced in between
            file.close()

    if not TYPE_CHECKING:
        # WrapFS would pass these on to the wrapped filesystem; the types are the same
        isfile = StoreFS.isfile
        readbytes = StoreFS.readbytes

    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        if may_be_reserved(path):
            refuse_reserved(path)
        info = info_of(self._filesystem, path, ["details"])
        if info.is_dir:
            raise errors.FileExpected(path)
        if is_special(info):
            raise errors.ResourceNotFound(path)
        return _facts_of(info, self._sha1(path) if checksum else None)

    def iter_files(self, prefix: str = "") -> Iterator[str]:
        for path, info in self._walk(prefix, ["link", "lstat"], self._log_unread):
            # OSFS lists links that lead nowhere
            if self.has_file(path) if is_link(info) else not is_special(info):
                yield path

    def iter_facts(
        self, prefix: str = "", *, unread: Callable[[str, Exception], object] | None = None
    ) -> Iterator[tuple[str, Facts]]:
        for path, info in self._walk(prefix, ["link", "lstat", "details"], unread or self._log_unread):
            # not every filesystem heeds the namespaces of a listing
            if is_link(info) or not info.has_namespace("details"):
                with suppress(errors.ResourceNotFound, errors.FileExpected):
                    yield path, self.facts(path)
            elif not is_special(info):
                yield path, _facts_of(info)

    def iter_level(self, directory: str = "") -> Iterator[tuple[str, Facts | None]]:
        above = f"{directory}/" if directory else ""
        for name, info in self._listed(above, ["link", "lstat", "details"], ""):
            if name.endswith("/"):
                # a link is no directory
                if not is_link(info):
                    yield above + name, None
            elif is_link(info) or not info.has_namespace("details"):
                with suppress(errors.ResourceNotFound, errors.FileExpected):
                    yield above + name, self.facts(above + name)
            elif not is_special(info):
                yield above + name, _facts_of(info)

    def _walk(
        self, prefix: str, namespaces: Collection[str], unread: Callable[[str, Exception], object]
    ) -> Iterator[tuple[str, Info]]:
        """Iterate over what is below a prefix and no directory, in key order."""
        top, _, start = prefix.rpartition("/")
        above = f"{top}/" if top else ""
        levels = [(above, iter(self._listed(above, namespaces, start)))]
        while levels:
            above, listed = levels[-1]
            name, info = next(listed, (None, None))
            if name is None or info is None:
                levels.pop()
            elif not info.is_dir:
                yield above + name, info
            elif not is_link(info):
                levels.append((above + name, iter(self._listed_below(above + name, namespaces, unread))))

    def _listed_below(
        self, above: str, namespaces: Collection[str], unread: Callable[[str, Exception], object]
    ) -> list[tuple[str, Info]]:
        try:
            return self._ordered(above, namespaces)
        except errors.PermissionDenied as error:
            unread(above, error)
        except (errors.ResourceNotFound, errors.DirectoryExpected) as error:
            # FTP has one code for what is missing and for what is refused
            parent, _, name = above.rstrip("/").rpartition("/")
            if any(found == f"{name}/" for found, _ in self._listed(f"{parent}/" if parent else "", ["link"])):
                unread(above, error)
        return []

    def _log_unread(self, above: str, error: Exception) -> None:
        if above not in self._unreadable:
            self._unreadable.add(above)
            _log.warning("a listing leaves out the directory %r of %s: %s", above.rstrip("/"), self._filesystem, error)

    def _listed(self, above: str, namespaces: Collection[str], start: str = "") -> list[tuple[str, Info]]:
        try:
            return self._ordered(above, namespaces, start)
        except (errors.ResourceNotFound, errors.DirectoryExpected):
            return []

    def _ordered(self, above: str, namespaces: Collection[str], start: str = "") -> list[tuple[str, Info]]:
        # a whole directory at once, because MemoryFS holds its lock during a listing
        found = entries_of(self._filesystem, above.rstrip("/") or "/", namespaces)
        shown = (info for info in found if info.name.startswith(start) and not is_reserved(info.name))
        # a directory is where its slash puts its files; some servers tell a name twice
        return sorted({f"{info.name}/" if info.is_dir else info.name: info for info in shown}.items())

    def delete_tree(self, path: str) -> None:
        if may_be_reserved(path):
            refuse_reserved(path)
        while True:
            try:
                if self._is_directory(path):
                    self._delete_directory(path)
                else:
                    self._filesystem.remove(path)
            except (errors.ResourceNotFound, errors.DirectoryExpected):
                return
            except (errors.DirectoryNotEmpty, errors.FileExpected):
                # another process writes here
                continue
            return

    def _is_directory(self, path: str) -> bool:
        try:
            info = info_of(self._filesystem, path, ["link"])
        except errors.ResourceNotFound:
            # it is missing, or a broken link, which remove deletes
            return False
        return info.is_dir and not is_link(info)

    def _delete_directory(self, path: str) -> None:
        directories = [path]
        for directory in directories:
            # others may delete it, or put a file in its place
            with suppress(errors.ResourceNotFound, errors.DirectoryExpected):
                for info in entries_of(self._filesystem, directory, ["link"]):
                    below = join(directory, info.name)
                    # removetree would follow a link
                    if info.is_dir and not is_link(info):
                        directories.append(below)
                        continue
                    with suppress(errors.ResourceNotFound):
                        self._filesystem.remove(below)
        for directory in reversed(directories):
            # MemoryFS checks that the directory is empty and removes it later, with files that came in between
            with suppress(errors.ResourceNotFound, errors.DirectoryExpected), self.exclusive():
                self._filesystem.removedir(directory)

    def copy_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        if self._same(path, target):
            return
        _, source = self.fetch(path)
        with source:
            self.put(target, source, overwrite=overwrite)

    def move_file(self, path: str, target: str, *, overwrite: bool = True, version: str | None = None) -> None:
        """As for any store, and also over a certain version, as :meth:`replace_version` does."""
        if self._same(path, target):
            return
        valid = self._writable(target, overwrite)
        with self.exclusive():
            if version is not None and not self._is_version(valid, version):
                raise OtherVersion(target)
            self._move_over(path, valid, overwrite)

    def _same(self, path: str, target: str) -> bool:
        self.facts(path)
        return bool(self._filesystem.validatepath(path) == self._filesystem.validatepath(target))

    def _valid(self, path: str) -> str:
        valid = str(self._filesystem.validatepath(path))
        if may_be_reserved(valid):
            refuse_reserved(path, valid)
        # the kind of the path is asked for again
        return Reserved(valid) if isinstance(path, Reserved) else valid

    def _writable(self, path: str, overwrite: bool) -> str:
        valid = self._valid(path)
        info = self._info(valid)
        if info is not None and (info.is_dir or not overwrite):
            raise errors.FileExists(path)
        return valid

    def _move_over(self, path: str, target: str, overwrite: bool) -> None:
        with self.exclusive():
            self._filesystem.makedirs(dirname(target), recreate=True)
            # MemoryFS would replace a directory by the file
            if self._filesystem.isdir(target):
                raise errors.DirectoryExists(target)
            try:
                self._filesystem.move(path, target, overwrite=overwrite)
            except errors.DestinationExists as error:
                raise errors.FileExists(target) from error

    def _info(self, path: str) -> Info | None:
        try:
            return info_of(self._filesystem, path)
        except errors.ResourceNotFound:
            return None

    def _sha1(self, path: str) -> str:
        digest = hashlib.sha1(usedforsecurity=False)
        with self.fetch(path)[1] as file:
            copy_stream(file, _Digest(digest))
        return f"sha1:{digest.hexdigest()}"


def _facts_of(info: Info, checksum: str | None = None) -> Facts:
    details = info.raw["details"]
    # our MemoryFS numbers its writes, because two of them may see the same time
    etag = f"{details.get('version') or details.get('modified') or 0}-{info.size}"
    return Facts(info.size, info.modified, etag, checksum=checksum)


class _Digest:
    def __init__(self, digest: Any) -> None:
        self.write = digest.update


class _ForwardFile(WrappedFile):
    # FTPFS loses or misplaces data that is written after a seek
    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0) -> int:
        raise io.UnsupportedOperation("cannot seek in a file that is being written to this filesystem")

    def truncate(self, size: int | None = None) -> int:
        raise io.UnsupportedOperation("cannot truncate a file that is being written to this filesystem")
