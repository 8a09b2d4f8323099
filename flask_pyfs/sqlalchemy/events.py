"""Listens to sessions and rows of SQLAlchemy, so that files follow the transactions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, event
from sqlalchemy.orm import Mapper, Session, SessionTransaction
from sqlalchemy.orm.attributes import instance_state

from .changes import (
    Cell,
    RowState,
    cells_of,
    changes_of,
    current_changes,
    pop_changes,
)
from .jobs import know, know_metadata, know_registry
from .lists import ListCell
from .outcomes import is_open

_PICKLED = "flask_pyfs.references"


class _ColumnListener:
    """Listens to the events of one attribute of a mapped class.

    :param attribute: the attribute.
    :param column: its column, whose type is a :class:`~flask_pyfs.sqlalchemy.FileType`.
    """

    def __init__(self, attribute: Any, column: Any) -> None:
        self._key: str = attribute.key
        self._column = column
        default = getattr(column.default, "arg", None)
        self._default = default if column.default is not None and column.default.is_scalar else None
        row_class = attribute.class_
        options = {"raw": True, "propagate": True}
        event.listen(attribute, "init_scalar", self.created, retval=True, **options)
        event.listen(attribute, "set", self.replaced, retval=True, active_history=True, **options)
        for name in ("load", "refresh", "refresh_flush"):
            event.listen(row_class, name, self.loaded, **options)
        event.listen(row_class, "pickle", self.pickled, **options)
        event.listen(row_class, "unpickle", self.unpickled, **options)
        event.listen(row_class, "before_insert", self.before_insert, **options)
        event.listen(row_class, "before_update", self.before_update, **options)
        event.listen(row_class, "before_delete", self.before_delete, **options)
        event.listen(row_class, "after_insert", self.inserted, **options)
        event.listen(row_class, "after_update", self.flushed, **options)
        event.listen(row_class, "after_delete", self.deleted, **options)

    def _cell(self, state: RowState) -> Cell:
        cells = cells_of(state)
        if self._key not in cells:
            cell_class = ListCell if self._column.type.multiple else Cell
            cells[self._key] = cell_class(state, self._key, self._column.type, self._default)
        return cells[self._key]

    def _applies_to(self, state: RowState) -> bool:
        # with concrete inheritance, a subclass may have another column for the attribute
        found = state.mapper.column_attrs.get(self._key)
        return found is not None and found.columns[0].type is self._column.type

    def created(self, state: RowState, value: Any, values: dict[str, Any]) -> Any:
        if not self._applies_to(state):
            return value
        # the row does not keep the value, so reading the attribute writes nothing
        return self._cell(state).empty()

    def replaced(self, state: RowState, value: Any, before: Any, initiator: Any) -> Any:
        if not self._applies_to(state):
            return value
        return self._cell(state).assigned(value, before)

    def loaded(self, state: RowState, context: Any, names: Any = None) -> None:
        # a flush also refreshes other attributes alone, such as a version or the time of the change
        is_loaded = names is None or self._key in names
        if is_loaded and self._key in state.dict and self._applies_to(state):
            cell = self._cell(state)
            value = state.dict[self._key] = cell.loaded(state.dict[self._key])
            cell.found(value)

    def pickled(self, state: RowState, values: dict[str, Any]) -> None:
        # cells refer to storages, which belong to an app and cannot be pickled
        cells = cells_of(state)
        values["info"] = {key: value for key, value in state.info.items() if value is not cells}
        values.setdefault(_PICKLED, {})[self._key] = state.dict.get(self._key)

    def unpickled(self, state: RowState, values: dict[str, Any]) -> None:
        # the row has no attributes yet, but pickle restores this same value into it
        value = values[_PICKLED][self._key]
        if value is not None and self._applies_to(state):
            cell = self._cell(state)
            cell.found(cell.adopt(value))

    def before_insert(self, mapper: Any, connection: Any, state: RowState) -> None:
        if replaced := _replaced_row(state):
            self.before_delete(mapper, connection, replaced)
        self.before_update(mapper, connection, state)
        if self._applies_to(state):
            self._cell(state).leave_out()

    def before_update(self, mapper: Any, connection: Any, state: RowState) -> None:
        # what a listener of the app has assigned since the flush began
        if self._applies_to(state):
            self._cell(state).store_assigned()
            if self._key in state.committed_state:
                self._cell(state).look_again(connection)

    def before_delete(self, mapper: Any, connection: Any, state: RowState) -> None:
        if self._column.type.remove_files and self._applies_to(state):
            # load the value, which may reference files
            getattr(state.obj(), self._key)
            self._cell(state).look_again(connection)

    def inserted(self, mapper: Any, connection: Any, state: RowState) -> None:
        if self._applies_to(state):
            # make_transient makes a new row of one whose files the database still references
            self._cell(state).written = {}
        self.flushed(mapper, connection, state)

    def flushed(self, mapper: Any, connection: Any, state: RowState) -> None:
        if not self._applies_to(state):
            return
        replaced = _replaced_row(state)
        if self._key in state.dict:
            if replaced:
                self.deleted(mapper, connection, replaced)
            identity = state.mapper.identity_key_from_instance(state.obj())
            self._cell(state).record_write(connection, identity, state.dict[self._key])
        elif replaced:
            # what the UPDATE left out, the database still has
            state.expired_attributes.add(self._key)

    def deleted(self, mapper: Any, connection: Any, state: RowState) -> None:
        if self._applies_to(state):
            self._cell(state).record_write(connection, state.key, None)


def _replaced_row(state: RowState) -> RowState | None:
    # deleting a row and adding one with its key becomes a single UPDATE, whose events only reach the added row
    if state.key is not None or state.session is None:
        return None
    existing = state.session.identity_map.get(state.mapper.identity_key_from_instance(state.obj()))
    return None if existing is None else instance_state(existing)


def listen(type_class: type) -> None:
    """Make the files of all columns of a type follow the transactions."""

    def configured(mapper: Mapper[Any], row_class: type) -> None:
        know_registry(mapper)
        for column_property in mapper.column_attrs:
            column = column_property.columns[0]
            # an expression only shows a file, and not each column of a union of classes has an attribute
            if isinstance(column, Column) and isinstance(column.type, type_class):
                know(row_class)
                attribute = getattr(row_class, column_property.key)
                # the listeners of inherited attributes propagate
                if attribute.class_ is row_class:
                    _ColumnListener(attribute, column)

    event.listen(Mapper, "mapper_configured", configured)
    event.listen(Column, "after_parent_attach", lambda column, table: know_metadata(table))


@event.listens_for(Session, "after_attach")
def _after_attach(session: Session, row: Any) -> None:
    for cell in list(cells_of(row._sa_instance_state).values()):
        cell.attach(session)


@event.listens_for(Session, "before_flush")
def _before_flush(session: Session, context: Any, rows: Any) -> None:
    # before the statements, so that the transaction goes on if the storage refuses an upload
    for row in [*session.new, *session.dirty]:
        for cell in list(cells_of(row._sa_instance_state).values()):
            cell.store_assigned()


# insert: before the listeners of apps, which may raise although the transaction is committed
@event.listens_for(Session, "after_commit", insert=True)
def _after_commit(session: Session) -> None:
    changes = current_changes(session)
    if changes is not None:
        changes.is_committed = True


@event.listens_for(Session, "after_transaction_end")
def _after_transaction_end(session: Session, transaction: SessionTransaction) -> None:
    # closing a session rolls back without any other event
    changes = pop_changes(session, transaction)
    if changes is None:
        return
    changes.end()
    if changes.is_committed and transaction.nested:
        # released, which commits if the savepoint was the whole transaction of the database
        changes.is_in_doubt |= not all(map(is_open, changes.watched))
        changes_of(session).add(changes)
    elif changes.is_aborted:
        changes.undo()
    elif changes.is_committed:
        changes.finish(session)
    elif not changes.is_in_doubt and not any(transaction.is_active for transaction in changes.transactions):
        changes.undo()
    else:
        changes.leave()
