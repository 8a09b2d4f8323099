"""Lists of references to files of a storage, the values of columns with several files."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableSequence, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, cast, overload

from ..names import spellings
from ..web.json import InJSON
from .assigned import Upload, is_empty_field
from .file import FileReference
from .holders import DetachedHolder, Held, Holder
from .settings import FileSettings
from .stored import FileKey, Known, NewFile

if TYPE_CHECKING:
    from typing_extensions import Self

Reference = TypeVar("Reference", bound=FileReference)

#: What can be put into a list of references.
Given = FileReference | Mapping[str, Any] | str | Upload


class FileReferences(MutableSequence[Reference], Held, InJSON):
    """A list of references to files of a storage, the value of a column with ``multiple=True``. It is false if empty.

    What makes a reference can be put into it: an upload, the name of a file, a document, another reference. An upload
    is stored when the session is flushed; :meth:`save` stores one at once. What is already in the list keeps its
    reference when it moves. A reference of another list or column that is put here is copied, and stays there too. What
    is taken out of the list is read-only, until it is put into a list again. A reference that loses its file, by
    ``delete()`` or ``filename = None``, leaves the list. Iterating is over what the list had when it began.

    The empty field of a form, in which no file was chosen, is left out; if nothing else is assigned, the list stays as
    it is.

    :param reference_class: the class of the references.
    :param settings: the settings of the column.
    :param values: the values.
    :param holder: the place of the list in a row; None for a list without one, which is read-only.
    :raises TypeError: if a value is of another type, or the list is read-only; see also what its methods raise.
    :raises ValueError: if a value has no file.
    """

    _former: Mapping[str, Known] = MappingProxyType({})

    def __init__(
        self,
        reference_class: type[Reference],
        settings: FileSettings,
        values: Iterable[Any] = (),
        holder: Holder | None = None,
    ) -> None:
        self._class = reference_class
        self._settings = settings
        self._holder = holder or DetachedHolder()
        self._items: list[Reference] = []
        self._put(values)

    @classmethod
    def loaded(
        cls, reference_class: type[Reference], settings: FileSettings, value: Any, since: datetime
    ) -> FileReferences[Reference]:
        """Return the list for what a column has.

        :param since: when the row was loaded.
        """
        found = cls(reference_class, settings)
        # a dict is what the column had before it had several
        for one in value if isinstance(value, list) else [value]:
            # other programs may have written an empty one
            if item := reference_class(settings, one, ItemHolder(found)):
                item.since = since
                found._items.append(item)
        return found

    @property
    def settings(self) -> FileSettings:
        """The settings of the column."""
        return self._settings

    @settings.setter
    def settings(self, value: FileSettings) -> None:
        self._settings = value
        for item in self._items:
            item.settings = value

    @property
    def holder(self) -> Holder:
        """The place of the list in its row."""
        return self._holder

    @holder.setter
    def holder(self, value: Holder) -> None:
        self._holder = value
        for item in self._items:
            item.holder = ItemHolder(self)

    # what is read

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Reference]:
        # a reference that is deleted leaves the list
        return iter(self._items.copy())

    @overload
    def __getitem__(self, index: SupportsIndex) -> Reference: ...

    @overload
    def __getitem__(self, index: slice) -> builtins.list[Reference]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Reference | builtins.list[Reference]:
        return self._items[index]

    def __contains__(self, value: object) -> bool:
        return self.count(value) > 0

    def count(self, value: object) -> int:
        """Return how many references refer to a file: to one of this name, or to that of a reference."""
        return sum(1 for item in self._items if _is_of(item, value))

    def index(self, value: object, start: int = 0, stop: int | None = None) -> int:
        """Return where a reference is, or if it is not in the list, the first to its file or to one of this name.

        :raises ValueError: if there is none.
        """
        places = range(len(self._items))[start:stop]
        for matches in (_is, _is_of):
            for place in places:
                if matches(self._items[place], value):
                    return place
        raise ValueError(f"{value!r} is not in the list")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._items!r}>"

    @property
    def references(self) -> builtins.list[Reference]:
        """The references, in a list of Python."""
        return self._items.copy()

    @property
    def files(self) -> dict[str, Known]:
        """The names of all files of the references, with what is known of their versions."""
        found: dict[str, Known] = {}
        for item in self._items:
            for name, known in item.files.items():
                if name not in found or known.version is not None:
                    found[name] = known
        return found

    @property
    def filenames(self) -> builtins.list[str]:
        """The names of all files of the references."""
        return list(dict.fromkeys(name for item in self._items for name in item.filenames))

    def to_row(self) -> builtins.list[dict[str, Any]] | None:
        """Return what the column stores, or None if it is empty."""
        return [row for item in self._items if (row := item.to_row()) is not None] or None

    def to_json(self) -> builtins.list[dict[str, Any] | None]:
        """Return what JSON has for the list, by :meth:`to_json` of each reference."""
        return [item.to_json() for item in self._items]

    # what is changed

    @overload
    def __setitem__(self, index: SupportsIndex, value: Given) -> None: ...

    @overload
    def __setitem__(self, index: slice, value: Iterable[Given]) -> None: ...

    def __setitem__(self, index: SupportsIndex | slice, value: Any) -> None:
        """Put a value in the place of another, or several in the place of a slice."""
        if not isinstance(index, slice):
            if not is_empty_field(value):
                self._edit(lambda items: items.__setitem__(index, value))
        elif (values := several(value)) is not None:
            self._edit(lambda items: items.__setitem__(index, values))

    def __delitem__(self, index: SupportsIndex | slice) -> None:
        self._edit(lambda items: items.__delitem__(index))

    def insert(self, index: SupportsIndex, value: Given) -> None:
        """Put a value in front of what is at this place."""
        if not is_empty_field(value):
            self._edit(lambda items: items.insert(index, value))

    def append(self, value: Given) -> None:
        """Put a value at the end."""
        if not is_empty_field(value):
            self._edit(lambda items: items.append(value))

    def extend(self, values: Iterable[Given]) -> None:
        """Append several values."""
        if (chosen := several(values)) is not None:
            self._edit(lambda items: items.extend(chosen))

    def __iadd__(self, values: Iterable[Given]) -> Self:
        self.extend(values)
        return self

    # place by place, as the base class does these, the list might be loaded again in between

    def pop(self, index: SupportsIndex = -1) -> Reference:
        """Take a reference out of the list, the last one without an index, and return it."""
        self._holder.before_change(self)
        item = self._items[index]
        del self[index]
        return item

    def remove(self, value: object) -> None:
        """Take a reference out of the list, or the first to its file or to one of this name.

        :raises ValueError: if there is none.
        """
        self._holder.before_change(self)
        del self[self.index(value)]

    def clear(self) -> None:
        """Take all references out of the list."""
        del self[:]

    def reverse(self) -> None:
        """Turn the order around."""
        self._edit(lambda items: items.reverse())

    def save(self, file: Any, filename: str | None = None, **options: Any) -> str:
        """Store an upload at once and append it. If this fails, the list is unchanged and no new file remains.

        :param file: see ``save`` of a reference.
        :param filename: the same.
        :param options: the same.
        :return: the name in the storage.
        :raises FSError: see :meth:`flask_pyfs.Storage.save`.
        """
        item = self._class(self._settings, None, _NewItemHolder(self))
        return item.save(file, filename, **options)

    def store_assigned(self) -> None:
        """Store the uploads that were put into the list, in its order, as :meth:`FileReference.store_assigned` does.

        If one fails, those before it are stored: a rollback of the session deletes them.
        """
        for item in self:
            item.store_assigned()

    def _edit(self, edit: Callable[[builtins.list[Any]], object]) -> None:
        # may load the row again
        self._holder.before_change(self)
        values: list[Any] = list(self._items)
        edit(values)
        self._put(values)

    def _put(self, values: Iterable[Any]) -> None:
        own = {id(item): item for item in self._items}
        items, new, taken = list[Reference](), list[Reference](), list[FileReference]()
        for value in values:
            item = own.pop(id(value), None)
            if item is None:
                if isinstance(value, FileReference):
                    taken.append(value)
                item = self._item(value)
                new.append(item)
            items.append(item)
        self._holder.taken(taken)
        # what is stored for the list may replace what it had
        self._former = {**self._former, **self.files}
        self._set(items)
        self._share(new)

    def _item(self, value: Any) -> Reference:
        # one that was taken out of a list
        is_free = type(value) is self._class and isinstance(value.holder, DetachedHolder)
        if is_free and value and value.settings.fs is self._settings.fs:
            value.settings, value.holder = self._settings, ItemHolder(self)
            return cast("Reference", value)
        if value is None or (isinstance(value, (FileReference, Mapping, str)) and not value):
            raise ValueError(f"cannot put {value!r} into a list of files: it has no file")
        item = self._class(self._settings, value, ItemHolder(self))
        if not item:
            raise ValueError(f"cannot put {value!r} into a list of files: it has no file")
        return item

    def _set(self, items: Sequence[Reference]) -> None:
        before, self._items = self._items, list(items)
        for item in before:
            if isinstance(item.holder, ItemHolder) and item.holder.references is self:
                item.holder = DetachedHolder()
        for item in self._items:
            item.holder = ItemHolder(self)

    def _share(self, newer: Sequence[Reference]) -> None:
        """Let the other references to the files of these know what these know of them."""
        by_name = {name: item for item in newer for name, known in item.files.items() if known.version is not None}
        for item in self._items if by_name else ():
            for name in item.filenames:
                if (other := by_name.get(name, item)) is not item:
                    item.renew(other)

    # what holders and transactions call

    def has(self, reference: FileReference) -> bool:
        return any(item is reference for item in self._items)

    def added(self, reference: Any) -> None:
        """Append a reference that has just stored its file."""
        self._holder.before_change(self)
        self._set([*self._items, reference])

    def changed(self, reference: Any) -> None:
        if reference:
            self._share([reference])
        else:
            self._set([item for item in self._items if item is not reference])

    def known_version(self, name: str) -> str | None:
        known = self.files.get(name) or self._former.get(name)
        return known.version if known is not None else None

    def load(self, loaded: FileReferences[Reference]) -> None:
        """Have what was loaded again. References to the same files stay the same ones."""
        rest, items = list(self._items), list[Reference]()
        for new in loaded:
            same = next((item for item in rest if item.filename == new.filename), None)
            if same is not None:
                rest.remove(same)
                same.restore(new.snapshot())
                same.since = new.since
            items.append(same or new)
        self._set(items)

    def snapshot(self) -> Mapping[str, Any]:
        """Return the references with their states, for :meth:`restore`."""
        return {"items": [(item, item.snapshot(), item.since) for item in self._items]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Have the references of a snapshot again, without notifying the holder; none for an empty mapping."""
        states: Collection[tuple[Reference, Mapping[str, Any], datetime | None]] = state.get("items", ())
        for item, parts, since in states:
            item.restore(parts)
            item.since = since
        self._set([item for item, *_ in states])

    def forget(self, files: Collection[FileKey]) -> None:
        for item in self:
            item.forget(files)
        self._set([item for item in self._items if item])

    def __copy__(self) -> FileReferences[Reference]:
        return type(self)(self._class, self._settings, self)

    def __deepcopy__(self, memo: dict[int, Any]) -> FileReferences[Reference]:
        return self.__copy__()

    def __getstate__(self) -> dict[str, Any]:
        return {"reference_class": self._class, "items": self._items}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self._class, self._items = state["reference_class"], state["items"]
        self._settings = self._class._settings_class(None)
        self.holder = DetachedHolder()


