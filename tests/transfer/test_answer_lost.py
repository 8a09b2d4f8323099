"""The answer to a write is lost: the file is there, and is not written again."""

import os
import time

import pytest
from places import make_place

import flask_pyfs as fs
from flask_pyfs.transfer import sync


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.server) for kind in ("s3-moto", "swift", "gridfs")])
def storage(request, app, configure_storage, monkeypatch):
    monkeypatch.setattr("flask_pyfs.transfer.patience._FIRST", 0.001)
    with make_place(request.param, request) as settings, app.app_context():
        yield configure_storage("files", settings)


def lose_answer(storage, monkeypatch, method):
    write = getattr(storage.backend, method)
    calls = []

    def lose(*arguments, **options):
        stored = write(*arguments, **options)
        calls.append(stored)
        if len(calls) == 1:
            raise fs.BackendError("the answer is lost")
        return stored

    monkeypatch.setattr(storage.backend, method, lose)
    return calls


@pytest.mark.parametrize("content", [b"old", b"new", b""])
def test_a_file_that_was_replaced_by_any_content(storage, tmp_path, monkeypatch, content):
    # the same size within the same second: a listing tells no difference
    (tmp_path / "a").write_bytes(content)
    os.utime(tmp_path / "a", (time.time() + 60,) * 2)
    while time.time() % 1 > 0.5:
        time.sleep(0.01)
    storage.write("a", b"old" if content else b"")
    calls = lose_answer(storage, monkeypatch, "replace_version")
    report = sync(tmp_path, storage)
    assert report.counts == {"replaced": 1}, report.failures
    assert len(calls) == 1
    assert storage.read("a") == content


def test_a_new_file(storage, tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"new")
    calls = lose_answer(storage, monkeypatch, "save")
    assert sync(tmp_path, storage).counts == {"copied": 1}
    assert len(calls) == 1
