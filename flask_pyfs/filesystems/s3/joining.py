"""Makes an object of the pieces of an upload, of which some are parts of its multipart upload already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fs import errors

from ..objects.parts import Part, Range
from ..objects.writer import Upload
from ..parts import WrongParts
from .multipart import ObjectInParts
from .upload import S3Upload
from .windows import Windows

__all__ = ["Joining", "in_windows"]


def in_windows(numbers: Sequence[int | None], sizes: Sequence[int], window: int) -> Iterator[Part]:
    """Yield one part for each window: a piece that is one, or bytes of others that are to be read.

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
    :param overwrite: whether it may replace another.
    """

    def __init__(self, windows: Windows, target: ObjectInParts, upload: S3Upload, *, overwrite: bool) -> None:
        self.upload = upload
        self._windows, self._target, self._overwrite = windows, target, overwrite

    def put(self, content: bytearray) -> None:
        raise NotImplementedError

    def begin(self) -> None:
        pass

    def send_part(self, number: int, content: bytearray) -> None:
        self.upload.send_part(self._windows.number((number - 1) * self._windows.size), content)

    def complete(self) -> None:
        parts = [(number, tag.strip('"')) for number, tag in sorted(self.upload.tags.items())]
        windows = self._windows
        try:
            self.version = self._target.complete(windows.upload, parts, windows.mark, overwrite=self._overwrite)
        except WrongParts as error:
            # with a key of KMS, a part that was sent again has another entity tag
            raise errors.OperationFailed(windows.target, error) from error

    def abort(self) -> None:
        pass
