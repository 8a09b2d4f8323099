"""The pieces of uploads to S3, which are parts of one multipart upload of the object that they become."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from fs import errors
from killing import Killed, Killing
from s3_pieces import DATA, OTHER, PIECE, Bucket, append, start

from flask_pyfs import unfinished
from flask_pyfs.errors import BackendError, FileExists
from flask_pyfs.filesystems.s3 import S3FS, pieces
from flask_pyfs.filesystems.s3.bucket import S3Bucket
from flask_pyfs.filesystems.s3.conditional import ConditionalWrites
from flask_pyfs.filesystems.s3.errors import S3Refused
from flask_pyfs.filesystems.s3.multipart import ObjectInParts
from flask_pyfs.filesystems.s3.upload import S3Upload
from flask_pyfs.leases import held as leases
from flask_pyfs.resumable.upload import Upload
from flask_pyfs.unfinished import Ended

sys.path.append(str(Path(__file__).parents[1] / "s3"))

from counting import operations, requests_of

pytestmark = pytest.mark.server

UPLOADS = "in/side/.flask_pyfs/uploads/"


@pytest.fixture
def storage(open_storage, monkeypatch):
    monkeypatch.setattr(S3FS, "piece_size", PIECE)
    return open_storage("s3-moto", PREFIX="in/side")


@pytest.fixture
def store(storage):
    return storage.backend.store


@pytest.fixture
def bucket(store):
    return Bucket(store)


@pytest.fixture
def mortal(monkeypatch):
    """Workers that are killed say so by their silence."""
    monkeypatch.setattr(leases.Held, "_keep", lambda held: None)
    monkeypatch.setattr(unfinished.upload, "SILENCE", 0.05)


def left_in(bucket):
    """The names of the files of all uploads."""
    return {key.rpartition("/")[2] for key in bucket.objects() if key.startswith(UPLOADS)}


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_parts_become_the_object(storage, store, bucket, begin, overwrite):
    if overwrite:
        storage.write("a.bin", "before")
    store.upload_args["Metadata"] = {"owner": "ann"}
    upload = start(storage, begin, overwrite=overwrite, content_type="image/x-own")
    with requests_of(store.client) as sent:
        assert append(upload, 0, PIECE + 3).offset == PIECE + 3
        assert len(bucket.parts()) == 1
        status = append(upload, PIECE + 3)
    counted = operations(sent)
    # the second window was sent in two, which are joined; one more tries what the server takes
    assert (counted["UploadPart"], counted["UploadPartCopy"], counted["CompleteMultipartUpload"]) == (4, 0, 1)
    # where the parts are, and these two
    assert counted["GetObject"] == 3
    assert (status.stored, status.stored.size) == ("a.bin", len(DATA))
    assert status.stored.version == storage.version("a.bin")
    assert storage.read("a.bin") == DATA
    head = store.client.head_object(Bucket=bucket.name, Key="in/side/a.bin")
    assert (head["ContentType"], head["Metadata"]["owner"]) == ("image/x-own", "ann")
    assert (bucket.uploads(), left_in(bucket)) == ({}, {"done"})
    assert Upload.opened(upload.token).status().stored == "a.bin"


def test_an_upload_in_one_request_costs_little(storage, store, begin):
    append(start(storage, begin, "first.bin"), 0)
    upload = start(storage, begin)
    with requests_of(store.client) as sent:
        append(upload, 0)
    assert operations(sent) == {
        # a look, another one, and what is removed
        "ListObjectsV2": 3,
        # of the second look, and of the object
        "ListParts": 2,
        # where the parts are, and the slot; the lease, that somebody has begun, and what the upload has become
        "PutObject": 5,
        "CreateMultipartUpload": 1,
        "UploadPart": 3,
        # whether the name is free
        "HeadObject": 1,
        "CompleteMultipartUpload": 1,
        "DeleteObjects": 1,
    }


def test_each_piece_is_of_one_client_and_what_has_come_stays(storage, bucket, begin):
    upload = start(storage, begin)

    class Racing(io.BytesIO):
        """Sends what another client sends, and other content, while its own is read."""

        def readinto(self, buffer):
            if self.tell() == PIECE // 2 // 65536 * 65536:
                assert append(upload, 0, PIECE + 9, OTHER).offset == PIECE + 9
            return super().readinto(buffer)

    with pytest.raises(ConnectionResetError):
        Upload.opened(upload.token).append(io.BufferedReader(Broken(Racing(DATA[: PIECE + 5]))), 0)
    assert len(bucket.parts()) == 2
    # what was said to have come is there
    assert Upload.opened(upload.token).status().offset == PIECE + 9
    append(upload, PIECE + 9, data=OTHER)
    content = storage.read("a.bin")
    assert content[:PIECE] in (DATA[:PIECE], OTHER[:PIECE])
    assert content[PIECE:] == OTHER[PIECE:]


class Broken(io.RawIOBase):
    """Breaks off at the end of another stream."""

    def __init__(self, stream):
        super().__init__()
        self._stream = stream

    def readable(self):
        return True

    def readinto(self, buffer):
        count = self._stream.readinto(buffer)
        if not count:
            raise ConnectionResetError
        return count


@pytest.mark.parametrize("can_copy", [True, False])
def test_a_request_without_a_slot_stores_objects(storage, store, bucket, begin, monkeypatch, can_copy):
    monkeypatch.setattr(pieces, "slots_for", lambda length, size: 2)
    if not can_copy:
        refused = S3Refused("", ClientError({"Error": {"Code": "NotImplemented"}}, "UploadPartCopy"), "")
        monkeypatch.setattr(S3Upload, "copy_part", failing(refused))
    upload = start(storage, begin)
    append(upload, 0, PIECE)
    append(upload, PIECE, 2 * PIECE)
    assert len(bucket.parts()) == 1
    assert "0000000000500000" in str(left_in(bucket))
    with requests_of(store.client) as sent:
        append(upload, 2 * PIECE)
    # the last piece is too short to be copied by the server
    counted = operations(sent)
    assert (counted["UploadPartCopy"], counted["UploadPart"]) == ((1, 1) if can_copy else (0, 2))
    assert storage.read("a.bin") == DATA
    assert (bucket.uploads(), left_in(bucket)) == ({}, {"done"})


def test_who_goes_on_sends_no_part_again(storage, store, bucket, begin, monkeypatch, mortal):
    monkeypatch.setattr(pieces, "slots_for", lambda length, size: 2)
    upload = start(storage, begin)
    append(upload, 0, PIECE)
    append(upload, PIECE, 2 * PIECE)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectInParts, "complete", failing(Killed))
        with pytest.raises(Killed):
            append(upload, 2 * PIECE)
    assert len(bucket.parts()) == 3
    with requests_of(store.client) as sent:
        assert Upload.opened(upload.token).status().stored == "a.bin"
    assert (operations(sent)["UploadPart"], storage.read("a.bin")) == (0, DATA)
    assert (bucket.uploads(), left_in(bucket)) == ({}, {"done"})


@pytest.mark.parametrize("before", ["no part", "a part"])
def test_pieces_that_were_cut_for_another_store_do_not_shift_the_parts(storage, store, bucket, begin, before):
    data = os.urandom(5 * PIECE + 9)
    upload, start = begin(storage, unique=False, length=len(data)), 0

    def send(stop, size=PIECE):
        nonlocal start
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(S3FS, "piece_size", size)
            start = append(upload, start, stop, data=data).offset
        assert start == stop

    if before == "a part":
        send(PIECE)
        # one piece, of two windows
        send(3 * PIECE, 3 * PIECE)
    else:
        # as a storage does that moves to this bucket
        store.for_upload = lambda *arguments, **options: store
        send(4 * PIECE // 3 + 1, 4 * PIECE // 3)
        del store.for_upload
        send(3 * PIECE)
    send(4 * PIECE)
    send(4 * PIECE + 9)
    assert {part["Size"] for part in bucket.parts()} == {PIECE}
    send(len(data))
    assert storage.read("a.bin") == data
    assert (bucket.uploads(), left_in(bucket)) == ({}, {"done"})


def failing(error):
    """A method that raises an error."""

    def fail(*arguments, **options):
        raise error

    return fail


def test_two_that_begin_at_once_share_one_multipart_upload(storage, bucket, begin, monkeypatch):
    begin_parts, put = ObjectInParts.begin, S3FS.put
    append(start(storage, begin, "warm.bin"), 0)
    upload, second = start(storage, begin), start(storage, begin, "b.bin")

    def begun(target, mark, **options):
        monkeypatch.setattr(ObjectInParts, "begin", begin_parts)
        append(upload, 0, PIECE, OTHER)
        return begin_parts(target, mark, **options)

    def claimed(store, path, file, **options):
        if path.endswith("/slot-1"):
            monkeypatch.setattr(S3FS, "put", put)
            append(second, 0, PIECE, OTHER)
        return put(store, path, file, **options)

    monkeypatch.setattr(ObjectInParts, "begin", begun)
    append(upload, 0, PIECE)
    assert len(bucket.parts()) == 2
    assert len(bucket.uploads()) == 1
    append(upload, PIECE)
    assert storage.read("a.bin") in (DATA, OTHER[:PIECE] + DATA[PIECE:])
    monkeypatch.setattr(S3FS, "put", claimed)
    append(second, 0)
    assert storage.read("b.bin") in (DATA, OTHER[:PIECE] + DATA[PIECE:])
    assert (bucket.uploads(), left_in(bucket)) == ({}, {"done"})


def test_pieces_that_wait_for_a_checksum_are_objects(storage, bucket, begin):
    upload = start(storage, begin)
    content = DATA[: 2 * PIECE]
    append(upload, 0, 2 * PIECE, checksum=("sha256", hashlib.sha256(content).digest()))
    assert bucket.uploads() == {}
    append(upload, 2 * PIECE)
    assert storage.read("a.bin") == DATA


@pytest.mark.parametrize("act", ["append", "overwrite", "cancel"])
def test_a_worker_is_killed_at_each_request(storage, bucket, begin, act, mortal, soak):
    append(start(storage, begin, "warm.bin"), 0)
    last, step = {"append": 1, "overwrite": 2, "cancel": 1}[act], 1 if soak else 6
    for is_sent in (False, True):
        is_done = False
        while not is_done:
            name = f"{last}-{is_sent}.bin"
            if act == "overwrite":
                storage.write(name, "before")
            upload = start(storage, begin, name, overwrite=act == "overwrite")
            if act == "cancel":
                append(upload, 0, PIECE)
            with pytest.MonkeyPatch.context() as patch:
                killing = Killing(patch, last, is_sent=is_sent, requests=[(S3Bucket, "request")])
                with suppress(Killed):
                    Upload.opened(upload.token).cancel() if act == "cancel" else append(upload, 0)
                is_done = killing.left > 0
            if act == "cancel":
                with suppress(Ended):
                    Upload.opened(upload.token).cancel()
            else:
                status = Upload.opened(upload.token).status()
                if status.stored is None:
                    status = append(upload, status.offset)
                assert status.stored == name
                assert storage.read(name) == DATA
                assert status.stored.version == storage.version(name)
            last += step
        last = 1 + is_sent
    swept(storage)
    assert (bucket.uploads(), left_in(bucket)) == ({}, set())


def swept(storage):
    """Remove all that is left of uploads."""
    storage.backend.config["upload_lifetime"] = -3600
    return storage.backend.remove_leftovers(-60)


def acting_at(patch, number, act):
    """Let another worker act before a request is sent."""
    requests, real = itertools.count(1), S3Bucket.request

    def request(bucket, *arguments, **options):
        if next(requests) == number:
            act()
        return real(bucket, *arguments, **options)

    patch.setattr(S3Bucket, "request", request)


def end(upload, act):
    append(upload, PIECE) if act == "finish" else Upload.opened(upload.token).cancel()


@pytest.mark.parametrize("act", ["finish", "cancel"])
def test_one_looks_while_another_ends_the_upload(storage, begin, act, monkeypatch):
    for number in (1, 2, 3):
        upload = start(storage, begin, f"{number}.bin")
        append(upload, 0, PIECE)
        with monkeypatch.context() as patch:
            acting_at(patch, number, lambda upload=upload: end(upload, act))
            if act == "finish":
                assert Upload.opened(upload.token).status().stored == f"{number}.bin"
            else:
                with pytest.raises(Ended):
                    Upload.opened(upload.token).status()


@pytest.mark.parametrize("act", ["finish", "cancel"])
def test_a_part_that_comes_after_the_end_is_none(storage, bucket, begin, act, monkeypatch):
    upload, real, is_first = start(storage, begin), S3FS.new_object, iter([True])
    append(upload, 0, PIECE)

    def new_object(store, *arguments, **options):
        if next(is_first, False):
            end(upload, act)
        return real(store, *arguments, **options)

    monkeypatch.setattr(S3FS, "new_object", new_object)
    if act == "finish":
        assert append(upload, PIECE, data=OTHER).stored == "a.bin"
        assert storage.read("a.bin") == DATA
    else:
        with pytest.raises(Ended):
            append(upload, PIECE, data=OTHER)
    assert bucket.uploads() == {}
    assert len(left_in(bucket)) == 1


def test_two_workers_make_one_object_of_the_parts(storage, bucket, begin, mortal, monkeypatch):
    real = ObjectInParts.complete
    for when in ("before", "after"):
        found, upload = [], start(storage, begin, f"{when}.bin")

        def complete(target, *arguments, upload=upload, when=when, found=found, **options):
            if found:
                return real(target, *arguments, **options)
            found.append(None)
            version = real(target, *arguments, **options) if when == "after" else None
            found.append(Upload.opened(upload.token).status().stored)
            return version or real(target, *arguments, **options)

        monkeypatch.setattr(ObjectInParts, "complete", complete)
        assert append(upload, 0).stored == found[1] == f"{when}.bin"
        assert storage.read(f"{when}.bin") == DATA
    assert (bucket.uploads(), left_in(bucket)) == ({}, {"done"})


def test_a_taken_name_and_a_failure(storage, store, bucket, begin, monkeypatch, restless):
    refused, failed = start(storage, begin), start(storage, begin, "b.bin")
    storage.write("a.bin", "theirs")
    with pytest.raises(FileExists):
        append(refused, 0)
    assert (bucket.uploads(), left_in(bucket)) == ({}, {"ended"})

    with monkeypatch.context() as patch:
        patch.setattr(ObjectInParts, "complete", failing(errors.RemoteConnectionError))
        with pytest.raises(BackendError):
            append(failed, 0)
    # the parts are kept
    assert Upload.opened(failed.token).status().stored == "b.bin"
    assert (storage.read("a.bin"), storage.read("b.bin")) == (b"theirs", DATA)


def test_only_what_is_old_is_swept(storage, store, bucket, begin):
    live, dead = start(storage, begin), start(storage, begin, "dir/b.bin")
    append(live, 0, PIECE)
    append(dead, 0, PIECE)
    # a part may be newer than what lies beside it
    times = {time for _, _, time in store.iter_elsewhere("in/side/", None)}
    assert times == {part["LastModified"] for part in bucket.parts()}
    # other storages of the bucket, with PREFIX and without, let uploads live less long
    assert [store.remove_leftovers(-60, prefix) for prefix in ("", "in/", "in/side/dir/")] == [0, 0, 0]
    assert len(bucket.uploads()) == 2
    storage.backend.config["upload_lifetime"] = -3600
    assert storage.backend.remove_leftovers(3600) == 0
    orphan = store.in_parts("in/side/c.bin").begin("0" * 16)
    assert storage.backend.remove_leftovers(-60, dry_run=True) == 3
    assert orphan in bucket.uploads()
    assert swept(storage) == 3
    assert (bucket.uploads(), bucket.objects()) == ({}, set())


def test_an_upload_has_ended_whose_parts_the_bucket_has_dropped(storage, bucket, begin):
    upload = start(storage, begin)
    append(upload, 0, PIECE)
    ((store_id, key),) = bucket.uploads().items()
    bucket.client.abort_multipart_upload(Bucket=bucket.name, Key=key, UploadId=store_id)
    for _ in range(2):
        with pytest.raises(Ended):
            Upload.opened(upload.token).status()
    with pytest.raises(Ended):
        append(upload, PIECE)


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_an_upload_has_ended_that_is_to_be_scanned_since(storage, bucket, begin, is_cancelled):
    upload = start(storage, begin)
    append(upload, 0, PIECE)
    storage.config["scan"] = lambda file, filename: True
    with pytest.raises(Ended):
        Upload.opened(upload.token).status()
    if is_cancelled:
        Upload.opened(upload.token).cancel()
    # once cancelled, nothing names the multipart upload any more
    assert swept(storage) == 1 + is_cancelled
    assert (bucket.uploads(), bucket.objects()) == ({}, set())


@pytest.mark.parametrize(
    "reason", ["scan", "spelling", "unique", "length", "conditions", "listing", "aborting", "many"]
)
def test_what_must_be_readable_is_objects(storage, bucket, begin, reason, monkeypatch):
    scanned, name = [], "\u00e9.bin" if reason in ("spelling", "unique") else "a.bin"
    if reason == "scan":
        storage.config["scan"] = lambda file, filename: bool(scanned.append(file.read()) or True)
    elif reason == "conditions":
        monkeypatch.setattr(ConditionalWrites, "keeps_taken", lambda writes, path, key: False)
    elif reason == "listing":
        monkeypatch.setattr(ObjectInParts, "parts", failing(errors.PermissionDenied))
    elif reason == "aborting":
        monkeypatch.setattr(S3Bucket, "abort", failing(errors.PermissionDenied))
    elif reason == "many":
        monkeypatch.setattr("flask_pyfs.filesystems.s3.windows.slots_for", lambda length, size: 1)
    length = None if reason == "length" else len(DATA)
    upload = begin(storage, name, unique=reason == "unique", length=length)
    append(upload, 0, PIECE)
    # one that tells what the credentials may not do
    assert len(bucket.uploads()) == (reason in ("unique", "aborting"))
    stored = append(upload, PIECE, is_last=True).stored
    assert storage.read(stored) == DATA
    assert scanned == ([DATA] if reason == "scan" else [])
    assert (len(bucket.uploads()), left_in(bucket)) == (reason == "aborting", {"done"})


def test_a_server_that_takes_fewer_parts_gets_objects(open_storage, begin, monkeypatch):
    monkeypatch.setattr(S3FS, "piece_size", PIECE)
    storage = open_storage("s3-swift")
    upload, bucket = start(storage, begin), Bucket(storage.backend.store)
    append(upload, 0, PIECE + 1)
    assert bucket.uploads() == {}
    append(upload, PIECE + 1)
    assert (storage.read("a.bin"), bucket.uploads()) == (DATA, {})
