"""The indexes of a GridFS bucket."""

from __future__ import annotations

from typing import Any

import pymongo
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

Documents = Collection[dict[str, Any]]

FILES_INDEX = [("filename", 1), ("uploadDate", 1)]
_CHUNKS_INDEX = [("files_id", 1), ("n", 1)]
# two fields, because an index on the filename alone may exist already
_EXCLUSIVE_INDEX = [("filename", 1), ("exclusive", 1)]

_REPLACING_INDEX = [("replaces", 1)]

_EXCLUSIVE: dict[str, Any] = {"unique": True, "partialFilterExpression": {"exclusive": True}}
_REPLACING: dict[str, Any] = {"unique": True, "partialFilterExpression": {"replaces": {"$exists": True}}}

# IndexOptionsConflict, IndexKeySpecsConflict: the index exists under another name
_OTHER_OPTIONS = {85, 86}

# with more files than this, building an index may take longer than the timeout
_LARGE = 10_000
_LONG_SECONDS = 60 * 60


def make_indexes(files: Documents, chunks: Documents) -> None:
    """Create the missing indexes. Two commands, and more to create them.

    :param files: the collection of the file documents.
    :param chunks: the collection of the chunks.
    """
    if _has(files, _EXCLUSIVE_INDEX):
        _wait_for_exclusive(files)
        return
    large = files.estimated_document_count() > _LARGE
    if not _has(chunks, _CHUNKS_INDEX):
        _make(chunks, _CHUNKS_INDEX, large, unique=True)
    if not _has(files, FILES_INDEX):
        _make(files, FILES_INDEX, large)
    _make(files, _EXCLUSIVE_INDEX, large, **_EXCLUSIVE)


def _wait_for_exclusive(files: Documents) -> None:
    # the server lists an index before another process has finished building it
    try:
        files.create_index(_EXCLUSIVE_INDEX, **_EXCLUSIVE)
    except OperationFailure as error:
        # one of another name does as well, but one that is not unique lets two writers pass
        if error.code not in _OTHER_OPTIONS or not _has(files, _EXCLUSIVE_INDEX, unique=True):
            raise


def is_unique(chunks: Documents) -> bool:
    """Return whether the server refuses a second chunk of a number of a file. One command."""
    return _has(chunks, _CHUNKS_INDEX, unique=True)


def make_replacing_index(files: Documents) -> None:
    """Create the index of the versions that are being replaced, if it is missing. One command.

    :param files: the collection of the file documents.
    """
    _make(files, _REPLACING_INDEX, True, **_REPLACING)


def _make(collection: Documents, keys: list[tuple[str, int]], large: bool, **options: Any) -> None:
    if not large:
        collection.create_index(keys, **options)
        return
    with pymongo.timeout(_LONG_SECONDS):
        collection.create_index(keys, **options)


def _has(collection: Documents, keys: list[tuple[str, int]], *, unique: bool = False) -> bool:
    # compares the fields, because the name may differ
    found = [index for index in collection.list_indexes() if list(index["key"].items()) == keys]
    return any(index.get("unique") or not unique for index in found)
