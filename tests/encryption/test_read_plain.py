"""ENCRYPTION_READ_PLAIN: files that were stored before a moment may be plain, and none that was stored later."""

import io
import os
import struct
from datetime import datetime, timedelta, timezone

import pytest
from fernets import KEY, KINDS, OLD_KEY, chunks_of, content_of, old_file, on, plant, planted, storage_on

# isort: split
# places makes it importable
from counting import requests_of
from fs import errors

import flask_pyfs as fs
from flask_pyfs.errors import DecryptionError
from flask_pyfs.filesystems.store import Description, OtherVersion

DAY = timedelta(days=1)
SEGMENT = 65_536
OTHER_KEY = "b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyMTI="

# what plain files may be that are not what they seem
PLAIN = {
    "empty": b"",
    "one byte": b"(",
    "shorter than a header": b"(" + content_of(38),
    "text that begins as a file of this package": b"(a note)\n" * 20,
    "of 40 bytes": b"(define (square x) (* x x)) ; in Scheme.",
    "Latin-1": "(Äpfel, Öfen, Übel und Straßen) ".encode("latin-1") * 3,
    "UTF-16": "(Äpfel, Öfen, Übel)".encode("utf-16-le") * 3,
    "a bitmap": struct.pack("<IiiHH", 40, 640, 480, 1, 24) + bytes(24) + content_of(900),
    "Zstandard": b"\x28\xb5\x2f\xfd" + content_of(SEGMENT),
    "a pickle": b"\x80\x04\x95" + content_of(70),
    "a pickle of the length of an old file": b"\x80\x04\x95" + content_of(73 + 160 - 3),
    "a long text": b"(of several segments)\n" * 10_000,
    "random": b"\x00" + content_of(3 * SEGMENT),
}


def ahead(days=1):
    return datetime.now(timezone.utc) + days * DAY


@pytest.fixture(params=[{}, {"AES256_KEY": OLD_KEY}], ids=["", "with an old key"])
def local(configure_storage, request):
    settings = {"ENCRYPTION_KEYS": KEY, "ENCRYPTION_READ_PLAIN": ahead(), **request.param}
    return configure_storage("files", {"BACKEND": "local", **settings})


