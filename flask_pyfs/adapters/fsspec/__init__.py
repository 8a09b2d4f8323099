"""A storage as a filesystem of fsspec."""

from .filesystem import StorageFileSystem

__all__ = ["StorageFileSystem"]
