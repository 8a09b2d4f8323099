"""What a file or a client leaves to be done when the garbage collector finds it."""

import gc
import io
import os
import subprocess
import sys

import pytest

from flask_pyfs.filesystems.objects.clients import PerProcess
from flask_pyfs.filesystems.objects.deferred import call_or_defer, holding_deferred, run_deferred
from flask_pyfs.filesystems.objects.reader import ObjectReader


class Found:
    """Calls a function when it goes; ``circle`` leaves it to the garbage collector."""

    def __init__(self, function, *, circle):
        self._function = function
        self._circle = self if circle else None

    def __del__(self):
        call_or_defer(self._function)


@pytest.fixture(autouse=True)
def nothing_before():
    gc.collect()
    run_deferred()


def test_at_once_outside_a_collection():
    called = []
    call_or_defer(lambda: called.append(1))
    found = Found(lambda: called.append(2), circle=False)
    del found
    assert called == [1, 2]


def test_later_in_a_collection():
    called = []
    Found(lambda: called.append(1), circle=True)
    gc.collect()
    assert called == []
    run_deferred()
    run_deferred()
    assert called == [1]


def in_a_generator(file):
    def lines():
        with file:
            yield file.raw.read(1)
            yield b""

    generator = lines()
    next(generator)
    return generator


def in_a_file_of_others(file):
    file.raw.read(1)
    return io.TextIOWrapper(file)


@pytest.mark.parametrize("held", [in_a_generator, in_a_file_of_others])
def test_what_closes_a_file_in_a_collection_leaves_it_for_later(held):
    closed = []

    class Received:
        def read(self, size):
            return bytes(size)

        def close(self, left=0):
            closed.append(left)

    reader = ObjectReader(1000, lambda start, stop: Received())
    # its owner alone is young enough to be found
    gc.collect()
    circle = [held(reader)]
    circle.append(circle)
    del reader, circle
    gc.collect(0)
    assert closed == []
    run_deferred()
    assert closed == [999]


def test_a_client_that_is_used_catches_up():
    called = []
    clients = PerProcess(object)
    Found(lambda: called.append(clients()), circle=True)
    gc.collect()
    client = clients()
    assert called == [client]


def test_a_client_is_closed_outside_a_collection():
    closed = []

    class Client:
        pass

    clients = PerProcess(Client, lambda client: closed.append(type(client)))
    vars(clients).update(circle=clients)
    clients()
    del clients
    gc.collect()
    assert closed == []
    run_deferred()
    assert closed == [Client]


def test_a_thread_that_sends_a_part_does_not_catch_up():
    called = []
    Found(lambda: called.append(1), circle=True)
    gc.collect()
    with holding_deferred():
        PerProcess(object)()
        assert called == []
    PerProcess(object)()
    assert called == [1]


def test_many_do_not_wait_for_each_other():
    called = []
    clients = PerProcess(object)
    for number in range(5000):
        Found(lambda number=number: called.append((number, clients())), circle=True)
    gc.collect()
    clients()
    assert len(called) == 5000


def test_an_error_is_logged_and_stops_nothing(caplog):
    called = []
    with_error = Found(lambda: 1 / 0, circle=True)
    following = Found(lambda: called.append(1), circle=True)
    vars(with_error).update(following=following)
    del with_error, following
    gc.collect()
    run_deferred()
    assert called == [1]
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]


AT_THE_END = """
import gc, os
from flask_pyfs.filesystems.objects.deferred import run_deferred, call_or_defer

class Found:
    def __init__(self):
        self.circle = self

    def __del__(self):
        call_or_defer(lambda: print("called in", "the child" if os.getpid() != parent else "the parent"))

parent = os.getpid()
Found()
gc.collect()
{fork}
"""


@pytest.mark.parametrize("fork", ["", "if os.fork() == 0: run_deferred()\nelse: os.wait()"])
def test_at_the_end_of_the_process_that_found_it(fork):
    program = AT_THE_END.format(fork=fork)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60, text=True)
    assert ended.stdout == f"called in the parent{os.linesep}"
