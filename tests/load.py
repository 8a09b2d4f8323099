"""What the tests of stores under load share, and their processes: ``load.py SCENARIO SETTINGS NUMBER``.

SETTINGS are those of a storage, in JSON; NUMBER is how much is done.
"""

import atexit
import contextlib
import gc
import json
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
import zlib
from typing import Any

import flask

import flask_pyfs as fs
from flask_pyfs import FileExists, FSError

MIB = 1024 * 1024

#: More than a part of any store, and the smallest that S3 takes.
PART_SIZE = 5 * MIB

PROCESSES = 8
CHILDREN = 4


def run_child(scenario, settings, number, timeout=120, script=__file__):
    """Run a scenario in a process of its own, which must succeed, and return what it prints."""
    command = [sys.executable, script, scenario, json.dumps(settings), str(number)]
    env = os.environ | {"PYTHONPATH": os.path.dirname(__file__)}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=env, start_new_session=True, **pipes) as child:
        try:
            output, errors = child.communicate(timeout=timeout)
        finally:
            # its own children hold the pipes, too
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
    assert child.returncode == 0, f"{scenario} ended with {child.returncode}\n{output}\n{errors}"
    assert "Exception ignored" not in errors, errors
    return output


def open_storage(settings):
    """Return a storage and its app; nothing is reached."""
    app = flask.Flask("tests")
    app.config.update(FS_SERVE=True, **{f"FILES_FS_{key}": value for key, value in settings.items()})
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    return storage, app


def content_of(name, writer, number, size):
    """Return a content that says where it belongs, and has no two equal parts."""
    head = f"<{name} {writer} {number} {size}>".encode()
    return head + random.Random(head).randbytes(max(0, size - len(head)))


def origin_of(content, name):
    """Return the whole content, its writer and its number, told by the start of it; the name must be right."""
    head, closed, _ = content[:100].partition(b">")
    assert closed, f"not the start of a content: {content[:100]!r}"
    written_to, writer, number, size = head[1:].decode().split()
    assert written_to == name, f"{name!r} has the content of {written_to!r}"
    return content_of(name, writer, number, int(size)), writer, int(number)


def check(content, name):
    """Return the writer and the number of a content, which must be whole."""
    expected, writer, number = origin_of(content, name)
    assert len(content) == len(expected), f"{name!r}: {len(content)} bytes in place of {len(expected)}"
    assert content == expected, f"{name!r}: parts of two contents"
    return writer, number


def sockets():
    """Return how many sockets this process has open."""
    count = 0
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:")
        except FileNotFoundError:
            # the one that lists the directory
            continue
    return count


