"""Column types for SQLAlchemy 2 (the extra ``sqlalchemy``)."""

from .types import FileReference, FileType, ImageReference, ImageType

__all__ = ["FileReference", "FileType", "ImageReference", "ImageType"]
