"""The verbs that uploads need of a filesystem, besides the standard methods of PyFilesystem."""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import IO, Any, BinaryIO, NamedTuple, cast

from fs import errors
from fs.base import FS
from fs.mode import Mode, validate_open_mode
from fs.path import normpath, relpath

from ..names import RESERVED, Reserved
from .base import CarefulFS, Readable
from .joined import JoinedFile
from .parts import InParts
from .streams import PendingFile, PendingText

__all__ = [
    "DAY",
    "MIGRATING",
    "PART",
    "UPLOADS",
    "Description",
    "Facts",
    "OtherVersion",
    "RangeNotSatisfiable",
    "SourceChanged",
    "StoreFS",
    "Unchanged",
]


_NEVER, _ALWAYS = (time.replace(tzinfo=timezone.utc) for time in (datetime.min, datetime.max))

#: A day in seconds. Leftovers of uploads that are younger stay by default.
DAY = 24 * 60 * 60

#: Where uploads are until they are finished, each in a directory of its own.
UPLOADS = f"{RESERVED}/uploads"

#: What has the pieces of an upload in its directory, and all else that it needs until it is finished.
OPEN = "open/"

#: What the name of a piece of an upload ends with that may become a part of the file where it lies.
PART = ".part"

#: The name of the file beside the pieces of an upload which says where other pieces are. Only a store that cannot find
#: these lists it.
PARTS = "parts"

#: Where a migration keeps what is its own in a store, for as long as it lasts.
MIGRATING = f"{RESERVED}/migrating"


class Description(NamedTuple):
    """What some stores keep of a file besides its media type. Each is the value of the header of that name, or None.

    :param content_encoding: see :class:`Facts`, like the others.
    """

    content_encoding: str | None = None
    content_disposition: str | None = None
    content_language: str | None = None


@dataclass(frozen=True)
class Facts:
    """What a store knows of a file.

    :param size: the length in bytes.
    :param modified: the time of the last write, with a time zone, or None.
    :param etag: a strong entity tag without its quotes (RFC 9110, section 8.8.3), or None.
    :param content_type: the media type if the store keeps one, else None.
    :param checksum: ``'algorithm:hexadecimal digits'`` of the content, or None.
    :param mark: what the write itself left with the file to be told from all others, or None.
    :param content_encoding: the codings that were applied to the content before it was stored, such as ``'gzip'``
        (RFC 9110, section 8.4), or None. Size, checksum and content are those of the encoded content.
    :param content_disposition: how the store says that the file is to be shown (RFC 6266), or None.
    :param content_language: the languages of its readers (RFC 9110, section 8.5), or None.
    :param marked: whether the mark and the note are known if the file has them. Listings of some stores do not tell
        them.
    :param note: the short text that was stored with the file, see :attr:`StoreFS.keeps_notes`, or None.
    """

    size: int
    modified: datetime | None
    etag: str | None = None
    content_type: str | None = None
    checksum: str | None = None
    mark: str | None = None
    content_encoding: str | None = None
    content_disposition: str | None = None
    content_language: str | None = None
    marked: bool = True
    note: str | None = None

    @property
    def version(self) -> str | None:
        """What tells this write of the file from all others, or None if the store cannot, or these facts do not.

        Where an entity tag is a digest of the content, it is the same for two writes of the same content. There, the
        version is the mark.
        """
        return self.mark or self.etag if self.marked else None

    @property
    def description(self) -> Description | None:
        """What a copy of the file must keep besides its media type, or None if there is nothing of it."""
        found = Description(self.content_encoding, self.content_disposition, self.content_language)
        return found if any(found) else None


def is_as_seen(seen: Facts, now: Facts) -> bool:
    """Return whether facts are those of the file that was seen before, as far as both tell."""
    if seen.version is not None and now.version is not None:
        return seen.version == now.version
    return all(
        before is None or after is None or before == after
        for before, after in ((seen.size, now.size), (seen.etag, now.etag), (_second(seen), _second(now)))
    )


def _second(facts: Facts) -> int | None:
    # of some stores, the listing tells more of the time
    return None if facts.modified is None else int(facts.modified.timestamp())


