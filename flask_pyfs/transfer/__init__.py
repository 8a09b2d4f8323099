"""Copies and compares the files of storages and directories."""

from __future__ import annotations

from .checking import check
from .report import Event, Report
from .sides import Side
from .syncing import sync

__all__ = ["Event", "Report", "Side", "check", "sync"]
