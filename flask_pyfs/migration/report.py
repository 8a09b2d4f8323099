"""How a migration stands after a copier, a comparison, or the end."""

from __future__ import annotations

from dataclasses import dataclass

from ..transfer import report

__all__ = ["Report"]


@dataclass
class Report(report.Report):
    """What a copier did, or what a comparison found.

    A copier counts ``copied``, ``replaced`` (an older copy), ``deleted`` (at the side that the files come from, what
    the app deleted), ``same`` and ``own`` (the app wrote or deleted it on the other side), ``failed``. A comparison
    counts ``same``, ``own``, ``only_source`` (not copied yet), ``only_target`` (not moved back yet), ``differs`` and
    ``failed``.

    :param missing: how many files are not where they are to be: not copied, or older copies.
    :param finished: whether the migration is finished, so that one store alone counts.
    :param source_files: how many files the source has, of those that were looked at; None if it was not looked at,
        because the migration is finished.
    """

    missing: int = 0
    finished: bool = False
    source_files: int | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all that was looked at is where it is to be."""
        return not self.missing and not self.failed
