"""Files are encrypted anew with the first key: which, how, and what is said of it."""

import base64
import io
import os
import threading
import time
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone

import pytest
from cryptography.fernet import Fernet
from keyrings import LOST, NEW, OLD, identifier, with_keys
from places import make_place

import flask_pyfs as fs
from flask_pyfs.filesystems.store import Description
from flask_pyfs.names import Reserved
from flask_pyfs.rekeying import Holding, rekey, windows, work
from flask_pyfs.rekeying.report import AES256_KEY, PLAIN
from flask_pyfs.transfer import patience

SERVERS = [pytest.param(kind, marks=pytest.mark.server) for kind in ("s3-moto", "gridfs", "swift")]
KINDS = ["memory", "local", "pyfs", *SERVERS]

#: Around the ends of segments, and of several of them.
SIZES = {"empty": 0, "small": 5, "a/segment": 65_480, "a/longer": 65_481, "several": 300_000}

IS_OLD, IS_NEW = Holding("", identifier(OLD)), Holding("", identifier(NEW))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(patience, "_FIRST", 0)


@pytest.fixture
def on(app, configure_storage, request):
    """Configure a storage on a kind of store whose first key is new."""
    with ExitStack() as stack:

        def on(kind, **settings):
            place = stack.enter_context(make_place(kind, request))
            storage = configure_storage("files", {**place, "ENCRYPTION_KEYS": [NEW, OLD], **settings})
            stack.enter_context(app.app_context())
            return storage

        yield on


