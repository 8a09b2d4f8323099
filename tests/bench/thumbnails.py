"""Measure images at the same time: ``python tests/bench/thumbnails.py``.

There are 20 thumbnails of 24-megapixel JPEGs, and 4 PNGs of 12 megapixels that are resized to a half. Beside flask_pyfs
are the bare calls of Pillow that do the same, and flask-fs2, whose thumbnails are PNGs. Each runs in a process of its
own, several times in turn. What is printed are medians. The seconds are those of the processors, of all threads
together, so that other programs on the machine hardly count; the wall clock stands beside them.

What is to be reached: thumbnails at most 1.1 times the seconds of Pillow, PNGs at most 1.3 times.
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

THUMBNAILS, RESIZED = 20, 4
PIXELS = (6000, 4000)
PNG_PIXELS = (4000, 3000)
SIZE, HALF = 300, 2000
MIB = 1024
#: How many times the processor time of Pillow each may take.
MOST = {"thumbnails of JPEGs": 1.1, "resized PNGs": 1.3}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each runs (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=THUMBNAILS, help="how many at once (default: %(default)s)")
    parser.add_argument("--without-peer", action="store_true", help="leave out flask-fs2, which is installed otherwise")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(*options.run, options.threads)
        return
    pythons = {"Pillow": sys.executable, "flask_pyfs": sys.executable}
    peer = {}
    if not options.without_peer:
        peer["flask-fs2"] = libraries.prepare_peer("flask-fs2", libraries.default_venvs(), "Pillow").python
    with tempfile.TemporaryDirectory() as area:
        photo, drawing = Path(area, "photo.jpg"), Path(area, "drawing.png")
        photo.write_bytes(drawn(PIXELS, "JPEG", quality=90))
        drawing.write_bytes(drawn(PNG_PIXELS, "PNG", compress_level=1))
        measure("thumbnails of JPEGs", THUMBNAILS, {**pythons, **peer}, photo, options)
        measure("resized PNGs", RESIZED, pythons, drawing, options)


def measure(what: str, count: int, pythons: dict[str, str], file: Path, options: argparse.Namespace) -> None:
    """Run each program in turn, and print what it took."""
    threads = min(options.threads, count)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in pythons}
    for _ in range(options.rounds):
        for name, python in pythons.items():
            command = [python, __file__, "--threads", str(threads), "--run", name, str(file), str(count)]
            found[name].append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
    print(f"| {count} {what}, {threads} at once | CPU seconds | times Pillow | seconds | MiB above the start, each |")
    print("| --- | --- | --- | --- | --- |")
    for name, runs in found.items():
        cpu = median(runs, "cpu")
        # each run beside that of Pillow in the same round, as they share what else the machine did
        times = statistics.median(one["cpu"] / bare["cpu"] for one, bare in zip(runs, found["Pillow"], strict=True))
        each = median(runs, "kib") / MIB / threads
        print(f"| {name} | {cpu:.2f} | {times:.2f} | {median(runs, 'seconds'):.2f} | {each:.1f} |")
        if name == "flask_pyfs":
            print(
                f"flask_pyfs is to take at most {MOST[what]} times: {'yes' if times <= MOST[what] else 'NO'}",
                file=sys.stderr,
            )
    print()


def median(runs: list[dict[str, float]], key: str) -> float:
    return statistics.median(run[key] for run in runs)


def drawn(size: tuple[int, int], name: str, **options: int) -> bytes:
    """Return an image with as many details as a photo has."""
    from PIL import Image

    rough = Image.effect_noise((size[0] // 8, size[1] // 8), 80).resize(size, Image.Resampling.BICUBIC)
    smooth = Image.radial_gradient("L").resize(size)
    out = io.BytesIO()
    Image.merge("RGB", (rough, smooth, rough)).save(out, name, **options)
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


def bare_resize(file: io.BytesIO, size: int) -> io.BytesIO:
    from PIL import Image

    with Image.open(file) as image:
        scale = size / max(image.size)
        small = image.resize(
            (round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS, reducing_gap=2.0
        )
    out = io.BytesIO()
    small.save(out, "PNG")
    return out


def run(name: str, path: str, count: str, threads: int) -> None:
    """Make the images in this process and print what they took."""
    is_png = path.endswith(".png")
    size = HALF if is_png else SIZE
    make: Callable[[io.BytesIO, int], io.BytesIO]
    if name == "Pillow":
        make = bare_resize if is_png else bare_thumbnail
    elif name == "flask_pyfs":
        from flask_pyfs import images

        make = images.resize if is_png else images.make_thumbnail  # type: ignore[assignment]
    else:
        from flask_fs.images import make_thumbnail as make
    from PIL import Image

    content = Path(path).read_bytes()
    small = io.BytesIO()
    Image.new("RGB", (64, 64)).save(small, "PNG" if is_png else "JPEG")
    make(small, 16)
    with ThreadPoolExecutor(threads) as pool:
        before = peak()
        start, cpu = time.perf_counter(), time.process_time()
        list(pool.map(lambda _: make(io.BytesIO(content), size), range(int(count))))
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu, "kib": peak() - before}))


def peak() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
