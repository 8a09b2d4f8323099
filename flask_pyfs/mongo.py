"""Fields for mongoengine (the extra ``mongo``), which read and write the documents of Flask-FS.

.. code-block:: text

   class User(Document):
       avatar = ImageField(fs=avatars, thumbnails=[100, 200])

   user.avatar.save(request.files["avatar"])
   user.save()
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, ClassVar

from mongoengine import Document, EmbeddedDocument, signals
from mongoengine.base import BaseField
from mongoengine.errors import InvalidDocumentError

from .fields.file import DetachedHolder, FileReference, FileSettings, Holder, Namer
from .fields.image import ImageReference, ImageSettings
from .fields.stored import Known, NewFile, Owner, StoredFile, dropped_file, note_saved
from .storage import Storage

__all__ = ["FileField", "FileReference", "ImageField", "ImageReference", "undoing"]


class _DocumentHolder(Holder):
    """Holds the reference in a field of a document.

    :ivar dropped: the files that the document in memory no longer references, by name, if the field removes files.
    :ivar new: the files that were stored for the document in memory since it was last saved.
    :ivar is_changed: whether the app changed the field since then.
    """

    def __init__(self, field: FileField, instance: Any) -> None:
        super().__init__(instance)
        self.field = field
        self.dropped: dict[str, StoredFile] = {}
        self.new: list[NewFile] = []
        self.is_changed = False

    @property
    def owner(self) -> Owner:
        """The field and the document, the same for each instance of it."""
        return type(self.instance)._get_collection_name(), self.instance.pk, self.field.db_field

    def before_change(self, reference: FileReference) -> None:
        # the app may have got the reference before a reload replaced it
        self.instance._data[self.field.name] = reference
        self.instance._mark_as_changed(self.field.name)
        self.is_changed = True

    def stored(self, new: Sequence[NewFile]) -> None:
        self.new.extend(new)

    def own_version(self, name: str) -> str | None:
        own = (file.version for file in reversed(self.new) if file.name == name and not file.is_replacement)
        return next(own, None)

    def replaced(self, reference: FileReference, old: Mapping[str, Known], is_deleted: bool) -> bool:
        if not self.field.settings.remove_files:
            return False
        for name, known in old.items():
            # the version now: until the document is saved, another process may store another file under the name
            if file := dropped_file(self.field.fs, name, known, None if is_deleted else self.owner):
                self.dropped[name] = file
        return True

    def reloaded(self) -> None:
        """Note that the document has the values of the database again.

        The next save deletes the files that were stored meanwhile.
        """
        for file in self.new:
            if file.moved_from is not None:
                file.undo()
        self.dropped = {file.name: file for file in self.new if file.moved_from is None and not file.is_replacement}

    def saved(self, is_new: bool, referenced: Collection[tuple[Storage, str]]) -> None:
        """Delete the files that the document no longer references.

        :param is_new: whether the document was inserted. It may be a copy of another document then, so only files that
            were stored for the copy itself are deleted.
        :param referenced: the files that the document references, by storage and name.
        """
        new = {file.name for file in self.new if not file.is_replacement}
        for name, file in self.dropped.items():
            is_removable = name in new or not is_new
            if is_removable and name not in self.field.default_names and (self.field.fs, name) not in referenced:
                file.remove(self.owner)
        self.forget()

    def forget(self) -> None:
        self.dropped, self.new, self.is_changed = {}, [], False


class FileField(BaseField):  # type: ignore[misc]
    """A field that refers to a file of a storage.

    Its value is always a :class:`~flask_pyfs.fields.file.FileReference`, which is false if there is no file. Assign
    another reference, the name of a file, or None to it.

    >>> import flask_pyfs as fs
    >>> from mongoengine import Document
    >>> papers = fs.Storage("papers", fs.DOCUMENTS)
    >>> class Author(Document):
    ...     cv = FileField(fs=papers, upload_to="cv")
    >>> author = Author()
    >>> bool(author.cv)
    False
    >>> author.cv = "cv/ann.pdf"
    >>> author.to_mongo().to_dict()
    {'cv': {'filename': 'cv/ann.pdf'}}

    :param fs: the storage.
    :param upload_to: the directory that ``save`` puts in front of names: a str, or a callable that takes the document
        and returns one.
    :param basename: the name of uploads, without the extension: a str, or a callable that takes the document and
        returns one.
    :param options: the options of every field of mongoengine.
    :param remove_files: whether saving the document deletes files that it no longer references, and deleting the
        document deletes all of its files. The default of the field is never deleted. Queries that delete documents load
        them first. Fields in embedded documents and lists cannot have it.
    :raises InvalidDocumentError: if a class has the field with ``remove_files`` in an embedded document or a list.
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
        """The names of the files of the default, which all documents share."""
        if self.default is None or callable(self.default):
            return set()
        return set(self.reference_class(self.settings, self.default).filenames)

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        value = instance._data.get(self.name)
        if not isinstance(value, FileReference) or value.holder.instance is not instance:
            # a value that was loaded or unpickled has no holder yet
            value = instance._data[self.name] = self._reference(value, _DocumentHolder(self, instance))
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        before = instance._data.get(self.name)
        if not value and self.default is not None and not self.null:
            value = self.default() if callable(self.default) else self.default
        elif value is before and value is not None:
            return
        holder = _DocumentHolder(self, instance)
        if isinstance(before, FileReference) and isinstance(before.holder, _DocumentHolder):
            holder = before.holder
        reference = self._reference(value, holder)
        if instance._initialised and isinstance(before, FileReference):
            if _is_reload(instance, value):
                holder.reloaded()
            else:
                holder.is_changed = True
                holder.replaced(before, before.files, False)
        super().__set__(instance, reference)

    def _reference(self, value: Any, holder: Holder) -> FileReference:
        return self.reference_class(self.settings, value, holder)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, (str, Mapping)):
            reference = self._reference(value, DetachedHolder())
            reference.since = datetime.now(timezone.utc)
            return reference
        return value

    def to_mongo(self, value: Any) -> Any:
        value = self.to_python(value)
        return value.to_document() if isinstance(value, FileReference) else value

    def prepare_query_value(self, op: str, value: Any) -> Any:
        return self.to_mongo(value)

    def validate(self, value: Any, clean: bool = True) -> None:
        value = self.to_python(value)
        if not isinstance(value, FileReference):
            self.error(f"Assign a file reference, a file name or None, not a value of type {type(value).__name__}")
        if self.required and not value:
            self.error("Field is required")

    # mongoengine sets owner_document only while it is None: returning None reports every class that has the field

    @property
    def owner_document(self) -> Any:
        return None

    @owner_document.setter
    def owner_document(self, owner: Any) -> None:
        if not self.settings.remove_files:
            return
        if issubclass(owner, EmbeddedDocument) or self.name is None:
            raise InvalidDocumentError(
                f"{owner.__name__}: a field of an embedded document or in a list cannot have remove_files"
            )
        # only these classes, because queries on a class with listeners delete documents one by one
        for document_class in owner.mro():
            # a query on a base class also finds documents of this class
            if issubclass(document_class, Document) and document_class is not Document:
                signals.post_save.connect(_remove_dropped, sender=document_class)
                signals.post_delete.connect(_remove_all, sender=document_class)


