"""The indexes of a bucket of GridFS."""

from __future__ import annotations

from typing import Any

import pymongo
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

Documents = Collection[dict[str, Any]]

FILES_INDEX = [("filename", 1), ("uploadDate", 1)]
_CHUNKS_INDEX = [("files_id", 1), ("n", 1)]
# another one than an index of the names alone, which may be there
_EXCLUSIVE_INDEX = [("filename", 1), ("exclusive", 1)]

_EXCLUSIVE: dict[str, Any] = {"unique": True, "partialFilterExpression": {"exclusive": True}}

# IndexOptionsConflict, IndexKeySpecsConflict: there is one of another name
_OTHER_OPTIONS = {85, 86}

# from so many files on, an index may take the server longer than an operation
_LARGE = 10_000
_LONG_SECONDS = 60 * 60


def make_indexes(files: Documents, chunks: Documents) -> None:
    """Make the indexes that are missing. Two commands, and more to make them.

    :param files: the collection of the files, like ``chunks``.
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
    # one that another process is making is listed before it holds
    try:
        files.create_index(_EXCLUSIVE_INDEX, **_EXCLUSIVE)
    except OperationFailure as error:
        if error.code not in _OTHER_OPTIONS:
            raise


def _make(collection: Documents, keys: list[tuple[str, int]], large: bool, **options: Any) -> None:
    if not large:
        collection.create_index(keys, **options)
        return
    with pymongo.timeout(_LONG_SECONDS):
        collection.create_index(keys, **options)


def _has(collection: Documents, keys: list[tuple[str, int]]) -> bool:
    # under whatever name
    return any(list(index["key"].items()) == keys for index in collection.list_indexes())
