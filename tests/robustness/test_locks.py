"""A slow source or target stops nobody else."""

import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from robust import make_storage

# long enough for the slowest machine; only a test that fails waits for it
LONG = 60


class Gate:
    """Where a thread waits while others work."""

    def __init__(self):
        self.reached = threading.Event()
        self.opened = threading.Event()

    def wait(self):
        self.reached.set()
        assert self.opened.wait(LONG), "the others never came through"


class SlowSource(io.RawIOBase):
    """Gives some bytes, and the others when the gate opens."""

    def __init__(self, gate):
        super().__init__()
        self._gate = gate
        self._pieces = iter([b"first", b"second", b""])

    def readable(self):
        return True

    def read(self, size=-1):
        piece = next(self._pieces)
        if piece == b"second":
            self._gate.wait()
        return piece


class SlowTarget(io.RawIOBase):
    """Takes bytes when the gate opens."""

    def __init__(self, gate):
        super().__init__()
        self._gate = gate

    def writable(self):
        return True

    def write(self, data):
        self._gate.wait()
        return len(data)


def write_slowly(storage, gate):
    with storage.open("slow", "wb") as file:
        file.write(b"first")
        gate.wait()
        file.write(b"second")


def write_text_slowly(storage, gate):
    with storage.open("slow", "w") as file:
        file.write("first")
        gate.wait()
        file.write("second")


def read_slowly(storage, gate):
    with storage.open("old", "rb") as file:
        file.read(1)
        gate.wait()
        file.read()


def list_slowly(storage, gate):
    names = storage.list_files()
    next(names)
    gate.wait()
    list(names)


SLOW = {
    "save": lambda storage, gate: storage.save(SlowSource(gate), "slow"),
    "write": lambda storage, gate: storage.write("slow", SlowSource(gate)),
    "overwrite": lambda storage, gate: storage.write("old2", SlowSource(gate), overwrite=True),
    "open wb": write_slowly,
    "open w": write_text_slowly,
    "open rb": read_slowly,
    "list_files": list_slowly,
    "fs.upload": lambda storage, gate: storage.fs.upload("slow", SlowSource(gate)),
    "fs.writefile": lambda storage, gate: storage.fs.writefile("slow", SlowSource(gate)),
    "fs.download": lambda storage, gate: storage.fs.download("old", SlowTarget(gate)),
}
COPIES = {
    "copy": lambda storage, gate: storage.copy("old", "slow"),
    "fs.copy": lambda storage, gate: storage.fs.copy("old", "slow"),
}
OTHERS = {
    "read": lambda storage: storage.read("old"),
    "write": lambda storage: storage.write("new", b"x"),
    "write below": lambda storage: storage.write("new/directory/new", b"x"),
    "overwrite": lambda storage: storage.write("old", b"x", overwrite=True),
    "list": lambda storage: list(storage.list_files()),
    "exists": lambda storage: storage.exists("old"),
    "metadata": lambda storage: storage.metadata("old"),
    "copy": lambda storage: storage.copy("old", "copied"),
    "move": lambda storage: storage.move("old", "moved"),
    "delete": lambda storage: storage.delete("old"),
    "fs.readbytes": lambda storage: storage.fs.readbytes("old"),
    "fs.writebytes": lambda storage: storage.fs.writebytes("new", b"x"),
    "fs.upload": lambda storage: storage.fs.upload("new", io.BytesIO(b"x")),
    "fs.copy": lambda storage: storage.fs.copy("old", "copied"),
    "fs.listdir": lambda storage: storage.fs.listdir("/"),
    "fs.walk": lambda storage: list(storage.fs.walk()),
    "fs.makedirs": lambda storage: storage.fs.makedirs("new/directory"),
    "fs.touch": lambda storage: storage.fs.touch("new"),
    "fs.remove": lambda storage: storage.fs.remove("old"),
}


def stopped_by(storage, slow):
    """Return the operations that do not get through while a slow one is under way."""
    gate = Gate()
    stopped = []
    with ThreadPoolExecutor(len(OTHERS) + 1) as pool:
        waiting = pool.submit(slow, storage, gate)
        try:
            assert gate.reached.wait(LONG)
            for name, operation in OTHERS.items():
                done = pool.submit(operation, storage)
                if wait([done], LONG / 4).not_done:
                    stopped.append(name)
                    break
                done.result()
                restore(pool, storage)
        finally:
            gate.opened.set()
        waiting.result(LONG)
    return stopped


def restore(pool, storage):
    def work():
        for name in ("new", "moved", "copied"):
            storage.delete(name)
        storage.write("old", b"old content", overwrite=True)

    pool.submit(work).result(LONG)


@pytest.fixture(params=["local", "memory", "local with a prefix"])
def storage(request, tmp_path):
    backend, _, prefix = request.param.partition(" with a ")
    storage, _ = make_storage(tmp_path, backend, PREFIX=prefix)
    for name in ("old", "old2", "directory/old3"):
        storage.write(name, b"old content")
    return storage


@pytest.mark.parametrize("slow", SLOW)
def test_a_slow_one_stops_nobody(storage, slow):
    assert stopped_by(storage, SLOW[slow]) == []
    if slow in ("save", "write", "open wb", "open w", "fs.upload", "fs.writefile"):
        assert storage.read("slow") == b"firstsecond"


@pytest.mark.parametrize("slow", COPIES)
def test_a_slow_copy_stops_nobody(slow, tmp_path, monkeypatch):
    storage, _ = make_storage(tmp_path)
    storage.write("old", b"old content")
    copied = os.copy_file_range
    first = threading.Lock()

    def copy_slowly(storage, gate):
        def slow_copy(*arguments, **options):
            if first.acquire(blocking=False):
                gate.wait()
            return copied(*arguments, **options)

        monkeypatch.setattr(os, "copy_file_range", slow_copy)
        COPIES[slow](storage, gate)

    assert stopped_by(storage, copy_slowly) == []
    assert storage.read("slow") == b"old content"
