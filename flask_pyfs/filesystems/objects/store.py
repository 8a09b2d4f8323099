"""The verbs of uploads over a flat store of objects, made of seven primitives."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple, cast

from fs import errors
from fs.path import relpath

from ..base import CHUNK_SIZE, Readable, copy_stream
from ..store import Facts, StoreFS
from ..streams import PendingFile
from .reader import Body, ObjectReader
from .writer import PartBuffer, Upload


class Content(NamedTuple):
    """What a store sends of an object.

    :param facts: the facts of the object, without its checksum.
    :param body: its content from ``start`` to before ``stop``; None if that is empty.
    :param start: the first byte of the body.
    :param stop: the byte after the last one of the body.
    """

    facts: Facts
    body: Body | None = None
    start: int = 0
    stop: int = 0


class ObjectStore(StoreFS):
    """The verbs of uploads over a flat map from keys to objects. A key is the path without its leading slash.

    A subclass gives the primitives, from ``head_object`` to ``list_objects``, which any thread may call at any time.
    The verbs ask for no parent and write no marker: a save of a small file is one request and leaves only the object.

    All errors are those of ``fs.errors``. A bucket that is missing is no missing object: if the store was told to make
    it, reading finds no objects, and the first write makes it; else every primitive raises
    :exc:`~flask_pyfs.errors.StoreMisconfigured`.
    """

    #: The length in bytes of the parts in which larger objects are sent.
    part_size = 8 * 1024 * 1024

    # The primitives

    @abstractmethod
    def head_object(self, key: str, *, checksum: bool = False) -> Facts:
        """Return the facts of an object. One request.

        :param checksum: with its checksum, if the store has one.
        :raises fs.errors.ResourceNotFound: if there is no such object.
        """

    @abstractmethod
    def get_object(self, key: str, start: int, stop: int | None, unless: str | None) -> Content:
        """Ask for an object, or for some of its bytes. One request.

        :param start: the first byte; a negative number counts from the end. A store may send bytes before it.
        :param stop: the byte to stop before, None for the end. A store may send bytes after it.
        :param unless: an entity tag that the caller has, or None.
        :raises Unchanged: if the object has that entity tag. A store that cannot tell sends the content.
        :raises RangeNotSatisfiable: if the object has no such bytes and the store says nothing but its size. A store
            that knows the facts returns them without a body.
        :raises fs.errors.ResourceNotFound: if there is no such object.
        """

    @abstractmethod
    def get_object_again(self, key: str, facts: Facts, start: int, stop: int | None) -> Body:
        """Ask for more bytes of the version of an object that has these facts. One request.

        :param start: the first byte, 0 or more.
        :param stop: the byte to stop before, None for the end. A store may send bytes after it.
        :raises fs.errors.OperationFailed: if the object was replaced.
        """

    @abstractmethod
    def new_object(self, key: str, *, overwrite: bool, content_type: str | None) -> Upload:
        """Return an upload. No request.

        :param overwrite: replace an object of that key. Without it, the store decides in the write itself that the key
            is free, and the upload raises :exc:`fs.errors.FileExists` if it is not.
        :param content_type: the media type; None means that the store guesses it from the key.
        """

    @abstractmethod
    def delete_objects(self, keys: Iterable[str]) -> None:
        """Delete objects, many in a request if the store can. A key without an object is no error."""

    @abstractmethod
    def copy_object(self, key: str, target: str, *, overwrite: bool) -> None:
        """Copy an object inside the store, with its media type; the two keys differ.

        :raises fs.errors.ResourceNotFound: if there is no such object.
        :raises fs.errors.FileExists: without ``overwrite``, if the target is taken.
        """

    @abstractmethod
    def list_objects(self, prefix: str, *, deep: bool, limit: int | None = None) -> Iterator[tuple[str, Facts | None]]:
        """Iterate over the keys that start with a prefix, with the facts of their objects, page by page.

        A missing bucket that is still to be made has no keys.

        :param deep: all keys, those of markers (``directory/``) too. Otherwise keys that have a further ``/`` come
            once, as the key up to and with that slash, and None.
        :param limit: the most keys that the caller wants; a store may use it to ask for fewer.
        """

    # The verbs of uploads

    def put(self, path: str, file: Readable, *, overwrite: bool = True, content_type: str | None = None) -> None:
        upload = self.new_object(self._file_key(path), overwrite=overwrite, content_type=content_type)
        content, _ = beginning_of(file, self.part_size + 1)
        if len(content) <= self.part_size:
            upload.put(content)
            return
        with self._pending(upload) as target:
            target.write(content)
            del content
            copy_stream(file, target)

    def open_write(self, path: str, *, overwrite: bool = True, content_type: str | None = None) -> BinaryIO:
        return self._pending(self.new_object(self._file_key(path), overwrite=overwrite, content_type=content_type))

    def _pending(self, upload: Upload) -> BinaryIO:
        buffer = PartBuffer(upload, self.part_size)
        return cast(BinaryIO, PendingFile(cast(BinaryIO, buffer), "wb", buffer.finish, buffer.abort))

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        key = self._file_key(path)
        if stop is not None and start >= stop:
            content = Content(self.head_object(key))
        else:
            content = self.get_object(key, start, stop, unless)
        return content.facts, self._reader(key, content)

    def _reader(self, key: str, content: Content) -> BinaryIO:
        facts, body, start, stop = content

        def get(start: int, stop: int | None) -> Body:
            return self.get_object_again(key, facts, start, stop)

        return cast(BinaryIO, ObjectReader(facts.size, get, body, start, stop, facts.content_type))

    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        return self.head_object(self._file_key(path), checksum=checksum)

    def iter_files(self, prefix: str = "") -> Iterator[str]:
        return (key for key, _ in self.list_objects(prefix, deep=True) if not key.endswith("/"))

    def delete_tree(self, path: str) -> None:
        key = self._file_key(path)
        self.delete_objects_below(f"{key}/", key)

    def delete_objects_below(self, prefix: str, *others: str) -> None:
        """Delete all objects whose keys start with a prefix, and some others. What is not there is no error."""

        def keys() -> Iterator[str]:
            yield from others
            for key, _ in self.list_objects(prefix, deep=True):
                yield key

        self.delete_objects(keys())

    def copy_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        key, target_key = self._file_key(path), self._file_key(target)
        if key == target_key:
            self.head_object(key)
        else:
            self.copy_object(key, target_key, overwrite=overwrite)

    def move_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        self.copy_file(path, target, overwrite=overwrite)
        if (key := self._file_key(path)) != self._file_key(target):
            self.delete_objects([key])

    # Paths

    def _key(self, path: str) -> str:
        return relpath(self.validatepath(path))

    def _file_key(self, path: str) -> str:
        key = self._key(path)
        if not key:
            raise errors.FileExpected(path)
        return key


def beginning_of(file: Readable, size: int) -> tuple[bytearray, bool]:
    """Read a stream up to some length, and return what it held and whether that was bytes, not text.

    :param size: the most bytes to read. Text, whose length in bytes is not known, may give a few more.
    """
    content, binary = bytearray(), True
    while len(content) < size and (piece := cast(Any, file).read(min(CHUNK_SIZE, size - len(content)))):
        if isinstance(piece, str):
            piece, binary = piece.encode(), False
        content += piece
    return content, binary
