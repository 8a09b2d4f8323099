"""Column types for SQLAlchemy 2 (the extra ``sqlalchemy``)."""

from ..fields.file import FileReference
from ..fields.image import ImageReference
from .columns import MappedReference, file_column
from .types import FileType, ImageType

__all__ = ["FileReference", "FileType", "ImageReference", "ImageType", "MappedReference", "file_column"]
