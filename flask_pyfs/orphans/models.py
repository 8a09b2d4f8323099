"""Finds the models whose rows and documents name files: those of all classes that are imported."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from flask import Flask, current_app

from ..errors import ConfigurationError
from ..fields.naming import Naming
from ..storage import Storage


def namings(columns: Iterable[Any] = (), session: Any = None) -> list[Naming]:
    """Return what names files, for the current app.

    :param columns: see :func:`~flask_pyfs.orphans.find_orphans`.
    :param session: the same.
    :raises ConfigurationError: if a column is none.
    """
    columns, found = list(columns), list[Naming]()
    if "sqlalchemy" in sys.modules:
        from ..sqlalchemy import naming as tables

        database = _database(current_app)
        found += tables.tables(session, database)
        found += [tables.texts(each, session, database) for each in _taken(columns, tables.is_attribute)]
    if "mongoengine" in sys.modules:
        from ..mongo import naming as collections

        found += collections.collections()
        found += [naming for each in _taken(columns, collections.is_field) for naming in collections.texts(each)]
    for each in columns:
        raise ConfigurationError(f"{each!r} is no column or field: name an attribute of a model, as module:Class.name")
    return found


def storages_in_use() -> list[Storage]:
    """Return the storages of the current app that a column or a field uses, of all models that are imported. Makes no
    request.
    """
    from ..state import require_registry

    used = {storage for naming in namings() for storage in naming.storages}
    return [storage for storage in require_registry(current_app).states if storage in used]


def _taken(values: list[Any], is_own: Any) -> list[Any]:
    own = [value for value in values if is_own(value)]
    values[:] = [value for value in values if not is_own(value)]
    return own


def _database(app: Flask) -> Any:
    found = app.extensions.get("sqlalchemy")
    # something else may have taken the name
    return found if hasattr(found, "metadatas") and hasattr(found, "session") else None
