"""Opens images: only of the wanted formats, and only those whose headers promise that opening them costs little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from ..errors import FSError
from ..seekable import FileView
from .colours import mend_key
from .headers import Header, count_frames, read_header
from .heif import HeifImage
from .limits import Limits, require_openable
from .refusals import damaged, other_format

#: Pillow's names of the formats that are read, without those that contain other files or need another program.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "HEIF", "AVIF", "BMP", "TIFF")

#: The format that each extension stands for.
EXTENSIONS = {
    **dict.fromkeys(("jpg", "jpe", "jpeg", "jfif", "jif", "pjpeg", "pjp"), "JPEG"),
    **dict.fromkeys(("png", "apng"), "PNG"),
    **dict.fromkeys(("tif", "tiff"), "TIFF"),
    "gif": "GIF",
    "webp": "WEBP",
    **dict.fromkeys(("avif", "avifs"), "AVIF"),
    **dict.fromkeys(("heic", "heif", "heics", "heifs", "hif"), "HEIF"),
    **dict.fromkeys(("bmp", "dib"), "BMP"),
}

_ANIMATED = ("PNG", "WEBP", "AVIF")
_PREFIX = 128
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}
_ANY_BRANDS = {b"mif1", b"msf1", b"mif2", b"1pic"}


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

    @property
    def made(self) -> str:
        """The format of what is made of the image: browsers show no HEIC, so that becomes JPEG."""
        return "JPEG" if self.format == "HEIF" else self.format

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
            name = format_of(view)
            if name is None:
                raise other_format("the file is not a readable image (its first bytes are of no known format)", None)
            if name not in formats:
                raise other_format(f"the content is {name}, but {' or '.join(formats)} is wanted", name)
            header = read_header(view, name)
            require_openable(header, limits)
            view.seek(0)
            with _opened(view, name) as image:
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
        raise damaged(f"the file is not a readable image ({error})") from error


def format_of(view: FileView) -> str | None:
    """Return Pillow's name of the format of a file, None if it is none that is read."""
    view.seek(0)
    prefix = view.read(_PREFIX)
    if prefix[4:8] == b"ftyp":
        return _format_of_boxes(prefix)
    for name in FORMATS:
        if name != "HEIF" and is_readable(name):
            accept = Image.OPEN[name][1]
            if accept is None or accept(prefix) is True:
                return name
    return None


def _format_of_boxes(prefix: bytes) -> str | None:
    """Return the format that the brands of ISO 14496-12 name: the major one, or else the first that is compatible."""
    end = min(int.from_bytes(prefix[:4], "big"), len(prefix))
    major, *others = (prefix[place : place + 4] for place in (8, *range(16, end, 4)))
    for brand in (major, *(others if major in _ANY_BRANDS else ())):
        if brand in _HEIF_BRANDS:
            return "HEIF"
        if brand in _AVIF_BRANDS:
            return "AVIF" if is_readable("AVIF") else None
    return None


def _opened(view: FileView, name: str) -> Image.Image:
    if name == "HEIF":
        return HeifImage(view)
    if name == "JPEG":
        # not what Image.OPEN has: of several pictures in a file, pages show the first
        return JpegImageFile(cast(Any, view), "")
    # not Image.open: it judges all formats by the same number of pixels
    return Image.OPEN[name][0](cast(Any, view), "")


def is_readable(name: str) -> bool:
    """Return whether this Pillow reads a format; some builds lack WebP or AVIF."""
    Image.init()
    return name in Image.OPEN
