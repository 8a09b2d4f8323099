"""The largest image of each kind that is taken for each operation, and what it takes."""

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from typing import Any

from drawn import drawn as small
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
    """A kind of image: what is in it, ``flat``, ``photo`` or ``noise``, and how it is encoded."""

    format: str
    mode: str
    content: str = "noise"
    options: dict[str, Any] = field(default_factory=dict)
    frames: int = 1

    def made(self, side):
        """Return an image of this kind, as wide as it is high."""
        options = dict(self.options)
        turned = options.pop("turned", False)
        frames = [drawn(self.mode, side, self.content, number) for number in range(self.frames)]
        if turned:
            exif = Image.Exif()
            exif[0x0112] = 6
            options["exif"] = exif.tobytes()
        if self.frames > 1:
            options.update(save_all=True, append_images=frames[1:], duration=10)
        out = io.BytesIO()
        frames[0].save(out, self.format, **options)
        return out.getvalue()


def drawn(mode, side, content, number=0):
    """Draw a square image: one colour, smooth spots, or noise; and a few pixels that differ in each frame."""
    if content == "flat":
        image = Image.new(mode, (side, side))
    elif content == "photo":
        rough = Image.effect_noise((side // 8, side // 8), 80).resize((side, side), Image.Resampling.BICUBIC)
        if mode.startswith("I"):
            image = rough.convert("I").convert(mode)
        else:
            flipped = rough.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            image = Image.merge("RGB", (rough, flipped, rough)).convert(mode)
    else:
        row = len(Image.new(mode, (side, 1)).tobytes())
        image = Image.frombytes(mode, (side, side), os.urandom(row * side))
    if number:
        image.paste(Image.new(mode, (number % 50 + 1, 3)), (0, 0))
    return image


#: What is wanted of an image whose longer side is given.
OPERATIONS: dict[str, Any] = {
    "center": lambda side: [wanted.Thumbnail(200, None)],
    "crop": lambda side: [wanted.Thumbnail(200, (side / 4, side / 4, side / 4 + 300, side / 4 + 200))],
    "resize": lambda side: [wanted.Smaller(int(0.9 * side))],
    "optimize": lambda side: [wanted.Optimized()],
    "field": lambda side: [*(wanted.Thumbnail(size, None) for size in (100, 200, 400)), wanted.Displayed(1000, True)],
}


def largest_side(kind, operation):
    """Return the side of the largest image of a kind that the limits allow for an operation."""
    content = kind.made(SAMPLE)
    with open_image(io.BytesIO(content), Limits()) as opened:
        opened.count_frames()

        def is_taken(side):
            share = (side / SAMPLE) ** 2
            own = {key: int(getattr(opened.header, key) * share) for key in ("opening", "decoding", "length", "steps")}
            header = replace(opened.header, size=(side, side), **own)
            opened.image._size = (side, side)
            try:
                plan = jobs._plan(
                    Opened(opened.image, header, opened.format, opened.view), OPERATIONS[operation](side), Limits()
                )
            except UnauthorizedFileType:
                return False
            return plan.groups and plan.jobs[-1] is not wanted.CHECK

        low, high = 16, MOST
        while high - low > max(8, low // 100):
            middle = (low + high) // 2
            low, high = (middle, high) if is_taken(middle) else (low, middle)
    return low


CHILD = """
import io, json, resource, sys, time
from flask_pyfs import FSError, images
from flask_pyfs.fields.renditions import render
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
        path.write_bytes(small(name, "P" if name == "GIF" else "RGB"))
        warm.append([str(path), ext])
    arguments = json.dumps([warm, *([str(path), *rest] for path, *rest in runs)])
    done = subprocess.run([sys.executable, "-c", CHILD, arguments], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
