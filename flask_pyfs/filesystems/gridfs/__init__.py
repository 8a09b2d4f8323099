"""A bucket of GridFS as a filesystem."""

from .filesystem import GridFS, GridFSOpener

__all__ = ["GridFS", "GridFSOpener"]