def check_content(storage, name, content):
    size = len(content)
    assert storage.read(name) == content
    assert storage.metadata(name)["size"] == size
    assert [entry.size for entry in storage.entries() if entry.name == name] == [size]
    with storage.open(name, "rb") as file:
        for offset in {0, 1, size // 2, size}:
            file.seek(offset)
            assert file.read(100) == content[offset : offset + 100]
    assert chunks_of(storage, name) == (content, None)


def check_refused(storage, name):
    with pytest.raises(DecryptionError, match=name):
        storage.read(name)
    content, error = chunks_of(storage, name)
    assert content == b""
    assert error is not None


# What may be plain


@pytest.mark.parametrize("kind", on(KINDS))
def test_before_the_moment(kind, request, configure_storage):
    settings = {"ENCRYPTION_KEYS": KEY, "ENCRYPTION_READ_PLAIN": ahead()}
    with storage_on(kind, request, configure_storage, **settings) as storage:
        contents = {f"{label}.txt": content for label, content in PLAIN.items()}
        for name, content in contents.items():
            plant(storage, name, content)
        storage.write("new.txt", b"new content")
        for name, content in {**contents, "new.txt": b"new content"}.items():
            check_content(storage, name, content)


@pytest.mark.parametrize("kind", on(KINDS))
def test_after_the_moment(kind, request, configure_storage):
    settings = {"ENCRYPTION_KEYS": KEY, "ENCRYPTION_READ_PLAIN": "2020-01-01T00:00Z"}
    with storage_on(kind, request, configure_storage, **settings) as storage:
        for label, content in PLAIN.items():
            plant(storage, label, content)
            check_refused(storage, label)
        storage.write("new.txt", b"new content")
        check_content(storage, "new.txt", b"new content")


@pytest.mark.parametrize("content", PLAIN.values(), ids=PLAIN)
def test_plain_files_that_begin_as_others(local, content):
    plant(local, "a.txt", content)
    check_content(local, "a.txt", content)
    assert local.backend.store.kept("a.txt")[1:] == ("plain", None)


@pytest.mark.parametrize("kind", on(KINDS))
def test_a_position_before_the_beginning_is_refused(kind, request, configure_storage):
    settings = {"ENCRYPTION_KEYS": KEY, "ENCRYPTION_READ_PLAIN": ahead()}
    with storage_on(kind, request, configure_storage, **settings) as storage:
        plant(storage, "plain.txt", b"plain text")
        storage.write("new.txt", b"plain text")
        for name in ("plain.txt", "new.txt"):
            with storage.open(name, "rb") as file:
                assert file.read(2) == b"pl"
                for offset, whence in ((-1, os.SEEK_SET), (-3, os.SEEK_CUR), (-11, os.SEEK_END)):
                    with pytest.raises(ValueError, match="negative"):
                        file.seek(offset, whence)
                    assert file.tell() == 2
                assert file.read() == b"ain text"


def test_the_date_of_the_store_decides_to_the_second(app, configure_storage):
    moment = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=timezone.utc)
    settings = {"BACKEND": "local", "ENCRYPTION_KEYS": KEY, "ENCRYPTION_READ_PLAIN": moment}
    storage = configure_storage("files", settings)
    plant(storage, "a.txt", b"plain")
    path = os.path.join(app.config["FS_ROOT"], "files", "a.txt")
    second = moment.replace(microsecond=0).timestamp()
    os.utime(path, (second, second))
    check_refused(storage, "a.txt")
    os.utime(path, (second, second - 0.001))
    check_content(storage, "a.txt", b"plain")


def test_without_new_keys(configure_storage):
    # save of flask-fs2 encrypted nothing
    settings = {"AES256_ENCRYPTED": True, "AES256_KEY": OLD_KEY, "ENCRYPTION_READ_PLAIN": ahead()}
    storage = configure_storage("files", {"BACKEND": "local", **settings})
    plant(storage, "saved.txt", b"saved")
    plant(storage, "written.txt", old_file(b"written"))
    check_content(storage, "saved.txt", b"saved")
    check_content(storage, "written.txt", b"written")
    for copy in (storage.copy, storage.move):
        # nobody could read the copy
        with pytest.raises(fs.ConfigurationError, match="nothing can be written"):
            copy("saved.txt", "copied.txt")
    assert sorted(storage.list_files()) == ["saved.txt", "written.txt"]


# What must not be


def test_a_damaged_file_is_not_plain(local):
    local.write("whole.txt", content_of(100))
    kept = planted(local, "whole.txt")
    for offset in range(len(kept)):
        plant(local, "a.txt", kept[:offset] + bytes([kept[offset] ^ 1]) + kept[offset + 1 :])
        check_refused(local, "a.txt")
    for length in range(40, len(kept)):
        plant(local, "a.txt", kept[:length])
        check_refused(local, "a.txt")
    # of less, nothing tells
    plant(local, "a.txt", kept[:39])
    assert local.read("a.txt") == kept[:39]


@pytest.mark.parametrize("size", [SEGMENT - 56, SEGMENT, 3 * SEGMENT])
def test_a_damaged_file_of_several_segments_is_not_plain(local, size):
    local.write("whole.txt", content_of(size))
    kept = planted(local, "whole.txt")
    for offset in {0, 1, 40, 1000, len(kept) - 1}:
        plant(local, "a.txt", kept[:offset] + bytes([kept[offset] ^ 1]) + kept[offset + 1 :])
        content, error = chunks_of(local, "a.txt")
        assert error is not None
        assert content_of(size).startswith(content)
    cuts = {1000, SEGMENT - 1, SEGMENT, SEGMENT + 5, SEGMENT + 16, len(kept) - 1}
    for length in filter(len(kept).__gt__, cuts):
        plant(local, "a.txt", kept[:length])
        content, error = chunks_of(local, "a.txt")
        assert error is not None, length
        assert content_of(size).startswith(content)


