"""Backends: a name and its settings become a filesystem."""

from ..config import DEFAULT_BACKEND, Config
from ..options import Option
from .base import BaseBackend

__all__ = ["DEFAULT_BACKEND", "BaseBackend", "Config", "Option"]
