"""The upload fields in the forms of models: with a preview of the file that there is, and a box to delete it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from flask_admin.babel import gettext
from markupsafe import Markup
from wtforms.validators import InputRequired, StopValidation

from ...fields.file import FileReference
from ...fields.parts import renders
from ...fields.settings import FileSettings, ImageSettings
from ...storage import Storage
from ..wtf import OfStorage, StorageFileField
from .showing import shown

if TYPE_CHECKING:
    from ..._untyped import FileInput, Required
else:
    from wtforms.widgets import FileInput

    Required = InputRequired


class UploadInput(FileInput):
    """The input, below what shows the file that there is."""

    def __call__(self, field: Any, **attributes: Any) -> Markup:
        # a browser would demand a new file in place of the old one
        attributes["required"] = field.is_required and field.reference is None
        chooser = Markup(super().__call__(field, **attributes))
        if field.reference is None:
            return chooser
        box = Markup("") if field.is_required else deletion_box(field, "y", is_checked=field.is_deleted)
        return Markup('<div class="mb-2">{}{}</div>{}').format(shown(field.reference), box, chooser)


def deletion_box(field: Any, value: str | None, *, is_checked: bool) -> Markup:
    """Return the HTML of a box to delete a file.

    :param value: what the form sends if the box is checked.
    """
    return Markup('<label class="ml-2"><input type="checkbox" name="{}" value="{}"{}> {}</label>').format(
        field.delete_name, value, Markup(" checked") if is_checked else "", gettext("Delete")
    )


class FileNeeded(Required):
    """Requires a file: the upload, or the one that there is."""

    def __init__(self) -> None:
        super().__init__()
        # the input decides
        self.field_flags: dict[str, bool] = {}

    def __call__(self, form: Any, field: Any) -> None:
        if not field.uploads and field.reference is None:
            raise StopValidation(field.gettext("This field is required."))


class OfColumn(OfStorage):
    """What the fields have in common. One of ``wtf`` must be a base behind this one.

    :param settings: the settings of the references.
    :param validators: those that Flask-Admin has for the column. ``InputRequired`` accepts the files that there are.
    """

    def __init__(
        self, settings: FileSettings, label: str | None = None, validators: Any = None, **options: Any
    ) -> None:
        self.is_required: bool = any(isinstance(validator, InputRequired) for validator in validators or ())
        kept = [validator for validator in validators or () if not isinstance(validator, InputRequired)]
        storage = cast(Storage, settings.fs)
        super().__init__(storage, label, [FileNeeded(), *kept] if self.is_required else kept, **options)
        self.only_images: bool = isinstance(settings, ImageSettings) and renders(settings, storage)

    @property
    def delete_name(self) -> str:
        """The name of the boxes that delete files."""
        return f"{self.name}-delete"


class ReferenceField(OfColumn, StorageFileField):
    """The field for a column or a field of files."""

    widget: Any = UploadInput()

    #: Whether the box is checked.
    is_deleted: bool = False

    @property
    def reference(self) -> FileReference | None:
        """The file that there is."""
        found = self.object_data
        return found if isinstance(found, FileReference) and found.filename else None

    def process(self, formdata: Any, *arguments: Any, **options: Any) -> None:
        self.is_deleted = bool(formdata) and self.delete_name in formdata
        super().process(formdata, *arguments, **options)

    def populate_obj(self, obj: Any, name: str) -> None:
        if self.is_deleted and not self.is_required and not self.uploads:
            setattr(obj, name, None)
        super().populate_obj(obj, name)
