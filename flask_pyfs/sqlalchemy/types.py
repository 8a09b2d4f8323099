"""Column types for SQLAlchemy 2, with or without Flask-SQLAlchemy (the extra ``sqlalchemy``).

.. code-block:: text

   class User(db.Model):
       avatar: Mapped[ImageReference] = mapped_column(ImageType(avatars, thumbnails=[100, 200]), nullable=True)

   user.avatar.save(request.files["avatar"])
   db.session.commit()

Files follow the transaction: a rollback, also to a savepoint, deletes the files that were stored since then. A commit
deletes the files that rows no longer reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, ClassVar, Literal, overload

from sqlalchemy import JSON, Dialect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import operators
from sqlalchemy.types import TypeDecorator, TypeEngine
from typing_extensions import TypeVar

from ..errors import OperationNotSupported
from ..fields.file import FileReference
from ..fields.holders import DetachedHolder, Held
from ..fields.image import ImageReference
from ..fields.many import FileReferences, several
from ..fields.settings import FileSettings, ImageSettings, Namer, Process
from ..names import spellings
from ..storage import Storage
from .events import listen

# what a row has; type checkers take one reference if a type is named without it
Value = TypeVar("Value", bound=Held, default=FileReference)


class _Comparator(TypeDecorator.Comparator[Any], JSON.Comparator[Any]):
    """Compares a column with names of files, or with references, by the names alone."""

    def operate(self, op: Any, *others: Any, **options: Any) -> Any:
        if getattr(self.type, "multiple", False):
            _refuse_comparison(op, others)
            return super().operate(op, *others, **options)
        if op in (operators.eq, operators.ne) and (name := _name_of(others[0])):
            if spellings(name) == (name,):
                return op(self.expr["filename"].as_string(), name)
            op, others = operators.in_op if op is operators.eq else operators.not_in_op, ([name],)
        if op in (operators.in_op, operators.not_in_op) and isinstance(others[0], (list, tuple, set, frozenset)):
            names = [_name_of(other) for other in others[0]]
            found = [spelling for name in names for spelling in (spellings(name) if name else (None,))]
            return op(self.expr["filename"].as_string(), found)
        return super().operate(op, *others, **options)


def _refuse_comparison(op: Any, others: Sequence[Any]) -> None:
    # an operator of a database's own is for the app to know
    is_for_null = op in (operators.is_, operators.is_not) or (op in (operators.eq, operators.ne) and others[0] is None)
    if operators.is_comparison(op) and not isinstance(op, operators.custom_op) and not is_for_null:
        raise OperationNotSupported(
            f"a column of several files cannot be compared by {op.__name__}: databases differ too much in that. Ask "
            "for rows without files by is_(None); to find rows by a file, give each file a row of its own, with a "
            "column of one file"
        )


def _name_of(value: Any) -> str | None:
    if isinstance(value, FileReference):
        return value.filename
    name = value.get("filename") if isinstance(value, Mapping) else value
    return name if isinstance(name, str) and name else None


class FileType(TypeDecorator[Value]):
    """The type of a column that refers to a file of a storage. It is JSON, and JSONB in PostgreSQL.

    The attribute of a row is always a :class:`~flask_pyfs.fields.file.FileReference`. It is false if there is no file;
    the column is NULL then. Assign another reference, the name of a file, or None to it. A query for the column alone
    returns references that cannot be changed.

    >>> import flask_pyfs as fs
    >>> from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
    >>> papers = fs.Storage("papers", fs.DOCUMENTS)
    >>> class Base(DeclarativeBase):
    ...     pass
    >>> class User(Base):
    ...     __tablename__ = "user"
    ...     id: Mapped[int] = mapped_column(primary_key=True)
    ...     cv: Mapped[FileReference] = mapped_column(FileType(papers, upload_to="cv"), nullable=True)
    >>> bool(User().cv)
    False

    :param fs: the storage.
    :param upload_to: the directory that ``save`` puts in front of names: a str, or a callable that takes the row and
        returns one.
    :param basename: the name of uploads, without the extension: a str, or a callable that takes the row and returns
        one.
    :param remove_files: whether the commit deletes the files that rows no longer reference. The default of the column
        is never deleted.
    :param multiple: whether a row has several files. The attribute is a
        :class:`~flask_pyfs.fields.many.FileReferences` then, a list of references.
    """

    impl: TypeEngine[Any] = JSON(none_as_null=True)
    comparator_factory = _Comparator
    cache_ok: bool | None = True
    reference_class: ClassVar[type[FileReference]] = FileReference

    @overload
    def __init__(
        self: FileType[FileReference],
        fs: Storage,
        upload_to: Namer = None,
        basename: Namer = None,
        remove_files: bool = True,
        multiple: Literal[False] = False,
    ) -> None: ...

    @overload
    def __init__(
        self: FileType[FileReferences[FileReference]],
        fs: Storage,
        upload_to: Namer = None,
        basename: Namer = None,
        remove_files: bool = True,
        *,
        multiple: Literal[True],
    ) -> None: ...

    def __init__(
        self,
        fs: Storage,
        upload_to: Namer = None,
        basename: Namer = None,
        remove_files: bool = True,
        multiple: bool = False,
    ) -> None:
        self._set_up(fs, upload_to, basename, remove_files, multiple)

    def _set_up(self, fs: Storage, upload_to: Namer, basename: Namer, remove_files: bool, multiple: bool) -> None:
        super().__init__(none_as_null=True)
        # with the repr, the code that Alembic writes into a migration without render_item: it imports sqlalchemy as sa,
        # and nothing that is in this package
        self.__module__ = "sa"
        # SQLAlchemy builds cache keys from the attributes named like the parameters
        self.fs = fs
        self.upload_to = upload_to
        self.basename = basename
        self.remove_files = remove_files
        self.multiple = multiple

    def __repr__(self) -> str:
        return "JSON().with_variant(sa.dialects.postgresql.JSONB(), 'postgresql')"

    @property
    def settings(self) -> FileSettings:
        """The settings of the references of this type."""
        return FileSettings(self.fs, self.upload_to, self.basename, self.remove_files)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(JSONB(none_as_null=True))
        return super().load_dialect_impl(dialect)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        held = self.value_of(value)
        for reference in held.references:
            if reference.upload is not None:
                raise TypeError(
                    f"cannot write {reference!r}: only a flush of the session stores what is assigned to a row; for a "
                    "statement or a bulk operation, store the upload first and use the name that save() of the storage "
                    "returns"
                )
        return held.to_row()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        now = datetime.now(timezone.utc)
        if self.multiple:
            return FileReferences.loaded(self.reference_class, self.settings, value, now)
        reference = self.reference_class(self.settings, value, DetachedHolder())
        reference.since = now
        return reference

    def value_of(self, value: Any) -> Held:
        """Return what a row would have for a value: a reference, or a list of references."""
        if self.multiple:
            return FileReferences(self.reference_class, self.settings, several(value) or ())
        return self.reference_class(self.settings, value)


class ImageType(FileType[Value]):
    """The type of a column that refers to an image of a storage. It is JSON, and JSONB in PostgreSQL.

    The attribute of a row is always an :class:`~flask_pyfs.fields.image.ImageReference`, which has the image, its
    original and its thumbnails.

    >>> import flask_pyfs as fs
    >>> from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
    >>> avatars = fs.Storage("avatars", fs.IMAGES)
    >>> class Base(DeclarativeBase):
    ...     pass
    >>> class User(Base):
    ...     __tablename__ = "user"
    ...     id: Mapped[int] = mapped_column(primary_key=True)
    ...     avatar: Mapped[ImageReference] = mapped_column(
    ...         ImageType(avatars, max_size=400, thumbnails=[50, 100]), nullable=True
    ...     )
    >>> User().avatar.best_url(100) is None
    True

    :param fs: the storage.
    :param upload_to: see :class:`FileType`.
    :param basename: see :class:`FileType`.
    :param remove_files: see :class:`FileType`.
    :param max_size: the maximum width and height of the displayed image, in pixels. A larger upload is scaled down and
        kept as the original.
    :param thumbnails: the sizes of the thumbnails, in pixels.
    :param optimize: whether the displayed image is optimized; None for the setting IMAGES_OPTIMIZE of the storage.
    :param process: when the displayed image and the thumbnails are made: ``"now"`` by ``save``, or ``"later"`` by a
        worker that calls :func:`render`; or ``"lazy"``, the thumbnails at the first request.
    :param multiple: whether a row has several images; see :class:`FileType`.
    :raises ValueError: if ``process`` is something else.
    """

    cache_ok: bool | None = True
    reference_class: ClassVar[type[ImageReference]] = ImageReference

    @overload
    def __init__(
        self: ImageType[ImageReference],
        fs: Storage,
        upload_to: Namer = None,
        basename: Namer = None,
        remove_files: bool = True,
        max_size: int | None = None,
        thumbnails: Sequence[int] = (),
        optimize: bool | None = None,
        process: Process = "now",
        multiple: Literal[False] = False,
    ) -> None: ...

    @overload
    def __init__(
        self: ImageType[FileReferences[ImageReference]],
        fs: Storage,
        upload_to: Namer = None,
        basename: Namer = None,
        remove_files: bool = True,
        max_size: int | None = None,
        thumbnails: Sequence[int] = (),
        optimize: bool | None = None,
        process: Process = "now",
        *,
        multiple: Literal[True],
    ) -> None: ...

    def __init__(
        self,
        fs: Storage,
        upload_to: Namer = None,
        basename: Namer = None,
        remove_files: bool = True,
        max_size: int | None = None,
        thumbnails: Sequence[int] = (),
        optimize: bool | None = None,
        process: Process = "now",
        multiple: bool = False,
    ) -> None:
        self._set_up(fs, upload_to, basename, remove_files, multiple)
        self.max_size = max_size
        self.thumbnails: tuple[int, ...] = tuple(thumbnails)
        self.optimize = optimize
        self.process = process
        # refuses a wrong value
        _ = self.settings

    @property
    def settings(self) -> ImageSettings:
        """The settings of the references of this type."""
        return ImageSettings(
            self.fs,
            self.upload_to,
            self.basename,
            self.remove_files,
            self.max_size,
            self.thumbnails,
            self.optimize,
            process=self.process,
        )


listen(FileType)
