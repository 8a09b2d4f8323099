"""The command leftovers: counts what killed uploads left in each storage, and removes it with --delete."""

import json
import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from places import make_place

import flask_pyfs as fs
from flask_pyfs.backends import BaseBackend
from flask_pyfs.cli import fs as group

DAY = 24 * 60 * 60


class Tape(BaseBackend):
    """Was written for Flask-FS."""

    def exists(self, filename):
        return False


def run(app, *arguments, code=0):
    result = app.test_cli_runner().invoke(group, ["leftovers", *arguments])
    assert result.exit_code == code, result.output
    return result


def objects(app, *arguments, code=0):
    return [json.loads(line) for line in run(app, *arguments, "--json", code=code).stdout.splitlines()]


@pytest.fixture
def local(app, configure_storage):
    """A storage on a disk, which is in use."""
    storage = configure_storage("papers", {})
    storage.write("kept.txt", "x")
    return storage


def abandon(storage, age):
    """Leave a file as an upload does whose process is killed."""
    place = Path(storage.root, ".flask_pyfs", f"abandoned-{age}")
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"unfinished")
    os.utime(place, (time.time() - age,) * 2)
    return place


def test_they_are_counted_and_removed_by_age(app, local):
    old, young = abandon(local, 2 * DAY), abandon(local, 3600)
    assert run(app).stdout == "papers: 1 unfinished\n"
    assert old.exists()
    assert run(app, "--delete").stdout == "papers: 1 removed\n"
    assert not old.exists()
    assert run(app, "--older-than", "3d").stdout == "papers: 0 unfinished\n"
    for age in ("1800s", "30m", "0.5h", "30 minutes"):
        assert objects(app, "papers", "--older-than", age) == [
            {"storage": "papers", "leftovers": 1, "deleted": False, "reason": None}
        ]
    assert young.exists()
    assert objects(app, "--older-than", "30m", "--delete")[0]["deleted"] is True
    assert not young.exists()
    assert local.read("kept.txt") == b"x"


@pytest.mark.server
@pytest.mark.parametrize("kind", ["gridfs", "s3-moto"])
def test_they_are_found_on_a_server(kind, app, configure_storage, request):
    with make_place(kind, request) as place, app.app_context():
        storage = configure_storage("papers", {**place, "UPLOAD_LIFETIME": 0.001})
        storage.write("kept.txt", "x")
        LEAVE[kind](storage)
        deadline = time.monotonic() + 30
        # the clock of a server may count whole seconds
        while (found := objects(app, "--older-than", "0s")[0]["leftovers"]) == 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert found == 1
        assert run(app, "--older-than", "0s", "--delete").stdout == "papers: 1 removed\n"
        assert run(app, "--older-than", "0s").stdout == "papers: 0 unfinished\n"
        assert storage.read("kept.txt") == b"x"


def leave_chunks(storage):
    from bson import ObjectId

    then = ObjectId.from_datetime(datetime.now(timezone.utc) - timedelta(days=2))
    storage.backend.db[f"{storage.backend.bucket_name}.chunks"].insert_one(
        {"_id": then, "files_id": then, "n": 0, "data": b"x"}
    )


def leave_parts(storage):
    storage.backend.client.create_multipart_upload(Bucket=storage.backend.bucket_name, Key="never.bin")


LEAVE = {"gridfs": leave_chunks, "s3-moto": leave_parts}


def test_a_backend_of_flask_fs_is_said_to_be_one(app, local):
    other = fs.Storage("tapes")
    fs.init_app(app, other)
    with app.app_context():
        other.backend = Tape("tapes", {})
    reason = "Tape was written for Flask-FS, and tells of no unfinished uploads"
    assert run(app).stdout.splitlines() == ["papers: 0 unfinished", f"tapes: {reason}"]
    assert objects(app, "tapes", "--delete") == [
        {"storage": "tapes", "leftovers": None, "deleted": False, "reason": reason}
    ]


def test_a_store_that_does_not_answer_stops_no_other(app, local, configure_storage, unused_port):
    place = {"ENDPOINT": f"http://127.0.0.1:{unused_port}", "ACCESS_KEY": "a", "SECRET_KEY": "b", "RETRIES": 0}
    configure_storage("gone", {"BACKEND": "s3", "BUCKET": "papers", "REGION": "us-east-1", **place})
    result = run(app, code=5)
    assert result.stdout == "papers: 0 unfinished\n"
    assert "'gone'" in result.stderr
    [said] = result.stderr.splitlines()
    told = {each["storage"]: each for each in objects(app, code=5)}
    assert told["gone"] == {"storage": "gone", "error": said.removeprefix("Error: ")}
    assert told["papers"]["leftovers"] == 0


def test_wrong_usage(app, local):
    run(app, "films", code=3)
    run(app, "--older-than", "soon", code=2)
    # it may have been meant as days
    run(app, "--older-than", "30", code=2)
    run(app, "--older-than", "-1", code=2)
