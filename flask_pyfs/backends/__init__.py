"""Backends: each opens a filesystem for the settings of a storage."""

from ..config import DEFAULT_BACKEND, Config
from ..options import Option
from .base import BaseBackend

__all__ = ["DEFAULT_BACKEND", "BaseBackend", "Config", "Option"]
