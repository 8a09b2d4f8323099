"""Bombs are stopped before they are decoded, and damaged images raise only errors of the package."""

import io
import random
import struct
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from drawn import MODES, drawn
from PIL import Image

from flask_pyfs import FSError, UnauthorizedFileType, images
from flask_pyfs.seekable import FileView
from flask_pyfs.uploads import content as verify
from flask_pyfs.uploads import svg

OPERATIONS = {
    "center": lambda file: images.make_thumbnail(file, 16),
    "crop": lambda file: images.make_thumbnail(file, 16, (3, 5, 40, 30)),
    "resize": lambda file: images.resize(file, 20),
    "optimize": images.optimize,
}
EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "AVIF": "avif", "BMP": "bmp", "TIFF": "tif"}
MIB = 1024 * 1024


def png(width, height, colour=2, rows=0):
    """Return a PNG that says how large it is, and has so many rows of it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = bytes(1 + width * {0: 1, 2: 3, 6: 4}[colour])
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("operation", ["center", "crop", "resize"])
@pytest.mark.parametrize("size", [(7_500, 7_500), (40_000, 40_000), (2**31 - 1, 1), (53_000_001, 1)])
def test_what_would_take_too_much_is_refused_by_the_header(operation, size):
    file = io.BytesIO(png(*size))
    with pytest.raises(UnauthorizedFileType):
        OPERATIONS[operation](file)
    assert file.tell() == 0


def test_what_would_take_too_much_is_not_optimized():
    content = png(7_500, 7_500)
    assert images.optimize(io.BytesIO(content)).read() == content
    with pytest.raises(UnauthorizedFileType, match="FS_IMAGES_MAX_PIXELS"):
        images.optimize(io.BytesIO(content), max_pixels=7_500**2 - 1)


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "AVIF"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_pixels_of_all_frames_count(name, operation):
    content = drawn(name, "animated")
    images.make_thumbnail(io.BytesIO(content), 16, max_pixels=3 * 96 * 64)
    functions: dict[str, Any] = {"center": images.center_thumbnail, "optimize": images.optimize}
    arguments = {"center": (16,), "optimize": ()}.get(operation, (16,))
    with pytest.raises(UnauthorizedFileType, match="FS_IMAGES_MAX_PIXELS"):
        functions.get(operation, images.resize)(io.BytesIO(content), *arguments, max_pixels=3 * 96 * 64 - 1)


def test_a_frame_that_is_larger_than_the_canvas_counts():
    content = bytearray(drawn("GIF", "animated", size=(8, 8)))
    # the logical screen becomes one pixel
    content[6:10] = struct.pack("<HH", 1, 1)
    with pytest.raises(UnauthorizedFileType):
        images.make_thumbnail(io.BytesIO(content), 16, max_pixels=100)


def test_frames_that_become_larger_count():
    frames = [Image.new("L", (2, 2), number % 7 * 30) for number in range(300)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=10)
    assert images.make_thumbnail(out, 16)
    for limit in (None, 300 * 4):
        with pytest.raises(UnauthorizedFileType, match="300 frames"):
            images.make_thumbnail(out, 500, max_pixels=limit)


def test_a_jpeg_that_is_decoded_at_a_smaller_size_may_be_large():
    out = io.BytesIO()
    Image.new("L", (9000, 9000), 128).save(out, "JPEG")
    with Image.open(images.make_thumbnail(out, 100)) as small:
        assert small.size == (100, 100)
    with pytest.raises(UnauthorizedFileType, match="FS_IMAGES_MAX_PIXELS"):
        images.make_thumbnail(out, 100, max_pixels=80_000_000)


MEASURED = """
import io, sys
from PIL import Image
from flask_pyfs import FSError, images

def peak():
    # what getrusage says starts with the peak of the parent
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024

def resize(file):
    with Image.open(file) as image:
        side = max(image.size)
    for part in (0.98, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4):
        try:
            return images.resize(file, int(part * side))
        except FSError:
            pass

path, operation = sys.argv[1:]
with open(path + ".small", "rb") as file:
    images.make_thumbnail(file, 16)
before = peak()
with open(path, "rb") as file:
    try:
        {"center": lambda: images.make_thumbnail(file, 200),
         "resize": lambda: resize(file),
         "optimize": lambda: images.optimize(file)}[operation]()
    except FSError as error:
        sys.exit(str(error))
