"""Measure 20 thumbnails of 24-megapixel JPEGs at the same time: ``python tests/bench/thumbnails.py``.

Beside flask_pyfs are the bare calls of Pillow that do the same, and flask-fs2, whose thumbnails are PNGs. Each runs in
a process of its own, several times in turn. What is printed are medians.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import libraries

THUMBNAILS = 20
PIXELS = (6000, 4000)
SIZE = 300
MIB = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each runs (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=THUMBNAILS, help="how many at once (default: %(default)s)")
    parser.add_argument("--without-peer", action="store_true", help="leave out flask-fs2, which is installed otherwise")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(*options.run, options.threads)
        return
    pythons = {"Pillow": sys.executable, "flask_pyfs": sys.executable}
    if not options.without_peer:
        pythons["flask-fs2"] = libraries.prepare_peer("flask-fs2", libraries.default_venvs(), "Pillow").python
    with tempfile.TemporaryDirectory() as area:
        photo = Path(area, "photo.jpg")
        photo.write_bytes(drawn())
        found: dict[str, list[dict[str, float]]] = {name: [] for name in pythons}
        for _ in range(options.rounds):
            for name, python in pythons.items():
                command = [python, __file__, "--threads", str(options.threads), "--run", name, str(photo)]
                found[name].append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
    print(
        f"| {THUMBNAILS} thumbnails, {options.threads} at once | seconds | times Pillow | MiB above the start, each |"
    )
    print("| --- | --- | --- | --- |")
    bare = median(found["Pillow"], "seconds")
    for name, runs in found.items():
        seconds = median(runs, "seconds")
        each = median(runs, "kib") / MIB / options.threads
        print(f"| {name} | {seconds:.2f} | {seconds / bare:.2f} | {each:.1f} |")


def median(runs: list[dict[str, float]], key: str) -> float:
    return statistics.median(run[key] for run in runs)


def drawn() -> bytes:
    """Return a JPEG with as many details as a photo has."""
    from PIL import Image

    rough = Image.effect_noise((PIXELS[0] // 8, PIXELS[1] // 8), 80).resize(PIXELS, Image.Resampling.BICUBIC)
    smooth = Image.radial_gradient("L").resize(PIXELS)
    out = io.BytesIO()
    Image.merge("RGB", (rough, smooth, rough)).save(out, "JPEG", quality=90)
    return out.getvalue()


def bare_thumbnail(file: io.BytesIO, size: int) -> io.BytesIO:
    from PIL import Image, ImageOps

    with Image.open(file) as image:
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
        turned = ImageOps.exif_transpose(image)
    square = Image.new(turned.mode, (size, size), "white")
    square.paste(turned, ((size - turned.width) // 2, (size - turned.height) // 2))
    out = io.BytesIO()
    square.save(out, "JPEG", quality=85, optimize=True, progressive=True)
    return out


def run(name: str, photo: str, threads: int) -> None:
    """Make the thumbnails in this process and print what they took."""
    make: Callable[[io.BytesIO, int], io.BytesIO]
    if name == "Pillow":
        make = bare_thumbnail
    elif name == "flask_pyfs":
        from flask_pyfs.images import make_thumbnail as make
    else:
        from flask_fs.images import make_thumbnail as make
    from PIL import Image

    content = Path(photo).read_bytes()
    small = io.BytesIO()
    Image.new("RGB", (64, 64)).save(small, "JPEG")
    make(small, 16)
    with ThreadPoolExecutor(threads) as pool:
        before = peak()
        start = time.perf_counter()
        list(pool.map(lambda _: make(io.BytesIO(content), SIZE), range(THUMBNAILS)))
        seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "kib": peak() - before}))


def peak() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
