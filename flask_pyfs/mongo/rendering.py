"""What a worker calls for an image of a document whose files are made later."""

from __future__ import annotations

import copy
from typing import Any, cast

from mongoengine.base import get_document
from mongoengine.connection import READ_PREFERENCE
from mongoengine.errors import NotRegistered

from ..fields.image import ImageReference
from ..fields.later import Gone, Job, rendering, unknown_class, unknown_field
from ..fields.stored import note_saved, storing
from .changes import DocumentHolder
from .fields import ImageField
from .undoing import key_of, looked_up


def render(job: Job) -> bool:
    """Make the files of an image that was saved with ``process="later"``, and save them in its document. Return whether
    this call did so.

    A worker calls it with the job that ENQUEUE got. Called twice, or by two workers at once, it renders once: the other
    waits, and returns False. If the document has another image by now, or is gone, nothing remains and False is
    returned. If the image cannot be rendered, the state of the reference becomes ``"failed"``.

    One command of MongoDB writes the field, on the condition that it still has this upload. No signal is sent, and no
    other field is written.

    :param job: the job, as it was given to ENQUEUE.
    :raises ConfigurationError: if no class of the name in the job is imported, or it has no such image field.
    :raises BackendError: if the store cannot be reached, or another worker takes too long: try again.
    """
    try:
        document_class = get_document(job["model"])
    except NotRegistered as error:
        raise unknown_class(job) from error
    if not isinstance(document_class._fields.get(job["field"]), ImageField):
        raise unknown_field(job)
    return rendering(
        job,
        lambda: _unfinished(document_class, job),
        lambda reference: _render(document_class, job, reference),
    )


def _unfinished(document_class: Any, job: Job) -> ImageReference | None:
    # not a secondary, which may be behind
    document = document_class.objects(pk=job["id"]).read_preference(READ_PREFERENCE).first()
    reference = None if document is None else getattr(document, job["field"])
    return reference if reference is not None and reference.is_of(job) else None


def _render(document_class: Any, job: Job, reference: ImageReference) -> None:
    with storing() as new:
        # a document in memory is not changed: the database decides
        made = copy.copy(reference)
        made.restore(reference.rendered(new))
        try:
            is_written = _is_written(document_class, job, made)
        except BaseException:
            # the database may have written it, and only its answer was lost
            stays, _ = looked_up(document_class(pk=job["id"]), {file.name for file in new})
            if stays:
                new.clear()
            raise
        if not is_written:
            raise Gone
    for name, known in made.files.items():
        note_saved(reference.fs, name, known, cast(DocumentHolder, reference.holder).owner)


def _is_written(document_class: Any, job: Job, made: ImageReference) -> bool:
    field = document_class._fields[job["field"]]
    unchanged = {**key_of(document_class(pk=job["id"])), f"{field.db_field}.ticket": job["ticket"]}
    written = document_class._get_collection().update_one(unchanged, {"$set": {field.db_field: made.to_document()}})
    return bool(written.matched_count)
