"""Lists the files of a storage, by their names or with what the store knows of them."""

from __future__ import annotations

import heapq
import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from operator import itemgetter

from .. import names
from ..errors import FileNotFound, translated
from ..filesystems.store import Facts
from .overrides import is_foreign
from .spellings import NamedFiles

log = logging.getLogger(__name__)

_first = itemgetter(0)


class ListedFiles(NamedFiles):
    """The listings of a storage."""

    #: The storage's name.
    name: str

    def list_files(self, prefix: str | None = None) -> Iterator[str]:
        """Iterate over the names of the files, lazily.

        :param prefix: the start of the names. It stands for each of its spellings: ``/2026`` for ``2026`` too. Files
            with a name that no operation accepts are logged and left out.
        """
        return self._list_files(names.prefixes(prefix))

    def _list_files(self, prefixes: Sequence[str]) -> Iterator[str]:
        with translated(self.name, prefixes[0]):
            for start in self._starts(prefixes):
                for path in self.store.iter_files(start):
                    if (name := self._listed_name(path)) is not None:
                        yield name

    def entries(self, prefix: str | None = None) -> Iterator[tuple[str, Facts]]:
        """Iterate over the names of the files in key order, lazily, each with the facts that the listing tells.

        If a subclass overrides :meth:`list_files`, this sorts the names that it returns and asks for the facts of each.

        :param prefix: as for :meth:`list_files`.
        """
        if is_foreign(self.list_files):
            return by_names(self.list_files(prefix), self.facts)
        return self._entries(names.prefixes(prefix))

    def _entries(self, prefixes: Sequence[str]) -> Iterator[tuple[str, Facts]]:
        with translated(self.name, prefixes[0]):
            # each start is a listing of its own
            last = None
            for path, facts in heapq.merge(*map(self.store.iter_facts, self._starts(prefixes)), key=_first):
                name = self._listed_name(path)
                if name is not None and path != last:
                    yield name, facts
                last = path

    @abstractmethod
    def facts(self, filename: str) -> Facts: ...

    def _listed_name(self, path: str) -> str | None:
        name = path[len(self._above()) :]
        if not names.is_refused(name):
            return name
        log.warning("storage %r: the file %r is left out, because its name is invalid", self.name, name)
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


def by_names(listed: Iterable[str], facts: Callable[[str], Facts]) -> Iterator[tuple[str, Facts]]:
    """Iterate over names in key order, each with its facts. Files that are deleted meanwhile are left out.

    :param listed: the names, in any order.
    :param facts: returns the facts of a file.
    """
    for name in sorted(listed):
        with suppress(FileNotFound):
            yield name, facts(name)
