"""Measure ``flask_pyfs.migration`` beside ``flask_pyfs.transfer.sync``: ``python tests/bench/migrating.py``.

There are 100,000 files of 1 KiB on a local disk, which go to a bucket of moto, 8 at a time, once by each. Then both run
again, with nothing to do. Each runs in a process of its own. What is printed are seconds, those of its processor, and
files in a second; and how much memory the process took more than with 1,000 files.

Before that, a file of 1 KiB is read by turns: from a plain storage, and from one that moves, where the file is in the
target or in the source. Printed are ratios of the medians, of two directories and of two buckets. In the target, a read
asks what a plain one asks; in the source, it asks once more.

What is to be reached: the rate of sync, with a tenth to spare, and no more than 16 MiB for the larger number.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stores.s3 import S3OnMoto

MIB = 1024 * 1024
FEW = 1000
#: How much longer than sync a migration may take, and how many MiB it may take for many files.
MOST, MEMORY = 1.1, 16


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tests/bench/migrating.py", description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000, help="how many files (default: %(default)s)")
    parser.add_argument("--reads", type=int, default=300, help="how often each file is read (default: %(default)s)")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run(*options.child)
        return
    with tempfile.TemporaryDirectory(prefix="flask_pyfs-bench-") as area:
        store = S3OnMoto(Path(area))
        with store.started():
            for kind in ("local", "s3"):
                compare_reads(kind, Path(area), options.reads)
            if options.files:
                measure(Path(area), options.files)


def compare_reads(kind: str, area: Path, reads: int) -> None:
    """Print how long a read of a storage that moves takes, beside one of a plain storage on the same backend."""
    import flask

    import flask_pyfs as fs

    keys = ("ENDPOINT", "REGION", "ACCESS_KEY", "SECRET_KEY")
    place = "ROOT" if kind == "local" else "BUCKET"
    old, new = (str(area / name) if kind == "local" else name for name in ("reads-old", "reads-new"))
    app = flask.Flask("bench")
    app.config.update(
        {f"FS_S3_{key}": os.environ[f"FLASK_PYFS_S3_{key}"] for key in keys}, FS_S3_ADDRESSING_STYLE="path"
    )
    app.config.update({"OLD_FS_BACKEND": kind, f"OLD_FS_{place}": old, "NEW_FS_BACKEND": kind, f"NEW_FS_{place}": new})
    app.config.update(MOVING_FS_BACKEND="migrating", MOVING_FS_SOURCE=kind, MOVING_FS_TARGET=kind)
    app.config.update({f"MOVING_FS_SOURCE_{place}": old, f"MOVING_FS_TARGET_{place}": new})
    before, after, moving = (fs.Storage(name, fs.ALL) for name in ("old", "new", "moving"))
    fs.init_app(app, before, after, moving)
    with app.app_context():
        before.write("source.bin", os.urandom(1024))
        after.write("target.bin", os.urandom(1024))
        each = {"plain": (after, "target.bin"), "target": (moving, "target.bin"), "source": (moving, "source.bin")}
        taken: dict[str, list[float]] = {what: [] for what in each}
        for _ in range(reads):
            for what, (storage, name) in each.items():
                start = time.perf_counter()
                storage.read(name)
                taken[what].append(time.perf_counter() - start)
    plain, target, source = (statistics.median(taken[what]) for what in ("plain", "target", "source"))
    print(
        f"a read of {kind}: plain {plain * 1000:.2f} ms; in the target {target / plain:.2f} times, "
        f"in the source {source / plain:.2f} times"
    )


def measure(area: Path, files: int) -> None:
    """Run both with few files and with many, and print what they took."""
    taken = {}
    for count in (FEW, files):
        root = area / str(count)
        for number in range(count):
            path = root / str(number % 100) / f"{number}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(1024))
            # files that were written minutes before are looked at once more
            os.utime(path, (1e9, 1e9))
        for again in (False, True):
            for what in ("sync", "migrate"):
                taken[what, count, again] = child(what, root, f"{what}-{count}")
    for again in (False, True):
        for what in ("migrate", "sync"):
            seconds, busy, _ = taken[what, files, again]
            print(
                f"{what}, {'again' if again else 'first'}: {seconds:.1f} s ({busy:.1f} busy), {files / seconds:.0f}/s"
            )
        ratio = taken["migrate", files, again][0] / taken["sync", files, again][0]
        print(f"ratio {ratio:.2f}, at most {MOST:.2f}: {verdict(ratio, MOST)}")
    for what in ("sync", "migrate"):
        more = (taken[what, files, False][2] - taken[what, FEW, False][2]) / MIB
        print(f"{what}: {more:.1f} MiB more for {files:,} files, at most {MEMORY}: {verdict(more, MEMORY)}")


def verdict(value: float, most: float) -> str:
    return "reached" if value <= most else "missed"


def child(what: str, root: Path, bucket: str) -> tuple[float, float, int]:
    argv = [sys.executable, __file__, "--child", what, str(root), bucket]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
    seconds, busy, memory = json.loads(done.stdout)
    return seconds, busy, memory


def run(what: str, root: str, bucket: str) -> None:
    """Do one of both, and print the seconds, those of the processor, and the bytes of memory that it took."""
    import boto3
    import flask

    import flask_pyfs as fs
    from flask_pyfs.migration import migrate
    from flask_pyfs.transfer import sync

    keys = ("ENDPOINT", "REGION", "ACCESS_KEY", "SECRET_KEY")
    endpoint, region, access_key, secret_key = (os.environ[f"FLASK_PYFS_S3_{key}"] for key in keys)
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
    )
    client.create_bucket(Bucket=bucket)
    app = flask.Flask("bench")
    app.config.update(
        {f"FS_S3_{key}": os.environ[f"FLASK_PYFS_S3_{key}"] for key in keys}, FS_S3_ADDRESSING_STYLE="path"
    )
    app.config.update(PLAIN_FS_BACKEND="s3", PLAIN_FS_BUCKET=bucket)
    app.config.update(MOVING_FS_BACKEND="migrating", MOVING_FS_SOURCE="local", MOVING_FS_TARGET="s3")
    app.config.update(MOVING_FS_SOURCE_ROOT=root, MOVING_FS_TARGET_BUCKET=bucket)
    plain, moving = fs.Storage("plain", fs.ALL), fs.Storage("moving", fs.ALL)
    fs.init_app(app, plain, moving)
    with app.app_context():
        start, busy = time.perf_counter(), time.process_time()
        report = sync(root, plain) if what == "sync" else migrate(moving)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
    assert not report.failed, report.failures
    print(json.dumps([seconds, busy, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))


if __name__ == "__main__":
    main()
