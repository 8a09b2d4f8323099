"""References to files of a storage, the values of fields in documents and rows."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .. import names
from ..backends.contract import StoredName
from ..errors import FileExists, InvalidPath
from ..seekable import rewindable
from ..storage import Storage
from ..uploads import client_name
from .stored import NewFile, storing, versions_of

#: A str, or a callable that takes the document or row and returns one.
Namer = str | Callable[[Any], str] | None


@dataclass(frozen=True)
class FileSettings:
    """The settings of a field.

    :param fs: the storage.
    :param upload_to: the directory that ``save`` puts in front of names: a str, or a callable that takes the document
        or row and returns one.
    :param basename: the name of uploads, without the extension: a str, or a callable that takes the document or row and
        returns one.
    :param remove_files: whether files that the document or row no longer references are deleted.
    """

    fs: Storage
    upload_to: Namer = None
    basename: Namer = None
    remove_files: bool = False


class Holder:
    """The place of a reference, which is notified of changes. This class ignores them.

    :param instance: the document or row; None for a reference without one.
    """

    def __init__(self, instance: Any = None) -> None:
        self.instance = instance

    def before_change(self, reference: FileReference) -> None:
        """Notify the holder that a reference is about to change."""

    def stored(self, new: Sequence[NewFile]) -> None:
        """Notify the holder of the files that were stored for the new value."""

    def replaced(self, reference: FileReference, old: Mapping[str, str | None], is_deleted: bool) -> bool:
        """Notify the holder of files that a reference no longer has. Return whether the holder takes care of them.

        :param old: the names of the files, with the versions that the reference knew.
        :param is_deleted: whether the app deletes them, whatever the setting of the field.
        """
        return False


class DetachedHolder(Holder):
    """Holds a reference outside its row or document, such as a copy, and refuses changes, which would be lost."""

    def before_change(self, reference: FileReference) -> None:
        raise TypeError(
            "cannot change this reference: it is a copy, or was read without its row or document; change the reference "
            "of the row or document, or assign a new one to it"
        )


class FileReference:
    """A reference to a file of a storage. It is false if there is no file, and its ``str`` is the URL.

    >>> import io
    >>> import flask
    >>> import flask_pyfs as fs
    >>> papers = fs.Storage("papers", fs.TEXT)
    >>> app = flask.Flask("app")
    >>> app.config["FS_BACKEND"] = "memory"
    >>> fs.init_app(app, papers)
    >>> reference = FileReference(FileSettings(papers, upload_to="cv"))
    >>> bool(reference)
    False
    >>> reference.save(io.BytesIO(b"text"), "ann.txt")
    'cv/ann.txt'
    >>> str(reference), reference.to_document()
    ('/papers/cv/ann.txt', {'filename': 'cv/ann.txt'})

    Fields create references; apps get them from the attributes of documents and rows.

    :param settings: the settings of the field.
    :param value: a file name, a document such as ``{'filename': …}``, another reference, or None.
    :param holder: the place of the reference in a document or row; None for a reference without one.
    :raises TypeError: if the value is of another type.
    :raises InvalidPath: if the name is not valid.
    """

    settings: FileSettings

    #: When the document was loaded that the reference belongs to, or None.
    since: datetime | None = None

    def __init__(
        self,
        settings: FileSettings,
        value: FileReference | Mapping[str, Any] | str | None = None,
        holder: Holder | None = None,
    ) -> None:
        self.settings = settings
        self.holder = holder or Holder()
        if isinstance(value, FileReference):
            self.since = value.since
            value = value.snapshot()
        if isinstance(value, str):
            # names are compared, so each must have one spelling
            value = {"filename": names.normalize(value)} if value else None
        if not isinstance(value, (Mapping, type(None))):
            raise TypeError(
                f"cannot make a reference from a value of type {type(value).__name__}: assign a file name, a document "
                "or None, or store the upload with save()"
            )
        self.restore(value or {})

    def restore(self, state: Mapping[str, Any]) -> None:
        """Set all parts of the reference, without notifying the holder.

        :param state: a document, or what :meth:`snapshot` returned; absent parts become empty.
        """
        self._filename: str | None = state.get("filename")
        self._versions: Mapping[str, str] = state.get("versions") or {}

    def snapshot(self) -> dict[str, Any]:
        """Return all parts of the reference, empty ones included, for :meth:`restore`."""
        versions = {name: version for name, version in self.versions.items() if version}
        return {"filename": self._filename, "versions": versions}

    @property
    def versions(self) -> dict[str, str | None]:
        """The names of all files of the reference, with their versions; None for one that the reference does not know.

        Only what is this version is deleted for the document or row.
        """
        return {name: self._versions.get(name) for name in self.filenames}

    def to_document(self) -> dict[str, Any] | None:
        """Return the document that a database stores, without empty parts; None if there is no file."""
        document = self.to_row()
        if document is not None:
            # Flask-FS cannot read documents with other keys
            document.pop("versions", None)
        return document

    def to_row(self) -> dict[str, Any] | None:
        """Return :meth:`to_document`, with the versions of the files."""
        return {key: part for key, part in self.snapshot().items() if part} if self._filename else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._filename!r}>"

    def __bool__(self) -> bool:
        return bool(self._filename)

    def __str__(self) -> str:
        return self.url or ""

    def __copy__(self) -> FileReference:
        return type(self)(self.settings, self, DetachedHolder() if self.holder.instance is not None else None)

    def __deepcopy__(self, memo: dict[int, Any]) -> FileReference:
        return copy.copy(self)

    # a pickle cannot hold the storage, which belongs to an app: the field sets the settings after unpickling

    def __getstate__(self) -> dict[str, Any]:
        return self.snapshot()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.holder = Holder()
        self.restore(state)

    @property
    def fs(self) -> Storage:
        """The storage."""
        return self.settings.fs

    @property
    def filename(self) -> str | None:
        """The name of the file in its storage, or None. Assign a name to refer to another file."""
        return self._filename

    @filename.setter
    def filename(self, value: str | None) -> None:
        self._change({**self.snapshot(), "filename": value and names.normalize(value)}, [])

    @property
    def filenames(self) -> list[str]:
        """The names of all files of the reference."""
        return [self._filename] if self._filename else []

    @property
    def url(self) -> str | None:
        """The URL of the file, or None if there is no file. No request is made to the store."""
        return self.fs.url(self._filename) if self._filename else None

    def save(self, file: Any, filename: str | None = None, *, overwrite: bool | None = None) -> str:
        """Store an upload and refer to it. If this fails, the reference is unchanged and no new file remains.

        :param file: a ``FileStorage`` or a binary file, which is left open.
        :param filename: the name, with its extension. Without it, the name is the ``basename`` of the field with the
            extension of the client's name, or if the field has none, the client's name.
        :param overwrite: whether to replace a file of that name; None for the setting of the storage.
        :return: the name in the storage.
        :raises InvalidPath: if there is no name, or it is not valid.
        :raises FileExists: if the name is taken and ``overwrite`` is false.
        :raises FSError: see :meth:`flask_pyfs.Storage.save`.
        """
        base, ext = self._base_and_extension(file, filename)
        with storing() as new:
            name = self._put(new, file, base + ext, overwrite)
            self._change({"filename": str(name), "versions": versions_of(self.fs, name)}, new)
        return name

    def delete(self) -> None:
        """Clear the reference and delete its files.

        If the field has ``remove_files``, the files are deleted when the document or row is saved, otherwise at once.

        :raises FSError: if a file cannot be deleted at once.
        """
        old = self.versions
        if not self._change({}, [], is_deleted=True):
            for name, version in old.items():
                if version is None:
                    self.fs.delete(name)
                else:
                    self.fs.delete_version(name, version)

    def _change(self, document: Mapping[str, Any], new: Sequence[NewFile], is_deleted: bool = False) -> bool:
        old = self.versions
        self.holder.before_change(self)
        self.restore(document)
        current = self.filenames
        self.holder.stored(new)
        dropped = {name: version for name, version in old.items() if name not in current}
        return self.holder.replaced(self, dropped, is_deleted)

    def _base_and_extension(self, file: Any, filename: str | None) -> tuple[str, str]:
        name = filename or client_name(getattr(file, "filename", None) or "")
        if not name:
            raise InvalidPath("a filename is required", storage=self.fs.name)
        base, ext = os.path.splitext(name)
        if not filename:
            base = self._call_namer(self.settings.basename) or base
        return base, ext.lower()

    def _call_namer(self, namer: Namer) -> str:
        return (namer(self.holder.instance) if callable(namer) else namer) or ""

    def _put(self, new: list[NewFile], file: Any, name: str, overwrite: bool | None) -> StoredName:
        prefix = self._call_namer(self.settings.upload_to)
        if not (self.fs.overwrite if overwrite is None else overwrite):
            stored = self.fs.save(file, name, prefix=prefix, overwrite=False)
        else:
            # a file that exists already may have other owners, and must not be deleted if the change fails
            with rewindable(file) as source:
                start = source.tell()
                try:
                    stored = self.fs.save(source, name, prefix=prefix, overwrite=False)
                except FileExists:
                    source.seek(start)
                    return self.fs.save(source, name, prefix=prefix, overwrite=True)
        new.append(NewFile(self.fs, str(stored), stored.version))
        return stored
