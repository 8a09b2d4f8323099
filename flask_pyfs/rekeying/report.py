"""What is told while files are encrypted anew, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..transfer import report
from .origins import Origin

__all__ = ["AES256_KEY", "PLAIN", "UNKNOWN", "Event", "Holding", "Report"]

#: What stands for the key of a file that flask-fs2 encrypted, of a file that is not encrypted, and of one that no key
#: decrypts. Identifiers of keys have hexadecimal digits alone.
AES256_KEY, PLAIN, UNKNOWN = "AES256_KEY", "plain", "unknown"


class Holding(NamedTuple):
    """A key, and where.

    :param side: ``source`` or ``target`` of a storage with several backends, else empty.
    :param key: the identifier of the key, or :data:`AES256_KEY`, :data:`PLAIN` or :data:`UNKNOWN`.
    """

    side: str
    key: str


@dataclass(frozen=True, slots=True)
class Event(report.Event):
    """Something that happened to a file: ``replaced`` says that it was encrypted anew, ``same`` that it has the first
    key already, ``gone`` that it was deleted meanwhile.

    :param name: its name, with its PREFIX left out.
    :param size: as for :class:`flask_pyfs.transfer.Event`; the bytes of a file are those of its content.
    :param holding: the key that the file has afterwards, if that is known.
    """

    holding: Holding | None = None


@dataclass
class Report(report.Report):
    """How it ended. ``counts`` has ``replaced``, ``same``, ``gone`` and ``failed``.

    :param keys: how many files each key has afterwards, also those that have none; in a dry run, how many each has.
    :param firsts: those of the keys that encrypt, one for each side.
    :param origins: where each of the keys is set.
    """

    keys: dict[Holding, int] = field(default_factory=dict)
    firsts: frozenset[Holding] = frozenset()
    origins: Mapping[Holding, Origin] = field(default_factory=dict)

    def add(self, event: report.Event) -> None:
        """Count an event."""
        super().add(event)
        holding = getattr(event, "holding", None)
        if holding is not None and event.kind in ("replaced", "same", "failed"):
            self.keys[holding] = self.keys.get(holding, 0) + 1

    def is_needed(self, holding: Holding) -> bool:
        """Return whether a file has a key of :attr:`origins`, or new ones get it, on any side with the same setting."""
        setting = self.origins[holding].setting
        same = [each for each, origin in self.origins.items() if (each.key, origin.setting) == (holding.key, setting)]
        return any(self.keys[each] or each in self.firsts or self.origins[each].is_for_new_files for each in same)
