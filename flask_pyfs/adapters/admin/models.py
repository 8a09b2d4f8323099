"""StorageModelView: models with files in Flask-Admin."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask import flash
from flask_admin.model import typefmt

from ...errors import ConfigurationError, FSError
from ...fields.holders import Held
from ...fields.settings import FileSettings
from ...web.failures import is_of_client
from .fields import ReferenceField
from .lists import ReferencesField
from .showing import exported, formatted

if TYPE_CHECKING:
    from ..._untyped import BaseModelView
else:
    BaseModelView = object

_log = logging.getLogger(__name__)


class StorageModelView(BaseModelView):
    """A mixin for the ``ModelView`` of Flask-Admin, for SQLAlchemy and for mongoengine. It comes first:

    .. code-block:: python

        class UserView(StorageModelView, ModelView):
            pass

    In the forms, also those of inline models, columns of :class:`~flask_pyfs.sqlalchemy.FileType` and fields of
    :class:`flask_pyfs.mongo.FileField`, or of images, are upload fields. They show the file that there is, and a box to
    delete it unless the column is required. What the storage does not accept is an error of the field. Lists show
    thumbnails and links, and exports the names.

    :raises ConfigurationError: when a view is made, if its ``column_editable_list`` has a file.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        converter = getattr(cls, "model_form_converter", None)
        # else it is a mixin of the app
        if converter is None:
            return
        if not issubclass(converter, _Converter):
            setattr(cls, "model_form_converter", type(converter.__name__, (_Converter, converter), {}))  # noqa: B010
        for attribute, default, formatter in (
            ("column_type_formatters", typefmt.BASE_FORMATTERS, formatted),
            ("column_type_formatters_detail", typefmt.DETAIL_FORMATTERS, formatted),
            ("column_type_formatters_export", typefmt.EXPORT_FORMATTERS, exported),
        ):
            known = getattr(cls, attribute, None) or default
            if Held not in known:
                # behind those of the app
                setattr(cls, attribute, {**known, Held: formatter})

    def scaffold_list_form(self, *arguments: Any, **options: Any) -> Any:
        form_class = super().scaffold_list_form(*arguments, **options)
        for name, field in vars(form_class).items():
            if getattr(field, "field_class", None) in (ReferenceField, ReferencesField):
                raise ConfigurationError(
                    f"{type(self).__name__}: {name!r} is a file, which a list cannot edit: remove it from "
                    "column_editable_list"
                )
        return form_class

    def handle_view_exception(self, exc: Exception) -> bool:
        if not isinstance(exc, FSError):
            return super().handle_view_exception(exc)
        # debug mode raises what the person in the admin did not cause
        if not is_of_client(exc) and not super().handle_view_exception(exc):
            _log.exception("a record with files could not be saved")
        flash(str(exc.user_message), "error")
        return True


class _Converter:
    """Makes upload fields in the forms of both kinds of models. It comes before a converter of Flask-Admin."""

    converters: dict[str, Callable[..., Any]]

    # of SQLAlchemy

    def get_converter(self, column: Any) -> Any:
        settings = getattr(column.type, "settings", None)
        if isinstance(settings, FileSettings):
            field_class = ReferencesField if column.type.multiple else ReferenceField
            return lambda field_args, **more: _field(settings, field_args, field_class)
        return super().get_converter(column)  # type: ignore[misc]

    # of mongoengine

    def convert(self, model: Any, field: Any, *arguments: Any) -> Any:
        settings = getattr(field, "settings", None)
        if not isinstance(settings, FileSettings):
            return super().convert(model, field, *arguments)  # type: ignore[misc]
        # that of mongoengine looks for the name of the class, which is that of a field of mongoengine
        name, known = type(field).__name__, self.converters
        self.converters = {**known, name: lambda model, field, options: _field(settings, options)}
        try:
            return super().convert(model, field, *arguments)  # type: ignore[misc]
        finally:
            self.converters = known


def _field(settings: FileSettings, options: dict[str, Any], field_class: Any = ReferenceField) -> Any:
    if settings.fs is None:
        raise ConfigurationError("the field has no storage: pass it as fs=… before the view of the admin is made")
    # the row has it, and a form cannot show it
    options.pop("default", None)
    return field_class(settings, **options)
