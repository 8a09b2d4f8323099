"""The tables that name files, as far as their classes are imported."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import nullcontext
from typing import Any, cast

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    FromClause,
    TypeDecorator,
    null,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import ColumnProperty, InstrumentedAttribute, Mapper, configure_mappers

from ..errors import ConfigurationError
from ..fields.naming import DEFAULT, Named, Naming, named_in, reading, require_references, texts_in
from ..storage import Storage
from .jobs import all_metadata, registries
from .types import FileType

# how many rows are fetched at a time
_PAGE = 500

#: An attribute, its column and the storage.
NamingColumn = tuple[str, Any, "Storage | None"]
#: Returns what connects to the database of a table.
Connect = Callable[[FromClause, "Mapper[Any] | None"], Any]


class TableNames:
    """The rows of a table that name files. They are read as they are committed, with a connection of their own.

    :param table: the table, or what else a class is mapped to.
    :param mapper: the mapper of a class with this table, if there is one.
    :param columns: the columns, each with its attribute and the storage of its files, or None if that may be any.
    :param connect: returns the engine or connection.
    """

    def __init__(
        self,
        table: FromClause,
        mapper: Mapper[Any] | None,
        columns: Sequence[NamingColumn],
        connect: Connect,
    ) -> None:
        self._table, self._mapper, self._columns, self._connect = table, mapper, columns, connect
        self._keys = list(table.primary_key)
        self._model = str(table) if mapper is None else f"{mapper.class_.__module__}:{mapper.class_.__qualname__}"
        self._label = f"the table {str(table)!r} ({self._model})"

    @property
    def storages(self) -> frozenset[Storage | None]:
        return frozenset(storage for *_, storage in self._columns)

    def read(self) -> Generator[Named, None, None]:
        yield from self._defaults()
        yield from self._selected(or_(*(column.is_not(null()) for _, column, _ in self._columns)))

    def look_up(self, key: Any) -> Generator[Named, None, None]:
        return self._selected(*(column == part for column, part in zip(self._keys, key, strict=True)))

    def _defaults(self) -> Iterator[Named]:
        # rows may get it at any time
        for attribute, column, storage in self._columns:
            if not isinstance(column, Column):
                # of an expression that a class is mapped to
                continue
            with reading(self._label):
                values = list(_defaults_of(column))
            for value in values:
                for place, _, name in named_in(value, attribute):
                    yield Named(storage, self._model, None, place, DEFAULT, name)

    def _selected(self, *where: Any) -> Generator[Named, None, None]:
        columns = [_as_stored(column) for _, column, _ in self._columns]
        statement = select(*self._keys, *columns).select_from(self._table).where(*where)
        # not by execution_options(), which would change a connection of the app
        options = {"yield_per": _PAGE}
        with (
            reading(self._label),
            self._connection() as connection,
            connection.execute(statement, execution_options=options) as rows,
        ):
            dialect = connection.dialect.name
            of_files = [_file_type(column.type, dialect) is not None for _, column, _ in self._columns]
            for row in rows:
                key, values = tuple(row[: len(self._keys)]), row[len(self._keys) :]
                for (attribute, _, storage), value, is_of_files in zip(self._columns, values, of_files, strict=True):
                    if is_of_files:
                        require_references(value, attribute)
                    for place, part, name in (named_in if is_of_files else texts_in)(value, attribute):
                        yield Named(storage, self._model, key, place, part, name)

    def _connection(self) -> Any:
        found = self._connect(self._table, self._mapper)
        return nullcontext(found) if isinstance(found, Connection) else found.connect()


def tables(session: Any, database: Any) -> list[Naming]:
    """Return the tables with columns of files, of all modules that are imported. They need not have classes.

    :param session: a session, what makes sessions, an engine or a connection, for the tables that Flask-SQLAlchemy does
        not have; None if there are none.
    :param database: the SQLAlchemy object of Flask-SQLAlchemy, or None.
    """
    with reading("the classes of SQLAlchemy"):
        configure_mappers()
    mappers = [mapper for registry in registries() for mapper in registry.mappers]
    found: dict[FromClause, list[NamingColumn]] = {}
    mapped: dict[FromClause, Mapper[Any]] = {}
    # those above first, so that a column has the name of the class that it is from
    for mapper in sorted(mappers, key=lambda mapper: len(list(mapper.iterate_to_root()))):
        for attribute in mapper.column_attrs:
            for column in attribute.columns:
                table: FromClause | None = getattr(column, "table", None)
                if table is not None:
                    _add(found, column, attribute.key)
                    mapped.setdefault(table, mapper)
    for metadata in all_metadata():
        for known in metadata.tables.values():
            for column in known.columns:
                _add(found, column, str(column.key))
    connect = _connector(session, database)
    return [TableNames(table, mapped.get(table), columns, connect) for table, columns in found.items()]


def texts(attribute: Any, session: Any, database: Any) -> Naming:
    """Return a column that has names of files without being one of files.

    :param attribute: the attribute of a class.
    :raises ConfigurationError: if it is no column.
    """
    prop = getattr(attribute, "property", None)
    if not isinstance(prop, ColumnProperty):
        raise ConfigurationError(f"{attribute} is no column: name an attribute that one column of a table has")
    column: Any = prop.columns[0]
    mapper = cast("Mapper[Any]", attribute.parent)
    return TableNames(column.table, mapper, [(attribute.key, column, None)], _connector(session, database))


def is_attribute(value: Any) -> bool:
    """Return whether something is an attribute of a mapped class."""
    return isinstance(value, InstrumentedAttribute)


def _add(found: dict[FromClause, list[NamingColumn]], column: Any, key: str) -> None:
    file_type = _file_type(column.type)
    if file_type is None or any(known is column for _, known, _ in found.get(column.table, ())):
        return
    found.setdefault(column.table, []).append((key, column, file_type.fs))


def _file_type(kind: Any, dialect: str | None = None) -> FileType[Any] | None:
    """Return the type of files that a type is, or that is inside of it; of one database, if its dialect is given."""
    variants = getattr(kind, "_variant_mapping", {})
    if dialect is not None:
        kind, variants = variants.get(dialect, kind), {}
    if isinstance(kind, FileType):
        return kind
    inner = [getattr(kind, name, None) for name in ("impl", "item_type")]
    inner += variants.values()
    for each in inner:
        if each is not None and each is not kind and (file_type := _file_type(each, dialect)) is not None:
            return file_type
    return None


def _defaults_of(column: Any) -> Iterator[Any]:
    found = [each.arg for each in (column.default, column.onupdate) if each is not None and each.is_scalar]
    made = getattr(column.server_default, "arg", None)
    if isinstance(made, str):
        try:
            # a column of files is JSON
            found.append(json.loads(made))
        except ValueError:
            found.append(made)
    file_type = _file_type(column.type)
    return (value if file_type is None else file_type.value_of(value) for value in found)


def _as_stored(column: Any) -> Any:
    # what an app makes of a reference may not tell its files
    kind = column.type
    while isinstance(kind, TypeDecorator) and not isinstance(kind, FileType):
        kind = kind.impl
    return type_coerce(column, kind) if isinstance(kind, FileType) else column


def _connector(session: Any, database: Any) -> Connect:
    own = [] if database is None else list(database.metadatas.values())

    def connect(table: FromClause, mapper: Mapper[Any] | None) -> Any:
        is_own = getattr(table, "metadata", None) in own or (
            database is not None and mapper is not None and mapper.registry is database.Model.registry
        )
        source = database.session if is_own else session
        if source is None:
            raise ConfigurationError(
                "Flask-SQLAlchemy does not have it: pass its session, or the engine, by --session module:name"
            )
        if isinstance(source, (Engine, Connection)):
            return source
        # a registry of sessions, or what makes them
        made = source() if callable(source) else source
        return made.get_bind(mapper=mapper, clause=table)

    return connect
