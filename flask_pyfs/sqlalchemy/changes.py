"""What a transaction of SQLAlchemy does with files: what each flush writes tells which files are named."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import InstanceState, Session, SessionTransaction
from sqlalchemy.orm.attributes import flag_modified

from ..fields.file import FileReference, FileSettings, Holder, Loose, NewFile, remove
from ..storage import Storage

__all__ = ["Cell", "Changes", "Row", "State", "changes_of", "current_changes", "end_changes", "names_of"]

_CHANGES = "flask_pyfs.changes"

State = InstanceState[Any]
Names = frozenset[tuple[Storage, str]]


@dataclass
class Changes:
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

    new: list[tuple[NewFile, Cell]] = field(default_factory=list)
    old: set[tuple[Storage, str]] = field(default_factory=set)
    named: dict[tuple[Any, str], Names] = field(default_factory=dict)
    condemned: set[tuple[Storage, str]] = field(default_factory=set)
    references: list[tuple[FileReference, Mapping[str, Any]]] = field(default_factory=list)
    written: list[tuple[Cell, Names]] = field(default_factory=list)
    is_sent: bool = False
    is_committed: bool = False

    def add(self, later: Changes) -> None:
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
            if gone & names_of(reference):
                reference._load({})
        for file, _ in reversed(self.new):
            file.undo()


class Cell:
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

    def bound(self, value: Any) -> FileReference:
        """Return the reference that is shown here for a value."""
        if isinstance(value, FileReference):
            if isinstance(value.holder, Row) and value.holder.cell is self:
                return value
            if isinstance(value.holder, Loose):
                value.settings, value.holder = self.settings, Row(self)
                return value
        reference: FileReference = self.file_type.reference_class(self.settings, value, Row(self))
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
        kept = names_of(self.bound(self.default))
        changes.old |= {name for name in before - now - kept if self.settings.remove_files or name in changes.condemned}

    def attached(self, session: Session) -> None:
        early, self.early = self.early, Changes()
        if early.references or early.new:
            changes_of(session).add(early)


class Row(Holder):
    """Holds a reference of a row, and keeps the row: the state and the session would not."""

    def __init__(self, cell: Cell) -> None:
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


def names_of(reference: FileReference) -> Names:
    return frozenset((reference.fs, name) for name in reference.filenames)


def changes_of(session: Session) -> Changes:
    # a row that is about to be changed would begin one in a moment
    transaction = session.get_nested_transaction() or session.get_transaction() or session.begin()
    changes: dict[SessionTransaction, Changes] = session.info.setdefault(_CHANGES, {})
    return changes.setdefault(transaction, Changes())


def current_changes(session: Session) -> Changes | None:
    """Return what the innermost transaction of a session did with files, where it did anything."""
    transaction = session.get_nested_transaction() or session.get_transaction()
    changes: Changes | None = session.info.get(_CHANGES, {}).get(transaction)
    return changes


def end_changes(session: Session, transaction: SessionTransaction) -> Changes | None:
    """Take out what a transaction did with files, where it did anything."""
    changes: Changes | None = session.info.get(_CHANGES, {}).pop(transaction, None)
    return changes
