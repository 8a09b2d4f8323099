"""The two collections of a GridFS bucket."""

from __future__ import annotations

from typing import Any, NamedTuple

from bson import CodecOptions, DatetimeConversion
from pymongo import ReadPreference
from pymongo.collection import Collection

from ...names import has_reserved
from ..objects.clients import PerProcess
from .advice import MongoPlace
from .client import Client
from .errors import mongo_errors
from .indexes import is_unique, make_indexes, make_replacing_index

Document = dict[str, Any]

# DATETIME_AUTO also reads dates outside the range of Python's datetime
_CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)


class _Opened(NamedTuple):
    files: Collection[Document]
    chunks: Collection[Document]
    primary: Collection[Document]
    primary_chunks: Collection[Document]


class GridCollections:
    """The collections of a bucket, ``files`` and ``chunks``, and their indexes.

    :param clients: returns the client of the current process.
    :param place: where the bucket is.
    """

    def __init__(self, clients: PerProcess[Client], place: MongoPlace) -> None:
        self.name: str = f"{place.database}.{place.bucket}"
        self._clients = clients
        self._place = place
        # to make them anew takes a tenth of a small command
        self._opened = PerProcess(self._open)
        self._has_indexes = False
        self._has_replacing_index = False
        self._refuses_chunks = False

    def errors(self, path: str = "") -> mongo_errors:
        """Return a context that translates the errors of the driver into ``fs.errors``."""
        return mongo_errors(self._place, path)

    @property
    def timeout(self) -> float:
        """The time limit of an operation, in seconds; 0 if there is none."""
        return self._clients().options.timeout or 0

    @property
    def chunks(self) -> Collection[Document]:
        """The collection of the chunks."""
        return self._opened().chunks

    @property
    def files(self) -> Collection[Document]:
        """The collection of the file documents."""
        return self._opened().files

    def _files_of(self, name: str) -> Collection[Document]:
        """Return the collection to read the documents of a name, or of all names that begin with it, from."""
        return self._primary if has_reserved(name) else self.files

    def chunks_of(self, name: str) -> Collection[Document]:
        """Return the collection to read the chunks of the file of a name from."""
        return self._primary_chunks if has_reserved(name) else self.chunks

    # decisions need current data, which a secondary may lack: so does who goes on with what another worker has begun,
    # and that has reserved names

    @property
    def _primary(self) -> Collection[Document]:
        return self._opened().primary

    @property
    def _primary_chunks(self) -> Collection[Document]:
        return self._opened().primary_chunks

    def _open(self) -> _Opened:
        database, bucket = self._clients()[self._place.database], self._place.bucket
        files, chunks = (
            database.get_collection(f"{bucket}.{which}", codec_options=_CODEC) for which in ("files", "chunks")
        )
        primary, primary_chunks = (
            each.with_options(read_preference=ReadPreference.PRIMARY) for each in (files, chunks)
        )
        return _Opened(files, chunks, primary, primary_chunks)

    def prepare(self) -> None:
        """Create missing indexes before the first write of the process. Two commands, and more to create them."""
        if self._has_indexes:
            return
        with self.errors():
            make_indexes(self._primary, self._primary_chunks)
        self._has_indexes = True

    def prepare_replacing(self) -> None:
        """Create the index that lets one of several writers replace a version. One command, once in a process."""
        self.prepare()
        if self._has_replacing_index:
            return
        with self.errors():
            make_replacing_index(self.files)
        self._has_replacing_index = True

    def refuses_chunks(self) -> bool:
        """Return whether the server refuses a second chunk of a number of a file, which it does unless the index of the
        chunks was made without ``unique``. One command, until it does.
        """
        if not self._refuses_chunks:
            self.prepare()
            with self.errors():
                self._refuses_chunks = is_unique(self._primary_chunks)
        return self._refuses_chunks