def content_of(size):
    return bytes(range(251)) * (size // 251) + b"x" * (size % 251)


def put(storage, name, content, *keys, **options):
    """Store a file as a process does that has these keys, and return its version."""
    backend = storage.backend
    path = f"{backend.prefix}/{name}" if backend.prefix else name
    return with_keys(backend, *keys).put(Reserved(path) if "." in name else path, io.BytesIO(content), **options)


def keys_of(storage, *names):
    return [storage.backend.store.kept(name).key for name in names]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prefix", ["", "shop"])
def test_all_files_get_the_first_key(kind, prefix, on):
    storage = on(kind, PREFIX=prefix)
    for name, size in SIZES.items():
        put(storage, name, content_of(size), OLD, content_type="text/x-made-up")
    above = f"{prefix}/" if prefix else ""
    types = {name: storage.backend.store.facts(above + name).content_type for name in SIZES}
    storage.write("new", b"written with the new key")
    version = storage.backend.facts("new").version
    report = rekey(storage)
    assert (report.counts, report.bytes) == ({"replaced": len(SIZES), "same": 1}, sum(SIZES.values()))
    assert report.keys == {IS_NEW: len(SIZES) + 1, IS_OLD: 0}
    assert report.firsts == {IS_NEW}
    # whoever has the new key alone reads them
    alone = with_keys(storage.backend, NEW)
    assert {name: alone.read_file(above + name) for name in SIZES} == {n: content_of(s) for n, s in SIZES.items()}
    assert {name: storage.backend.store.facts(above + name).content_type for name in SIZES} == types
    assert storage.backend.facts("new").version == version
    assert set(storage.list_files()) == {*SIZES, "new"}
    assert storage.backend.remove_leftovers(older_than=-60, dry_run=True) == 0
    again = rekey(storage)
    assert (again.counts, again.bytes) == ({"same": len(SIZES) + 1}, 0)


@pytest.mark.parametrize("kind", ["memory", "local", *SERVERS])
def test_plain_files_and_those_of_flask_fs2_are_encrypted(kind, on):
    now = datetime.now(timezone.utc)
    settings = {"AES256_KEY": LOST, "ENCRYPTION_READ_PLAIN": (now + timedelta(days=1)).isoformat()}
    storage = on(kind, **settings)
    bare = storage.backend.bare
    for name, size in SIZES.items():
        put(storage, f"old/{name}", content_of(size), OLD)
        bare.put(f"plain/{name}", io.BytesIO(content_of(size)), content_type="text/x-made-up")
        fernet = base64.urlsafe_b64decode(Fernet(LOST).encrypt(content_of(size)))
        bare.put(f"fernet/{name}", io.BytesIO(fernet), content_type="text/x-made-up")
    names = [f"{form}/{name}" for form in ("old", "plain", "fernet") for name in SIZES]
    types = {name: storage.backend.store.facts(name).content_type for name in names}
    rows = [IS_NEW, IS_OLD, Holding("", AES256_KEY), Holding("", PLAIN)]
    assert list(rekey(storage, dry_run=True).keys.items()) == list(zip(rows, [0, 5, 5, 5], strict=True))
    report = rekey(storage)
    assert (report.counts, report.bytes) == ({"replaced": 15}, 3 * sum(SIZES.values()))
    assert list(report.keys.items()) == list(zip(rows, [15, 0, 0, 0], strict=True))
    alone = with_keys(storage.backend, NEW)
    assert {name: alone.read_file(name) for name in names} == {n: content_of(SIZES[n.partition("/")[2]]) for n in names}
    assert {name: alone.facts(name).content_type for name in names} == types


def test_a_plain_file_that_changes_while_it_is_read(on, monkeypatch):
    moment = datetime.now(timezone.utc) + timedelta(days=1)
    storage = on("local", ENCRYPTION_READ_PLAIN=moment.isoformat())
    storage.backend.bare.put("a", io.BytesIO(content_of(300_000)))
    replace, files = type(storage.backend.bare).replace_version, [b"it was cut", b"", content_of(700_000)]

    def changing(self, path, file, version, **options):
        if files:
            # as another program writes it, in its place
            with open(f"{storage.config['root']}/a", "wb") as other:
                other.write(files.pop())
        return replace(self, path, file, version, **options)

    monkeypatch.setattr(type(storage.backend.bare), "replace_version", changing)
    report = rekey(storage)
    assert (report.failed, report.is_worth_retrying) == (1, True)
    assert "changed each time it was read: run it again" in str(report.failures[0].error)
    assert rekey(storage).counts == {"replaced": 1}
    assert with_keys(storage.backend, NEW).read_file("a") == b"it was cut"


@pytest.mark.parametrize("kind", SERVERS)
def test_what_the_store_keeps_with_a_file_stays(kind, on):
    storage = on(kind)
    store = with_keys(storage.backend, OLD)
    described, noted = {}, {}
    if store.keeps_descriptions:
        described["description"] = Description("br", 'attachment; filename="a.txt"', "de")
    if store.keeps_notes:
        noted["note"] = "from the shop"
    assert described or noted
    store.put("a.txt", io.BytesIO(b"content"), content_type="text/x-made-up", **described, **noted)
    before = store.facts("a.txt")
    assert rekey(storage).counts == {"replaced": 1}
    after = storage.backend.store.facts("a.txt")
    for kept in ("size", "content_type", "description", "note"):
        assert getattr(after, kept) == getattr(before, kept)
    assert after.description == described.get("description")
    assert after.note == noted.get("note")
    assert after.version != before.version


@pytest.mark.server
def test_what_is_done_costs_one_request_of_one_segment(on, monkeypatch):
    from botocore.httpsession import URLLib3Session

    storage = on("s3-moto")
    for number in range(5):
        put(storage, str(number), content_of(200_000), OLD)
    sent, send = [], URLLib3Session.send
    monkeypatch.setattr(URLLib3Session, "send", lambda self, request: sent.append(request) or send(self, request))
    assert rekey(storage).counts == {"replaced": 5}
    listings = [request for request in sent if "list-type=2" in request.url]
    # each is looked at, read, and replaced; and S3 is asked for what it replaces
    assert len(sent) - len(listings) <= 4 * 5
    sent.clear()
    assert rekey(storage).counts == {"same": 5}
    looked = [request for request in sent if "list-type=2" not in request.url]
    assert [(request.method, request.headers["Range"]) for request in looked] == [("GET", b"bytes=0-65535")] * 5
    # the files, and what the package keeps
    assert len(sent) - len(looked) == 3


def test_a_dry_run_says_which_key_each_file_has(on):
    storage = on("memory")
    put(storage, "a", b"old", OLD)
    storage.write("b", b"new")
    before = storage.backend.bare.read_file("a")
    events = []
    report = rekey(storage, dry_run=True, on_event=events.append)
    assert (report.dry_run, report.keys) == (True, {IS_NEW: 1, IS_OLD: 1})
    assert [(e.kind, e.name, e.holding) for e in events if e.name] == [("same", "b", IS_NEW), ("replaced", "a", IS_OLD)]
    assert storage.backend.bare.read_file("a") == before


def test_only_files_of_a_prefix_or_of_a_shard(on):
    storage = on("memory")
    names = [f"{directory}/{number}" for directory in ("2025", "2026") for number in range(10)]
    for name in names:
        put(storage, name, b"content", OLD)
    assert rekey(storage, "2025/").keys == {IS_NEW: 10, IS_OLD: 0}
    parts = [rekey(storage, shard=(number, 3)) for number in (1, 2, 3)]
    assert sum(part.counts["replaced"] for part in parts) == 10
    assert sum(part.counts["same"] for part in parts) == 10
    assert all(part.counts["replaced"] for part in parts)
    assert rekey(storage).keys == {IS_NEW: 20, IS_OLD: 0}


def test_what_no_key_decrypts_is_told_and_left(on):
    storage = on("local")
    put(storage, "a", b"old", OLD)
    put(storage, "lost", b"lost", LOST)
    storage.backend.bare.put("short", io.BytesIO(b"short"))
    content = put_broken(storage, "broken")
    report = rekey(storage)
    assert (report.counts, report.failed) == ({"replaced": 1, "failed": 3}, 3)
    assert {failure.name for failure in report.failures} == {"lost", "short", "broken"}
    assert all(repr(failure.name) in str(failure.error) for failure in report.failures)
    # of the broken one, the first segment tells the key
    assert report.keys == {IS_NEW: 1, IS_OLD: 1, Holding("", "unknown"): 2}
    assert storage.backend.bare.read_file("broken") == content
    assert storage.backend.bare.read_file("short") == b"short"
    assert with_keys(storage.backend, LOST).read_file("lost") == b"lost"
    assert storage.backend.remove_leftovers(older_than=-60, dry_run=True) == 0


def put_broken(storage, name):
    """Store a file whose second segment is damaged, and return what the store has of it."""
    put(storage, name, content_of(200_000), OLD)
    content = bytearray(storage.backend.bare.read_file(name))
    content[100_000] ^= 1
    storage.backend.bare.put(name, io.BytesIO(content))
    return bytes(content)


def test_unfinished_uploads_are_encrypted_when_they_rest(on):
    storage = on("local")
    piece = ".flask_pyfs/uploads/0123/open/0-aa"
    put(storage, piece, b"a piece", OLD)
    # a lease, and what a process is writing just now
    put(storage, ".flask_pyfs/4567", b"a lease", OLD)
    with storage.backend.store.open_write("new") as file:
        file.write(content_of(200_000))
        file.flush()
        busy = rekey(storage)
        assert (busy.counts, busy.is_worth_retrying) == ({"failed": 1}, True)
        assert "run it again in two minutes" in str(busy.failures[0].error)
        # in a dry run, nothing is to be done again
        assert rekey(storage, dry_run=True).keys == {IS_NEW: 0, IS_OLD: 1}
        age(storage, piece)
        assert rekey(storage).counts == {"replaced": 1}
    alone = with_keys(storage.backend, NEW)
    assert (alone.read_file(Reserved(piece)), alone.read_file("new")) == (b"a piece", content_of(200_000))
    # they belong to no prefix
    assert rekey(storage, "n").counts == {"same": 1}


def test_an_upload_that_goes_on_meanwhile_is_left(on):
    storage = on("local")
    piece = ".flask_pyfs/uploads/0123/open/lease"
    put(storage, piece, b"a lease", OLD)
    age(storage, piece)

    def go_on(event):
        if event.kind == "planned":
            put(storage, piece, b"another", OLD)

    report = rekey(storage, on_event=go_on)
    assert (report.counts, report.is_worth_retrying) == ({"failed": 1}, True)
    assert with_keys(storage.backend, OLD).read_file(Reserved(piece)) == b"another"


def age(storage, name):
    before = time.time() - work._IN_USE.total_seconds() - 1
    os.utime(f"{storage.config['root']}/{name}", (before, before))


def test_a_directory_that_cannot_be_read_fails(on, monkeypatch):
    storage = on("local")
    put(storage, "a/b", b"content", OLD)
    put(storage, "c/d", b"content", OLD)
    listing = type(storage.backend.bare).iter_facts

    def partly(self, prefix="", *, unread=None):
        for path, facts in listing(self, prefix):
            if path.startswith("a/"):
                unread("a/", PermissionError(13, "Permission denied"))
            else:
                yield path, facts

    monkeypatch.setattr(type(storage.backend.bare), "iter_facts", partly)
    report = rekey(storage)
    assert report.counts == {"replaced": 1, "failed": 1}
    assert isinstance(report.failures[0].error, fs.PermissionDenied)
    assert "'a/' cannot be read" in str(report.failures[0].error)


@pytest.mark.parametrize("kind", ["memory", "local", *SERVERS])
def test_a_store_that_does_not_decide_is_told(kind, on):
    found = windows(on(kind))
    if kind == "swift":
        assert "between these two requests" in found[0]
    else:
        assert found == []


def test_a_storage_without_keys(app, configure_storage):
    storage = configure_storage("files", {"BACKEND": "memory"})
    with app.app_context(), pytest.raises(fs.ConfigurationError, match="FILES_FS_ENCRYPTION_KEYS") as raised:
        rekey(storage)
    assert "'flask fs keygen'" in str(raised.value)


def test_wrong_arguments(on):
    storage = on("memory")
    with pytest.raises(ValueError, match="jobs"):
        rekey(storage, jobs=0)
    with pytest.raises(fs.ConfigurationError, match="shard"):
        rekey(storage, shard=(3, 2))


def test_a_store_that_fails_is_tried_again(on, monkeypatch):
    storage = on("memory")
    put(storage, "a", content_of(300_000), OLD)
    bare = storage.backend.bare
    replace, tries, events = type(bare).replace_version, [], []

    def failing(self, path, file, version, **options):
        tries.append(path)
        if len(tries) == 1:
            file.read(70_000)
            raise ConnectionError("it is busy")
        version = replace(self, path, file, version, **options)
        if len(tries) == 2:
            # the answer is lost
            raise ConnectionError("it is busy")
        return version

    monkeypatch.setattr(type(bare), "replace_version", failing)
    report = rekey(storage, on_event=events.append)
    assert (report.counts, len(tries)) == ({"same": 1}, 2)
    assert keys_of(storage, "a") == [identifier(NEW)]
    shown = sum(event.size for event in events if event.kind == "progress")
    assert sum(event.size for event in events if event.kind == "again") == shown


def test_it_stops_at_an_interrupt_and_goes_on(on):
    storage = on("local")
    for number in range(20):
        put(storage, str(number), content_of(100_000), OLD)

    def interrupt(event):
        if event.kind == "replaced":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rekey(storage, jobs=2, on_event=interrupt)
    assert "flask_pyfs-copy" not in {thread.name for thread in threading.enumerate()}
    assert storage.backend.remove_leftovers(older_than=-60, dry_run=True) == 0
    found = rekey(storage, dry_run=True)
    assert 0 < found.counts["same"] < 20
    done = rekey(storage)
    assert done.counts == found.counts
    assert {storage.read(str(number)) for number in range(20)} == {content_of(100_000)}
