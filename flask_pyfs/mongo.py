"""Fields for mongoengine (the extra ``mongo``), with the documents of Flask-FS.

.. code-block:: text

   class User(Document):
       avatar = ImageField(fs=avatars, thumbnails=[100, 200])

   user.avatar.save(request.files["avatar"])
   user.save()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mongoengine import EmbeddedDocument, signals
from mongoengine.base import BaseField
from mongoengine.errors import InvalidDocumentError

from .imagereferences import ImageReference, ImageSettings
from .references import FileReference, FileSettings, Holder, Namer, remove
from .storage import Storage

__all__ = ["FileField", "FileReference", "ImageField", "ImageReference"]


class _Document(Holder):
    """A document that has a reference.

    :ivar unnamed: the files that it names no more, in memory at least.
    """

    def __init__(self, field: FileField, instance: Any) -> None:
        super().__init__(instance)
        self.field = field
        self.unnamed: set[str] = set()

    def changed(self) -> None:
        if self.instance is not None:
            self.instance._mark_as_changed(self.field.name)

    def replaced(self, old: Sequence[str]) -> bool:
        self.unnamed.update(old)
        return self.field.settings.remove_files


class FileField(BaseField):  # type: ignore[misc]
    """A field that names a file of a storage.

    Its value is always a :class:`~flask_pyfs.references.FileReference`, which is false while there is no file. It may
    be set to another one, to the name of a file, or to None.

    :param fs: the storage.
    :param upload_to: the directory that ``save`` puts in front: a text, or a callable that gets the document.
    :param basename: the name that uploads get, without their extension: a text, or a callable that gets the document.
    :param remove_files: delete what the document names no more once it was saved, and all of it once the document was
        deleted. Queries that delete then load the documents; not for fields of embedded documents and in lists.
    :param options: those of every field of mongoengine.
    :raises InvalidDocumentError: where a class has the field with ``remove_files`` at a place that cannot have it.
    """

    reference_class: ClassVar[type[FileReference]] = FileReference

    def __init__(
        self,
        fs: Storage,
        upload_to: Namer = None,
        basename: Namer = None,
        remove_files: bool = False,
        **options: Any,
    ) -> None:
        self.settings = FileSettings(fs, upload_to, basename, remove_files)
        super().__init__(**options)

    @property
    def fs(self) -> Storage:
        """The storage."""
        return self.settings.fs

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        value = instance._data.get(self.name)
        if not isinstance(value, FileReference) or value.holder.instance is not instance:
            # what was loaded or unpickled does not know its document yet
            value = instance._data[self.name] = self._reference(value, instance)
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        before = instance._data.get(self.name)
        if not value and self.default is not None and not self.null:
            value = self.default() if callable(self.default) else self.default
        elif value is before and value is not None:
            return
        reference = self._reference(value, instance)
        if instance._initialised and isinstance(before, FileReference):
            unnamed = before.holder.unnamed if isinstance(before.holder, _Document) else set()
            reference.holder.replaced([*before.filenames, *unnamed])
        super().__set__(instance, reference)

    def _reference(self, value: Any, instance: Any = None) -> FileReference:
        return self.reference_class(self.settings, value, _Document(self, instance))

    def to_python(self, value: Any) -> Any:
        if isinstance(value, (str, Mapping)):
            return self._reference(value)
        return value

    def to_mongo(self, value: Any) -> Any:
        value = self.to_python(value)
        return value.to_document() if isinstance(value, FileReference) else value

    def prepare_query_value(self, op: str, value: Any) -> Any:
        return self.to_mongo(value)

    def validate(self, value: Any, clean: bool = True) -> None:
        if not isinstance(value, FileReference):
            self.error(f"A file is a reference or a name, not {type(value).__name__}")
        if self.required and not value:
            self.error("Field is required")

    # mongoengine tells a field of the first class alone that has it; one that seems to have none yet is told of all.

    @property
    def owner_document(self) -> Any:
        return None

    @owner_document.setter
    def owner_document(self, owner: Any) -> None:
        if not self.settings.remove_files:
            return
        if issubclass(owner, EmbeddedDocument) or self.name is None:
            raise InvalidDocumentError(f"{owner.__name__}: only fields of a document itself can have remove_files")
        # for one class each: queries on a class that has a listener delete documents one by one
        signals.post_save.connect(_remove_unnamed, sender=owner)
        signals.post_delete.connect(_remove_all, sender=owner)


class ImageField(FileField):
    """A field that names an image of a storage, with its original and its thumbnails.

    Its value is always an :class:`~flask_pyfs.imagereferences.ImageReference`.

    :param fs: the storage.
    :param max_size: the longer side of the image that is shown, in pixels; what is larger is kept as the original.
    :param thumbnails: the sizes of the thumbnails, in pixels.
    :param optimize: whether the image that is shown has as few bytes as possible; None for what
        IMAGES_OPTIMIZE says of the storage.
    :param options: those of :class:`FileField`.
    """

    reference_class = ImageReference

    def __init__(
        self,
        max_size: int | None = None,
        thumbnails: Sequence[int] | None = None,
        optimize: bool | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        files = self.settings
        self.settings = ImageSettings(
            files.fs, files.upload_to, files.basename, files.remove_files, max_size, tuple(thumbnails or ()), optimize
        )


def _references(document: Any) -> list[FileReference]:
    return [
        getattr(document, name)
        for name, field in document._fields.items()
        if isinstance(field, FileField) and field.settings.remove_files
    ]


def _remove_unnamed(sender: Any, document: Any, **more: Any) -> None:
    references = _references(document)
    named = {(reference.fs, name) for reference in references for name in reference.filenames}
    for reference in references:
        assert isinstance(reference.holder, _Document)
        for name in reference.holder.unnamed:
            if (reference.fs, name) not in named:
                remove(reference.fs, name)
        reference.holder.unnamed.clear()


def _remove_all(sender: Any, document: Any, **more: Any) -> None:
    for reference in _references(document):
        assert isinstance(reference.holder, _Document)
        for name in {*reference.filenames, *reference.holder.unnamed}:
            remove(reference.fs, name)
        reference.holder.unnamed.clear()
