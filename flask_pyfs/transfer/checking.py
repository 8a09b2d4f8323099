"""Checks that two sides have the same files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from .comparing import compare, judged
from .report import Event, OnEvent, Report
from .sameness import same_content
from .sides import Place, Side
from .workers import require_jobs

__all__ = ["check"]


def check(
    source: Place,
    target: Place,
    *,
    checksum: bool = False,
    download: bool = False,
    one_way: bool = False,
    jobs: int = 8,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    shard: tuple[int, int] | None = None,
    on_event: OnEvent | None = None,
) -> Report:
    """Compare the files of two sides. Writes nothing but a temporary file.

    Two files are the same if they have the same size, and the same checksum if both listings tell one of the same
    algorithm, else if the target's is not older than the source's (a second newer, where the source tells whole seconds
    alone). A file is compared under the name that the target would give it, so ``a//b`` of a bucket and ``a/b`` of a
    directory are the same file.

    :param source: a storage, a side, or the path of a directory.
    :param target: what is compared with it. If it does not exist, it has no files.
    :param checksum: compare checksums instead of times. Where the stores keep none of the same algorithm, files are
        read.
    :param download: read the files of both sides and compare their bytes.
    :param one_way: leave out files that are only at the target.
    :param jobs: how many files are read at once, each in 2 MiB of memory. A store that fails meanwhile is tried again.
    :param include: patterns as those of a .gitignore, over the names relative to the sides. With any, only files that
        match are compared. They need the extra ``cli``.
    :param exclude: patterns of files that are not compared.
    :param shard: ``(i, n)``: compare only the part i of n of the names, each of which may be checked by another
        machine.
    :param on_event: called in this thread for each file, in the order of names, with an event of the kind ``same``,
        ``differs``, ``only_source``, ``only_target`` or ``failed``.
    :returns: how many files there are of each kind.
    :raises flask_pyfs.errors.FileNotFound: if the source does not exist.
    :raises flask_pyfs.errors.FSError: if a listing fails; no file counts as missing for that.
    :raises flask_pyfs.errors.ConfigurationError: if a pattern or the shard is invalid.
    :raises ValueError: if ``jobs`` is less than 1.
    """
    require_jobs(jobs)
    sides = Side.of(source), Side.of(target)
    found = compare(
        *sides, checksum=checksum and not download, jobs=jobs, include=include, exclude=exclude, shard=shard
    )
    if download:
        found = judged(found, *sides, same_content, jobs)
    report = Report()
    with closing(found):
        for difference in found:
            if one_way and difference.kind == "only_target":
                continue
            facts = difference.source or difference.target
            event = Event(difference.kind, difference.shown_name, facts.size if facts else 0, error=difference.error)
            report.add(event)
            if on_event is not None:
                on_event(event)
    return report
