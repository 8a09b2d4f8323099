"""Where a worker finds the reference of a job, as JSON."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, inspect
from sqlalchemy.orm import InstanceState, Mapper, configure_mappers

from ..fields.later import Job, unknown_class, unknown_field

_classes: weakref.WeakValueDictionary[str, type] = weakref.WeakValueDictionary()


def know(row_class: type) -> None:
    """Know a mapped class by its name, for the jobs of its rows. This does not keep it."""
    _classes[_name_of(row_class)] = row_class


def place_of(state: InstanceState[Any], key: str, identity: Sequence[Any]) -> dict[str, Any]:
    """Return the place of a reference.

    :param key: the name of the attribute.
    :param identity: the primary key of the row.
    """
    return {"model": _name_of(state.class_), "field": key, "id": [_to_json(part) for part in identity]}


def found(job: Job) -> tuple[Mapper[Any], list[Any]]:
    """Return the mapper of the rows that a job tells, and the primary key of its row.

    :raises ConfigurationError: if this process has no such class, or it has another primary key.
    """
    configure_mappers()
    row_class = _classes.get(job["model"])
    if row_class is None:
        raise unknown_class(job)
    mapper: Mapper[Any] = inspect(row_class)
    try:
        keys = zip(job["id"], mapper.primary_key, strict=True)
        return mapper, [_from_json(part, column.type.python_type) for part, column in keys]
    except (ValueError, KeyError) as error:
        raise unknown_field(job) from error


def keys_of(column: Any, identity: Sequence[Any]) -> list[ColumnElement[bool]]:
    """Return the conditions for a row in the table of a column.

    :param identity: the primary key of the row.
    """
    return [each == value for each, value in zip(column.table.primary_key.columns, identity, strict=True)]


def _name_of(row_class: type) -> str:
    return f"{row_class.__module__}.{row_class.__qualname__}"


def _to_json(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, (str, int, float)) else str(value)


def _from_json(value: Any, kind: Any) -> Any:
    if issubclass(kind, Enum):
        return kind[value]
    if kind is bytes:
        return bytes.fromhex(value)
    if isinstance(value, kind):
        return value
    # a date, or a UUID
    return getattr(kind, "fromisoformat", kind)(value)
