"""Filesystems over flat stores of objects."""

from .filesystem import ObjectFS

__all__ = ["ObjectFS"]
