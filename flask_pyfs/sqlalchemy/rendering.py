"""What a worker calls for an image of a row whose files are made later."""

from __future__ import annotations

import copy
from typing import Any, cast

from sqlalchemy import Table, update
from sqlalchemy.orm import Mapper, Session, scoped_session

from ..fields.image import ImageReference
from ..fields.later import Gone, Job, rendering, unknown_field
from ..fields.stored import storing
from .jobs import found, keys_of
from .types import ImageType


def render(job: Job, session: Session | scoped_session[Any]) -> bool:
    """Make the files of an image that was saved with ``process="later"``, and commit. Return whether this call did so.

    A worker calls it with the job that ENQUEUE got. Called twice, or by two workers at once, it renders once: the other
    waits, and returns False. If the row has another image by now, or is gone, nothing remains and False is returned. If
    the image cannot be rendered, the state of the reference becomes ``"failed"``.

    The row is locked only while the result is written, not while the image is rendered.

    :param job: the job, as it was given to ENQUEUE.
    :param session: a session without changes, outside ``session.begin()``, such as ``db.session``. It is committed, or
        rolled back.
    :raises ValueError: if the session has changes, which a commit would save.
    :raises ConfigurationError: if no class of the name in the job is imported, or it has no such image or key.
    :raises BackendError: if the store cannot be reached, or another worker takes too long: try again.
    """
    own = unchanged(session, "render")
    mapper, identity = found(job)
    attribute = mapper.column_attrs.get(job["field"])
    if attribute is None or not isinstance(attribute.columns[0].type, ImageType):
        raise unknown_field(job)
    return rendering(
        job,
        lambda: _unfinished(own, mapper, identity, job),
        lambda reference: _render(own, mapper, identity, job, reference),
    )


def unchanged(session: Session | scoped_session[Any], verb: str) -> Session:
    """Return a session, or that of a registry, whose attributes can be set.

    :raises ValueError: if it has changes.
    """
    if session.new or session.dirty or session.deleted:
        raise ValueError(f"the session has changes, which {verb} would commit: commit them, or roll them back")
    return session() if isinstance(session, scoped_session) else session


def _unfinished(session: Session, mapper: Mapper[Any], identity: list[Any], job: Job) -> ImageReference | None:
    # what others have committed until now
    session.rollback()
    row = session.get(mapper.class_, tuple(identity), populate_existing=True)
    references = _of_job(row, job)
    found = copy.copy(references[0]) if references else None
    session.rollback()
    return found


def _of_job(row: Any, job: Job) -> list[Any]:
    # a list may have one several times
    references = [] if row is None else getattr(row, job["field"]).references
    return [each for each in references if each.is_of(job)]


def _render(session: Session, mapper: Mapper[Any], identity: list[Any], job: Job, reference: ImageReference) -> None:
    try:
        with storing() as new:
            document = reference.rendered(new)
            row = _locked(session, mapper, identity, job["field"])
            references = _of_job(row, job)
            if not references:
                raise Gone
            for place, each in enumerate(references):
                each.complete(document, () if place else new)
        session.commit()
    except BaseException:
        session.rollback()
        raise


def _locked(session: Session, mapper: Mapper[Any], identity: list[Any], key: str) -> Any:
    # not FOR UPDATE: SQLite has none, and PostgreSQL refuses it with the outer join of an eager relationship
    column = mapper.column_attrs[key].columns[0]
    statement = update(cast(Table, column.table)).where(*keys_of(column, identity)).values({column: column})
    session.execute(statement, bind_arguments={"mapper": mapper})
    return session.get(mapper.class_, tuple(identity), populate_existing=True)
