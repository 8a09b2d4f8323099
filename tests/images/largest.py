"""The largest image of each kind that is taken for each operation, and what it takes."""

import io
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pillow_heif
from drawn import drawn as small
from phones import heic
from PIL import Image

from flask_pyfs import UnauthorizedFileType
from flask_pyfs.images import jobs, wanted
from flask_pyfs.images.limits import Limits
from flask_pyfs.images.opening import Opened, open_image

MIB = 1024 * 1024
SAMPLE = 400
MOST = 14_000


@dataclass
class Kind:
    """A kind of image: what is in it, ``flat``, ``photo``, ``page`` or ``noise``, and how it is encoded."""

    format: str
    mode: str
    content: str = "noise"
    options: dict[str, Any] = field(default_factory=dict)
    frames: int = 1

    def made(self, side):
        """Return an image of this kind.

        :param side: its width and height.
        """
        options = dict(self.options)
        width, height = side if isinstance(side, tuple) else (side, side)
        turned = options.pop("turned", False)
        frames = [drawn(self.mode, (width, height), self.content, number) for number in range(self.frames)]
        if turned:
            exif = Image.Exif()
            exif[0x0112] = 6
            options["exif"] = exif.tobytes()
        if self.frames > 1:
            options.update(save_all=True, append_images=frames[1:], duration=10)
        out = io.BytesIO()
        if self.format == "HEIF":
            fast = {"enc_params": {"preset": "ultrafast"}, "quality": 40}
            pillow_heif.from_pillow(frames[0]).save(out, **fast, **options)
            return out.getvalue()
        frames[0].save(out, self.format, **options)
        return out.getvalue()