class ItemHolder(Holder):
    """Holds a reference of a list."""

    def __init__(self, references: FileReferences[Any]) -> None:
        super().__init__(references.holder.instance)
        self.references = references

    def outermost(self, reference: Held) -> tuple[Held, Holder]:
        return self.references.holder.outermost(self.references)

    def place(self) -> dict[str, Any]:
        return self.references.holder.place()

    def before_change(self, reference: Any) -> None:
        self.references.holder.before_change(self.references)
        if not self.references.has(reference):
            # the row was loaded again, without this file
            DetachedHolder().before_change(reference)

    def stored(self, new: Sequence[NewFile]) -> None:
        self.references.holder.stored(new)

    def own_version(self, name: str) -> str | None:
        return self.references.holder.own_version(name)

    def known_version(self, name: str) -> str | None:
        return self.references.known_version(name)

    def replaced(self, reference: Any, old: Mapping[str, Known], is_deleted: bool) -> bool:
        self.references.changed(reference)
        return self.references.holder.replaced(self.references, old, is_deleted)


class _NewItemHolder(ItemHolder):
    """Holds a reference that is about to store the file with which it comes into the list."""

    def before_change(self, reference: Any) -> None:
        self.references.added(reference)


def several(value: Any) -> list[Any] | None:
    """Return the values that are assigned to a list; None if they are those of a form in which no file was chosen.

    :raises TypeError: if it is one value.
    """
    if value is None:
        return []
    is_one = isinstance(value, (FileReference, Mapping, str, bytes)) or hasattr(value, "read")
    if is_one or not isinstance(value, Iterable):
        raise TypeError(
            f"cannot make a list of files of a value of type {type(value).__name__}: assign a list, such as [upload], "
            "or append it"
        )
    values = list(value)
    chosen = [one for one in values if not is_empty_field(one)]
    return chosen if chosen or not values else None


def _is(item: FileReference, value: object) -> bool:
    return item is value


def _is_of(item: FileReference, value: object) -> bool:
    if item is value:
        return True
    if isinstance(value, FileReference):
        # names of two storages mean two files
        if value.settings.fs is not item.settings.fs:
            return False
        value = value.filename
    return isinstance(value, str) and item.filename is not None and value in spellings(item.filename)
