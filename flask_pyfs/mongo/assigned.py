"""Stores the uploads that were assigned to the fields of a document, also in embedded documents, when it is saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mongoengine import EmbeddedDocument, signals

from ..fields.assigned import is_upload
from ..fields.file import FileReference
from ..fields.holders import DetachedHolder, Holder
from ..fields.stored import NewFile
from .changes import Before, DocumentHolder
from .fields import FileField
from .undoing import looked_up, undo

_WRITES = ("_save_create", "_save_update")


class _ItemHolder(Holder):
    """Holds a reference in a list or a map while its upload is stored."""

    def __init__(self, instance: Any) -> None:
        super().__init__(instance)
        self.new: list[NewFile] = []

    def stored(self, new: Sequence[NewFile]) -> None:
        self.new.extend(new)


class _Save:
    """The uploads that one ``save`` of a document stores.

    :param document: the document.
    :ivar blocks: the fields, as they were before: the document or embedded document, its holder and its state.
    :ivar items: the references in lists and maps, with the place of each and what was stored for it.
    """

    def __init__(self, document: Any) -> None:
        self.document = document
        self.blocks: list[tuple[Any, DocumentHolder, Before]] = []
        self.items: list[tuple[Any, Any, Any, list[NewFile]]] = []

    def store(self) -> bool:
        """Store the uploads; return whether there are any. If one fails, all are assigned again."""
        try:
            self._store_in(self.document)
        except BaseException:
            self.undo(None)
            raise
        return bool(self.blocks or self.items)

    def undo(self, written: Any) -> None:
        """Delete the files, and let the uploads be assigned again.

        :param written: the document, if the database may have it: then the files that it has stay; None if not.
        """
        for document, holder, block in reversed(self.blocks):
            undo(written, document, holder, block)
        self.end()
        names = {file.name for *_, new in self.items for file in new}
        stays, _ = looked_up(written, names)
        if not stays:
            for container, key, assigned, new in reversed(self.items):
                container[key] = assigned
                for file in reversed(new):
                    file.undo()

    def end(self) -> None:
        for _, holder, block in self.blocks:
            holder.blocks.remove(block)
        self.blocks = []

    def _store_in(self, document: Any) -> None:
        for name, value in list(document._data.items()):
            field = document._fields.get(name)
            if not isinstance(field, FileField):
                self._store_within(document, field, value)
            elif isinstance(value, FileReference) and value.upload is not None:
                reference = getattr(document, name)
                self.blocks.append((document, reference.holder, reference.holder.begin(reference)))
                reference.store_assigned()

    def _store_within(self, document: Any, field: Any, value: Any) -> None:
        if isinstance(value, EmbeddedDocument):
            self._store_in(value)
        elif isinstance(value, (list, dict)):
            for key, item in list(_items(value)):
                self._store_item(document, getattr(field, "field", None), value, key, item)

    def _store_item(self, document: Any, field: Any, container: Any, key: Any, item: Any) -> None:
        if not isinstance(field, FileField):
            self._store_within(document, field, item)
        elif is_upload(item) or (isinstance(item, FileReference) and item.upload is not None):
            # knows where the upload begins, should it be stored again
            assigned = container[key] = field.proxy_class(field.settings, item, DetachedHolder())
            holder = _ItemHolder(document)
            reference = field.proxy_class(field.settings, assigned, holder)
            self.items.append((container, key, assigned, holder.new))
            reference.store_assigned()
            reference.holder = DetachedHolder()
            container[key] = reference


def _items(value: Mapping[Any, Any] | Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    # without looking up the documents that a list refers to
    return iter(dict.items(value) if isinstance(value, dict) else enumerate(list.__iter__(value)))  # type: ignore[arg-type]


def listen() -> None:
    """Store the uploads of every document that is saved: those with embedded documents do not know their fields."""
    signals.pre_save_post_validation.connect(_store)


def _store(sender: Any, document: Any, **more: Any) -> None:
    save = _Save(document)
    if save.store():
        # there is no signal for a document that cannot be saved
        for name in _WRITES:
            vars(document)[name] = _undone(save, getattr(document, name))


def _undone(save: _Save, write: Callable[..., Any]) -> Callable[..., Any]:
    def write_or_undo(*arguments: Any, **options: Any) -> Any:
        for name in _WRITES:
            vars(save.document).pop(name, None)
        try:
            return write(*arguments, **options)
        except BaseException:
            save.undo(save.document)
            raise
        finally:
            save.end()

    return write_or_undo
