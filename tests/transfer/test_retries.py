"""Stores that fail: what is tried again, how often, and what becomes of the files."""

import threading
from urllib.parse import urlsplit

import pytest
from places import make_place
from servers.faults import FaultProxy

import flask_pyfs as fs
from flask_pyfs.transfer import sync
from flask_pyfs.transfer.patience import Patience, Stopped

MIB = 1024 * 1024
BUSY = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nContent-Length: 53\r\n\r\n"
    b"<Error><Code>SlowDown</Code><Message>x</Message></Error>"[:53]
)
REFUSED = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nContent-Length: 57\r\n\r\n"
    b"<Error><Code>AccessDenied</Code><Message></Message></Error>"[:57]
)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr("flask_pyfs.transfer.patience._FIRST", 0.001)


@pytest.fixture(params=["s3-moto", "swift"])
def frail(request, app, configure_storage):
    """A storage behind a proxy that fails on demand, the same storage without the proxy, and the proxy."""
    with make_place(request.param, request) as settings:
        key = "ENDPOINT" if request.param == "s3-moto" else "AUTHURL"
        direct = configure_storage("direct", settings)
        address = urlsplit(settings[key])
        with FaultProxy(address.hostname, address.port) as proxy, app.app_context():
            url = proxy.url + address.path
            frail = configure_storage("frail", settings | {key: url, "RETRIES": 0, "TIMEOUT": 5})
            yield frail, direct, proxy


@pytest.fixture
def source(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for number in range(20):
        (source / f"{number:02}").write_bytes(b"%02d" % number * (number * 1000))
    return source


class Kth:
    """Matches each k-th request of some kind."""

    def __init__(self, method, k, times=10**9):
        self.method, self.k, self.times = method, k, times
        self.seen = self.hit = 0
        self.lock = threading.Lock()

    def __call__(self, head):
        with self.lock:
            if not head.startswith(self.method):
                return False
            self.seen += 1
            if self.seen % self.k or self.hit >= self.times:
                return False
            self.hit += 1
            return True


pytestmark = pytest.mark.server


@pytest.mark.parametrize("method", [b"PUT", b"HEAD", b"GET"])
def test_a_busy_target_is_tried_again(frail, source, method):
    storage, direct, proxy = frail
    when = Kth(method, 3)
    events = []
    for number in (1, 2):
        direct.write(f"{number:02}", b"old", overwrite=True)
    # the listing itself is not tried again by a sync
    report = sync(
        source,
        storage,
        on_event=lambda event: (events.append(event), proxy.answer(BUSY, when) if event.kind == "planned" else None),
    )
    proxy.restore()
    assert report.failed == 0, report.failures
    assert sorted(direct.list_files()) == sorted(each.name for each in source.iterdir())
    assert all(direct.read(each.name) == each.read_bytes() for each in source.iterdir())
    again = [event for event in events if event.kind == "again"]
    assert len(again) == when.hit
    assert all(isinstance(event.error, fs.BackendError) for event in again)
    told = sum(event.size for event in events if event.kind == "progress") - sum(event.size for event in again)
    assert told == report.bytes == sum(each.stat().st_size for each in source.iterdir())


def test_a_busy_source_is_tried_again(frail, source, tmp_path):
    storage, direct, proxy = frail
    sync(source, direct)
    when = Kth(b"GET", 3)
    report = sync(
        storage, tmp_path / "target", on_event=lambda event: event.kind == "planned" and proxy.answer(BUSY, when)
    )
    assert when.hit
    assert report.counts == {"copied": 20}
    assert all((tmp_path / "target" / each.name).read_bytes() == each.read_bytes() for each in source.iterdir())


@pytest.mark.parametrize("direction", ["target", "source"])
def test_a_connection_that_is_cut_in_a_body(frail, tmp_path, direction):
    storage, direct, proxy = frail
    content = bytes(range(256)) * 4096 * 3
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a").write_bytes(content)
    if direction == "target":
        cut = lambda event: event.kind == "planned" and proxy.cut_sent(after=MIB, times=2)  # noqa: E731
        report = sync(tmp_path / "source", storage, on_event=cut)
        found = direct.read("a")
    else:
        sync(tmp_path / "source", direct)
        cut = lambda event: event.kind == "planned" and proxy.cut_received(after=MIB, times=2)  # noqa: E731
        report = sync(storage, tmp_path / "target", on_event=cut)
        found = (tmp_path / "target/a").read_bytes()
    assert report.counts == {"copied": 1}, report.failures
    assert found == content


def test_an_answer_that_is_lost_does_not_store_it_twice(frail, tmp_path):
    storage, direct, proxy = frail
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a").write_bytes(b"content")
    versions = []

    def listen(event):
        if event.kind == "planned":
            # the server gets the request, and its answer never arrives
            proxy.reset()
            proxy.cut_received(after=1)
        elif event.kind == "again":
            versions.append(direct.version("a") if direct.exists("a") else None)

    report = sync(tmp_path / "source", storage, on_event=listen)
    assert report.counts == {"copied": 1}, report.failures
    assert versions[0] in (None, direct.version("a"))
    assert direct.read("a") == b"content"


def test_who_gives_up_says_that_it_is_worth_trying_again(frail, source):
    storage, direct, proxy = frail
    when = Kth(b"PUT", 1)
    report = sync(source, storage, jobs=2, on_event=lambda event: event.kind == "planned" and proxy.answer(BUSY, when))
    proxy.restore()
    assert report.counts == {"failed": 20}
    assert report.is_worth_retrying
    # five for each file, and when none succeeds at all, one
    assert 16 * 5 <= when.hit <= 20 * 5
    assert list(direct.list_files()) == []
    assert sync(source, storage).counts == {"copied": 20}


def test_a_refusal_is_not_tried_again(frail, source):
    storage, _, proxy = frail
    when = Kth(b"PUT", 1)
    report = sync(source, storage, on_event=lambda event: event.kind == "planned" and proxy.answer(REFUSED, when))
    proxy.restore()
    assert report.counts == {"failed": 20}
    assert all(isinstance(event.error, fs.PermissionDenied) for event in report.failures)
    assert not report.is_worth_retrying
    assert len([line for line in proxy.requests if line.startswith("PUT")]) <= 2 * 20
    assert sync(source, storage).failed == 0


def test_nothing_is_deleted_after_a_failure(frail, source):
    storage, direct, proxy = frail
    direct.write("extra", b"x")
    when = Kth(b"PUT", 1)
    report = sync(
        source, storage, delete=True, on_event=lambda event: event.kind == "planned" and proxy.answer(REFUSED, when)
    )
    proxy.restore()
    assert (report.failed, report.kept, report.counts["deleted"]) == (20, 1, 0)
    assert direct.exists("extra")


def test_pauses_double_up_to_a_limit(monkeypatch):
    monkeypatch.setattr("flask_pyfs.transfer.patience._FIRST", 1.0)
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    slept = []
    patience = Patience(slept.append)
    for tries in range(1, 9):
        patience.pause(tries)
    assert slept == [1, 2, 4, 8, 16, 20, 20, 20]
    patience.stop()
    with pytest.raises(Stopped):
        patience.pause(1)


def test_patience_ends_when_nothing_succeeds_and_comes_back():
    patience = Patience()
    assert patience.allows(4)
    assert [patience.allows(5) for _ in range(16)] == [False] * 16
    assert not patience.allows(1)
    patience.succeeded()
    assert patience.allows(1)
