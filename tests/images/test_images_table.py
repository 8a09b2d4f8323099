"""Every format, mode, orientation and operation: size, format, pixels, transparency and frames of what comes out.

The pixels are compared with what exact arithmetic makes of the source (reference.py): those of a lossless file that is
optimized do not differ, the others at most as the page on images says.
"""

import io
from typing import Any

import pytest
from drawn import FRAMES, HEIGHT, MODES, WIDTH, as_gray8, close, corners, drawn, expected_corners, has_hole
from PIL import Image, ImageOps
from reference import bands, furthest, hidden_aside, mean, scaled, shown

from flask_pyfs import images

ORIENTED = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF")
# the mode of each format with which all orientations are tried; with the others only one that turns
FULL = {"JPEG": "RGB", "PNG": "RGBA", "WEBP": "RGBA", "AVIF": "RGB", "TIFF": "RGB"}
SIZE = 48
PART = (WIDTH // 2 - 32, 0, WIDTH // 2 + 32, 64)
OPERATIONS = {
    "center": lambda file: images.make_thumbnail(file, SIZE),
    "crop": lambda file: images.make_thumbnail(file, SIZE, PART),
    "resize": lambda file: images.resize(file, SIZE),
    "optimize": images.optimize,
}
SIZES = {"center": (SIZE, SIZE), "crop": (SIZE, SIZE), "resize": (SIZE, SIZE * HEIGHT // WIDTH)}


def orientations(name, mode):
    if name not in ORIENTED or (name, mode) == ("AVIF", "animated"):
        # Pillow 13.0 crashes where it is to write several frames of AVIF with EXIF data
        return [1]
    return range(1, 9) if FULL[name] == mode else [1, 6]


# how much a band of a pixel may differ, of 255: of any pixel where the format is lossless, else on the average
MOST = 4
MEANS = {"JPEG": 5, "AVIF": 4, "WEBP": 4, "GIF": 3}

CASES = [
    (name, mode, orientation, operation)
    for name, modes in MODES.items()
    for mode in modes
    for orientation in orientations(name, mode)
    for operation in OPERATIONS
]


def test_there_are_enough_cases():
    assert len(CASES) >= 200
    assert len(set(CASES)) == len(CASES)


@pytest.mark.parametrize(("name", "mode", "orientation", "operation"), CASES, ids=lambda value: str(value))
def test_case(name, mode, orientation, operation):
    content = drawn(name, mode, orientation)
    file = io.BytesIO(content)
    file.seek(7)
    made: Any = OPERATIONS[operation](file)
    assert not file.closed
    assert file.tell() == 7
    assert made.tell() == 0

    with Image.open(made) as image:
        assert image.format == name
        assert image.size == SIZES.get(operation, (WIDTH, HEIGHT)) or made.getvalue() == content
        assert getattr(image, "n_frames", 1) == (FRAMES if mode == "animated" else 1)
        image.load()
        if made.getvalue() != content:
            # TIFF is turned by Pillow as it is loaded
            assert image.getexif().get(0x0112, 1) == 1
        seen = as_gray8(ImageOps.exif_transpose(image))
        if operation == "center":
            assert_padding(seen, name, mode)
            seen = seen.crop((0, 8, SIZE, SIZE - 8))
        wanted = expected_corners(mode)
        if name in ("JPEG", "TIFF") and mode == "CMYK":
            wanted = corners(as_rgb(drawn(name, mode, 1)))
        assert close(corners(seen), wanted, 60 if mode == "animated" or operation != "optimize" else 40)
        if has_hole(mode):
            assert image.has_transparency_data
    if operation == "optimize":
        assert len(made.getvalue()) <= len(content)
    assert_pixels(list(shown(made.getvalue())), list(shown(content)), name, mode, operation)


def assert_pixels(found, source, name, mode, operation):
    assert [duration for _, duration in found] == [duration for _, duration in source]
    for (made, _), (frame, _) in zip(found, source, strict=True):
        if operation == "optimize" and (name in ("PNG", "GIF", "BMP", "TIFF") or mode == "lossless"):
            assert hidden_aside(made) == hidden_aside(frame)
            assert furthest(bands(made), bands(frame)) == 0
            continue
        size = (SIZE, SIZE * HEIGHT // WIDTH) if operation in ("center", "resize") else SIZES.get(operation, frame.size)
        wanted = scaled(frame, size, PART if operation == "crop" else None)
        if operation == "center":
            made = cropped(made, (0, 8, SIZE, SIZE - 8))
        if name in MEANS and mode != "lossless":
            assert mean(bands(made), wanted) <= MEANS[name]
        else:
            assert furthest(bands(made), wanted) <= MOST


def cropped(image, box):
    part = image.crop(box)
    part.info = image.info
    return part


def as_rgb(content):
    with Image.open(io.BytesIO(content)) as image:
        return image.convert("RGB")


def assert_padding(image, name, mode):
    pixel = image.convert("RGBA").getpixel((SIZE // 2, 2))
    if name == "JPEG" or (name == "BMP" and mode != "RGBA") or mode == "CMYK":
        assert min(pixel) >= 250
    else:
        assert pixel[3] == 0
