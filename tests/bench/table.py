"""Write the figures of a run into the documentation: ``python tests/bench/table.py RUN.json``.

The run is one of ``python tests/bench --json RUN.json``. What the tables need of it is kept in ``figures.json``, beside
this file, and the tables in ``docs/performance.rst``, between two marks.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

FIGURES = Path(__file__).with_name("figures.json")
PAGE = Path(__file__).parents[2] / "docs" / "performance.rst"
BEGIN, END = ".. begin of the figures", ".. end of the figures"

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


def figures_of(run: dict[str, Any]) -> dict[str, Any]:
    """Return what the tables need of a run."""
    return {
        "machine": run["machine"].partition("-")[0],
        "python": run["versions"][RAW],
        "rounds": run["options"]["rounds"],
        "stores": {name: _store(run, name) for name in run["runs"]},
    }


def _store(run: dict[str, Any], name: str) -> dict[str, Any]:
    loops = run["loops"][name]
    ours, raw = (run["runs"][name][library] for library in (OURS, RAW))
    measured = {key: _operation(ours, raw, key) for key in OPERATIONS if key in ours[0] and key in raw[0]}
    return {"sizes": run["sizes"][name], "loop": max(loops) / min(loops), "operations": measured}


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


def with_tables(page: str, figures: dict[str, Any]) -> str:
    """Return a page with the tables in place of what is between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{as_rst(figures)}{END}{after}"


def main(run: str) -> None:
    figures = figures_of(json.loads(Path(run).read_text()))
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    PAGE.write_text(with_tables(PAGE.read_text(), figures))


if __name__ == "__main__":
    main(sys.argv[1])
