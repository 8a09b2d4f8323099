"""The processes of the tests of S3 under load that know boto3: ``child_s3.py SCENARIO SETTINGS NUMBER``."""

import os
import threading

import boto3.session
from load import forked, in_threads, open_storage, play, sockets, wait_for

import flask_pyfs as fs


def fork_while_making(settings, rounds):
    """Fork while another thread makes the client, or waits for it."""
    making, go_on = threading.Event(), threading.Event()
    make = boto3.session.Session.client

    def make_slowly(session, *arguments, **parameters):
        making.set()
        assert go_on.wait(60)
        return make(session, *arguments, **parameters)

    boto3.session.Session.client = make_slowly
    parent = os.getpid()
    for turn in range(rounds):
        # settings of its own, so that no client is there
        storage, _ = open_storage(settings | {"TIMEOUT": 20 + turn})
        making.clear()
        go_on.clear()
        results = []

        def read(storage=storage, results=results):
            results.append(storage.read("name"))

        threads = [threading.Thread(target=read, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert making.wait(60)

        def child(read=read, results=results):
            assert os.getpid() != parent
            go_on.set()
            read()
            assert results == [b"content"]

        children = [forked(child, seconds=20) for _ in range(2)]
        wait_for(children)
        assert results == []
        go_on.set()
        for thread in threads:
            thread.join(60)
        assert results == [b"content"] * 3


def clients(settings, threads):
    """Count the clients that a storage makes."""
    made = []
    make = boto3.session.Session.client

    def counted(session, *arguments, **parameters):
        made.append(make(session, *arguments, **parameters))
        return made[-1]

    boto3.session.Session.client = counted
    before = sockets()
    storage, app = open_storage(settings)
    fs.init_app(app, storage)
    assert made == []
    assert sockets() == before

    def first_use(number):
        assert not storage.exists(f"never-{number}")
        return storage.backend.store.client

    assert set(in_threads(threads, first_use).values()) == {made[0]}
    assert len(made) == 1

    def child():
        assert first_use(0) is not made[0]
        assert set(in_threads(threads, first_use).values()) == {made[1]}
        assert len(made) == 2

    wait_for([forked(child) for _ in range(2)])
    assert first_use(0) is made[0]
    assert len(made) == 1


if __name__ == "__main__":
    play({"fork while making": fork_while_making, "clients": clients})
