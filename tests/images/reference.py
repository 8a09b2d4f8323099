"""What an image should look like after an operation, by exact arithmetic: Pillow's floating-point mode."""

import io

from PIL import Image, ImageChops, ImageOps


def shown(content):
    """Return each frame as it is seen, upright, and for how long, in milliseconds."""
    with Image.open(io.BytesIO(content)) as image:
        for number in range(getattr(image, "n_frames", 1) if image.format not in ("MPO", "TIFF") else 1):
            image.seek(number)
            image.load()
            # Pillow turns a TIFF itself
            frame = image.copy() if image.format == "TIFF" else ImageOps.exif_transpose(image).copy()
            frame.info = dict(image.info)
            yield frame, round(image.info.get("duration", 0))


def bands(image):
    """Return the bands of an image in floating point: its colours times its alpha, and its alpha."""
    if image.mode == "CMYK":
        return [band.convert("F") for band in image.split()]
    if image.mode.startswith("I"):
        deep, key = image.convert("I"), image.info.get("transparency")
        gray = deep.convert("F").point(lambda value: value / 257 + 0)
        if key is None:
            return [gray, gray, gray, Image.new("F", image.size, 255)]
        alpha = deep.point([255 * (value != key) for value in range(65536)], "L")
        gray = Image.composite(gray.convert("L"), Image.new("L", image.size), alpha).convert("F")
        return [gray, gray, gray, alpha.convert("F")]
    return [band.convert("F") for band in image.convert("RGBA").convert("RGBa").split()]


def scaled(image, size, box=None):
    """Return the bands of an image in another size."""
    return [band.resize(size, Image.Resampling.LANCZOS, box) for band in bands(image)]


def furthest(some, others):
    """Return how far two lists of bands are from each other at most, with overshooting cut off."""
    pairs = zip(some, others, strict=True)
    return max(ImageChops.difference(_whole(one), _whole(other)).getextrema()[1] for one, other in pairs)


def mean(some, others):
    """Return how far they are from each other on the average."""
    found = [ImageChops.difference(_whole(one), _whole(other)) for one, other in zip(some, others, strict=True)]
    sums = [sum(value * count for value, count in enumerate(one.histogram())) for one in found]
    return sum(sums) / len(sums) / (found[0].width * found[0].height)


def _whole(band):
    return band.point(lambda value: value * 1 + 0.5).convert("L")


def hidden_aside(image):
    """Return the bytes of an image, with the colours of what is transparent set aside."""
    shown = image.convert("RGBA")
    shown.paste((0, 0, 0, 0), mask=shown.getchannel("A").point([255] + [0] * 255))
    return shown.tobytes()
