"""A filesystem over a directory of the operating system."""

from .filesystem import LocalFS

__all__ = ["LocalFS"]
