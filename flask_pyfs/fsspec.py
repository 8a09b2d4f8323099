"""A storage as a filesystem of fsspec (the extra ``fsspec``)."""

from .extras import required_by

with required_by("fsspec", "fsspec"):
    from .adapters.fsspec import StorageFileSystem

__all__ = ["StorageFileSystem"]
