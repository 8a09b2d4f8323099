"""Makes an object of the pieces of an upload, of which some are parts of its multipart upload already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby

from fs import errors

from ..objects.parts import Part, Range
from ..objects.writer import Upload
from ..parts import WrongParts
from .multipart import ObjectInParts
from .upload import S3Upload
from .windows import Windows

__all__ = ["Joining", "in_windows"]


def in_windows(numbers: Sequence[int | None], sizes: Sequence[int], window: int) -> Iterator[Part]:
    """Yield one part for each window: a piece that is one, or others that are to be read."""
    starts = accumulate(sizes, initial=0)
    for _, group in groupby(zip(range(len(sizes)), starts, strict=False), key=lambda piece: piece[1] // window):
        ranges = [Range(number, 0, sizes[number]) for number, _ in group]
        yield Part(ranges, is_copied=numbers[ranges[0].number] is not None)


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
            version = self._target.complete(windows.upload, parts, windows.mark, overwrite=self._overwrite)
        except WrongParts as error:
            # with a key of KMS, a part that was sent again has another entity tag
            raise errors.OperationFailed(windows.target, error) from error
        self.version: str | None = version

    def abort(self) -> None:
        pass
