"""A GridFS bucket as a filesystem."""

from .filesystem import GridFS

__all__ = ["GridFS"]
