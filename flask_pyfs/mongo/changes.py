"""What a document in memory did with files since it was last saved or loaded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..fields.file import FileReference
from ..fields.holders import Holder
from ..fields.stored import Known, NewFile, Owner, StoredFile, dropped_file, note_saved
from ..storage import Storage


@dataclass(eq=False)
class Before:
    """What a block of :func:`undoing` goes back to: the state before it, or that of the last save or reload in it.

    :param reference: the reference, with its parts.
    :param count: how many files had been stored.
    :param dropped: the files that had been dropped.
    :param writes: how often the field had been written to a document of MongoDB.
    """

    reference: FileReference
    snapshot: Mapping[str, Any]
    since: datetime | None
    count: int
    dropped: Mapping[str, StoredFile]
    writes: int


class DocumentHolder(Holder):
    """Holds the reference in a field of a document.

    :param field: the field, a :class:`~flask_pyfs.mongo.FileField`.
    :param instance: the document.
    :ivar dropped: the files that the document in memory no longer references, by name, if the field removes files.
    :ivar new: the files that were stored for the document in memory since it was last saved.
    :ivar discarded: those of them that a reload discarded.
    :ivar writes: how often the field was written to a document of MongoDB.
    :ivar written: the names that were written the last time.
    :ivar blocks: the blocks of :func:`undoing` that have begun, the innermost last.
    """

    def __init__(self, field: Any, instance: Any) -> None:
        super().__init__(instance)
        self.field = field
        self.dropped: dict[str, StoredFile] = {}
        self.new: list[NewFile] = []
        self.discarded: list[NewFile] = []
        self.writes: int = 0
        self.written: list[str] = []
        self.blocks: list[Before] = []

    @property
    def owner(self) -> Owner:
        """The field and the document, the same for each instance of it."""
        return type(self.instance)._get_collection_name(), self.instance.pk, self.field.db_field

    def place(self) -> dict[str, Any]:
        kind, key = type(self.instance), getattr(self.instance, "pk", None)
        if key is None:
            return super().place()
        return {"model": kind._class_name, "field": self.field.name, "id": key if type(key) is int else str(key)}

    def before_change(self, reference: FileReference) -> None:
        current = self.instance._data.get(self.field.name)
        if current is not reference:
            # the app got the reference before it set another or reloaded the document
            if isinstance(current, FileReference):
                self.replaced(current, current.files, False)
            self.instance._data[self.field.name] = reference
        self.instance._mark_as_changed(self.field.name)

    def written_to(self, reference: FileReference) -> None:
        """Note that the reference was written to a document of MongoDB, which is probably saved now."""
        self.writes, self.written = self.writes + 1, reference.filenames

    def stored(self, new: Sequence[NewFile]) -> None:
        self.new.extend(new)

    def own_version(self, name: str) -> str | None:
        # only of this block: what was stored before it must outlive its failure
        new = self.new[self.blocks[-1].count :] if self.blocks else [*self.discarded, *self.new]
        own = (file for file in reversed(new) if file.name == name and not file.is_replacement)
        return next((file.version for file in own if not file.is_saved()), None)

    def replaced(self, reference: FileReference, old: Mapping[str, Known], is_deleted: bool) -> bool:
        if not self.field.settings.remove_files or self.field.fs is None:
            return False
        for name, known in old.items():
            # the version now: until the document is saved, another process may store another file under the name
            if file := dropped_file(self.field.fs, name, known, None if is_deleted else self.owner):
                self.dropped[name] = file
        return True

    def reloaded(self, reference: FileReference) -> None:
        """Note that the document has the values of the database again.

        The next save deletes the files that were stored meanwhile, unless the database references them by now.
        """
        for file in reversed(self.new):
            is_discarded = file.name not in reference.filenames
            if file.is_replacement or (is_discarded and file.moved_from is not None):
                file.undo()
            elif is_discarded:
                self.discarded.append(file)
        self.settle(reference)

    def saved(
        self, reference: FileReference, is_written: bool, is_new: bool, referenced: Collection[tuple[Storage, str]]
    ) -> None:
        """Delete the files that the document no longer references.

        :param is_written: whether the database got the value of the field. A change that the app made while a save
            ended is none for mongoengine, and the database still has the value before it.
        :param is_new: whether the document was inserted, or got another primary key. It may be a copy of another
            document then, so only files that were stored for the copy itself are deleted.
        :param referenced: the files that the document references, by storage and name.
        """
        new = {file.name for file in self.new if not file.is_replacement}
        # a listener that the app has for the same signal may have changed the reference since
        kept = {*referenced, *((self.field.fs, name) for name in [*self.written, *self.field.default_names])}
        if is_written:
            self.note_saved(reference)
            for name, file in self.dropped.items():
                if (name in new or not is_new) and not any(file.is_named(*key) for key in kept):
                    file.remove(self.owner)
        if self.field.settings.remove_files:
            for discarded in self.discarded:
                if not any(discarded.is_named(*key) for key in kept):
                    discarded.undo()
        self.discarded = []
        if is_written:
            self.settle(reference)

    def note_saved(self, reference: FileReference) -> None:
        """Note that this process saved the document with the reference."""
        for name, known in reference.files.items():
            note_saved(reference.fs, name, known, self.owner)

    def settle(self, reference: FileReference) -> None:
        """Note that the document in memory has what the database has."""
        self.dropped, self.new = {}, []
        for block in self.blocks:
            block.reference, block.snapshot, block.since = reference, reference.snapshot(), reference.since
            block.count, block.dropped = 0, {}

    def begin(self, reference: FileReference) -> Before:
        """Begin a block of :func:`undoing`."""
        block = Before(reference, reference.snapshot(), reference.since, len(self.new), dict(self.dropped), self.writes)
        self.blocks.append(block)
        return block

    def undo(self, block: Before) -> None:
        """Go back to the state before a block."""
        reference = block.reference
        reference.restore(block.snapshot)
        reference.since = block.since
        self.instance._data[self.field.name] = reference
        for file in reversed(self.new[block.count :]):
            file.undo()
        self.new[block.count :], self.dropped = [], dict(block.dropped)

    def keep(self, reference: FileReference) -> None:
        """Go back to what the database has, of which this process was not told."""
        self.reloaded(reference)
        self.instance._data[self.field.name] = reference
        for file in reversed(self.discarded):
            file.undo()
        self.discarded = []
