"""The revisions of the files of a GridFS bucket: their order, and which one is the file."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from fs import errors
from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from ..store import OtherVersion
from .collections import Document
from .errors import is_duplicate
from .facts import NOTE, Revision, any_revision, following_date, revision_of
from .growing import GridGrowing
from .listing import NEWEST_FIRST, GridListing

_log = logging.getLogger(__name__)

# how many files one command deletes
_DELETED = 100_000

# how often a revision is given a later date than a newer one
_ATTEMPTS = 100


class GridBucket(GridGrowing, GridListing):
    """Sends commands to a bucket.

    Each revision of a file has a document in ``files`` and its content in ``chunks`` (the GridFS specification of
    MongoDB). Revisions are ordered by ``uploadDate``, and those with the same date by ``_id``; the newest one is the
    file.
    """

    def newest(self, filename: str) -> Revision:
        """Return the newest revision of a file. One command.

        :raises fs.errors.ResourceNotFound: if there is none.
        """
        document = self._newest(filename)
        if document is None:
            raise errors.ResourceNotFound(filename)
        return revision_of(document)

    def revisions(self, *filenames: str) -> list[Revision]:
        """Return the revisions of files, the newest first, with those that cannot be read. One command."""
        with self.errors(filenames[0]):
            query = {"filename": {"$in": list(filenames)}}
            found = list(self._primary.find(query, sort=NEWEST_FIRST))
        # an array also matches, if one of its elements does
        return [any_revision(document) for document in found if document["filename"] in filenames]

    # Writing

    def publish(self, document: Document, *, overwrite: bool) -> Replaced | None:
        """Insert the document of a new revision, after its chunks. One command, and two if it replaces revisions.

        :returns: the revisions that it replaces, for the caller to remove.
        :raises fs.errors.FileExists: if the name is taken and ``overwrite`` is false.
        """
        filename = document["filename"]
        if not overwrite:
            if not self._insert_alone({**document, "exclusive": True}, {}):
                raise errors.FileExists(filename)
            return None
        new = document["_id"]
        values = {key: value for key, value in document.items() if key != "_id"}
        with self.errors(filename):
            result = self.files.bulk_write(
                [UpdateOne({"_id": new}, {"$setOnInsert": values}, upsert=True), _others(filename, new)]
            )
        return self._make_newest(filename, new) if result.matched_count else None

    def _insert_alone(self, document: Document, others: Document) -> bool:
        # an upsert takes the filename from the query
        filename = document["filename"]
        values = {key: value for key, value in document.items() if key != "filename"}
        with self.errors(filename):
            try:
                query = {"filename": filename, **others}
                return self.files.update_one(query, {"$setOnInsert": values}, upsert=True).upserted_id is not None
            except DuplicateKeyError:
                return False

    def _make_newest(self, filename: str, new: Any, *, exclusive: bool = False) -> Replaced | None:
        for _ in range(_ATTEMPTS):
            found = self.revisions(filename)
            own = next((revision for revision in found if revision.id == new), None)
            if own is None:
                # a later revision has already replaced this one
                return None
            if found[0] is own or exclusive:
                # an exclusive write does not overtake a newer revision, which replaces it
                return Replaced.below(filename, found)
            # a clock is behind, or another process writes the same name: the last writer wins
            self._redate(own, following_date(found[0]))
        raise errors.OperationFailed(
            filename, msg="other processes keep writing newer revisions of '{path}': try again later"
        )

    def _redate(self, revision: Revision, date: datetime) -> None:
        with self.errors(revision.filename):
            self.files.update_one({"_id": revision.id}, {"$set": {"uploadDate": date}})

    def rename(
        self, revision: Revision, target: str, date: datetime, *, exclusive: bool, **values: Any
    ) -> tuple[bool, Replaced | None]:
        """Change the name and the date of a revision. One command, and one more if it replaces revisions.

        :param values: other fields that change.
        :returns: whether the revision still had its old name, and the revisions that it replaces under the new one.
        :raises fs.errors.FileExists: if several processes move or write exclusively to this name at the same time.
        """
        changes: Document = {"$set": {**values, "filename": target, "uploadDate": date}, "$unset": {NOTE: True}}
        if exclusive:
            changes["$set"]["exclusive"] = True
        else:
            changes["$unset"]["exclusive"] = True
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
                if is_duplicate(error):
                    raise errors.FileExists(target, exc=error) from error
                raise
        # the second update changes nothing, so the modified document is the renamed one
        renamed, others = result.modified_count == 1, result.matched_count > result.modified_count
        if not renamed or not others:
            return renamed, None
        return True, self._make_newest(target, revision.id, exclusive=exclusive)

    # Replacing a version

    def insert_above(self, document: Document, old: Revision) -> None:
        """Insert the document of a new revision just above an old one, after its chunks. Two commands.

        It is the file from then on. :meth:`replace` decides whether it stays. No other revision can lie between the
        two that a process overwrites the file with meanwhile: those have later dates, and stay above.

        :raises OtherVersion: if the old revision is not the file any more, or another process is replacing it.
        """
        filename, new = old.filename, document["_id"]
        self.prepare_replacing()
        found = self.revisions(filename)
        if not found or found[0].version != old.version:
            raise OtherVersion(filename)
        self.remove_older(Replaced.below(filename, found))
        date = old.date if isinstance(old.id, ObjectId) and old.id < new else following_date(old)
        document = {**document, "uploadDate": date, "replaces": old.version}
        if not self._insert_alone(document, {"_id": {"$ne": old.id}}):
            raise OtherVersion(filename)

    def replace(self, document: Document, old: Revision) -> None:
        """Delete an old revision, above which a new one was inserted. Three commands.

        The server decides: only one process can delete it, and who deleted or moved the file has done so.

        :raises OtherVersion: if it was deleted or moved in the meantime. The new revision is taken back.
        """
        filename, new = old.filename, document["_id"]
        if not self._delete([old.id], old.identity):
            self._take_back(filename, new)
            return
        try:
            self.remove_chunks(old.id)
            self._make_way(filename, new, old)
        except errors.FSError as error:
            self._warn_of_older(filename, 1, error)

    def _take_back(self, filename: str, new: Any) -> None:
        with self.errors(filename):
            query = {"_id": new, "filename": filename, "replaces": {"$exists": True}}
            if not self.files.delete_one(query).deleted_count:
                # another process took it for the file, and removed the older one, or has moved or replaced it since
                return
        self.remove_chunks(new)
        raise OtherVersion(filename)

    def _make_way(self, filename: str, new: Any, old: Revision) -> None:
        found = self.revisions(filename)
        others = [revision for revision in found if revision.id != new]
        if len(others) == len(found) or not others:
            return
        if found[0].id == new and any(revision.date >= old.date for revision in others):
            # written in the same millisecond as the old revision, and after this one
            self._remove([new], {"filename": filename})
        else:
            self.remove_older(Replaced.below(filename, found))

    # Removing

    def withdraw(self, identifier: ObjectId) -> bool:
        """Delete the document of a new revision, and return whether it was there. One command."""
        with self.errors():
            return self.files.delete_one({"_id": identifier}).deleted_count == 1

    def remove_replaced(self, replaced: Replaced) -> None:
        """Delete the revisions that a new one replaces. Two commands.

        The new revision is already stored, so a failure is logged, not raised.
        """
        try:
            self.remove_older(replaced)
        except errors.FSError as error:
            self._warn_of_older(replaced.filename, len(replaced.ids), error)

    def _warn_of_older(self, filename: str, count: int, error: errors.FSError) -> None:
        _log.warning(
            "bucket %r: could not delete %d older revisions of %r. They take space until it is written again: %s",
            self.name,
            count,
            filename,
            error,
        )

    def remove_older(self, replaced: Replaced) -> None:
        """Delete the replaced revisions that are still older than the newest one. Two commands.

        Because of this condition, two concurrent writers cannot delete both new revisions.
        """
        filename, revision, ids = replaced.filename, replaced.newest, replaced.ids
        if not ids:
            return
        if "replaces" in revision.document:
            # otherwise its writer takes it back, because it cannot delete the older one
            with self.errors(filename):
                self.files.update_one({"_id": revision.id}, {"$unset": {"replaces": True}})
        own, date = {"$literal": revision.id}, {"$literal": revision.document.get("uploadDate")}
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
            # who replaces a version meanwhile removes the revision that was found, and leaves another one
            whole = not ids or self._remove(ids, query) == len(ids)
            if whole and len(ids) < _DELETED:
                return

    def remove_version(self, filename: str, version: str) -> bool:
        """Delete a file if its newest revision is a certain version. Three commands.

        :returns: whether it was deleted.
        """
        found = self.revisions(filename)
        if not found or found[0].version != version:
            return False
        # otherwise an older revision becomes the file
        self.remove_older(Replaced.below(filename, found))
        return self._remove([found[0].id], found[0].identity) == 1

    def _remove(self, ids: list[Any], condition: Document) -> int:
        # files before chunks: chunks without a file only take space, but a file without chunks is unreadable
        deleted = self._delete(ids, condition)
        if deleted < len(ids):
            with self.errors():
                left = [document["_id"] for document in self._primary.find({"_id": {"$in": ids}}, {"_id": True})]
            ids = [each for each in ids if each not in left]
        self.remove_chunks(*ids)
        return deleted

    def _delete(self, ids: list[Any], condition: Document) -> int:
        with self.errors():
            return self.files.delete_many({"$and": [{"_id": {"$in": ids}}, condition]}).deleted_count


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

    @classmethod
    def below(cls, filename: str, found: list[Revision]) -> Replaced:
        """Return those below the first of the revisions of a file."""
        return cls(filename, found[0], [revision.id for revision in found[1:]])


def _others(filename: str, own: Any) -> UpdateOne:
    # this changes nothing; its matched_count tells whether other revisions exist
    return UpdateOne({"filename": filename, "_id": {"$ne": own}}, {"$setOnInsert": {"filename": filename}})
