"""Decodes images into frames, and encodes frames into a file of the same format."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import Blend, Disposal

from .bitmaps import has_no_alpha, write_alpha
from .colours import fits, has_deep_key, png_info, with_deep_key
from .costs import Output
from .heif import HeifImage
from .limits import Limits
from .opening import Opened, open_image, translated_errors
from .palettes import with_palette
from .pixels import digest
from .refusals import damaged

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
    :param icc_profile: the colour profile, and the mode of the image that it belongs to.
    :param colours: what a PNG says of its colours besides, by the names of its chunks.
    :param options: more arguments for Pillow's ``save``.
    :param seen: the :func:`~flask_pyfs.images.pixels.digest` of each frame, if the file must show the same.
    """

    format: str
    frames: list[Image.Image] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    loop: int | None = None
    icc_profile: tuple[bytes, str] | None = None
    colours: dict[bytes, bytes] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    seen: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """A picture that is to be made of an image.

    :param change: called with each frame and its EXIF orientation; returns the frame to keep, upright. None if the
        image is only decoded.
    :param output: what it costs.
    :param scale: the smallest size, relative to the image, at which ``change`` can use the frames.
    :param options: arguments for Pillow's ``save`` that override those of the picture.
    """

    change: Callable[[Image.Image, int], Image.Image] | None
    output: Output
    scale: float = 1
    options: Mapping[str, Any] = field(default_factory=dict)


def decode(opened: Opened, jobs: Sequence[Job]) -> list[Picture]:
    """Decode an image frame by frame, and keep the frames as the jobs change them.

    A picture has no frames if its job only wants the image to be decoded.

    :param opened: an open image, at the size at which it is to be decoded.
    """
    pictures = [Picture(opened.made, colours=opened.header.colours) for _ in jobs]
    for image, orientation in _frames(opened):
        for job, picture in zip(jobs, pictures, strict=True):
            if not picture.durations:
                _set_options(picture, image)
            if job.change is not None:
                frame = job.change(image, orientation)
                if job.output.is_compared:
                    picture.seen.append(digest(frame, _is_blind(opened)))
                # the open image refers to more than its frame, and the next frame takes its place
                picture.frames.append(frame.copy() if frame is opened.image and not is_shared(opened) else frame)
            picture.durations.append(image.info.get("duration", 0))
    return pictures


def shows(file: BinaryIO, picture: Picture, limits: Limits) -> bool:
    """Return whether a file shows what was seen of the frames of a picture, for the same time."""
    with open_image(file, limits) as opened:
        opened.count_frames()
        if opened.header.frames != len(picture.seen) or opened.image.info.get("loop") != picture.loop:
            return False
        return all(
            digest(frame, _is_blind(opened)) == seen and round(frame.info.get("duration", 0)) == round(duration)
            for (frame, _), seen, duration in zip(_frames(opened), picture.seen, picture.durations, strict=True)
        )


def _frames(opened: Opened) -> Iterator[tuple[Image.Image, int]]:
    """Decode one frame after another, each with its EXIF orientation."""
    image = opened.image
    for number in range(opened.header.frames):
        if number:
            image.seek(number)
            if image.width * image.height > opened.header.pixels:
                raise damaged("a frame of the image is larger than its header says")
        if isinstance(image, HeifImage):
            image.decode()
        else:
            image.load()
        frame = image
        if opened.format == "BMP" and has_no_alpha(image):
            image.putalpha(255)
        elif opened.format == "PNG" and opened.header.frames == 1 and has_deep_key(image, opened.header):
            frame = with_deep_key(image, opened.view)
        yield frame, orientation_of(image)


def _is_blind(opened: Opened) -> bool:
    # animations are composed, which leaves nothing certain below what is transparent
    return opened.format == "GIF" or opened.header.frames > 1


def is_shared(opened: Opened) -> bool:
    """Return whether an open image refers to nothing but its only frame, so that the frame can be kept as it is."""
    return opened.header.frames == 1 and opened.format in ("JPEG", "PNG", "BMP", "HEIF")


def is_lossless_jpeg(image: JpegImageFile) -> bool:
    """Return whether a JPEG is a lossless one: libjpeg reads it, but neither at a smaller size nor does it write it."""
    return not image.quantization


