"""Write the figures of a run into the documentation: ``python tests/bench/table.py RUN.json``.

The run is one of ``python tests/bench --json RUN.json`` or ``python tests/bench/throughput.py --json RUN.json``. What
the tables need of it is kept in ``figures.json`` or ``throughput.json``, beside this file. The tables are in
``docs/performance.rst``, those of each kind between two marks.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from summaries import summary

PAGE = Path(__file__).parents[2] / "docs" / "performance.rst"

#: The kinds of runs: each has a file ``KIND.json``, and marks of its own on the page.
FIGURES, THROUGHPUT = "figures", "throughput"

OURS, RAW = "flask_pyfs", "raw"

#: By the names under which they were measured, the operations in the tables.
OPERATIONS = {
    "write": "``write`` of 4 KiB",
    "read": "``read`` of 4 KiB",
    "exists": "``exists``",
    "route": "GET of 4 KiB through the route",
    "upload": "``save`` of an upload of 4 KiB in a view",
    "save": "``save`` of {mb} MiB",
    "copy": "``copy`` of {mb} MiB",
    "read_chunks": "``read_chunks`` of {mb} MiB",
    "list_flat": "``list_files`` of {listing} names",
}

#: What the bare client of each store is, and its peers in the two rows that go through Flask.
CLIENTS = {
    "local": "the functions of Python's ``os``; ``send_from_directory`` of Flask and ``save`` of Werkzeug",
    "s3-moto": "boto3 with its defaults, on moto",
    "s3-swift": "boto3 with its defaults, on OpenStack Swift",
    "gridfs": "PyMongo with its ``GridFSBucket``",
    "swift": "python-swiftclient",
}

# a machine on which a bare loop takes so much longer for a while is not quiet
_QUIET = 1.1


def kept(kind: str) -> Path:
    """Return the file with the figures of a kind."""
    return Path(__file__).with_name(f"{kind}.json")


def figures_of(run: dict[str, Any]) -> dict[str, Any]:
    """Return what the tables need of a run."""
    machine = {
        "machine": run["machine"].partition("-")[0],
        "python": run["versions"][RAW],
        "rounds": run["options"]["rounds"],
    }
    if THROUGHPUT in run:
        return machine | {"stores": {name: _workers(run, name) for name in run[THROUGHPUT]}}
    return machine | {"stores": {name: _store(run, name) for name in run["runs"]}}


def _workers(run: dict[str, Any], name: str) -> dict[str, Any]:
    workers = {
        threads: {key: [round(value, 4) for value in values] for key, values in summary(rounds).items()}
        for threads, rounds in run[THROUGHPUT][name].items()
    }
    return {"loop": _spread_of(run["loops"][name]), "workers": workers}


def _spread_of(loops: list[float]) -> float:
    return max(loops) / min(loops)


def _store(run: dict[str, Any], name: str) -> dict[str, Any]:
    ours, raw = (run["runs"][name][library] for library in (OURS, RAW))
    measured = {key: _operation(ours, raw, key) for key in OPERATIONS if key in ours[0] and key in raw[0]}
    return {"sizes": run["sizes"][name], "loop": _spread_of(run["loops"][name]), "operations": measured}


def _operation(ours: list[Any], raw: list[Any], key: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in ("seconds", "cpu"):
        mine, theirs = ([each[key][kind] / each[key]["times"] for each in rounds] for rounds in (ours, raw))
        ratios = [value / other for value, other in zip(mine, theirs, strict=True) if other]
        found[kind] = {
            "milliseconds": [round(median(values) * 1000, 4) for values in (mine, theirs)],
            "ratio": [round(value, 3) for value in (median(ratios), min(ratios), max(ratios))] if ratios else None,
        }
    return found


def as_rst(figures: dict[str, Any]) -> str:
    """Return the tables, with a blank line at both ends."""
    lines = [
        "",
        f"{figures['python']} on {figures['machine']}, {figures['rounds']} rounds. What is told in milliseconds is the",
        "median for one operation. A ratio is that of this package to the bare client in the same round: the median,",
        "the least and the most. CPU is that of the client alone.",
    ]
    for name, store in figures["stores"].items():
        lines += ["", *_table(name, store)]
    return "\n".join([*lines, "", ""])


def throughput_as_rst(figures: dict[str, Any]) -> str:
    """Return the table of one worker, with a blank line at both ends."""
    is_quiet = all(store["loop"] <= _QUIET for store in figures["stores"].values())
    lines = ["", f"{figures['python']} on {figures['machine']}, medians of {figures['rounds']} rounds."]
    if not is_quiet:
        lines += ["The machine had other work to do meanwhile, so only the CPU is told."]
    lines += ["", ".. list-table::", "   :header-rows: 1", ""]
    rates = ("files in a second", "the view", "ratio") if is_quiet else ()
    lines += _row("Store", "threads", *rates, "ms of CPU", "the view", "ratio")
    for name, store in figures["stores"].items():
        for threads, found in store["workers"].items():
            cells = _worker_cells(found, is_quiet=is_quiet)
            lines += _row(f"``{name}``", threads, *cells)
    return "\n".join([*lines, "", ""])


def _worker_cells(found: dict[str, Any], *, is_quiet: bool) -> Iterator[str]:
    if is_quiet:
        *rates, ratio = found["rate"]
        yield from (f"{rate:,.0f}" for rate in rates)
        yield f"{ratio:.2f}"
    *cpus, ratio = found["cpu"]
    yield from map(_short, cpus)
    yield f"{ratio:.2f}"


def _table(name: str, store: dict[str, Any]) -> Iterator[str]:
    yield f"``{name}``, beside {CLIENTS[name]}."
    kinds = [("seconds", "ms"), ("cpu", "ms of CPU")]
    if store["loop"] > _QUIET:
        yield "The machine had other work to do meanwhile, so only the CPU is told."
        kinds = kinds[1:]
    yield from ("", ".. list-table::", "   :header-rows: 1", "")
    yield from _row("Operation", *(cell for _, unit in kinds for cell in (unit, f"{unit}, bare client", "ratio")))
    for key, found in store["operations"].items():
        cells = (cell for kind, _ in kinds for cell in _cells(found[kind]))
        yield from _row(OPERATIONS[key].format(**store["sizes"]), *cells)


def _cells(found: dict[str, Any]) -> Iterator[str]:
    yield from map(_short, found["milliseconds"])
    yield _spread(found["ratio"])


def _row(*cells: str) -> Iterator[str]:
    for number, cell in enumerate(cells):
        yield f"   {' ' if number else '*'} - {cell}"


def _short(milliseconds: float) -> str:
    return f"{milliseconds:.3g}" if milliseconds < 100 else f"{milliseconds:,.0f}"


def _spread(ratio: list[float] | None) -> str:
    if ratio is None:
        return "-"
    middle, least, most = ratio
    return f"{middle:.2f} ({least:.2f} to {most:.2f})"


#: What makes the tables of each kind.
TABLES = {FIGURES: as_rst, THROUGHPUT: throughput_as_rst}


def with_tables(page: str, kind: str, figures: dict[str, Any]) -> str:
    """Return a page with the tables in place of what is between the marks of their kind."""
    begin, end = f".. begin of the {kind}", f".. end of the {kind}"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{TABLES[kind](figures)}{end}{after}"


def main(path: str) -> None:
    run = json.loads(Path(path).read_text())
    kind = THROUGHPUT if THROUGHPUT in run else FIGURES
    figures = figures_of(run)
    kept(kind).write_text(json.dumps(figures, indent=1) + "\n")
    PAGE.write_text(with_tables(PAGE.read_text(), kind, figures))


if __name__ == "__main__":
    main(sys.argv[1])
