"""Workers that are killed at any request while they make a file of parts."""

import threading

import pytest
from companion import Companion, Refused

from flask_pyfs import unfinished
from flask_pyfs.signals import file_uploaded

CONTENT = b"content of one part"


class Killed(BaseException):
    """The worker is dead."""


class Mortal:
    """The connection of a worker to the store, which ends at a request.

    :param last: the number of that request.
    :param is_sent: whether it reaches the store.
    """

    def __init__(self, session, last, *, is_sent):
        self.session = session
        self.last = last
        self.is_sent = is_sent
        self.count = 0

    def send(self, request):
        self.count += 1
        if self.count == self.last and self.is_sent:
            self.session.send(request)
        if self.count >= self.last:
            raise Killed if threading.current_thread() is threading.main_thread() else ConnectionError
        return self.session.send(request)


def completed(client, *upload):
    # a sign of life may still be on its way when a worker dies
    for _ in range(10):
        try:
            return client.complete(*upload)
        except Refused as error:
            if error.status != 423:
                raise
    raise AssertionError("nobody finishes it")


@pytest.fixture
def killed_at(app, make_storage, monkeypatch, left, s3_endpoint):
    """Let a worker begin to complete an upload and die, and another one complete it. Return whether it died."""
    # a slow server must not be taken for a dead worker
    monkeypatch.setattr(unfinished.upload, "SILENCE", 0.1 if s3_endpoint.name == "moto" else 1.5)

    def killed_at(number, *, verify, is_sent):
        storage = make_storage(PREFIX=f"{number}-{is_sent}", VERIFY=verify)
        endpoint, has_died = storage.backend.store.client._endpoint, False
        client = Companion(app.test_client(), storage.multipart_url("a.txt", expires=60, unique=False))
        upload, key = client.create()
        parts = [client.send(upload, key, 1, CONTENT)]
        with monkeypatch.context() as patched:
            patched.setattr(endpoint, "http_session", Mortal(endpoint.http_session, number, is_sent=is_sent))
            try:
                client.complete(upload, key, parts)
            except Killed:
                has_died = True
        announced = []
        with file_uploaded.connected_to(lambda sender, filename: announced.append(filename)):
            assert completed(client, upload, key, parts)["key"] == "a.txt"
        assert storage.read("a.txt") == CONTENT
        # who goes on does not know whether the first one told it
        assert len(announced) <= 1
        # who dies while it learns what the server does leaves a probe
        store, above = storage.backend.store, f"{number}-{is_sent}/"
        store.remove_leftovers(-60, f"{above}.flask_pyfs/probe-")
        store.remove_leases(-60, above)
        keys, uploads = left()
        own = [each.rpartition("/")[2] for each in keys if each.startswith(above)]
        assert (sorted(own), uploads) == (["a.txt", "done"], [])
        return has_died

    with app.app_context():
        yield killed_at


@pytest.mark.parametrize("is_sent", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("verify", [False, True], ids=["in place", "checked"])
def test_a_worker_that_dies_at_a_request(killed_at, verify, is_sent, soak):
    step = 1 if soak else 4
    number = 1 if soak else 2 + is_sent
    while killed_at(number, verify=verify, is_sent=is_sent):
        number += step
    assert number > 8
