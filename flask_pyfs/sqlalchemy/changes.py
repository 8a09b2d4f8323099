"""Tracks what transactions of SQLAlchemy do with files; what each flush writes tells which files rows reference."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Transaction, event, select
from sqlalchemy.orm import InstanceState, Session, SessionTransaction
from sqlalchemy.orm.attributes import flag_modified

from ..fields.assigned import is_empty_field
from ..fields.file import FileReference
from ..fields.holders import DetachedHolder, Held, Holder
from ..fields.later import Job, enqueue_saved
from ..fields.settings import FileSettings
from ..fields.stored import FileKey, Known, NewFile, StoredFile, dropped_file, note_saved
from ..storage import Storage
from .jobs import job_place, keys_of
from .outcomes import commits_at_once, is_aborted

_log = logging.getLogger(__name__)

_CHANGES = "flask_pyfs.changes"
_CELLS = "flask_pyfs.cells"

# a transaction that was prepared may be committed by whoever finds it
_COMMITS = ("commit", "prepare_twophase")

RowState = InstanceState[Any]
#: Files, with what a row knows of their versions.
FileVersions = Mapping[FileKey, Known]


@dataclass
class Changes:
    """What a transaction, or the time before the first one, did with files.

    :ivar new: the files that were stored, each with its cell.
    :ivar old: the files that the database no longer references, each with the cell that was the last to.
    :ivar referenced: the files that the database references now, by row and column, for each cell that was written. The
        key is the identity of the row, because a row that the session expunged and loaded again has other cells.
    :ivar deleted_by_app: the files that the app deleted, which go even if the column has ``remove_files=False``.
    :ivar snapshots: the state of each value before its first change.
    :ivar written: the files that cells referenced in the database before each write.
    :ivar watched: the connections that wrote references, with what listens to them.
    :ivar transactions: the innermost transactions in which they wrote.
    :ivar roots: the outermost transactions of these connections, of which the session may not be the owner.
    :ivar jobs: what a worker is told after the commit, by row and column: of all pending references that were written.
    :ivar told: the tickets of which it was told before the transaction, by row and column.
    :ivar is_in_doubt: whether the database may have committed although the session does not know of it.
    :ivar is_nested: whether the app may still roll back what the session committed, by a transaction of its own.
    :ivar is_aborted: whether the database rolled back instead of committing.
    """

    new: list[tuple[NewFile, Cell]] = field(default_factory=list)
    old: dict[FileKey, tuple[StoredFile, Cell]] = field(default_factory=dict)
    referenced: dict[tuple[Any, str], frozenset[FileKey]] = field(default_factory=dict)
    deleted_by_app: set[FileKey] = field(default_factory=set)
    snapshots: dict[Held, Mapping[str, Any]] = field(default_factory=dict)
    written: list[tuple[Cell, FileVersions]] = field(default_factory=list)
    watched: dict[Connection, Callable[..., None]] = field(default_factory=dict)
    transactions: list[Transaction] = field(default_factory=list)
    roots: list[Transaction] = field(default_factory=list)
    jobs: dict[tuple[Any, str], list[tuple[Storage, Job]]] = field(default_factory=dict)
    told: dict[tuple[Any, str], frozenset[str | None]] = field(default_factory=dict)
    is_in_doubt: bool = False
    is_nested: bool = False
    is_aborted: bool = False
    is_committed: bool = False

    def add(self, later: Changes) -> None:
        self.new += later.new
        self.old |= later.old
        self.referenced.update(later.referenced)
        self.deleted_by_app |= later.deleted_by_app
        for value, snapshot in later.snapshots.items():
            self.snapshots.setdefault(value, snapshot)
        self.written += later.written
        self.jobs |= later.jobs
        self.told = later.told | self.told
        self.is_in_doubt |= later.is_in_doubt
        self.is_nested |= later.is_nested
        for connection in later.watched:
            self.watch(connection)

    def note(self, value: Held) -> None:
        """Keep the state of a value that is about to change."""
        if value not in self.snapshots:
            self.snapshots[value] = value.snapshot()

    def divided(self, files: Collection[FileKey]) -> Changes:
        """Remove some of the new files, and return changes that have them instead."""
        part = Changes(new=[(file, cell) for file, cell in self.new if (file.storage, file.name) in files])
        self.new = [(file, cell) for file, cell in self.new if (file.storage, file.name) not in files]
        return part

    def wrote(self, connection: Connection, session: Session) -> None:
        """Note that a connection has just written a reference."""
        self.is_in_doubt |= commits_at_once(connection)
        self.is_nested |= connection.in_nested_transaction() and not session.in_nested_transaction()
        self.watch(connection)

    def watch(self, connection: Connection) -> None:
        """Notice if a connection commits or prepares to."""
        root = connection.get_transaction()
        if root is not None and root not in self.roots:
            self.roots.append(root)
        # after a savepoint, the transaction around it
        innermost = connection.get_nested_transaction() or root
        if innermost is not None and innermost not in self.transactions:
            self.transactions.append(innermost)
        if connection in self.watched:
            return

        def commit_sent(*arguments: Any) -> None:
            self.is_in_doubt = True
            self.is_aborted |= is_aborted(connection)

        for name in _COMMITS:
            event.listen(connection, name, commit_sent)
        self.watched[connection] = commit_sent

    def end(self) -> None:
        """Stop watching the connections, which may outlive the transaction."""
        for connection, listener in self.watched.items():
            for name in _COMMITS:
                event.remove(connection, name, listener)

    def finish(self, session: Session) -> None:
        """Delete the files that the database no longer references, and new files that it never referenced."""
        referenced = {key for keys in self.referenced.values() for key in keys}
        for file, cell in reversed(self.new):
            was_written = (file.storage, file.name) in referenced | self.old.keys()
            is_removable = cell.settings.remove_files or file.moved_from is not None
            if not was_written and is_removable and not cell.may_be_written_elsewhere(session, file.name):
                file.undo()
        if self.is_nested or any(root.is_active for root in self.roots):
            _log.info("the app may still roll back, so no file is deleted of those that rows no longer reference")
            if jobs := self._untold():
                _log.warning("the app may still roll back, so no worker is told of: %r", jobs)
            return
        for cell, _ in self.written:
            for (storage, name), known in cell.written.items():
                note_saved(storage, name, known, (cell.state.key, cell.key))
        for old, cell in self.old.values():
            if not any(old.is_named(*named) for named in referenced) and not cell.row_references(old):
                old.remove()
        for storage, job in self._untold():
            enqueue_saved(storage, job)

    def leave(self) -> None:
        """Log what nobody knows to be in the database: the new files, and the jobs."""
        if names := [file.name for file, _ in self.new]:
            _log.warning("the database may have committed; these files are kept, referenced or not: %r", names)
        if jobs := self._untold():
            _log.warning(
                "the database may have committed, but no worker is told of: %r; if the rows are there, call enqueue() "
                "of their references",
                jobs,
            )

    def _untold(self) -> list[tuple[Storage, Job]]:
        return [
            (storage, job)
            for place, jobs in self.jobs.items()
            for storage, job in jobs
            if job["ticket"] not in self.told.get(place, ())
        ]

    def undo(self) -> None:
        """Restore the references, and delete the new files."""
        new = {(file.storage, file.name) for file, _ in self.new}
        for cell, before in reversed(self.written):
            cell.written = before
        for value, snapshot in reversed(self.snapshots.items()):
            value.restore(snapshot)
        for value in self.snapshots:
            # a row that was never in the database may have got one of the new files before its first snapshot
            value.forget(new)
        for file, _ in reversed(self.new):
            file.undo()


class Cell:
    """One column of a row, the place of a reference. It does not keep the row alive.

    :ivar written: the files that the database references here, as this transaction sees it.
    :ivar is_unfinished: whether a worker may change that, which makes files of an image.
    :ivar early: the changes before the row belonged to a session.
    :ivar is_left_out: whether a form left out the value of a new row, which gets the default of the column then.
    """

    def __init__(self, state: RowState, key: str, file_type: Any, default: Any) -> None:
        self.state = state
        self.key = key
        self.file_type = file_type
        self.default = default
        self.written: FileVersions = {}
        self.is_unfinished: bool = False
        self.early: Changes = Changes()
        self.is_left_out: bool = False
        self._empty: Callable[[], Held | None] = lambda: None

    @property
    def settings(self) -> FileSettings:
        settings: FileSettings = self.file_type.settings
        return settings

    @property
    def changes(self) -> Changes:
        session = self.state.session
        return self.early if session is None else changes_of(session)

    def has(self, value: Any) -> bool:
        """Return whether a value belongs here."""
        return isinstance(value, Held) and isinstance(value.holder, RowHolder) and value.holder.cell is self

    def adopt(self, value: Held) -> Held:
        """Let a value belong here."""
        value.settings, value.holder = self.settings, RowHolder(self)
        return value

    def loaded(self, value: Any) -> Held:
        """Return the value that the row has for one that was loaded, or for the default of the column."""
        return self._bind(value)

    def assigned(self, value: Any, before: Any) -> Held:
        """Return the value that the row has for one that is assigned.

        :param before: the value that it has until now, if there is one.
        """
        former = before if isinstance(before, FileReference) else None
        is_empty = is_empty_field(value)
        self.is_left_out = is_empty and (former is None or self.is_left_out)
        reference = self._bind(former if is_empty else value)
        if former is not None:
            reference.takes_over(former)
        self.changes.note(reference)
        if isinstance(value, FileReference):
            self.takes(value)
        return reference

    def _bind(self, value: Any) -> FileReference:
        # the value itself if it belongs here or to no row, otherwise a new one
        if isinstance(value, FileReference):
            if self.has(value):
                return value
            if isinstance(value.holder, DetachedHolder) and self._is_for(value):
                self.adopt(value)
                return value
        reference: FileReference = self.file_type.reference_class(self.settings, value, RowHolder(self))
        return reference

    def _is_for(self, reference: FileReference) -> bool:
        # the app may assign one that it read from another column
        is_of_class = type(reference) is self.file_type.reference_class
        return is_of_class and reference.settings.fs is self.settings.fs

    def takes(self, given: Held) -> None:
        """Follow the files of a value of another cell, or of one of its list, that were stored before it had a session.

        Session.merge, for one, copies the value of a row that stays outside the session.
        """
        value, holder = given.holder.outermost(given)
        if not isinstance(holder, RowHolder) or holder.cell is self:
            return
        early, holder.cell.early = holder.cell.early, Changes()
        if value is not given:
            early, holder.cell.early = early.divided(file_versions(given)), early
            early.note(value)
        early.new = [(file, self) for file, _ in early.new]
        self.changes.add(early)

    def empty(self) -> Held:
        """Return the value of a cell without one, the same as long as the app keeps it."""
        value = self._empty()
        if value is None or value:
            value = self.adopt(self.file_type.value_of(None))
            self._empty = weakref.ref(value)
        return value

    def store_assigned(self) -> None:
        """Store the upload that was assigned here, if there is one."""
        value = self.state.dict.get(self.key)
        if isinstance(value, Held):
            value.store_assigned()

    def leave_out(self) -> None:
        """Let the column of a new row have its default, if only an empty field of a form was assigned."""
        if self.is_left_out:
            self.is_left_out = False
            self.state.dict.pop(self.key, None)

    def found(self, value: Held) -> None:
        """Note that the database has a value here."""
        self.written = file_versions(value)
        self.is_unfinished = any(getattr(each, "state", None) for each in value.references)

    def look_again(self, connection: Connection) -> None:
        """Find what a worker may have made since the row was loaded, and keep it from changing that.

        Makes one request to the database if the image was pending.
        """
        if self.is_unfinished and self.settings.remove_files and self.state.key is not None:
            column = self.state.mapper.column_attrs[self.key].columns[0]
            statement = select(column).where(*keys_of(column, self.state.key[1])).with_for_update()
            for value in connection.scalars(statement):
                self.found(value)

    def may_be_written_elsewhere(self, session: Session, name: str) -> bool:
        """Return whether the row left a session with a file, so that another session may still write it."""
        if self.state.session is session or self.state.was_deleted:
            return False
        value = self.state.dict.get(self.key)
        # the app may have pickled a row that is gone
        return self.state.obj() is None or (isinstance(value, Held) and name in value.filenames)

    def row_references(self, file: StoredFile) -> bool:
        """Return whether another column of the row references a file, in whatever spelling."""
        others = (cell.written for cell in cells_of(self.state).values() if cell is not self)
        return any(file.is_named(*named) for written in others for named in written)

    def record_write(self, connection: Connection, identity: Any, value: Held | None) -> None:
        """Record that a flush wrote a value here, or deleted the row.

        Makes a request to the store for each file that is no longer referenced and whose version the row does not know.

        :param identity: the identity of the row after the flush.
        """
        changes = self.changes
        if self.state.session is not None:
            changes.wrote(connection, self.state.session)
        before = self.written
        self.written, self.is_unfinished = {}, False
        if value is not None:
            self.found(value)
        current = self.written
        changes.written.append((self, before))
        # the flush may have changed the identity
        former, place = (self.state.key, self.key), (identity, self.key)
        changes.told.setdefault(former, frozenset(known.ticket for known in before.values()))
        changes.told.setdefault(place, frozenset())
        changes.jobs[former] = []
        changes.jobs[place] = [] if value is None else self._jobs(identity, value)
        changes.referenced[former] = frozenset()
        changes.referenced[place] = frozenset(current)
        shared = file_versions(self.file_type.value_of(self.default))
        # in order: the thumbnails after their image
        dropped = [key for key in before if key not in current and key not in shared]
        if not self.settings.remove_files:
            dropped = [key for key in dropped if key in changes.deleted_by_app]
        for storage, name in dropped:
            # what the app deletes goes, whatever the file is now
            owner = None if (storage, name) in changes.deleted_by_app else (identity, self.key)
            old = dropped_file(storage, name, before[storage, name], owner)
            if old and not any(old.is_named(*named) for named in shared):
                changes.old[storage, name] = old, self

    def _jobs(self, identity: Any, value: Held) -> list[tuple[Storage, Job]]:
        # a list may have one several times
        pending = {each.ticket: each for each in value.references if getattr(each, "state", None) == "pending"}
        if not pending:
            return []
        place = job_place(self.state, self.key, identity[1])
        return [(each.fs, each.job_at(place)) for each in pending.values()]

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

    def place(self) -> dict[str, Any]:
        key = self.cell.state.key
        return super().place() if key is None else job_place(self.cell.state, self.cell.key, key[1])

    def before_change(self, reference: Held) -> None:
        cell = self.cell
        if cell.state.dict.get(cell.key) is not reference:
            # the row had no value, or was expired since the app got the reference
            setattr(self.instance, cell.key, reference)
        cell.is_left_out = False
        flag_modified(self.instance, cell.key)
        cell.changes.note(reference)

    def taken(self, references: Sequence[FileReference]) -> None:
        for reference in references:
            self.cell.takes(reference)

    def stored(self, new: Sequence[NewFile]) -> None:
        self.cell.changes.new.extend((file, self.cell) for file in new)

    def own_version(self, name: str) -> str | None:
        # only of this savepoint: what was stored before it must outlive its rollback
        key, new = (self.cell.settings.fs, name), reversed(self.cell.changes.new)
        own = (file.version for file, _ in new if (file.storage, file.name) == key and not file.is_replacement)
        return next(own, None)

    def replaced(self, reference: Held, old: Mapping[str, Known], is_deleted: bool) -> bool:
        if is_deleted:
            self.cell.changes.deleted_by_app.update((reference.fs, name) for name in old)
        return True


def file_versions(value: Held) -> FileVersions:
    """Return the storage and the name of each file of a value, with what it knows of the version."""
    return {(value.fs, name): known for name, known in value.files.items()}


def cells_of(state: RowState) -> dict[str, Cell]:
    """Return the cells of a row, by the names of their attributes."""
    cells: dict[str, Cell] = state.info.setdefault(_CELLS, {})
    return cells


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
