"""Columns whose attributes type checkers know: what is read is a reference, and more than that can be assigned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from sqlalchemy.orm import Mapped, mapped_column

from ..fields.file import FileReference
from ..fields.many import FileReferences
from ..fields.pending import Upload
from .types import FileType

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

    class MappedReferences(Mapped[FileReferences[Reference]]):
        """The attribute of a column of several files: what is read is a list of references, and any list is assigned."""

        def __set__(
            self,
            instance: Any,
            value: SQLCoreOperations[Any] | Iterable[FileReference | Mapping[str, Any] | str | Upload] | None,
        ) -> None: ...

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
