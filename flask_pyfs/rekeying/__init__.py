"""Encrypts the files of a storage anew, with its first key."""

from __future__ import annotations

from .origins import Origin
from .rekeying import rekey, windows
from .report import Event, Holding, Report

__all__ = ["Event", "Holding", "Origin", "Report", "rekey", "windows"]
