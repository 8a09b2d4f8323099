"""Uploads in pieces, one after the other, on every kind of store."""

import dataclasses
import hashlib
import io
import time
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest
from PIL import Image
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import ClientDisconnected

import flask_pyfs as fs
from flask_pyfs import unfinished
from flask_pyfs.backends.local import LocalBackend
from flask_pyfs.filesystems.store import UPLOADS
from flask_pyfs.names import Reserved
from flask_pyfs.resumable import pieces
from flask_pyfs.resumable import upload as module
from flask_pyfs.resumable.outcomes import ChecksumMismatch, Failed, WrongLength, WrongOffset
from flask_pyfs.resumable.pieces import TooManyPieces
from flask_pyfs.resumable.upload import Upload
from flask_pyfs.signals import file_uploaded
from flask_pyfs.unfinished import Ended

SERVERS = [pytest.param(kind, marks=pytest.mark.server) for kind in ("s3-moto", "gridfs", "swift")]
KINDS = ["memory", "local", "pyfs", *SERVERS]

DATA = bytes(range(256)) * 8
LENGTH = len(DATA)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    real = pieces.cut
    monkeypatch.setattr(
        pieces, "cut", lambda stream, offset, size, *rest, **more: real(stream, offset, 500, *rest, **more)
    )


def stream(content=DATA):
    return io.BytesIO(content)


def left(storage):
    """The names of all that the storage keeps beside its files."""
    above = f"{storage.backend.prefix}/" if storage.backend.prefix else ""
    found = storage.backend.store.iter_files(Reserved(f"{above}{UPLOADS}/"))
    return sorted(path.rpartition("/")[2] for path in found)


class Breaking(io.BytesIO):
    """What Werkzeug reads from a client that goes away."""

    def readinto(self, buffer):
        count = super().readinto(buffer)
        if not count:
            raise ClientDisconnected
        return count


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prefix", ["", "below/it"])
def test_an_upload_goes_on_where_it_was(kind, prefix, open_storage, begin):
    storage = open_storage(kind, PREFIX=prefix)
    announced = []

    def receive(sender, filename):
        announced.append((sender, filename, filename.original_name, filename.version))

    upload = begin(storage, "dir/Größe.bin", length=LENGTH, original_name="C:\\Größe 1.bin")
    assert (upload.status().offset, upload.status().length, upload.status().stored) == (0, LENGTH, None)
    with pytest.raises(ClientDisconnected):
        upload.append(Breaking(DATA[:1300]), 0)
    upload = Upload.opened(upload.token)
    assert upload.status().offset == 1300
    with pytest.raises(WrongOffset) as error:
        upload.append(stream(), 0)
    assert error.value.status.offset == 1300
    assert not list(storage.list_files())
    status = upload.append(stream(DATA[1300:1400]), 1300)
    assert (status.offset, status.stored) == (1400, None)
    with file_uploaded.connected_to(receive):
        status = upload.append(stream(DATA[1400:]), 1400)
    name = status.stored
    assert status.offset == LENGTH
    assert name.startswith("dir/Größe-")
    assert storage.read(name) == DATA
    assert (name.size, name.original_name, name.version) == (LENGTH, "Größe 1.bin", storage.version(name))
    assert announced == [(storage, name, name.original_name, name.version)]
    assert list(storage.list_files()) == [name]
    assert left(storage) == ["done"]
    for after in (upload.status(), upload.append(stream(b""), LENGTH)):
        assert (after.offset, after.length, after.stored) == (LENGTH, LENGTH, name)
        known = (after.stored.version, after.stored.size, after.stored.original_name, after.stored.content_type)
        assert known == (name.version, LENGTH, "Größe 1.bin", "application/octet-stream")
    with pytest.raises(WrongLength):
        upload.append(stream(b"more"), LENGTH)
    upload.cancel()
    assert storage.read(name) == DATA
    with pytest.raises(Ended):
        upload.status()


@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_is_cancelled(kind, open_storage, begin):
    storage = open_storage(kind)
    upload = begin(storage, length=LENGTH)
    upload.append(stream(DATA[:1000]), 0)
    upload.cancel()
    for act in (upload.status, upload.cancel, lambda: upload.append(stream(), 0)):
        with pytest.raises(Ended):
            act()
    assert not list(storage.list_files())
    assert left(storage) == ["ended"]


