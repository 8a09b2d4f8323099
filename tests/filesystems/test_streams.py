"""Files being written: published when closed, forgotten otherwise."""

import gc
import io
import os
from contextlib import nullcontext
from typing import Any

import fs.errors
import pytest

import flask_pyfs
from flask_pyfs.backends.handles import StorageFile
from flask_pyfs.filesystems.local import LocalFS
from flask_pyfs.filesystems.streams import PendingFile, PendingText


class Record:
    """Counts what a file being written does in the end."""

    def __init__(self, publish_error=None):
        self.calls = []
        self._publish_error = publish_error

    def publish(self):
        self.calls.append("publish")
        if self._publish_error is not None:
            raise self._publish_error

    def discard(self):
        self.calls.append("discard")

    def open(self, file=None):
        return PendingFile(file or io.BytesIO(), "wb", self.publish, self.discard)


def test_closing_publishes_once():
    record = Record()
    file = record.open()
    file.write(b"x")
    file.close()
    file.close()
    file.discard()
    assert file.closed
    del file
    gc.collect()
    assert record.calls == ["publish"]


def test_an_exception_discards():
    record = Record()
    file = record.open()
    file.write(b"x")
    with pytest.raises(RuntimeError), file:
        raise RuntimeError
    file.close()
    assert file.closed
    assert record.calls == ["discard"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit, SystemExit])
def test_so_do_those_that_are_no_errors(kind):
    record = Record()
    with pytest.raises(kind), record.open():
        raise kind
    assert record.calls == ["discard"]


def test_discarding():
    record = Record()
    file = record.open()
    file.write(b"x")
    file.discard()
    file.discard()
    file.close()
    assert record.calls == ["discard"]
    with pytest.raises(ValueError, match="closed"):
        file.write(b"y")


def test_dropping():
    record = Record()
    file = record.open()
    file.write(b"x")
    del file
    gc.collect()
    assert record.calls == ["discard"]
    text = PendingText(record.open(), "utf-8")
    text.write("x")
    del text
    gc.collect()
    assert record.calls == ["discard", "discard"]


def test_dropping_a_cycle():
    record = Record()
    file = record.open()
    file.itself = file
    text = PendingText(record.open(), "utf-8")
    vars(text).update(itself=text)
    text.write("x")
    del file, text
    gc.collect()
    assert record.calls == ["discard", "discard"]


def test_publishing_that_fails_discards():
    record = Record(fs.errors.FileExists("a"))
    file = record.open()
    file.write(b"x")
    with pytest.raises(fs.errors.FileExists):
        file.close()
    assert file.closed
    file.close()
    assert record.calls == ["publish", "discard"]


class Full(io.BytesIO):
    """A disk without space."""

    def write(self, data):
        raise OSError(28, "No space left on device")


class FullAtClose(io.BytesIO):
    def close(self):
        if not self.closed:
            super().close()
            raise OSError(28, "No space left on device")


def test_a_failed_write_is_not_forgotten():
    record = Record()
    file = record.open(Full())
    with pytest.raises(OSError, match="space"):
        file.write(b"x")
    with pytest.raises(OSError, match=r"write|space"):
        file.close()
    assert record.calls == ["discard"]


def test_a_close_that_fails_discards():
    record = Record()
    file = record.open(FullAtClose())
    with pytest.raises(OSError, match="space"):
        file.close()
    assert record.calls == ["discard"]


def test_a_close_that_fails_inside_with_keeps_its_error():
    record = Record(fs.errors.FileExists("a"))
    file = StorageFile(record.open(), nullcontext())
    with pytest.raises(fs.errors.FileExists), file:
        file.close()
    assert record.calls == ["publish", "discard"]


def test_text_that_cannot_be_written_at_the_end():
    record = Record()
    text = PendingText(record.open(Full()), "utf-8")
    text.write("still buffered")
    with pytest.raises(OSError, match="space"):
        text.close()
    assert text.closed
    assert record.calls == ["discard"]


def test_text_that_cannot_be_encoded():
    record = Record()
    text = PendingText(record.open(), "ascii")
    with pytest.raises(UnicodeEncodeError), text:
        text.write("é")
    assert record.calls == ["discard"]


# Through a storage and through its handle


@pytest.fixture(params=["local", "memory"])
def storage(request, app):
    storage = flask_pyfs.Storage("files", flask_pyfs.ALL)
    app.config["FILES_FS_BACKEND"] = request.param
    flask_pyfs.init_app(app, storage)
    with app.app_context():
        yield storage


def left(storage):
    """Return what lies beside the files of a storage."""
    if storage.root is None:
        return [name for name in storage.fs.listdir("/") if name.startswith(".flask_pyfs")]
    directory = os.path.join(storage.root, ".flask_pyfs")
    return os.listdir(directory) if os.path.isdir(directory) else []


@pytest.mark.parametrize(
    "mode",
    ["w", "wb", "x", "xb", "a", "ab", "wt"],
)
def test_modes(storage, mode):
    with storage.open("d/a", mode) as file:
        file.write(b"x" if "b" in mode else "x")
        assert file.writable()
        assert not file.readable()
        assert not storage.exists("d/a")
    assert storage.read("d/a") == b"x"
    assert left(storage) == []


@pytest.mark.parametrize("mode", ["", "q", "rw", "r+", "w+", "wbt", "rbx", "br+", "U"])
def test_modes_that_are_none(storage, mode):
    with pytest.raises((ValueError, flask_pyfs.OperationNotSupported)):
        storage.open("a", mode)
    assert left(storage) == []
    assert list(storage.list_files()) == []


