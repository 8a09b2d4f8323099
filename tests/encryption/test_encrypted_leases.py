"""Leases that another process wrote with keys that this one has not, as while keys change, or after that."""

import io

import pytest
from keyrings import LOST, NEW, with_keys
from places import make_place

from flask_pyfs.leases.held import Held, held
from flask_pyfs.leases.once import once
from flask_pyfs.leases.shared import Busy
from flask_pyfs.names import Reserved
from flask_pyfs.state import find

SERVERS = [pytest.param(kind, marks=pytest.mark.server) for kind in ("s3-moto", "gridfs", "swift")]


@pytest.fixture(params=["memory", "local", *SERVERS])
def storage(request, app, configure_storage):
    with make_place(request.param, request) as place:
        yield configure_storage("files", {**place, "ENCRYPTION_KEYS": [NEW]})


@pytest.fixture(params=["other key", "plain"])
def other(request, storage):
    """The store as the other process has it."""
    backend = storage.backend
    return with_keys(backend, LOST) if request.param == "other key" else backend.bare


def test_what_a_killed_process_left_is_taken_over(app, storage, other):
    backend = storage.backend
    path = Reserved.of("", "lease")
    other.put(path, io.BytesIO(b"0123456789abcdef"))
    lease = held(backend.store, path, lambda: False, silence=0.05)
    lease.release()
    assert not backend.store.has_file(path)
    with app.app_context():
        made = []
        # the first one is killed
        once(find(storage), "a", lambda: leave(storage, other), lambda: bool(made), lifetime=60, patience=60)
        once(find(storage), "a", lambda: made.append("a"), lambda: bool(made), lifetime=-60, patience=60)
    assert made == ["a"]
    assert not list(backend.bare.iter_facts(Reserved(".flask_pyfs/")))


def leave(storage, other):
    """Replace the lease of a process by that of one with other keys."""
    [(path, _)] = storage.backend.bare.iter_facts(Reserved(".flask_pyfs/"))
    other.put(Reserved(path), io.BytesIO(b"0123456789abcdef"))


def test_who_lives_keeps_its_lease(storage, other):
    path = Reserved.of("", "lease")
    lease = Held(other, path, 0.1)
    assert lease.taken()
    try:
        with pytest.raises(Busy):
            held(storage.backend.store, path, lambda: False, silence=60)
        assert lease.is_held()
    finally:
        lease.release()
