"""The commands that are sent to a bucket of GridFS."""

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

# how many files are listed by the first command, because more may not be wanted
_FIRST = 100

# how many files are deleted by one command
_DELETED = 100_000

# how many bytes the server copies in one command, which has the time of one operation
_COPIED = 32 * 1024 * 1024

# how many of these commands the server has at the same time
_COPIES = 2

# how often a newer revision is passed
_ATTEMPTS = 100

_NEWEST_FIRST = [("uploadDate", -1), ("_id", -1)]

# the server's code for a value that a unique index has already
_DUPLICATE = 11000

# of years that Python does not know, too
_CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO)


class GridBucket:
    """A bucket, and the commands that are sent to it.

    A file has a document in ``files`` for each of its revisions, and its content in ``chunks``. Revisions are ordered
    by their ``uploadDate``, those of one date by their ``_id``; the newest is the file.

    :param clients: returns the client of the process.
    :param database: the database.
    :param name: the bucket.
    """

    def __init__(self, clients: PerProcess[Client], database: str, name: str) -> None:
        self.name = f"{database}.{name}"
        self._clients = clients
        self._database = database
        self._name = name
        self._has_indexes = False

    def errors(self, path: str = "") -> mongo_errors:
        """Return a context out of which only ``fs.errors`` come."""
        return mongo_errors(self.name, path)

    @property
    def timeout(self) -> float:
        """How many seconds an operation may take."""
        return self._clients().options.timeout or 0

    @property
    def chunks(self) -> Collection[Document]:
        """The collection of the content."""
        return self._collection("chunks")

    @property
    def files(self) -> Collection[Document]:
        """The collection of the files."""
        return self._collection("files")

    @property
    def _primary(self) -> Collection[Document]:
        # what is decided on must not be old
        return self.files.with_options(read_preference=ReadPreference.PRIMARY)

    def _collection(self, which: str) -> Collection[Document]:
        return self._clients()[self._database].get_collection(f"{self._name}.{which}", codec_options=_CODEC)

    # Files

    def newest(self, filename: str) -> Revision:
        """Return the newest revision of a file. One command.

        :raises fs.errors.ResourceNotFound: where there is none.
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
        """Iterate over the names of all files that start with a prefix, in their order.

        :param page: how many are asked for by one command.
        """
        # the index holds these
        for document in self._pages(below(prefix), page, {"_id": False, "filename": True}):
            yield document["filename"]

    def newest_below(self, prefix: str, page: int, start: str = "") -> Iterator[Revision]:
        """Iterate over the newest revisions of all files whose names start with a prefix, in the order of the names.

        :param page: how many are asked for by one command.
        :param start: leave out the names that come before this one.
        """
        for document in self._pages({**below(prefix), "$gte": start or prefix}, page):
            try:
                yield revision_of(document)
            except errors.OperationFailed as error:
                log.warning("bucket %r: %s", self.name, error)

    def _pages(self, query: Document, size: int, projection: Any = None) -> Iterator[Document]:
        wanted = min(size, _FIRST)
        # not one cursor, which the server forgets while somebody works on what it listed
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
                # there may be newer ones of the last
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
        # the index does not tell which of one date is the newest
        with self.errors(name):
            return self.files.find_one({"filename": name}, sort=_NEWEST_FIRST) or last

    # Revisions

    def publish(self, document: Document, *, overwrite: bool) -> Replaced | None:
        """Make a new revision visible, whose chunks are there. One command, and two where it replaces others.

        :returns: what it replaces, which is to be removed.
        :raises fs.errors.FileExists: without ``overwrite``, where the name is taken.
        """
        filename = document["filename"]
        with self.errors(filename):
            if overwrite:
                return self._publish(document)
            try:
                # a document that has no name of its own takes that of the query
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
        # the second one changes nothing, but says whether there are others
        result = self.files.bulk_write(
            [UpdateOne({"_id": new}, {"$setOnInsert": values}, upsert=True), _others(filename, new)]
        )
        return self._make_newest(filename, new) if result.matched_count else None

    def _make_newest(self, filename: str, new: Any, *, exclusive: bool = False) -> Replaced | None:
        for _ in range(_ATTEMPTS):
            found = self.revisions(filename)
            own = next((revision for revision in found if revision.id == new), None)
            if own is None:
                # another one came later
                return None
            if found[0] is own or exclusive:
                # who did not come to replace anything is replaced by what came later
                return Replaced(filename, found[0], [revision.id for revision in found[1:]])
            # a clock is behind, or another one writes the same name, and whoever comes last wins
            self._redate(own, following_date(found[0]))
        raise errors.OperationFailed(filename, msg="there is always a newer revision of '{path}'")

    def _redate(self, revision: Revision, date: datetime) -> None:
        with self.errors(revision.filename):
            self.files.update_one({"_id": revision.id}, {"$set": {"uploadDate": date}})

    def remove_replaced(self, replaced: Replaced) -> None:
        """Delete what a new revision replaces. Two commands.

        The file is there, whatever happens here, so a failure is logged.
        """
        try:
            self.remove_older(replaced)
        except errors.FSError as error:
            log.warning(
                "bucket %r: %d older revisions of %r could not be deleted and take space until it is written again: %s",
                self.name,
                len(replaced.ids),
                replaced.filename,
                error,
            )

    def remove_older(self, replaced: Replaced) -> None:
        """Delete those of some documents that are still older revisions of a name than another one. Two commands.

        Two who replace each other's revision cannot both lose theirs.
        """
        filename, revision, ids = replaced.filename, replaced.newest, replaced.ids
        if not ids:
            return
        own, date = {"$literal": revision.id}, {"$literal": revision.date}
        # unlike those of queries, these operators compare values of different types, as sorting does
        older: Document = {"$lt": ["$uploadDate", date]}
        as_old: Document = {"$and": [{"$eq": ["$uploadDate", date]}, {"$lt": ["$_id", own]}]}
        self._remove(ids, {"filename": filename, "$expr": {"$or": [older, as_old]}})

    def remove(self, query: Document) -> None:
        """Delete all revisions of files. One command, and two for each 100,000 of them."""
        while True:
            with self.errors():
                found = self._primary.find(query, {"_id": True}, limit=_DELETED, batch_size=_DELETED)
                ids = [document["_id"] for document in found]
            if ids:
                self._remove(ids, query)
            if len(ids) < _DELETED:
                return

    def _remove(self, ids: list[Any], condition: Document) -> None:
        # the files first: chunks without a file take space, but a file without chunks cannot be read
        with self.errors():
            deleted = self.files.delete_many({"$and": [{"_id": {"$in": ids}}, condition]}).deleted_count
            if deleted < len(ids):
                left = [document["_id"] for document in self._primary.find({"_id": {"$in": ids}}, {"_id": True})]
                ids = [each for each in ids if each not in left]
            self.remove_chunks(*ids)

    def remove_chunks(self, *ids: Any) -> None:
        """Delete the content of files that are not there. One command."""
        with self.errors():
            self.chunks.delete_many({"files_id": {"$in": ids}})

    def rename(
        self, revision: Revision, target: str, date: datetime, *, exclusive: bool
    ) -> tuple[bool, Replaced | None]:
        """Give a revision another name and a date. One command, and one where it replaces others.

        :returns: whether it still had its name, and what it replaces under the other one.
        :raises fs.errors.FileExists: where several do this, or write, exclusively at the same time.
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
        # the second one changes nothing
        renamed, others = result.modified_count == 1, result.matched_count > result.modified_count
        if not renamed or not others:
            return renamed, None
        return True, self._make_newest(target, revision.id, exclusive=exclusive)

    # Chunks

    def copy_chunks(self, revision: Revision, target: ObjectId) -> None:
        """Copy the content of a revision, by the server. One command for each 32 MiB, and one that counts.

        :raises Incomplete: where it was deleted meanwhile.
        """
        wanted, step = revision.chunk_count, max(1, _COPIED // revision.chunk_size)
        with self.errors(revision.filename):
            chunks = self.chunks.with_options(read_preference=ReadPreference.PRIMARY)

            def copy(start: int) -> None:
                chunks.aggregate(
                    [
                        # some drivers add an empty chunk
                        {"$match": {"files_id": revision.id, "n": {"$gte": start, "$lt": min(wanted, start + step)}}},
                        # the server makes a new _id where there is none
                        {"$project": {"_id": False, "files_id": {"$literal": target}, "n": True, "data": True}},
                        {"$merge": {"into": chunks.name, "whenMatched": "fail"}},
                    ]
                )

            with ThreadPoolExecutor(_COPIES, "copy") as copies:
                # all of them end before the error of one is raised
                list(copies.map(copy, range(0, wanted, step)))
            if wanted and chunks.count_documents({"files_id": target}) != wanted:
                raise Incomplete(revision.filename)

    def orphans(self) -> Iterator[tuple[Any, datetime]]:
        """Iterate over the ids that chunks have and no file, each with the time at which its last chunk was written.

        One command, and one for each of them.
        """
        with self.errors():
            found = self.chunks.aggregate(
                [
                    # both by the index alone
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
        """Make the indexes that are missing, when the process first writes. One command, and some to make them."""
        if self._has_indexes:
            return
        with self.errors():
            make_indexes(self.files, self.chunks)
        self._has_indexes = True


@dataclass(frozen=True)
class Replaced:
    """Revisions that a newer one replaces.

    :param filename: their name.
    :param newest: the revision that is the file.
    :param ids: those of the others.
    """

    filename: str
    newest: Revision
    ids: list[Any]


def following_date(revision: Revision) -> datetime:
    """Return a date that makes another revision newer than this one.

    :raises fs.errors.OperationFailed: where there is none.
    """
    try:
        return revision.date + timedelta(milliseconds=1)
    except OverflowError as error:
        message = "nothing can be newer than '{path}', whose uploadDate is the last one there is"
        raise errors.OperationFailed(revision.filename, exc=error, msg=message) from error


def _others(filename: str, own: Any) -> UpdateOne:
    # it changes nothing, but says whether there are others
    return UpdateOne({"filename": filename, "_id": {"$ne": own}}, {"$set": {"filename": filename}})


def below(prefix: str) -> Document:
    """Return the condition for names that start with a prefix."""
    end = following(prefix)
    return {"$gte": prefix, "$lt": end} if end else {"$gte": prefix}


def following(prefix: str) -> str:
    """Return the first text that comes after all those that start with a prefix, or nothing where there is none."""
    # nothing comes after the last code point
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return ""
    last = ord(stem[-1]) + 1
    # these are no characters
    return stem[:-1] + chr(0xE000 if last == 0xD800 else last)
