"""Columns whose attributes type checkers know: what is read is a reference, and more than that can be assigned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from sqlalchemy.orm import Mapped, mapped_column

from ..fields.file import FileReference
from ..fields.image import ImageReference
from ..fields.pending import Upload
from .types import FileType, ImageType

Reference = TypeVar("Reference", bound=FileReference, covariant=True)

if TYPE_CHECKING:
    from sqlalchemy.sql.elements import SQLCoreOperations

    class MappedReference(Mapped[Reference]):
        """The attribute of a column of files: ``Mapped``, to which whatever makes a reference can be assigned."""

        def __set__(
            self,
            instance: Any,
            value: SQLCoreOperations[Any] | FileReference | Mapping[str, Any] | str | Upload | None,
        ) -> None: ...

else:
    # what the declarations of SQLAlchemy look for
    MappedReference = Mapped


@overload
def file_column(file_type: ImageType, /, **options: Any) -> MappedReference[ImageReference]: ...


@overload
def file_column(file_type: FileType, /, **options: Any) -> MappedReference[FileReference]: ...


def file_column(file_type: FileType, /, **options: Any) -> MappedReference[Any]:
    """Return ``mapped_column(file_type, **options)``, for a class of rows that type checkers look at.

    The attribute of a row is a reference, and accepts another reference, the name of a file, a document, an upload or
    None. So says the type that this function has; the one of ``mapped_column`` takes only what is read. The column may
    be NULL unless ``nullable=False`` is given.

    >>> import flask_pyfs as fs
    >>> from sqlalchemy.orm import DeclarativeBase, Mapped
    >>> papers = fs.Storage("papers", fs.DOCUMENTS)
    >>> class Base(DeclarativeBase):
    ...     pass
    >>> class Author(Base):
    ...     __tablename__ = "author"
    ...     id: Mapped[int] = mapped_column(primary_key=True)
    ...     cv = file_column(FileType(papers, upload_to="cv"))
    >>> author = Author(cv="cv/ann.pdf")
    >>> author.cv.filename
    'cv/ann.pdf'

    A class that is a dataclass too names the type: ``cv: MappedReference[FileReference] = file_column(…)``.

    :param file_type: a :class:`FileType` or an :class:`ImageType`.
    :param options: the options of ``mapped_column``.
    """
    return cast("MappedReference[Any]", mapped_column(file_type, **{"nullable": True, **options}))
