"""The base classes and helpers for filesystems over object stores."""

from ..store import Facts, RangeNotSatisfiable, Unchanged
from .clients import PerProcess
from .errors import StoreErrors, literal
from .filesystem import ObjectFS
from .reader import Body
from .store import Content, ObjectStore
from .writer import Upload

__all__ = [
    "Body",
    "Content",
    "Facts",
    "ObjectFS",
    "ObjectStore",
    "PerProcess",
    "RangeNotSatisfiable",
    "StoreErrors",
    "Unchanged",
    "Upload",
    "literal",
]
