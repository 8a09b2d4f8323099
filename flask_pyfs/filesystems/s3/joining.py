"""Makes an object of the pieces of an upload, of which some are parts of its multipart upload already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from fs import errors

from ..objects.parts import Part, Range, make_parts
from ..objects.writer import Upload
from ..parts import SMALLEST_PART, WrongParts
from ..parts import Part as StoredPart
from ..store import StoreFS
from .multipart import ObjectInParts
from .upload import S3Upload
from .windows import Windows

__all__ = ["Joining"]


def in_windows(numbers: Sequence[int | None], sizes: Sequence[int], window: int) -> Iterator[Part]:
    """Yield one part for each window: a piece that is one, or bytes of others.

    Those were cut for windows of another length if they came while the storage was another.
    """
    number = start = 0
    while number < len(sizes):
        ranges, free = list[Range](), window
        is_copied = not start and numbers[number] is not None
        while free and number < len(sizes):
            stop = min(sizes[number], start + free)
            ranges.append(Range(number, start, stop))
            free -= stop - start
            number, start = (number + 1, 0) if stop == sizes[number] else (number, stop)
        yield Part(ranges, is_copied=is_copied)


class Joining(Upload):
    """Makes an object of parts that its multipart upload has, and of those that are sent now. If it fails, all stay.

    :param windows: the windows of the object.
    :param target: the object.
    :param upload: sends parts of its multipart upload. Whose entity tags it has are those that make the object.
    :param parts: the parts that there are, by their numbers.
    :param overwrite: whether it may replace another.
    """

    def __init__(
        self,
        windows: Windows,
        target: ObjectInParts,
        upload: S3Upload,
        parts: Mapping[int, StoredPart],
        *,
        overwrite: bool,
    ) -> None:
        self._windows, self._target, self._upload = windows, target, upload
        self._parts, self._overwrite = parts, overwrite

    def join(
        self,
        files: StoreFS,
        copied: Callable[[S3Upload, int, str, Range], bool],
        paths: Sequence[str],
        numbers: Sequence[int | None],
        sizes: Sequence[int],
    ) -> str | None:
        """Make the object of its pieces, and return its version.

        :param files: the bucket.
        :param copied: lets the server copy bytes of an object as the part of a number; returns False if it cannot.
        :param paths: the pieces, in order.
        :param numbers: the number of the part that each is; None for an object of its own.
        :param sizes: the length of each in bytes.
        :raises fs.errors.ResourceNotFound: if one of them is missing.
        """

        def adopt(window: int, first: Range, *others: Range) -> None:
            number = numbers[first.number] or self._number(window)
            if self._has(number, sum(each.size for each in (first, *others))):
                self._upload.tags[number] = f'"{self._parts[number].etag}"'
            elif numbers[first.number] is not None:
                raise errors.ResourceNotFound(paths[first.number])
            elif not copied(self._upload, number, paths[first.number], first):
                self.send_part(window, bytearray(read(first)))

        def read(piece: Range) -> bytes:
            with files.fetch(paths[piece.number], piece.start, piece.stop)[1] as file:
                file.seek(piece.start)
                return file.read(piece.size)

        def needs_no_bytes(window: int, part: Part) -> bool:
            # another worker has sent the same, or the server copies it
            is_sent = self._has(self._number(window), part.size)
            return is_sent or (len(part.ranges) == 1 and part.size >= SMALLEST_PART)

        parts = [
            replace(part, is_copied=part.is_copied or needs_no_bytes(window, part))
            for window, part in enumerate(in_windows(numbers, sizes, self._windows.size), 1)
        ]
        make_parts(self, parts, adopt, read)
        return self.version

    def _number(self, window: int) -> int:
        return self._windows.number((window - 1) * self._windows.size)

    def _has(self, number: int, size: int) -> bool:
        return number in self._parts and self._parts[number].size == size

    def put(self, content: bytearray) -> None:
        raise NotImplementedError

    def begin(self) -> None:
        pass

    def send_part(self, number: int, content: bytearray) -> None:
        self._upload.send_part(self._number(number), content)

    def complete(self) -> None:
        parts = [(number, tag.strip('"')) for number, tag in sorted(self._upload.tags.items())]
        windows = self._windows
        try:
            version = self._target.complete(windows.upload, parts, windows.mark, overwrite=self._overwrite)
        except WrongParts as error:
            # with a key of KMS, a part that was sent again has another entity tag
            raise errors.OperationFailed(windows.target, error) from error
        self.version: str | None = version

    def abort(self) -> None:
        pass
