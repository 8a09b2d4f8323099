"""Column types for SQLAlchemy 2, with or without Flask-SQLAlchemy (the extra ``sqlalchemy``).

.. code-block:: text

   class User(db.Model):
       avatar: Mapped[ImageReference] = mapped_column(ImageType(avatars, thumbnails=[100, 200]), nullable=True)

   user.avatar.save(request.files["avatar"])
   db.session.commit()

Files follow the transaction: what was stored for one that is rolled back, or to a savepoint, is deleted, and so is,
after the commit, what no row names any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sqlalchemy import JSON, Dialect, event
from sqlalchemy.orm import InstanceState, Mapper, Session, SessionTransaction, object_session
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.types import TypeDecorator

from .imagereferences import ImageReference, ImageSettings
from .references import FileReference, FileSettings, Holder, Namer, NewFile, remove
from .storage import Storage

__all__ = ["FileReference", "FileType", "ImageReference", "ImageType"]

_CHANGES = "flask_pyfs.changes"
_PICKLED = "flask_pyfs.references"

State = InstanceState[Any]


class FileType(TypeDecorator[FileReference]):
    """The type of a column that names a file of a storage, as JSON.

    The attribute of a row is always a :class:`~flask_pyfs.references.FileReference`, which is false while there is no
    file; the column is then NULL. It may be set to another one, to the name of a file, or to None.

    :param fs: the storage.
    :param upload_to: the directory that ``save`` puts in front: a text, or a callable that gets the row.
    :param basename: the name that uploads get, without their extension: a text, or a callable that gets the row.
    :param remove_files: delete, after the commit, the files that rows name no more.
    """

    impl = JSON(none_as_null=True)
    cache_ok = True
    reference_class: ClassVar[type[FileReference]] = FileReference

    def __init__(self, fs: Storage, upload_to: Namer = None, basename: Namer = None, remove_files: bool = True) -> None:
        super().__init__(none_as_null=True)
        # SQLAlchemy tells types apart by the attributes that are named as the parameters
        self.fs = fs
        self.upload_to = upload_to
        self.basename = basename
        self.remove_files = remove_files

    @property
    def settings(self) -> FileSettings:
        """What references of this type are made with."""
        return FileSettings(self.fs, self.upload_to, self.basename, self.remove_files)

    def reference(self, value: Any, holder: Holder | None = None) -> FileReference:
        """Return a reference of this type."""
        return self.reference_class(self.settings, value, holder)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return self.reference(value).to_document()

    def process_result_value(self, value: Any, dialect: Dialect) -> FileReference:
        return self.reference(value)


class ImageType(FileType):
    """The type of a column that names an image of a storage, with its original and its thumbnails, as JSON.

    The attribute of a row is always an :class:`~flask_pyfs.imagereferences.ImageReference`.

    :param fs: the storage.
    :param upload_to: see :class:`FileType`.
    :param basename: see :class:`FileType`.
    :param remove_files: see :class:`FileType`.
    :param max_size: the longer side of the image that is shown, in pixels; what is larger is kept as the original.
    :param thumbnails: the sizes of the thumbnails, in pixels.
    :param optimize: whether the image that is shown has as few bytes as possible; None for what
        IMAGES_OPTIMIZE says of the storage.
    """

    cache_ok = True
    reference_class = ImageReference

    def __init__(
        self,
        fs: Storage,
        upload_to: Namer = None,
        basename: Namer = None,
        remove_files: bool = True,
        max_size: int | None = None,
        thumbnails: Sequence[int] = (),
        optimize: bool | None = None,
    ) -> None:
        super().__init__(fs, upload_to, basename, remove_files)
        self.max_size = max_size
        self.thumbnails = tuple(thumbnails)
        self.optimize = optimize

    @property
    def settings(self) -> ImageSettings:
        """What references of this type are made with."""
        return ImageSettings(
            self.fs,
            self.upload_to,
            self.basename,
            self.remove_files,
            self.max_size,
            self.thumbnails,
            self.optimize,
        )


@dataclass
class _Changes:
    """What a transaction, or what came before the first, did with files.

    :ivar new: the files that were stored.
    :ivar old: the files that a row names no more.
    :ivar held: what each row that was changed names now; None for a deleted one.
    :ivar before: what references were before each change.
    """

    new: list[NewFile] = field(default_factory=list)
    old: set[tuple[Storage, str]] = field(default_factory=set)
    held: dict[tuple[State, str], FileReference | None] = field(default_factory=dict)
    before: list[tuple[FileReference, Mapping[str, Any]]] = field(default_factory=list)
    is_committed: bool = False

    def add(self, later: _Changes) -> None:
        self.new += later.new
        self.old |= later.old
        self.held.update(later.held)
        self.before += later.before

    def finish(self) -> None:
        named = {(reference.fs, name) for reference in self.held.values() if reference for name in reference.filenames}
        for storage, name in self.old - named:
            remove(storage, name)

    def undo(self) -> None:
        for reference, document in reversed(self.before):
            reference._load(document)
        for file in reversed(self.new):
            file.undo()


class _Row(Holder):
    """A row that has a reference.

    :ivar early: what was changed before the row belonged to a session.
    """

    def __init__(self, state: State, key: str) -> None:
        # keeps the row while an app has nothing but its reference; the state and the session would not
        super().__init__(state.obj())
        self.state = state
        self.key = key
        self.reference: FileReference
        self.early = _Changes()

    @property
    def _changes(self) -> _Changes:
        session = object_session(self.instance)
        return self.early if session is None else _changes_of(session)

    def changed(self) -> None:
        if self.state.dict.get(self.key) is not self.reference:
            # the row was expired since it gave the reference
            setattr(self.instance, self.key, self.reference)
        flag_modified(self.instance, self.key)
        changes = self._changes
        changes.held[self.state, self.key] = self.reference
        changes.before.append((self.reference, self.reference._parts()))

    def stored(self, new: Sequence[NewFile], kept: Sequence[str]) -> None:
        self._changes.new.extend(new)

    def replaced(self, old: Sequence[str]) -> bool:
        removes = self.reference.settings.remove_files
        if removes:
            self._changes.old.update((self.reference.fs, name) for name in old)
        return removes

    def attached(self, session: Session) -> None:
        if self.early.held:
            _changes_of(session).add(self.early)
            self.early = _Changes()


def _changes_of(session: Session) -> _Changes:
    # a row that is about to be changed would begin one in a moment
    transaction = session.get_nested_transaction() or session.get_transaction() or session.begin()
    changes: dict[SessionTransaction, _Changes] = session.info.setdefault(_CHANGES, {})
    return changes.setdefault(transaction, _Changes())


def _bound(file_type: FileType, value: Any, state: State, key: str) -> FileReference:
    """Return the reference that a row has for a value."""
    held = value.holder if isinstance(value, FileReference) else None
    if isinstance(held, _Row) and held.state is state and held.key == key:
        return held.reference
    holder = _Row(state, key)
    holder.reference = file_type.reference(value, holder)
    return holder.reference


def _listen(attribute: Any, file_type: FileType) -> None:
    key: str = attribute.key
    row_class = attribute.class_

    def created(state: State, value: Any, values: dict[str, Any]) -> FileReference:
        reference = values[key] = _bound(file_type, None, state, key)
        return reference

    def replaced(state: State, value: Any, before: Any, initiator: Any) -> FileReference:
        reference = _bound(file_type, value, state, key)
        holder = reference.holder
        assert isinstance(holder, _Row)
        holder._changes.held[state, key] = reference
        if isinstance(before, FileReference):
            if isinstance(before.holder, _Row) and before is not reference:
                holder.early.add(before.holder.early)
            named = reference.filenames
            holder.replaced([name for name in before.filenames if name not in named])
        return reference

    def loaded(state: State, *more: Any) -> None:
        if key in state.dict:
            state.dict[key] = _bound(file_type, state.dict[key], state, key)

    def pickled(state: State, values: dict[str, Any]) -> None:
        values.setdefault(_PICKLED, {})[key] = state.dict.get(key)

    def unpickled(state: State, values: dict[str, Any]) -> None:
        # the row has no attributes yet, but this is the very reference that it will have
        reference = values[_PICKLED][key]
        if reference is not None:
            reference.settings = file_type.settings
            reference.holder = holder = _Row(state, key)
            holder.reference = reference

    def deleted(mapper: Any, connection: Any, state: State) -> None:
        reference = getattr(state.obj(), key)
        reference.holder._changes.held[state, key] = None
        reference.holder.replaced(reference.filenames)

    event.listen(attribute, "init_scalar", created, raw=True, retval=True, propagate=True)
    event.listen(attribute, "set", replaced, raw=True, retval=True, propagate=True, active_history=True)
    for name in ("load", "refresh", "refresh_flush"):
        event.listen(row_class, name, loaded, raw=True, propagate=True)
    event.listen(row_class, "pickle", pickled, raw=True, propagate=True)
    event.listen(row_class, "unpickle", unpickled, raw=True, propagate=True)
    event.listen(row_class, "before_delete", deleted, raw=True, propagate=True)


@event.listens_for(Mapper, "mapper_configured")
def _mapper_configured(mapper: Mapper[Any], row_class: type) -> None:
    for column_property in mapper.column_attrs:
        file_type = column_property.columns[0].type
        attribute = getattr(row_class, column_property.key)
        # what is inherited is listened to already
        if isinstance(file_type, FileType) and attribute.class_ is row_class:
            _listen(attribute, file_type)


@event.listens_for(Session, "after_attach")
def _attached(session: Session, row: Any) -> None:
    for value in list(vars(row).values()):
        if isinstance(value, FileReference) and isinstance(value.holder, _Row):
            value.holder.attached(session)


@event.listens_for(Session, "after_commit")
def _committed(session: Session) -> None:
    transaction = session.get_nested_transaction() or session.get_transaction()
    changes = session.info.get(_CHANGES, {}).get(transaction)
    if changes is not None:
        changes.is_committed = True


@event.listens_for(Session, "after_transaction_end")
def _ended(session: Session, transaction: SessionTransaction) -> None:
    # a session that is closed rolls back without any other event
    changes: _Changes | None = session.info.get(_CHANGES, {}).pop(transaction, None)
    if changes is None:
        return
    if not changes.is_committed:
        changes.undo()
    elif transaction.nested:
        _changes_of(session).add(changes)
    else:
        changes.finish()
