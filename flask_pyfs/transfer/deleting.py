"""Deletes a file that is as it was listed."""

from __future__ import annotations

from contextlib import suppress

from ..errors import FileNotFound
from ..filesystems.store import Facts
from .copying import address
from .patience import Patience
from .sides import Side
from .versions import changed_at_target, is_as_seen, seen_facts

__all__ = ["delete_file"]


def delete_file(side: Side, name: str, listed: Facts, patience: Patience) -> None:
    """Delete a file if it still is what was listed. If it is gone, this does nothing.

    Three requests at most: one for its facts if the listing told no version, and two that the store needs to delete a
    version.

    :raises flask_pyfs.errors.VersionChanged: if it was replaced.
    """
    operations, path = side.operations, address(side, name)

    def delete() -> None:
        version = listed.version
        if version is None:
            facts = seen_facts(operations, path)
            if not is_as_seen(listed, facts):
                raise changed_at_target(name, side.label)
            version = facts.version
        if version is None:
            operations.delete(path)
        elif not operations.delete_version(path, version):
            seen_facts(operations, path)
            raise changed_at_target(name, side.label)

    def delete_if_there() -> None:
        with suppress(FileNotFound):
            delete()

    patience.persist(delete_if_there)
