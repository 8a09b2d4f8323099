"""Fields of Flask-WTF for uploads. They check what the storage would check, and store nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from werkzeug.datastructures import FileStorage
from wtforms.validators import StopValidation

from ..display_names import display_name
from ..errors import FSError
from ..files import mime
from ..renditions.making import limits_of, render
from ..storage import Storage
from ..uploads import client_name
from ..uploads.refusals import listed
from ..web.failures import is_of_client

if TYPE_CHECKING:
    from .._untyped import FileField, MultipleFileField, UploadField
else:
    from flask_wtf.file import FileField, MultipleFileField

    UploadField = object

# decoding it for a small thumbnail finds what is damaged, and costs little
_TRIED_SIZE = 32


class OfStorage(UploadField):
    """What the fields have in common. A class of Flask-WTF must be a base beside this one."""

    #: Whether every upload must be an image that Pillow reads.
    only_images = False

    #: Whether the browser sent the name of a file in place of the file.
    is_text: bool = False

    def __init__(
        self,
        storage: Storage,
        label: str | None = None,
        validators: Sequence[Callable[[Any, Any], None]] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(label, validators, **options)
        if not isinstance(storage, Storage):
            raise TypeError(
                f"the field {self.short_name!r} needs its storage as the first argument, not {type(storage).__name__}: "
                f"{type(self).__name__}(storage, label, validators)"
            )
        self.storage = storage

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.is_text = any(isinstance(value, str) and value for value in valuelist)
        super().process_formdata(valuelist)

    @property
    def uploads(self) -> list[FileStorage]:
        """The files that were chosen."""
        data = self.data if isinstance(self.data, (list, tuple)) else [self.data]
        return [upload for upload in data if isinstance(upload, FileStorage) and upload]

    @property
    def accept(self) -> str | None:
        """What the attribute ``accept`` of the input says: the extensions that the storage takes. None if it cannot
        list them.
        """
        config = self.storage.config
        found = listed(self.storage.extensions, config["allow"], config["deny"])
        if found is None:
            return "image/*" if self.only_images else None
        return ",".join(f".{ext}" for ext in found if not self.only_images or _is_bitmap(ext)) or None

    def __call__(self, **attributes: Any) -> Any:
        if "accept" not in (self.render_kw or {}):
            attributes.setdefault("accept", self.accept or False)
        return super().__call__(**attributes)

    def check(self, upload: FileStorage) -> None:
        """Check one upload as ``Storage.save`` does, and read an image as fields of images do. Stores nothing.

        :raises FSError: see :meth:`flask_pyfs.Storage.save`.
        """
        name = client_name(upload.filename or "")
        self.storage.check(upload, name)
        if self.only_images:
            render(cast(BinaryIO, upload.stream), sizes=(_TRIED_SIZE,), **limits_of(self.storage))

    def pre_validate(self, form: Any) -> None:
        # before other validators, which may read the file
        if self.is_text:
            raise StopValidation('The file itself was not sent: its form needs enctype="multipart/form-data".')
        for upload in self.uploads:
            upload.seek(0)
            try:
                self.check(upload)
            except FSError as error:
                if not is_of_client(error):
                    raise
                self.errors.append(self.sentence(upload, error))
        if self.errors:
            raise StopValidation()

    def sentence(self, upload: FileStorage, error: FSError) -> str:
        """Return what the page says of an upload that is not accepted."""
        return str(error.user_message)

    def post_validate(self, form: Any, validation_stopped: bool) -> None:
        for upload in self.uploads:
            upload.seek(0)

    def populate_obj(self, obj: Any, name: str) -> None:
        # a form without an upload keeps the file
        if self.uploads:
            super().populate_obj(obj, name)


def _is_bitmap(ext: str) -> bool:
    found = mime(f"file.{ext}") or ""
    return found.startswith("image/") and found != "image/svg+xml"


class StorageFileField(OfStorage, FileField):
    """The field for a file of a storage. Its ``data`` is the upload.

    ``form.validate()`` checks the upload as ``storage.save`` would: its extension, its size, its content, and the
    limits of images. It stores nothing and makes no request to the store, and the upload is at its first byte
    afterwards. The error of the field is the ``user_message``. The input has the attribute ``accept``.

    ``form.populate_obj(row)`` assigns the upload to a column or a field of files, which stores it. If no file was
    chosen, it changes nothing.

    :param storage: the storage.
    :param label: the label.
    :param validators: further validators, such as ``FileRequired``. They run if the storage accepts the upload.
    :param options: the options of every field of WTForms.
    :raises TypeError: when the form is made, if the first argument is no storage.
    """


class StorageImageField(OfStorage, FileField):
    """The field for an image of a storage. Unlike :class:`StorageFileField`, it only accepts images that Pillow reads,
    within the limits of images, whatever the storage verifies: what an image column with thumbnails can store. An SVG
    is none of these.
    """

    only_images = True


class _Several(OfStorage):
    def sentence(self, upload: FileStorage, error: FSError) -> str:
        return f"{display_name(upload.filename) or '?'}: {error.user_message}"


class MultipleStorageFileField(_Several, MultipleFileField):
    """The field for several files of a storage. Its ``data`` is the list of uploads. Each error names its file."""


class MultipleStorageImageField(_Several, MultipleFileField):
    """The field for several images of a storage; see :class:`StorageImageField`."""

    only_images = True
