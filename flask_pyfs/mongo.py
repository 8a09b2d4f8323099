"""Fields for mongoengine (the extra ``mongo``), with the documents of Flask-FS.

.. code-block:: text

   class User(Document):
       avatar = ImageField(fs=avatars, thumbnails=[100, 200])

   user.avatar.save(request.files["avatar"])
   user.save()
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from mongoengine import Document, EmbeddedDocument, signals
from mongoengine.base import BaseField
from mongoengine.errors import InvalidDocumentError

from .fields.file import FileReference, FileSettings, Holder, Loose, Namer, NewFile, remove
from .fields.image import ImageReference, ImageSettings
from .storage import Storage

__all__ = ["FileField", "FileReference", "ImageField", "ImageReference", "undoing"]


class _Document(Holder):
    """A field of a document, which has the reference.

    :ivar unnamed: the files that the document names no more, in memory at least.
    :ivar stored_here: the files that this document in memory stored since it was saved.
    """

    def __init__(self, field: FileField, instance: Any) -> None:
        super().__init__(instance)
        self.field = field
        self.unnamed: set[str] = set()
        self.stored_here: list[NewFile] = []

    def changed(self, reference: FileReference) -> None:
        # a reference that was given before the document was loaded again counts
        self.instance._data[self.field.name] = reference
        self.instance._mark_as_changed(self.field.name)

    def stored(self, new: Sequence[NewFile]) -> None:
        self.stored_here.extend(new)

    def replaced(self, reference: FileReference, old: Sequence[str], is_deleted: bool) -> bool:
        self.unnamed.update(old)
        return self.field.settings.remove_files

    def reloaded(self) -> None:
        """The document names what the database says: all that was to be deleted is not, but what was stored here."""
        for file in self.stored_here:
            if file.moved_from is not None:
                file.undo()
        self.unnamed = {file.name for file in self.stored_here if file.moved_from is None}

    def saved(self, is_new: bool, named: Collection[tuple[Storage, str]]) -> None:
        """Delete what the document names no more, and what it stored and set aside again.

        :param is_new: whether it is a document of its own now: it may be a copy of another, whose files are not its.
        :param named: what it names.
        """
        here = {file.name for file in self.stored_here}
        gone = self.unnamed & here if is_new else self.unnamed
        for name in gone - self.field.default_names:
            if (self.field.fs, name) not in named:
                remove(self.field.fs, name)
        self.unnamed, self.stored_here = set(), []


class FileField(BaseField):  # type: ignore[misc]
    """A field that names a file of a storage.

    Its value is always a :class:`~flask_pyfs.fields.file.FileReference`, which is false while there is no file. It may
    be set to another one, to the name of a file, or to None.

    :param fs: the storage.
    :param upload_to: the directory that ``save`` puts in front: a text, or a callable that gets the document.
    :param basename: the name that uploads get, without their extension: a text, or a callable that gets the document.
    :param options: those of every field of mongoengine.
    :param remove_files: delete what the document names no more once it was saved, and all of it once the document was
        deleted, but not the default. Queries that delete then load the documents; not for fields of embedded documents
        and in lists.
    :raises InvalidDocumentError: where a class has the field with ``remove_files`` at a place that cannot have it.
    """

    reference_class: ClassVar[type[FileReference]] = FileReference

    def __init__(
        self,
        fs: Storage,
        upload_to: Namer = None,
        basename: Namer = None,
        *arguments: Any,
        remove_files: bool = False,
        **options: Any,
    ) -> None:
        self.settings = FileSettings(fs, upload_to, basename, remove_files)
        super().__init__(*arguments, **options)

    @property
    def fs(self) -> Storage:
        """The storage."""
        return self.settings.fs

    @property
    def default_names(self) -> set[str]:
        """The files that the default names, which belong to all documents."""
        if self.default is None or callable(self.default):
            return set()
        return set(self.reference_class(self.settings, self.default).filenames)

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        value = instance._data.get(self.name)
        if not isinstance(value, FileReference) or value.holder.instance is not instance:
            # what was loaded or unpickled does not know its document yet
            value = instance._data[self.name] = self._reference(value, _Document(self, instance))
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        before = instance._data.get(self.name)
        if not value and self.default is not None and not self.null:
            value = self.default() if callable(self.default) else self.default
        elif value is before and value is not None:
            return
        holder = _Document(self, instance)
        if isinstance(before, FileReference) and isinstance(before.holder, _Document):
            holder = before.holder
        reference = self._reference(value, holder)
        if instance._initialised and isinstance(before, FileReference):
            if _is_loaded_again(instance, value):
                holder.reloaded()
            else:
                holder.replaced(reference, before.filenames, False)
        super().__set__(instance, reference)

    def _reference(self, value: Any, holder: Holder) -> FileReference:
        return self.reference_class(self.settings, value, holder)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, (str, Mapping)):
            return self._reference(value, Loose())
        return value

    def to_mongo(self, value: Any) -> Any:
        value = self.to_python(value)
        return value.to_document() if isinstance(value, FileReference) else value

    def prepare_query_value(self, op: str, value: Any) -> Any:
        return self.to_mongo(value)

    def validate(self, value: Any, clean: bool = True) -> None:
        value = self.to_python(value)
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
        for document_class in owner.mro():
            # a query on a base finds documents of the class, too
            if issubclass(document_class, Document) and document_class is not Document:
                signals.post_save.connect(_remove_unnamed, sender=document_class)
                signals.post_delete.connect(_remove_all, sender=document_class)


class ImageField(FileField):
    """A field that names an image of a storage, with its original and its thumbnails.

    Its value is always an :class:`~flask_pyfs.fields.image.ImageReference`.

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
        *arguments: Any,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        files = self.settings
        self.settings = ImageSettings(
            files.fs, files.upload_to, files.basename, files.remove_files, max_size, tuple(thumbnails or ()), optimize
        )


