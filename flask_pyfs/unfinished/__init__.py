"""What a store keeps of an upload that is not finished, and how it becomes a file."""

from __future__ import annotations

from ..leases.shared import Busy
from .directory import INCOMING, REFUSALS, Ended, Found, new_identifier
from .upload import Unfinished

__all__ = ["INCOMING", "REFUSALS", "Busy", "Ended", "Found", "Unfinished", "new_identifier"]