def drawn(mode, size, content, number=0):
    """Draw an image: one colour, smooth spots, these on a white page, or noise.

    A few pixels differ in each frame.
    """
    if content == "flat":
        image = Image.new(mode, size)
    elif content == "page":
        image = Image.new(mode, size, "white")
        image.paste(drawn(mode, (size[0], size[1] // 3), "photo"))
    elif content == "photo":
        rough = Image.effect_noise((size[0] // 8, size[1] // 8), 80).resize(size, Image.Resampling.BICUBIC)
        if mode.startswith("I"):
            image = rough.convert("I").convert(mode)
        else:
            flipped = rough.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            image = Image.merge("RGB", (rough, flipped, rough)).convert(mode)
    else:
        row = len(Image.new(mode, (size[0], 1)).tobytes())
        image = Image.frombytes(mode, size, os.urandom(row * size[1]))
    if number:
        image.paste(Image.new(mode, (number % 50 + 1, 3)), (0, 0))
    return image


_FAST = {"compress_level": 1}
_LOSSLESS = {"lossless": True, "method": 0, "quality": 0}
_FULL = {"speed": 10, "subsampling": "4:4:4"}

KINDS = {
    "PNG, flat": Kind("PNG", "RGB", "flat", _FAST),
    "PNG": Kind("PNG", "RGB", "noise", _FAST),
    "PNG, turned": Kind("PNG", "RGB", "noise", {**_FAST, "turned": True}),
    "PNG with alpha": Kind("PNG", "RGBA", "photo", _FAST),
    "PNG, gray": Kind("PNG", "L", "noise", _FAST),
    "PNG, gray with alpha": Kind("PNG", "LA", "photo", _FAST),
    "PNG in palette": Kind("PNG", "P", "noise", _FAST),
    "PNG of bits": Kind("PNG", "1", "noise", _FAST),
    "PNG of 16 bits": Kind("PNG", "I;16", "photo", _FAST),
    "JPEG, flat": Kind("JPEG", "RGB", "flat"),
    "JPEG": Kind("JPEG", "RGB", "noise", {"quality": 90}),
    "JPEG, gray": Kind("JPEG", "L", "noise"),
    "JPEG, turned": Kind("JPEG", "RGB", "photo", {"turned": True}),
    "JPEG, progressive": Kind("JPEG", "RGB", "photo", {"progressive": True, "subsampling": 0}),
    "JPEG, progressive, in CMYK": Kind("JPEG", "CMYK", "noise", {"progressive": True}),
    "GIF in palette": Kind("GIF", "P", "noise"),
    "GIF": Kind("GIF", "RGB", "photo"),
    "GIF with clear pixels": Kind("GIF", "RGBA", "noise"),
    "GIF of 2 frames": Kind("GIF", "RGBA", "noise", {"disposal": 2}, frames=2),
    "GIF of 40 frames": Kind("GIF", "P", "noise", {"disposal": 2}, frames=40),
    "GIF of 300 frames": Kind("GIF", "RGB", "photo", frames=300),
    "APNG of 2 frames": Kind("PNG", "RGBA", "noise", _FAST, frames=2),
    "APNG of 40 frames": Kind("PNG", "RGBA", "photo", _FAST, frames=40),
    "WebP": Kind("WEBP", "RGB", "photo", {"method": 0}),
    "WebP with alpha": Kind("WEBP", "RGBA", "noise", {"method": 0}),
    "WebP without loss": Kind("WEBP", "RGBA", "photo", _LOSSLESS),
    "WebP without loss, noise": Kind("WEBP", "RGBA", "noise", _LOSSLESS),
    "WebP of 2 frames": Kind("WEBP", "RGBA", "noise", {"method": 0}, frames=2),
    "WebP of 40 frames": Kind("WEBP", "RGB", "photo", {"method": 0}, frames=40),
    "AVIF": Kind("AVIF", "RGB", "photo", _FULL),
    "AVIF with alpha": Kind("AVIF", "RGBA", "noise", _FULL),
    "AVIF of 2 frames": Kind("AVIF", "RGBA", "noise", {"speed": 10}, frames=2),
    "AVIF of 30 frames": Kind("AVIF", "RGB", "photo", {"speed": 10}, frames=30),
    "AVIF, 4:2:0": Kind("AVIF", "RGB", "noise", {"speed": 10}),
    "HEIC": Kind("HEIF", "RGB", "photo"),
    "HEIC of tiles": Kind("HEIF", "RGB", "photo", {"tile_size": 512}),
    "HEIC, 4:4:4": Kind("HEIF", "RGB", "photo", {"chroma": 444}),
    "HEIC with alpha": Kind("HEIF", "RGBA", "photo"),
    "HEIC, gray": Kind("HEIF", "L", "photo"),
    "HEIC of 10 bits": Kind("HEIF", "I;16", "photo"),
    "BMP": Kind("BMP", "RGB", "noise"),
    "BMP in palette": Kind("BMP", "P", "noise"),
    "TIFF": Kind("TIFF", "RGB", "noise"),
    "TIFF, LZW": Kind("TIFF", "RGB", "noise", {"compression": "tiff_lzw"}),
    "TIFF of one strip": Kind("TIFF", "CMYK", "noise", {"compression": "tiff_adobe_deflate", "strip_size": 2**31 - 1}),
    "TIFF, JPEG": Kind("TIFF", "RGB", "photo", {"compression": "jpeg"}),
    "TIFF of 16 bits": Kind("TIFF", "I;16", "photo", {"compression": "tiff_adobe_deflate"}),
    "TIFF of bits": Kind("TIFF", "1", "noise", {"compression": "group4"}),
    "TIFF in palette": Kind("TIFF", "P", "noise", {"compression": "packbits"}),
    "TIFF of numbers": Kind("TIFF", "F", "noise"),
}

#: What is wanted of an image whose longer side is given.
OPERATIONS: dict[str, Any] = {
    "center": lambda side: [wanted.Thumbnail(200, None)],
    "crop": lambda side: [wanted.Thumbnail(200, (side / 4, side / 4, side / 4 + 300, side / 4 + 200))],
    "resize": lambda side: [wanted.Smaller(int(0.9 * side))],
    "quarter": lambda side: [wanted.Smaller(max(1, side // 4))],
    "optimize": lambda side: [wanted.Optimized()],
    "field": lambda side: [*(wanted.Thumbnail(size, None) for size in (100, 200, 400)), wanted.Displayed(1000, True)],
}


@contextmanager
def sample(kind):
    """Yield a function that tells whether an image of a kind is made into files, judged by a smaller one."""
    content = kind.made(SAMPLE)
    with open_image(io.BytesIO(content), Limits()) as opened:
        opened.count_frames()

        def is_taken(size, files):
            share = size[0] * size[1] / SAMPLE**2
            own: dict[str, Any] = {
                key: int(getattr(opened.header, key) * share) for key in ("opening", "decoding", "length", "steps")
            }
            header = replace(opened.header, size=size, **own)
            opened.image._size = size
            try:
                plan = jobs._plan(Opened(opened.image, header, opened.format, opened.view), files, Limits())
            except UnauthorizedFileType:
                return False
            return bool(plan.groups and plan.jobs[-1] is not wanted.CHECK)

        yield is_taken


def largest_side(kind, operation):
    """Return the side of the largest image of a kind that the limits allow for an operation."""
    with sample(kind) as is_taken:
        low, high = 16, MOST
        while high - low > max(8, low // 100):
            middle = (low + high) // 2
            low, high = (middle, high) if is_taken((middle, middle), OPERATIONS[operation](middle)) else (low, middle)
    return low


#: What phones, cameras and scanners make: the kind, the width and height.
PHONE_12, PHONE_24, PHONE_48 = (4032, 3024), (5712, 4284), (8064, 6048)
A4_600_DPI = (4960, 7016)
ORDINARY = {
    "JPEG of 12 megapixels": (Kind("JPEG", "RGB", "photo"), PHONE_12),
    "JPEG of 48 megapixels": (Kind("JPEG", "RGB", "photo"), PHONE_48),
    "JPEG of 48 megapixels, progressive": (Kind("JPEG", "RGB", "photo", {"progressive": True}), PHONE_48),
    "JPEG of 108 megapixels": (Kind("JPEG", "RGB", "photo"), (12000, 9000)),
    "JPEG of 200 megapixels": (Kind("JPEG", "RGB", "photo"), (16320, 12240)),
    "HEIC of 12 megapixels": (KINDS["HEIC of tiles"], PHONE_12),
    "HEIC of 24 megapixels": (KINDS["HEIC of tiles"], PHONE_24),
    "HEIC of 48 megapixels": (KINDS["HEIC of tiles"], PHONE_48),
    "WebP of 12 megapixels": (Kind("WEBP", "RGB", "photo", {"method": 0}), PHONE_12),
    "AVIF of 12 megapixels": (Kind("AVIF", "RGB", "photo", {"speed": 10}), PHONE_12),
    "PNG of 12 megapixels": (Kind("PNG", "RGB", "photo", _FAST), PHONE_12),
    "A4, JPEG": (Kind("JPEG", "RGB", "photo"), A4_600_DPI),
    "A4, JPEG, gray": (Kind("JPEG", "L", "photo"), A4_600_DPI),
    "A4, PNG": (Kind("PNG", "RGB", "photo", _FAST), A4_600_DPI),
    "A4, PNG, gray": (Kind("PNG", "L", "photo", _FAST), A4_600_DPI),
    "A4, PNG of bits": (Kind("PNG", "1", "photo"), A4_600_DPI),
    "A4, TIFF of bits": (Kind("TIFF", "1", "photo", {"compression": "group4"}), A4_600_DPI),
    "A4, TIFF of bits in one strip": (
        Kind("TIFF", "1", "photo", {"compression": "group4", "strip_size": 2**31 - 1}),
        A4_600_DPI,
    ),
    "A4, TIFF, gray": (Kind("TIFF", "L", "photo"), A4_600_DPI),
    "A4, TIFF": (Kind("TIFF", "RGB", "photo"), A4_600_DPI),
    "A4, TIFF, LZW": (Kind("TIFF", "RGB", "page", {"compression": "tiff_lzw"}), A4_600_DPI),
    "A4, TIFF, JPEG": (Kind("TIFF", "RGB", "photo", {"compression": "jpeg"}), A4_600_DPI),
}

#: What is made of them.
MADE: dict[str, Any] = {
    "thumbnail of 200": [wanted.Thumbnail(200, None)],
    "thumbnail of 800": [wanted.Thumbnail(800, None)],
    "resize to 1600": [wanted.Smaller(1600)],
}

CHILD = """
import io, json, resource, sys, time
from flask_pyfs import FSError, images
from flask_pyfs.renditions.making import render
from flask_pyfs.uploads.content import verify

def peak():
    # what getrusage says starts with the peak of the parent
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024

def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime

DONE = {
    "center": lambda file, side, ext: images.make_thumbnail(file, 200),
    "crop": lambda file, side, ext: images.make_thumbnail(
        file, 200, (side / 4, side / 4, side / 4 + 300, side / 4 + 200)),
    "resize": lambda file, side, ext: images.resize(file, max(1, int(0.9 * side))),
    "quarter": lambda file, side, ext: images.resize(file, max(1, side // 4)),
    "thumbnail of 200": lambda file, side, ext: images.make_thumbnail(file, 200),
    "thumbnail of 800": lambda file, side, ext: images.make_thumbnail(file, 800),
    "resize to 1600": lambda file, side, ext: images.resize(file, 1600),
    "optimize": lambda file, side, ext: images.optimize(file),
    "verify": lambda file, side, ext: verify(file, ext),
    "field": lambda file, side, ext: render(file, sizes=(100, 200, 400), max_size=1000, optimize=True),
}
warm, *runs = json.loads(sys.argv[1])
for path, ext in warm:
    with open(path, "rb") as file:
        images.make_thumbnail(file, 16)
        verify(file, ext)
memory, found = peak(), []
for path, operation, side, ext in runs:
    seconds = used()
    with open(path, "rb") as file:
        try:
            DONE[operation](file, side, ext)
            error = ""
        except FSError as refused:
            error = str(refused)
    found.append({"mib": (peak() - memory) / 2**20, "seconds": used() - seconds, "error": error})
print(json.dumps(found))
"""


def measured(tmp_path, runs):
    """Make operations in a process of its own; return for each the MiB above the start, the seconds, and the error.

    :param runs: for each the path of a file, the operation, the longer side in pixels, and the extension.
    """
    warm = []
    for ext in {ext for *_, ext in runs}:
        path = tmp_path / f"small.{ext}"
        name = {"jpg": "JPEG", "tif": "TIFF"}.get(ext, ext.upper())
        path.write_bytes(heic() if ext == "heic" else small(name, "P" if name == "GIF" else "RGB"))
        warm.append([str(path), ext])
    arguments = json.dumps([warm, *([str(path), *rest] for path, *rest in runs)])
    done = subprocess.run([sys.executable, "-c", CHILD, arguments], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
