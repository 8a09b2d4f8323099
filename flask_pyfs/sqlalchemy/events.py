"""Listens to the sessions and rows of SQLAlchemy, so that files follow the transactions."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Mapper, Session, SessionTransaction
from sqlalchemy.orm.attributes import instance_state

from ..fields.file import FileReference
from .changes import Cell, Changes, Row, State, changes_of, current_changes, end_changes, names_of

__all__ = ["listen"]

log = logging.getLogger(__name__)

_CELLS = "flask_pyfs.cells"
_PICKLED = "flask_pyfs.fields.file"


class _Column:
    """Listens to what happens to one attribute of a mapped class.

    :param attribute: the attribute.
    :param column: its column, of a :class:`~flask_pyfs.sqlalchemy.FileType`.
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
        event.listen(row_class, "before_insert", self.about_to_be_inserted, **options)
        event.listen(row_class, "before_delete", self.about_to_be_deleted, **options)
        for name in ("after_insert", "after_update"):
            event.listen(row_class, name, self.flushed, **options)
        event.listen(row_class, "after_delete", self.deleted, **options)

    def _cell(self, state: State) -> Cell:
        cells: dict[str, Cell] = state.info.setdefault(_CELLS, {})
        if self._key not in cells:
            cells[self._key] = Cell(state, self._key, self._column.type, self._default)
        return cells[self._key]

    def _is_of(self, state: State) -> bool:
        # a concrete subclass may have another column for the attribute
        found = state.mapper.column_attrs.get(self._key)
        return found is not None and found.columns[0].type is self._column.type

    def created(self, state: State, value: Any, values: dict[str, Any]) -> Any:
        if not self._is_of(state):
            return value
        # not kept in the row: what is only looked at is not written
        return self._cell(state).empty()

    def replaced(self, state: State, value: Any, before: Any, initiator: Any) -> Any:
        if not self._is_of(state):
            return value
        cell = self._cell(state)
        reference = cell.bound(value)
        changes = cell.changes
        changes.references.append((reference, reference._parts()))
        holder = value.holder if isinstance(value, FileReference) else None
        if isinstance(holder, Row) and holder.cell is not cell:
            # such as of a row that is merged, which itself comes to no session
            early, holder.cell.early = holder.cell.early, Changes()
            early.new = [(file, cell) for file, _ in early.new]
            changes.add(early)
        return reference

    def loaded(self, state: State, *more: Any) -> None:
        if self._key in state.dict and self._is_of(state):
            cell = self._cell(state)
            reference = state.dict[self._key] = cell.bound(state.dict[self._key])
            cell.written = names_of(reference)

    def pickled(self, state: State, values: dict[str, Any]) -> None:
        # cells have storages, which belong to an app
        values["info"] = {key: value for key, value in state.info.items() if key != _CELLS}
        values.setdefault(_PICKLED, {})[self._key] = state.dict.get(self._key)

    def unpickled(self, state: State, values: dict[str, Any]) -> None:
        # the row has no attributes yet, but this is the very reference that it will have
        reference = values[_PICKLED][self._key]
        if reference is not None and self._is_of(state):
            cell = self._cell(state)
            reference.settings, reference.holder = cell.settings, Row(cell)
            cell.written = names_of(reference)

    def about_to_be_inserted(self, mapper: Any, connection: Any, state: State) -> None:
        if switched := _switched(state):
            self.about_to_be_deleted(mapper, connection, switched)

    def about_to_be_deleted(self, mapper: Any, connection: Any, state: State) -> None:
        if self._column.type.remove_files and self._is_of(state):
            # a value that was not loaded names files, too
            getattr(state.obj(), self._key)

    def flushed(self, mapper: Any, connection: Any, state: State) -> None:
        if self._key in state.dict and self._is_of(state):
            if switched := _switched(state):
                self.deleted(mapper, connection, switched)
            identity = state.mapper.identity_key_from_instance(state.obj())
            self._cell(state).wrote(identity, names_of(state.dict[self._key]))

    def deleted(self, mapper: Any, connection: Any, state: State) -> None:
        if self._is_of(state):
            self._cell(state).wrote(state.key, frozenset())


def _switched(state: State) -> State | None:
    # a row that is deleted and one with its key that is added become one UPDATE, of which only the latter hears
    if state.key is not None or state.session is None:
        return None
    existing = state.session.identity_map.get(state.mapper.identity_key_from_instance(state.obj()))
    return None if existing is None else instance_state(existing)


def listen(type_class: type) -> None:
    """Let the files of all columns of a type follow the transactions."""

    def configured(mapper: Mapper[Any], row_class: type) -> None:
        for column_property in mapper.column_attrs:
            column = column_property.columns[0]
            attribute = getattr(row_class, column_property.key)
            # what is inherited is listened to already
            if isinstance(column.type, type_class) and attribute.class_ is row_class:
                _Column(attribute, column)

    event.listen(Mapper, "mapper_configured", configured)


@event.listens_for(Session, "after_attach")
def _attached(session: Session, row: Any) -> None:
    for cell in list(row._sa_instance_state.info.get(_CELLS, {}).values()):
        cell.attached(session)


@event.listens_for(Session, "before_commit")
def _about_to_be_committed(session: Session) -> None:
    changes = current_changes(session)
    if changes is None or session.in_nested_transaction():
        return

    def sent(connection: Any) -> None:
        changes.is_sent = True

    for mapper in {cell.state.mapper for _, cell in changes.new}:
        event.listen(session.connection(bind_arguments={"mapper": mapper}), "commit", sent, once=True)


# before the listeners of apps, which may raise: the transaction is over all the same
@event.listens_for(Session, "after_commit", insert=True)
def _committed(session: Session) -> None:
    changes = current_changes(session)
    if changes is not None:
        changes.is_committed = True


@event.listens_for(Session, "after_transaction_end")
def _ended(session: Session, transaction: SessionTransaction) -> None:
    # a session that is closed rolls back without any other event
    changes = end_changes(session, transaction)
    if changes is None:
        return
    if changes.is_sent and not changes.is_committed:
        # the connection may have broken after the database did it
        names = [file.name for file, _ in changes.new]
        log.warning("the database did not say whether it committed: these files stay, named or not: %r", names)
    elif not changes.is_committed:
        changes.undo()
    elif transaction.nested:
        changes_of(session).add(changes)
    else:
        changes.finish(session)
