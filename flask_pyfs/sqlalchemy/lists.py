"""The columns that have several files."""

from __future__ import annotations

import weakref
from typing import Any

from ..fields.holders import DetachedHolder, Held
from ..fields.many import FileReferences, several
from .changes import Cell


class ListCell(Cell):
    """One column of a row, the place of a list of references. It is the same list as long as the app keeps it."""

    _list: weakref.ref[FileReferences[Any]] | None = None

    def adopt(self, value: Any) -> FileReferences[Any]:
        references: FileReferences[Any] = value
        self._list = weakref.ref(references)
        super().adopt(references)
        return references

    def empty(self) -> Held:
        if (kept := self._kept()) is None:
            return self.adopt(self.file_type.value_of(None))
        if kept:
            # the app took it from the row: del row.files
            kept.holder = DetachedHolder()
            return self.adopt(self.file_type.value_of(None))
        return kept

    def loaded(self, value: Any) -> Held:
        if not isinstance(value, FileReferences) or not isinstance(value.holder, DetachedHolder):
            # the default of the column, or the list of another row: Session.merge(row, load=False)
            value = self.file_type.value_of(value)
        references: FileReferences[Any] = value
        if (kept := self._kept()) is None:
            return self.adopt(references)
        kept.load(references)
        kept.settings = self.settings
        return kept

    def assigned(self, value: Any, before: Any) -> Held:
        if (kept := self._kept()) is None:
            kept = self.adopt(self.file_type.value_of(None))
        if value is not kept:
            self._replace(kept, value)
        return kept

    def _replace(self, kept: FileReferences[Any], value: Any) -> None:
        values = several(value)
        self.is_left_out: bool = values is None and (self.key not in self.state.dict or self.is_left_out)
        if values is None:
            return
        if isinstance(value, FileReferences):
            self.takes(value)
        kept[:] = values
        if self.state.key is None:
            # no database has the row, so a rollback leaves what was assigned
            self.changes.snapshots[kept] = kept.snapshot()

    def _kept(self) -> FileReferences[Any] | None:
        return self._list() if self._list is not None else None
