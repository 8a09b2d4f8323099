"""A directory of the operating system as a filesystem."""

from .filesystem import LocalFS, LocalOpener

__all__ = ["LocalFS", "LocalOpener"]
