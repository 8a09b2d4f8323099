"""The upload field for a list of files: it adds what is chosen, and has a box for each file to delete it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ...fields.file import FileReference
from ...fields.many import FileReferences
from ..wtf import MultipleStorageFileField
from .fields import OfColumn, deletion_box
from .showing import shown

if TYPE_CHECKING:
    from ..._untyped import FileInput
else:
    from wtforms.widgets import FileInput


class UploadsInput(FileInput):
    """The input, below the files that there are."""

    def __call__(self, field: Any, **attributes: Any) -> Markup:
        # a browser would demand a new file beside the old ones
        attributes["required"] = field.is_required and not field.references
        rows = [self._row(field, reference) for reference in field.references]
        return Markup("").join([*rows, Markup(super().__call__(field, **attributes))])

    def _row(self, field: Any, reference: FileReference) -> Markup:
        box = deletion_box(field, reference.filename, is_checked=reference.filename in field.deleted)
        return Markup('<div class="mb-2">{}{}</div>').format(shown(reference), box)


class ReferencesField(OfColumn, MultipleStorageFileField):
    """The field for a column with several files."""

    widget: Any = UploadsInput(multiple=True)

    #: The names whose boxes are checked.
    deleted: Collection[str] = ()

    @property
    def references(self) -> list[FileReference]:
        """The files that there are."""
        found = self.object_data
        return [one for one in found if one.filename] if isinstance(found, FileReferences) else []

    @property
    def reference(self) -> FileReference | None:
        """A file that stays, or None if there is none."""
        return next((one for one in self.references if one.filename not in self.deleted), None)

    def process(self, formdata: Any, *arguments: Any, **options: Any) -> None:
        self.deleted = set(formdata.getlist(self.delete_name)) if formdata else set()
        super().process(formdata, *arguments, **options)

    def populate_obj(self, obj: Any, name: str) -> None:
        found = getattr(obj, name)
        kept = [one for one in found if one.filename not in self.deleted]
        if self.uploads or len(kept) < len(found):
            setattr(obj, name, [*kept, *self.uploads])
