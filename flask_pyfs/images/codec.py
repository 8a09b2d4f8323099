"""How pictures are read and written: frames that stand upright go in, and a file of the same format comes out."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import Blend, Disposal

from ..errors import FSError, UnauthorizedFileType
from ..seekable import View
from .limits import frame_count, is_affordable, require_affordable

__all__ = [
    "EXTENSIONS",
    "FORMATS",
    "Picture",
    "is_readable",
    "opened",
    "oriented",
    "read",
    "written",
]

#: What Pillow calls the formats that are read. Those that hold other files, or need another program, are left out.
FORMATS = ("JPEG", "MPO", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF")

#: The formats that a file with an extension may have.
EXTENSIONS = {
    **dict.fromkeys(("jpg", "jpe", "jpeg", "jfif"), ("JPEG", "MPO")),
    **dict.fromkeys(("png", "apng"), ("PNG",)),
    **dict.fromkeys(("tif", "tiff"), ("TIFF",)),
    "gif": ("GIF",),
    "webp": ("WEBP",),
    "avif": ("AVIF",),
    "bmp": ("BMP",),
}

_MAX_CHUNKS = 50
_ORIENTATION = 0x0112
_TRANSPOSED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass
class Picture:
    """A picture that is about to be written.

    :param format: what Pillow calls its format.
    :param frames: the images, one unless it is animated.
    :param durations: how long each frame is shown, in milliseconds.
    :param loop: how often the animation is repeated, 0 for ever, None where the file does not say.
    :param icc_profile: the colour profile, with the kind of colours that it is for.
    :param options: more arguments for Pillow's ``save``.
    """

    format: str
    frames: list[Image.Image] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    loop: int | None = None
    icc_profile: tuple[bytes, str] | None = None
    options: dict[str, Any] = field(default_factory=dict)


@contextmanager
def opened(file: BinaryIO) -> Iterator[Image.Image]:
    """Open an image inside the block; only its header is read. Afterwards the file stands where it stood.

    :raises UnauthorizedFileType: where it is no image, is damaged, or Pillow fails in the block.
    """
    view = View(file)
    position = file.tell()
    try:
        with _refusing(view), Image.open(cast(Any, view), formats=_readable()) as image:
            if image.format == "WEBP":
                image.info["lossless"] = _is_lossless(view)
            yield image
    finally:
        file.seek(position)


@contextmanager
def _refusing(view: View | None = None) -> Iterator[None]:
    try:
        yield
    except FSError:
        raise
    except Exception as error:
        # Pillow's plugins raise whatever happens to them, and what the caller's own file raises is the caller's
        if view is not None and error is view.error:
            raise
        raise UnauthorizedFileType(f"this is not an image that can be read ({error})") from error


def _readable() -> list[str]:
    return [name for name in FORMATS if is_readable(name)]


def is_readable(name: str) -> bool:
    """Whether this Pillow reads a format: WebP and AVIF may be left out of one."""
    Image.init()
    return name in Image.OPEN


def read(
    image: Image.Image,
    change: Callable[[Image.Image, int], Image.Image],
    made: int,
    max_pixels: int | None,
    scale: float = 1,
) -> Picture:
    """Decode an image, frame by frame, and keep what a function makes of each. The image holds nothing afterwards.

    :param image: an open image.
    :param change: is given a frame and the EXIF orientation, which it has to apply.
    :param made: how many pixels it makes of each.
    :param max_pixels: how many pixels all frames may have.
    :param scale: how large the frames have to be at least; a JPEG is decoded at a half, a quarter or an eighth of its
        size (Pillow's ``draft``) where twice as much is left, or just as much where that would take too much memory.
    :raises UnauthorizedFileType: for more pixels, and where it would take too much memory.
    """
    full = image.size
    if isinstance(image, JpegImageFile):
        _draft(image, scale, made)
    picture = Picture("JPEG" if image.format == "MPO" else image.format or "")
    require_affordable(image, full, made, max_pixels)
    count = frame_count(image)
    for number in range(count):
        if count > 1:
            image.seek(number)
            # a frame of a GIF may be larger than the canvas
            more = image.width * image.height - full[0] * full[1]
            require_affordable(image, image.size, made + more, max_pixels)
        image.load()
        if number == 0:
            _describe(picture, image)
        frame = change(image, _orientation(image))
        # the open image keeps more than its frame
        picture.frames.append(frame.copy() if frame is image else frame)
        picture.durations.append(image.info.get("duration", 0))
    return picture


def _draft(image: JpegImageFile, scale: float, made: int) -> None:
    width, height = image.size
    for wanted in (2 * scale, scale):
        divisor = next(divisor for divisor in (8, 4, 2, 1) if divisor == 1 or divisor * wanted <= 1)
        size = (-(-width // divisor), -(-height // divisor))
        if is_affordable(image, size, made):
            break
    image.draft(None, (max(1, width // divisor), max(1, height // divisor)))  # type: ignore[no-untyped-call, unused-ignore]


def _describe(picture: Picture, image: Image.Image) -> None:
    profile = image.info.get("icc_profile")
    if profile:
        picture.icc_profile = (profile, _kind(image.mode))
    picture.loop = image.info.get("loop")
    if image.info.get("default_image"):
        picture.options["default_image"] = True
    if picture.format == "WEBP":
        picture.options["lossless"] = image.info.get("lossless", False)
    elif picture.format == "TIFF":
        kept = image.info.get("compression")
        lossless = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "raw")
        picture.options["compression"] = kept if kept in lossless else "tiff_adobe_deflate"


def _is_lossless(view: View) -> bool:
    # https://developers.google.com/speed/webp/docs/riff_container: chunks, each with its name and its length before it;
    # one of an animated frame, ANMF, has its own 16 bytes before the image
    place, name = 12, b""
    for _ in range(_MAX_CHUNKS):
        view.seek(place)
        head = view.read(8)
        name, length = head[:4], int.from_bytes(head[4:], "little")
        if len(head) < 8 or name in (b"VP8L", b"VP8 ", b"ALPH"):
            break
        place += 24 if name == b"ANMF" else 8 + length + length % 2
    return name == b"VP8L"


def _orientation(image: Image.Image) -> int:
    with suppress(Exception):
        # the EXIF data of a good image may be damaged
        return int(image.getexif().get(_ORIENTATION, 1))
    return 1


def oriented(image: Image.Image, orientation: int) -> Image.Image:
    """Return an image upright, as its EXIF orientation says (TIFF 6.0, Orientation)."""
    method = _TRANSPOSED.get(orientation)
    return image if method is None else image.transpose(method)


def written(picture: Picture, **options: Any) -> io.BytesIO:
    """Encode a picture, without any metadata but its colour profile, and return the file at its start.

    The frames of the picture are used up.

    :param options: arguments for Pillow's ``save`` that win over those of the picture.
    :raises UnauthorizedFileType: where Pillow fails.
    """
    frames = picture.frames
    for number, frame in enumerate(frames):
        # one by one: what a frame was is not needed any more
        frames[number] = _for_format(frame, picture.format)
    arguments: dict[str, Any] = {**_OPTIONS.get(picture.format, {}), **picture.options, **options}
    if picture.icc_profile is not None and _kind(frames[0].mode) == picture.icc_profile[1]:
        arguments["icc_profile"] = picture.icc_profile[0]
    else:
        arguments["icc_profile"] = None
    if len(frames) > 1:
        arguments.update(save_all=True, append_images=frames[1:], duration=_durations(picture))
        if picture.loop is not None:
            arguments["loop"] = picture.loop
        if picture.format == "PNG":
            # the frames are whole; what Pillow makes of those of the source is not always what they were
            arguments.update(disposal=Disposal.OP_NONE, blend=Blend.OP_SOURCE)
        if picture.format == "GIF" and any("A" in frame.mode for frame in frames):
            # else what was there before shows through
            arguments["disposal"] = 2
    out = io.BytesIO()
    # what is left out is not written; what Pillow finds here would be
    for frame in frames:
        for key in ("exif", "xmp", "comment", "dpi", "XML:com.adobe.xmp"):
            frame.info.pop(key, None)
    with _refusing():
        frames[0].save(out, picture.format, **arguments)
    out.seek(0)
    return out


def _durations(picture: Picture) -> list[int]:
    times = [round(time) for time in picture.durations]
    # the image that stands for an APNG is shown for no time
    return times[1:] if picture.options.get("default_image") else times


_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 85, "optimize": True, "progressive": True},
    "PNG": {"optimize": True},
    "GIF": {"optimize": True},
    "WEBP": {"quality": 80},
}

_MODES = {
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "AVIF": ("RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "GIF": ("1", "L", "P", "RGB", "RGBA"),
}


def _for_format(image: Image.Image, name: str) -> Image.Image:
    modes = _MODES.get(name, (image.mode,))
    if image.mode not in modes:
        if image.mode.startswith("I") and "I;16" in modes:
            return image.convert("I").convert("I;16")
        image = image.convert("RGBA" if "A" in image.mode and "RGBA" in modes else "RGB")
    if name == "GIF" and image.mode == "RGBA":
        # which knows all or nothing: the faintest trace beside an edge would be seen in full, and what cannot be seen
        # takes colours of the palette
        alpha = image.getchannel("A")
        image.paste((0, 0, 0, 0), mask=alpha.point(lambda value: 255 if value < 128 else 0))
        image.putalpha(alpha.point(lambda value: 255 if value >= 128 else 0))
    return image


def _kind(mode: str) -> str:
    """Return the kind of colours of a mode: those of a profile must be the same."""
    if mode in ("CMYK", "LAB"):
        return mode
    return "gray" if mode in ("1", "L", "LA", "La", "F") or mode.startswith("I") else "RGB"
