"""Opens images: only of the wanted formats, and only those whose headers promise that opening them costs little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from PIL import Image

from ..errors import FSError, UnauthorizedFileType
from ..seekable import FileView
from .colours import mend_key
from .headers import Header, count_frames, read_header
from .limits import Limits, require_openable

#: Pillow's names of the formats that are read, without those that contain other files or need another program.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF")

#: The format that each extension stands for.
EXTENSIONS = {
    **dict.fromkeys(("jpg", "jpe", "jpeg", "jfif"), "JPEG"),
    **dict.fromkeys(("png", "apng"), "PNG"),
    **dict.fromkeys(("tif", "tiff"), "TIFF"),
    "gif": "GIF",
    "webp": "WEBP",
    "avif": "AVIF",
    "bmp": "BMP",
}

_ANIMATED = ("PNG", "WEBP", "AVIF")
_PREFIX = 16


@dataclass(frozen=True)
class Opened:
    """An open image, with its pixels not yet decoded.

    :param image: the image of Pillow.
    :param header: what is known from its bytes.
    :param format: the format; that of MPO is JPEG.
    :param view: the file.
    """

    image: Image.Image
    header: Header
    format: str
    view: FileView

    def count_frames(self) -> None:
        """Set the number of frames of the header, and the size if a frame exceeds the canvas."""
        if self.format == "GIF":
            position = self.view.tell()
            count_frames(self.view, self.header)
            self.view.seek(position)
        elif self.format in _ANIMATED:
            # this includes the default image of an APNG, which viewers without animations show
            self.header.frames = int(getattr(self.image, "n_frames", 1))


@contextmanager
def open_image(file: BinaryIO, limits: Limits, formats: Sequence[str] = FORMATS) -> Iterator[Opened]:
    """Open an image for the block, reading only its header. The position of the file is restored afterwards.

    :param limits: how much opening it may take.
    :param formats: the formats that are wanted.
    :raises UnauthorizedFileType: if the file is not an image of these formats, is damaged, or takes too much to open;
        or if Pillow fails inside the block.
    """
    view = FileView(file)
    position = file.tell()
    try:
        with translated_errors(view):
            name = _format(view)
            if name is None:
                raise UnauthorizedFileType("the file is not a readable image (its first bytes are of no known format)")
            if name not in formats:
                raise UnauthorizedFileType(f"the content is {name}, but {' or '.join(formats)} is wanted")
            header = read_header(view, name)
            require_openable(header, limits)
            view.seek(0)
            # not Image.open: it judges all formats by the same number of pixels
            image = Image.OPEN[name][0](cast(Any, view), "")
            with image:
                if image.width * image.height > header.pixels:
                    header.size = image.size
                if name == "WEBP":
                    image.info["lossless"] = header.variant == "lossless"
                elif name == "PNG":
                    mend_key(image, header)
                yield Opened(image, header, name, view)
    finally:
        file.seek(position)


@contextmanager
def translated_errors(view: FileView | None = None) -> Iterator[None]:
    """Raise :exc:`UnauthorizedFileType` for what Pillow raises in the block, but not for the errors of a file."""
    try:
        yield
    except FSError:
        raise
    except Exception as error:
        # Pillow's plugins raise exceptions of any type; those of the caller's own file pass unchanged
        if view is not None and error is view.error:
            raise
        raise UnauthorizedFileType(f"the file is not a readable image ({error})") from error


def _format(view: FileView) -> str | None:
    view.seek(0)
    prefix = view.read(_PREFIX)
    for name in FORMATS:
        if is_readable(name):
            accept = Image.OPEN[name][1]
            if accept is None or accept(prefix) is True:
                return name
    return None


def is_readable(name: str) -> bool:
    """Return whether this Pillow reads a format; some builds lack WebP or AVIF."""
    Image.init()
    return name in Image.OPEN
