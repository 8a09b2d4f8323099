"""How migrations of Alembic create the columns."""

from __future__ import annotations

from typing import Any, Literal

from .types import FileType


def render_item(kind: str, item: Any, context: Any) -> str | Literal[False]:
    """Return the code that a migration has for a column of files: JSON, and JSONB in PostgreSQL.

    A function for Alembic: ``context.configure(…, render_item=render_item)`` in ``env.py``, or ``Migrate(app, db,
    render_item=render_item)`` of Flask-Migrate. An app that has one already calls this one first.

    :param kind: what to render: only ``"type"`` is rendered here.
    :param item: the type.
    :param context: the ``AutogenContext``, which gets the import that the code needs.
    :return: the code, or False for all that is no column of files.
    """
    if kind != "type" or not isinstance(item, FileType):
        return False
    context.imports.add("from sqlalchemy.dialects import postgresql")
    prefix = context.opts["sqlalchemy_module_prefix"] or ""
    return f"{prefix}JSON().with_variant(postgresql.JSONB(), 'postgresql')"
