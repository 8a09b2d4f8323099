"""Lists the files of a GridFS bucket."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from fs import errors

from .collections import Document, GridCollections
from .facts import NOTE, STRETCH, Revision, revision_of
from .indexes import FILES_INDEX

_log = logging.getLogger(__name__)

# how many documents the first command lists if the caller may not need more
_FIRST = 100

# how many files one command lists with their facts; one document more shows whether the last one has newer revisions
_FILES = 10_000

NEWEST_FIRST = [("uploadDate", -1), ("_id", -1)]

# the index alone answers a query for it
_NAME = {"_id": False, "filename": True}

# what tells the facts of a file; a document may have much more
_FACTS = dict.fromkeys(
    (
        *("filename", "length", "chunkSize", "uploadDate", "replacedAt", "md5", "contentType"),
        *("metadata.md5", "metadata.contentType", NOTE, STRETCH),
    ),
    True,
)


class GridListing(GridCollections):
    """Lists files in the order of their names, a page per command."""

    def names(self, prefix: str, page: int) -> Iterator[str]:
        """Iterate over the names of all files that start with a prefix, in ascending order.

        :param page: the number of documents per command.
        """
        query, wanted = below(prefix), min(page, _FIRST)
        while True:
            found, more = self._page(query, wanted, _NAME)
            names = dict.fromkeys(document["filename"] for document in found)
            yield from names
            if not more:
                return
            query, wanted = _after(next(reversed(names)), query), page

    def all_below(self, prefix: str) -> Iterator[Revision]:
        """Iterate over the same revisions as :meth:`newest_below`, for a caller who needs them all. One command per
        10,000 files.
        """
        return self._revisions(below(prefix), _FILES + 1, _FILES + 1)

    def newest_below(self, prefix: str, page: int, start: str = "") -> Iterator[Revision]:
        """Iterate over the newest revisions of all files whose names start with a prefix, in ascending order of names.

        Their documents have only what tells the facts.

        :param page: the number of documents per command.
        :param start: the first name; names before it are skipped.
        """
        return self._revisions({**below(prefix), "$gte": start or prefix}, page, _FIRST)

    def _revisions(self, query: Document, page: int, first: int) -> Iterator[Revision]:
        for document in self._pages(query, page, _FACTS, first):
            try:
                yield revision_of(document)
            except errors.OperationFailed as error:
                _log.warning("bucket %r: %s", self.name, error)

    def _pages(self, query: Document, size: int, projection: Document, first: int) -> Iterator[Document]:
        wanted = min(size, first)
        # one query per page, because the server closes a cursor while a slow caller handles a page
        while True:
            found, more = self._page(query, wanted, projection)
            names = [(name, list(revisions)) for name, revisions in groupby(found, lambda each: each["filename"])]
            whole = not more or len(names) > 1
            wanted = size
            if more and whole:
                # the next page may have newer revisions of the last name
                names.pop()
            for name, revisions in names:
                yield self._latest(name, revisions, whole=whole)
            if not more:
                return
            query = _after(names[-1][0], query)

    def _page(self, query: Document, size: int, projection: Document) -> tuple[list[Document], bool]:
        # and whether more may follow
        with self.errors():
            files = self._files_of(query.get("$gte") or query.get("$gt", ""))
            page = list(files.find({"filename": query}, projection, sort=FILES_INDEX, limit=size, batch_size=size))
        more = len(page) == size
        # an array also matches, if one of its elements does
        strings = [document for document in page if isinstance(document["filename"], str)]
        if more and not strings:
            raise errors.OperationFailed(msg=f"bucket {self.name!r}: {size} documents have a filename that is no text")
        return strings, more

    def _latest(self, name: str, revisions: list[Document], *, whole: bool) -> Document:
        last = revisions[-1]
        tied = len(revisions) > 1 and revisions[-2].get("uploadDate") == last.get("uploadDate")
        if whole and not tied:
            return last
        # the index does not order revisions with the same date
        return self._newest(name) or last

    def _newest(self, name: str) -> Document | None:
        return self._first(name, sort=NEWEST_FIRST)

    def has(self, name: str) -> bool:
        """Return whether there is a file of this name. One command."""
        return self._first(name, projection=_NAME) is not None

    def _first(self, name: str, **options: Any) -> Document | None:
        with self.errors(name):
            files = self._files_of(name)
            found = files.find_one({"filename": name}, **options)
            if found is not None and not isinstance(found["filename"], str):
                found = files.find_one({"filename": {"$eq": name, "$not": {"$type": "array"}}}, **options)
            return found


def _after(name: str, query: Document) -> Document:
    # the rest of what a query for names finds
    return {"$gt": name, **({"$lt": query["$lt"]} if "$lt" in query else {})}


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