def test_a_plain_file_that_looks_encrypted_is_refused_with_what_to_do(local):
    # one of 256 contents that look random
    plant(local, "a.txt", b"(" + content_of(999))
    with pytest.raises(DecryptionError, match=r"ENCRYPTION_KEYS lacks its key, .* if it is plain, store it") as raised:
        local.read("a.txt")
    assert len(str(raised.value)) <= 300
    local.write("a.txt", b"(" + content_of(999), overwrite=True)
    check_content(local, "a.txt", b"(" + content_of(999))


def test_a_file_whose_key_is_not_set_is_not_plain(configure_storage):
    other = configure_storage("files", {"BACKEND": "memory", "ENCRYPTION_KEYS": OTHER_KEY})
    other.write("a.txt", content_of(1000))
    settings = {"BACKEND": "memory", "ENCRYPTION_KEYS": KEY, "ENCRYPTION_READ_PLAIN": ahead()}
    storage = configure_storage("files", settings)
    plant(storage, "a.txt", planted(other, "a.txt"))
    plant(storage, "b.txt", old_file(content_of(1000)))
    for name in ("a.txt", "b.txt"):
        check_refused(storage, name)
    # a listing goes on
    assert [entry.name for entry in storage.entries()] == ["a.txt", "b.txt"]


def test_a_damaged_file_of_flask_fs2_is_not_plain(configure_storage):
    settings = {"ENCRYPTION_KEYS": KEY, "AES256_KEY": OLD_KEY, "ENCRYPTION_READ_PLAIN": ahead()}
    storage = configure_storage("files", {"BACKEND": "memory", **settings})
    kept = old_file(content_of(100))
    # what has no header any more is told from nothing
    for offset in range(5, len(kept)):
        plant(storage, "a.txt", kept[:offset] + bytes([kept[offset] ^ 1]) + kept[offset + 1 :])
        check_refused(storage, "a.txt")
    for length in range(9, len(kept)):
        plant(storage, "a.txt", kept[:length])
        check_refused(storage, "a.txt")


# Copies


@pytest.mark.parametrize("old", ["plain", "fernet"])
@pytest.mark.parametrize("kind", on(KINDS))
def test_copies_are_encrypted(kind, old, request, configure_storage):
    settings = {"ENCRYPTION_KEYS": KEY, "AES256_KEY": OLD_KEY, "ENCRYPTION_READ_PLAIN": ahead()}
    with storage_on(kind, request, configure_storage, **settings) as storage:
        store, content = storage.backend.store, content_of(1000)
        description = Description(content_language="de") if store.keeps_descriptions else None
        options = {"description": description} if description else {}
        kept = content if old == "plain" else old_file(content)
        store.whole.put("a.txt", io.BytesIO(kept), content_type="text/x-odd", **options)
        storage.copy("a.txt", "b.txt")
        with pytest.raises(fs.FileExists):
            storage.copy("a.txt", "b.txt", overwrite=False)
        storage.copy("a.txt", "a.txt", overwrite=True)
        assert planted(storage, "a.txt") == kept
        storage.move("a.txt", "b.txt", overwrite=True)
        storage.move("b.txt", "c.txt")
        assert list(storage.list_files()) == ["c.txt"]
        assert planted(storage, "c.txt")[0] == 40
        assert store.kept("c.txt").form == "segments"
        assert storage.read("c.txt") == content
        if description:
            assert store.facts("c.txt").description == description
            assert store.facts("c.txt").content_type == "text/x-odd"


