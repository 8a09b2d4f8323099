"""MigratingFS: two stores as one, while their files move from one to the other."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

from fs import errors

from ...names import has_reserved
from ..base import Readable
from ..elsewhere import Elsewhere
from ..parts import InParts
from ..store import DAY, MIGRATING, UPLOADS, Description, Facts, OtherVersion, StoreFS
from ..streams import spooled
from .back import Back
from .both import Both
from .choosing import target_of
from .content import CannotCopy, Content, CopyOf, Stream, listed, remove, side_by_side
from .directories import TwoTrees
from .forward import Forward
from .journal import Direction, Journal
from .origin import Origin
from .reading import Held, Mode, Side
from .target import Target, Unread

__all__ = ["MigratingFS", "Writes"]

#: Which stores a write reaches.
Writes = Literal["target", "both"]


class MigratingFS(TwoTrees):
    """Two stores as one: what the target has counts, else what the source has.

    A read of a file that the target has is one request there; one that only the source has takes one more. Besides,
    each process asks every few seconds whether the migration is finished.

    Paths are normalised as both stores do it, so that a name is the same on both sides. Reserved names are those of the
    side that is written to, but for unfinished uploads, which go on in both.

    :param source: the store that the files come from.
    :param target: the store that they move to.
    :param direction: ``forward`` to the target, or ``back`` to the source. After an end it is what the journal says.
    :param writes: with ``both``, forward, files are written to the source too, for processes that know it alone.
    :raises flask_pyfs.errors.StoreMisconfigured: if the target can only be the source of a migration.
    """

    def __init__(
        self, source: StoreFS, target: StoreFS, *, direction: Direction = "forward", writes: Writes = "target"
    ) -> None:
        super().__init__()
        self.source = source
        self.target = target
        self.direction: Direction = direction
        self.writes: Writes = writes
        self.journal: Journal = Journal(target, Origin(source))
        self.entries_of_target: Target = target_of(target, self.journal)
        forward = Both if writes == "both" else Forward
        self._modes: dict[Direction, Mode] = {
            "forward": forward(source, self.entries_of_target, self.journal),
            "back": Back(source, self.entries_of_target, self.journal),
        }

    @property
    def _mode(self) -> Mode:
        return self._modes[self.journal.direction(self.direction)]

    @property
    def _written(self) -> StoreFS:
        return self._mode.written[0]

    if not TYPE_CHECKING:
        # of the stores that writes reach, as far as it is known by now; no request
        checksum_algorithm = property(lambda self: self._last_written[0].checksum_algorithm)
        keeps_checksums = property(lambda self: self.source.keeps_checksums and self.target.keeps_checksums)
        keeps_descriptions = property(lambda self: all(store.keeps_descriptions for store in self._last_written))
        piece_size = property(lambda self: self._last_written[0].piece_size)
        settling = property(lambda self: max(store.settling for store in self._last_written))

    @property
    def _last_written(self) -> tuple[StoreFS, ...]:
        return self._modes[self.journal.last_direction(self.direction)].written

    @property
    def decides_versions(self) -> bool:
        """Whether both stores decide; of some it is known only after they were asked."""
        return self.source.decides_versions and self.target.decides_versions

    def close(self) -> None:
        super().close()
        self.source.close()
        self.target.close()

    def isclosed(self) -> bool:
        return super().isclosed() or self.source.isclosed() or self.target.isclosed()

    def __str__(self) -> str:
        return f"<migrating from {self.source} to {self.target}>"

    __repr__ = __str__

    # where a file is

    def canonical(self, path: str) -> str:
        return self.target.canonical(self.source.canonical(path))

    def holder(self, path: str) -> Side | None:
        """Return the store whose file a read returns, or None if there is no file. One request, or two."""
        if (own := self._own(path)) is not None:
            side: Side = "source" if own is self.source else "target"
            return side if own.has_file(path) else None
        held = self._mode.held(self.canonical(path))
        return None if held is None else held.side

    def location(self, path: str) -> tuple[Hashable, str] | None:
        """Return where new files go, as far as it is known. A file may still be in the other store. No request."""
        return self._last_written[0].location(path)

    def _own(self, path: str) -> StoreFS | None:
        """Return the store of a reserved name, or None for any other name."""
        if not has_reserved(path):
            return None
        if f"{path}/".startswith(f"{MIGRATING}/"):
            raise errors.ResourceNotFound(path)
        for store in self._both() if is_upload(path) else ():
            if store.has_file(path):
                return store
        return self._written

    def in_parts(self, path: str) -> InParts | None:
        # both stores decide whether a name is free
        own = self._own(path)
        return None if own is None else own.in_parts(path)

    @property
    def takes_parts(self) -> bool:  # type: ignore[override]
        # an upload may have begun in either
        return self.source.takes_parts or self.target.takes_parts

    def _both(self) -> tuple[StoreFS, StoreFS]:
        """Return both stores, first the one that is written to. An upload may have begun in the other one."""
        return (self.source, self.target) if self._written is self.source else (self.target, self.source)

    def _held(self, path: str, *, settled: bool = False) -> Held:
        held = self._mode.settled(path) if settled else self._mode.held(path)
        if held is None:
            raise errors.ResourceNotFound(path)
        return held

    # reading

    def has_file(self, path: str) -> bool:
        return self.holder(path) is not None

    def facts(self, path: str, *, checksum: bool = False) -> Facts:
        if (own := self._own(path)) is not None:
            return own.facts(path, checksum=checksum)
        canonical = self.canonical(path)
        while True:
            held = self._held(canonical)
            if not checksum or held.facts.checksum is not None:
                return held.facts
            store = self.source if held.side == "source" else self.target
            try:
                with_checksum = store.facts(canonical, checksum=True)
            except errors.ResourceNotFound:
                # it may have moved to the other store
                continue
            # what is a tombstone by now is another version
            if with_checksum.version == held.facts.version:
                return replace(held.facts, checksum=with_checksum.checksum)

    def fetch(
        self, path: str, start: int = 0, stop: int | None = None, *, unless: str | None = None
    ) -> tuple[Facts, BinaryIO]:
        if (own := self._own(path)) is not None:
            return own.fetch(path, start, stop, unless=unless)
        return self._mode.fetch(self.canonical(path), start, stop, unless=unless)

    def iter_files(self, prefix: str = "") -> Iterator[str]:
        return (path for path, _ in self.iter_facts(prefix))

    def iter_facts(self, prefix: str = "", *, unread: Unread | None = None) -> Iterator[tuple[str, Facts]]:
        if has_reserved(prefix):
            if is_upload(prefix):
                return self._uploads(prefix, unread)
            own = listed(self._written, prefix, unread)
            return ((path, facts) for path, facts in own if not path.startswith(f"{MIGRATING}/"))
        return ((path, facts) for path, facts in self._mode.listed(prefix, unread) if not has_reserved(path))

    def _uploads(self, prefix: str, unread: Unread | None) -> Iterator[tuple[str, Facts]]:
        ones, others = (listed(store, prefix, unread) for store in self._both())
        for path, one, other in side_by_side(ones, others):
            # if both have a file, that of the store counts that is written to
            yield path, cast(Facts, one or other)

    # writing

    def open_write(self, path: str, *, overwrite: bool = True, content_type: str | None = None) -> BinaryIO:
        if (own := self._own(path)) is not None:
            return own.open_write(path, overwrite=overwrite, content_type=content_type)
        canonical = self.canonical(path)
        expected = self._mode.streams(canonical, overwrite=overwrite)
        if expected is not None:
            return self.entries_of_target.open_write(canonical, expected, content_type=content_type)
        return spooled(lambda file: self._mode.write(canonical, Stream(file, content_type), overwrite=overwrite))

    def put(
        self,
        path: str,
        file: Readable,
        *,
        overwrite: bool = True,
        content_type: str | None = None,
        description: Description | None = None,
    ) -> str | None:
        own = self._own(path)
        with closing(Stream(file, content_type, description)) as content:
            if own is not None:
                return content.store(own, path, overwrite=overwrite)
            return self._mode.write(self.canonical(path), content, overwrite=overwrite)

    def replace_version(
        self,
        path: str,
        file: Readable,
        version: str,
        *,
        content_type: str | None = None,
        description: Description | None = None,
    ) -> str | None:
        own = self._own(path)
        with closing(Stream(file, content_type, description)) as content:
            if own is not None:
                return content.store(own, path, version=version)
            if not version:
                # no file has it
                raise OtherVersion(path)
            return self._mode.replace(self.canonical(path), content, version)

    def delete_version(self, path: str, version: str) -> bool:
        if (own := self._own(path)) is not None:
            return own.delete_version(path, version)
        return bool(version) and self._mode.delete_version(self.canonical(path), version)

    def delete_tree(self, path: str) -> None:
        if (own := self._own(path)) is not None:
            if MIGRATING.startswith(f"{path}/"):
                # it has what the migration keeps
                raise errors.ResourceReadOnly(path)
            for store in self._both() if is_upload(path) else (own,):
                store.delete_tree(path)
            return
        canonical = self.canonical(path) if path else ""
        if canonical:
            self._mode.delete(canonical)
        self._delete_below(f"{canonical}/" if canonical else "")

    def copy_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        own, other = self._own(path), self._own(target)
        if own is not None and other is not None:
            own.copy_file(path, target, overwrite=overwrite)
            return
        if own is not None or other is not None:
            self._copy_reserved(path, target, overwrite=overwrite)
            return
        origin, place = self.canonical(path), self.canonical(target)
        held = self._held(origin)
        if origin != place:
            self._copy(origin, held, place, overwrite=overwrite)

    def _copy_reserved(self, path: str, target: str, *, overwrite: bool) -> Facts:
        """Copy a file from or to a reserved name, and return the facts of what was copied."""
        facts, file = self.fetch(path)
        with file:
            self.put(target, file, overwrite=overwrite, content_type=facts.content_type, description=facts.description)
        return facts

    def _copy(self, path: str, held: Held, target: str, *, overwrite: bool) -> Held:
        """Copy a file, and return what was copied."""
        while True:
            try:
                self._mode.write(target, self._content(path, held), overwrite=overwrite)
            except errors.ResourceNotFound:
                # it may have moved to the other store
                before, held = held, self._held(path)
                if held.version == before.version:
                    raise
            else:
                return held

    def _content(self, path: str, held: Held) -> Content:
        return CopyOf(self.source if held.side == "source" else self.entries_of_target, path)

    def copy_from(
        self, store: StoreFS, path: str, target: str, *, overwrite: bool = True, version: str | None = None
    ) -> bool:
        """The target copies what the source has, if one server has both; so it is with both sides of another one."""
        if has_reserved(path) or has_reserved(target):
            return False
        if isinstance(store, MigratingFS):
            held = store._held(store.canonical(path))
            if held.side == "target":
                # it may be a tombstone by the time when a server copies it
                return False
            store = store.source
        content = CopyOf(store, path, streams=False)
        try:
            if version is not None:
                self._mode.replace(self.canonical(target), content, version)
            else:
                self._mode.write(self.canonical(target), content, overwrite=overwrite)
        except CannotCopy:
            return False
        return True

    def move_file(self, path: str, target: str, *, overwrite: bool = True) -> None:
        own, other = self._own(path), self._own(target)
        if own is not None and other is not None:
            own.move_file(path, target, overwrite=overwrite)
            return
        if own is not None or other is not None:
            remove(self, path, self._copy_reserved(path, target, overwrite=overwrite))
            return
        origin, place = self.canonical(path), self.canonical(target)
        if origin == place:
            self._held(origin)
            return
        # a copier that moves it meanwhile would give it another version, so that it stayed
        held = self._held(origin, settled=True)
        if not self._mode.move(origin, held, place, overwrite=overwrite):
            held = self._copy(origin, held, place, overwrite=overwrite)
            self._mode.delete_version(origin, held.version)

    # uploads

    def for_upload(self, directory: str, target: str, length: int | None, **options: Any) -> StoreFS:
        # a copier reads them
        views = [store.for_upload(directory, target, length) for store in (self.source, self.target)]
        places = [view for view in views if view.joins_in_place]
        return Elsewhere(self, places) if places else self

    def iter_elsewhere(self, prefix: str, before: datetime) -> Iterator[tuple[str, StoreFS, datetime]]:
        found: dict[str, list[tuple[StoreFS, datetime]]] = {}
        for store in (self.source, self.target):
            for directory, place, time in store.iter_elsewhere(prefix, before):
                found.setdefault(directory, []).append((place, time))
        for directory, places in found.items():
            yield directory, Elsewhere(self, [place for place, _ in places]), max(time for _, time in places)

    # the migration

    def remove_leftovers(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        """Remove the leftovers of uploads in both stores."""
        stores = (self.source, self.target)
        return sum(store.remove_leftovers(older_than, prefix, dry_run=dry_run) for store in stores)

    def remove_leases(self, older_than: float = DAY, prefix: str = "", *, dry_run: bool = False) -> int:
        stores = (self.source, self.target)
        return sum(store.remove_leases(older_than, prefix, dry_run=dry_run) for store in stores)


def is_upload(path: str) -> bool:
    """Return whether a path is below the directory of unfinished uploads, or that directory."""
    return f"{path}/".startswith(f"{UPLOADS}/")
