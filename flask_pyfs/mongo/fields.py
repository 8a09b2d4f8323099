"""The fields of documents, and the signals that tell them what was saved and deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast, overload

from mongoengine import Document, EmbeddedDocument, signals
from mongoengine.errors import InvalidDocumentError

from ..fields.assigned import Upload, is_empty_field, is_upload
from ..fields.file import FileReference
from ..fields.holders import DetachedHolder, Holder
from ..fields.image import ImageReference
from ..fields.later import enqueue_saved
from ..fields.settings import FileSettings, ImageSettings, Namer, Process, Setting
from ..fields.stored import dropped_file
from ..storage import Storage
from .changes import DocumentHolder

if TYPE_CHECKING:
    from .._untyped import BaseField
else:
    from mongoengine.base import BaseField

Field = TypeVar("Field", bound="FileField")


class FileField(BaseField):
    """A field that refers to a file of a storage.

    Its value is always a :class:`~flask_pyfs.fields.file.FileReference`, which is false if there is no file. Assign
    another reference, the name of a file, an upload, which ``save`` of the document stores, or None to it.

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

    :param fs: the storage. A field without one gets it later: ``Author.cv.fs = papers``.
    :param upload_to: the directory that ``save`` puts in front of names: a str, or a callable that takes the document
        and returns one.
    :param basename: the name of uploads, without the extension: a str, or a callable that takes the document and
        returns one.
    :param options: the options of every field of mongoengine.
    :param remove_files: whether saving the document deletes files that it no longer references, and deleting the
        document deletes all of its files. The default of the field is never deleted. Queries that delete documents load
        them first. Fields in embedded documents and lists cannot have it.
    :param facts: whether documents keep what is known of an upload and its file: ``original_name``, ``size``,
        ``content_type``, ``checksum``, and ``width`` and ``height`` of an image. Flask-FS cannot read such documents.
    :raises InvalidDocumentError: if a class has the field with ``remove_files`` in an embedded document or a list.
    """

    #: The class of the values.
    proxy_class: ClassVar[type[FileReference]] = FileReference

    fs: Setting = Setting("fs")
    upload_to: Setting = Setting("upload_to")
    basename: Setting = Setting("basename")

    def __init__(
        self,
        fs: Storage | None = None,
        upload_to: Namer = None,
        basename: Namer = None,
        *arguments: Any,
        remove_files: bool = False,
        facts: bool = False,
        **options: Any,
    ) -> None:
        self.settings: FileSettings = FileSettings(fs, upload_to, basename, remove_files, facts=facts)
        super().__init__(*arguments, **options)

    @property
    def default_names(self) -> set[str]:
        """The names of the files of the default, which all documents share."""
        if self.default is None or callable(self.default):
            return set()
        return set(self.proxy_class(self.settings, self.default).filenames)

    @overload
    def __get__(self: Field, instance: None, owner: Any) -> Field: ...

    @overload
    def __get__(self, instance: Any, owner: Any) -> FileReference: ...

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is None:
            return self
        value = instance._data.get(self.name)
        if not isinstance(value, FileReference) or value.holder.instance is not instance:
            # a value that was loaded or unpickled has no holder yet
            value = instance._data[self.name] = self._reference(value, DocumentHolder(self, instance))
        if value.given is not self.settings:
            # the app has changed the field since
            value.settings = value.given = self.settings
        return value

    def __set__(self, instance: Any, value: FileReference | Mapping[str, Any] | str | Upload | None) -> None:
        before = instance._data.get(self.name)
        is_reload = _is_reload(instance, value)
        if is_empty_field(value):
            if instance._initialised:
                return
            value = None
        if not value and not is_upload(value) and self.default is not None and not self.null:
            value = self.default() if callable(self.default) else self.default
        elif value is before and value is not None:
            return
        holder = DocumentHolder(self, instance)
        # the values of a copy were loaded for another instance
        if isinstance(before, FileReference) and before.holder.instance is instance:
            assert isinstance(before.holder, DocumentHolder)
            holder = before.holder
        reference = self._reference(value, holder)
        if isinstance(before, FileReference):
            reference.takes_over(before)
        if instance._initialised and isinstance(before, FileReference):
            if is_reload:
                holder.reloaded(reference)
            else:
                holder.replaced(before, before.files, False)
        super().__set__(instance, reference)

    def proxy(self, filename: str | None = None, instance: Any = None, **parts: Any) -> FileReference:
        """Return a reference with the settings of the field, as in Flask-FS.

        :param filename: the name of the file.
        :param instance: the document whose field gets the reference when that stores an upload; None for a reference
            that belongs to no document.
        :param parts: the other parts of the document of an image.
        """
        holder = Holder() if instance is None else self.__get__(instance, type(instance)).holder
        return self.proxy_class(self.settings, None, holder, filename=filename, **parts)

    def _reference(self, value: Any, holder: Holder) -> FileReference:
        return self.proxy_class(self.settings, value, holder)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, (str, Mapping)):
            reference = self._reference(value, DetachedHolder())
            reference.since = datetime.now(timezone.utc)
            return reference
        return value

    def to_mongo(self, value: Any) -> Any:
        value = self._reference(value, Holder()) if is_upload(value) else self.to_python(value)
        if not isinstance(value, FileReference):
            return value
        if value.upload is not None:
            raise TypeError(
                f"cannot write {value!r}: only save() of the document stores what is assigned to its fields; for a "
                "query or insert(), store the upload first and use the name that save() of the storage returns"
            )
        if isinstance(value.holder, DocumentHolder):
            value.holder.written_to(value)
        return value.to_document()

    def prepare_query_value(self, op: str, value: Any) -> Any:
        return self.to_mongo(value)

    def validate(self, value: Any, clean: bool = True) -> None:
        if is_upload(value):
            # in a list or a map
            return
        value = self.to_python(value)
        if not isinstance(value, FileReference):
            kind = type(value).__name__
            self.error(f"Assign a file reference, a file name, an upload or None, not a value of type {kind}")
        if self.required and not value:
            self.error("Field is required")

    @property
    def _needs_signals(self) -> str | None:
        """The setting, besides ``remove_files``, for which a document must tell when it was saved."""
        return None

    # mongoengine sets owner_document only while it is None: returning None reports every class that has the field

    @property
    def owner_document(self) -> Any:
        return None

    @owner_document.setter
    def owner_document(self, owner: Any) -> None:
        needed = "remove_files" if self.settings.remove_files else self._needs_signals
        if needed is not None and (issubclass(owner, EmbeddedDocument) or self.name is None):
            raise InvalidDocumentError(
                f"{owner.__name__}: a field of an embedded document or in a list cannot have {needed}"
            )
        if issubclass(owner, Document):
            _follow(owner)
        if not self.settings.remove_files:
            return
        # only these classes, because queries on a class with listeners delete documents one by one
        for document_class in owner.mro():
            # a query on a base class also finds documents of this class
            if issubclass(document_class, Document) and document_class is not Document:
                signals.post_delete.connect(_deleted, sender=document_class)


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
    :param process: when the displayed image and the thumbnails are made: ``"now"`` by ``save``, or ``"later"`` by a
        worker that calls :func:`render`; or ``"lazy"``, the thumbnails at the first request. Fields in embedded
        documents and lists cannot have ``"later"``.
    :param options: the options of :class:`FileField`.
    :raises ValueError: if ``process`` is something else.
    """

    proxy_class: ClassVar[type[ImageReference]] = ImageReference

    max_size: Setting = Setting("max_size")
    thumbnail_sizes: Setting = Setting("thumbnails")
    optimize: Setting = Setting("optimize")
    process: Setting = Setting("process")

    if TYPE_CHECKING:

        @overload
        def __get__(self: Field, instance: None, owner: Any) -> Field: ...

        @overload
        def __get__(self, instance: Any, owner: Any) -> ImageReference: ...

        def __get__(self, instance: Any, owner: Any) -> Any: ...

    def __init__(
        self,
        max_size: int | None = None,
        thumbnails: Sequence[int] | None = None,
        optimize: bool | None = None,
        *arguments: Any,
        process: Process = "now",
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        files = self.settings
        self.settings: ImageSettings = ImageSettings(
            **vars(files), max_size=max_size, thumbnails=tuple(thumbnails or ()), optimize=optimize, process=process
        )

    @property
    def _needs_signals(self) -> str | None:
        return "process='later'" if self.settings.process == "later" else None


def _is_reload(instance: Any, value: Any) -> bool:
    # reload() and modify() copy the values of another instance of the same document
    other = value.holder.instance if isinstance(value, FileReference) else None
    if other is None or other is instance or type(other) is not type(instance):
        return False
    return bool(instance.pk is not None and other.pk == instance.pk)


def references_of(document: Any) -> list[tuple[FileReference, DocumentHolder]]:
    """Return the references of a document, each with its holder."""
    references = [getattr(document, name) for name, field in document._fields.items() if isinstance(field, FileField)]
    return [(reference, reference.holder) for reference in references]


def _follow(document_class: Any) -> None:
    signals.post_save.connect(_saved, sender=document_class)
    signals.post_bulk_insert.connect(_inserted, sender=document_class)


def _saved(sender: Any, document: Any, created: bool = False, **more: Any) -> None:
    references = references_of(document)
    # a field that has no storage yet has only names
    bound = [(reference, holder) for reference, holder in references if reference.settings.fs is not None]
    referenced = {(reference.fs, name) for reference, _ in bound for name in reference.filenames}
    changed = getattr(document, "_changed_fields", None)
    # a document that was never loaded or saved by itself knows no changes
    is_new = created or changed is None or _has_another_key(document)
    for reference, holder in bound:
        is_written = created or changed is None or holder.field.db_field in changed
        holder.saved(reference, is_written, is_new, referenced)
        if is_written:
            _enqueue(reference)


def _has_another_key(document: Any) -> bool:
    # since it was loaded or saved: its files may be those of the document that had the key before
    return "_id" in getattr(document, "_changed_fields", ())


def _inserted(sender: Any, documents: Sequence[Any], **more: Any) -> None:
    for document in documents:
        for reference, holder in references_of(document):
            if reference.settings.fs is not None:
                holder.note_saved(reference)
                _enqueue(reference)


def _enqueue(reference: FileReference) -> None:
    if getattr(reference, "state", None) == "pending":
        enqueue_saved(reference.fs, cast(ImageReference, reference).job)


def _deleted(sender: Any, document: Any, **more: Any) -> None:
    for reference, holder in references_of(document):
        if holder.field.settings.remove_files and holder.field.fs is not None:
            if _has_another_key(document):
                continue
            files = dict(holder.dropped)
            for name, known in reference.files.items():
                if file := dropped_file(reference.fs, name, known, holder.owner):
                    files[name] = file
            for file in files.values():
                if not any(file.is_named(holder.field.fs, name) for name in holder.field.default_names):
                    file.remove(holder.owner)
            for discarded in holder.discarded:
                discarded.undo()
            holder.discarded = []
            holder.settle(reference)