def draft(image: JpegImageFile, divisor: int) -> None:
    """Let a JPEG be decoded at a half, a quarter or an eighth of its size."""
    width, height = image.size
    image.draft(None, (max(1, width // divisor), max(1, height // divisor)))  # type: ignore[no-untyped-call, unused-ignore]


def _set_options(picture: Picture, image: Image.Image) -> None:
    profile = image.info.get("icc_profile")
    if profile:
        picture.icc_profile = (profile, image.mode)
    picture.loop = image.info.get("loop")
    if image.info.get("default_image"):
        picture.options["default_image"] = True
    if picture.format == "WEBP":
        # exact keeps the colours that are transparent
        picture.options["lossless"] = picture.options["exact"] = image.info.get("lossless", False)
    elif picture.format == "TIFF":
        compression = image.info.get("compression")
        lossless = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "raw")
        picture.options["compression"] = compression if compression in lossless else "tiff_adobe_deflate"


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation of an image, 1 if it has none."""
    with suppress(Exception):
        # a good image may have damaged EXIF data
        return int(image.getexif().get(_ORIENTATION, 1))
    return 1


def oriented(image: Image.Image, orientation: int) -> Image.Image:
    """Return an image upright, with an EXIF orientation applied (TIFF 6.0, Orientation)."""
    method = _TRANSPOSED.get(orientation)
    return image if method is None else image.transpose(method)


def encode(picture: Picture, effort: int = 0, out: BinaryIO | None = None) -> BinaryIO:
    """Encode a picture and return the file, positioned at its start. The colour profile is the only metadata kept, or
    what a PNG says of its colours.

    The frames of the picture are changed.

    :param effort: how fast it must be, one of :data:`~flask_pyfs.images.costs.EFFORTS`.
    :param out: the file to write; a new one in memory if it is None.
    :raises UnauthorizedFileType: if Pillow fails.
    """
    frames = picture.frames
    with translated_errors():
        for number, frame in enumerate(frames):
            # in place, which frees the previous frame
            frames[number] = _for_format(frame, picture.format, effort)
    name = "lossless" if picture.options.get("lossless") else picture.format
    faster = _FASTER.get(name, ({}, {}, {}))[effort]
    arguments: dict[str, Any] = {**_OPTIONS.get(picture.format, {}), **picture.options, **faster}
    profile = picture.icc_profile
    has_profile = profile is not None and fits(*profile, frames[0].mode)
    arguments["icc_profile"] = profile[0] if profile is not None and has_profile else None
    if picture.format == "PNG":
        arguments["pnginfo"] = png_info(picture.colours, has_profile)
    if len(frames) > 1:
        arguments.update(save_all=True, append_images=frames[1:], duration=_durations(picture))
        if picture.loop is not None:
            arguments["loop"] = picture.loop
        if picture.format == "PNG":
            # the frames are complete, so the disposal and blending of the source do not apply
            arguments.update(disposal=Disposal.OP_NONE, blend=Blend.OP_SOURCE)
        if picture.format == "GIF" and any("transparency" in frame.info for frame in frames):
            # otherwise the previous frame shows through
            arguments["disposal"] = 2
    out = io.BytesIO() if out is None else out
    # Pillow writes what it finds here
    for frame in frames:
        for key in ("exif", "xmp", "comment", "dpi", "XML:com.adobe.xmp"):
            frame.info.pop(key, None)
    with translated_errors():
        if picture.format == "BMP" and frames[0].mode == "RGBA":
            write_alpha(frames[0], out)
        else:
            frames[0].save(out, picture.format, **arguments)
    out.seek(0)
    return out


def _durations(picture: Picture) -> list[int]:
    times = [round(time) for time in picture.durations]
    # the default image of an APNG has no duration
    return times[1:] if picture.options.get("default_image") else times


_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 85, "optimize": True, "progressive": True},
    "GIF": {"optimize": True},
    "WEBP": {"quality": 80},
}

# for each effort, what makes the encoders faster
_FASTER: dict[str, tuple[dict[str, Any], ...]] = {
    "PNG": ({}, {"optimize": False, "compress_level": 4}, {"optimize": False, "compress_level": 1}),
    "WEBP": ({}, {"method": 2}, {"method": 0}),
    "lossless": ({}, {"method": 0, "quality": 0}, {"method": 0, "quality": 0}),
    "AVIF": ({}, {"speed": 8}, {"speed": 10}),
}

_MODES = {
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "AVIF": ("RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
}


def _for_format(image: Image.Image, name: str, effort: int) -> Image.Image:
    if name == "GIF":
        return with_palette(image, effort)
    modes = _MODES.get(name, (image.mode,))
    if image.mode in modes:
        return image
    if image.mode.startswith("I") and "I;16" in modes:
        return image.convert("I").convert("I;16")
    if name == "JPEG" and "A" in image.mode:
        # of a HEIC
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        return white
    return image.convert("RGBA" if "A" in image.mode and "RGBA" in modes else "RGB")
