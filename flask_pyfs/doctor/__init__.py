"""Checks that storages work, and says which setting to change."""

from __future__ import annotations

from .examining import examine
from .findings import Finding

__all__ = ["Finding", "examine"]
