"""The methods of :class:`StoreFS` over an object store, built on seven primitives."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, BinaryIO, NamedTuple, cast

from fs import errors

from ...names import may_be_reserved
from ..base import CHUNK_SIZE, Readable, copy_stream, refuse_reserved
from ..store import Description, Facts, OtherVersion, StoreFS
from ..streams import PendingFile
from .errors import literal
from .parts import Range
from .reader import Body, ObjectReader
from .writer import PartBuffer, Upload


class Content(NamedTuple):
    """The response of a store to a request for an object.

    :param facts: the facts of the object, without its checksum.
    :param body: the content from ``start`` up to, but not including, ``stop``; None if that range is empty.
    :param start: the offset of the first byte of the body.
    :param stop: the offset after the last byte of the body.
    """

    facts: Facts
    body: Body | None = None
    start: int = 0
    stop: int = 0


class ObjectStore(StoreFS):
    """The methods of :class:`StoreFS` over a flat map from keys to objects. The path of a verb is a key, exactly as it
    is; the standard methods take a key for a path without its leading slash.

    A subclass implements the primitives, from ``head_object`` to ``list_objects``; any thread may call them at any
    time. The methods of ``StoreFS`` check no parent and write no marker: saving a small file takes one request and
    stores one object.

    The primitives raise only ``fs.errors``. A missing bucket differs from a missing object: if the store is configured
    to create it, reading finds no objects and the first write creates it. Otherwise every primitive raises
    :exc:`~flask_pyfs.errors.StoreMisconfigured`.
    """

    #: The size of a part in bytes; larger objects are sent in parts of this size.
    part_size = 8 * 1024 * 1024

    checksum_algorithm = "md5"

    keeps_checksums = True

    # Primitives

    @abstractmethod
    def head_object(self, key: str, *, checksum: bool = False) -> Facts:
        """Return the facts of an object. One request.

        :param checksum: include the checksum of the object, if the store has one.
        :raises fs.errors.ResourceNotFound: if there is no such object.
        """

    @abstractmethod
    def get_object(self, key: str, start: int, stop: int | None, unless: str | None) -> Content:
        """Request an object, or a range of its bytes. One request.

        :param start: the offset of the first byte; a negative number counts from the end. A store may send earlier
            bytes too.
        :param stop: the offset to stop before, or None for the end. A store may send later bytes too.
        :param unless: the entity tag of the version that the caller has, or None.
        :raises Unchanged: if the object has that entity tag. A store without conditional requests sends the content.
        :raises RangeNotSatisfiable: if the range is outside the object and the store reports only the size. A store
            that reports the other facts too returns them without a body.
        :raises fs.errors.ResourceNotFound: if there is no such object.
        """

    @abstractmethod
    def get_object_again(self, key: str, facts: Facts, start: int, stop: int | None) -> Body:
        """Request a range of the version of an object that has these facts. One request.

        :param start: the offset of the first byte, 0 or more.
        :param stop: the offset to stop before, or None for the end. A store may send later bytes too.
        :raises fs.errors.OperationFailed: if the object has been replaced since.
        """

    @abstractmethod
    def new_object(self, key: str, *, overwrite: bool, content_type: str | None) -> Upload:
        """Return an upload for a new object. No request.

        :param overwrite: replace an existing object. Otherwise the store checks atomically, as part of the write, that
            the key is free, and the upload raises :exc:`fs.errors.FileExists` if it is not.
        :param content_type: the media type, or None to guess it from the key.

        A store that :attr:`keeps_descriptions` also takes ``description``, and one that :attr:`keeps_notes` ``note``.
        """

    @abstractmethod
    def delete_objects(self, keys: Iterable[str]) -> None:
        """Delete objects, many in one request if the store can. Missing objects are ignored."""

    @abstractmethod
    def copy_object(self, key: str, target: str, *, overwrite: bool) -> None:
        """Copy an object and what the store keeps with it inside the store. The caller ensures that the keys differ.

        :raises fs.errors.ResourceNotFound: if there is no such object.
        :raises fs.errors.FileExists: if the target exists and ``overwrite`` is false.
        """

    @abstractmethod
    def list_objects(self, prefix: str, *, deep: bool, limit: int | None = None) -> Iterator[tuple[str, Facts | None]]:
        """Iterate over the keys that start with a prefix, with the facts of their objects. One request per page.

        The keys are in the order of their UTF-8, as Amazon S3, Swift and MongoDB sort them. The facts have what the
        listing tells; without a mark, they are not ``marked``.

        A bucket that the first write will create has no keys.

        :param deep: yield all keys, including those of markers (``directory/``). Otherwise keys with a ``/`` after the
            prefix are grouped: each group yields once its part up to and including that slash, with None.
        :param limit: the maximum number of keys that the caller needs; a store may request smaller pages with it.
        """

    # The methods of StoreFS

    def put(
        self,
        path: str,
        file: Readable,
        *,
        overwrite: bool = True,
        content_type: str | None = None,
        description: Description | None = None,
        note: str | None = None,
    ) -> str | None:
        new: Any = self.new_object
        # only a store that keeps them is given one
        if description is not None:
            new = partial(new, description=description)
        if note is not None:
            new = partial(new, note=note)
        return self.send(new(self._file_key(path), overwrite=overwrite, content_type=content_type), file)

    def send(self, upload: Upload, file: Readable) -> str | None:
        """Store a stream with an upload, and return the version of the new object."""
        content, _ = beginning_of(file, self.part_size + 1)
        if len(content) <= self.part_size:
            upload.put(content)
            return upload.version
        with self._pending(upload) as target:
            target.write(content)
            del content
            copy_stream(file, target)
        return upload.version

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

    def read_range(self, path: str, wanted: Range) -> bytes:
        """Return some bytes of a file. One request.

        :raises fs.errors.FSError: as ``fetch`` does.
        """
        with self.fetch(path, wanted.start, wanted.stop)[1] as file:
            file.seek(wanted.start)
            return file.read(wanted.size)

    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        return self.head_object(self._file_key(path), checksum=checksum)

    def iter_files(self, prefix: str = "") -> Iterator[str]:
        return (key for key, _ in self._files(prefix))

    def iter_facts(self, prefix: str = "") -> Iterator[tuple[str, Facts]]:
        before = ""
        for key, facts in self._files(prefix):
            # who compares two listings step by step would take what comes too late for missing, and delete it
            if key <= before:
                message = f"the store does not list its objects in the order of their keys: {key!r} after {before!r}"
                raise errors.OperationFailed(key, msg=literal(message))
            before = key
            yield key, facts

    def iter_level(self, directory: str = "") -> Iterator[tuple[str, Facts | None]]:
        # one request per page
        above = f"{directory}/" if directory else ""
        for key, facts in self.list_objects(above, deep=False):
            name = key[len(above) :]
            if name in ("/", "./", "../"):
                # no directory has such a name
                yield from self._files(key)
            elif name:
                yield key, facts

    def _files(self, prefix: str) -> Iterator[tuple[str, Facts]]:
        for key, facts in self.list_objects(prefix, deep=True):
            if facts is not None and not key.endswith("/"):
                yield key, facts

    def delete_tree(self, path: str) -> None:
        key = self._file_key(path)
        self.delete_objects_below(f"{key}/", key)

    def delete_version(self, path: str, version: str) -> bool:
        key = self._file_key(path)
        try:
            self._require_version(key, version)
        except OtherVersion:
            return False
        self.delete_objects([key])
        return True

    def replace_version(
        self,
        path: str,
        file: Readable,
        version: str,
        *,
        content_type: str | None = None,
        description: Description | None = None,
        note: str | None = None,
    ) -> str | None:
        self._require_version(self._file_key(path), version)
        return self.put(path, file, content_type=content_type, description=description, note=note)

    def _require_version(self, key: str, version: str) -> Facts:
        try:
            facts = self.head_object(key)
        except errors.ResourceNotFound as error:
            raise OtherVersion(key, exc=error) from error
        # None, of facts that tell no version, is that of no file
        if facts.version is None or facts.version != version:
            raise OtherVersion(key)
        return facts

    def _require_own(self, key: str, *, overwrite: bool, version: str | None) -> None:
        """Raise what a copy of an object to itself raises, which writes nothing. One request."""
        if version is not None:
            self._require_version(key, version)
            return
        self.head_object(key)
        if not overwrite:
            raise errors.FileExists(key)

    def delete_objects_below(self, prefix: str, *others: str) -> None:
        """Delete all objects whose keys start with a prefix, and the objects with the other keys, if they exist."""

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

    def canonical(self, path: str) -> str:
        return path

    def _file_key(self, path: str) -> str:
        """Return the key of the path of a verb, which is the path itself."""
        self.check()
        if not isinstance(path, str):
            raise TypeError("paths must be str (not bytes)")
        if "\0" in path or not (path.isascii() or _is_unicode(path)):
            raise errors.InvalidCharsInPath(path)
        if ".." in path and ".." in path.split("/"):
            raise errors.IllegalBackReference(path)
        if not path or path.endswith("/"):
            raise errors.FileExpected(path)
        if may_be_reserved(path) and self.hides_reserved:
            refuse_reserved(path)
        return path


def _is_unicode(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def beginning_of(file: Readable, size: int) -> tuple[bytearray, bool]:
    """Read the beginning of a stream. Return its bytes, and whether the stream is binary; text is encoded as UTF-8.

    :param size: the maximum number of bytes to read. A text stream may give a few more, because it counts characters.
    """
    content, binary = bytearray(), True
    while len(content) < size and (piece := cast(Any, file).read(min(CHUNK_SIZE, size - len(content)))):
        if isinstance(piece, str):
            piece, binary = piece.encode(), False
        content += piece
    return content, binary
