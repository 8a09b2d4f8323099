"""Blocks that undo what they did with files if they fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .fields import references_of


@contextmanager
def undoing(*documents: Any) -> Iterator[None]:
    """Undo the changes of the block to files of documents if it fails, for example if ``save`` of a document does.

    mongoengine sends no signal if a document cannot be saved. If the block raises, the files that were stored in it are
    deleted, and the references are restored.

    .. code-block:: text

       with undoing(user):
           user.avatar.save(request.files["avatar"])
           user.save()

    :param documents: documents or embedded documents.
    """
    blocks = [
        (holder, holder.begin(reference)) for document in documents for reference, holder in references_of(document)
    ]
    try:
        yield
    except BaseException:
        for holder, block in blocks:
            holder.undo(block)
        raise
    finally:
        for holder, block in blocks:
            holder.blocks.remove(block)
