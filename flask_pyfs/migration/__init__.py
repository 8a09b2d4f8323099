"""Moves the files of a storage to another store while apps use it."""

from __future__ import annotations

from ..transfer import Event
from .comparing import verify
from .copying import migrate
from .finishing import finish
from .migrating import windows
from .progress import Status, status
from .report import Report

__all__ = ["Event", "Report", "Status", "finish", "migrate", "status", "verify", "windows"]