print(peak() - before)
"""

# the largest that are taken
BOMBS: dict[str, Any] = {
    "PNG": ("PNG", "RGB", (7200, 7200), {"compress_level": 1}),
    "PNG with alpha": ("PNG", "RGBA", (7200, 7200), {"compress_level": 1}),
    "PNG, gray": ("PNG", "L", (9_400, 9_400), {"compress_level": 1}),
    "PNG of 16 bits": ("PNG", "I;16", (7200, 7200), {"compress_level": 1}),
    "PNG turned": ("PNG", "RGB", (7200, 7200), {"compress_level": 1, "exif": 6}),
    "JPEG": ("JPEG", "RGB", (9_400, 9_400), {}),
    "JPEG turned": ("JPEG", "RGB", (9_400, 9_400), {"exif": 6}),
    "JPEG, progressive": ("JPEG", "RGB", (5850, 5850), {"progressive": True, "subsampling": 0}),
    "JPEG, progressive, in CMYK": ("JPEG", "CMYK", (5000, 5000), {"progressive": True}),
    "GIF": ("GIF", "P", (6400, 6400), {}),
    "GIF with clear pixels": ("GIF", "RGBA", (4000, 4000), {}),
    "GIF, animated": ("GIF", "RGBA", (3300, 3300), {"frames": 2, "disposal": 2}),
    "GIF of many frames": ("GIF", "P", (600, 600), {"frames": 40, "disposal": 2}),
    "APNG": ("PNG", "RGBA", (3200, 3200), {"frames": 2, "compress_level": 1}),
    "APNG of many frames": ("PNG", "RGBA", (600, 600), {"frames": 40, "compress_level": 1}),
    "WebP": ("WEBP", "RGB", (3500, 3500), {"method": 0}),
    "WebP without loss": ("WEBP", "RGBA", (3500, 3500), {"lossless": True, "method": 0}),
    "WebP, animated": ("WEBP", "RGBA", (2900, 2900), {"frames": 2, "method": 0}),
    "AVIF": ("AVIF", "RGB", (3600, 3600), {"speed": 10, "subsampling": "4:4:4"}),
    "AVIF, animated": ("AVIF", "RGBA", (2600, 2600), {"frames": 2, "speed": 10}),
    "BMP": ("BMP", "RGB", (7200, 7200), {}),
    "TIFF": ("TIFF", "CMYK", (4800, 4800), {"compression": "tiff_adobe_deflate", "strip_size": 2**31 - 1}),
}
QUICK = ["PNG with alpha", "JPEG, progressive", "GIF, animated", "WebP"]


def bomb(kind):
    name, mode, size, options = BOMBS[kind]
    options = dict(options)
    frames = []
    for number in range(options.pop("frames", 1)):
        image = Image.new(mode, size)
        # a few details, that encoders have something to keep
        noise = Image.effect_noise((size[0], 64), 90 + number).convert(mode if mode != "I;16" else "I").convert(mode)
        image.paste(noise, (0, 100 * number))
        frames.append(image)
    if "exif" in options:
        exif = Image.Exif()
        exif[0x0112] = options["exif"]
        options["exif"] = exif.tobytes()
    if len(frames) > 1:
        options.update(save_all=True, append_images=frames[1:], duration=10)
    out = io.BytesIO()
    frames[0].save(out, name, **options)
    return out.getvalue()


def test_the_largest_that_is_taken_fits_into_the_memory(soak, tmp_path):
    for kind in BOMBS if soak else QUICK:
        measure(kind, tmp_path / kind)


def measure(kind, tmp_path):
    tmp_path.mkdir()
    path = tmp_path / "bomb"
    path.write_bytes(bomb(kind))
    Path(f"{path}.small").write_bytes(drawn("PNG", "RGBA"))
    used = {}
    for operation in ("center", "resize", "optimize"):
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, str(path), operation], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        used[operation] = int(done.stdout)
    print(kind, used)
    assert max(used.values()) <= 256, used


def test_all_bands_one_by_one_count_as_a_progressive_jpeg(tmp_path):
    """A JPEG may have a scan for each component without being progressive (ITU-T T.81, A.2.3)."""
    out = io.BytesIO()
    Image.new("RGB", (6000, 6000)).save(out, "JPEG", subsampling=0)
    content = bytearray(out.getvalue())
    scan = content.index(b"\xff\xda")
    assert content[scan + 4] == 3
    assert images.make_thumbnail(io.BytesIO(content), 16)
    content[scan + 4] = 1
    with pytest.raises(UnauthorizedFileType, match="MiB"):
        images.make_thumbnail(io.BytesIO(content), 16)


def test_many_scans_are_refused():
    out = io.BytesIO()
    with Image.open(io.BytesIO(drawn("JPEG", "RGB"))) as image:
        image.save(out, "JPEG", progressive=True)
    content = out.getvalue()
    assert images.make_thumbnail(io.BytesIO(content), 16)
    last = content.rindex(b"\xff\xda")
    many = content[:last] + content[last:-2] * 1000 + content[-2:]
    with pytest.raises(UnauthorizedFileType, match="scans"):
        images.make_thumbnail(io.BytesIO(many), 16)


def mutated(content, random):
    """Return an image with a few bytes changed, cut off, doubled or moved."""
    made = bytearray(content)
    for _ in range(random.choice([1, 1, 2, 3, 8, 40])):
        place = random.randrange(len(made)) if random.random() < 0.5 else random.randrange(min(len(made), 200))
        kind = random.randrange(6)
        if kind == 0:
            made[place] = random.randrange(256)
        elif kind == 1:
            made[place] ^= 1 << random.randrange(8)
        elif kind == 2:
            made[place : place + 4] = random.choice(
                [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\1\0\0"]
            )
        elif kind == 3 and len(made) > 20:
            del made[place : place + random.choice([1, 4, 100, 10_000])]
        elif kind == 4:
            made[place:place] = made[place : place + random.choice([1, 4, 30])]
        elif len(made) > 20:
            del made[max(20, place) :]
        if not made:
            made += b"\0"
    return bytes(made)


def with_checksums(content):
    """Return a PNG whose chunks have the checksums of what is in them, so that they are decoded."""
    made, place = bytearray(content), 8
    while place + 12 <= len(made):
        end = place + 8 + int.from_bytes(made[place : place + 4], "big")
        if end + 4 > len(made):
            break
        made[end : end + 4] = struct.pack(">I", zlib.crc32(made[place + 4 : end]))
        place = end + 4
    return bytes(made)


@pytest.mark.parametrize("name", MODES)
def test_mutated_images(name, soak):
    chance = random.Random(name)
    sources = [drawn(name, mode, size=(48, 32)) for mode in MODES[name]]
    sources.append(drawn(name, MODES[name][1], 6, size=(48, 32), icc=name in ("JPEG", "PNG", "TIFF")))
    outcomes = {"made": 0, "refused": 0}
    for number in range(5_000 if soak else 100):
        content = mutated(chance.choice(sources), chance)
        if name == "PNG" and number % 2:
            content = with_checksums(content)
        operation = list(OPERATIONS.values())[number % len(OPERATIONS)]
        for attempt in (lambda file: verify.verify(file, EXTENSIONS[name]), operation):
            file = io.BytesIO(content)
            start = time.process_time()
            try:
                attempt(file)
                outcomes["made"] += 1
            except FSError:
                outcomes["refused"] += 1
            assert time.process_time() - start < 10
            assert not file.closed
    assert min(outcomes.values()) > 10, outcomes


@pytest.mark.parametrize("function", [svg.check, svg.strip])
def test_mutated_svg(function, soak):
    chance = random.Random("svg")
    source = (
        b'<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd">'
        b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><style>a{fill:url(#x)}'
        b'</style><g id="x"><use xlink:href="#y"/><text>&amp;&#65; x</text><![CDATA[ x ]]></g><!-- y --></svg>'
    )
    for _ in range(5_000 if soak else 200):
        with suppress(FSError):
            function(io.BytesIO(mutated(source, chance)))


class Watched(io.BytesIO):
    largest = 0

    def read(self, size=-1):
        self.largest = max(self.largest, size)
        return super().read(size)


def test_no_more_is_asked_of_a_file_than_it_has():
    file = Watched(b"x" * 3_000_000)
    view = FileView(file, 1_000_000)
    view.seek(0)
    assert len(view.read(10**12)) == 2_000_000
    assert file.largest == 2_000_000
    assert view.read(10**12) == b""
    for wrong in (1.5, None, "1"):
        with pytest.raises(TypeError):
            view.seek(wrong)  # type: ignore[arg-type]
    for outside in ((-1, 0), (-1_500_000, 1), (-2_000_001, 2), (2**63, 0)):
        view.seek(1_400_000)
        with pytest.raises(ValueError, match="cannot seek"):
            view.seek(*outside)
    assert view.error is None
