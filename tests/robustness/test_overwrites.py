"""Readers of a file that is overwritten all the time see one whole version each."""

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from robust import HERE, make_storage, number_of
from versions import content_of, size_of, write_version

READERS = 4


def check(content):
    """Return the number of a version, which must be whole."""
    assert len(content) >= 8, f"{len(content)} bytes"
    number = int.from_bytes(content[:8], "big")
    return number_of(content, size_of(number))


def by_read(storage, client):
    return storage.read("file")


def by_chunks(storage, client):
    return b"".join(storage.read_chunks("file", 30_000))


def by_open(storage, client):
    with storage.open("file", "rb") as file:
        return b"".join(iter(lambda: file.read(10_000), b""))


def by_handle(storage, client):
    return storage.fs.readbytes("file")


def by_ranges(storage, client):
    with storage.open("file", "rb") as file:
        end = file.seek(0, 2)
        file.seek(end // 2)
        tail = file.read()
        file.seek(0)
        return file.read(end // 2) + tail


class ByHttp:
    def __init__(self):
        self.tags = {}
        self.lock = threading.Lock()

    def __call__(self, storage, client):
        response = client.get(f"/{storage.name}/file", buffered=True)
        assert response.status_code == 200
        assert response.content_length == len(response.data)
        number = check(response.data)
        with self.lock:
            assert self.tags.setdefault(response.headers["ETag"], number) == number, "one ETag, two contents"
        return response.data


def read_while(writing, storage, app, soak):
    end = time.monotonic() + (30 if soak else 0.3)
    seen = [set() for _ in range(READERS)]
    reads: list[Callable[..., bytes]] = [by_read, by_chunks, by_open, by_handle, by_ranges, ByHttp()]

    def work(index):
        client = app.test_client()
        for read in itertools.cycle(reads):
            seen[index].add(check(read(storage, client)))
            if time.monotonic() > end:
                break

    with ThreadPoolExecutor(READERS) as pool:
        for done in [pool.submit(work, index) for index in range(READERS)]:
            done.result(600)
    assert writing()
    assert len(set().union(*seen)) > 1


def test_a_process_overwrites(soak, tmp_path):
    storage, app = make_storage(tmp_path)
    storage.write("file", content_of(0))
    with subprocess.Popen(
        [sys.executable, str(HERE / "child_overwrite.py"), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout.readline() == b"ready\n"
        read_while(lambda: writer.poll() is None, storage, app, soak)
        _, _ = writer.communicate(b"", timeout=60)
    assert writer.returncode == 0


@pytest.mark.parametrize("backend", ["local", "memory"])
def test_a_thread_overwrites(backend, soak, tmp_path):
    storage, app = make_storage(tmp_path, backend)
    storage.write("file", content_of(0))
    stop = threading.Event()
    failures = []

    def overwrite():
        number = 0
        while not stop.is_set():
            number += 1
            try:
                write_version(storage, number)
            except BaseException as error:
                failures.append(error)
                raise

    writer = threading.Thread(target=overwrite)
    writer.start()
    try:
        read_while(writer.is_alive, storage, app, soak)
    finally:
        stop.set()
        writer.join(60)
    assert failures == []


def test_each_content_has_its_own_tag(tmp_path):
    """Also where versions of one size follow each other within one tick of the clock of the file system."""
    storage, app = make_storage(tmp_path)
    client = app.test_client()
    tags = {}
    for number in range(500):
        storage.write("file", number.to_bytes(8, "big"), overwrite=True)
        response = client.get("/files/file", buffered=True)
        tags.setdefault(response.headers["ETag"], set()).add(response.data)
    assert [contents for contents in tags.values() if len(contents) > 1] == []
