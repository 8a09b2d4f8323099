"""Files that move from one store to another while the app runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from fs.base import FS

from .. import names
from ..config import wrong_setting
from ..errors import ConfigurationError, StoreMisconfigured, explained
from ..options import Option
from .base import BaseBackend
from .contract import UploadTerms, UploadURL
from .sides import Side

if TYPE_CHECKING:
    from ..filesystems.migrating.filesystem import MigratingFS
    from ..filesystems.migrating.journal import Direction

__all__ = ["MigratingBackend"]


class MigratingBackend(BaseBackend):
    """Keeps the files in two stores, while they move from the one of SOURCE to the one of TARGET, or back.

    A read takes the version of the target, else that of the source. The settings of each side are those of its backend;
    ``{NAME}_FS_SOURCE_{KEY}`` and ``{NAME}_FS_TARGET_{KEY}`` are nearest.

    :raises flask_pyfs.errors.ConfigurationError: if a setting is missing or invalid, or both sides are one place.
    """

    options: ClassVar[Sequence[Option]] = (
        # not at level 3, whose names are too common: an app may have an FS_SOURCE of its own
        Option("SOURCE", "backend", required=True, levels=(1, 2)),
        Option("TARGET", "backend", required=True, levels=(1, 2)),
        Option("DIRECTION", default="forward", levels=(1, 2), choices=("forward", "back")),
        Option("WRITES", default="target", levels=(1, 2), choices=("target", "both")),
    )

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        # not with the module, which every app may import; nor later, when another thread may fork meanwhile
        from ..filesystems.migrating.filesystem import MigratingFS  # noqa: F401

        super().__init__(name, config)
        # each side has one of its own
        self.prefix = ""
        self.source: Side = Side(name, self.config, "SOURCE")
        self.target: Side = Side(name, self.config, "TARGET")

    def check_settings(self) -> None:
        if self.target.is_old or not self.target.backend.may_be_target:
            raise self._wrong("TARGET", self._source_only)
        if self.config["direction"] == "back" and self.config["writes"] == "both":
            raise self._wrong("WRITES", "must be 'target' while DIRECTION is 'back', which writes to the source alone")
        # two of one kind tell their places without a request, and those of others differ
        is_one_kind = self.config["source"] == self.config["target"]
        if (is_one_kind or (self.source.root and self.target.root)) and self._is_one_place():
            raise self._wrong("TARGET", self._one_place)

    def _wrong(self, key: str, rule: str) -> ConfigurationError:
        return wrong_setting(self.name, "migrating", self.config, key, rule)

    @property
    def _source_only(self) -> str:
        return (
            f"must be a backend that keeps what was deleted meanwhile (local, s3, gridfs, swift, memory), and "
            f"{self.config['target']!r} can be a SOURCE only"
        )

    @property
    def _one_place(self) -> str:
        return (
            f"must have another place than {self.source.setting}, not the same or one inside of it: "
            "set what tells them apart with SOURCE_ and TARGET_, such as TARGET_BUCKET or TARGET_ROOT"
        )

    def _is_one_place(self) -> bool:
        mine, other = self.source.place(), self.target.place()
        if mine is None or other is None or mine[0] != other[0]:
            return False
        return mine[1].startswith(other[1]) or other[1].startswith(mine[1])

    def derived_settings(self) -> dict[str, Any]:
        return {
            f"{side.key}_{key}": value
            for side in (self.source, self.target)
            if isinstance(side.backend, BaseBackend)
            for key, value in side.backend.derived_settings().items()
        }

    def doubts(self) -> list[str]:
        """Return whether the target has files before a migration begins. One request, or two."""
        if self.config["direction"] == "back":
            return []
        with self._translated():
            name = self._files.journal.found_before()
        if name is None:
            return []
        return [
            f"target: it has files before the migration begins, such as {name!r}: each counts as written by the app, "
            f"and wins over that of the source. If the app did not write them, set {self.target.setting}_ keys to an "
            "empty place"
        ]

    def open_fs(self) -> FS:
        from ..filesystems.migrating.choosing import target_of
        from ..filesystems.migrating.filesystem import MigratingFS

        if self._is_one_place():
            raise explained(StoreMisconfigured(self.name), f"{self.target.setting} {self._one_place}")
        try:
            target_of(self.target.store)
        except StoreMisconfigured as error:
            raise explained(error, f"{self.target.setting} {self._source_only}") from None
        return MigratingFS(
            self.source.store,
            self.target.store,
            direction=self.config["direction"],
            writes=self.config["writes"],
        )

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both places of the files."""
        return self.source, self.target

    @property
    def _files(self) -> MigratingFS:
        return cast("MigratingFS", self.store)

    # What a side does itself, if the file stays there

    @property
    def _direction(self) -> Direction:
        # after an end, the journal may have turned it
        with self._translated():
            return self._files.journal.direction(self.config["direction"])

    def _lasting(self, direction: Direction) -> tuple[Side, ...]:
        # back, the target loses each of its files
        return (self.source,) if direction == "back" else (self.source, self.target)

    def _side_of(self, filename: str) -> Side | None:
        """Return the side that has a file and keeps it. One or two requests."""
        with self._translated(filename):
            held = self._files.holder(self._path(filename))
        side = {"source": self.source, "target": self.target}.get(held or "")
        return side if side in self._lasting(self._direction) else None

    @property
    def signs_urls(self) -> bool:
        # the settings are checked without a request
        return self.config["direction"] == "forward" and self.source.signs_urls and self.target.signs_urls

    def obstacle_to(self, serve_mode: str) -> str | None:
        found = {side.setting: side.obstacle_to(serve_mode) for side in self._lasting(self.config["direction"])}
        if None in found.values():
            return None
        return " and ".join(f"of {setting} {obstacle}" for setting, obstacle in found.items())

    def signed_url(self, filename: str, expires: int, lifetime: int, *, disposition: str | None = None) -> str | None:
        """Return a URL of the side that has the file; None if that signs none, or if the file is to leave it.

        One request to the target, and one to the source if the target does not have the file.
        """
        side = self._side_of(filename)
        if side is None:
            return None
        return side.operations.signed_url(names.Exact(filename), expires, lifetime, disposition=disposition)

    def signed_upload(self, filename: str, terms: UploadTerms) -> UploadURL | None:
        """Return a request with which anybody may upload to the target, if all writes go there alone; None if the
        target cannot enforce the terms. No request but those of the target, and to the journal every few seconds.
        """
        # only a look at both sides tells whether a name is free
        if not terms.overwrite or self.config["writes"] == "both" or self._direction == "back":
            return None
        if isinstance(filename, names.Reserved):
            # the path in this store, of which the target is a directory
            filename = self.target.store.at(filename)
        return self.target.operations.signed_upload(filename, terms)

    def keeper(self, filename: str) -> BaseBackend | None:
        """Return the backend of the side that has a file and keeps it; None if no side has files on a disk. One or two
        requests. An empty name stands for the root, and asks for nothing: that of a side on a disk, the target first.
        """
        on_disk = [side for side in self._lasting(self._direction) if side.keeper is not None]
        if not on_disk:
            return None
        side = self._side_of(filename) if filename else on_disk[-1]
        return None if side is None else side.keeper