@pytest.mark.parametrize(("newline", "expected"), [(None, b"a\nb\r\n"), ("", b"a\nb\r\n"), ("\r\n", b"a\r\nb\r\r\n")])
def test_newlines(storage, newline, expected):
    with storage.open("a", "w", newline=newline) as file:
        file.writelines(["a\n", "b\r\n"])
    assert storage.read("a") == expected.replace(b"\n", os.linesep.encode()) if newline is None else expected
    with storage.open("a", newline="") as file:
        assert file.read() == storage.read("a").decode()


def test_encodings(storage):
    with storage.open("a", "w", encoding="utf-16") as file:
        file.write("é")
        file.write("è")
    assert storage.read("a").decode("utf-16") == "éè"
    with storage.open("b", "w", "ascii", errors="replace") as file:
        file.write("é")
    assert storage.read("b") == b"?"
    with pytest.raises(UnicodeEncodeError), storage.open("c", "w", "ascii") as file:
        file.write("é")
    with storage.open("a", encoding="utf-8") as file, pytest.raises(UnicodeDecodeError):
        file.read()
    assert sorted(storage.list_files()) == ["a", "b"]
    assert left(storage) == []


@pytest.mark.parametrize(
    ("options", "kind"), [({"encoding": "none-such"}, LookupError), ({"newline": "x"}, ValueError)]
)
@pytest.mark.parametrize("mode", ["w", "x", "a", "r"])
def test_text_options_that_are_wrong(storage, options, kind, mode):
    storage.write("a", b"old")
    with pytest.raises(kind):
        storage.open("b" if mode == "x" else "a", mode, **options)
    gc.collect()
    assert left(storage) == []
    assert storage.read("a") == b"old"
    assert list(storage.list_files()) == ["a"]


def test_detached_text(storage):
    text = storage.open("a", "w")
    text.write("content")
    binary = text.detach()
    del text
    gc.collect()
    binary.close()
    assert storage.read("a") == b"content"


def test_seek_and_truncate(storage):
    with storage.open("a", "wb") as file:
        assert file.seekable()
        file.write(b"0123456789")
        assert file.tell() == 10
        file.seek(4)
        file.write(b"x")
        assert file.truncate(6) == 6
        file.seek(0, io.SEEK_END)
        file.writelines([b"y", bytearray(b"z"), memoryview(b"!")])
    assert storage.read("a") == b"0123x5yz!"


def test_a_closed_file_refuses(storage):
    with storage.open("a", "wb") as file:
        assert not file.closed
    assert file.closed
    for operation in (lambda: file.write(b"x"), lambda: file.__enter__()):
        with pytest.raises(ValueError, match="closed"):
            operation()
    assert storage.read("a") == b""


@pytest.mark.parametrize("mode", ["x", "xb"])
def test_a_name_that_is_taken_before_the_file_closes(storage, mode):
    file = storage.open("a", mode)
    file.write(b"late" if "b" in mode else "late")
    storage.write("a", b"first")
    with pytest.raises(flask_pyfs.FileExists):
        file.close()
    file.close()
    assert storage.read("a") == b"first"
    assert left(storage) == []
    with pytest.raises(flask_pyfs.FileExists):
        storage.open("a", mode)


def test_two_writers_that_replace(storage):
    first, second = storage.open("a", "w"), storage.open("a", "w")
    first.write("first " * 10_000)
    second.write("second")
    second.close()
    first.close()
    assert storage.read("a") == b"first " * 10_000
    assert left(storage) == []


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_file_that_is_dropped(storage, mode):
    storage.write("a", b"old")
    for name in ("a", "b"):
        file = storage.open(name, mode)
        file.write(b"new" * 100_000 if "b" in mode else "new" * 100_000)
        del file
    gc.collect()
    assert storage.read("a") == b"old"
    assert list(storage.list_files()) == ["a"]
    assert left(storage) == []


def test_appending_that_fails_leaves_nothing(app, monkeypatch):
    storage = flask_pyfs.Storage("files", flask_pyfs.ALL)
    flask_pyfs.init_app(app, storage)
    with app.app_context():
        storage.write("a", b"old")

        def refuse(self, data):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(PendingFile, "write", refuse)
        # the error, and with it the frames that it names, lives on
        with pytest.raises(flask_pyfs.FSError) as raised:
            storage.open("a", "ab")
        assert left(storage) == []
        assert raised.value.path == "a"
        assert storage.read("a") == b"old"


# Processes


def in_a_child(work):
    """Do something in a forked process; it must end well."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("mode", ["w", "xb"])
@pytest.mark.parametrize("size", [10, 300_000])
@pytest.mark.parametrize("end", ["discard", "exception", "drop"])
def test_a_child_leaves_the_file_of_its_parent_alone(app, mode, size, end):
    storage = flask_pyfs.Storage("files", flask_pyfs.ALL)
    flask_pyfs.init_app(app, storage)
    with app.app_context():
        files: list[Any] = [storage.open("a", mode), storage.fs.open("b", mode)]
        part = b"x" * size if "b" in mode else "x" * size
        for file in files:
            file.write(part)

        def child():
            while files:
                file = files.pop()
                if end == "discard":
                    file.discard()
                elif end == "exception":
                    try:
                        with file:
                            raise RuntimeError
                    except RuntimeError:
                        file = None
                del file
                gc.collect()

        in_a_child(child)
        for file in files:
            file.write(part[:1])
            file.close()
        for name in ("a", "b"):
            assert storage.read(name) == b"x" * (size + 1)
        assert left(storage) == []


def test_a_child_that_ends_leaves_the_file_of_its_parent_alone(tmp_path):
    local = LocalFS(str(tmp_path))
    file = local.open("a", "wb")
    file.write(b"x" * 100)
    in_a_child(lambda: None)
    file.close()
    assert local.readbytes("a") == b"x" * 100
