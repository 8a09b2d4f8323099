"""The value of a field that names files of a storage, in documents and in rows alike."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .. import names
from ..errors import FileExists, InvalidPath
from ..seekable import rewindable
from ..storage import Storage
from ..uploads import client_name

__all__ = ["FileReference", "FileSettings", "Holder", "Loose", "Namer", "NewFile", "remove", "storing"]

log = logging.getLogger(__name__)

#: A text, or a callable that gets the document or the row and returns one.
Namer = str | Callable[[Any], str] | None


@dataclass(frozen=True)
class FileSettings:
    """What a field says about its files.

    :param fs: the storage.
    :param upload_to: the directory that ``save`` puts in front: a text, or a callable that gets the document or the
        row.
    :param basename: the name that uploads get, without their extension; likewise.
    :param remove_files: whether files are deleted that the document or the row names no more.
    """

    fs: Storage
    upload_to: Namer = None
    basename: Namer = None
    remove_files: bool = False


@dataclass(frozen=True)
class NewFile:
    """A file that was stored for a change that may yet fail.

    :param storage: the storage.
    :param name: its name.
    :param moved_from: the name under which its content was found before, and which has other content now.
    """

    storage: Storage
    name: str
    moved_from: str | None = None

    def undo(self) -> None:
        """Delete the file, or put its content back. A failure is logged."""
        if self.moved_from is None:
            remove(self.storage, self.name)
            return
        try:
            self.storage.move(self.name, self.moved_from, overwrite=True)
        except Exception:
            log.warning("%r in storage %r could not be put back", self.name, self.storage.name, exc_info=True)


@contextmanager
def storing() -> Iterator[list[NewFile]]:
    """Give a list for the new files of a change, and undo them where the block fails."""
    new: list[NewFile] = []
    try:
        yield new
    except BaseException:
        for file in reversed(new):
            file.undo()
        raise


def remove(storage: Storage, filename: str) -> None:
    """Delete a file that nothing names any more. A failure is logged: what it belonged to is gone already."""
    try:
        storage.delete(filename)
    except Exception:
        # the store's, or of whoever listens to deletions: other files have to go all the same
        log.warning("%r in storage %r could not be deleted", filename, storage.name, exc_info=True)


class Holder:
    """What has references and is told of their changes. This one does nothing about them.

    :param instance: the document or the row.
    """

    def __init__(self, instance: Any = None) -> None:
        self.instance = instance

    def changed(self, reference: FileReference) -> None:
        """A reference is about to get another value."""

    def stored(self, new: Sequence[NewFile]) -> None:
        """Files were stored for the new value."""

    def replaced(self, reference: FileReference, old: Sequence[str], is_deleted: bool) -> bool:
        """A reference names these files no more. Return whether the holder deletes those that have to go.

        :param is_deleted: whether the app wants them to go, whatever the field says.
        """
        return False


class Loose(Holder):
    """Holds a reference without its place, where nobody would learn of a change: such as a copy, or one in a list."""

    def changed(self, reference: FileReference) -> None:
        raise TypeError(
            "this reference is a copy, or was read without its row or document: change that of a row or a document, or "
            "put a new one in its place"
        )


class FileReference:
    """The file that a field names; false while there is none. As a text it is the URL.

    :param settings: what the field says.
    :param value: the document form, ``{'filename': …}``, or the name alone, or another reference.
    :param holder: the document or the row.
    :raises TypeError: for another value.
    """

    settings: FileSettings

    def __init__(
        self,
        settings: FileSettings,
        value: FileReference | Mapping[str, Any] | str | None = None,
        holder: Holder | None = None,
    ) -> None:
        self.settings = settings
        self.holder = holder or Holder()
        if isinstance(value, FileReference):
            value = value.to_document()
        if isinstance(value, str):
            # another spelling would be taken for another file
            value = {"filename": names.normalize(value)} if value else None
        if not isinstance(value, (Mapping, type(None))):
            raise TypeError(f"a reference is made of a document or a name, not of {type(value).__name__}: call save()")
        self._load(value or {})

    def _load(self, document: Mapping[str, Any]) -> None:
        self._filename: str | None = document.get("filename")

    def _parts(self) -> dict[str, Any]:
        return {"filename": self._filename}

    def to_document(self) -> dict[str, Any] | None:
        """Return the document form, or None while there is no file."""
        return {key: part for key, part in self._parts().items() if part} if self._filename else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._filename!r}>"

    def __bool__(self) -> bool:
        return bool(self._filename)

    def __str__(self) -> str:
        return self.url or ""

    def __copy__(self) -> FileReference:
        return type(self)(self.settings, self, Loose() if self.holder.instance is not None else None)

    def __deepcopy__(self, memo: dict[int, Any]) -> FileReference:
        return copy.copy(self)

    # the storage belongs to an app, which no pickle holds: who unpickles a reference gives it its settings

    def __getstate__(self) -> dict[str, Any]:
        return self._parts()

    def __setstate__(self, parts: dict[str, Any]) -> None:
        self.holder = Holder()
        self._load(parts)

    @property
    def fs(self) -> Storage:
        """The storage."""
        return self.settings.fs

    @property
    def filename(self) -> str | None:
        """The name of the file in its storage, or None. To set it lets the reference name another."""
        return self._filename

    @filename.setter
    def filename(self, value: str | None) -> None:
        self._change({**self._parts(), "filename": value and names.normalize(value)}, [])

    @property
    def filenames(self) -> list[str]:
        """The names of all files that belong to the reference."""
        return [self._filename] if self._filename else []

    @property
    def url(self) -> str | None:
        """The URL of the file, or None while there is none."""
        return self.fs.url(self._filename) if self._filename else None

    def save(self, file: Any, filename: str | None = None, *, overwrite: bool | None = None) -> str:
        """Store an upload and name it. Where that fails, the reference is as it was and nothing new is stored.

        :param file: a ``FileStorage`` or a binary file, which is left open.
        :param filename: its name, with its extension. Without it, a ``FileStorage`` has one of its client; where the
            field has a ``basename``, that gives all but the extension.
        :param overwrite: replace a file of that name; None means what the storage says.
        :return: the name in the storage.
        :raises ValueError: without a name.
        :raises FSError: as :meth:`flask_pyfs.Storage.save` does.
        """
        base, ext = self._base_and_extension(file, filename)
        with storing() as new:
            name = self._put(new, file, base + ext, overwrite)
            self._change({"filename": name}, new)
        return name

    def delete(self) -> None:
        """Let the reference name nothing, and delete its files: where the field removes files, once the document or
        the row is saved; else at once.

        :raises FSError: where a file could not be deleted at once.
        """
        before = self.filenames
        if not self._change({}, [], is_deleted=True):
            for name in before:
                self.fs.delete(name)

    def _change(self, document: Mapping[str, Any], new: Sequence[NewFile], is_deleted: bool = False) -> bool:
        before = self.filenames
        self.holder.changed(self)
        self._load(document)
        now = self.filenames
        self.holder.stored(new)
        return self.holder.replaced(self, [name for name in before if name not in now], is_deleted)

    def _base_and_extension(self, file: Any, filename: str | None) -> tuple[str, str]:
        name = filename or client_name(getattr(file, "filename", None) or "")
        if not name:
            raise InvalidPath("a filename is required", storage=self.fs.name)
        base, ext = os.path.splitext(name)
        if not filename:
            base = self._named(self.settings.basename) or base
        return base, ext.lower()

    def _named(self, namer: Namer) -> str:
        return (namer(self.holder.instance) if callable(namer) else namer) or ""

    def _put(self, new: list[NewFile], file: Any, name: str, overwrite: bool | None) -> str:
        prefix = self._named(self.settings.upload_to)
        if not (self.fs.overwrite if overwrite is None else overwrite):
            stored = self.fs.save(file, name, prefix=prefix, overwrite=False)
        else:
            # a file that was there before is another's too, and is not deleted where the change fails
            with rewindable(file) as source:
                start = source.tell()
                try:
                    stored = self.fs.save(source, name, prefix=prefix, overwrite=False)
                except FileExists:
                    source.seek(start)
                    return self.fs.save(source, name, prefix=prefix, overwrite=True)
        new.append(NewFile(self.fs, stored))
        return stored
