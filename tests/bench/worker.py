"""Run one library in this process: each line of the input names a workload, each line of the output has its results."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from drivers import StorageDriver, make_app, make_storage
from libraries import RAW
from meter import Meter
from stores import STORES
from workloads import FILLED, WORKLOADS, Bench, Sizes


def main(job: dict[str, Any]) -> None:
    store = STORES[job["store"]](Path(job["area"]))
    names = {"own": job["storage"], **{name: name for name in FILLED}}
    context: Any = nullcontext()
    client = store.raw if job["module"] == RAW else store.clients.get(job["module"])
    if client is not None:
        drivers: dict[str, Any] = {key: client(name) for key, name in names.items()}
    else:
        storages = {key: make_storage(job["module"], name) for key, name in names.items()}
        app = make_app(store.settings())
        sys.modules[job["module"]].init_app(app, *storages.values())
        drivers = {key: StorageDriver(storage, app) for key, storage in storages.items()}
        context = app.app_context()
    answers = sys.stdout
    with context, redirect_stdout(sys.stderr):
        for turn, line in enumerate(sys.stdin):
            meter, workload = Meter(), line.strip()
            try:
                WORKLOADS[workload](Bench(drivers, store.area, Sizes(**job["sizes"]), meter, turn))
            except Exception as error:
                # what a predecessor cannot do is left out of the table
                if job["module"] in (RAW, "flask_pyfs"):
                    raise
                print(f"{job['module']}, {workload}: {type(error).__name__}: {error}", file=sys.stderr)
            print(json.dumps(meter.results), file=answers, flush=True)


main(json.loads(sys.argv[1]))
