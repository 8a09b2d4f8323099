"""The places of references in documents and rows, which are notified of changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .stored import Known, NewFile


class Holder:
    """The place of a reference, which is notified of changes. This class ignores them.

    :param instance: the document or row; None for a reference without one.
    """

    def __init__(self, instance: Any = None) -> None:
        self.instance = instance

    def place(self) -> dict[str, Any]:
        """Return where a worker finds the reference, as JSON: ``model``, ``field`` and ``id``.

        :raises TypeError: if it is in no row or document that was saved.
        """
        raise TypeError("no worker can find this reference: it is in no row or document that was saved")

    def before_change(self, reference: Any) -> None:
        """Notify the holder that a reference is about to change."""

    def stored(self, new: Sequence[NewFile]) -> None:
        """Notify the holder of the files that were stored for the new value."""

    def own_version(self, name: str) -> str | None:
        """Return the version of a file that was stored for the same change; None if there is none."""
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
