"""Files in MongoDB, stored in GridFS."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any, BinaryIO, TypeVar, cast

from fs import errors

from ..base import Readable
from ..joined import JoinedFile
from ..objects.clients import shared_client
from ..objects.filesystem import ObjectFS
from ..objects.reader import Body
from ..objects.store import Content
from ..store import DAY, Description, Facts, OtherVersion, StoreFS
from .advice import MongoPlace
from .body import RevisionBody
from .bucket import GridBucket, Replaced
from .client import Client, MongoSettings, close_client, make_client
from .facts import Incomplete, Revision, following_date
from .joins import stretches
from .listing import below, following
from .upload import GridFSUpload, known_or_guessed

Result = TypeVar("Result")

_MIB = 1024 * 1024

# how many bytes one command writes
_PART = 2 * _MIB

# the length in bytes that pieces should have
_PIECE = 3 * _MIB

# files up to this size are read when they are opened, so that replacing them cannot interrupt the reader
_SHORT = 1 * _MIB

# how many files, or names without facts, one command lists
_PAGE = 1000
_NAMES = 10_000

# how often a file may be replaced between reading its document and reading its chunks
_ATTEMPTS = 100


class GridFS(ObjectFS):
    """A GridFS bucket as a filesystem, compatible with all drivers: ``filename`` is the path, and the newest revision
    with that name is the file.

    The marker of a directory is an empty file whose name ends with ``/``.

    :param url: the connection string of MongoDB, with its options.
    :param database: the name of the database.
    :param bucket: the name of the bucket, which is the prefix of its two collections.
    :param strict: check that the parent directory of a new file exists.
    :param chunk_size: the size of the chunks of new files in bytes; MongoDB limits a document to 16 MiB.
    :param timeout: the time limit of an operation in seconds.
    """

    keeps_notes = True
    decides_versions = True

    def __init__(
        self,
        url: str,
        database: str,
        bucket: str = "fs",
        *,
        strict: bool = True,
        chunk_size: int = 255 * 1024,
        timeout: float = 30,
    ) -> None:
        super().__init__()
        self.strict = strict
        self.chunk_size = chunk_size
        self.part_size: int = max(1, _PART // chunk_size) * chunk_size
        # each begins where a chunk of the joined file does; the driver needs several times the memory of what it sends
        self.piece_size: int = max(1, _PIECE // chunk_size) * chunk_size
        self._settings = MongoSettings(url, timeout)
        self._clients = shared_client(self._settings, make_client, close_client)
        self._bucket = GridBucket(self._clients, MongoPlace(url, database, bucket, timeout))

    @property
    def client(self) -> Client:
        """The client of the current process, shared by filesystems with the same settings."""
        return self._clients()

    # Primitives

    def head_object(self, key: str, *, checksum: bool = False) -> Facts:
        return self._bucket.newest(key)

    def has_file(self, path: str) -> bool:
        try:
            return self._bucket.has(self._file_key(path))
        except errors.FileExpected:
            return False

    def get_object(self, key: str, start: int, stop: int | None, unless: str | None) -> Content:
        def get(revision: Revision) -> Content:
            first, last = _limits(revision.size, start, stop)
            if first >= last:
                return Content(revision)
            body = RevisionBody(self._bucket, revision, first, last)
            body.load()
            return Content(revision, body, first, last)

        return self._with_chunks(key, get)

    def _with_chunks(self, key: str, use: Callable[[Revision], Result]) -> Result:
        for _ in range(_ATTEMPTS):
            revision = self._bucket.newest(key)
            try:
                return use(revision)
            except Incomplete as error:
                incomplete = error
            # either the file was replaced in the meantime, or it is broken
            if self._bucket.newest(key).id == revision.id:
                break
        if revision.holder != revision.id and not self._bucket.has_document(revision.holder):
            # a piece of an upload that has become a file, which was deleted since
            raise errors.ResourceNotFound(key) from incomplete
        raise incomplete

    def get_object_again(self, key: str, facts: Facts, start: int, stop: int | None) -> Body:
        revision = cast(Revision, facts)
        return RevisionBody(self._bucket, revision, *_limits(revision.size, start, stop))

    def open_read(self, path: str) -> BinaryIO:
        key = self._file_key(path)
        revision = self._bucket.newest(key)
        body = None
        # a larger file is not loaded yet, because the reader may seek first
        if 0 < revision.size <= _SHORT:
            body = RevisionBody(self._bucket, revision, 0, revision.size)
            try:
                body.load()
            except Incomplete:
                return self.fetch(path)[1]

        return self._reader(key, Content(revision, body, 0, revision.size))

    def read_file(self, path: str) -> bytes:
        def read(revision: Revision) -> bytes:
            return b"".join(RevisionBody(self._bucket, revision, 0, revision.size))

        return self._with_chunks(self._file_key(path), read)

    def new_object(
        self, key: str, *, overwrite: bool, content_type: str | None, note: str | None = None
    ) -> GridFSUpload:
        return self._upload(key, content_type, overwrite=overwrite, note=note)

    def _upload(
        self,
        key: str,
        content_type: str | None,
        *,
        overwrite: bool = True,
        replaces: Revision | None = None,
        note: str | None = None,
    ) -> GridFSUpload:
        return GridFSUpload(
            self._bucket,
            key,
            overwrite=overwrite,
            replaces=replaces,
            chunk_size=self.chunk_size,
            part_size=self.part_size,
            content_type=known_or_guessed(content_type, key),
            note=note,
        )

    def delete_objects(self, keys: Iterable[str]) -> None:
        self._bucket.remove({"filename": {"$in": list(keys)}})

    def delete_objects_below(self, prefix: str, *others: str) -> None:
        self._bucket.remove({"$or": [{"filename": {"$in": list(others)}}, {"filename": below(prefix)}]})

    def delete_version(self, path: str, version: str) -> bool:
        return self._bucket.remove_version(self._file_key(path), version)

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
        key = self._file_key(path)
        old = self._require_revision(key, version)
        return self.send(self._upload(key, content_type, replaces=old, note=note), file)

    def _require_revision(self, key: str, version: str) -> Revision:
        found = self._bucket.revisions(key)
        if not found or found[0].version != version:
            raise OtherVersion(key)
        return found[0]

    def copy_object(self, key: str, target: str, *, overwrite: bool) -> None:
        self._copy(self, key, target, overwrite=overwrite)

    def _copy(
        self,
        store: GridFS,
        key: str,
        target: str,
        *,
        overwrite: bool,
        replaces: Revision | None = None,
        note: str | None = None,
    ) -> None:
        def copy(revision: Revision) -> None:
            if not overwrite and self._bucket.revisions(target):
                raise errors.FileExists(target)
            upload = self._upload(target, None, overwrite=overwrite, replaces=replaces, note=note)
            upload.copy_from(store._bucket, revision)

        store._with_chunks(key, copy)

    def location(self, path: str) -> tuple[Hashable, str]:
        return (self._settings.url, self._bucket.name), path

    def copy_from(
        self,
        store: StoreFS,
        path: str,
        target: str,
        *,
        overwrite: bool = True,
        version: str | None = None,
        note: str | None = None,
    ) -> bool:
        """The server copies the chunks, also into another database: the commands of a copy inside the bucket.

        Both buckets must have the same connection string. The server decides between writers, as in other writes.
        """
        if not isinstance(store, GridFS) or self._settings.url != store._settings.url:
            return False
        key, target_key = store._file_key(path), self._file_key(target)
        if (store._bucket.name, key) == (self._bucket.name, target_key):
            self._require_own(key, overwrite=overwrite, version=version)
            return True
        replaces = None if version is None else self._require_revision(target_key, version)
        self._copy(store, key, target_key, overwrite=overwrite, replaces=replaces, note=note)
        return True

    def join_files(
        self,
        paths: Sequence[str],
        target: str,
        *,
        sizes: Sequence[int] | None = None,
        overwrite: bool = True,
        content_type: str | None = None,
    ) -> str | None:
        """The server copies the chunks of each file that begins where a chunk of the new one begins; the rest is read
        and sent, and so are all if they have no more than a part together.

        One command that finds the files, one for each that is copied, and one that counts the chunks, besides those of
        any upload. The new file has no checksum.
        """
        keys = [self._file_key(path) for path in paths]
        found = {revision.filename: revision for revision in reversed(self._bucket.revisions(*keys))} if keys else {}
        for key in keys:
            if key not in found:
                raise errors.ResourceNotFound(key)
        revisions = [found[key] for key in keys]
        sizes = [revision.size for revision in revisions]
        options: dict[str, Any] = {"overwrite": overwrite, "content_type": content_type}
        parts, length = stretches(revisions, self.chunk_size), sum(sizes)
        if length <= self.part_size or all(part.revision is None for part in parts):
            return super().join_files(keys, target, sizes=sizes, **options)
        upload = self.new_object(self._file_key(target), **options)
        with JoinedFile(self, keys, sizes) as file:
            upload.join(parts, length, cast(BinaryIO, file))
        return upload.version

    def for_upload(self, directory: str, target: str, length: int | None, **options: Any) -> StoreFS:
        """What is not longer than a piece is a file as any other, and so are pieces before the length is known."""
        if length is None or length <= self.piece_size:
            return self
        from .pieces import GridPieces

        return GridPieces(self, self._bucket, self.chunk_size, length)

    def move_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        key, target_key = self._file_key(path), self._file_key(target)
        if key == target_key:
            self.head_object(key)
            return
        while not self._rename(key, target_key, overwrite=overwrite):
            # another process moved or replaced the file: try again
            pass

    def _rename(self, key: str, target: str, *, overwrite: bool) -> bool:
        found = self._bucket.revisions(key, target)
        own = [revision for revision in found if revision.filename == key]
        if not own:
            raise errors.ResourceNotFound(key)
        source, taken = own[0], len(own) < len(found)
        if taken and not overwrite:
            raise errors.FileExists(target)
        # otherwise an older revision becomes the file after the newest one is renamed
        self._bucket.remove_older(Replaced.below(key, own))
        date = following_date(found[0]) if taken and found[0] is not source else source.date
        renamed, replaced = self._bucket.rename(source, target, date, exclusive=not overwrite)
        if replaced:
            self._bucket.remove_replaced(replaced)
        return renamed

    def _files(self, prefix: str) -> Iterator[tuple[str, Facts]]:
        for revision in self._bucket.all_below(prefix):
            if not revision.filename.endswith("/"):
                yield revision.filename, revision

    def iter_files(self, prefix: str = "") -> Iterator[str]:
        # shorter answers
        return (name for name in self._bucket.names(prefix, _NAMES) if not name.endswith("/"))

    def list_objects(self, prefix: str, *, deep: bool, limit: int | None = None) -> Iterator[tuple[str, Facts | None]]:
        # one document more shows whether newer revisions of the last name follow
        page = _PAGE if limit is None else limit + 1
        if deep:
            found = ((revision.filename, revision) for revision in self._bucket.newest_below(prefix, page))
            return islice(found, limit)
        return islice(self._level(prefix, page), limit)

    def _level(self, prefix: str, page: int) -> Iterator[tuple[str, Facts | None]]:
        start = prefix
        while True:
            directory, passed = "", 0
            for revision in self._bucket.newest_below(prefix, page, start):
                name = revision.filename
                if directory and name.startswith(directory):
                    passed += 1
                    if passed == page:
                        break
                    continue
                before, slash, _ = name[len(prefix) :].partition("/")
                if slash:
                    directory, passed = f"{prefix}{before}/", 0
                    yield directory, None
                else:
                    yield name, revision
            else:
                return
            # skip the rest of a large directory
            start = following(directory)

    def remove_leftovers(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        """Delete the chunks of unfinished uploads of killed processes, and return the number of these uploads.

        One command that reads the index of all chunks, and for each unfinished upload one, and four to delete it.

        An upload that still runs, although it paused for longer than ``older_than``, fails when it ends, with
        ``OperationFailed``. A pause of less than a minute is not noticed there, so ``older_than`` must be greater, by
        as much as the clocks differ.

        :param older_than: the minimum age of the last chunk in seconds; younger uploads may still be in progress.
        :param prefix: ignored, because chunks do not contain the name of the file.
        :param dry_run: count the uploads without deleting anything.
        """
        written_before = datetime.now(timezone.utc) - timedelta(seconds=older_than)
        return sum(
            dry_run or self._bucket.remove_orphan(each, written_before) for each in self._bucket.orphans(written_before)
        )


def _limits(size: int, start: int, stop: int | None) -> tuple[int, int]:
    first = max(0, size + start) if start < 0 else start
    return first, size if stop is None else min(size, stop)
