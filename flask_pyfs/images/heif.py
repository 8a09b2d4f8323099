"""HEIC by pillow-heif (the extra ``heif``), which is imported when the first one is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from ..seekable import FileView


class HeifImage(Image.Image):
    """The first picture of a HEIC, upright.

    Its pixels become a Pillow image part by part, as ``crop`` asks for them: all of them take four bytes each, beside
    the three that libheif returns.

    :param view: the file.
    :raises ConfigurationError: if pillow-heif is not installed.
    """

    format: str | None = "HEIF"

    def __init__(self, view: FileView) -> None:
        super().__init__()
        # not as a plugin: the app's own Pillow stays as it is
        file = _library().open_heif(view, remove_stride=False)
        self._source: Any = file[file.primary_index]
        self._data: Any = None
        # premultiplied is what Pillow calls RGBa
        self._stored_mode = self._source.mode
        self._mode, self._size = self._stored_mode.replace("a", "A"), self._source.size
        # libheif turns the image itself, and EXIF data say the same once more
        self.info: dict[str | tuple[int, int], Any] = {
            key: self._source.info[key] for key in ("icc_profile",) if key in self._source.info
        }

    def decode(self) -> None:
        """Decode the image, without making a Pillow image of it."""
        self._data, self._stride = self._source.data, self._source.stride
        # decoding is what tells the size for certain
        self._size = self._source.size
        self._source = None

    def load(self) -> Any:
        """Decode the image, and make a Pillow image of it."""
        if self._source is not None:
            self.decode()
        if self._data is not None:
            self.im = self._rows(0, self.height).im
            self._data = None
        return super().load()

    def crop(self, box: tuple[float, float, float, float] | None = None) -> Image.Image:
        """Return a part of the image."""
        if self._data is None or box is None:
            return super().crop(box)
        left, top, right, bottom = map(int, box)
        return self._rows(top, bottom).crop((left, 0, right, bottom - top))

    def _rows(self, first: int, last: int) -> Image.Image:
        data = memoryview(self._data)[first * self._stride : last * self._stride]
        stored, size = self._stored_mode, (self.width, last - first)
        rows = Image.frombytes(stored, size, data, "raw", stored, self._stride)
        return rows if stored == self.mode else rows.convert(self.mode)


def _library() -> Any:
    try:
        import pillow_heif
    except ImportError as error:
        raise ConfigurationError(
            "thumbnails of HEIC need pillow-heif: pip install 'flask_pyfs[heif]' installs it"
        ) from error
    return pillow_heif
