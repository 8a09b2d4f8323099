"""The file manager of Flask-Admin on a storage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import abort, flash, redirect, request
from flask_admin import helpers
from flask_admin.babel import gettext, lazy_gettext
from jinja2 import ChoiceLoader, FileSystemLoader
from wtforms import ValidationError
from wtforms.validators import InputRequired

from ... import names
from ...storage import Storage
from ..wtf import StorageFileField
from .files import StorageFiles

if TYPE_CHECKING:
    from ..._untyped import BaseFileAdmin, expose
else:
    from flask_admin import expose
    from flask_admin.contrib.fileadmin import BaseFileAdmin

_TEMPLATES = Path(__file__).parent / "templates"


class StorageAdmin(BaseFileAdmin):
    """The file manager of Flask-Admin on a storage: list, upload, download, rename, delete, make directories, and edit
    texts.

    It is a ``BaseFileAdmin``, and all of its attributes and hooks apply, such as ``can_delete``, ``is_accessible`` and
    ``editable_extensions``. What may be uploaded is what the storage accepts, and so are new names. No upload replaces
    a file.

    >>> import flask_pyfs as fs
    >>> papers = fs.Storage("papers", fs.DOCUMENTS)
    >>> view = StorageAdmin(papers, name="Papers")

    :param storage: the storage.
    :param name: the name in the menu; by default, that of the storage.
    :param endpoint: the endpoint; by default, ``files_`` and the name of the storage.
    :param options: the options of every ``BaseFileAdmin``.
    :raises TypeError: if the first argument is no storage.
    """

    list_template = "flask_pyfs/admin_files.html"
    default_sort_column = "name"

    #: How many files and directories a page lists. A longer directory has several pages, each sorted by itself.
    page_size: int = 1000

    def __init__(
        self, storage: Storage, name: str | None = None, *, endpoint: str | None = None, **options: Any
    ) -> None:
        if not isinstance(storage, Storage):
            raise TypeError(
                f"{type(self).__name__} needs its storage as the first argument, not {type(storage).__name__}: "
                f"{type(self).__name__}(storage, name)"
            )
        self.files = storage
        super().__init__(
            name=name or storage.name.capitalize(),
            endpoint=endpoint or f"files_{storage.name}".replace(".", "_"),
            storage=StorageFiles(storage, self.page_size, self.is_accessible_path),
            **options,
        )

    def create_blueprint(self, admin: Any) -> Any:
        blueprint = super().create_blueprint(admin)
        blueprint.jinja_loader = ChoiceLoader([blueprint.jinja_loader, FileSystemLoader(_TEMPLATES)])
        return blueprint

    def is_in_folder(self, base_path: str, directory: str) -> bool:
        # normpath lets no other path through
        return True

    def get_upload_form(self) -> Any:
        class UploadForm(self.form_base_class):  # type: ignore[name-defined, misc]
            upload = StorageFileField(self.files, lazy_gettext("File to upload"), [InputRequired()])

            def validate_upload(form, field: Any) -> None:  # noqa: N805
                if not self.is_file_allowed(field.data.filename):
                    raise ValidationError(gettext("Invalid file type."))

        return UploadForm

    def _save_form_files(self, directory: str, path: str, form: Any) -> None:
        # not save_file: its path has lost all letters but ASCII
        name = self.storage.save_upload(directory, form.upload.data)
        self.on_file_upload(directory, path, name)

    @expose("/")
    @expose("/b/<path:path>")
    def index_view(self, path: str | None = None) -> Any:
        if request.args.get("sort", self.default_sort_column) not in self.possible_columns:
            # that of Flask-Admin fails
            return redirect(self._get_dir_url(".index_view", path))
        return super().index_view(path)

    def pages_around(self, path: str) -> list[tuple[str, int]]:
        """Return the links below a listing: their texts, and the numbers of the pages before and after it."""
        files = self.storage
        found = [(gettext("Previous page"), files.number - 1)] if files.number > 1 else []
        if not files.page(path or files.get_base_path()).is_last:
            found.append((gettext("Next page"), files.number + 1))
        return found

    def _get_file_url(self, path: str, **kwargs: Any) -> str:
        if self.is_file_editable(path) or names.is_normal(path):
            return super()._get_file_url(path, **kwargs)
        # browsers and Werkzeug change such a path
        return self.get_url(".download_by_query", path=path)

    @expose("/download/")
    def download_by_query(self) -> Any:
        return self.download(request.args.get("path", ""))

    @expose("/download/<path:path>")
    def download(self, path: str | None = None) -> Any:
        if path is not None and not self.is_accessible_path(self.normpath(path)):
            abort(403)
        return super().download(path)

    @expose("/rename/", methods=("GET", "POST"))
    def rename(self) -> Any:
        # that of Flask-Admin drops all letters but ASCII from the new name
        form = self.name_form()
        if not form.path.data:
            return redirect(self.get_url(".index_view"))
        _, full_path, path = self._normalize_path(form.path.data)
        above, _, name = path.rpartition("/")
        return_url = self._get_dir_url(".index_view", above)
        if not self.can_rename:
            flash(gettext("Renaming is disabled."), "error")
            return redirect(return_url)
        if not self.is_accessible_path(path):
            flash(gettext("Permission denied."), "error")
            return redirect(self.get_url(".index_view"))
        if self.validate_form(form):
            self._rename(full_path, above, name, form.name.data)
            return redirect(return_url)
        helpers.flash_errors(form, message="Failed to rename: %(error)s")
        form.name.data = name
        is_modal = self.rename_modal and request.args.get("modal")
        return self.render(
            self.rename_modal_template if is_modal else self.rename_template,
            form=form,
            path=above,
            name=name,
            dir_url=return_url,
            header_text=gettext("Rename %(name)s", name=name),
        )

    def _rename(self, full_path: str, above: str, name: str, target: str) -> None:
        try:
            renamed = self.storage.rename_path(full_path, target).rpartition("/")[2]
            self.on_rename(full_path, above, renamed)
        except Exception as error:
            # as Flask-Admin does, for hooks of the app too
            flash(gettext("Failed to rename: %(error)s", error=error), "error")
        else:
            flash(gettext('Successfully renamed "%(src)s" to "%(dst)s"', src=name, dst=renamed), "success")
