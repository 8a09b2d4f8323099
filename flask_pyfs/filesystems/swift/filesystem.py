"""An OpenStack Swift container as a filesystem."""

from __future__ import annotations

import logging
import threading
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import Any, cast
from urllib.parse import quote

from fs import errors
from swiftclient.client import Connection

from ...files import mime
from ...options import Secret
from ..base import Readable, copy_stream
from ..objects.clients import PerProcess, shared_client
from ..objects.filesystem import ObjectFS
from ..objects.reader import Body
from ..objects.store import Content, beginning_of
from ..objects.writer import Upload, in_parts
from ..store import DAY, Description, Facts, StoreFS
from .account import AccountSettings, make_account
from .auth import Credentials
from .body import KnownFile, StreamedBody, known_file
from .container import SwiftContainer
from .copies import Copies
from .facts import described, version_of
from .joins import Joins
from .listing import files, listed
from .pieces import Place, Stores, SwiftPieces, uploads_in
from .reading import Reading
from .removal import Removal
from .segments import remove_leftovers
from .signing import signed_url
from .upload import SwiftUpload

_log = logging.getLogger(__name__)

_MIB = 1024 * 1024

# the size of a part if the size of the file is unknown
_PART = 4 * _MIB

# the size of a piece of an upload: each request takes Swift about as long as to receive a MiB. An upload that is known
# to be no longer has its pieces in its directory
_PIECE = 8 * _MIB


