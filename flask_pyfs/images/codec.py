"""Decodes images into frames, and encodes frames into a file of the same format."""

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
from ..seekable import FileView
from .limits import frame_count, is_affordable, require_affordable

#: Pillow's names of the formats that are read, without those that contain other files or need another program.
FORMATS = ("JPEG", "MPO", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF")

#: The formats that each extension stands for.
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
    """A decoded image, ready to be encoded.

    :param format: Pillow's name of the format.
    :param frames: the frames, a single one unless it is animated.
    :param durations: the time that each frame is shown, in milliseconds.
    :param loop: the number of times that the animation repeats, 0 for ever, None if the file does not say.
    :param icc_profile: the colour profile, and the colour space that it applies to.
    :param options: more arguments for Pillow's ``save``.
    """

    format: str
    frames: list[Image.Image] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    loop: int | None = None
    icc_profile: tuple[bytes, str] | None = None
    options: dict[str, Any] = field(default_factory=dict)


@contextmanager
def open_image(file: BinaryIO) -> Iterator[Image.Image]:
    """Open an image for the block, reading only its header. The position of the file is restored afterwards.

    :raises UnauthorizedFileType: if the file is not an image or is damaged, or if Pillow fails inside the block.
    """
    view = FileView(file)
    position = file.tell()
    try:
        with _translate_errors(view), Image.open(cast(Any, view), formats=_readable()) as image:
            if image.format == "WEBP":
                image.info["lossless"] = _is_lossless(view)
            yield image
    finally:
        file.seek(position)


@contextmanager
def _translate_errors(view: FileView | None = None) -> Iterator[None]:
    try:
        yield
    except FSError:
        raise
    except Exception as error:
        # Pillow's plugins raise exceptions of any type; those of the caller's own file pass unchanged
        if view is not None and error is view.error:
            raise
        raise UnauthorizedFileType(f"the file is not a readable image ({error})") from error


def _readable() -> list[str]:
    return [name for name in FORMATS if is_readable(name)]


def is_readable(name: str) -> bool:
    """Return whether this Pillow reads a format; some builds lack WebP or AVIF."""
    Image.init()
    return name in Image.OPEN


def decode(
    image: Image.Image,
    change: Callable[[Image.Image, int], Image.Image],
    output_pixels: int,
    max_pixels: int | None,
    scale: float = 1,
) -> Picture:
    """Decode an image frame by frame, and keep the changed frames. The open image does not keep pixels.

    :param image: an open image.
    :param change: called with each frame and its EXIF orientation; returns the frame to keep, upright.
    :param output_pixels: the number of pixels of each frame that ``change`` returns.
    :param max_pixels: the number of pixels that all frames together may have.
    :param scale: the smallest size, relative to the image, at which ``change`` can use the frames. A JPEG is decoded at
        a half, a quarter or an eighth of its size (Pillow's ``draft``) if that is at least twice this size, or at least
        this size if more would take too much memory.
    :raises UnauthorizedFileType: if the image has too many pixels, or would take too much memory.
    """
    full_size = image.size
    if isinstance(image, JpegImageFile):
        _draft(image, scale, output_pixels)
    picture = Picture("JPEG" if image.format == "MPO" else image.format or "")
    require_affordable(image, full_size, output_pixels, max_pixels)
    count = frame_count(image)
    for number in range(count):
        if count > 1:
            image.seek(number)
            # a frame of a GIF may be larger than the canvas
            excess = image.width * image.height - full_size[0] * full_size[1]
            require_affordable(image, image.size, output_pixels + excess, max_pixels)
        image.load()
        if number == 0:
            _set_options(picture, image)
        frame = change(image, _orientation(image))
        # the open image refers to more than its frame
        picture.frames.append(frame.copy() if frame is image else frame)
        picture.durations.append(image.info.get("duration", 0))
    return picture


def _draft(image: JpegImageFile, scale: float, output_pixels: int) -> None:
    width, height = image.size
    for smallest in (2 * scale, scale):
        divisor = next(divisor for divisor in (8, 4, 2, 1) if divisor == 1 or divisor * smallest <= 1)
        size = (-(-width // divisor), -(-height // divisor))
        if is_affordable(image, size, output_pixels):
            break
    image.draft(None, (max(1, width // divisor), max(1, height // divisor)))  # type: ignore[no-untyped-call, unused-ignore]


def _set_options(picture: Picture, image: Image.Image) -> None:
    profile = image.info.get("icc_profile")
    if profile:
        picture.icc_profile = (profile, _colour_space(image.mode))
    picture.loop = image.info.get("loop")
    if image.info.get("default_image"):
        picture.options["default_image"] = True
    if picture.format == "WEBP":
        picture.options["lossless"] = image.info.get("lossless", False)
    elif picture.format == "TIFF":
        compression = image.info.get("compression")
        lossless = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "raw")
        picture.options["compression"] = compression if compression in lossless else "tiff_adobe_deflate"


def _is_lossless(view: FileView) -> bool:
    # https://developers.google.com/speed/webp/docs/riff_container: each chunk begins with its name and length; the one
    # of an animated frame, ANMF, has 16 bytes more before the image
    offset, name = 12, b""
    for _ in range(_MAX_CHUNKS):
        view.seek(offset)
        head = view.read(8)
        name, length = head[:4], int.from_bytes(head[4:], "little")
        if len(head) < 8 or name in (b"VP8L", b"VP8 ", b"ALPH"):
            break
        offset += 24 if name == b"ANMF" else 8 + length + length % 2
    return name == b"VP8L"


def _orientation(image: Image.Image) -> int:
    with suppress(Exception):
        # a good image may have damaged EXIF data
        return int(image.getexif().get(_ORIENTATION, 1))
    return 1


def oriented(image: Image.Image, orientation: int) -> Image.Image:
    """Return an image upright, with an EXIF orientation applied (TIFF 6.0, Orientation)."""
    method = _TRANSPOSED.get(orientation)
    return image if method is None else image.transpose(method)


def encode(picture: Picture, **options: Any) -> io.BytesIO:
    """Encode a picture and return the file, positioned at its start. The colour profile is the only metadata kept.

    The frames of the picture are changed.

    :param options: arguments for Pillow's ``save`` that override those of the picture.
    :raises UnauthorizedFileType: if Pillow fails.
    """
    frames = picture.frames
    for number, frame in enumerate(frames):
        # in place, which frees the previous frame
        frames[number] = _for_format(frame, picture.format)
    arguments: dict[str, Any] = {**_OPTIONS.get(picture.format, {}), **picture.options, **options}
    if picture.icc_profile is not None and _colour_space(frames[0].mode) == picture.icc_profile[1]:
        arguments["icc_profile"] = picture.icc_profile[0]
    else:
        arguments["icc_profile"] = None
    if len(frames) > 1:
        arguments.update(save_all=True, append_images=frames[1:], duration=_durations(picture))
        if picture.loop is not None:
            arguments["loop"] = picture.loop
        if picture.format == "PNG":
            # the frames are complete, so the disposal and blending of the source do not apply
            arguments.update(disposal=Disposal.OP_NONE, blend=Blend.OP_SOURCE)
        if picture.format == "GIF" and any("A" in frame.mode for frame in frames):
            # otherwise the previous frame shows through
            arguments["disposal"] = 2
    out = io.BytesIO()
    # Pillow writes what it finds here
    for frame in frames:
        for key in ("exif", "xmp", "comment", "dpi", "XML:com.adobe.xmp"):
            frame.info.pop(key, None)
    with _translate_errors():
        frames[0].save(out, picture.format, **arguments)
    out.seek(0)
    return out


def _durations(picture: Picture) -> list[int]:
    times = [round(time) for time in picture.durations]
    # the default image of an APNG has no duration
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
        # pixels of a GIF are opaque or transparent: without a threshold faint edges become opaque, and without a
        # common colour transparent pixels use up the palette
        alpha = image.getchannel("A")
        image.paste((0, 0, 0, 0), mask=alpha.point(lambda value: 255 if value < 128 else 0))
        image.putalpha(alpha.point(lambda value: 255 if value >= 128 else 0))
    return image


def _colour_space(mode: str) -> str:
    """Return the colour space of a mode, which must be that of a profile."""
    if mode in ("CMYK", "LAB"):
        return mode
    return "gray" if mode in ("1", "L", "LA", "La", "F") or mode.startswith("I") else "RGB"