def test_a_move_leaves_what_was_written_meanwhile(local, monkeypatch):
    plant(local, "a.txt", b"plain")
    store = local.backend.store
    put = store.put

    def put_late(path, file, **options):
        version = put(path, file, **options)
        put("a.txt", io.BytesIO(b"newer"))
        return version

    monkeypatch.setattr(store, "put", put_late)
    store.move_file("a.txt", "b.txt")
    assert (local.read("a.txt"), local.read("b.txt")) == (b"newer", b"plain")


def test_a_move_over_another_version(local):
    plant(local, "a.txt", b"plain")
    local.write("b.txt", b"other")
    store = local.backend.store
    with pytest.raises(OtherVersion):
        store.move_file("a.txt", "b.txt", version="unknown")
    assert (local.read("a.txt"), local.read("b.txt")) == (b"plain", b"other")
    store.move_file("a.txt", "b.txt", version=store.facts("b.txt").version)
    assert list(local.list_files()) == ["b.txt"]
    assert (planted(local, "b.txt")[0], local.read("b.txt")) == (40, b"plain")


def test_a_copy_to_another_storage_is_encrypted(app, configure_storage):
    settings = {"BACKEND": "local", "ENCRYPTION_KEYS": KEY}
    source = configure_storage("files", {**settings, "AES256_KEY": OLD_KEY, "ENCRYPTION_READ_PLAIN": ahead()})
    target = configure_storage("copies", settings)
    plant(source, "plain.txt", b"plain")
    plant(source, "old.txt", old_file(b"old"))
    for name, content in {"plain.txt": b"plain", "old.txt": b"old"}.items():
        # the server of both would copy it as it is
        assert target.backend.store.copy_from(source.backend.store, name, name) is False
        with app.app_context(), source.open(name, "rb") as file:
            target.save(file, name)
        assert (planted(target, name)[0], target.read(name)) == (40, content)


@pytest.mark.parametrize("kind", on(KINDS))
def test_the_standard_methods(kind, request, configure_storage):
    settings = {"ENCRYPTION_KEYS": KEY, "AES256_KEY": OLD_KEY, "ENCRYPTION_READ_PLAIN": ahead()}
    with storage_on(kind, request, configure_storage, **settings) as storage:
        contents = {"plain.txt": b"plain text", "old.txt": b"of flask-fs2", "new.txt": b"new"}
        plant(storage, "plain.txt", contents["plain.txt"])
        plant(storage, "old.txt", old_file(contents["old.txt"]))
        storage.write("new.txt", contents["new.txt"])
        files = storage.fs
        assert {info.name: info.size for info in files.scandir("/", ["details"])} == {
            name: len(content) for name, content in contents.items()
        }
        for name, content in contents.items():
            assert files.readbytes(name) == content
            assert files.getsize(name) == len(content)
            namespaces = ["stat"] if "stat" in files.getinfo(name, ["stat"]).raw else ["details"]
            assert {len(content)} >= {files.getinfo(name, namespaces).raw[namespaces[0]].get("st_size", len(content))}
        files.appendbytes("plain.txt", b", and more")
        assert (planted(storage, "plain.txt")[0], storage.read("plain.txt")) == (40, b"plain text, and more")
        plant(storage, "plain.txt", contents["plain.txt"])
        for name, content in contents.items():
            files.copy(name, f"copy-of-{name}")
            files.move(f"copy-of-{name}", f"moved-{name}")
            assert (planted(storage, f"moved-{name}")[0], files.readbytes(f"moved-{name}")) == (40, content)


