"""An S3 bucket as a filesystem."""

from .filesystem import S3FS

__all__ = ["S3FS"]