class SwiftFS(ObjectFS):
    """An OpenStack Swift container as a filesystem.

    The marker of a directory is an empty object whose name ends with ``/``; the empty objects of the type
    ``application/directory`` that other tools create are directories too. Objects larger than ``segment_size``, and
    objects of unknown size that are larger than a part, are static large objects: their segments are in the container
    ``<container>_segments``.

    :param container: the name of the container.
    :param auth_url: the address of the authentication service.
    :param user: the name of the user; for version 1 ``account:user``.
    :param key: the key or password of the user.
    :param auth_version: the version of the authentication service: ``1`` (part of Swift), ``2`` or ``3`` (Keystone).
    :param os_options: further options for Keystone; the names are those of ``os_options`` in swiftclient.
    :param strict: check that the parent directory of a new file exists.
    :param create_container: create the container on the first write; until then it counts as empty. Otherwise a
        missing container is an error.
    :param segment_size: the maximum size in bytes of an object without segments, and of a segment; the default limit
        of a cluster is 5 GiB.
    :param temp_url_key: the key of the account or the container that signs temporary URLs.
    :param pool_size: the maximum number of idle connections to keep.
    :param timeout: the seconds to wait for a connection, and for each response.
    :param retries: the number of retries after a failure other than a timeout.
    """

    keeps_descriptions = True

    keeps_notes = True

    # the proxy looks whether the name is free, and the object servers write later
    settling: float = 0.3

    def __init__(
        self,
        container: str,
        auth_url: str,
        user: str | None = None,
        key: str | None = None,
        *,
        auth_version: str = "1",
        os_options: Mapping[str, str] | None = None,
        strict: bool = True,
        create_container: bool = False,
        segment_size: int = 1024 * _MIB,
        temp_url_key: str | None = None,
        pool_size: int = 100,
        timeout: float = 15,
        retries: int = 2,
    ) -> None:
        super().__init__()
        self.strict = strict
        self.segment_size = segment_size
        self.part_size: int = min(_PART, segment_size)
        self.piece_size: int = min(_PIECE, segment_size)
        # the same for all workers, also if some have another segment_size: they must find each other's pieces
        self.small_upload: int = _PIECE
        options = tuple(sorted((os_options or {}).items()))
        credentials = Credentials(auth_url, user, Secret(key or ""), auth_version, options)
        self._settings = AccountSettings(credentials, timeout, retries, pool_size)
        self._connections = PerProcess(threading.local)
        accounts = shared_client(self._settings, make_account, lambda account: account.close())
        self._temp_url_key = Secret(temp_url_key) if temp_url_key else None
        headers: dict[str, str] = {"X-Container-Meta-Temp-URL-Key": self._temp_url_key} if self._temp_url_key else {}
        self._container = SwiftContainer(container, accounts, create=create_container, headers=headers)
        self._segments = self._container.beside(f"{container}_segments", create=True)

    @property
    def _stores(self) -> Stores:
        return Stores(self._container, self._segments, self, self._parts, self._joins)

    @cached_property
    def _parts(self) -> SwiftFS:
        """The segments as a filesystem."""
        login = self._settings.credentials
        parts = SwiftFS(
            self._segments.name,
            login.auth_url,
            login.user,
            login.key,
            auth_version=login.version,
            os_options=dict(login.options),
            segment_size=self.segment_size,
            pool_size=self._settings.pool_size,
            timeout=self._settings.timeout,
            retries=self._settings.retries,
        )
        # it knows whose segments they are, and whether there are any
        parts._container = self._segments
        # what is in memory already is sent from there
        parts.part_size = _MIB
        return parts

    @property
    def connection(self) -> Connection:
        """A connection of swiftclient, for code that uses the driver. Each thread of each process has its own, which
        logs in by itself.
        """
        local = self._connections()
        if not hasattr(local, "connection"):
            login = self._settings.credentials
            local.connection = Connection(
                login.auth_url,
                login.user,
                login.key,
                auth_version=login.version,
                os_options=dict(login.options),
                timeout=self._settings.timeout,
                retries=self._settings.retries,
            )
        return local.connection

    def canonical(self, path: str) -> str:
        # no HTTP client can ask for the others
        return "/".join(part for part in path.split("/") if part != ".")

    # Primitives

    @property
    def _reading(self) -> Reading:
        return Reading(self._container)

    @property
    def _removal(self) -> Removal:
        return Removal(self._container, self._segments)

    def head_object(self, key: str, *, checksum: bool = False) -> Facts:
        return self._reading.facts(key)

    def get_object(self, key: str, start: int, stop: int | None, unless: str | None) -> Content:
        return self._reading.content(key, start, stop, unless)

    def get_object_again(self, key: str, facts: Facts, start: int, stop: int | None) -> Body:
        return self._reading.content_again(key, facts, start, stop)

    def new_object(
        self,
        key: str,
        *,
        overwrite: bool,
        content_type: str | None,
        description: Description | None = None,
        replaces: str | None = None,
        note: str | None = None,
    ) -> SwiftUpload:
        headers: dict[str, Any] = {"Content-Type": content_type or mime(key, "application/octet-stream")}
        if description is not None:
            headers |= described(description)
        return SwiftUpload(
            self._container, self._segments, key, overwrite=overwrite, headers=headers, replaces=replaces, note=note
        )

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
        # None, of facts that tell no version, is that of no file
        replaces = version or ""
        upload = self.new_object(
            key, overwrite=True, content_type=content_type, description=description, replaces=replaces, note=note
        )
        return self.send(upload, file)

    def send(self, upload: Upload, file: Readable) -> str | None:
        content, binary = beginning_of(file, self.part_size + 1)
        if len(content) <= self.part_size:
            upload.put(content)
            return upload.version
        known = known_file(file, content) if binary else None
        if known is not None:
            self._stream(cast(SwiftUpload, upload), known)
            return upload.version
        with self._pending(upload) as target:
            target.write(content)
            del content
            copy_stream(file, target)
        return upload.version

    def _stream(self, upload: SwiftUpload, file: KnownFile) -> None:
        if file.size <= self.segment_size:
            upload.stream(StreamedBody(file, 0, file.size))
            return
        with in_parts(upload):
            for number, start in enumerate(range(0, file.size, self.segment_size), 1):
                upload.stream_part(number, StreamedBody(file, start, min(self.segment_size, file.size - start)))

    def delete_objects(self, keys: Iterable[str]) -> None:
        self._removal.each(keys)

    def delete_objects_below(self, prefix: str, *others: str) -> None:
        self._removal.below(prefix, *others)

    def delete_version(self, path: str, version: str) -> bool:
        return self._removal.if_meant(self._file_key(path), lambda headers: version_of(headers) == version)

    def copy_object(self, key: str, target: str, *, overwrite: bool) -> None:
        self._copies.copy(key, target, overwrite=overwrite)

    def location(self, path: str) -> tuple[Hashable, str]:
        return (self._settings.credentials, self._container.name), path

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
        """One COPY; before it a HEAD of the target without ``overwrite``, or with ``version``, and those that replacing
        a file costs.

        Both containers must be of one account and user. Swift has no condition for it: what another process writes
        after that HEAD is lost.
        """
        if not isinstance(store, SwiftFS) or self._settings.credentials != store._settings.credentials:
            return False
        key, target_key = store._file_key(path), self._file_key(target)
        if (store._container.name, key) == (self._container.name, target_key):
            self._require_own(key, overwrite=overwrite, version=version)
            return True
        if version is not None:
            self._require_version(target_key, version)
        self._copies.copy(key, target_key, overwrite=overwrite, origin=store._copies, note=note)
        return True

    def move_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        key, target_key = self._file_key(path), self._file_key(target)
        if key == target_key:
            self.head_object(key)
        else:
            self._removal.if_meant(key, self._copies.copy(key, target_key, overwrite=overwrite))

    def join_files(
        self,
        paths: Sequence[str],
        target: str,
        *,
        sizes: Sequence[int] | None = None,
        overwrite: bool = True,
        content_type: str | None = None,
    ) -> str | None:
        """One COPY for each file of 1 MiB or more, and the requests for the manifest. The copies are the segments.

        Smaller files are read and sent as segments, several at once, because Swift slows down readers of small ones;
        and so are all if they have no more than 4 MiB together.
        """

        def copy(upload: SwiftUpload, number: int, path: str, size: int) -> None:
            upload.copy_part(number, self._container, self._file_key(path), size)

        sizes = self.sizes_of(paths) if sizes is None else sizes
        options: dict[str, Any] = {"overwrite": overwrite, "content_type": content_type}
        return self._joins.join(self, paths, target, copy, sizes=sizes, **options)

    @property
    def _joins(self) -> Joins:
        def new_file(path: str, *, overwrite: bool = True, content_type: str | None = None) -> SwiftUpload:
            return self.new_object(self._file_key(path), overwrite=overwrite, content_type=content_type)

        return Joins(new_file, self._segments, self.part_size, self.segment_size)

    def for_upload(self, directory: str, target: str, length: int | None, **options: Any) -> StoreFS:
        """What one request stores needs no segments."""
        place = Place(directory, target)
        is_small = length is not None and length <= self.small_upload
        return self if is_small or not place.is_short() else SwiftPieces(self._stores, place)

    def iter_elsewhere(self, prefix: str, before: datetime) -> Iterator[tuple[str, StoreFS, datetime]]:
        return uploads_in(self._stores, prefix, before)

    @property
    def _copies(self) -> Copies:
        return Copies(self, self._container, self._segments)

    def list_objects(self, prefix: str, *, deep: bool, limit: int | None = None) -> Iterator[tuple[str, Facts | None]]:
        return listed(self._container, prefix, deep=deep, limit=limit)

    def _files(self, prefix: str) -> Iterator[tuple[str, Facts]]:
        # list_objects may ask for a marker too
        return files(self._container, prefix)

    def iter_facts(self, prefix: str = "") -> Iterator[tuple[str, Facts]]:
        for key, facts in super().iter_facts(prefix):
            if facts.size:
                yield key, facts
                continue
            # a dynamic large object is listed as the empty object that names its segments
            with suppress(errors.ResourceNotFound):
                yield key, self.head_object(key)

    # Methods of Swift only

    def prepare(self) -> None:
        """Check that the container exists, and create it if ``create_container`` is set. One request, or two, at first.

        :raises flask_pyfs.errors.StoreMisconfigured: if it is missing and ``create_container`` is not set.
        """
        self._container.prepare()

    def temporary_url(self, path: str, expires: int, method: str = "GET") -> str:
        """Return a temporary URL that anybody may use until it expires. No request except one login per process.

        :param expires: the time of expiry, in whole seconds since 1970.
        :param method: the HTTP method that the URL allows.
        :raises fs.errors.Unsupported: without ``temp_url_key``.
        :raises ValueError: if ``expires`` is negative or no integer.
        """
        key = self._file_key(path)
        if not isinstance(expires, int) or expires < 0:
            raise ValueError(f"expires must be whole seconds since 1970, not {expires!r}")
        if self._temp_url_key is None:
            message = "temporary URLs need TEMP_URL_KEY, the Temp-URL key of the account or container"
            raise errors.Unsupported(key, msg=message)
        with self._container.errors(key):
            url = self._container.account.access().url
            return signed_url(url, self._container.path(key), expires, self._temp_url_key, method)

    def address(self, path: str) -> str | None:
        key = self._file_key(path)
        with self._container.errors(key):
            return self._container.account.access().url + quote(self._container.path(key))

    def remove_leftovers(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        """Delete the segments of unfinished uploads of killed processes, and return the number of these uploads.

        One request per page of the listing of segments, and for each upload one or more to read the manifest of its
        object, and one per 1,000 deleted segments.

        :param older_than: the minimum age of its last segment in seconds; younger uploads may still be in progress.
        :param prefix: only uploads of objects whose paths start with this prefix.
        :param dry_run: count the uploads without deleting anything.
        """
        return remove_leftovers(self._container, self._segments, older_than, prefix, dry_run=dry_run)
