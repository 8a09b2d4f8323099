"""Making an object of files: some become segments, and the rest is read and sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..objects.parts import Range, make_parts, plan
from ..store import StoreFS
from .container import SwiftContainer
from .upload import SwiftUpload

# Swift slows down readers of smaller files, and so those of their segments
_LEAST = 1024 * 1024


@dataclass(frozen=True)
class Joins:
    """Makes objects of a container.

    :param new_file: begins the upload of a file, from its path and the keyword arguments of ``join_files``.
    :param segments: the container of the segments.
    :param part_size: files that have no more bytes together are read.
    :param segment_size: the most bytes of a segment.
    """

    new_file: Callable[..., SwiftUpload]
    segments: SwiftContainer
    part_size: int
    segment_size: int

    def join(
        self,
        store: StoreFS,
        paths: Sequence[str],
        target: str,
        make_segment: Callable[[SwiftUpload, int, str, int], None],
        *,
        sizes: Sequence[int],
        longest: int = 0,
        **options: Any,
    ) -> str | None:
        """Do what :meth:`StoreFS.join_files` does.

        :param store: the store of the files.
        :param make_segment: makes a segment of a file, from the upload, the number of the segment, and the path and the
            size of the file.
        :param longest: the length in bytes of the longest file that can be a segment where it is. It may be more than
            ``segment_size``.
        """
        longest = max(longest, self.segment_size)
        if sum(sizes) <= self.part_size or max(sizes) > longest:
            return StoreFS.join_files(store, paths, target, sizes=sizes, **options)
        upload = self.new_file(target, **options)

        def read(source: Range) -> bytes:
            with store.fetch(paths[source.number])[1] as file:
                return file.read()

        # the first segments would make it several times
        self.segments.prepare()
        parts = plan(sizes, min(_LEAST, self.part_size), longest, splits=False)
        make_parts(
            upload, parts, lambda number, part: make_segment(upload, number, paths[part.number], part.size), read
        )
        return upload.version
