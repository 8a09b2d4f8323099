"""The places of references in documents and rows, which are notified of changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .settings import HasSettings
from .stored import FileKey, Known, NewFile


class Held(HasSettings, ABC):
    """What a holder holds, the value of a field: a reference, or a list of references.

    :ivar holder: the place of the value.
    """

    holder: Holder

    @property
    @abstractmethod
    def references(self) -> Sequence[Any]:
        """The references: of one, itself."""

    @property
    @abstractmethod
    def files(self) -> dict[str, Known]:
        """The names of all files, with what is known of their versions."""

    @property
    def filenames(self) -> list[str]:
        """The names of all files."""
        return list(self.files)

    @abstractmethod
    def to_row(self) -> Any:
        """Return what a column stores; None if there is no file."""

    @abstractmethod
    def snapshot(self) -> Mapping[str, Any]:
        """Return the whole state, for :meth:`restore`."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Have the state of a snapshot again, without notifying the holder; for an empty one, no file."""

    @abstractmethod
    def forget(self, files: Collection[FileKey]) -> None:
        """Have none of these files, without notifying the holder."""

    @abstractmethod
    def store_assigned(self) -> None:
        """Store what was assigned and is not stored yet."""


class Holder:
    """The place of a reference, which is notified of changes. This class ignores them.

    :param instance: the document or row; None for a reference without one.
    """

    def __init__(self, instance: Any = None) -> None:
        self.instance = instance

    def outermost(self, value: Held) -> tuple[Held, Holder]:
        """Return the value of the field that the value is or is in, and the holder of that."""
        return value, self

    def place(self) -> dict[str, Any]:
        """Return where a worker finds the reference, as JSON: ``model``, ``field`` and ``id``.

        :raises TypeError: if it is in no row or document that was saved.
        """
        raise TypeError("no worker can find this reference: it is in no row or document that was saved")

    def before_change(self, reference: Any) -> None:
        """Notify the holder that a reference is about to change."""

    def taken(self, references: Sequence[Any]) -> None:
        """Notify the holder of the references of other places whose files the value has now, too."""

    def stored(self, new: Sequence[NewFile]) -> None:
        """Notify the holder of the files that were stored for the new value."""

    def own_version(self, name: str) -> str | None:
        """Return the version of a file that was stored for the same change; None if there is none."""
        return None

    def known_version(self, name: str) -> str | None:
        """Return the version of a file that another reference of the field knows; None if there is none."""
        return None

    def replaced(self, reference: Any, old: Mapping[str, Known], is_deleted: bool) -> bool:
        """Notify the holder of files that a reference no longer has. Return whether the holder takes care of them.

        :param old: the names of the files, with what the reference knew of their versions.
        :param is_deleted: whether the app deletes them, whatever the setting of the field.
        """
        return False


class NamedHolder(Holder):
    """Holds a reference that the app made for a document by itself, as in Flask-FS.

    :param instance: the document.
    :param name: the name of its field.
    """

    def __init__(self, instance: Any, name: str | None) -> None:
        super().__init__(instance)
        self._name = name

    def before_change(self, reference: Any) -> None:
        if mark := getattr(self.instance, "_mark_as_changed", None):
            mark(self._name)


class DetachedHolder(Holder):
    """Holds a reference outside its row or document, such as a copy, and refuses changes, which would be lost."""

    def before_change(self, reference: Any) -> None:
        raise TypeError(
            "cannot change this reference: it is a copy, or was read without its row or document; change the reference "
            "of the row or document, or assign a new one to it"
        )
