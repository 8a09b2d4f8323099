"""Lists the files of a storage, by their names or with what the store knows of them."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from operator import itemgetter

from .. import names
from ..errors import FileNotFound, InvalidPath, PermissionDenied, translated
from ..filesystems.store import Facts
from .overrides import call
from .spellings import NamedFiles

_log = logging.getLogger(__name__)

#: Is called with what a listing leaves out, and why: directories with a slash at their end, and files.
Unread = Callable[[str, Exception], object]

_first = itemgetter(0)


class ListedFiles(NamedFiles):
    """The listings of a storage."""

    #: The storage's name.
    name: str

    def _list_files(self, prefixes: Sequence[str]) -> Iterator[str]:
        with translated(self.name, prefixes[0]):
            for start in self._starts(prefixes):
                for path in self.store.iter_files(start):
                    if (name := self._listed_name(path)) is not None:
                        yield name

    def _entries(self, prefixes: Sequence[str], unread: Unread | None = None) -> Iterator[tuple[str, Facts]]:
        def tell(above: str, error: Exception) -> None:
            name = above[len(self._above()) :]
            message = (
                f"storage {self.name!r}: the directory {name!r} cannot be read, so its files are not known: {error}"
            )
            told = PermissionDenied(message, path=name, storage=self.name)
            told.__cause__ = error
            if unread is not None:
                unread(name, told)

        with translated(self.name, prefixes[0]):
            # without it, the store logs them
            options = {} if unread is None else {"unread": tell}
            # each start is a listing of its own
            listings = [call(self.store.iter_facts, start, **options) for start in self._starts(prefixes)]
            last = None
            for path, facts in heapq.merge(*listings, key=_first):
                name = self._listed_name(path, unread)
                if name is not None and path != last:
                    yield name, facts
                last = path

    def _level(self, directory: str) -> Iterator[tuple[str, Facts | None]]:
        with translated(self.name, directory):
            for path, facts in self.store.iter_level((self._above() + directory).rstrip("/")):
                # that of a directory ends with a slash
                if (name := self._listed_name(path)) is not None:
                    yield name, facts

    def _listed_name(self, path: str, unread: Unread | None = None) -> str | None:
        name = path[len(self.prefix) + 1 :] if self.prefix else path
        if names.is_plain(name) or not names.is_refused(name):
            return name
        if names.has_reserved(name):
            # a lease, or an unfinished upload
            return None
        message = f"storage {self.name!r}: the file {name!r} is left out, because its name is invalid"
        leave_out(InvalidPath(message, path=name, storage=self.name), unread)
        return None

    def _starts(self, prefixes: Sequence[str]) -> Iterator[str]:
        """Return the starts of the paths to list."""
        return iter(dict.fromkeys(self._above() + self._start(each) for each in prefixes))

    def _start(self, prefix: str) -> str:
        # a path has no slash at its end
        path = prefix.rstrip("/")
        if path and not names.is_plain(path):
            path = self.store.canonical(path)
        return f"{path}/" if prefix.endswith("/") else path


def leave_out(error: InvalidPath, unread: Unread | None) -> None:
    """Tell of a file that a listing leaves out: ``unread``, or else the log."""
    if unread is None:
        _log.warning("%s", error)
    else:
        unread(error.path or "", error)


def by_names(listed: Iterable[str], facts: Callable[[str], Facts]) -> Iterator[tuple[str, Facts]]:
    """Iterate over names in key order, each with its facts. Files that are deleted meanwhile are left out.

    :param listed: the names, in any order.
    :param facts: returns the facts of a file.
    """
    # other code may list a name twice
    for name in sorted(set(listed)):
        with suppress(FileNotFound):
            yield name, facts(name)
