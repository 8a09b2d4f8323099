"""A directory of the operating system as a filesystem."""

from .filesystem import LocalFS

__all__ = ["LocalFS"]
