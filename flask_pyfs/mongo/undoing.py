"""Blocks that undo what they did with files if they fail."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mongoengine import EmbeddedDocument
from mongoengine.connection import READ_PREFERENCE

from .changes import Before, DocumentHolder
from .fields import references_of

_log = logging.getLogger(__name__)


@contextmanager
def undoing(*documents: Any) -> Iterator[None]:
    """Undo the changes of the block to files of documents if it fails, for example if ``save`` of a document does.

    mongoengine sends no signal if a document cannot be saved. If the block raises, the files that were stored in it are
    deleted, and the references are restored: to what they were before the block, or to what the database has, if the
    document was saved in it. If the database does not answer, the files stay, and their names are logged.

    .. code-block:: text

       with undoing(user):
           user.avatar.save(request.files["avatar"])
           user.save()

    :param documents: documents or embedded documents.
    """
    blocks = [
        (document, holder, holder.begin(reference))
        for document in documents
        for reference, holder in references_of(document)
    ]
    try:
        yield
    except BaseException:
        for document, holder, block in blocks:
            undo(_root(document), document, holder, block)
        raise
    finally:
        for _, holder, block in blocks:
            holder.blocks.remove(block)


def undo(root: Any, document: Any, holder: DocumentHolder, block: Before) -> None:
    """Go back to the state before a block, unless the database has a file of it.

    :param root: the document that the database may have; None if it is not known.
    :param document: the one with the field: the same, or an embedded one.
    """
    names = {file.name for file in holder.new[block.count :] if not file.is_replacement}
    # save may raise although the document was saved, by a listener of the app or a lost answer
    stays, stored = looked_up(root, names)
    if names and root is None and holder.writes > block.writes:
        # as with a list that got it by append
        _log.warning("a document may have got the embedded one; these files are kept: %r", sorted(names))
        return
    if not stays:
        holder.undo(block)
    elif root is document and stored is not None:
        value = stored.get(holder.field.db_field)
        holder.keep(holder.field.proxy_class(holder.field.settings, value, holder))


def _root(document: Any) -> Any:
    """Return the document around an embedded document, or None if that does not know it."""
    while isinstance(document, EmbeddedDocument):
        document = document._instance
    return document


def key_of(document: Any) -> dict[str, Any]:
    """Return the query of MongoDB for a document, by its primary key alone."""
    return {"_id": document.to_mongo(fields=[document._meta["id_field"]])["_id"]}


def looked_up(document: Any, names: Collection[str]) -> tuple[bool, Any]:
    """Return whether new files stay, and what the database has of their document.

    They stay if the database has one of them. If it does not answer, they stay too, and are logged.

    :param document: the document that the database may have; None if it has none.
    """
    if not names or document is None or document.pk is None:
        return False, None
    try:
        # not a secondary, which may be behind
        collection = document._get_collection().with_options(read_preference=READ_PREFERENCE)
        stored = collection.find_one(key_of(document))
    except Exception:
        _log.warning("the database may have the document; these files are kept: %r", sorted(names), exc_info=True)
        return True, None
    return not set(names).isdisjoint(_texts(stored)), stored


def _texts(value: Any) -> Iterator[str]:
    """Yield all texts in a document of MongoDB."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list)):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(part)