class ImageField(FileField):
    """A field that refers to an image of a storage, with its original and its thumbnails.

    Its value is always an :class:`~flask_pyfs.fields.image.ImageReference`.

    >>> import flask_pyfs as fs
    >>> from mongoengine import Document
    >>> avatars = fs.Storage("avatars", fs.IMAGES)
    >>> class Member(Document):
    ...     avatar = ImageField(fs=avatars, max_size=400, thumbnails=[50, 100])
    >>> Member().avatar.best_url(100) is None
    True

    :param fs: the storage.
    :param max_size: the maximum width and height of the displayed image, in pixels. A larger upload is scaled down and
        kept as the original.
    :param thumbnails: the sizes of the thumbnails, in pixels.
    :param optimize: whether the displayed image is optimized; None for the setting IMAGES_OPTIMIZE of the storage.
    :param options: the options of :class:`FileField`.
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
    """Undo the changes of the block to files of documents if it fails, for example if ``save`` of a document does.

    mongoengine sends no signal if a document cannot be saved. If the block raises, the files that were stored in it are
    deleted, and the references are restored.

    .. code-block:: text

       with undoing(user):
           user.avatar.save(request.files["avatar"])
           user.save()

    :param documents: documents or embedded documents.
    """
    before = [
        (reference, reference.snapshot(), len(holder.new), dict(holder.dropped))
        for document in documents
        for reference, holder in _references(document)
    ]
    try:
        yield
    except BaseException:
        for reference, snapshot, count, dropped in before:
            holder = reference.holder
            assert isinstance(holder, _DocumentHolder)
            reference.restore(snapshot)
            holder.instance._data[holder.field.name] = reference
            for file in reversed(holder.new[count:]):
                file.undo()
            holder.new[count:], holder.dropped = [], dropped
        raise


def _is_reload(instance: Any, value: Any) -> bool:
    # reload() and modify() copy the values of another instance of the same document
    other = value.holder.instance if isinstance(value, FileReference) else None
    if other is None or other is instance or type(other) is not type(instance):
        return False
    return bool(instance.pk is not None and other.pk == instance.pk)


def _references(document: Any) -> list[tuple[FileReference, _DocumentHolder]]:
    references = [getattr(document, name) for name, field in document._fields.items() if isinstance(field, FileField)]
    return [(reference, reference.holder) for reference in references]


def _remove_dropped(sender: Any, document: Any, created: bool = False, **more: Any) -> None:
    references = _references(document)
    referenced = {(reference.fs, name) for reference, _ in references for name in reference.filenames}
    for reference, holder in references:
        if holder.field.settings.remove_files:
            if created or holder.is_changed:
                for name, known in reference.files.items():
                    note_saved(reference.fs, name, known, holder.owner)
            holder.saved(created, referenced)


def _remove_all(sender: Any, document: Any, **more: Any) -> None:
    for reference, holder in _references(document):
        if holder.field.settings.remove_files:
            files = dict(holder.dropped)
            for name, known in reference.files.items():
                if file := dropped_file(reference.fs, name, known, holder.owner):
                    files[name] = file
            for name in files.keys() - holder.field.default_names:
                files[name].remove(holder.owner)
            holder.forget()
