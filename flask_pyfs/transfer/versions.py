"""Whether a file still is what was seen of it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ..backends.contract import Operations
from ..errors import DecryptionError, VersionChanged
from ..filesystems.store import Facts, is_as_seen

__all__ = ["changed_at_target", "is_as_seen", "known_facts", "seen_facts"]


def known_facts(operations: Operations, name: str) -> Facts:
    """Return the facts of a file, also from a backend that was written for Flask-FS. One request.

    :raises flask_pyfs.errors.FileNotFound: if there is none.
    :raises flask_pyfs.errors.OperationNotSupported: if such a backend does not tell its size.
    """
    facts = operations.facts(name)
    if facts is None:
        known = operations.metadata(name, checksum=False)
        size, modified = known.get("size"), known.get("modified")
        if not isinstance(size, int):
            # says so
            size = operations.size(name)
        facts = Facts(size, _with_zone(modified), marked=False)
    return facts


def seen_facts(operations: Operations, name: str) -> Facts:
    """Do the same for a file that is to be replaced or deleted, also for one that nobody can decrypt: its facts are
    those that a listing tells, with its version.
    """
    try:
        return known_facts(operations, name)
    except DecryptionError as error:
        facts: Facts | None = getattr(error.__cause__, "facts", None)
        if facts is None:
            raise
        return facts


def _with_zone(modified: Any) -> datetime | None:
    # such a backend may tell anything; Flask-FS told the local time
    return modified.astimezone(timezone.utc) if isinstance(modified, datetime) else None


def changed_at_target(name: str, label: str) -> VersionChanged:
    """Return the error for a file that another writer stored, replaced or deleted during the transfer."""
    return VersionChanged(f"{name!r} was changed at the target, {label}, meanwhile: run it again", path=name)
