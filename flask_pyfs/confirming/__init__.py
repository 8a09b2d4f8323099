"""Files that clients have sent straight to a store: they are nobody's until they are confirmed."""

from __future__ import annotations

from .permits import begin
from .taking import confirm

__all__ = ["begin", "confirm"]
