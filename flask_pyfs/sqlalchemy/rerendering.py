"""Renders the images of a table again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import and_, literal, null, or_, select
from sqlalchemy.orm import Session, scoped_session

from ..errors import FileNotFound, UnauthorizedFileType, VersionChanged
from ..fields.holders import Held
from ..fields.rerendering import PAGE, Report, Rerendered, rerender_each
from .rendering import unchanged
from .types import ImageType


def rerender(
    session: Session | scoped_session[Any], column: Any, *, after: Any = None, report: Report | None = None
) -> Rerendered:
    """Render the images of a table again, as their column is now set up: each as
    :meth:`ImageReference.rerender <flask_pyfs.fields.image.ImageReference.rerender>` does.

    It goes through the table in the order of the primary key, and commits after each row, so a run that is interrupted
    can go on where it stopped. No transaction is open while an image is rendered. The memory does not grow with the
    table. Users may upload meanwhile: their images stay. An image that cannot be rendered is logged and reported, stays
    as it is, and the others follow, also those of the same list. A row that has a list counts as one image.

    Each row takes three queries and a commit.

    .. code-block:: python

        with open("rerendered.log", "a") as log:

            def report(key, error):
                print(key, error or "", file=log, flush=True)

            rerender(db.session, User.avatar, report=report)

    :param session: the session, without changes of its own, such as ``db.session``.
    :param column: the attribute of the mapped class, such as ``User.avatar``.
    :param after: the primary key after which to begin, the last one that was reported; a tuple if it has several
        columns.
    :param report: called with the primary key of each row that has an image and the error, or None, after its commit.
    :return: how many images were rendered, and how many failed.
    :raises TypeError: if the column is none of :class:`ImageType`.
    :raises ValueError: if the session has changes.
    :raises BackendError: if the store fails. The run ends, as with any error of the connection to the database.
    """
    if not isinstance(getattr(column, "type", None), ImageType):
        raise TypeError(f"{column} is no column of images: pass an attribute whose column has the type ImageType")
    own = unchanged(session, "rerender")
    return rerender_each(
        _keys(own, column, after),
        lambda key: _rerender(own, column, key),
        str(column),
        report,
        lambda: _require_database(own),
    )


def _key_columns(column: Any) -> list[Any]:
    mapper = column.parent
    return [mapper.get_property_by_column(each).class_attribute for each in mapper.primary_key]


def _keys(session: Any, column: Any, after: Any) -> Iterator[Any]:
    columns = _key_columns(column)
    query = select(*columns).where(column.is_not(null())).order_by(*columns).limit(PAGE)
    last = after if after is None or isinstance(after, tuple) else (after,)
    while True:
        page = query if last is None else query.where(_beyond(columns, last))
        found = [tuple(row) for row in session.execute(page)]
        for key in found:
            yield key if len(columns) > 1 else key[0]
        if len(found) < PAGE:
            return
        last = found[-1]


def _beyond(columns: list[Any], last: tuple[Any, ...]) -> Any:
    # not every database compares tuples
    return or_(
        *(
            and_(*(before == value for before, value in zip(columns[:place], last, strict=False)), each > last[place])
            for place, each in enumerate(columns)
        )
    )


def _rerender(session: Session, column: Any, key: Any) -> bool:
    try:
        reference = getattr(_loaded(session, column, key), column.key, None)
        if not reference:
            return False
        before = reference.to_row()
        failure = _rerender_all(reference)
        with session.no_autoflush:
            _require_unchanged(session, column, key, before)
        session.commit()
    except BaseException:
        session.rollback()
        raise
    if failure is not None:
        raise failure
    return True


def _rerender_all(value: Held) -> Exception | None:
    # of a list, the others follow one that cannot be rendered
    failures: list[Exception] = []
    for each in value.references:
        try:
            each.rerender()
        except (FileNotFound, UnauthorizedFileType) as failure:
            failures.append(failure)
    return failures[0] if failures else None


def _loaded(session: Session, column: Any, key: Any) -> Any:
    row = session.get(column.class_, key, populate_existing=True)
    expires, session.expire_on_commit = session.expire_on_commit, False
    try:
        # to render takes long, and SQLite lets nobody write while a transaction that has read is open
        session.commit()
    finally:
        session.expire_on_commit = expires
    return row


def _require_unchanged(session: Any, column: Any, key: Any, before: Any) -> None:
    values = key if isinstance(key, tuple) else (key,)
    is_row = (each == value for each, value in zip(_key_columns(column), values, strict=True))
    current = session.execute(select(column).where(*is_row).with_for_update()).scalar_one_or_none()
    if current is None or current.to_row() != before:
        raise VersionChanged(f"{column} of {key!r} was changed or deleted while its image was rendered")


def _require_database(session: Session) -> None:
    session.execute(select(literal(1)))
    session.rollback()
