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

from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy import JSON, Dialect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

from ..fields.file import FileReference, FileSettings, Loose, Namer
from ..fields.image import ImageReference, ImageSettings
from ..storage import Storage
from .events import listen

__all__ = ["FileReference", "FileType", "ImageReference", "ImageType"]


class FileType(TypeDecorator[FileReference]):
    """The type of a column that names a file of a storage, as JSON (JSONB in PostgreSQL, which can compare it).

    The attribute of a row is always a :class:`~flask_pyfs.fields.file.FileReference`, which is false while there is no
    file; the column is then NULL. It may be set to another one, to the name of a file, or to None. What a query for the
    column alone returns can be read, but not changed.

    :param fs: the storage.
    :param upload_to: the directory that ``save`` puts in front: a text, or a callable that gets the row.
    :param basename: the name that uploads get, without their extension: a text, or a callable that gets the row.
    :param remove_files: delete, after the commit, the files that rows name no more, but not the column's default.
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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.fs!r})"

    @property
    def settings(self) -> FileSettings:
        """What references of this type are made with."""
        return FileSettings(self.fs, self.upload_to, self.basename, self.remove_files)

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(JSONB(none_as_null=True))
        return super().load_dialect_impl(dialect)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return self.reference_class(self.settings, value).to_document()

    def process_result_value(self, value: Any, dialect: Dialect) -> FileReference:
        return self.reference_class(self.settings, value, Loose())


class ImageType(FileType):
    """The type of a column that names an image of a storage, with its original and its thumbnails, as JSON.

    The attribute of a row is always an :class:`~flask_pyfs.fields.image.ImageReference`.

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


listen(FileType)