@pytest.mark.parametrize("kind", ["memory", "local", "pyfs"])
def test_a_file_that_gets_another_date_is_encrypted(kind, request, configure_storage):
    past = datetime(2020, 1, 2, tzinfo=timezone.utc)
    settings = {"ENCRYPTION_KEYS": KEY, "ENCRYPTION_READ_PLAIN": datetime.now(timezone.utc) - DAY}
    with storage_on(kind, request, configure_storage, **settings) as storage:
        bare, files = storage.backend.bare, storage.fs
        files.makedir("directory")
        for name in ("touched.txt", "dated.txt", "damaged.txt"):
            plant(storage, name, b"(" + content_of(99) if name == "damaged.txt" else b"plain")
            bare.standard.settimes(name, modified=past)
        files.touch("touched.txt")
        files.settimes("dated.txt", modified=past + DAY)
        assert files.getinfo("dated.txt", ["details"]).modified == past + DAY
        for name in ("touched.txt", "dated.txt"):
            check_content(storage, name, b"plain")
            assert planted(storage, name)[0] == 40
        # nobody could read it before
        files.touch("damaged.txt")
        files.touch("directory")
        files.touch("new.txt")
        assert storage.read("new.txt") == b""
        with pytest.raises(errors.ResourceNotFound):
            files.settimes("missing.txt", modified=past)


@pytest.mark.server
def test_a_listing_has_files_that_the_store_does_not_let_be_read(request, configure_storage):
    settings = {"ENCRYPTION_KEYS": KEY, "ENCRYPTION_READ_PLAIN": ahead()}
    with storage_on("s3-moto", request, configure_storage, **settings) as storage:
        for name in ("a.txt", "b.txt", "c.txt"):
            storage.write(name, b"content")
        archived = {"Key": "b.txt", "Body": planted(storage, "b.txt"), "StorageClass": "GLACIER"}
        storage.backend.client.put_object(Bucket=storage.backend.bucket_name, **archived)
        with pytest.raises(fs.PermissionDenied, match="archived"):
            storage.read("b.txt")
        sizes = dict.fromkeys(("a.txt", "b.txt", "c.txt"), 7)
        assert {entry.name: entry.size for entry in storage.entries()} == sizes
        assert {info.name: info.size for info in storage.fs.scandir("/", ["details"])} == sizes


# What it costs


@pytest.mark.server
def test_requests(request, configure_storage):
    settings = {"ENCRYPTION_KEYS": KEY, "ENCRYPTION_READ_PLAIN": ahead()}
    with storage_on("s3-moto", request, configure_storage, **settings) as storage:
        content = b"plain text\n" * 10_000
        plant(storage, "a/plain.txt", content)
        storage.write("a/new.txt", content)
        with requests_of(storage.backend.client) as sent:

            def count(operation):
                sent.clear()
                operation()
                return len(sent)

            assert count(lambda: storage.metadata("a/plain.txt")) == 1
            # it may be a text with a bracket in front
            assert count(lambda: storage.metadata("a/new.txt")) == 2
            assert count(lambda: list(storage.entries("a/"))) == 4
            assert count(lambda: storage.read("a/plain.txt")) == 1
            assert count(lambda: storage.read("a/new.txt")) == 1


@pytest.mark.server
def test_no_more_is_asked_for_than_is_read(request, configure_storage):
    settings = {"ENCRYPTION_KEYS": KEY, "AES256_KEY": OLD_KEY, "ENCRYPTION_READ_PLAIN": ahead()}
    with storage_on("s3-moto", request, configure_storage, **settings) as storage:
        content, store, asked = content_of(20 * SEGMENT), storage.backend.store, []
        plant(storage, "plain", content)
        storage.write("new", content)
        length = len(planted(storage, "new"))
        storage.backend.client.meta.events.register(
            "before-send.s3", lambda request, **_: asked.append((request.headers.get("Range") or b"").decode()[6:])
        )

        def check(name, start, stop, *ranges):
            asked.clear()
            facts, file = store.fetch(name, start, stop)
            with file:
                file.seek(start, os.SEEK_END if start < 0 else os.SEEK_SET)
                got, wanted = b"", content[start:stop]
                # as the route reads it
                while len(got) < len(wanted):
                    got += file.read1(2**20)
                assert got[: len(wanted)] == wanted
            assert facts.size == len(content)
            assert asked == list(ranges), name

        beginning, middle, end = f"0-{SEGMENT - 1}", 5 * SEGMENT, len(content)
        for name in ("plain", "new"):
            check(name, 0, None, "")
            check(name, 0, 9, beginning)
            check(name, 9, 99, beginning)
            check(name, 9, SEGMENT + 9, f"0-{2 * SEGMENT - 1}")
        check("plain", middle, middle + 9, beginning, f"{middle}-{middle + 8}")
        check("plain", -9, None, beginning, f"{end - 9}-{end - 1}")
        check("new", middle, middle + 9, beginning, f"{middle}-{middle + SEGMENT - 1}")
        check("new", -9, None, beginning, f"{20 * SEGMENT}-{length - 1}")
        asked.clear()
        storage.metadata("new")
        assert asked == ["0-8", beginning]
        asked.clear()
        storage.copy("new", "copy")
        assert asked[0] == beginning


