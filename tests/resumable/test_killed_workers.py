"""Workers of gunicorn that are killed at any moment of an upload: the other one goes on with it."""

import json
import os
import random
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from urllib.request import urlopen

import pytest
from opened import open_files
from places import make_place
from servers.gunicornapp import gunicorn
from servers.process import HOST
from tus_client import TusClient

from flask_pyfs.names import RESERVED, Reserved

pytestmark = [pytest.mark.server, pytest.mark.slow]

MIB = 1024 * 1024
KINDS = ["local", "s3-moto", "gridfs", "swift"]


@contextmanager
def served(kind, request, tmp_path, *, size, silence=6):
    """Run an app with two workers; the block has its port, app and storage, and the file that names a worker."""
    worker = tmp_path / "worker"
    with make_place(kind, request) as place:
        app, storage = open_files(place, tmp_path)
        config = {key: value for key, value in app.config.items() if key.startswith(("FILES_FS_", "FS_"))}
        settings = {"size": size, "silence": silence, "worker": str(worker), "config": config}
        with gunicorn(
            tmp_path, "killedapp:app", env={"UPLOADS": json.dumps(settings)}, options=("--timeout=120",)
        ) as server:
            yield server.port, app, storage, worker


def begin(port, name):
    with urlopen(f"http://{HOST}:{port}/begin/{name}") as answer:
        return answer.read().decode()


@pytest.mark.parametrize("kind", KINDS)
def test_the_other_worker_goes_on(kind, request, tmp_path, soak):
    kills, length = (20, 200 * MIB) if soak else (5, 2 * MIB)
    content = random.Random(kind).randbytes(length)
    with served(kind, request, tmp_path, size=length // 25, silence=1) as (port, app, storage, worker):
        # some when all was sent, while it becomes a file
        moments = sorted(random.choice([random.randrange(length), length]) for _ in range(kills))

        def kill(sent):
            if moments and sent >= moments[0]:
                moments.pop(0)
                with suppress(FileNotFoundError, ProcessLookupError):
                    os.kill(int(worker.read_text()), signal.SIGKILL)
                    worker.unlink()

        TusClient(HOST, port, kill).upload(begin(port, "a.bin"), content)
        with app.app_context():
            assert list(storage.list_files()) == ["a.bin"]
            assert storage.read("a.bin") == content
            # what tells the client what its upload has become is kept for so long
            storage.config["upload_lifetime"] = 0
            storage.backend.remove_leftovers(0)
            assert list(storage.backend.store.iter_files(Reserved(f"{RESERVED}/"))) == []


def test_many_uploads_at_once(request, tmp_path, soak):
    count, length = (100, 10 * MIB) if soak else (12, MIB)
    contents = {f"{number}.bin": random.Random(number).randbytes(length) for number in range(count)}
    # the first is the quickest, and meets as many at once
    for kind in KINDS if soak else KINDS[:1]:
        (directory := tmp_path / kind).mkdir()
        with served(kind, request, directory, size=8 * MIB) as (port, app, storage, _):
            with ThreadPoolExecutor(count) as pool:
                uploads = [
                    pool.submit(TusClient(HOST, port).upload, begin(port, name), content)
                    for name, content in contents.items()
                ]
            for upload in uploads:
                upload.result()
            with app.app_context():
                assert set(storage.list_files()) == set(contents)
                assert all(storage.read(name) == content for name, content in contents.items())
