"""A bucket of GridFS as a filesystem."""

from .filesystem import GridFS

__all__ = ["GridFS"]
