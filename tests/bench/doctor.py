"""Measure ``flask fs doctor`` as a whole process, on an app of five storages on four backends:
``python tests/bench/doctor.py``.

The app is loaded twice, the second time in another process, because the doctor compares its SECRET_KEY.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path.append(str(TESTS))

from servers.mongo import mongod  # noqa: E402
from servers.openstack import openstack_swift  # noqa: E402
from servers.s3 import client, moto_server  # noqa: E402

APP = """
from flask import Flask
import flask_pyfs as fs

app = Flask(__name__)
app.config.update({settings!r})
fs.init_app(app, *(fs.Storage(name, fs.ALL) for name in ("photos", "videos", "mails", "reports", "drafts")))
"""


def measure(directory: Path, *arguments: str) -> tuple[float, float]:
    """Return the seconds that a command takes, and those of the processor."""
    command = [sys.executable, "-m", "flask", "--app", "shop", *arguments]
    before, start = cpu(), time.perf_counter()
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return time.perf_counter() - start, cpu() - before


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as area:
        directory = Path(area)
        for name in ("moto", "swift", "mongo", "app"):
            (directory / name).mkdir()
        with (
            moto_server(directory / "moto") as s3,
            openstack_swift(directory / "swift") as swift,
            mongod(directory / "mongo") as mongo,
        ):
            client(s3).create_bucket(Bucket="bench-photos")
            settings = {
                "SECRET_KEY": "a long and random text of an app",
                "FS_SERVE": True,
                "PHOTOS_FS_BACKEND": "s3",
                "VIDEOS_FS_BACKEND": "s3",
                "PHOTOS_FS_BUCKET": "bench-photos",
                "VIDEOS_FS_BUCKET": "bench-videos",
                "FS_S3_ENDPOINT": s3.url,
                "FS_S3_REGION": s3.region,
                "FS_S3_ACCESS_KEY": s3.access_key,
                "FS_S3_SECRET_KEY": s3.secret_key,
                "MAILS_FS_BACKEND": "swift",
                "FS_SWIFT_AUTHURL": swift.auth_url,
                "FS_SWIFT_USER": swift.user,
                "FS_SWIFT_KEY": swift.key,
                "REPORTS_FS_BACKEND": "gridfs",
                "FS_GRIDFS_MONGO_URL": mongo.url,
                "FS_GRIDFS_MONGO_DB": "bench",
                "FS_ROOT": str(directory / "files"),
            }
            (directory / "app" / "shop.py").write_text(APP.format(settings=settings))
            for arguments in (("routes",), ("fs", "doctor")):
                taken, used = zip(*(measure(directory / "app", *arguments) for _ in range(rounds)), strict=True)
                print(
                    f"flask {' '.join(arguments)}: {statistics.median(taken):.2f} s "
                    f"({min(taken):.2f} to {max(taken):.2f}), {statistics.median(used):.2f} s of the processor"
                )


main()