@pytest.mark.parametrize("name", ["plain", "new"])
def test_two_requests_are_of_one_version(local, monkeypatch, name):
    store, contents = local.backend.store, [content_of(size) for size in (5 * SEGMENT, 4 * SEGMENT, 3 * SEGMENT, 9)]

    def put():
        if name == "plain":
            plant(local, name, contents[0])
        else:
            local.write(name, contents[0], overwrite=True)

    put()
    fetch = store.whole.fetch

    def fetched(path, start=0, stop=None, **options):
        if start and len(contents) > 1:
            del contents[0]
            put()
        return fetch(path, start, stop, **options)

    monkeypatch.setattr(store.whole, "fetch", fetched)
    facts, file = store.fetch(name, 2 * SEGMENT + 1)
    with file:
        assert (facts.size, file.read()) == (9, contents[-1])


def test_a_damaged_segment_is_known_before_anything_is_answered(app, local):
    local.write("a.bin", content_of(5 * SEGMENT))
    kept = bytearray(planted(local, "a.bin"))
    kept[3 * SEGMENT] ^= 1
    plant(local, "a.bin", bytes(kept))
    for wanted, status in ((f"{SEGMENT}-{SEGMENT + 9}", 206), (f"{3 * SEGMENT}-{3 * SEGMENT + 9}", 500)):
        with app.test_client().get(local.url("a.bin"), headers={"Range": f"bytes={wanted}"}) as answer:
            assert answer.status_code == status


# The setting


@pytest.mark.parametrize(
    "key", ["FILES_FS_ENCRYPTION_READ_PLAIN", "FS_LOCAL_ENCRYPTION_READ_PLAIN", "FS_ENCRYPTION_READ_PLAIN"]
)
def test_without_keys_it_is_refused(app, configure_storage, key):
    # a variable with the keys may be missing, and all new files would be plain
    app.config[key] = "2026-01-02T03:04Z"
    with pytest.raises(fs.ConfigurationError, match=f"^{key} needs keys, .* set FILES_FS_ENCRYPTION_KEYS") as raised:
        configure_storage("files", {"BACKEND": "local"})
    assert len(str(raised.value)) <= 300
    configure_storage("files", {"ENCRYPTION_KEYS": KEY})


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (True, "must be a moment with its time zone"),
        ("true", "must be a moment with its time zone"),
        ("2026-12-01", "must be a moment with its time zone"),
        ("2026-12-01T10:00", "must be a moment with its time zone"),
        (lambda: ahead(8), "must be at most 7 days ahead"),
        ("9999-12-31T23:59:59Z", "must be at most 7 days ahead"),
    ],
)
def test_a_wrong_moment(configure_storage, moment, said):
    moment = moment() if callable(moment) else moment
    with pytest.raises(fs.ConfigurationError, match=f"^FILES_FS_ENCRYPTION_READ_PLAIN .*{said}") as raised:
        configure_storage("files", {"ENCRYPTION_KEYS": KEY, "ENCRYPTION_READ_PLAIN": moment})
    assert len(str(raised.value)) <= 300
