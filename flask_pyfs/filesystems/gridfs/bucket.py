"""Commands to a GridFS bucket."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from bson import CodecOptions, DatetimeConversion, ObjectId
from fs import errors
from pymongo import ReadPreference, UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, DuplicateKeyError

from ..objects.clients import PerProcess
from .client import Client
from .errors import mongo_errors
from .facts import Incomplete, Revision, revision_of
from .indexes import FILES_INDEX, make_indexes

log = logging.getLogger(__name__)

Document = dict[str, Any]

# how many files the first command lists, because the caller may not need more
_FIRST = 100

# how many files one command deletes
_DELETED = 100_000

# how many bytes the server copies in one command, which must end within the timeout
_COPIED = 32 * 1024 * 1024

# how many of these commands run in parallel
_COPIES = 2

# how often a revision is given a later date than a newer one
_ATTEMPTS = 100

_NEWEST_FIRST = [("uploadDate", -1), ("_id", -1)]

# DuplicateKey
_DUPLICATE = 11000

# DATETIME_AUTO also reads dates outside the range of Python's datetime
_CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)


class GridBucket:
    """Sends commands to a bucket.

    Each revision of a file has a document in ``files`` and its content in ``chunks`` (the GridFS specification of
    MongoDB). Revisions are ordered by ``uploadDate``, and those with the same date by ``_id``; the newest one is the
    file.

    :param clients: returns the client of the current process.
    :param database: the name of the database.
    :param name: the name of the bucket.
    """

    def __init__(self, clients: PerProcess[Client], database: str, name: str) -> None:
        self.name = f"{database}.{name}"
        self._clients = clients
        self._database = database
        self._name = name
        self._has_indexes = False

    def errors(self, path: str = "") -> mongo_errors:
        """Return a context that translates the errors of the driver into ``fs.errors``."""
        return mongo_errors(self.name, path)

    @property
    def timeout(self) -> float:
        """The time limit of an operation, in seconds; 0 if there is none."""
        return self._clients().options.timeout or 0

    @property
    def chunks(self) -> Collection[Document]:
        """The collection of the chunks."""
        return self._collection("chunks")

    @property
    def files(self) -> Collection[Document]:
        """The collection of the file documents."""
        return self._collection("files")

    @property
    def _primary(self) -> Collection[Document]:
        # decisions need current data, which a secondary may lack
        return self.files.with_options(read_preference=ReadPreference.PRIMARY)

    def _collection(self, which: str) -> Collection[Document]:
        return self._clients()[self._database].get_collection(f"{self._name}.{which}", codec_options=_CODEC)

    # Files

    def newest(self, filename: str) -> Revision:
        """Return the newest revision of a file. One command.

        :raises fs.errors.ResourceNotFound: if there is none.
        """
        with self.errors(filename):
            document = self.files.find_one({"filename": filename}, sort=_NEWEST_FIRST)
        if document is None:
            raise errors.ResourceNotFound(filename)
        return revision_of(document)

    def revisions(self, *filenames: str) -> list[Revision]:
        """Return the revisions of files, the newest first. One command."""
        with self.errors(filenames[0]):
            query = {"filename": {"$in": list(filenames)}}
            found = list(self._primary.find(query, sort=_NEWEST_FIRST))
        return [revision_of(document) for document in found]

    def names(self, prefix: str, page: int) -> Iterator[str]:
        """Iterate over the names of all files that start with a prefix, in ascending order.

        :param page: the number of documents per command.
        """
        # the index alone answers this query
        for document in self._pages(below(prefix), page, {"_id": False, "filename": True}):
            yield document["filename"]

    def newest_below(self, prefix: str, page: int, start: str = "") -> Iterator[Revision]:
        """Iterate over the newest revisions of all files whose names start with a prefix, in ascending order of names.

        :param page: the number of documents per command.
        :param start: the first name; names before it are skipped.
        """
        for document in self._pages({**below(prefix), "$gte": start or prefix}, page):
            try:
                yield revision_of(document)
            except errors.OperationFailed as error:
                log.warning("bucket %r: %s", self.name, error)

    def _pages(self, query: Document, size: int, projection: Any = None) -> Iterator[Document]:
        wanted = min(size, _FIRST)
        # one query per page, because the server closes a cursor while a slow caller handles a page
        while True:
            with self.errors():
                page = list(
                    self.files.find({"filename": query}, projection, sort=FILES_INDEX, limit=wanted, batch_size=wanted)
                )
            names = [(name, list(revisions)) for name, revisions in groupby(page, lambda found: found["filename"])]
            more = len(page) == wanted
            whole = not more or len(names) > 1
            wanted = size
            if more and whole:
                # the next page may have newer revisions of the last name
                names.pop()
            for name, revisions in names:
                yield self._latest(name, revisions, whole=whole, projection=projection)
            if not more:
                return
            query = {"$gt": names[-1][0], **({"$lt": query["$lt"]} if "$lt" in query else {})}

    def _latest(self, name: str, revisions: list[Document], *, whole: bool, projection: Any) -> Document:
        last = revisions[-1]
        tied = len(revisions) > 1 and revisions[-2].get("uploadDate") == last.get("uploadDate")
        if projection is not None or (whole and not tied):
            return last
        # the index does not order revisions with the same date
        with self.errors(name):
            return self.files.find_one({"filename": name}, sort=_NEWEST_FIRST) or last

    # Revisions

    def publish(self, document: Document, *, overwrite: bool) -> Replaced | None:
        """Insert the document of a new revision, after its chunks. One command, and two if it replaces revisions.

        :returns: the revisions that it replaces, for the caller to remove.
        :raises fs.errors.FileExists: if the name is taken and ``overwrite`` is false.
        """
        filename = document["filename"]
        with self.errors(filename):
            if overwrite:
                return self._publish(document)
            try:
                # an upsert takes the filename from the query
                values = {key: value for key, value in document.items() if key != "filename"}
                result = self.files.update_one(
                    {"filename": filename}, {"$setOnInsert": {**values, "exclusive": True}}, upsert=True
                )
            except DuplicateKeyError as error:
                raise errors.FileExists(filename, exc=error) from error
        if result.upserted_id is None:
            raise errors.FileExists(filename)
        return None

    def _publish(self, document: Document) -> Replaced | None:
        new, filename = document["_id"], document["filename"]
        values = {key: value for key, value in document.items() if key != "_id"}
        # the second update changes nothing; it tells whether other revisions exist
        result = self.files.bulk_write(
            [UpdateOne({"_id": new}, {"$setOnInsert": values}, upsert=True), _others(filename, new)]
        )
        return self._make_newest(filename, new) if result.matched_count else None

    def _make_newest(self, filename: str, new: Any, *, exclusive: bool = False) -> Replaced | None:
        for _ in range(_ATTEMPTS):
            found = self.revisions(filename)
            own = next((revision for revision in found if revision.id == new), None)
            if own is None:
                # a later revision has already replaced this one
                return None
            if found[0] is own or exclusive:
                # an exclusive write does not overtake a newer revision, which replaces it
                return Replaced(filename, found[0], [revision.id for revision in found[1:]])
            # a clock is behind, or another process writes the same name: the last writer wins
            self._redate(own, following_date(found[0]))
        raise errors.OperationFailed(
            filename, msg="other processes keep writing newer revisions of '{path}': try again later"
        )

    def _redate(self, revision: Revision, date: datetime) -> None:
        with self.errors(revision.filename):
            self.files.update_one({"_id": revision.id}, {"$set": {"uploadDate": date}})

    def remove_replaced(self, replaced: Replaced) -> None:
        """Delete the revisions that a new one replaces. Two commands.

        The new revision is already stored, so a failure is logged, not raised.
        """
        try:
            self.remove_older(replaced)
        except errors.FSError as error:
            log.warning(
                "bucket %r: could not delete %d older revisions of %r. They take space until it is written again: %s",
                self.name,
                len(replaced.ids),
                replaced.filename,
                error,
            )

    def remove_older(self, replaced: Replaced) -> None:
        """Delete the replaced revisions that are still older than the newest one. Two commands.

        Because of this condition, two concurrent writers cannot delete both new revisions.
        """
        filename, revision, ids = replaced.filename, replaced.newest, replaced.ids
        if not ids:
            return
        own, date = {"$literal": revision.id}, {"$literal": revision.date}
        # unlike query operators, aggregation operators compare values of different types in sort order
        older: Document = {"$lt": ["$uploadDate", date]}
        same_date: Document = {"$and": [{"$eq": ["$uploadDate", date]}, {"$lt": ["$_id", own]}]}
        self._remove(ids, {"filename": filename, "$expr": {"$or": [older, same_date]}})

    def remove(self, query: Document) -> None:
        """Delete all revisions that match a query. One command, and two per 100,000 revisions."""
        while True:
            with self.errors():
                found = self._primary.find(query, {"_id": True}, limit=_DELETED, batch_size=_DELETED)
                ids = [document["_id"] for document in found]
            if ids:
                self._remove(ids, query)
            if len(ids) < _DELETED:
                return

    def _remove(self, ids: list[Any], condition: Document) -> None:
        # files before chunks: chunks without a file only take space, but a file without chunks is unreadable
        with self.errors():
            deleted = self.files.delete_many({"$and": [{"_id": {"$in": ids}}, condition]}).deleted_count
            if deleted < len(ids):
                left = [document["_id"] for document in self._primary.find({"_id": {"$in": ids}}, {"_id": True})]
                ids = [each for each in ids if each not in left]
            self.remove_chunks(*ids)

    def remove_chunks(self, *ids: Any) -> None:
        """Delete the chunks of files whose documents do not exist. One command."""
        with self.errors():
            self.chunks.delete_many({"files_id": {"$in": ids}})

    def rename(
        self, revision: Revision, target: str, date: datetime, *, exclusive: bool
    ) -> tuple[bool, Replaced | None]:
        """Change the name and the date of a revision. One command, and one more if it replaces revisions.

        :returns: whether the revision still had its old name, and the revisions that it replaces under the new one.
        :raises fs.errors.FileExists: if several processes move or write exclusively to this name at the same time.
        """
        changes: Document = {"$set": {"filename": target, "uploadDate": date}}
        if exclusive:
            changes["$set"]["exclusive"] = True
        else:
            changes["$unset"] = {"exclusive": True}
        self.prepare()
        with self.errors(target):
            try:
                result = self.files.bulk_write(
                    [
                        UpdateOne({"_id": revision.id, "filename": revision.filename}, changes),
                        _others(target, revision.id),
                    ]
                )
            except BulkWriteError as error:
                if any(each.get("code") == _DUPLICATE for each in error.details.get("writeErrors", ())):
                    raise errors.FileExists(target, exc=error) from error
                raise
        # the second update changes nothing, so the modified document is the renamed one
        renamed, others = result.modified_count == 1, result.matched_count > result.modified_count
        if not renamed or not others:
            return renamed, None
        return True, self._make_newest(target, revision.id, exclusive=exclusive)

    # Chunks

    def copy_chunks(self, revision: Revision, target: ObjectId) -> None:
        """Copy the chunks of a revision inside the server. One command per 32 MiB, and one to count the copies.

        :raises Incomplete: if the revision was deleted in the meantime.
        """
        wanted, step = revision.chunk_count, max(1, _COPIED // revision.chunk_size)
        with self.errors(revision.filename):
            chunks = self.chunks.with_options(read_preference=ReadPreference.PRIMARY)

            def copy(start: int) -> None:
                chunks.aggregate(
                    [
                        # some drivers add an empty chunk
                        {"$match": {"files_id": revision.id, "n": {"$gte": start, "$lt": min(wanted, start + step)}}},
                        # the server creates a new _id if a document has none
                        {"$project": {"_id": False, "files_id": {"$literal": target}, "n": True, "data": True}},
                        {"$merge": {"into": chunks.name, "whenMatched": "fail"}},
                    ]
                )

            with ThreadPoolExecutor(_COPIES, "copy") as copies:
                # the executor waits for all copies before an error leaves the block
                list(copies.map(copy, range(0, wanted, step)))
            if wanted and chunks.count_documents({"files_id": target}) != wanted:
                raise Incomplete(revision.filename)

    def orphans(self) -> Iterator[tuple[Any, datetime]]:
        """Iterate over the ids of files that have chunks but no document, with the time of their last chunk.

        One command, and one per id. The time comes from the ObjectId of the chunk.
        """
        with self.errors():
            found = self.chunks.aggregate(
                [
                    # the index alone answers both stages
                    {"$sort": {"files_id": 1}},
                    {"$group": {"_id": "$files_id"}},
                    {"$lookup": {"from": self.files.name, "localField": "_id", "foreignField": "_id", "as": "file"}},
                    {"$match": {"file": []}},
                ]
            )
            for each in found:
                last = self.chunks.find_one({"files_id": each["_id"]}, {"_id": True}, sort=[("n", -1)])
                if last is not None and isinstance(last["_id"], ObjectId):
                    yield each["_id"], last["_id"].generation_time

    # Indexes

    def prepare(self) -> None:
        """Create missing indexes before the first write of the process. Two commands, and more to create them."""
        if self._has_indexes:
            return
        with self.errors():
            make_indexes(self.files, self.chunks)
        self._has_indexes = True


@dataclass(frozen=True)
class Replaced:
    """Revisions that a newer one replaces.

    :param filename: the name of the file.
    :param newest: the newest revision, which remains.
    :param ids: the ids of the older revisions.
    """

    filename: str
    newest: Revision
    ids: list[Any]


def following_date(revision: Revision) -> datetime:
    """Return a date one millisecond after that of a revision.

    :raises fs.errors.OperationFailed: if its date is the last one that Python can represent.
    """
    try:
        return revision.date + timedelta(milliseconds=1)
    except OverflowError as error:
        message = "'{path}' cannot be replaced, because its uploadDate is the latest possible date: delete it first"
        raise errors.OperationFailed(revision.filename, exc=error, msg=message) from error


def _others(filename: str, own: Any) -> UpdateOne:
    # this changes nothing; its matched_count tells whether other revisions exist
    return UpdateOne({"filename": filename, "_id": {"$ne": own}}, {"$set": {"filename": filename}})


def below(prefix: str) -> Document:
    """Return the query condition for names that start with a prefix."""
    end = following(prefix)
    return {"$gte": prefix, "$lt": end} if end else {"$gte": prefix}


def following(prefix: str) -> str:
    """Return the first string that sorts after all strings with a prefix, or an empty string if there is none."""
    # the last code point has no successor
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return ""
    last = ord(stem[-1]) + 1
    # surrogates are no characters, and UTF-8 cannot encode them
    return stem[:-1] + chr(0xE000 if last == 0xD800 else last)