def test_what_comes_while_the_upload_is_cancelled_is_not_left(storage, begin):
    upload = begin(storage, length=LENGTH)

    class Cancelled(Breaking):
        def readinto(self, buffer):
            if self.tell() == 700:
                upload.cancel()
            return super().readinto(buffer)

    with pytest.raises(ClientDisconnected):
        upload.append(Cancelled(DATA[:700]), 0)
    assert left(storage) == ["ended"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_upload_is_refused_again(kind, open_storage, begin):
    storage = open_storage(kind)
    storage.write("a.bin", "first")
    upload = begin(storage, unique=False, length=LENGTH)
    refusals = []
    for act in (lambda: upload.append(stream(), 0), upload.status, lambda: upload.append(stream(), 0)):
        with pytest.raises(fs.FileExists) as error:
            act()
        refusals.append((str(error.value), error.value.user_message, error.value.path, error.value.storage))
    assert refusals == [refusals[0]] * 3
    with pytest.raises(Ended):
        upload.cancel()
    assert storage.read("a.bin") == b"first"
    assert left(storage) == ["ended"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_content_must_be(kind, open_storage, begin):
    storage = open_storage(kind, VERIFY=True, VERIFY_SVG="strip")
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><rect/></svg>'
    pieces = begin(storage, "b.svg", length=len(svg))
    pieces.append(stream(svg[:20]), 0)
    joined = pieces.append(stream(svg[20:]), 20).stored
    assert b"script" not in storage.read(joined)
    storage.delete(joined)
    upload = begin(storage, "a.svg", length=len(svg), content_type="image/svg+xml")
    status = upload.append(stream(svg), 0)
    assert (status.offset, upload.status().offset, upload.status().stored) == (len(svg), len(svg), status.stored)
    assert b"script" not in storage.read(status.stored)
    assert status.stored.size == storage.size(status.stored) != len(svg)
    wrong = begin(storage, "a.png", length=LENGTH)
    for act in (lambda: wrong.append(stream(), 0), wrong.status):
        with pytest.raises(fs.UnauthorizedFileType):
            act()
    assert list(storage.list_files()) == [status.stored]


@pytest.mark.parametrize("kind", KINDS)
def test_the_content_is_judged_as_a_whole(kind, open_storage, begin):
    storage, buffer = open_storage(kind, VERIFY=True), io.BytesIO()
    Image.new("RGB", (30, 30)).save(buffer, "PNG")
    image = buffer.getvalue()
    # where the client breaks off, in the middle of what tells that it is an image
    for offset in (1, 10, 18):
        upload = begin(storage, "a.png", length=len(image))
        upload.append(stream(image[:offset]), 0)
        assert storage.read(upload.append(stream(image[offset:]), offset).stored) == image


def test_an_upload_may_replace_a_file(storage, begin):
    storage.write("a.bin", "first")
    stored = begin(storage, unique=False, overwrite=True, length=LENGTH).append(stream(), 0).stored
    assert (stored, storage.read("a.bin")) == ("a.bin", DATA)


@pytest.mark.parametrize("length", [0, None])
def test_an_empty_file(storage, begin, length):
    upload = begin(storage, length=length, max_size=10)
    status = upload.append(stream(b""), 0, is_last=True) if length is None else upload.status()
    assert (status.offset, status.length, storage.read(status.stored)) == (0, 0, b"")
    assert upload.status().stored == status.stored


def test_a_length_that_is_said_later(storage, begin):
    upload = begin(storage)
    assert upload.append(stream(DATA[:700]), 0).length is None
    with pytest.raises(WrongLength):
        upload.append(stream(b""), 700, length=699)
    assert upload.append(stream(DATA[700:800]), 700, length=LENGTH).length == LENGTH
    for length in (LENGTH - 1, LENGTH + 1):
        with pytest.raises(WrongLength):
            upload.append(stream(DATA[800:900]), 800, length=length)
    assert upload.status().offset == 800
    with pytest.raises(WrongLength):
        upload.append(stream(DATA[800:900]), 800, is_last=True)
    status = upload.append(stream(DATA[900:]), 900, length=LENGTH, is_last=True)
    assert (storage.read(status.stored), upload.status().length) == (DATA, LENGTH)


def test_the_end_of_a_stream_is_the_end_of_the_upload(storage, begin):
    upload = begin(storage)
    with pytest.raises(ClientDisconnected):
        upload.append(Breaking(DATA[:700]), 0, is_last=True)
    assert upload.status().length is None
    status = upload.append(stream(DATA[700:]), 700, is_last=True)
    assert (status.length, storage.read(status.stored), upload.status().length) == (LENGTH, DATA, LENGTH)


@pytest.mark.parametrize("length", [None, LENGTH])
def test_more_than_there_may_be(storage, begin, length):
    error = WrongLength if length else fs.FileTooLarge
    upload = begin(storage, length=length, max_size=LENGTH)
    for content in (DATA + b".", DATA * 2):
        offset = upload.status().offset
        with pytest.raises(error):
            upload.append(stream(content[offset:]), offset)
    offset = upload.status().offset
    assert offset < LENGTH
    assert storage.read(upload.append(stream(DATA[offset:]), offset, length=LENGTH).stored) == DATA
    with pytest.raises(fs.FileTooLarge):
        begin(storage, length=LENGTH + 1, max_size=LENGTH)
    with pytest.raises(fs.FileTooLarge):
        begin(storage, max_size=LENGTH).append(stream(DATA), 0, length=LENGTH + 1)


def test_the_largest_file_may_have_become_smaller(open_storage, begin):
    storage = open_storage()
    upload = begin(storage, length=LENGTH)
    fs.by_name("files").config["max_size"] = 10
    with pytest.raises(fs.FileTooLarge):
        upload.append(stream(), 0)
    assert not list(storage.list_files())


@pytest.mark.parametrize("size", [0, 1, 499, 500, 501, 1000, 1700, LENGTH])
def test_a_checksum(storage, begin, size):
    upload = begin(storage, length=LENGTH)
    right, wrong = hashlib.sha256(DATA[:size]).digest(), hashlib.sha256(b"other").digest()
    with pytest.raises(ChecksumMismatch):
        upload.append(stream(DATA[:size]), 0, checksum=("sha256", wrong))
    assert upload.status().offset == 0
    if size:
        with pytest.raises(ClientDisconnected):
            upload.append(Breaking(DATA[: size - 1]), 0, checksum=("sha256", right))
    assert (upload.status().offset, left(storage)) == (0, [])
    assert upload.append(stream(DATA[:size]), 0, checksum=("sha256", right)).offset == size
    status = upload.append(stream(DATA[size:]), size, checksum=("md5", hashlib.md5(DATA[size:]).digest()))
    assert storage.read(status.stored) == DATA


def test_what_expires(storage, begin, monkeypatch):
    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + later

    monkeypatch.setattr(unfinished.directory, "datetime", Later)
    monkeypatch.setattr(module, "datetime", Later)
    later = timedelta(0)
    fresh, begun, done = (begin(storage, length=LENGTH) for _ in range(3))
    begun.append(stream(DATA[:10]), 0)
    done.append(stream(), 0)
    now, day = datetime.now(timezone.utc), timedelta(days=1)
    for upload in (fresh, begun, done):
        assert now - timedelta(seconds=5) < upload.status().expires - day < now + timedelta(seconds=1)
    later = day - timedelta(seconds=60)
    assert (fresh.status().offset, begun.status().offset, done.status().offset) == (0, 10, LENGTH)
    later = day + timedelta(seconds=1)
    for upload in (fresh, begun, done):
        for act in (upload.status, upload.cancel, lambda upload=upload: upload.append(stream(), 0)):
            with pytest.raises(Ended):
                act()
    assert len(list(storage.list_files())) == 1


def test_the_clock_of_the_store_may_be_behind(storage, begin, monkeypatch):
    store = storage.backend.store
    real = store.iter_facts

    def behind(prefix=""):
        for path, facts in real(prefix):
            yield path, dataclasses.replace(facts, modified=facts.modified - timedelta(days=2))

    monkeypatch.setattr(store, "iter_facts", behind)
    upload = begin(storage, length=LENGTH)
    assert upload.append(stream(DATA[:700]), 0).offset == 700
    assert upload.status().expires > datetime.now(timezone.utc)
    status = upload.append(stream(DATA[700:]), 700)
    assert storage.read(status.stored) == storage.read(upload.status().stored) == DATA


def test_only_its_own_tokens_count(storage, begin, monkeypatch):
    upload = begin(storage, length=3)
    url = storage.resumable_url("a.bin", expires=60).url
    token = url.rpartition("/")[2]
    assert url == f"/-/upload/{token}"
    assert storage.resumable_url("a.bin", unique=False, expires=60) != storage.resumable_url(
        "a.bin", unique=False, expires=60
    )
    payload, signature = token.split(".")
    for wrong in ("", ".", "é", "a.b", f"{payload}.", f"{payload}.{signature[::-1]}", payload, f"{token}.", "W10.x"):
        for act in (Upload.opened, partial(Upload.begin, length=1)):
            with pytest.raises(fs.NotAuthorized):
                act(wrong)
    # one token is no other
    with pytest.raises(fs.NotAuthorized):
        Upload.opened(token)
    with pytest.raises(fs.NotAuthorized):
        Upload.begin(upload.token, length=1)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(fs.NotAuthorized):
        Upload.begin(token, length=1)
    assert Upload.opened(upload.token).terms.name == upload.terms.name


def test_one_upload_is_no_other(storage, begin):
    token = storage.resumable_url("a.bin", expires=60).url.rpartition("/")[2]
    first, second = Upload.begin(token, length=4), Upload.begin(token, length=4)
    first.append(stream(b"one."), 0)
    assert second.status().offset == 0
    with pytest.raises(fs.FileExists):
        second.append(stream(b"two."), 0)
    assert storage.read(first.status().stored) == b"one."


def test_authorize_is_asked_when_the_upload_is_complete(open_storage, begin):
    asked, answer = [], [True]

    def authorize(access):
        asked.append((access.filename, access.action, access.signed))
        return answer[-1]

    storage = open_storage(AUTHORIZE=authorize)
    upload = begin(storage, unique=False, length=LENGTH)
    upload.append(stream(DATA[:5]), 0)
    answer.append(False)
    for act in (lambda: upload.append(stream(DATA[5:]), 5), upload.status):
        with pytest.raises(fs.NotAuthorized):
            act()
    assert not list(storage.list_files())
    answer.append(True)
    assert storage.read(upload.status().stored) == DATA
    assert asked == [("a.bin", "write", False)] + [("a.bin", "write", True)] * 3
    answer.append(False)
    with pytest.raises(fs.NotAuthorized):
        begin(storage)


@pytest.mark.usefixtures("restless")
def test_a_store_that_fails_while_the_file_is_stored(storage, begin, monkeypatch):
    upload = begin(storage, length=LENGTH)
    real = type(storage.backend).join

    def fail(*arguments, **options):
        real(*arguments, **options)
        raise fs.BackendError("the answer was lost")

    with monkeypatch.context() as patch:
        patch.setattr(type(storage.backend), "join", fail)
        with pytest.raises(fs.BackendError):
            upload.append(stream(), 0)
    # it was stored, and is no other file that is in the way
    status = upload.status()
    assert (storage.read(status.stored), left(storage)) == (DATA, ["done"])
    assert (status.stored.version, status.stored.size) == (storage.version(status.stored), LENGTH)


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_failure_nobody_tries_at_once(kind, open_storage, begin, monkeypatch):
    storage = open_storage(kind)
    upload = begin(storage, length=LENGTH)
    with monkeypatch.context() as patch:
        patch.setattr(type(storage.backend), "join", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            upload.append(stream(), 0)
    for act in (upload.status, lambda: upload.append(stream(b""), LENGTH)):
        with pytest.raises(Failed) as error:
            act()
        assert 0 < error.value.seconds <= 5
    monkeypatch.setattr(module, "REST", 0)
    assert storage.read(upload.status().stored) == DATA
    assert left(storage) == ["done"]


@pytest.mark.usefixtures("restless")
def test_a_receiver_that_fails_does_not_refuse_the_upload(storage, begin):
    def receive(storage, filename):
        raise fs.UnauthorizedFileType("no image")

    upload = begin(storage, length=7)
    with file_uploaded.connected_to(receive, storage), pytest.raises(RuntimeError, match=r"is stored.*file_uploaded"):
        upload.append(io.BytesIO(b"content"), 0)
    stored = upload.status().stored
    assert stored is not None
    assert (storage.read(stored), list(storage.list_files())) == (b"content", [stored])


def test_pieces_that_are_gone_end_the_upload(storage, begin, monkeypatch):
    upload = begin(storage, length=LENGTH)
    real = type(storage.backend).join

    def join(backend, paths, *arguments, **options):
        backend.store.delete_tree(paths[0])
        return real(backend, paths, *arguments, **options)

    monkeypatch.setattr(type(storage.backend), "join", join)
    with pytest.raises(Ended):
        upload.append(stream(), 0)


@pytest.mark.usefixtures("restless")
def test_a_file_that_others_have_stored_meanwhile_is_in_the_way(storage, begin, monkeypatch):
    upload = begin(storage, unique=False, length=LENGTH)
    with monkeypatch.context() as patch:
        patch.setattr(type(storage.backend), "join", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            upload.append(stream(), 0)
    storage.write("a.bin", DATA[:-1] + b".")
    with pytest.raises(fs.FileExists):
        upload.status()
    assert left(storage) == ["ended"]


def test_a_method_of_the_app_gets_the_content(open_storage, begin, monkeypatch):
    storage = open_storage("local")
    kept = []

    class Backend(LocalBackend):
        def save(self, file, filename, overwrite=True, **options):
            kept.append(file.read())
            return super().save(io.BytesIO(kept[-1]), filename, overwrite, **options)

    storage.backend.__class__ = Backend
    stored = begin(storage, length=LENGTH).append(stream(), 0).stored
    assert (kept, storage.read(stored)) == ([DATA], DATA)


def test_a_backend_that_was_written_for_flask_fs_keeps_none(open_storage):
    class Old:
        def __init__(self, name, config):
            self.name, self.files = name, {}

        def read(self, filename):
            return self.files[filename]

    storage = open_storage()
    storage.backend = Old("files", storage.config)
    with pytest.raises(fs.OperationNotSupported):
        storage.resumable_url("a.bin", expires=60)


def test_the_name_that_the_client_gives(storage, begin):
    assert begin(storage, "a.bin").terms.original_name == "a.bin"
    assert begin(storage, "a.bin", original_name="../ü\n.bin").terms.original_name == "ü.bin"
    upload = FileStorage(stream(), "b.bin")
    assert storage.save(upload).original_name == "b.bin"


def test_an_upload_has_so_many_small_pieces(storage, begin, monkeypatch):
    # pieces have 500 bytes
    monkeypatch.setattr(storage.backend.store, "piece_size", 500)
    monkeypatch.setattr(pieces, "MOST_SHORT", 2)
    upload = begin(storage, length=LENGTH)
    for offset in (0, 1):
        upload.append(stream(DATA[offset : offset + 1]), offset)
    before = left(storage)
    for checksum in (None, ("md5", hashlib.md5(DATA[2:3]).digest())):
        with pytest.raises(TooManyPieces) as error:
            upload.append(stream(DATA[2:3]), 2, checksum=checksum)
        assert error.value.size == 500
    with pytest.raises(ClientDisconnected):
        upload.append(Breaking(DATA[2:3]), 2)
    assert left(storage) == before
    # what comes before one that is too small is kept
    with pytest.raises(TooManyPieces):
        upload.append(stream(DATA[2:1001]), 2)
    assert upload.status().offset == 1000
    upload.append(stream(DATA[1000:1500]), 1000)
    status = upload.append(stream(DATA[1500:]), 1500)
    assert storage.read(status.stored) == DATA


def test_the_last_small_piece_of_an_upload_without_a_length(storage, begin, monkeypatch):
    monkeypatch.setattr(pieces, "MOST_SHORT", 0)
    status = begin(storage).append(stream(), 0, is_last=True)
    assert storage.read(status.stored) == DATA


def test_what_breaks_off_with_a_checksum_is_not_stored(storage, begin, monkeypatch):
    upload, stored = begin(storage, length=LENGTH), []
    real = storage.backend.store.put
    monkeypatch.setattr(
        storage.backend.store, "put", lambda path, *rest, **more: stored.append(path) or real(path, *rest, **more)
    )
    with pytest.raises(ClientDisconnected):
        upload.append(Breaking(DATA[:300]), 0, checksum=("md5", b"any"))
    assert (stored, left(storage)) == ([], [])
