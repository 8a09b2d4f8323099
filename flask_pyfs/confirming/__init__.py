"""Files that clients have sent straight to a store: they are nobody's until they are confirmed."""

from __future__ import annotations

from typing import Any

__all__ = ["confirm"]


def confirm(storage: Any, token: str) -> str:
    """Check a file and move it to its name; see :meth:`flask_pyfs.Storage.confirm`."""
    raise NotImplementedError
