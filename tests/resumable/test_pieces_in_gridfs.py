"""Uploads to GridFS whose pieces are chunks of the file that they become."""

from __future__ import annotations

import hashlib
import io

import pytest
from opened import open_files

import flask_pyfs as fs
from flask_pyfs import unfinished
from flask_pyfs.filesystems.gridfs.pieces import GridPieces
from flask_pyfs.leases import held as leases
from flask_pyfs.resumable.outcomes import ChecksumMismatch
from flask_pyfs.resumable.upload import Upload
from flask_pyfs.unfinished import Ended

pytestmark = pytest.mark.server

DATA = bytes(range(250))
CHUNK, PIECE = 20, 60


def small_pieces(store):
    store.chunk_size, store.piece_size, store.part_size = CHUNK, PIECE, 2 * CHUNK


@pytest.fixture
def open_gridfs(open_storage):
    """A function that opens a storage in GridFS, whose pieces are short."""

    def open_gridfs(**options):
        storage = open_storage("gridfs", PREFIX="in/side", **options)
        small_pieces(storage.backend.store)
        return storage

    return open_gridfs


@pytest.fixture
def storage(open_gridfs):
    return open_gridfs()


def append(upload, start, stop, data=DATA, **options):
    return Upload.opened(upload.token).append(io.BytesIO(data[start:stop]), start, **options)


def start(storage, begin, name="a.bin", **terms):
    return begin(storage, name, unique=False, length=len(DATA), **terms)


def chunks(storage):
    """The ids of all chunks, each with that of its file."""
    return {each["_id"]: str(each["files_id"]) for each in storage.backend.store._bucket.chunks.find({}, ["files_id"])}


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_file_has_the_chunks_of_the_pieces(storage, begin, overwrite):
    if overwrite:
        storage.write("a.bin", DATA * 2)
    upload = start(storage, begin, overwrite=overwrite)
    append(upload, 0, 120)
    before = chunks(storage)
    # a client breaks off
    append(upload, 120, 130)
    status = append(upload, 130, 250)
    assert (status.stored, status.stored.size, storage.read("a.bin")) == ("a.bin", 250, DATA)
    assert status.stored.version == storage.version("a.bin")
    own = {each for each, file in chunks(storage).items() if file == status.stored.version}
    assert (len(own), len(own & before.keys())) == (13, 6)
    storage.delete("a.bin")
    storage.backend.config["upload_lifetime"] = -3600
    # what it has become is told as long as it lives
    assert storage.backend.remove_leftovers(-60) == 1
    assert chunks(storage) == {}


@pytest.mark.parametrize("reason", ["taken", "cancelled", "content"])
def test_nothing_is_left_of_what_does_not_become_a_file(open_gridfs, begin, reason):
    storage = open_gridfs(VERIFY=True)
    upload = start(storage, begin, "a.pdf" if reason == "content" else "a.txt")
    append(upload, 0, 120, b"text " * 50)
    if reason == "cancelled":
        upload.cancel()
    else:
        if reason == "taken":
            storage.write("a.txt", b"theirs")
        with pytest.raises(fs.FSError):
            append(upload, 120, 250, b"text " * 50)
    with pytest.raises((Ended, fs.FSError)):
        upload.status()
    assert list(storage.list_files()) == ["a.txt"] * (reason == "taken")
    storage.backend.config["upload_lifetime"] = -3600
    storage.backend.remove_leftovers(-60)
    assert len(chunks(storage)) == (reason == "taken")


@pytest.mark.parametrize("content", ["kept", "read"])
def test_an_upload_reads_no_secondary(open_gridfs, begin, mongo_replica, content):
    # one may be behind; here, whatever asks for one fails
    url = f"{mongo_replica.url}&readPreference=secondary"
    storage = open_gridfs(MONGO_URL=url, TIMEOUT=1, VERIFY=content == "read")
    upload = start(storage, begin, "a.txt")
    append(upload, 0, 130, b"text " * 50)
    assert upload.status().offset == 130
    version = append(upload, 130, 250, b"text " * 50).stored.version
    assert upload.status().stored.version == version
    storage.backend.config["upload_lifetime"] = -3600
    assert storage.backend.remove_leftovers(-60) == 1


def test_two_clients_send_different_content(storage, begin):
    upload = start(storage, begin)
    append(upload, 0, 60)
    ours, theirs = DATA[60:], DATA[::-1][60:]

    class Slow(io.BytesIO):
        def readinto(self, buffer):
            if self.tell() == 0:
                append(upload, 60, 180, DATA[::-1])
            return super().readinto(buffer)

    Upload.opened(upload.token).append(Slow(ours[:120]), 60)
    append(upload, 180, 250)
    stored = storage.read("a.bin")
    assert (stored[:60], stored[180:]) == (DATA[:60], DATA[180:])
    assert all(stored[at : at + PIECE] in (ours[at - 60 : at], theirs[at - 60 : at]) for at in (60, 120))


def test_a_checksum_of_several_pieces(storage, begin):
    upload = start(storage, begin)
    with pytest.raises(ChecksumMismatch):
        append(upload, 0, 250, DATA[::-1], checksum=("sha256", hashlib.sha256(DATA).digest()))
    append(upload, 0, 250, checksum=("sha256", hashlib.sha256(DATA).digest()))
    assert storage.read("a.bin") == DATA


@pytest.mark.parametrize("act", ["nothing", "delete", "replace"])
def test_a_worker_is_killed_when_the_file_has_its_name(storage, begin, act, monkeypatch):
    monkeypatch.setattr(leases.Held, "_keep", lambda held: None)
    monkeypatch.setattr(unfinished.upload, "SILENCE", 0.05)

    class Killed(BaseException):
        pass

    def kill(*arguments, **options):
        real(*arguments, **options)
        raise Killed

    upload, real = start(storage, begin, overwrite=True), GridPieces.join_files
    with monkeypatch.context() as patch:
        patch.setattr(GridPieces, "join_files", kill)
        patch.setattr(leases.Held, "release", lambda held: None)
        with pytest.raises(Killed):
            append(upload, 0, 250)
    version = storage.version("a.bin")
    if act == "nothing":
        assert (upload.status().stored.version, storage.read("a.bin")) == (version, DATA)
        return
    storage.delete("a.bin") if act == "delete" else storage.write("a.bin", b"newer", overwrite=True)
    # not one that has no bytes yet, and not one that takes the place of what is newer
    with pytest.raises(Ended):
        upload.status()
    assert storage.exists("a.bin") is (act == "replace")


def test_an_upload_goes_on_while_the_storage_moves(storage, begin, tmp_path):
    upload = start(storage, begin)
    append(upload, 0, 150)
    settings = storage.backend.config
    app, moving = open_files(
        {
            "BACKEND": "migrating",
            "SOURCE": "gridfs",
            "SOURCE_PREFIX": "in/side",
            "SOURCE_BUCKET": "files",
            "SOURCE_MONGO_URL": settings["mongo_url"],
            "SOURCE_MONGO_DB": settings["mongo_db"],
            "TARGET": "local",
            "TARGET_ROOT": str(tmp_path / "target"),
        },
        tmp_path,
    )
    with app.test_request_context():
        small_pieces(moving.backend.store.source.whole)
        assert Upload.opened(upload.token).status().offset == 150
        status = append(upload, 150, 250)
        assert (status.stored, moving.read("a.bin")) == ("a.bin", DATA)
        moving.backend.config["upload_lifetime"] = -3600
        assert moving.backend.remove_leftovers(-60) == 1
    assert chunks(storage) == {}
