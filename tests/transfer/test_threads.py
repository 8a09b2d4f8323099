"""The threads of a transfer: what they raise, and that none is left."""

import threading

import pytest
from places import make_place

import flask_pyfs as fs
from flask_pyfs.backends.local import LocalBackend
from flask_pyfs.transfer import Side, sync
from flask_pyfs.transfer.patience import Patience
from flask_pyfs.transfer.workers import in_threads

MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert not [each for each in threading.enumerate() if each.name.startswith(("flask_pyfs", "upload"))]


@pytest.fixture
def source(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for number in range(100):
        (source / f"{number:03}").write_bytes(b"x" * number)
    return source


class Failing(LocalBackend):
    """Raises an exception in place of some files."""

    error: BaseException

    def read(self, filename):
        # so no server copies them
        return super().read(filename)

    def fetch(self, filename):
        if filename.endswith("7"):
            raise self.error
        return super().fetch(filename)


def failing(source, error):
    backend = Failing("failing", {"root": str(source)})
    backend.error = error
    return Side(backend, label="failing")


@pytest.mark.parametrize(
    "error", [ValueError("odd"), RuntimeError(), KeyError("x"), AssertionError(), fs.FSError("no")]
)
def test_what_one_file_raises_fails_that_one(source, tmp_path, error):
    report = sync(failing(source, error), tmp_path / "target")
    assert report.counts == {"copied": 90, "failed": 10}
    assert {event.name[-1] for event in report.failures} == {"7"}
    assert all(event.error is error for event in report.failures)
    assert not report.is_worth_retrying


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), SystemExit(3)])
def test_what_is_no_failure_of_a_file_ends_the_sync(source, tmp_path, error):
    with pytest.raises(type(error)):
        sync(failing(source, error), tmp_path / "target")
    assert not list((tmp_path / "target").rglob(".flask_pyfs/*"))


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("kind", ["planned", "progress", "copied"])
def test_what_the_listener_raises_ends_the_sync(source, tmp_path, error, kind):
    told = []

    def listen(event):
        told.append(threading.current_thread())
        if event.kind == kind:
            raise error

    with pytest.raises(error):
        sync(source, tmp_path / "target", on_event=listen)
    assert set(told) == {threading.current_thread()}
    # the same call again goes on
    report = sync(source, tmp_path / "target")
    assert report.failed == 0
    assert sum(report.counts.values()) == 100


def test_tasks_are_taken_as_they_are_needed():
    taken, done = [], []

    def tasks():
        for number in range(1000):
            taken.append(number)
            yield number

    def work(task, tell):
        assert len(taken) - len(done) <= 12
        tell(task)

    in_threads(tasks(), work, 4, Patience(), done.append)
    assert sorted(done) == list(range(1000))


def test_a_slow_listener_slows_the_threads_down():
    made = []

    def work(task, tell):
        for number in range(1000):
            made.append(number)
            tell(number)

    heard = []

    def listen(event):
        heard.append(event)
        assert len(made) - len(heard) <= 2 * 32 + 2

    in_threads(range(4), work, 2, Patience(), listen)
    assert len(heard) == 4000


def test_no_more_threads_than_files(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a").write_bytes(b"x")
    most = []
    sync(tmp_path / "source", tmp_path / "target", jobs=8, on_event=lambda event: most.append(threading.active_count()))
    assert max(most) <= threading.active_count() + 1


def test_a_pause_ends_at_once_when_the_transfer_is_stopped(source, tmp_path, monkeypatch):
    monkeypatch.setattr("flask_pyfs.transfer.patience._FIRST", 1e6)
    monkeypatch.setattr("flask_pyfs.transfer.patience._LONGEST", 1e6)

    def listen(event):
        if event.kind == "again":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync(failing(source, fs.BackendError("busy")), tmp_path / "target", on_event=listen)


def test_jobs_are_at_least_one(source, tmp_path):
    with pytest.raises(ValueError, match="jobs must be 1 or more, not 0"):
        sync(source, tmp_path / "target", jobs=0)


@pytest.mark.server
@pytest.mark.parametrize("kind", ["local", "gridfs", "s3-moto", "swift"])
def test_nothing_unfinished_is_left_when_it_is_interrupted(app, configure_storage, request, tmp_path, kind):
    source = tmp_path / "source"
    source.mkdir()
    for number in range(4):
        (source / f"{number}").write_bytes(bytes(16 * MIB))
    with make_place(kind, request) as settings, app.app_context():
        if kind == "s3-moto":
            settings["PART_SIZE"] = 5 * MIB
        elif kind == "swift":
            settings["SEGMENT_SIZE"] = 5 * MIB
        storage = configure_storage("files", settings)
        seen = 0

        def listen(event):
            nonlocal seen
            seen += event.size if event.kind == "progress" else 0
            if seen > 45 * MIB:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            sync(source, storage, on_event=listen)
        # none is old, but all would be swept
        assert storage.backend.remove_leftovers(-60, dry_run=True) == 0
        assert all(entry.size == 16 * MIB for entry in storage.entries())
        assert sync(source, storage).failed == 0
        assert len(list(storage.list_files())) == 4
