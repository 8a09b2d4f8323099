"""Many write one new name: one succeeds, the others are told, and what is stored is the winner's."""

import errno
import os
import threading

import pytest
from robust import make_storage, number_of, numbered, run_script, stored, visible

from flask_pyfs import FileExists

SIZE = 40_000
THREADS = 50


def save(storage, name, number):
    storage.write(name, numbered(number, SIZE))


def open_exclusively(storage, name, number):
    with storage.open(name, "xb") as file:
        file.write(numbered(number, SIZE))


def copy(storage, name, number):
    storage.copy(f"source/{number}", name)


def move(storage, name, number):
    storage.move(f"source/{number}", name)


CONTENDERS = {"write": save, "open": open_exclusively, "copy": copy, "move": move}


def refuse_links(*arguments, **options):
    raise OSError(errno.EPERM, "no hard links here")


@pytest.fixture(params=["local", "local without hard links", "memory"])
def storage(request, tmp_path, monkeypatch):
    if "without" in request.param:
        monkeypatch.setattr(os, "link", refuse_links)
    return make_storage(tmp_path, request.param.split()[0])[0]


def contend(storage, name, contender):
    results: dict[int, BaseException | None] = {}
    barrier = threading.Barrier(THREADS)

    def run(number):
        barrier.wait(60)
        try:
            contender(storage, name, number)
        except BaseException as error:
            results[number] = error
        else:
            results[number] = None

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    winners = [number for number, error in results.items() if error is None]
    assert len(results) == THREADS
    assert {type(error) for error in results.values() if error is not None} == {FileExists}
    assert len(winners) == 1
    return winners[0]


@pytest.mark.parametrize("kind", CONTENDERS)
def test_threads(storage, kind, soak, tmp_path):
    if kind in ("copy", "move"):
        for number in range(THREADS):
            storage.write(f"source/{number}", numbered(number, SIZE))
    sources = {f"source/{number}" for number in range(THREADS)} if kind in ("copy", "move") else set()
    for number in range(100 if soak else 2):
        name = f"new/{number}" if number % 2 else f"new-{number}"
        winner = contend(storage, name, CONTENDERS[kind])
        assert number_of(storage.read(name), SIZE) == winner
        if kind == "move":
            sources.remove(f"source/{winner}")
            assert not storage.exists(f"source/{winner}")
            storage.write(f"source/{winner}", numbered(winner, SIZE))
            sources.add(f"source/{winner}")
        assert set(storage.list_files("source/")) == sources
        storage.delete(name)
    assert set(stored(storage)) == sources
    if storage.root:
        assert not [path for path in visible(tmp_path) if ".flask_pyfs" in path]


def test_threads_that_save_uploads(storage):
    def contender(storage, name, number):
        with open(os.devnull, "rb") as empty:
            storage.save(empty, name)

    contend(storage, "new.txt", contender)
    assert stored(storage) == {"new.txt": b""}


@pytest.mark.parametrize("links", ["links", "no links"])
def test_processes(links, soak, tmp_path):
    rounds = 100 if soak else 2
    told = "".join(f"{kind}: {rounds} rounds\n" for kind in CONTENDERS)
    assert run_script("child_contend.py", tmp_path, links, rounds) == told
