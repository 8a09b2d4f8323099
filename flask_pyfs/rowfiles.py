"""Files that follow the transactions of SQLAlchemy: what each flush writes tells which files are named."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import InstanceState, Mapper, Session, SessionTransaction
from sqlalchemy.orm.attributes import flag_modified

from .references import FileReference, FileSettings, Holder, Loose, NewFile, remove
from .storage import Storage

__all__ = ["listen"]

log = logging.getLogger(__name__)

_CHANGES = "flask_pyfs.changes"
_CELLS = "flask_pyfs.cells"
_PICKLED = "flask_pyfs.references"

State = InstanceState[Any]
Names = frozenset[tuple[Storage, str]]


@dataclass
class _Changes:
    """What a transaction, or what came before the first, did with files.

    :ivar new: the files that were stored, each for a cell.
    :ivar old: the files that the database named and names no more.
    :ivar named: what each column of a row that was written names now in the database. The row is told by its identity:
        one that the session let go and loaded again has other cells.
    :ivar condemned: the files that the app deleted, which go even where a column keeps its files.
    :ivar references: what references were before each change.
    :ivar written: what cells named before each time that they were written.
    :ivar is_sent: whether the database was told to commit.
    """

    new: list[tuple[NewFile, _Cell]] = field(default_factory=list)
    old: set[tuple[Storage, str]] = field(default_factory=set)
    named: dict[tuple[Any, str], Names] = field(default_factory=dict)
    condemned: set[tuple[Storage, str]] = field(default_factory=set)
    references: list[tuple[FileReference, Mapping[str, Any]]] = field(default_factory=list)
    written: list[tuple[_Cell, Names]] = field(default_factory=list)
    is_sent: bool = False
    is_committed: bool = False

    def add(self, later: _Changes) -> None:
        self.new += later.new
        self.old |= later.old
        self.named.update(later.named)
        self.condemned |= later.condemned
        self.references += later.references
        self.written += later.written

    def finish(self, session: Session) -> None:
        """Delete what nothing names any more: also what was stored, but set aside before it was written."""
        named = {name for names in self.named.values() for name in names}
        for file, cell in reversed(self.new):
            is_written = (file.storage, file.name) in named | self.old
            has_to_go = cell.settings.remove_files or file.moved_from is not None
            # a row that left the session may be written by another
            is_here = cell.state.session is session or cell.state.was_deleted
            if not is_written and has_to_go and is_here:
                file.undo()
        for storage, name in self.old - named:
            remove(storage, name)

    def undo(self) -> None:
        gone = {(file.storage, file.name) for file, _ in self.new}
        for cell, before in reversed(self.written):
            cell.written = before
        for reference, document in reversed(self.references):
            reference._load(document)
        for reference, _ in self.references:
            # a row that never was in the database keeps what it was given
            if gone & _names(reference):
                reference._load({})
        for file, _ in reversed(self.new):
            file.undo()


class _Cell:
    """The place of a reference: one column of a row. It does not keep the row.

    :ivar written: what the database names here, as far as this transaction sees it.
    :ivar early: what was changed before the row belonged to a session.
    """

    def __init__(self, state: State, key: str, file_type: Any, default: Any) -> None:
        self.state = state
        self.key = key
        self.file_type = file_type
        self.default = default
        self.written: Names = frozenset()
        self.early = _Changes()
        self._empty: Callable[[], FileReference | None] = lambda: None

    @property
    def settings(self) -> FileSettings:
        settings: FileSettings = self.file_type.settings
        return settings

    @property
    def changes(self) -> _Changes:
        session = self.state.session
        return self.early if session is None else _changes_of(session)

    def bound(self, value: Any) -> FileReference:
        """Return the reference that is shown here for a value."""
        if isinstance(value, FileReference):
            if isinstance(value.holder, _Row) and value.holder.cell is self:
                return value
            if isinstance(value.holder, Loose):
                value.settings, value.holder = self.settings, _Row(self)
                return value
        reference: FileReference = self.file_type.reference_class(self.settings, value, _Row(self))
        return reference

    def empty(self) -> FileReference:
        """Return the reference that is shown while there is no value: the same one as long as an app has it."""
        reference = self._empty()
        if reference is None or reference:
            reference = self.bound(None)
            self._empty = weakref.ref(reference)
        return reference

    def wrote(self, identity: Any, now: Names) -> None:
        """The database was told to name these files here, in the row of this identity."""
        changes = self.changes
        before, self.written = self.written, now
        changes.written.append((self, before))
        # the identity that the row had before
        changes.named[self.state.key, self.key] = frozenset()
        changes.named[identity, self.key] = now
        kept = _names(self.bound(self.default))
        changes.old |= {name for name in before - now - kept if self.settings.remove_files or name in changes.condemned}

    def attached(self, session: Session) -> None:
        early, self.early = self.early, _Changes()
        if early.references or early.new:
            _changes_of(session).add(early)


class _Row(Holder):
    """Holds a reference of a row, and keeps the row: the state and the session would not."""

    def __init__(self, cell: _Cell) -> None:
        super().__init__(cell.state.obj())
        self.cell = cell

    def changed(self, reference: FileReference) -> None:
        cell = self.cell
        if cell.state.dict.get(cell.key) is not reference:
            # there was no value, or the row was expired since it gave the reference
            setattr(self.instance, cell.key, reference)
        flag_modified(self.instance, cell.key)
        cell.changes.references.append((reference, reference._parts()))

    def stored(self, new: Sequence[NewFile]) -> None:
        self.cell.changes.new.extend((file, self.cell) for file in new)

    def replaced(self, reference: FileReference, old: Sequence[str], is_deleted: bool) -> bool:
        if is_deleted:
            self.cell.changes.condemned.update((reference.fs, name) for name in old)
        return True


def _names(reference: FileReference) -> Names:
    return frozenset((reference.fs, name) for name in reference.filenames)


def _changes_of(session: Session) -> _Changes:
    # a row that is about to be changed would begin one in a moment
    transaction = session.get_nested_transaction() or session.get_transaction() or session.begin()
    changes: dict[SessionTransaction, _Changes] = session.info.setdefault(_CHANGES, {})
    return changes.setdefault(transaction, _Changes())


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
        event.listen(row_class, "before_delete", self.about_to_be_deleted, **options)
        for name in ("after_insert", "after_update"):
            event.listen(row_class, name, self.flushed, **options)
        event.listen(row_class, "after_delete", self.deleted, **options)

    def _cell(self, state: State) -> _Cell:
        cells: dict[str, _Cell] = state.info.setdefault(_CELLS, {})
        if self._key not in cells:
            cells[self._key] = _Cell(state, self._key, self._column.type, self._default)
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
        if isinstance(holder, _Row) and holder.cell is not cell:
            # such as of a row that is merged, which itself comes to no session
            early, holder.cell.early = holder.cell.early, _Changes()
            early.new = [(file, cell) for file, _ in early.new]
            changes.add(early)
        return reference

    def loaded(self, state: State, *more: Any) -> None:
        if self._key in state.dict and self._is_of(state):
            cell = self._cell(state)
            reference = state.dict[self._key] = cell.bound(state.dict[self._key])
            cell.written = _names(reference)

    def pickled(self, state: State, values: dict[str, Any]) -> None:
        # cells have storages, which belong to an app
        values["info"] = {key: value for key, value in state.info.items() if key != _CELLS}
        values.setdefault(_PICKLED, {})[self._key] = state.dict.get(self._key)

    def unpickled(self, state: State, values: dict[str, Any]) -> None:
        # the row has no attributes yet, but this is the very reference that it will have
        reference = values[_PICKLED][self._key]
        if reference is not None and self._is_of(state):
            cell = self._cell(state)
            reference.settings, reference.holder = cell.settings, _Row(cell)
            cell.written = _names(reference)

    def about_to_be_deleted(self, mapper: Any, connection: Any, state: State) -> None:
        if self._column.type.remove_files and self._is_of(state):
            # a value that was not loaded names files, too
            getattr(state.obj(), self._key)

    def flushed(self, mapper: Any, connection: Any, state: State) -> None:
        if self._key in state.dict and self._is_of(state):
            identity = state.mapper.identity_key_from_instance(state.obj())
            self._cell(state).wrote(identity, _names(state.dict[self._key]))

    def deleted(self, mapper: Any, connection: Any, state: State) -> None:
        if self._is_of(state):
            self._cell(state).wrote(state.key, frozenset())


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
    transaction = session.get_nested_transaction() or session.get_transaction()
    changes = session.info.get(_CHANGES, {}).get(transaction)
    if changes is None or session.in_nested_transaction():
        return

    def sent(connection: Any) -> None:
        changes.is_sent = True

    for mapper in {cell.state.mapper for _, cell in changes.new}:
        event.listen(session.connection(bind_arguments={"mapper": mapper}), "commit", sent, once=True)


# before the listeners of apps, which may raise: the transaction is over all the same
@event.listens_for(Session, "after_commit", insert=True)
def _committed(session: Session) -> None:
    transaction = session.get_nested_transaction() or session.get_transaction()
    changes = session.info.get(_CHANGES, {}).get(transaction)
    if changes is not None:
        changes.is_committed = True


@event.listens_for(Session, "after_transaction_end")
def _ended(session: Session, transaction: SessionTransaction) -> None:
    # a session that is closed rolls back without any other event
    changes: _Changes | None = session.info.get(_CHANGES, {}).pop(transaction, None)
    if changes is None:
        return
    if changes.is_sent and not changes.is_committed:
        # the connection may have broken after the database did it
        names = [file.name for file, _ in changes.new]
        log.warning("the database did not say whether it committed: these files stay, named or not: %r", names)
    elif not changes.is_committed:
        changes.undo()
    elif transaction.nested:
        _changes_of(session).add(changes)
    else:
        changes.finish(session)
