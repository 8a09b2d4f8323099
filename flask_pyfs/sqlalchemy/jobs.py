"""Where a worker finds the reference of a job, as JSON."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, MetaData, TypeDecorator, inspect
from sqlalchemy.orm import InstanceState, Mapper, configure_mappers, registry
from sqlalchemy.types import TypeEngine

from ..errors import ConfigurationError
from ..fields.later import Job, unknown_class, unknown_field

# what the type of a key raises for another value; Decimal raises ArithmeticError
_MISFITS = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError)

_classes: weakref.WeakValueDictionary[str, type] = weakref.WeakValueDictionary()
_registries: weakref.WeakSet[registry] = weakref.WeakSet()
_metadata: weakref.WeakSet[MetaData] = weakref.WeakSet()


def know(row_class: type) -> None:
    """Know a mapped class by its name, for the jobs of its rows. This does not keep it."""
    _classes[_name_of(row_class)] = row_class


def know_registry(mapper: Mapper[Any]) -> None:
    """Know what has a mapped class and all others of its base. This does not keep it."""
    _registries.add(mapper.registry)


def know_metadata(table: Any) -> None:
    """Know what has a table, which need not have a class. This does not keep it."""
    _metadata.add(table.metadata)


def registries() -> list[registry]:
    """Return the registries of all mapped classes that were configured."""
    return list(_registries)


def all_metadata() -> list[MetaData]:
    """Return what has the tables that were defined."""
    return list(_metadata)


def job_place(state: InstanceState[Any], key: str, identity: Sequence[Any]) -> dict[str, Any]:
    """Return the place of a reference.

    :param key: the name of the attribute.
    :param identity: the primary key of the row.
    :raises ConfigurationError: if no worker could find the row by what JSON has of its key.
    """
    columns = state.mapper.primary_key
    for part, column in zip(identity, columns, strict=True):
        if not _is_found_again(part, column.type):
            raise ConfigurationError(
                f"process='later' of {state.class_.__name__}.{key}: no worker can find the row with the key {part!r}, "
                f"as JSON does not tell a value of {column} ({column.type!r}). Keys can be texts, numbers, bytes, "
                "dates, times, UUIDs and enums. A type of the app tells by its python_type which of them it takes"
            )
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
        return mapper, [_from_json(part, _kind_of(column.type)) for part, column in keys]
    except _MISFITS as error:
        raise unknown_field(job) from error


def keys_of(column: Any, identity: Sequence[Any]) -> list[ColumnElement[bool]]:
    """Return the conditions for a row in the table of a column.

    :param identity: the primary key of the row.
    """
    return [each == value for each, value in zip(column.table.primary_key.columns, identity, strict=True)]


def _name_of(row_class: type) -> str:
    return f"{row_class.__module__}.{row_class.__qualname__}"


def _is_found_again(value: Any, key_type: TypeEngine[Any]) -> bool:
    try:
        again = _from_json(_to_json(value), _kind_of(key_type))
    except _MISFITS:
        return False
    # the database takes "1" for a number, too; a type of the app may not
    is_plain = isinstance(value, (str, int, float)) and not isinstance(key_type, TypeDecorator)
    return bool(again == value) or is_plain


def _kind_of(key_type: TypeEngine[Any]) -> Any:
    try:
        return key_type.python_type
    except NotImplementedError:
        # what later versions of SQLAlchemy return for a type that does not tell
        return object


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
