"""The store of objects that docs/writing-a-backend.rst shows is complete."""

import unittest
from pathlib import Path

import pytest
from filesystems.test_standard import StandardTests
from pages import TOP, blocks

import flask_pyfs as fs
from flask_pyfs.backends import registry
from flask_pyfs.testing import StorageConformance


def shown():
    names = {"__name__": "shown"}
    for _, code in blocks(Path(TOP, "docs", "writing-a-backend.rst")):
        exec(code, names)
        if "DictBackend" in names:
            return names
    raise AssertionError("the page shows no DictBackend")


NAMES = shown()


class TestDictFS(StandardTests, unittest.TestCase):
    def make_fs(self):
        return NAMES["DictFS"]()


class TestDictFSInParts(StandardTests, unittest.TestCase):
    def make_fs(self):
        store = NAMES["DictFS"]()
        store.part_size = 50_000
        return store


@pytest.mark.parametrize("part_size", [8 * 1024 * 1024, 100_000])
class TestStorage(StorageConformance):
    checksums = (None,)
    has_directories = False
    outlives_close = False

    @pytest.fixture
    def storage(self, app, monkeypatch, part_size):
        monkeypatch.setattr(registry, "load", lambda *_: NAMES["DictBackend"])
        monkeypatch.setattr(NAMES["DictFS"], "part_size", part_size)
        storage = fs.Storage("files", fs.ALL)
        app.config["FILES_FS_BACKEND"] = "dictionary"
        fs.init_app(app, storage)
        with app.app_context():
            yield storage


def test_the_store_is_short():
    code = next(code for _, code in blocks(Path(TOP, "docs", "writing-a-backend.rst")) if "class DictFS" in code)
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith(("import ", "from "))]
    assert len(lines) <= 75
