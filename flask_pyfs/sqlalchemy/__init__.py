"""Column types for SQLAlchemy 2 (the extra ``sqlalchemy``)."""

from ..fields.file import FileReference
from ..fields.image import ImageReference
from .types import FileType, ImageType

__all__ = ["FileReference", "FileType", "ImageReference", "ImageType"]
