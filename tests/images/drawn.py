"""Images that the tests draw: each corner has a colour of its own, and one may be transparent."""

import io
import struct
from typing import Any

from PIL import Image, ImageCms

#: top left, top right, bottom left, bottom right, of an image that is seen upright
COLOURS: list[Any] = [(220, 30, 30), (30, 200, 30), (30, 30, 220), (230, 220, 40)]
GRAYS: list[Any] = [20, 90, 160, 235]
BITS: list[Any] = [0, 255, 255, 0]
WIDTH, HEIGHT = 96, 64
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

#: what stores an image that is seen upright under each EXIF orientation
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}

#: the modes of each format, with what stands for several frames
MODES = {
    "JPEG": ["L", "RGB", "CMYK"],
    "PNG": [
        *("1", "L", "LA", "L+transparency", "P", "P+transparency", "RGB", "RGB+transparency", "RGBA"),
        *("I;16", "I;16+transparency", "animated"),
    ],
    "GIF": ["1", "L", "P", "P+transparency", "animated"],
    "WEBP": ["RGB", "RGBA", "lossless", "animated"],
    "AVIF": ["RGB", "RGBA", "animated"],
    "BMP": ["1", "L", "P", "RGB", "RGBA"],
    "TIFF": ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16"],
}
FRAMES = 3


def kind_of(mode):
    """How the colours of the corners are told: bits, grays or colours."""
    return {"1": "bits", "L": "grays", "LA": "grays", "I;16": "grays"}.get(mode.partition("+")[0], "colours")


def has_hole(mode):
    """Whether the lower left corner is transparent."""
    return "+" in mode or mode in ("LA", "RGBA", "animated", "lossless")


def expected_corners(mode):
    values = {"bits": BITS, "grays": GRAYS, "colours": COLOURS}[kind_of(mode)]
    corners = [(value,) * 3 if isinstance(value, int) else value for value in values]
    return [None if number == 2 and has_hole(mode) else corner for number, corner in enumerate(corners)]


def upright(mode, size=(WIDTH, HEIGHT), shift=0):
    """Draw an image as it is seen: four quarters, the lower left one transparent where the mode has that."""
    corners = [(0, 0, 0, 0) if corner is None else (*corner, 255) for corner in expected_corners(mode)]
    width, height = size
    image = Image.new("RGBA", size)
    for number, colour in enumerate(corners):
        left, top = (number % 2) * (width // 2), (number // 2) * (height // 2)
        image.paste(colour, (left, top, left + width - width // 2, top + height - height // 2))
    if shift:
        # a bar in the middle tells the frames of an animation apart
        image.paste((10 * shift, 0, 0, 255), (width // 2 - 4, height // 2 - 4, width // 2 + 4, height // 2 + 4))
    return image


def _in_mode(image, mode):
    if mode == "P+transparency":
        # the last entry of the palette is the hole
        flat = image.convert("RGB").quantize(8, dither=Image.Dither.NONE)
        hole = image.getchannel("A").point(lambda value: 255 if value == 0 else 0)
        flat.paste(9, mask=hole)
        flat.info["transparency"] = 9
        palette = flat.getpalette()
        flat.putpalette((palette + [0] * 768)[:768])
        return flat
    if mode == "RGB+transparency":
        flat = image.convert("RGB")
        flat.info["transparency"] = (0, 0, 0)
        return flat
    if mode in ("L+transparency", "I;16", "I;16+transparency"):
        flat = image.convert("L")
        if mode != "L+transparency":
            flat = flat.convert("I").point(lambda value: value * 257).convert("I;16")
        if has_hole(mode):
            flat.info["transparency"] = 0
        return flat
    if mode == "P":
        return image.convert("RGB").quantize(8, dither=Image.Dither.NONE)
    if mode in ("animated", "lossless"):
        return image
    if mode in ("1", "L", "CMYK", "RGB"):
        return image.convert("RGB").convert(mode)
    return image.convert(mode)


def drawn(name, mode, orientation=1, size=(WIDTH, HEIGHT), icc=False, **options):
    """Return the bytes of an image of a format, stored under an EXIF orientation."""
    method = STORED[orientation]
    images = []
    for number in range(FRAMES if mode == "animated" else 1):
        image = upright(mode, size, shift=number * 10 + 5 if mode == "animated" else 0)
        images.append(_in_mode(image if method is None else image.transpose(method), mode))
    first = images[0]
    if "transparency" in first.info:
        options["transparency"] = first.info["transparency"]
    if orientation != 1:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif.tobytes()
    if icc:
        options["icc_profile"] = SRGB
    if name == "JPEG":
        options = {"quality": 95, "subsampling": 0, **options}
    if name == "AVIF":
        options = {"quality": 90, "speed": 10, "subsampling": "4:4:4", **options}
    if name == "WEBP":
        options = {"quality": 95, **options}
        if mode == "lossless":
            options["lossless"] = True
    if len(images) > 1:
        options = {"save_all": True, "append_images": images[1:], "duration": [100, 200, 300], "loop": 0, **options}
        if name == "GIF":
            options["disposal"] = 2
    if (name, first.mode) == ("BMP", "RGBA"):
        return bmp_with_alpha(first)
    out = io.BytesIO()
    first.save(out, name, **options)
    return out.getvalue()


def bmp_with_alpha(image):
    """Return an RGBA image as a BMP with a header of the version 4, from the first row to the last."""
    width, height = image.size
    header = struct.pack("<IiiHHII16x", 108, width, -height, 1, 32, 3, 4 * width * height)
    masks = struct.pack("<IIII4s48x", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs")
    start = 14 + 108
    file = struct.pack("<2sI4xI", b"BM", start + 4 * width * height, start)
    return file + header + masks + image.tobytes("raw", "BGRA")


def corners(image):
    """Return the colours near the corners of an image, None where it is transparent."""
    shown = image.convert("RGBA")
    across, down = image.width // 6, image.height // 6
    points = [
        (across, down),
        (image.width - 1 - across, down),
        (across, image.height - 1 - down),
        (image.width - 1 - across, image.height - 1 - down),
    ]
    pixels = [shown.getpixel(point) for point in points]
    return [None if pixel[3] < 100 else pixel[:3] for pixel in pixels]


def as_gray8(image):
    """Return a deep image as one that can be looked at."""
    if image.mode.startswith("I"):
        return image.convert("F").point(lambda value: value / 257 + 0).convert("L")
    return image


def close(found, wanted, tolerance):
    return all(
        (one is None) == (other is None)
        and (one is None or all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True)))
        for one, other in zip(found, wanted, strict=True)
    )
