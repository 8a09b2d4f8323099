"""The examples in the docstrings run, and return what they show."""

import doctest
import importlib
import io
import os
import pkgutil

import pytest

import flask_pyfs
import flask_pyfs as fs
from flask_pyfs.testing import memory_storages

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples():
    """Return all docstrings of the package that have examples."""
    found = []
    for info in pkgutil.walk_packages(flask_pyfs.__path__, "flask_pyfs."):
        module = importlib.import_module(info.name)
        # an app that copies an example has no "from __future__ import annotations"
        names = {name: value for name, value in vars(module).items() if name != "annotations" and name[0] != "_"}
        found += [test for test in doctest.DocTestFinder().find(module, globs=names) if test.examples]
    return found


def test_the_public_names_have_examples():
    documented = {test.name.rpartition(".")[2] for test in examples()}
    assert documented >= {
        "All",
        "AllExcept",
        "Config",
        "FileField",
        "FileReference",
        "FileType",
        "ImageField",
        "ImageReference",
        "ImageType",
        "Option",
        "Storage",
        "center_thumbnail",
        "client_name",
        "copy",
        "crop_thumbnail",
        "delete",
        "exists",
        "extension",
        "init_app",
        "list_files",
        "lower_extension",
        "make_thumbnail",
        "memory_storages",
        "metadata",
        "mime",
        "open",
        "optimize",
        "read",
        "read_chunks",
        "resize",
        "save",
        "url",
        "write",
    }


@pytest.fixture
def files(app):
    """The storage that the examples of its methods use."""
    files = fs.Storage("files")
    fs.init_app(app, files)
    with memory_storages(app), app.test_request_context():
        files.write("reports/2026.txt", "All is well.")
        yield files


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_an_example(example, request, tmp_path, monkeypatch):
    if example.name.startswith("flask_pyfs.storage.Storage."):
        example.globs.update(files=request.getfixturevalue("files"), io=io)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    # an app of an unknown module has its instance directory below the current one
    monkeypatch.chdir(tmp_path)
    output = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(example, out=output.append)
    assert not output, "".join(output)
