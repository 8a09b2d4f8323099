"""Backends: a name and its settings become a filesystem."""

from .base import DEFAULT_BACKEND, BaseBackend, Config, Option

__all__ = ["DEFAULT_BACKEND", "BaseBackend", "Config", "Option"]
