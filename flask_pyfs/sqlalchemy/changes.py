"""Tracks what transactions of SQLAlchemy do with files; what each flush writes tells which files rows reference."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import InstanceState, Session, SessionTransaction
from sqlalchemy.orm.attributes import flag_modified

from ..fields.file import DetachedHolder, FileReference, FileSettings, Holder, NewFile, remove
from ..storage import Storage

_CHANGES = "flask_pyfs.changes"

RowState = InstanceState[Any]
FileKey = tuple[Storage, str]
FileKeys = frozenset[FileKey]


@dataclass
class Changes:
    """What a transaction, or the time before the first one, did with files.

    :ivar new: the files that were stored, each with its cell.
    :ivar old: the files that the database no longer references.
    :ivar referenced: the files that the database references now, by row and column, for each cell that was written. The
        key is the identity of the row, because a row that the session expunged and loaded again has other cells.
    :ivar deleted_by_app: the files that the app deleted, which go even if the column has ``remove_files=False``.
    :ivar snapshots: the state of references before each change.
    :ivar written: the files that cells referenced in the database before each write.
    :ivar is_commit_sent: whether the COMMIT was sent to the database.
    """

    new: list[tuple[NewFile, Cell]] = field(default_factory=list)
    old: set[FileKey] = field(default_factory=set)
    referenced: dict[tuple[Any, str], FileKeys] = field(default_factory=dict)
    deleted_by_app: set[FileKey] = field(default_factory=set)
    snapshots: list[tuple[FileReference, Mapping[str, Any]]] = field(default_factory=list)
    written: list[tuple[Cell, FileKeys]] = field(default_factory=list)
    is_commit_sent: bool = False
    is_committed: bool = False

    def add(self, later: Changes) -> None:
        self.new += later.new
        self.old |= later.old
        self.referenced.update(later.referenced)
        self.deleted_by_app |= later.deleted_by_app
        self.snapshots += later.snapshots
        self.written += later.written

    def finish(self, session: Session) -> None:
        """Delete the files that the database no longer references, and new files that it never referenced."""
        referenced = {key for keys in self.referenced.values() for key in keys}
        for file, cell in reversed(self.new):
            was_written = (file.storage, file.name) in referenced | self.old
            is_removable = cell.settings.remove_files or file.moved_from is not None
            # another session may still write a row that left this one
            is_in_session = cell.state.session is session or cell.state.was_deleted
            if not was_written and is_removable and is_in_session:
                file.undo()
        for storage, name in self.old - referenced:
            remove(storage, name)

    def undo(self) -> None:
        """Restore the references, and delete the new files."""
        new = {(file.storage, file.name) for file, _ in self.new}
        for cell, before in reversed(self.written):
            cell.written = before
        for reference, snapshot in reversed(self.snapshots):
            reference.restore(snapshot)
        for reference, _ in self.snapshots:
            # a row that was never in the database may have got one of the new files before its first snapshot
            if new & file_keys(reference):
                reference.restore({})
        for file, _ in reversed(self.new):
            file.undo()


class Cell:
    """One column of a row, the place of a reference. It does not keep the row alive.

    :ivar written: the files that the database references here, as this transaction sees it.
    :ivar early: the changes before the row belonged to a session.
    """

    def __init__(self, state: RowState, key: str, file_type: Any, default: Any) -> None:
        self.state = state
        self.key = key
        self.file_type = file_type
        self.default = default
        self.written: FileKeys = frozenset()
        self.early = Changes()
        self._empty: Callable[[], FileReference | None] = lambda: None

    @property
    def settings(self) -> FileSettings:
        settings: FileSettings = self.file_type.settings
        return settings

    @property
    def changes(self) -> Changes:
        session = self.state.session
        return self.early if session is None else changes_of(session)

    def bind(self, value: Any) -> FileReference:
        """Return the reference for a value: the value itself if it belongs here or to no row, otherwise a new one."""
        if isinstance(value, FileReference):
            if isinstance(value.holder, RowHolder) and value.holder.cell is self:
                return value
            if isinstance(value.holder, DetachedHolder):
                value.settings, value.holder = self.settings, RowHolder(self)
                return value
        reference: FileReference = self.file_type.reference_class(self.settings, value, RowHolder(self))
        return reference

    def empty(self) -> FileReference:
        """Return the reference of a cell without a value, the same one as long as the app keeps it."""
        reference = self._empty()
        if reference is None or reference:
            reference = self.bind(None)
            self._empty = weakref.ref(reference)
        return reference

    def record_write(self, identity: Any, current: FileKeys) -> None:
        """Record that a flush wrote references to these files here.

        :param identity: the identity of the row after the flush.
        """
        changes = self.changes
        before, self.written = self.written, current
        changes.written.append((self, before))
        # the flush may have changed the identity
        changes.referenced[self.state.key, self.key] = frozenset()
        changes.referenced[identity, self.key] = current
        dropped = before - current - file_keys(self.bind(self.default))
        changes.old |= dropped if self.settings.remove_files else dropped & changes.deleted_by_app

    def attach(self, session: Session) -> None:
        """Move the changes from before the row belonged to a session to the session."""
        early, self.early = self.early, Changes()
        if early.snapshots or early.new:
            changes_of(session).add(early)


class RowHolder(Holder):
    """Holds a reference of a row. It keeps the row alive, which the state and the session do not."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell.state.obj())
        self.cell = cell

    def before_change(self, reference: FileReference) -> None:
        cell = self.cell
        if cell.state.dict.get(cell.key) is not reference:
            # the row had no value, or was expired since the app got the reference
            setattr(self.instance, cell.key, reference)
        flag_modified(self.instance, cell.key)
        cell.changes.snapshots.append((reference, reference.snapshot()))

    def stored(self, new: Sequence[NewFile]) -> None:
        self.cell.changes.new.extend((file, self.cell) for file in new)

    def replaced(self, reference: FileReference, old: Sequence[str], is_deleted: bool) -> bool:
        if is_deleted:
            self.cell.changes.deleted_by_app.update((reference.fs, name) for name in old)
        return True


def file_keys(reference: FileReference) -> FileKeys:
    """Return the storage and the name of each file of a reference."""
    return frozenset((reference.fs, name) for name in reference.filenames)


def changes_of(session: Session) -> Changes:
    """Return the changes of the innermost transaction of a session, which begins if there is none."""
    # the change of the row begins one anyway
    transaction = session.get_nested_transaction() or session.get_transaction() or session.begin()
    changes: dict[SessionTransaction, Changes] = session.info.setdefault(_CHANGES, {})
    return changes.setdefault(transaction, Changes())


def current_changes(session: Session) -> Changes | None:
    """Return the changes of the innermost transaction of a session, or None if there are none."""
    transaction = session.get_nested_transaction() or session.get_transaction()
    changes: Changes | None = session.info.get(_CHANGES, {}).get(transaction)
    return changes


def pop_changes(session: Session, transaction: SessionTransaction) -> Changes | None:
    """Remove and return the changes of a transaction, or None if there are none."""
    changes: Changes | None = session.info.get(_CHANGES, {}).pop(transaction, None)
    return changes
