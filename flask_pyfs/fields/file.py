"""References to files of a storage, the values of fields in documents and rows."""

from __future__ import annotations

import copy
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from .. import names
from ..backends.contract import StoredName
from ..backends.handles import hashing
from ..errors import FileExists, VersionChanged
from ..renditions.lazy import is_lazy
from ..seekable import rewindable
from ..storage import Storage
from ..uploads import client_name
from ..uploads.refusals import unnamed
from . import facts
from .assigned import Assigned, Upload, is_upload, original_name_of, sent_name
from .holders import DetachedHolder, Held, Holder, NamedHolder
from .reading import ReadableReference
from .settings import FileSettings, Namer, Setting
from .stored import FileKey, Known, NewFile, storing, with_version


class FileReference(ReadableReference, Held):
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

    :param settings: the settings of the field, or the storage.
    :param value: a file name, a document such as ``{'filename': …}``, another reference, an upload that
        :meth:`store_assigned` stores, or None.
    :param holder: the place of the reference in a document or row; None for a reference without one.
    :param instance: as in Flask-FS, a document that is told when the reference changes.
    :param name: as in Flask-FS, the name of the field of that document.
    :param parts: as in Flask-FS, the settings by their names (``fs``, ``upload_to``, ``basename``), and the parts of
        the document (``filename``).
    :raises TypeError: if the value is of another type.
    :raises InvalidPath: if the name is not valid.
    """

    settings: FileSettings
    #: The settings of the field when the reference got them. The app may have changed its own since.
    given: FileSettings
    upload_to: Setting = Setting("upload_to")
    basename: Setting = Setting("basename")

    _settings_class: ClassVar[type[FileSettings]] = FileSettings
    #: What Flask-FS calls the settings, and their names here.
    _setting_names: ClassVar[Mapping[str, str]] = {"fs": "fs", "upload_to": "upload_to", "basename": "basename"}
    _fact_names: ClassVar[tuple[str, ...]] = facts.NAMES
    _state_names: ClassVar[tuple[str, ...]] = ()
    _part_names: ClassVar[tuple[str, ...]] = ("filename", "original_name", *_fact_names)

    #: When the document was loaded that the reference belongs to, or None.
    since: datetime | None = None

    def __init__(
        self,
        settings: FileSettings | Storage | None = None,
        value: FileReference | Mapping[str, Any] | str | Upload | None = None,
        holder: Holder | None = None,
        *,
        instance: Any = None,
        name: str | None = None,
        **parts: Any,
    ) -> None:
        if not isinstance(settings, FileSettings):
            settings = self._settings_of(settings, parts)
        if unknown := parts.keys() - set(self._part_names):
            raise TypeError(f"{type(self).__name__} has no parameter {min(unknown)!r}")
        self.settings = self.given = settings
        self.holder: Holder = holder or (Holder() if instance is None else NamedHolder(instance, name))
        value = parts if value is None else value
        if isinstance(value, FileReference):
            value = self._parts_of(value)
        elif is_upload(value):
            value = {"upload": Assigned.of(value)}
        if isinstance(value, str):
            # as the app spells it: a file that another tool stored may have this very name
            name = names.given(value) if value else None
            if isinstance(value, StoredName):
                known = {"versions": {name: value.version}, "original_name": value.original_name}
                value = {"filename": name, **known, **facts.stored_facts(value)}
            else:
                value = {"filename": name}
        if not isinstance(value, (Mapping, type(None))):
            raise TypeError(
                f"cannot make a reference from a value of type {type(value).__name__}: assign a file name, a document, "
                "an upload (a FileStorage, or a binary file with a name) or None, or store what has no name with "
                "save(file, name)"
            )
        self.restore(value or {})

    def _settings_of(self, storage: Storage | None, parts: dict[str, Any]) -> FileSettings:
        found = {own: parts.pop(name) for name, own in self._setting_names.items() if parts.get(name) is not None}
        return self._settings_class(**{"fs": storage, **found})

    def _parts_of(self, other: FileReference) -> dict[str, Any]:
        parts, storages = other.snapshot(), {self.settings.fs, other.settings.fs} - {None}
        if other._assigned is not None:
            # the place of a copy has other files
            parts["upload"] = replace(other._assigned, former={})
        if len(storages) < 2:
            self.since = other.since
            return parts
        # what it knows is true of a file in its own storage
        return {key: part for key, part in parts.items() if key not in ("versions", *other._fact_names)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Set all parts of the reference, without notifying the holder.

        :param state: a document, or what :meth:`snapshot` returned; absent parts become empty.
        """
        self._filename = state.get("filename")
        original_name = state.get("original_name")
        self._original_name = original_name if isinstance(original_name, str) else None
        versions = state.get("versions")
        self._versions: Mapping[str, str] = versions if isinstance(versions, Mapping) else {}
        self._facts = facts.kept(state, self._fact_names)
        # neither is a part of the document or row: what the store was asked for, and what is not stored yet
        self._asked = {}
        assigned = state.get("upload")
        self._assigned = assigned if isinstance(assigned, Assigned) else None

    def snapshot(self) -> dict[str, Any]:
        """Return all parts of the reference, empty ones included, for :meth:`restore`."""
        versions = {name: known.version for name, known in self.files.items() if known.version}
        own = {"filename": self._filename, "original_name": self._original_name, "versions": versions}
        assigned = {"upload": self._assigned} if self._assigned is not None else {}
        return {**own, **dict.fromkeys(self._fact_names), **self._facts, **assigned}

    @property
    def references(self) -> Sequence[FileReference]:
        """The reference itself, in a list as the value of a column with several has."""
        return [self]

    @property
    def files(self) -> dict[str, Known]:
        """The names of all files of the reference, with what it knows of their versions."""
        # nothing else has the name of a thumbnail that is made at the first request, so its version does not matter
        return {
            name: Known(None) if is_lazy(name) else Known(self._versions.get(name), self.since)
            for name in self.filenames
        }

    def to_document(self) -> dict[str, Any] | None:
        """Return the document that a database stores, without empty parts; None if there is no file.

        It has the parts that Flask-FS knows and, if the field has ``facts``, what is known of the upload and the file.
        """
        document = self.to_row()
        if document is not None:
            # Flask-FS cannot read documents with other keys
            for key in ("versions", *(() if self.settings.facts else ("original_name", *self._fact_names))):
                document.pop(key, None)
        return document

    def to_mongo(self) -> dict[str, Any]:
        """Return :meth:`to_document`, or ``{'filename': None}`` if there is no file, as in Flask-FS."""
        return self.to_document() or {"filename": None}

    def to_row(self) -> dict[str, Any] | None:
        """Return all parts that are not empty, with the versions of the files; None if there is no file."""
        if not self._filename:
            return None
        # a file may have no bytes
        return {key: part for key, part in self.snapshot().items() if part or part == 0}

    def __repr__(self) -> str:
        if self._assigned is not None:
            return f"<{type(self).__name__} of {self._assigned.file.filename!r}, which is not stored yet>"
        return f"<{type(self).__name__} {self._filename!r}>"

    def __bool__(self) -> bool:
        return bool(self._filename) or self._assigned is not None

    def __copy__(self) -> FileReference:
        return type(self)(self.settings, self, DetachedHolder() if self.holder.instance is not None else None)

    def __deepcopy__(self, memo: dict[int, Any]) -> FileReference:
        return copy.copy(self)

    # a pickle cannot hold the storage, which belongs to an app: the field sets the settings after unpickling

    def __getstate__(self) -> dict[str, Any]:
        if self._assigned is not None:
            raise TypeError(f"cannot pickle {self!r}: flush the session or save the document first")
        return self.snapshot()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.settings = self.given = self._settings_class(None)
        self.holder = Holder()
        self.restore(state)

    @property
    def filename(self) -> str | None:
        """The name of the file in its storage, or None. Assign a name to refer to another file."""
        return self._filename

    @filename.setter
    def filename(self, value: str | None) -> None:
        unknown = dict.fromkeys(("original_name", "upload", *self._fact_names, *self._state_names))
        self._change({**self.snapshot(), **unknown, "filename": value and names.given(value)}, [])
        # the app names what it has stored itself
        self.since = None

    @property
    def filenames(self) -> list[str]:
        """The names of all files of the reference."""
        return [self._filename] if self._filename else []

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
        with storing() as new, hashing():
            name = self._put(new, file, base + ext, overwrite)
            known = {"original_name": original_name_of(file), "versions": {str(name): name.version}}
            self._change({"filename": str(name), **known, **facts.stored_facts(name)}, new)
        return name

    def store_assigned(self) -> None:
        """Store the upload that was assigned to the field, as :meth:`save` does; without one, nothing happens.

        The flush of the session and ``save`` of the document do this. If it fails, the upload stays assigned.

        :raises ValueError: if the upload was closed since it was assigned.
        :raises FSError: see :meth:`save`.
        """
        if self._assigned is not None:
            self._assigned.rewind()
            self.save(self._assigned.file)

    def renew(self, other: FileReference) -> None:
        """Know of the files of another reference what that knows, which is newer."""
        shared = {name: other._versions[name] for name in self.filenames if name in other._versions}
        self._versions = {**self._versions, **shared}
        if self._filename in shared and self._filename == other._filename:
            self._facts, self._asked = dict(other._facts), {}

    def forget(self, files: Collection[FileKey]) -> None:
        if any((self.fs, name) in files for name in self.filenames):
            self.restore({})

    def takes_over(self, former: FileReference) -> None:
        """Know the files of another reference, which the assigned upload may replace, as :meth:`save` of that would."""
        if self._assigned is not None:
            versions = former._versions if former._assigned is None else former._assigned.former
            self._assigned = replace(self._assigned, former=versions)

    def delete(self) -> None:
        """Clear the reference and delete its files.

        If the field has ``remove_files``, the files are deleted when the document or row is saved, otherwise at once.

        :raises FSError: if a file cannot be deleted at once.
        """
        old = self.files
        if not self._change({}, [], is_deleted=True):
            for name, known in old.items():
                if known.version is None:
                    self.fs.delete(name)
                else:
                    self.fs.delete_version(name, known.version)

    def _change(self, document: Mapping[str, Any], new: Sequence[NewFile], is_deleted: bool = False) -> bool:
        old = self.files
        self.holder.before_change(self)
        self.restore(document)
        current = self.filenames
        self.holder.stored(new)
        dropped = {name: known for name, known in old.items() if name not in current}
        return self.holder.replaced(self, dropped, is_deleted)

    def _base_and_extension(self, file: Any, filename: str | None) -> tuple[str, str]:
        name = filename or client_name(sent_name(file) or "")
        if not name:
            raise unnamed(file, self.fs.name)
        base, ext = os.path.splitext(name)
        if not filename:
            base = self._call_namer(self.settings.basename) or base
        return base, ext.lower()

    def _call_namer(self, namer: Namer) -> str:
        return (namer(self.holder.instance) if callable(namer) else namer) or ""

    def _put(self, new: list[NewFile], file: Any, name: str, overwrite: bool | None) -> StoredName:
        prefix = self._call_namer(self.settings.upload_to)
        if not (self.fs.overwrite if overwrite is None else overwrite):
            return self._added(new, self.fs.save(file, name, prefix=prefix, overwrite=False))
        with rewindable(file, self.fs.config["max_size"]) as source:
            start = source.tell()
            try:
                return self._added(new, self.fs.save(source, name, prefix=prefix, overwrite=False))
            except FileExists as error:
                taken = error.path or ""
            source.seek(start)
            known = self._known_version(taken)
            # a subclass of the app may change what is saved
            if known is not None and type(self.fs).save is Storage.save:
                try:
                    with self.fs.prepared(source, taken) as content:
                        return self._replaced(new, self.fs.replace_version(taken, content, known), known)
                except VersionChanged:
                    source.seek(start)
            return self._replaced(new, self.fs.save(source, name, prefix=prefix, overwrite=True), None)

    def _known_version(self, name: str) -> str | None:
        known = self._versions if self._assigned is None else self._assigned.former
        return self.holder.own_version(name) or known.get(name) or self.holder.known_version(name)

    def _added(self, new: list[NewFile], stored: str) -> StoredName:
        name = with_version(self.fs, stored)
        new.append(NewFile(self.fs, str(name), name.version))
        return name

    def _replaced(self, new: list[NewFile], stored: str, version: str | None) -> StoredName:
        if version is not None and version == self.holder.own_version(stored):
            return self._added(new, stored)
        # what was replaced has other owners, so this must not be deleted if the change fails
        name = with_version(self.fs, stored)
        new.append(NewFile(self.fs, str(name), name.version, replaces=version, is_replacement=True))
        return name
