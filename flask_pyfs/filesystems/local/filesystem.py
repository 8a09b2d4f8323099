"""A filesystem over a directory of the operating system, with atomic writes. It follows no link out of its root."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from io import DEFAULT_BUFFER_SIZE
from typing import BinaryIO, cast

from fs import errors

from ...names import Reserved, is_reserved
from ..base import CHUNK_SIZE, Readable
from ..store import DAY, Facts, OtherVersion, SourceChanged, StoreFS
from . import renames
from .entries import Entries
from .listing import Listing
from .osfiles import (
    Judge,
    copy_all,
    facts_of,
    holds,
    is_link,
    is_same,
    is_version,
    open_nameless,
    open_now,
    require_file,
    version_of,
    write_all,
)
from .publisher import Publisher
from .root import Root, guarded
from .staging import Staging
from .standard import StandardFS
from .trees import delete

# larger pieces cost more to allocate than they save
_PIECE = 256 * 1024

# writes the content of a new file to its descriptor
Fill = Callable[[int], None]


class LocalFS(StandardFS):
    """A filesystem over a directory of the operating system.

    A file opened with ``w`` or ``x``, uploaded, copied or put is written in the directory ``.flask_pyfs`` of the root,
    which no listing shows. It gets its name when it is complete: by ``rename``, or by ``link`` if it must be new, so
    the operating system decides which of several writers succeeds. If the system has files without a name
    (``O_TMPFILE`` on Linux), ``put`` without ``overwrite`` writes such a file unless ``durable`` is set, so even a
    killed process leaves nothing behind. ``a`` and ``r+`` change an existing file in place.

    :param root_path: the directory.
    :param create: make the directory if it is missing.
    :param mode: the permissions of new files; None means those that the umask leaves.
    :param directory_mode: the permissions of directories that the verbs make; None means those that the umask leaves.
    :param durable: before a write ends, wait until the file and its name are on the disk (fsync).
    :param follow_symlinks: follow symbolic links out of the root. Without it, such a path raises
        :exc:`fs.errors.InvalidPath`.
    :raises fs.errors.CreateFailed: if the root is not a directory.
    """

    def __init__(
        self,
        root_path: str,
        create: bool = False,
        *,
        mode: int | None = None,
        directory_mode: int | None = None,
        durable: bool = False,
        follow_symlinks: bool = False,
    ) -> None:
        if create:
            # OSFS fails if another process makes the directory at the same time
            with suppress(OSError):
                os.makedirs(root_path, exist_ok=True)
        super().__init__(root_path, create=create, expand_vars=False)
        self._root = Root(self._root_path, follow_symlinks, directory_mode)
        self._root_path = self._root.path
        self._staging = Staging(self._root, mode, directory_mode, durable)
        self._entries = Entries(self._staging)
        self._publisher = Publisher(self._staging, self._entries)
        # until another one is known
        self._exchanges = True
        # OSFS uses a constant that is false on Linux
        self._meta["unicode_paths"] = sys.getfilesystemencoding() == "utf-8"

    @property
    def decides_versions(self) -> bool:
        """Of a replacement: whether the system has ``renameat2``."""
        return self._exchanges and renames.is_known()

    def learn_conditions(self, path: str) -> bool:
        """Exchanges two unfinished files."""
        with guarded(self._root, "write", path):
            self._exchanges = self._staging.exchanges()
        return self.decides_versions

    def open_write(self, path: str, *, overwrite: bool = True, content_type: str | None = None) -> BinaryIO:
        target = self._target(path) if overwrite else self._new_target(path)
        if not overwrite and os.path.lexists(target):
            raise errors.FileExists(path)
        with guarded(self._root, "open", path):
            return cast(BinaryIO, self._publisher.pending(path, target, "wb", -1, overwrite, make_parents=True))

    def put(self, path: str, file: Readable, *, overwrite: bool = True, content_type: str | None = None) -> str:
        return self._put(path, self._written(path, file), overwrite)

    def _put(self, path: str, fill: Fill, overwrite: bool) -> str:
        target = self._target(path) if overwrite else self._new_target(path)
        descriptor = None if overwrite or self._staging.durable else open_nameless(target.rpartition("/")[0])
        if descriptor is None:
            return self._put_staged(path, fill, target, overwrite)
        try:
            made = self._filled(descriptor, path, fill)
            self._root.recognize(made)
            if self._link_nameless(descriptor, path, target, made):
                return version_of(made)
            return self._put_staged(path, self._copied(path, descriptor), target, overwrite)
        finally:
            os.close(descriptor)

    def _link_nameless(self, descriptor: int, path: str, target: str, made: os.stat_result) -> bool:
        try:
            self._entries.link_nameless(descriptor, target)
        except FileExistsError:
            # NFS repeats a request whose answer was lost, and then finds what the first one made
            if not holds(target, is_same(made)):
                raise errors.FileExists(path) from None
        except OSError:
            # the parent was deleted, or the system has no hard links or no /proc
            return False
        return True

    def _put_staged(self, path: str, fill: Fill, target: str, overwrite: bool, version: str | None = None) -> str:
        with guarded(self._root, "write", path):
            descriptor, temporary = self._staging.open()
        try:
            try:
                made = self._filled(descriptor, path, fill)
            finally:
                os.close(descriptor)
            if version is None:
                return self._publisher.publish(path, temporary, made, target, overwrite, make_parents=True)
            return self._publisher.replace(path, temporary, made, target, version)
        except BaseException:
            self._staging.remove(temporary)
            raise

    def delete_version(self, path: str, version: str) -> bool:
        with guarded(self._root, "delete", path):
            try:
                deleted = self._entries.remove_if(self._place(path), self._judge(path, version))
            except (FileNotFoundError, NotADirectoryError, errors.ResourceNotFound):
                deleted = False
            if not deleted:
                self._root.require()
        return deleted

    def _judge(self, path: str, version: str) -> Judge:
        found = os.lstat(self._place(path))
        is_it = is_version(version)
        if stat.S_ISLNK(found.st_mode) and is_it(os.stat(self._target(path))):
            # as delete does, it deletes the link and not what that leads to
            return is_link(found)
        return is_it

    def replace_version(self, path: str, file: Readable, version: str, *, content_type: str | None = None) -> str:
        return self._replace(path, self._written(path, file), version)

    def _replace(self, path: str, fill: Fill, version: str) -> str:
        with guarded(self._root, "write", path):
            target = self._target(path)
            if not holds(target, is_version(version)):
                self._root.require()
                raise OtherVersion(path)
        return self._put_staged(path, fill, target, True, version)

    def _new_target(self, path: str) -> str:
        target = self._place(path)
        # unlike lstat, access raises no exception for a missing file
        if os.access(target, os.F_OK, follow_symlinks=False):
            target = self._target(path)
            if os.path.lexists(target):
                # raised before the stream is read, so the caller can store it under another name
                raise errors.FileExists(path)
        return target

    def _written(self, path: str, file: Readable) -> Fill:
        def fill(descriptor: int) -> None:
            while piece := file.read(_PIECE):
                with guarded(self._root, "write", path):
                    write_all(descriptor, piece.encode() if isinstance(piece, str) else piece)

        return fill

    def _copied(self, path: str, source: int) -> Fill:
        def fill(descriptor: int) -> None:
            with guarded(self._root, "write", path):
                copy_all(source, descriptor)

        return fill

    def _filled(self, descriptor: int, path: str, fill: Fill) -> os.stat_result:
        fill(descriptor)
        if self._staging.finishes:
            with guarded(self._root, "write", path):
                self._staging.finish(descriptor)
        return os.fstat(descriptor)

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        file, found = self._opened(path)
        return facts_of(path, found), file

    def open_read(self, path: str) -> BinaryIO:
        # no facts are made
        return self._opened(path)[0]

    def _opened(self, path: str) -> tuple[BinaryIO, os.stat_result]:
        with guarded(self._root, "open", path):
            descriptor = self._open_descriptor(path)
        try:
            found = require_file(path, os.fstat(descriptor))
            # with a size, Python does not ask whether it is a terminal
            return open(descriptor, "rb", DEFAULT_BUFFER_SIZE), found
        except BaseException:
            os.close(descriptor)
            raise

    def _open_descriptor(self, path: str) -> int:
        try:
            return open_now(self._place(path), os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
        # the path is a link: _target checks where it leads
        return open_now(self._target(path), os.O_RDONLY)

    def read_file(self, path: str) -> bytes:
        with guarded(self._root, "read", path):
            descriptor = self._open_descriptor(path)
            try:
                size = require_file(path, os.fstat(descriptor)).st_size
                data = os.read(descriptor, size + 1) if size <= CHUNK_SIZE else b""
                if len(data) == size:
                    return data
                # the file is large, or changes during the read
                os.lseek(descriptor, 0, os.SEEK_SET)
                with open(descriptor, "rb", closefd=False) as file:
                    return file.read()
            finally:
                os.close(descriptor)

    def isfile(self, path: str) -> bool:
        with guarded(self._root, "stat", path):
            try:
                return stat.S_ISREG(self._stat(path).st_mode)
            except (FileNotFoundError, NotADirectoryError, errors.ResourceNotFound):
                self._root.require()
                return False

    def _stat(self, path: str) -> os.stat_result:
        found = os.lstat(self._place(path))
        return os.stat(self._target(path)) if stat.S_ISLNK(found.st_mode) else found

    # a directory has one file for all that verbs take; and no facts are made
    has_file = isfile

    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        if not checksum:
            with guarded(self._root, "stat", path):
                return facts_of(path, self._stat(path))
        facts, file = self.fetch(path)
        with file, guarded(self._root, "read", path):
            digest = hashlib.sha1(usedforsecurity=False)
            while piece := file.read(CHUNK_SIZE):
                digest.update(piece)
        return Facts(facts.size, facts.modified, facts.etag, checksum=f"sha1:{digest.hexdigest()}")

    def iter_files(self, prefix: str = "") -> Iterator[str]:
        with guarded(self._root, "list", prefix):
            yield from self._listing(prefix).paths()

    def iter_facts(
        self, prefix: str = "", *, unread: Callable[[str, Exception], object] | None = None
    ) -> Iterator[tuple[str, Facts]]:
        with guarded(self._root, "list", prefix):
            yield from self._listing(prefix, unread).facts()

    def iter_level(self, directory: str = "") -> Iterator[tuple[str, Facts | None]]:
        with guarded(self._root, "list", directory):
            above = f"{directory}/" if directory else ""
            yield from self._listing(Reserved(above) if isinstance(directory, Reserved) else above).level()

    def _listing(self, prefix: str, unread: Callable[[str, Exception], object] | None = None) -> Listing:
        directory, _, start = prefix.rpartition("/")
        parts = self._parts(Reserved(directory) if isinstance(prefix, Reserved) else directory)
        return Listing(self._root, parts, self._root.walk(directory, parts), start, unread)

    def delete_tree(self, path: str) -> None:
        with guarded(self._root, "delete", path):
            if self._valid(path) != "/":
                if not delete(self._place(path)):
                    self._root.require()
                return
            root = self._root.path
            for name in os.listdir(root):
                if not is_reserved(name):
                    delete(os.path.join(root, name))

    def copy_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        self._copy(path, target, overwrite=overwrite, make_parents=True)

    def copy_from(
        self, store: StoreFS, path: str, target: str, *, overwrite: bool = True, version: str | None = None
    ) -> bool:
        """The operating system copies the content; on some disks, both files share it until one is changed.

        The copy gets the permissions of a new file here.
        """
        if not isinstance(store, LocalFS):
            return False
        facts, file = store.fetch(path)
        with file:
            source = file.fileno()
            if holds(self._target(target), is_same(os.fstat(source))):
                if version not in (None, facts.version):
                    raise OtherVersion(target)
                if version is None and not overwrite:
                    raise errors.FileExists(target)
                return True
            copied = self._copied(target, source)

            def fill(descriptor: int) -> None:
                copied(descriptor)
                if version_of(os.fstat(source)) != facts.version:
                    raise SourceChanged(path)

            if version is None:
                self._put(target, fill, overwrite)
            else:
                self._replace(target, fill, version)
        return True

    def join_files(
        self,
        paths: Sequence[str],
        target: str,
        *,
        sizes: Sequence[int] | None = None,
        overwrite: bool = True,
        content_type: str | None = None,
    ) -> str:
        """The operating system copies the content; on some disks, the files share it."""

        def fill(descriptor: int) -> None:
            for path in paths:
                with guarded(self._root, "read", path):
                    source = self._open_descriptor(path)
                    try:
                        require_file(path, os.fstat(source))
                        copy_all(source, descriptor)
                    finally:
                        os.close(source)

        return self._put(target, fill, overwrite)

    def move_file(self, path: str, target: str, *, overwrite: bool = True, version: str | None = None) -> None:
        """As for any store, and also over a certain version, as :meth:`replace_version` does."""
        if version is None:
            self._move(path, target, overwrite=overwrite, make_parents=True)
            return
        _, _, source = self._found(path)
        place = self._target(target)
        with guarded(self._root, "move", path):
            self._publisher.replace(target, source, os.lstat(source), place, version)

    def remove_leftovers(
        self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False, everywhere: bool = True
    ) -> int:
        """Remove the leftovers of uploads whose process was killed, and return their number.

        :param older_than: the time since the last write of a leftover, in seconds. Younger ones stay, because their
            upload may still run.
        :param prefix: ignored, because a leftover does not tell the path of its file.
        :param dry_run: only count.
        :param everywhere: search all directories. Without it, only the root is searched. Others have leftovers only of
            moves, and of writes to other file systems mounted inside the root.
        """
        with guarded(self._root, "remove_leftovers", "/"):
            return self._staging.remove_leftovers(older_than, dry_run=dry_run, everywhere=everywhere)

    def remove_leases(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        # they lie among the unfinished files, which remove_leftovers removes
        return 0
