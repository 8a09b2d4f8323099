"""What a store keeps of an upload that is not finished, and how it becomes a file."""

from __future__ import annotations

from ..leases.shared import Busy
from .directory import INCOMING, Ended, Found, new_identifier
from .upload import Unfinished

__all__ = ["INCOMING", "Busy", "Ended", "Found", "Unfinished", "new_identifier"]
