"""A flat store of objects, with the verbs of uploads."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

from fs import errors
from fs.path import relpath

from ..store import Facts, StoreFS
from ..streams import PendingFile
from .reader import Body, ObjectReader, PartBuffer, Upload

__all__ = ["ObjectStore"]


class ObjectStore(StoreFS):
    """The verbs of uploads over a flat map from keys to objects. A key is the path without its leading slash.

    A subclass gives the primitives. The verbs ask for no parent and write no marker: one request, and nothing but the
    file.
    """

    #: The length of the parts in which large objects are sent, in bytes.
    part_size = 8 * 1024 * 1024

    # Primitives, of one request each

    @abstractmethod
    def _head(self, key: str, *, checksum: bool = False) -> Facts:
        """Return the facts of an object.

        :raises fs.errors.ResourceNotFound: where there is none.
        """

    @abstractmethod
    def _get(self, key: str, start: int, stop: int | None, unless: str | None) -> tuple[Facts, Body | None, int, int]:
        """Ask for the content of an object from one byte to before another; a negative start counts from the end.

        :returns: its facts, and content with the bytes at which that begins and ends, or None where the object has no
            such bytes; then the size may be all that is known of it.
        :raises Unchanged: where that has the entity tag ``unless``, and the store can tell.
        :raises fs.errors.ResourceNotFound: where there is no such object.
        """

    @abstractmethod
    def _get_again(self, key: str, facts: Facts, start: int, stop: int | None) -> Body:
        """Ask for more content of the same version of an object.

        :raises fs.errors.OperationFailed: where the object was replaced.
        """

    @abstractmethod
    def _upload(self, key: str, *, overwrite: bool, content_type: str | None) -> Upload:
        """Return a new object, without a request."""

    @abstractmethod
    def _delete(self, keys: Iterable[str]) -> None:
        """Delete objects, many in a request where the store can. What is not there is no error."""

    @abstractmethod
    def _copy(self, key: str, target: str, *, overwrite: bool) -> None:
        """Copy an object by the store.

        :raises fs.errors.ResourceNotFound: where there is none.
        :raises fs.errors.FileExists: without ``overwrite``, where the target is taken.
        """

    @abstractmethod
    def _list(self, prefix: str, *, deep: bool, limit: int | None = None) -> Iterator[tuple[str, Facts | None]]:
        """Iterate over keys that start with a prefix, lazily, with their facts.

        :param deep: all of them; else those below a further ``/`` come once, as the key to there without facts.
        :param limit: the most keys that are wanted.
        """

    # The verbs of uploads

    def open_write(self, path: str, *, overwrite: bool = True, content_type: str | None = None) -> BinaryIO:
        upload = self._upload(self._file_key(path), overwrite=overwrite, content_type=content_type)
        buffer = PartBuffer(upload, self.part_size)
        return cast(BinaryIO, PendingFile(cast(BinaryIO, buffer), "wb", buffer.finish, buffer.abort))

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        key = self._file_key(path)
        body = None
        if stop is not None and start >= stop:
            facts = self._head(key)
        else:
            facts, body, start, stop = self._get(key, start, stop, unless)

        def get(start: int, stop: int | None) -> Body:
            return self._get_again(key, facts, start, stop)

        return facts, cast(BinaryIO, ObjectReader(facts.size, get, body, start, stop, facts.content_type))

    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        return self._head(self._file_key(path), checksum=checksum)

    def iter_files(self, prefix: str = "") -> Iterator[str]:
        return (key for key, _ in self._list(prefix, deep=True) if not key.endswith("/"))

    def delete_tree(self, path: str) -> None:
        key = self._file_key(path)
        self._delete_below(f"{key}/", key)

    def _delete_below(self, prefix: str, *others: str) -> None:
        def keys() -> Iterator[str]:
            yield from others
            for key, _ in self._list(prefix, deep=True):
                yield key

        self._delete(keys())

    def copy_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        key, target_key = self._file_key(path), self._file_key(target)
        if key == target_key:
            self._head(key)
        else:
            self._copy(key, target_key, overwrite=overwrite)

    def move_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        self.copy_file(path, target, overwrite=overwrite)
        if (key := self._file_key(path)) != self._file_key(target):
            self._delete([key])

    # Paths

    def _key(self, path: str) -> str:
        return relpath(self.validatepath(path))

    def _file_key(self, path: str) -> str:
        key = self._key(path)
        if not key:
            raise errors.FileExpected(path)
        return key
