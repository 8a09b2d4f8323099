"""A bucket of S3 as a filesystem."""

from .filesystem import S3FS

__all__ = ["S3FS"]
