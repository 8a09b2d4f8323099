"""Finds the files of a storage that nothing names, and what names files that are gone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from flask import current_app

from ..errors import ConfigurationError, FileNotFound, FSError, OperationNotSupported
from ..fields.naming import Named, Naming
from ..filesystems.store import DAY, is_as_seen
from ..names import Exact
from ..renditions.lazy import is_lazy
from ..state import find, require_registry
from ..storage import Storage
from .ledger import Ledger, Listed
from .models import namings
from .sharing import View, is_on_disk, sharing

# of so many files, it is asked at once whether something names them by now, before they are deleted
_PAGE = 1000


@dataclass(frozen=True)
class Finding:
    """A file that nothing names, or a name whose file is gone.

    :param kind: ``orphan`` for a file that nothing names, and if it was to be deleted ``deleted``, ``kept`` if it was
        replaced, named or deleted in the meantime, or ``failed``; ``missing`` for a file that is gone.
    :param name: the name of the file.
    :param size: bytes, of a file.
    :param modified: the time of the last write, of a file.
    :param model: for ``missing``, the class of the row or document, as ``module:Class``.
    :param key: for ``missing``, its primary key: of a row, a tuple; None for a default.
    :param column: for ``missing``, the attribute, such as ``avatar``, or ``photos[0]`` for one of a list.
    :param part: for ``missing``, ``file``, ``original``, ``thumbnail 100`` or ``default``.
    :param error: for ``failed``, why.
    """

    kind: Literal["orphan", "deleted", "kept", "failed", "missing"]
    name: str
    size: int | None = None
    modified: datetime | None = None
    model: str | None = None
    key: Any = None
    column: str | None = None
    part: str | None = None
    error: FSError | None = None


def find_orphans(
    storage: Storage,
    *,
    columns: Iterable[Any] = (),
    session: Any = None,
    older_than: float = DAY,
    delete: bool = False,
) -> Iterator[Finding]:
    """Find the files of a storage that no row and no document names, and the rows and documents whose file is gone.

    The models are all classes and tables that are imported, of SQLAlchemy and of mongoengine. Only what a database has
    committed counts, so a file that a transaction has just stored is protected by its age. Memory does not grow with
    the number of files and rows: the names are in a temporary file of the system.

    One listing, and one reading of each table and collection that has files of the storage; with ``delete``, one more
    reading for each 1,000 files, and two requests for each file. For each name that is not in the listing, one request,
    and one query if it is gone. Each deleted file sends the signal ``file_deleted``.

    :param storage: the storage, on the current app.
    :param columns: attributes of models whose texts are names of files too, such as ``Post.attachment``.
    :param session: a session, what makes sessions, or an engine, for the tables that Flask-SQLAlchemy does not have.
    :param older_than: the age of an orphan in seconds. Younger files do not count, nor those whose time is unknown.
    :param delete: delete the orphans, each only if it still is as it was listed, and nothing names it by now.
    :raises ConfigurationError: if no model uses the storage, or another storage that has the same files.
    :raises FSError: if a listing, a table or a collection cannot be read to its end. No file is found or deleted then.
    """
    # at once, and not with the first finding
    search = _Search(storage, namings(columns, session), older_than)
    return search.run(delete)


class _Search:
    def __init__(self, storage: Storage, known: Sequence[Naming], older_than: float) -> None:
        if older_than < 0:
            raise ValueError(f"older_than must be a number of seconds, 0 or more, not {older_than!r}")
        self._storage = storage
        self._state = find(storage)
        self._known = known
        self._before = time.time() - older_than
        self._views: Sequence[View] = ()
        self._require_used(storage)

    def run(self, delete: bool) -> Iterator[Finding]:
        with closing(Ledger()) as ledger:
            # the files first: what a row names that was committed meanwhile is found
            for name, facts in self._state.operations.entries():
                ledger.add(name, facts)
            states = require_registry(current_app).states
            self._views = sharing(self._state, states.values(), ledger)
            for view in self._views:
                if not view.is_apart:
                    self._require_used(view.storage)
            self._read(ledger, is_first=True)
            yield from self._missing(ledger)
            yield from self._orphans(ledger, delete)

    def _require_used(self, storage: Any) -> None:
        if any(storage in naming.storages or None in naming.storages for naming in self._known):
            return
        shared = "" if storage is self._storage else f", which has files of {self._storage.name!r} too"
        raise ConfigurationError(
            f"no column and no field uses the storage {storage.name!r}{shared}, so what names its files is not known: "
            "name its class by --model module:Class, or a column of texts by --column module:Class.attribute",
            storage=self._storage.name,
        )

    def _read(self, ledger: Ledger, *, is_first: bool) -> None:
        """Note which files are named now. Whatever fails ends it, before a file is called an orphan."""
        storages = {view.storage for view in self._views}
        for number, naming in enumerate(self._known):
            if storages.isdisjoint(naming.storages) and None not in naming.storages:
                continue
            with closing(naming.read()) as names:
                for named in names:
                    for place, view in enumerate(self._views):
                        if named.storage is None or named.storage is view.storage:
                            self._note(ledger, number, place, named, is_first)
        for place, name in ledger.unknown():
            told = self._views[place].told(name)
            ledger.note_looked_up(place, name, told is not None)
            if told is not None:
                # a disk that ignores case has it under another name, or a link leads to it
                ledger.note_alike(*told)
        if is_on_disk(self._state):
            # elsewhere, two files may have one version by chance
            ledger.note_links()

    def _note(self, ledger: Ledger, number: int, place: int, named: Named, is_first: bool) -> None:
        view = self._views[place]
        if view.is_apart:
            ledger.note_version(view.version(named.name))
            return
        known = view.names(named.name)
        if (known and ledger.note(known)) or (not known and place):
            return
        ledger.note_absent(place, named.name)
        is_own = place == 0 and named.storage is not None
        is_promised = named.part.startswith("thumbnail") and is_lazy(named.name)
        if is_first and is_own and not is_promised:
            ledger.note_mention(number, place, named)

    def _missing(self, ledger: Ledger) -> Iterator[Finding]:
        for number, named in ledger.missing(0, self._storage):
            # the app may have deleted the file with its row, which cannot be looked up in a table without a key
            if named.key in (None, ()) or self._still_names(self._known[number], named):
                yield Finding(
                    "missing",
                    named.name,
                    model=named.model,
                    key=named.key,
                    column=named.column,
                    part=named.part,
                )

    def _still_names(self, naming: Naming, named: Named) -> bool:
        return named.name in [now.name for now in naming.look_up(named.key)]

    def _orphans(self, ledger: Ledger, delete: bool) -> Iterator[Finding]:
        last = None
        while page := ledger.unnamed(self._before, last, _PAGE):
            last = page[-1].name
            old = [listed for listed in page if not self._is_new_here(listed.name)]
            if delete:
                self._read(ledger, is_first=False)
            for listed in old:
                if not delete:
                    yield _found("orphan", listed)
                elif ledger.is_unnamed(listed.name):
                    yield self._deleted(listed)
                else:
                    yield _found("kept", listed)

    def _is_new_here(self, name: str) -> bool:
        """Return whether a file of a disk got its name lately, with the older time of its content."""
        if (place := self._state.place_of(name)) is None:
            return False
        try:
            return os.lstat(place.path).st_ctime >= self._before
        except OSError:
            # the deletion tells more
            return False

    def _deleted(self, listed: Listed) -> Finding:
        try:
            return _found("deleted" if self._delete(listed) else "kept", listed)
        except FSError as error:
            return _found("failed", listed, error)

    def _delete(self, listed: Listed) -> bool:
        name = Exact(listed.name)
        try:
            facts = self._state.operations.facts(name)
        except FileNotFound:
            return False
        if facts is None or facts.version is None:
            raise OperationNotSupported(
                f"{listed.name!r} is not deleted: storage {self._storage.name!r} knows no versions of files, so it may "
                "be another one by then",
                path=listed.name,
                storage=self._storage.name,
            )
        if not is_as_seen(listed.facts, facts):
            return False
        return self._storage.delete_version(name, facts.version)


def _found(
    kind: Literal["orphan", "deleted", "kept", "failed"], listed: Listed, error: FSError | None = None
) -> Finding:
    return Finding(kind, listed.name, listed.facts.size, listed.facts.modified, error=error)
