"""Blocks that undo what they did with files if they fail."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mongoengine import Document
from mongoengine.connection import READ_PREFERENCE

from .changes import Before, DocumentHolder
from .fields import FileField, references_of

log = logging.getLogger(__name__)


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
            _undo(document, holder, block)
        raise
    finally:
        for _, holder, block in blocks:
            holder.blocks.remove(block)


def _undo(document: Any, holder: DocumentHolder, block: Before) -> None:
    names = {file.name for file in holder.new[block.count :] if not file.is_replacement}
    if not names or not isinstance(document, Document) or document.pk is None:
        holder.undo(block)
        return
    try:
        # save may raise although the document was saved, by a listener of the app or a lost answer
        found = _stored(document, holder.field)
    except Exception:
        log.warning("the database may have the document; these files are kept: %r", sorted(names), exc_info=True)
        return
    reference = holder.field.proxy_class(holder.field.settings, found, holder)
    if names.isdisjoint(reference.filenames):
        holder.undo(block)
    else:
        holder.keep(reference)


def _stored(document: Document, field: FileField) -> Any:
    collection = type(document)._get_collection().with_options(read_preference=READ_PREFERENCE)
    stored = collection.find_one(
        {"_id": document.to_mongo(fields=[document._meta["id_field"]])["_id"]}, [field.db_field]
    )
    return None if stored is None else stored.get(field.db_field)
