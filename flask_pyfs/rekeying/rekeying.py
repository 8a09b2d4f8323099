"""Encrypts the files of a storage anew that are not kept with its first key."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import NamedTuple

from ..errors import FileNotFound, FSError, PermissionDenied, translated
from ..state import find
from ..storage import Storage
from ..transfer.patience import Patience, Stopped
from ..transfer.report import OnEvent
from ..transfer.selection import Selection
from ..transfer.workers import in_threads, require_jobs
from .origins import Origin
from .places import Looked, Place, places_of
from .report import UNKNOWN, Event, Holding, Report
from .todo import Item, Todo
from .work import Tell, Work, require_unused

__all__ = ["rekey", "windows"]


def windows(storage: Storage) -> list[str]:
    """Return what may go wrong while files are encrypted anew, a sentence for each store that does not decide the
    conditions of writes itself. Four requests to S3, to see whether the server decides them.

    :raises flask_pyfs.errors.ConfigurationError: if the storage has no keys.
    :raises flask_pyfs.errors.FSError: if a store fails.
    """
    found = []
    for place in places_of(storage):
        with translated(storage.name):
            window = place.window()
        if window is not None:
            found.append(f"{place.side}: {window}" if place.side else window)
    return found


def rekey(
    storage: Storage,
    prefix: str = "",
    *,
    dry_run: bool = False,
    jobs: int = 8,
    shard: tuple[int, int] | None = None,
    on_event: OnEvent | None = None,
) -> Report:
    """Encrypt the files of a storage with its first key that are kept with another one, or that are not encrypted. Call
    it again to go on after it was interrupted.

    The files are listed and looked at first: each costs one request, which reads its first 64 KiB. Then each that needs
    it is read and replaced, with its media type and its description. It gets another entity tag and another time, as it
    is another file to the store. What another writer stores or deletes meanwhile stays as that left it; a file that is
    moved at that moment may stay under its old name too. No signals are sent.

    Unfinished uploads are encrypted too, if nothing has been written there for two minutes. Of a storage that moves
    between two stores, both are done, and what they know of each other stays.

    :param prefix: only files whose names begin with it.
    :param dry_run: only look at the files.
    :param jobs: how many files are done at a time.
    :param shard: ``(i, n)`` for the i-th of n parts of the names, counted from 1, for n processes at once.
    :param on_event: is called in this thread for each :class:`Event`.
    :returns: what was done, and how many files each key has now.
    :raises flask_pyfs.errors.ConfigurationError: if the storage has no keys, or the shard is invalid.
    :raises flask_pyfs.errors.FSError: if a listing fails.
    :raises ValueError: if ``jobs`` is less than 1.
    """
    require_jobs(jobs)
    places = places_of(storage)
    origins = _origins(storage, places)
    firsts = frozenset(place.first for place in places)
    report = Report(dry_run=dry_run, keys=dict.fromkeys(origins, 0), firsts=firsts, origins=origins)

    def tell(event: Event) -> None:
        report.add(event)
        if on_event is not None:
            on_event(event)

    patience = Patience()
    run = _Run(storage, places, patience, dry_run)
    with Todo() as todo:

        def listen(told: Event | Item) -> None:
            if isinstance(told, Item):
                todo.add(told)
            else:
                tell(told)

        with closing(run.listed(prefix, Selection(shard=shard))) as names:
            in_threads(names, run.look, jobs, patience, listen)
        for failure in run.unread:
            tell(failure)
        tell(Event("planned", size=todo.bytes, files=todo.files))
        in_threads(todo, run.encrypt, jobs, patience, tell)
    return report


def _origins(storage: Storage, places: Sequence[Place]) -> dict[Holding, Origin]:
    found: dict[Holding, Origin] = {}
    for place in places:
        for holding, origin in place.holdings(find(storage)):
            # of a key that is there twice, the first one counts
            found.setdefault(holding, origin)
    return found


class _Name(NamedTuple):
    place: int
    path: str


class _Run:
    """What the threads do."""

    def __init__(self, storage: Storage, places: Sequence[Place], patience: Patience, dry_run: bool) -> None:
        self.unread: list[Event] = []
        self._patience = patience
        self._storage = storage
        self._places = places
        self._dry_run = dry_run

    def listed(self, prefix: str, selection: Selection) -> Generator[_Name, None, None]:
        for number, place in enumerate(self._places):
            with translated(self._storage.name):
                for path in place.paths(prefix, self._unread):
                    if selection.has(path):
                        yield _Name(number, path)

    def _unread(self, directory: str, error: Exception) -> None:
        if not isinstance(error, FSError):
            message = f"the directory {directory!r} cannot be read, so its files are not known: {error}"
            cause, error = error, PermissionDenied(message, path=directory, storage=self._storage.name)
            error.__cause__ = cause
        self.unread.append(Event("failed", directory, error=error))

    # First: what is to be done

    def look(self, name: _Name, tell: Tell) -> None:
        place = self._places[name.place]
        holding = Holding(place.side, UNKNOWN)

        def look() -> Looked:
            with translated(self._storage.name, name.path):
                return place.look(name.path)

        try:
            looked = self._patience.persist(look)
            holding = looked.holding
            if holding != place.first and not self._dry_run:
                require_unused(name.path, looked, self._storage.name)
        except Stopped:
            # nobody listens
            pass
        except FileNotFound:
            tell(Event("gone", name.path))
        except MemoryError:
            raise
        except Exception as error:
            tell(Event("failed", name.path, error=error, holding=holding))
        else:
            facts = looked.facts
            if holding == place.first:
                tell(Event("same", name.path, facts.size, holding=holding))
            else:
                tell(Item(name.place, name.path, facts.size, facts.version, holding.key))

    # Then: doing it

    def encrypt(self, item: Item, tell: Tell) -> None:
        place = self._places[item.place]
        before = Holding(place.side, item.key)
        if self._dry_run:
            tell(Event("replaced", item.path, item.size, holding=before))
            return
        work = Work(place, item, self._storage.name, self._patience, tell)
        try:
            tell(self._patience.persist(work.run))
        except Stopped:
            pass
        except FileNotFound:
            tell(Event("gone", item.path, work.told))
        except MemoryError:
            raise
        except Exception as error:
            tell(Event("failed", item.path, work.told, error=error, holding=work.holding))
