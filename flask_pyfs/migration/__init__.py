"""Moves the files of a storage to another store while apps use it."""

from __future__ import annotations

from ..transfer import Event
from .comparing import verify
from .copying import migrate
from .finishing import finish
from .migrating import windows
from .report import Report
from .status import Status, status

__all__ = ["Event", "Report", "Status", "finish", "migrate", "status", "verify", "windows"]
