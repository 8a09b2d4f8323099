"""Finds files that nothing names, and references whose file is gone."""

from __future__ import annotations

from .finding import Finding, find_orphans
from .models import storages_in_use

__all__ = ["Finding", "find_orphans", "storages_in_use"]
