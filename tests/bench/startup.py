"""What it takes to start: ``python tests/bench/startup.py`` prints the table of ten storages, each kind in a process of
its own. No server is asked.

With a job, as the contest gives one, it imports one library, configures a storage, and prints the times as JSON.

Flask is imported before: an app has it anyway.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from drivers import make_app, make_storage
from stores import STORES

ROUNDS = 5
TEN = 10
BACKENDS = ("local", "memory", "s3", "gridfs", "swift")

#: Nobody listens there.
SETTINGS = {
    "FS_S3_ENDPOINT": "http://127.0.0.1:1",
    "FS_S3_REGION": "us-east-1",
    "FS_S3_ACCESS_KEY": "key",
    "FS_S3_SECRET_KEY": "secret",
    "FS_GRIDFS_MONGO_URL": "mongodb://127.0.0.1:1/",
    "FS_GRIDFS_MONGO_DB": "bench",
    "FS_SWIFT_AUTHURL": "http://127.0.0.1:1/auth/v1.0",
    "FS_SWIFT_AUTH_VERSION": "1",
    "FS_SWIFT_USER": "user",
    "FS_SWIFT_KEY": "key",
}


def start(job: dict[str, Any]) -> dict[str, Any]:
    """Return the seconds of an import and of ``init_app``."""
    app = make_app(STORES[job["store"]](Path(job["area"])).settings())
    began = time.perf_counter()
    storage = make_storage(job["module"], job["storage"])
    imported = time.perf_counter()
    sys.modules[job["module"]].init_app(app, storage)
    configured = time.perf_counter()
    times = {"import": imported - began, "init": configured - imported}
    return {name: {"seconds": seconds, "times": 1} for name, seconds in times.items()}


def start_ten(backends: list[str]) -> dict[str, float]:
    """Return the milliseconds of CPU, the modules and the MiB of ten storages, until their clients are made."""
    kinds = backends * (TEN // len(backends))
    app = make_app(
        SETTINGS | {f"S{number}_FS_BACKEND": kind for number, kind in enumerate(kinds)} | {"FS_ROOT": "/tmp"}
    )
    before = _state()
    storages = [make_storage("flask_pyfs", f"s{number}") for number in range(TEN)]
    imported = _state()
    sys.modules["flask_pyfs"].init_app(app, *storages)
    configured = _state()
    with app.app_context():
        for storage in storages:
            # a directory would be made
            if storage.backend_name != "local":
                getattr(storage.fs, "client", None)
    opened = _state()
    found = {"MiB": opened["MiB"]}
    for name, first, last in (
        ("import", before, imported),
        ("init", imported, configured),
        ("open", configured, opened),
    ):
        found |= {f"{name} {key}": last[key] - first[key] for key in first}
    return found


def _state() -> dict[str, float]:
    resident = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert resident
    return {"ms": time.process_time() * 1000, "modules": len(sys.modules), "MiB": int(resident[1]) / 1024}


def main() -> None:
    columns = ("import ms", "import modules", "init ms", "init modules", "init MiB", "open ms", "open MiB", "MiB")
    print(f"| ten storages on | {' | '.join(columns)} |", f"| --- |{' ---: |' * len(columns)}", sep="\n")
    for kinds in (*([each] for each in BACKENDS), list(BACKENDS)):
        command = [sys.executable, __file__, json.dumps({"ten": kinds})]
        rounds = [json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout) for _ in range(ROUNDS)]
        cells = (f"{median(each[name] for each in rounds):.{int('MiB' in name)}f}" for name in columns)
        print(f"| {', '.join(kinds)} | {' | '.join(cells)} |", flush=True)


if len(sys.argv) > 1:
    given = json.loads(sys.argv[1])
    print(json.dumps(start_ten(given["ten"]) if "ten" in given else start(given)))
else:
    main()
