"""Backends: each opens a filesystem for the settings of a storage."""

from ..common import DEFAULT_BACKEND
from ..config import Config
from ..options import Option
from .base import BaseBackend

__all__ = ["DEFAULT_BACKEND", "BaseBackend", "Config", "Option"]
