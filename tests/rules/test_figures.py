"""The numbers on the page about performance: the tables are those of the figures, and the large numbers add up."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
BENCH = TOP / "tests" / "bench"
PAGE = (TOP / "docs" / "performance.rst").read_text(encoding="utf-8")

FILES = 100_000_000

# by store: how many names a page has, how many files one request deletes, how many requests a file takes that is
# migrated, of the source and of the target, and how often a migration lists either; as the tests of each store and
# tests/migrating/test_migration_requests.py count them
NAMES = {"s3": 1_000, "swift": 10_000, "gridfs": 10_000}
DELETED = {"s3": 1_000, "swift": 1_000}
SOURCE = {"s3": 2, "swift": 2, "gridfs": 3}
TARGET = {"s3": 1, "swift": 1, "gridfs": 2}
LISTS = (4, 3)

REQUESTS = {
    "list_files": lambda store: FILES / NAMES[store],
    "sync": lambda store: FILES / NAMES[store],
    # of GridFS, three commands for each 100,000 files
    "delete": lambda store: FILES / NAMES[store] + FILES / DELETED[store] if store in DELETED else 3 * FILES / 100_000,
    "migration, as the source": lambda store: SOURCE[store] * FILES + LISTS[0] * FILES / NAMES[store],
    "migration, as the target": lambda store: TARGET[store] * FILES + LISTS[1] * FILES / NAMES[store],
}


@pytest.mark.parametrize("operation", REQUESTS)
def test_requests_of_a_hundred_million_files(operation):
    table = PAGE[PAGE.index("Requests, in thousands") : PAGE.index(".. list-table:: Hours")]
    row = re.search(rf"\* - \W*{operation}.*\n((?:     - .*\n)+)", table)
    assert row
    thousands = [int(cell.replace(",", "")) for cell in re.findall(r"- ([\d,]+)", row[1])]
    assert thousands == [REQUESTS[operation](store) / 1000 for store in NAMES]


def test_hours_of_a_hundred_million_files():
    def hours(rate, *parts):
        return round(sum(REQUESTS[operation](store) for operation, store in parts) / rate / 3600, 1)

    table = PAGE[PAGE.index(".. list-table:: Hours") :]
    found = [float(cell) for cell in re.findall(r"     - (\d+\.\d)\n", table)]
    moves = [(("migration, as the source", store), ("migration, as the target", "s3")) for store in ("s3", "gridfs")]
    assert found == [
        *(hours(10, (operation, "s3")) for operation in ("list_files", "delete")),
        *(hours(rate, *parts) for parts in moves for rate in (1_000, 10_000)),
    ]


@pytest.mark.parametrize("kind", ["figures", "throughput"])
def test_the_tables_are_those_of_the_figures(monkeypatch, kind):
    monkeypatch.syspath_prepend(str(BENCH))
    table = importlib.import_module("table")
    figures = json.loads((BENCH / f"{kind}.json").read_text(encoding="utf-8"))
    assert table.with_tables(PAGE, kind, figures) == PAGE
    for module in ("table", "summaries"):
        sys.modules.pop(module)