class Unchanged(errors.ResourceError):
    """The caller already has this version of the file.

    :ivar etag: the entity tag of the version.
    """

    default_message = "resource '{path}' is unchanged"

    def __init__(self, path: str, etag: str, exc: Exception | None = None) -> None:
        super().__init__(path, exc)
        self.etag = etag


class RangeNotSatisfiable(errors.ResourceError):
    """The file has none of the bytes that the caller asked for.

    :ivar size: the length of the file in bytes, which may be the only fact that the store tells.
    """

    default_message = "resource '{path}' has no such bytes"

    def __init__(self, path: str, size: int, exc: Exception | None = None) -> None:
        super().__init__(path, exc)
        self.size = size


class OtherVersion(errors.ResourceError):
    """The file is not the version that the caller named: it was replaced or deleted."""

    default_message = "resource '{path}' was replaced or deleted in the meantime"


class SourceChanged(errors.ResourceError):
    """The file changed while it was copied, so the copy is not stored."""

    default_message = "resource '{path}' changed while it was copied"


class StoreFS(CarefulFS):
    """A filesystem with the verbs that uploads need. Errors are ``fs.errors``.

    Unlike the standard methods, the verbs make missing parent directories, and never show an unfinished file.

    The standard methods normalise paths, as any PyFilesystem does. The paths of verbs are relative to the root, and a
    store takes each exactly as it is if it can: ``a//b``, ``/a/b`` and ``a/b`` are three objects of an object store,
    and one file of a directory. :meth:`canonical` tells which are the same. No path has a ``..`` component.
    """

    #: The algorithm of the checksums of this store, as :mod:`hashlib` names it.
    checksum_algorithm = "sha1"

    #: Whether :meth:`facts` returns only a checksum that the store keeps, and never reads a file for one.
    keeps_checksums = False

    #: The length in bytes that files should have, and of which the offset of each should be a multiple, so that
    #: :meth:`join_files` costs the least.
    piece_size = 8 * 1024 * 1024

    #: Whether :meth:`join_files` may make files parts of the new one, instead of copying them. They are its own then,
    #: and go with it. Only what :meth:`for_upload` returns does so.
    joins_in_place = False

    #: Whether the pieces can be read that become parts of the new file. If not, :meth:`join_files` returns what it
    #: returned before if it is called again after it has made the file of them.
    reads_parts = True

    #: For how long after a ``put`` without ``overwrite`` another one may still succeed, in seconds. 0 if the store
    #: itself decides who is first.
    settling: float = 0

    #: Whether ``put`` and ``replace_version`` also take ``description``, a :class:`Description` that the store keeps.
    keeps_descriptions = False

    #: Whether ``put``, ``replace_version`` and ``copy_from`` also take ``note``, a text of at most 1,000 printable
    #: ASCII characters that the store keeps with this version of the file. It is in :attr:`Facts.note`, and neither a
    #: copy nor a later version has it.
    keeps_notes = False

    #: Whether clients may send files in parts (:meth:`in_parts`), so that :meth:`remove_leftovers` also finds theirs.
    takes_parts = False

    #: Whether files with reserved names are left out of what an app lists.
    hides_reserved = True

    #: Whether a standard method that writes a file fails if its parent directory does not exist.
    strict = True

    @property
    def decides_versions(self) -> bool:
        """Whether the store itself decides the conditions of ``delete_version`` and ``replace_version``, as far as is
        known, so that nothing is lost that is written at that moment. No request.

        S3 compares digests of the content: to it, two writes of the same content are one.
        """
        return False

    def learn_conditions(self, path: str) -> bool:
        """Return :attr:`decides_versions`, after asking a server that may ignore conditions without a word.

        By default, no request.

        :param path: where a store that must ask puts a file of a few bytes, and removes it.
        :raises fs.errors.FSError: if the store fails.
        """
        return self.decides_versions

    @property
    def standard(self) -> FS:
        """The filesystem for callers that use only standard methods."""
        return self

    @property
    def shown(self) -> FS:
        """The same for apps: nothing under a reserved name is reached or listed."""
        return self.standard

    def open(
        self,
        path: str,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str = "",
        line_buffering: bool = False,
        **options: Any,
    ) -> IO[Any]:
        validate_open_mode(mode)
        binary = Mode(mode).binary
        if not binary and buffering == 0:
            raise ValueError("can't have unbuffered text I/O")
        file: Any = self.openbin(path, Mode(mode).to_platform_bin(), buffering if binary else -1, **options)
        if binary:
            return cast(IO[Any], file)
        # the base class would publish a file even if its "with" block ends with an exception
        kind: Any = PendingText if isinstance(file, PendingFile) else io.TextIOWrapper
        try:
            text = kind(file, encoding or "utf-8", errors, newline, line_buffering or buffering == 1)
        except BaseException:
            file.close()
            raise
        text.mode = mode
        return cast(IO[Any], text)

    def canonical(self, path: str) -> str:
        """Return the path that the verbs take this one for. No request.

        By default, they normalise paths as the standard methods do.
        """
        return str(relpath(normpath(path)))

    @property
    def bare(self) -> StoreFS:
        """The store in which the files lie as they are kept: another one if this one encrypts what is written to it."""
        return self

    def location(self, path: str) -> tuple[Hashable, str] | None:
        """Return where a path is, so that two stores of one place are known to have the same files: what tells the
        place from all others, and the path from its root. None if this is not known. No request.
        """
        return None

    def address(self, path: str) -> str | None:
        """Return the URL at which clients reach a file, if the store lets them, without a signature; None if the store
        tells none. No request except a login.
        """
        return None

    def in_parts(self, path: str) -> InParts | None:
        """Return the file of a path as clients send it to the store, in parts, by requests that it signs; None if it
        takes none. No request.
        """
        return None

    def has_file(self, path: str) -> bool:
        """Return whether there is a file; False for a directory. Unlike ``isfile``, it takes the path as verbs do."""
        try:
            self.facts(path)
        except (errors.ResourceNotFound, errors.FileExpected):
            return False
        return True

    @abstractmethod
    def open_write(self, path: str, *, overwrite: bool = True, content_type: str | None = None) -> BinaryIO:
        """Open a file for writing. It becomes visible, complete, when it closes without an exception.

        :param overwrite: replace a file of that name.
        :param content_type: the media type, for stores that keep one. Without it, they guess it from the name.
        :raises fs.errors.FileExists: without ``overwrite``, if the name is taken, at once or when the file closes.
        """

    @abstractmethod
    def put(self, path: str, file: Readable, *, overwrite: bool = True, content_type: str | None = None) -> str | None:
        """Store a stream from its current position to its end, and return the version that this write made.

        The stream is left open.

        :param overwrite: replace a file of that name. Without it, the write itself decides whether the name is free, so
            only one of several writers succeeds.
        :param content_type: the media type, for stores that keep one. Without it, they guess it from the name.
        :returns: :attr:`Facts.version` of the new file, or None if the store cannot tell versions.
        :raises fs.errors.FileExists: without ``overwrite``, if the name is taken; or if it is the name of a directory
            and the store has directories.
        :raises fs.errors.DirectoryExpected: if a parent of the path is a file and the store has directories.
        """

    @abstractmethod
    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        """Return the facts of a file, without the checksum, and a seekable stream of the same version.

        The stream is at the first byte of the file. A store on a network may ask at first only for the bytes that will
        be read.

        :param start: the first byte that will be read; a negative number counts from the end.
        :param stop: the byte before which reading will stop, None for the end. If it equals ``start``, no byte will be
            read.
        :param unless: the entity tag of a version that the caller has.
        :raises Unchanged: if the file still is that version, and the store sends no content then.
        :raises RangeNotSatisfiable: if the file has none of the bytes, and the store tells only its size then.
        :raises fs.errors.ResourceNotFound: if there is no file. A store without directories raises it for a directory
            too.
        :raises fs.errors.FileExpected: if the path is a directory.
        """

    def open_read(self, path: str) -> BinaryIO:
        """Open a file for reading, if it is not known yet which bytes will be read.

        :raises fs.errors.FSError: as ``fetch`` does.
        """
        return self.fetch(path)[1]

    @abstractmethod
    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        """Return the facts of a file.

        :param checksum: return the checksum too. Depending on the store, it is known, or computed from the whole file,
            or None.
        :raises fs.errors.ResourceNotFound: if there is no file. A store without directories raises it for a directory
            too.
        :raises fs.errors.FileExpected: if the path is a directory.
        """

    def version(self, path: str) -> str | None:
        """Return the version of a file, also of one whose content nobody can read; None if the store knows none. One
        request.

        :raises fs.errors.FSError: as :meth:`facts` does.
        """
        return self.facts(path).version

    def isfile(self, path: str) -> bool:
        # getinfo may need two requests
        return self.has_file(path)

    def readbytes(self, path: str) -> bytes:
        return self.read_file(path)

    def read_file(self, path: str) -> bytes:
        """Return the content of a file.

        :raises fs.errors.FSError: as ``fetch`` does.
        """
        with self.fetch(path)[1] as file:
            return file.read()

    @abstractmethod
    def iter_files(self, prefix: str = "") -> Iterator[str]:
        """Iterate over the paths of all files that start with a prefix, lazily, in no particular order.

        :param prefix: the start of the paths, without a leading slash: ``'a/'`` lists the directory, ``'a'`` also lists
            ``ab.txt``.
        """

    def iter_facts(self, prefix: str = "") -> Iterator[tuple[str, Facts]]:
        """Iterate over the paths of all files that start with a prefix, each with its facts, lazily, in key order.

        Key order is that of the code points of the whole path, and so that of its UTF-8: ``a.txt``, ``a/b``, ``a0``.
        No file is read. The facts have a checksum only if a listing of the store tells one. Files that are deleted
        meanwhile may be left out.

        By default, it sorts what :meth:`iter_files` returns, which takes memory for all paths, and asks for the facts
        of each file.

        A store that may leave out directories that it cannot read also takes ``unread``: a function that is called with
        the start of the paths below each, and with the exception. Without it, the store logs them.

        :param prefix: as for :meth:`iter_files`.
        """
        for path in sorted(set(self.iter_files(prefix))):
            with suppress(errors.ResourceNotFound, errors.FileExpected):
                yield path, self.facts(path)

    def iter_level(self, directory: str = "") -> Iterator[tuple[str, Facts | None]]:
        """Iterate over the paths of what is in a directory, lazily, in no particular order.

        Each file has its facts. A directory ends with a slash, and has None. A missing directory has nothing.

        By default, it lists all that is below.

        :param directory: the path of the directory; an empty one is the root.
        """
        return level_of(self.iter_facts, directory)

    @abstractmethod
    def delete_tree(self, path: str) -> None:
        """Delete a file, or a directory with everything below it, and nothing else. A missing path is no error."""

    @abstractmethod
    def delete_version(self, path: str, version: str) -> bool:
        """Delete a file if it still is a certain version.

        A store that has no such condition looks first and then deletes: what is written in between is lost there. The
        page of each backend names this window.

        :param version: :attr:`Facts.version`, as ``put`` and ``facts`` return it.
        :returns: whether the file was deleted; False if it was replaced, or is missing.
        """

    @abstractmethod
    def replace_version(
        self, path: str, file: Readable, version: str, *, content_type: str | None = None
    ) -> str | None:
        """Replace a file by a stream if it still is a certain version, and return the version that this write made.

        A store that has no such condition looks first and then writes: what is written in between is lost there. The
        page of each backend names this window.

        :param version: :attr:`Facts.version`, as ``put`` and ``facts`` return it.
        :param content_type: as for :meth:`put`.
        :raises OtherVersion: if the file was replaced, or is missing. The stream may have been read.
        """

    @abstractmethod
    def copy_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        """Copy a file inside the filesystem. If both paths are the same file, this does nothing.

        :raises fs.errors.ResourceNotFound: if there is no file.
        :raises fs.errors.FileExists: without ``overwrite``, if the target is taken.
        """

    def copy_from(
        self, store: StoreFS, path: str, target: str, *, overwrite: bool = True, version: str | None = None
    ) -> bool:
        """Copy a file of another filesystem without reading it, if both are on one server.

        The copy has the media type and the description of the file. It becomes visible when it is complete. If both are
        one file, nothing is written.

        By default there is no such way.

        :param store: the other filesystem.
        :param path: the file there.
        :param overwrite: as for :meth:`put`.
        :param version: replace only this version of the target, as :meth:`replace_version` does.
        :returns: whether it was copied; False, without a request, if the server cannot.
        :raises SourceChanged: if the file changed meanwhile.
        :raises OtherVersion: with ``version``, if the target was replaced, or is missing.
        :raises fs.errors.ResourceNotFound: if there is no such file.
        :raises fs.errors.FileExists: without ``overwrite``, if the target is taken.
        """
        return False

    def join_files(
        self,
        paths: Sequence[str],
        target: str,
        *,
        sizes: Sequence[int] | None = None,
        overwrite: bool = True,
        content_type: str | None = None,
    ) -> str | None:
        """Store the content of several files, one after the other, as one new file, and return its version.

        The files stay. They must not change meanwhile: callers give names that nobody else knows. The new file becomes
        visible when it is complete.

        By default, the files are read and written again. A store that can join them itself does so.

        :param paths: the files, in order. None of them need have content; without any, the new file is empty.
        :param target: the new file, which is none of them.
        :param sizes: the length of each in bytes, as a listing tells it. Without it, some stores make one request more
            for each file.
        :param overwrite: as for :meth:`put`.
        :param content_type: as for :meth:`put`.
        :raises fs.errors.ResourceNotFound: if one of the files is missing.
        :raises fs.errors.FileExists: without ``overwrite``, if the target is taken.
        """
        with JoinedFile(self, paths, self.sizes_of(paths) if sizes is None else sizes) as file:
            return self.put(target, cast(Readable, file), overwrite=overwrite, content_type=content_type)

    def for_upload(
        self,
        directory: str,
        target: str,
        length: int | None,
        *,
        content_type: str | None = None,
        is_read: bool = True,
    ) -> StoreFS:
        """Return this store as an unfinished upload sees it. No request.

        If it :attr:`joins_in_place`, it keeps the pieces, which are files of the directory whose names end with
        :data:`PART`, where they can become parts of the target. Its verbs take their paths as those of other files.
        ``delete_tree`` spares those that the target consists of.

        Otherwise all files are in the directory, also as this store lists them. The names of the pieces are those that
        ``PieceName`` of ``filesystems.piece_names`` parses: they begin with the offset of the piece in the target, in
        16 hexadecimal digits, and a hyphen. No name is used twice, and what is put is a binary file that can seek.
        Pieces of which the target was made can be read as long as the target stays.

        By default, the pieces are files as any others, and this is the store itself.

        :param directory: the directory of the upload, whose last component nobody else has.
        :param target: the file that it is to become.
        :param length: how many bytes it will have, or None if that is not known yet. It is the same for each request.
        :param content_type: as for :meth:`join_files`, which gets the same target and the same media type if the file
            is not read.
        :param is_read: whether the pieces may be read before they are the file.
        """
        return self

    def part_mark(self, mark: str, offset: int, size: int, *, waits: bool) -> str | None:
        """Return the mark in the name of a piece that is to become a part of the file where it lies; None if it is to
        be a file as any other.

        By default, it is that of the request, and no request is made.

        :param mark: that of the request.
        :param offset: where the piece begins, in bytes.
        :param size: how long it is, in bytes.
        :param waits: whether it does not count before its request has proved a checksum of more than this piece.
        """
        return mark if self.joins_in_place else None

    def sizes_of(self, paths: Sequence[str]) -> list[int]:
        """Return the length of each file in bytes. One request for each.

        :raises fs.errors.FSError: as :meth:`facts` does.
        """
        return [self.facts(path).size for path in paths]

    @abstractmethod
    def move_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        """Move a file inside the filesystem. If both paths are the same file, this does nothing.

        :raises fs.errors.ResourceNotFound: if there is no file.
        :raises fs.errors.FileExists: without ``overwrite``, if the target is taken.
        """

    def remove_leftovers(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        """Remove the leftovers of uploads whose process was killed, and return the number of these uploads.

        By default there are none.

        :param older_than: the age of a leftover in seconds. Younger ones stay, because their upload may still run.
        :param prefix: the start of the paths of the intended files, as for :meth:`iter_files`. A store that does not
            know the file of a leftover ignores it.
        :param dry_run: only count.
        """
        return 0

    def remove_leases(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        """Remove what killed processes left under reserved names, such as leases, and return the number of files. What
        a migration keeps stays, and so do uploads, see :meth:`remove_uploads`.

        One listing, and two requests for each old file.

        :param older_than: the age of a file in seconds.
        :param prefix: the path in front of ``.flask_pyfs/``.
        :param dry_run: only count.
        """
        before = datetime.now(timezone.utc) - timedelta(seconds=older_than)

        def is_old(facts: Facts) -> bool:
            return facts.modified is not None and facts.modified < before

        removed, kept = 0, (f"{prefix}{MIGRATING}/", f"{prefix}{UPLOADS}/")
        found = self.iter_facts(Reserved(f"{prefix}{RESERVED}/"))
        for path in [Reserved(path) for path, facts in found if is_old(facts) and not path.startswith(kept)]:
            with suppress(errors.ResourceNotFound):
                # the listings of some stores tell no versions
                facts = self.facts(path)
                if is_old(facts) and facts.version is not None:
                    removed += dry_run or self.delete_version(path, facts.version)
        return removed

    def remove_uploads(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        """Remove the unfinished uploads whose newest file is old, each as a whole, and return their number.

        One listing, and for each old upload another one right before it is deleted; and the requests of
        :meth:`iter_elsewhere`.

        :param older_than: the age of the newest file in seconds.
        :param prefix: the path in front of ``.flask_pyfs/``.
        :param dry_run: only count.
        """
        before = datetime.now(timezone.utc) - timedelta(seconds=older_than)
        above = f"{prefix}{UPLOADS}/"

        def newest(store: StoreFS, start: str) -> dict[str, datetime]:
            times: dict[str, datetime] = {}
            for path, facts in store.iter_facts(Reserved(start)):
                directory = above + path[len(above) :].partition("/")[0]
                # a file without a time is never old
                times[directory] = max(times.get(directory, _NEVER), facts.modified or _ALWAYS)
            return times

        times, stores = newest(self, above), dict[str, StoreFS]()
        for directory, store, time in self.iter_elsewhere(prefix, before):
            times[directory], stores[directory] = max(times.get(directory, _NEVER), time), store
        removed = 0
        for directory in [path for path, time in times.items() if time < before]:
            store = stores.get(directory, self)
            # it may go on meanwhile
            if newest(store, f"{directory}/").get(directory, _ALWAYS) < before:
                removed += 1
                if not dry_run:
                    store.delete_tree(Reserved(directory))
        return removed

    def iter_elsewhere(self, prefix: str, before: datetime) -> Iterator[tuple[str, StoreFS, datetime]]:
        """Iterate over the uploads that have pieces elsewhere than in their directories: the directory of each, what
        :meth:`for_upload` returns for it, and the time of the newest of these pieces.

        An upload is left out if all these pieces are old, and parts of a file.

        By default there are none.

        :param prefix: the path in front of ``.flask_pyfs/``.
        :param before: what is older is old.
        """
        yield from ()


def level_of(below: Callable[[str], Iterable[tuple[str, Facts]]], directory: str) -> Iterator[tuple[str, Facts | None]]:
    """Iterate over what is in a directory, as :meth:`StoreFS.iter_level` does.

    :param below: lists all files whose paths begin with a prefix, in key order, each with its facts.
    :param directory: the path of the directory; an empty one is the root.
    """
    above, last = f"{directory}/" if directory else "", None
    for path, facts in below(above):
        name, slash, _ = path[len(above) :].partition("/")
        if not slash:
            yield path, facts
        elif name != last:
            yield f"{above}{name}/", None
            last = name
