"""Column types for SQLAlchemy 2 (the extra ``sqlalchemy``)."""

from ..extras import required_by
from ..fields.file import FileReference
from ..fields.image import ImageReference

with required_by("sqlalchemy", "sqlalchemy"):
    from .columns import MappedReference, file_column
    from .rendering import render
    from .types import FileType, ImageType

__all__ = ["FileReference", "FileType", "ImageReference", "ImageType", "MappedReference", "file_column", "render"]
