"""Another worker finishes what one has begun, and leaves alone what a living one is at."""

import io
import itertools

import pytest

import flask_pyfs as fs
from flask_pyfs import unfinished
from flask_pyfs.leases import held as leases
from flask_pyfs.resumable import pieces
from flask_pyfs.resumable.upload import Upload
from flask_pyfs.unfinished import Busy

pytestmark = pytest.mark.usefixtures("restless")

DATA = b"abcdefghijk" * 100


class Interrupted(io.BytesIO):
    """A stream, before whose first bytes something else happens."""

    def __init__(self, content, act):
        super().__init__(content)
        self.act = act

    def readinto(self, buffer):
        act, self.act = self.act, lambda: None
        act()
        return super().readinto(buffer)


@pytest.fixture
def joining(storage, monkeypatch):
    """A function that lets others act right before and right after a file is put together, the first time and the
    next.
    """
    kind = type(storage.backend)
    real = kind.join
    # a file of one piece is saved from memory
    storage.backend.store.piece_size = 500

    def joining(before=lambda: None, after=lambda: None, after_next=lambda: None):
        acts = iter([(before, after), (lambda: None, after_next)])

        def join(*arguments, **options):
            first, last = next(acts, (lambda: None, lambda: None))
            first()
            stored = real(*arguments, **options)
            last()
            return stored

        monkeypatch.setattr(kind, "join", join)

    return joining


@pytest.fixture
def silent(monkeypatch):
    """Those that finish an upload say nothing meanwhile, as if they were dead."""
    monkeypatch.setattr(leases.Held, "_keep", lambda held: None)
    monkeypatch.setattr(unfinished.upload, "SILENCE", 0.01)


def die():
    raise fs.BackendError("the answer was lost")


def test_the_pieces_that_one_has_chosen_are_those_of_the_next(storage, begin, joining, monkeypatch):
    # what was begun first would be chosen
    marks = itertools.count()
    monkeypatch.setattr(pieces, "new_mark", lambda: f"{next(marks):016x}")
    upload = begin(storage, unique=False, length=len(DATA))
    joining(after=die)
    token = upload.token

    def send():
        with pytest.raises(fs.BackendError):
            upload.append(io.BytesIO(DATA), 0)

    status = Upload.opened(token).append(Interrupted(DATA.upper(), send), 0)
    assert (status.stored, storage.read("a.bin")) == ("a.bin", DATA)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_one_that_is_taken_for_dead(when, overwrite, storage, begin, joining, silent):
    upload = begin(storage, unique=False, overwrite=overwrite, length=len(DATA))
    found = []
    joining(**{when: lambda: found.append(Upload.opened(upload.token).status().stored)})
    assert upload.append(io.BytesIO(DATA), 0).stored == found[0] == "a.bin"
    assert storage.read("a.bin") == DATA
    assert upload.status().stored == "a.bin"


def test_one_that_lives_is_left_alone(storage, begin, joining, monkeypatch):
    # many looks of who waits for each of its signs of life
    monkeypatch.setattr(unfinished.upload, "SILENCE", 4)
    monkeypatch.setattr(leases, "LONGEST_PAUSE", 0.01)
    upload, asked = begin(storage, length=len(DATA)), []

    def ask():
        with pytest.raises(Busy):
            Upload.opened(upload.token).status()
        asked.append(upload)

    joining(before=ask)
    assert storage.read(upload.append(io.BytesIO(DATA), 0).stored) == DATA
    assert asked


def test_one_that_no_listing_shows_is_not_robbed_of_the_pieces(storage, begin, joining, monkeypatch):
    monkeypatch.setattr(unfinished.upload, "SILENCE", 4)
    monkeypatch.setattr(leases, "LONGEST_PAUSE", 0.01)
    store, upload, refused = storage.backend.store, begin(storage, length=len(DATA)), []
    real = store.iter_facts

    def late(prefix=""):
        return (each for each in real(prefix) if not each[0].endswith(("/lease", "/begun")))

    def cancel():
        with monkeypatch.context() as patch:
            patch.setattr(store, "iter_facts", late)
            with pytest.raises(Busy):
                Upload.opened(upload.token).cancel()
        refused.append(upload)

    joining(before=cancel)
    assert storage.read(upload.append(io.BytesIO(DATA), 0).stored) == DATA
    assert refused


def test_one_that_is_taken_for_dead_ends_nothing(storage, begin, joining, silent):
    upload, other = begin(storage, unique=False, length=len(DATA)), []

    def finish():
        # it stores the file, and fails before it can say so
        with pytest.raises(fs.BackendError):
            Upload.opened(upload.token).status()
        other.append(storage.version("a.bin"))

    joining(before=finish, after_next=die)
    with pytest.raises(Busy):
        upload.append(io.BytesIO(DATA), 0)
    status = upload.status()
    assert [status.stored.version] == other
    assert storage.read("a.bin") == DATA
