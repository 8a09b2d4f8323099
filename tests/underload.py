"""Tests of a store under load: many threads, processes and forks, and what is left open or taken by them."""

import gc
import json
import random
import threading
import time
from contextlib import closing, suppress

import pytest
from load import (
    MIB,
    PART_SIZE,
    PROCESSES,
    check,
    content_of,
    in_threads,
    new_name,
    origin_of,
    part_of,
    run_child,
    sockets,
)

from flask_pyfs import FileExists, FileNotFound, FSError

# One winner


def save(storage, name, content):
    storage.write(name, content)


def open_exclusively(storage, name, content):
    with storage.open(name, "xb") as file:
        file.write(content[: len(content) // 2])
        file.write(content[len(content) // 2 :])


def contend(storage, name, threads, size, write):
    """Let threads write one name; return those who did. The others must have been told."""

    def work(number):
        try:
            write(storage, name, content_of(name, number, 0, size))
        except FileExists:
            return False
        return True

    results = in_threads(threads, work)
    assert set(results.values()) <= {True, False}, results
    return [number for number, won in results.items() if won]


def check_winners(storage, name, winners, conditional):
    assert winners
    if conditional:
        assert len(winners) == 1
    assert int(check(storage.read(name), name)[0]) in winners


# All at once


NAMES = [f"{'directory/' * (number % 3)}file-{number}" for number in range(20)]


class Worker:
    """A thread that does one thing after another to one of the names."""

    def __init__(self, storage, number, outlived):
        self.storage = storage
        self.outlived = outlived
        self.number = number
        self.turn = 0
        self.whole_reads = 0
        self._chance = random.Random(number)

    def run(self, turns, seconds):
        end = time.monotonic() + seconds
        while self.turn < turns or time.monotonic() < end:
            operation = self._chance.choice(
                (
                    *(self.put, self.put, self.put_new, self.get, self.get, self.stream),
                    *(self.seek, self.seek, self.delete, self.exists, self.list),
                )
            )
            with suppress(FileExists, FileNotFound):
                operation(self._chance.choice(NAMES))
            self.turn += 1
        return self.whole_reads

    def _content(self, name):
        size = self._chance.choice([30, 1000, 70_000, self._chance.randrange(200 * 1024)])
        if self.number % 8 == 0 and self.turn % 20 == 3:
            size = PART_SIZE + self._chance.randrange(1, 1000)
        return content_of(name, self.number, self.turn, size)

    def put(self, name):
        self.storage.write(name, self._content(name), overwrite=True)

    def put_new(self, name):
        self.storage.write(name, self._content(name))

    def get(self, name):
        check(self.storage.read(name), name)
        self.whole_reads += 1

    def stream(self, name):
        try:
            with closing(self.storage.read_chunks(name, 50_000)) as pieces:
                check(b"".join(pieces), name)
        except FileNotFound:
            raise
        except FSError as error:
            if self.outlived or "replaced" not in str(error):
                raise
        else:
            self.whole_reads += 1

    def seek(self, name):
        with self.storage.open(name, "rb") as file:
            try:
                expected, _, _ = origin_of(file.read(100), name)
                for _ in range(3):
                    position = self._chance.randrange(len(expected))
                    file.seek(position)
                    assert file.read(5000) == expected[position : position + 5000], f"{name!r}: parts of two contents"
            except FileNotFound:
                raise
            except FSError as error:
                if "replaced" not in str(error):
                    raise

    def delete(self, name):
        self.storage.delete(name)

    def exists(self, name):
        assert self.storage.exists(name) in (True, False)

    def list(self, name):
        names = list(self.storage.list_files(name.rpartition("/")[0]))
        assert len(names) == len(set(names))
        assert set(names) <= set(NAMES)


def read_rest(read):
    try:
        return read()
    except FSError:
        return None


def dropped_chunks(storage, client):
    return storage.read_chunks("file")


def dropped_chunks_in_the_middle(storage, client):
    pieces = storage.read_chunks("file", 10_000)
    assert len(next(pieces)) == 10_000
    return pieces


def dropped_file(storage, client):
    file = storage.open("file", "rb")
    assert len(file.read(10)) == 10
    return file


def client_that_goes_away(storage, client):
    # what a WSGI server does with a response then
    response = client.get(f"/{storage.name}/file")
    assert response.status_code == 200
    assert next(iter(response.response))
    response.close()


def unread_response(storage, client):
    response = client.get(f"/{storage.name}/file")
    assert response.status_code == 200
    response.close()


DROPS = [dropped_chunks, dropped_chunks_in_the_middle, dropped_file, client_that_goes_away, unread_response]


class ManyAtOnce:
    """What a server makes of many who use the same names at the same time.

    ``storage`` is empty, ``settings`` are its own for another process, and ``one_winner`` tells whether of several who
    write a new name at the same time one alone succeeds.
    """

    #: Whether whoever has begun to read a file in one go reads it to its end when it is replaced.
    outlived = True

    @pytest.mark.parametrize(
        ("part", "write"), [("small", save), ("small", open_exclusively), ("large", open_exclusively)]
    )
    def test_one_winner_of_threads(self, storage, one_winner, soak, write, part):
        if part == "small":
            threads, size, rounds = (50, 40_000, 20) if soak else (20, 40_000, 1)
        else:
            threads, size, rounds = 50 if soak else 3, PART_SIZE + 1, 3 if soak else 1
        for turn in range(rounds):
            name = new_name(turn, part)
            winners = contend(storage, name, threads, size, write)
            check_winners(storage, name, winners, one_winner)
            content = storage.read(name)
            assert contend(storage, name, min(threads, 10), size, write) == []
            assert storage.read(name) == content
        assert sorted(storage.list_files()) == sorted(new_name(turn, part) for turn in range(rounds))

    def test_one_winner_of_processes(self, storage, settings, one_winner, soak):
        rounds = 40 if soak else 4
        names = [new_name(turn, part_of(turn)[0]) for turn in range(rounds)]
        winners = {name: [] for name in names}
        results = json.loads(run_child("contend", settings, rounds, timeout=600))
        assert len(results) == PROCESSES
        for number, won in results:
            for name in won:
                winners[name].append(number)
        for name in names:
            check_winners(storage, name, winners[name], one_winner)
        assert storage.read("taken") == content_of("taken", "before", 0, 1000)

    def test_all_at_once(self, storage, soak):
        for name in NAMES:
            storage.write(name, content_of(name, "before", 0, 1000))
        workers, turns, seconds = (32, 0, 30) if soak else (16, 5, 0)
        results = in_threads(workers, lambda number: Worker(storage, number, self.outlived).run(turns, seconds))
        failures = [result for result in results.values() if isinstance(result, BaseException)]
        if failures:
            raise failures[0]
        assert sum(results.values()) > 0
        for name in storage.list_files():
            check(storage.read(name), name)

    def test_new_versions_below_a_reader(self, storage):
        """Each kind of reader gets one version, or an error."""
        size = 20 * MIB
        old, new = content_of("file", "old", 0, size), content_of("file", "new", 0, size)
        storage.write("file", old, overwrite=True)
        pieces, file, jumper = (
            storage.read_chunks("file", 100_000),
            storage.open("file", "rb"),
            storage.open("file", "rb"),
        )
        with closing(pieces), file, jumper:
            start, begun = next(pieces), file.read(100_000)
            assert start == begun == jumper.read(100_000) == old[:100_000]
            storage.write("file", new, overwrite=True)
            assert read_rest(lambda: start + b"".join(pieces)) in (old, None)
            assert read_rest(lambda: begun + file.read()) in (old, None)
            jumper.seek(size // 2)
            with pytest.raises(FSError, match="replaced"):
                jumper.read(100_000)
        assert storage.read("file") == new

    def test_overwriting_while_reading(self, storage, soak):
        size = (20 if soak else 12) * MIB
        storage.write("file", content_of("file", "before", 0, size))
        written = threading.Event()
        writers = 2

        def work(number):
            if number < writers:
                for turn in range(20 if soak else 1):
                    storage.write("file", content_of("file", number, turn, size), overwrite=True)
                return True
            whole = 0
            while not (written.is_set() and whole):
                try:
                    content = b"".join(storage.read_chunks("file", 300_000))
                except FSError:
                    continue
                check(content, "file")
                whole += 1
            return whole > 0

        def until_written(number):
            try:
                return work(number)
            finally:
                if number < writers:
                    written.set()

        results = in_threads(writers + (4 if soak else 1), until_written)
        assert set(results.values()) == {True}, results
        assert check(storage.read("file"), "file")[0] != "before"


class ForksAndLeftovers:
    """What a client keeps open, takes of the memory and shares with a fork, whichever server it talks to.

    ``make_storage`` configures another storage with some settings changed.
    """

    def test_fork_after_use(self, storage, settings, soak):
        run_child("fork", settings, -20 if soak else 2)
        assert storage.read("late") == content_of("late", "parent", 0, PART_SIZE + 100_000)

    @pytest.mark.parametrize("size", [1000, PART_SIZE + 1000])
    def test_files_of_the_parent_are_not_published_by_a_child(self, settings, size):
        run_child("close in child", settings, size)

    def test_a_file_that_is_closed_while_the_interpreter_ends(self, storage, settings):
        run_child("close at exit", settings, 3)
        assert storage.metadata("at exit")["size"] == 3 * PART_SIZE

    @pytest.mark.parametrize("size", [20_000, 700_000])
    def test_dropped_streams(self, app, make_storage, soak, size):
        # settings of its own, so that no connections of other tests are used again
        storage = make_storage("dropped", TIMEOUT=25)
        content = content_of("file", "before", 0, size)
        gc.collect()
        before = sockets()
        client = app.test_client()
        with app.app_context():
            storage.write("file", content)
            for drop in DROPS:
                for _ in range(20 if soak else 2):
                    held = [drop(storage, client) for _ in range(10)]
                    del held
                gc.collect()
                # ten at a time were open, and may be kept for the next ones
                assert sockets() <= before + 12, drop.__name__
                assert storage.read("file") == content

    def test_memory(self, settings, soak):
        taken = json.loads(run_child("memory", settings, 256 if soak else 40, timeout=600))
        assert len(taken) == 6
        assert {name: size for name, size in taken.items() if size > 32 * MIB} == {}


class StoreUnderLoad(ManyAtOnce, ForksAndLeftovers):
    """All of these tests."""
