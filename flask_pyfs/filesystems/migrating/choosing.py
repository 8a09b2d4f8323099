"""Chooses how a store keeps the entries of a migration."""

from __future__ import annotations

from functools import partial

from ...errors import StoreMisconfigured
from ..below import BelowFS
from ..generic import GenericStore
from ..local.filesystem import LocalFS
from ..memory import MemoryFS
from ..store import StoreFS
from .beside import BesideTarget
from .journal import Journal
from .noted import NotedTarget
from .shelf import DirectoryShelf, MemoryShelf
from .target import Target

__all__ = ["target_of"]


def target_of(store: StoreFS, journal: Journal | None = None) -> Target:
    """Return the entries of a store that is the target of a migration. No request.

    :param journal: its journal, which tells what was left by another migration.
    :raises flask_pyfs.errors.StoreMisconfigured: if the store can only be the source of one: it neither keeps notes
        with its files, nor can processes lock its names.
    """
    journal = Journal(store) if journal is None else journal
    if store.keeps_notes:
        return NotedTarget(store, journal)
    # names and versions are never encrypted, and what is kept of them beside the files is not either
    beside = store.bare
    whole, directory = (beside.whole, beside.directory) if isinstance(beside, BelowFS) else (beside, "")
    if isinstance(whole, LocalFS):
        return BesideTarget(store, DirectoryShelf(beside, partial(_directory, whole, directory)), journal)
    if isinstance(whole, GenericStore) and isinstance(whole.standard, MemoryFS):
        return BesideTarget(store, MemoryShelf(beside, whole.exclusive), journal)
    raise StoreMisconfigured(
        f"{store} cannot be the target of a migration, because it cannot keep what was deleted meanwhile: "
        "set TARGET to a backend that can (local, s3, gridfs, swift, memory), and use this one as SOURCE"
    )


def _directory(whole: LocalFS, directory: str) -> str:
    # a link to the root may lead elsewhere by now
    root = whole.getsyspath("/")
    return f"{root}/{directory}" if directory else root
