"""The upload field for a list of files: it adds what is chosen, and has a box for each file to delete it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from flask_admin.babel import gettext
from markupsafe import Markup
from wtforms.validators import InputRequired

from ...fields.file import FileReference
from ...fields.many import FileReferences
from ...fields.settings import FileSettings
from ...storage import Storage
from ..wtf import MultipleStorageFileField
from .fields import FileNeeded, is_rendered
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
        checked = Markup(" checked") if reference.filename in field.deleted else ""
        box = Markup('<label class="ml-2"><input type="checkbox" name="{}" value="{}"{}> {}</label>').format(
            field.delete_name, reference.filename, checked, gettext("Delete")
        )
        return Markup('<div class="mb-2">{}{}</div>').format(shown(reference), box)


class ReferencesField(MultipleStorageFileField):
    """The field for a column with several files.

    :param settings: the settings of the references.
    :param validators: those that Flask-Admin has for the column. ``InputRequired`` accepts the files that there are.
    """

    widget: Any = UploadsInput(multiple=True)

    def __init__(
        self, settings: FileSettings, label: str | None = None, validators: Any = None, **options: Any
    ) -> None:
        self.is_required: bool = any(isinstance(validator, InputRequired) for validator in validators or ())
        kept = [validator for validator in validators or () if not isinstance(validator, InputRequired)]
        super().__init__(
            cast(Storage, settings.fs), label, [FileNeeded(), *kept] if self.is_required else kept, **options
        )
        self.only_images: bool = is_rendered(settings)
        self.deleted: set[str] = set()

    @property
    def references(self) -> list[FileReference]:
        """The files that there are."""
        found = self.object_data
        return [one for one in found if one.filename] if isinstance(found, FileReferences) else []

    @property
    def reference(self) -> FileReference | None:
        """A file that stays, or None if there is none."""
        return next((one for one in self.references if one.filename not in self.deleted), None)

    @property
    def delete_name(self) -> str:
        """The name of the boxes that delete files."""
        return f"{self.name}-delete"

    def process(self, formdata: Any, *arguments: Any, **options: Any) -> None:
        self.deleted = set(formdata.getlist(self.delete_name)) if formdata else set()
        super().process(formdata, *arguments, **options)

    def populate_obj(self, obj: Any, name: str) -> None:
        found = getattr(obj, name)
        kept = [one for one in found if one.filename not in self.deleted]
        if self.uploads or len(kept) < len(found):
            setattr(obj, name, [*kept, *self.uploads])
