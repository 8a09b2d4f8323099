"""Column types for SQLAlchemy 2 (the extra ``sqlalchemy``)."""

from ..extras import required_by
from ..fields.file import FileReference
from ..fields.image import ImageReference
from ..fields.many import FileReferences
from ..fields.rerendering import Rerendered

with required_by("sqlalchemy", "sqlalchemy"):
    from .columns import MappedReference, MappedReferences, file_column
    from .migrations import render_item
    from .rerendering import rerender
    from .types import FileType, ImageType

__all__ = [
    "FileReference",
    "FileReferences",
    "FileType",
    "ImageReference",
    "ImageType",
    "MappedReference",
    "MappedReferences",
    "Rerendered",
    "file_column",
    "render_item",
    "rerender",
]