def in_threads(number, work):
    """Call ``work`` with each number at the same time, each in a thread; return what they returned or raised."""
    results = {}
    barrier = threading.Barrier(number)

    def run(each):
        try:
            barrier.wait(60)
            results[each] = work(each)
        except BaseException as error:
            results[each] = error

    threads = [threading.Thread(target=run, args=(each,), daemon=True) for each in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert len(results) == number, f"{number - len(results)} threads hang"
    return results


def forked(work, seconds=60):
    """Fork a child that calls ``work``; return its id. One that takes too long is killed."""
    child = os.fork()
    if child:
        return child
    signal.alarm(seconds)
    failed = True
    try:
        work()
        failed = False
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stderr.flush()
        os._exit(failed)


def wait_for(children):
    """Wait for forked children, who must all have succeeded."""
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert statuses == [0] * len(children), statuses


# One winner


def part_of(turn):
    return ("large", PART_SIZE + 1) if turn % 4 == 3 else ("small", 40_000)


def new_name(turn, part):
    return f"new/{part}-{turn}" if turn % 2 else f"new-{part}-{turn}"


def contend(settings, rounds):
    """Let processes write new names, and names that are taken; print a list of who won each of the new ones."""
    storage, _ = open_storage(settings)
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(PROCESSES)
    winners = context.SimpleQueue()
    storage.write("taken", content_of("taken", "before", 0, 1000))

    def write(name, number, size):
        barrier.wait(60)
        try:
            storage.write(name, content_of(name, number, 0, size))
        except FileExists:
            return False
        return True

    def work(number):
        # the client is made before the start
        storage.exists("taken")
        won = []
        for turn in range(rounds):
            part, size = part_of(turn)
            name = new_name(turn, part)
            if write(name, number, size):
                won.append(name)
            assert not write("taken", number, 1000)
        winners.put((number, won))

    processes = [context.Process(target=work, args=(number,)) for number in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    print(json.dumps([winners.get() for _ in processes]))


# Forks


def fork(settings, number):
    """Fork children of a storage that is in use: a positive number is of turns, a negative one of seconds."""
    storage, _ = open_storage(settings)
    for each in range(5):
        storage.write(f"shared-{each}", content_of(f"shared-{each}", "parent", 0, 50_000))
    half_read = content_of("half-read", "parent", 0, MIB)
    storage.write("half-read", half_read)
    late = content_of("late", "parent", 0, PART_SIZE + 100_000)
    reader, writer = storage.open("half-read", "rb"), storage.open("late", "wb")
    assert reader.read(1000) == half_read[:1000]
    # the first part is sent, and the second one has begun
    writer.write(late[: PART_SIZE + 1000])
    held = {"writer": writer}
    del writer

    def child(each):
        assert reader.read() == half_read[1000:]
        drop_writer(held, each)
        use(storage, f"child-{each}", number)
        assert reader.seek(5000) == 5000
        assert reader.read(1000) == half_read[5000:6000]
        reader.close()

    children = [forked(lambda each=each: child(each)) for each in range(CHILDREN)]
    assert reader.read(300_000) == half_read[1000:301_000]
    use(storage, "parent", number)
    wait_for(children)
    assert reader.read() == half_read[301_000:]
    reader.close()
    assert not storage.exists("late")
    held["writer"].write(late[PART_SIZE + 1000 :])
    held["writer"].close()
    assert storage.read("late") == late
    for writer in ("parent", *(f"child-{each}" for each in range(CHILDREN))):
        for each in range(2):
            check(storage.read(f"{writer}-{each}"), f"{writer}-{each}")


def drop_writer(held, way):
    """Leave a file that the parent writes, each child in another way."""
    if way == 0:
        held.pop("writer").discard()
    elif way == 1:
        with contextlib.suppress(KeyError), held.pop("writer"):
            raise KeyError
    elif way == 2:
        held.clear()
        gc.collect()


def close_in_child(settings, size):
    """Close a file that the parent writes in a child, too."""
    storage, _ = open_storage(settings)
    content = content_of("file", "parent", 0, size)
    file = storage.open("file", "wb")
    file.write(content[:-100])

    def child():
        # it may tell that this cannot be
        with contextlib.suppress(OSError, ValueError, FSError):
            file.write(b"of the child" * 1000)
        with contextlib.suppress(OSError, ValueError, FSError):
            file.close()
        assert not storage.exists("file")

    wait_for([forked(child, seconds=10)])
    assert not storage.exists("file")
    file.write(content[-100:])
    file.close()
    assert storage.read("file") == content


def use(storage, writer, number):
    """Read and write names of one's own, and shared ones."""
    chance = random.Random(writer)
    end = time.monotonic() - number if number < 0 else float("inf")
    turn = 0
    while time.monotonic() < end and (number < 0 or turn < number):
        own, shared = f"{writer}-{turn % 2}", f"shared-{chance.randrange(5)}"
        content = content_of(own, writer, turn, chance.randrange(100, 150_000))
        storage.write(own, content, overwrite=True)
        assert storage.read(own) == content
        storage.write(shared, content_of(shared, writer, turn, chance.randrange(100, 150_000)), overwrite=True)
        check(storage.read(shared), shared)
        check(b"".join(storage.read_chunks(shared, 10_000)), shared)
        assert storage.exists(shared)
        assert not storage.exists(f"{writer}-never")
        turn += 1


def close_at_exit(settings, parts):
    """Let the end of the interpreter write the rest of a large file and close it."""
    storage, _ = open_storage(settings)
    file = storage.open("at exit", "wb")

    def finish():
        for _ in range(parts):
            file.write(bytes(PART_SIZE))
        file.close()

    atexit.register(finish)


# Memory


class Pattern:
    """A file of many megabytes that holds nothing."""

    def __init__(self, size):
        self._size = size
        self._position = 0
        self._block = random.Random(size).randbytes(65_537)

    def read(self, size):
        start = self._position % len(self._block)
        piece = self._block[start : start + min(size, self._size - self._position)]
        self._position += len(piece)
        return piece


def digest(pieces):
    """Return the length and the checksum of what comes in pieces."""
    length, checksum = 0, 0
    for piece in pieces:
        length += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return length, checksum


def pieces_of(file, size=64 * 1024):
    return iter(lambda: file.read(size), b"")


def memory_of_all(settings, mebibytes):
    """Do everything with a large file; print how many bytes of memory each of it took above the start."""
    storage, app = open_storage(settings)
    work_with(storage, app, 1000, lambda name, operation: operation())
    taken = {}

    def measure(name, operation):
        # a process that was just started has the peak of its parent in ru_maxrss
        with open("/proc/self/clear_refs", "w") as reset:
            reset.write("5")
        start = memory("VmRSS")
        operation()
        taken[name] = memory("VmHWM") - start

    work_with(storage, app, mebibytes * MIB, measure)
    print(json.dumps(taken))


def memory(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(f"{field}:"))


def work_with(storage, app, size, measure):
    expected = digest(pieces_of(Pattern(size)))

    def write_file():
        with storage.open("opened.bin", "wb") as file:
            for piece in pieces_of(Pattern(size)):
                file.write(piece)

    def read_chunks():
        assert digest(storage.read_chunks("copied.bin")) == expected

    def read_file():
        with storage.open("opened.bin", "rb") as file:
            assert digest(pieces_of(file)) == expected

    def serve():
        with app.test_client() as client, client.get("/files/saved.bin") as response:
            assert response.status_code == 200
            assert digest(response.response) == expected

    measure("save", lambda: storage.save(Pattern(size), "saved.bin", overwrite=True))
    measure("copy", lambda: storage.copy("saved.bin", "copied.bin", overwrite=True))
    measure("read_chunks", read_chunks)
    measure("open for writing", write_file)
    measure("open for reading", read_file)
    measure("serve", serve)


SCENARIOS = {
    "contend": contend,
    "fork": fork,
    "close in child": close_in_child,
    "close at exit": close_at_exit,
    "memory": memory_of_all,
}


def play(scenarios):
    """Play the scenario that the command line names."""
    # to fork while another thread works is the point here
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    socket.setdefaulttimeout(60)
    scenarios[sys.argv[1]](json.loads(sys.argv[2]), int(sys.argv[3]))


if __name__ == "__main__":
    play(SCENARIOS)