@contextmanager
def undoing(*documents: Any) -> Iterator[None]:
    """Take back what the block stores for documents where it fails, as where ``save`` of a document does.

    MongoEngine tells nobody that a document could not be saved. Files that were stored inside the block are deleted
    then, and the references name what they named before it.

    :param documents: documents, or embedded documents.
    """
    before = [
        (reference, reference._parts(), len(holder.stored_here), set(holder.unnamed))
        for document in documents
        for reference, holder in _held(document)
    ]
    try:
        yield
    except BaseException:
        for reference, parts, length, unnamed in before:
            holder = reference.holder
            assert isinstance(holder, _Document)
            reference._load(parts)
            holder.instance._data[holder.field.name] = reference
            for file in reversed(holder.stored_here[length:]):
                file.undo()
            holder.stored_here[length:], holder.unnamed = [], unnamed
        raise


def _is_loaded_again(instance: Any, value: Any) -> bool:
    # reload and modify give what they find from a document of their own
    other = value.holder.instance if isinstance(value, FileReference) else None
    if other is None or other is instance or type(other) is not type(instance):
        return False
    return bool(instance.pk is not None and other.pk == instance.pk)


def _held(document: Any) -> list[tuple[FileReference, _Document]]:
    references = [getattr(document, name) for name, field in document._fields.items() if isinstance(field, FileField)]
    return [(reference, reference.holder) for reference in references]


def _remove_unnamed(sender: Any, document: Any, created: bool = False, **more: Any) -> None:
    held = _held(document)
    named = {(reference.fs, name) for reference, _ in held for name in reference.filenames}
    for _, holder in held:
        if holder.field.settings.remove_files:
            holder.saved(created, named)


def _remove_all(sender: Any, document: Any, **more: Any) -> None:
    for reference, holder in _held(document):
        if holder.field.settings.remove_files:
            for name in {*reference.filenames, *holder.unnamed} - holder.field.default_names:
                remove(reference.fs, name)
            holder.unnamed, holder.stored_here = set(), []
