"""Columns whose attributes type checkers know: what is read is a reference, and more than that can be assigned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from sqlalchemy.orm import Mapped, mapped_column

from ..fields.file import FileReference
from ..fields.many import FileReferences, Given
from .types import FileType

Reference = TypeVar("Reference", bound=FileReference, covariant=True)

if TYPE_CHECKING:
    from sqlalchemy.orm import InstrumentedAttribute
    from sqlalchemy.sql.elements import SQLCoreOperations

    # pyright believes that an attribute has what was assigned, unless exactly one overload of __get__ is for rows

    class MappedReference(Mapped[Reference]):
        """The attribute of a column of files: ``Mapped``, to which whatever makes a reference can be assigned."""

        @overload
        def __get__(self, instance: None, owner: Any) -> InstrumentedAttribute[Reference]: ...

        @overload
        def __get__(self, instance: object, owner: Any) -> Reference: ...

        def __get__(self, instance: object, owner: Any) -> Any: ...

        def __set__(self, instance: Any, value: SQLCoreOperations[Any] | Given | None) -> None: ...

    class MappedReferences(Mapped[FileReferences[Reference]]):
        """The attribute of a column of several files: what is read is a list of references, any list is assigned."""

        @overload
        def __get__(self, instance: None, owner: Any) -> InstrumentedAttribute[FileReferences[Reference]]: ...

        @overload
        def __get__(self, instance: object, owner: Any) -> FileReferences[Reference]: ...

        def __get__(self, instance: object, owner: Any) -> Any: ...

        def __set__(self, instance: Any, value: SQLCoreOperations[Any] | Iterable[Given] | None) -> None: ...

else:
    # what the declarations of SQLAlchemy look for
    MappedReference = MappedReferences = Mapped


@overload
def file_column(file_type: FileType[FileReferences[Reference]], /, **options: Any) -> MappedReferences[Reference]: ...


@overload
def file_column(file_type: FileType[Reference], /, **options: Any) -> MappedReference[Reference]: ...


def file_column(file_type: FileType[Any], /, **options: Any) -> Any:
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
    return mapped_column(file_type, **{"nullable": True, **options})
