"""The settings of flask-fs2 that encrypt: what they read here, and what they refuse."""

import base64
import io
from datetime import datetime, timedelta, timezone

import pytest
from fernets import KEY, KINDS, OLD_KEY, content_of, old_file, on, plant, planted, storage_on

import flask_pyfs as fs
from flask_pyfs.backends.local import LocalBackend
from flask_pyfs.errors import DecryptionError

NO_KEYS = "FILES_FS_ENCRYPTION_KEYS is not set, so nothing can be written: FILES_FS_AES256_ENCRYPTED alone lets"
NO_KEY = "^FILES_FS_AES256_KEY must be the key that flask-fs2 had"
CONTENT = content_of(1000)


@pytest.fixture
def configured(configure_storage):
    def configured(**settings):
        return configure_storage("files", {"BACKEND": "memory", **settings})

    return configured


def write_open(storage, mode="wb"):
    with storage.open("new.txt", mode) as file:
        file.write(b"content")


def write_standard(storage):
    with storage.fs.open("new.txt", "wb") as file:
        file.write(b"content")


WRITES = {
    "save": lambda storage: storage.save(io.BytesIO(b"content"), "new.txt"),
    "write": lambda storage: storage.write("new.txt", b"content"),
    "write over": lambda storage: storage.write("a.txt", b"content", overwrite=True),
    "open": write_open,
    "open new": lambda storage: write_open(storage, "xb"),
    "append": lambda storage: write_open(storage, "ab"),
    "the filesystem": write_standard,
    "its writebytes": lambda storage: storage.fs.writebytes("new.txt", b"content"),
    "its upload": lambda storage: storage.fs.upload("new.txt", io.BytesIO(b"content")),
    "copy_from": lambda storage: storage.backend.store.put("new.txt", io.BytesIO(b"content")),
    "replace": lambda storage: storage.backend.store.replace_version("a.txt", io.BytesIO(b"b"), version_of(storage)),
    "join": lambda storage: storage.backend.store.join_files(["a.txt"], "new.txt"),
}


def version_of(storage):
    return storage.backend.store.facts("a.txt").version


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_without_new_keys_nothing_is_written(configured, write):
    storage = configured(AES256_ENCRYPTED=True, AES256_KEY=OLD_KEY)
    kept = old_file(CONTENT)
    plant(storage, "a.txt", kept)
    with pytest.raises(fs.ConfigurationError, match=NO_KEYS) as raised:
        write(storage)
    assert OLD_KEY not in str(raised.value)
    assert raised.value.storage == "files"
    assert "flask fs keygen" in str(raised.value)
    assert planted(storage, "a.txt") == kept
    assert list(storage.backend.bare.iter_files()) == ["a.txt"]


def test_without_new_keys_nothing_is_uploaded(app, configured):
    storage = configured(AES256_ENCRYPTED=True, AES256_KEY=OLD_KEY)
    with app.app_context():
        upload = storage.upload_url("new.txt", expires=60)
    form = {**upload.fields, "file": (io.BytesIO(b"content"), "new.txt")}
    answer = app.test_client().post(upload.url, data=form)
    assert answer.status_code == 500
    assert b"content" not in answer.data
    assert list(storage.backend.bare.iter_files()) == []


@pytest.mark.parametrize("kind", on(KINDS))
def test_without_new_keys_files_are_copied_moved_and_deleted_by_the_store(kind, request, configure_storage):
    settings = {"AES256_ENCRYPTED": True, "AES256_KEY": OLD_KEY}
    with storage_on(kind, request, configure_storage, **settings) as storage:
        kept = old_file(CONTENT)
        plant(storage, "a.txt", kept)
        storage.copy("a.txt", "b.txt")
        storage.move("b.txt", "c.txt")
        assert (planted(storage, "c.txt"), storage.read("c.txt")) == (kept, CONTENT)
        with pytest.raises(fs.ConfigurationError, match="nothing can be written"):
            storage.write("d.txt", b"content")
        storage.delete("a.txt")
        assert sorted(storage.list_files()) == ["c.txt"]


# as flask-fs2 accepts them; generate_key returns bytes
@pytest.mark.parametrize(
    "key", [OLD_KEY, OLD_KEY.encode(), f"{OLD_KEY}\n", OLD_KEY.translate(str.maketrans("-_", "+/"))]
)
@pytest.mark.parametrize("on", [True, "true", 1, None, False])
def test_beside_new_keys_the_old_key_reads_old_files(configured, key, on):
    storage = configured(AES256_ENCRYPTED=on, AES256_KEY=key, ENCRYPTION_KEYS=KEY)
    plant(storage, "a.txt", old_file(CONTENT))
    assert storage.read("a.txt") == CONTENT
    storage.write("a.txt", b"new", overwrite=True)
    assert planted(storage, "a.txt")[0] == 40
    assert storage.read("a.txt") == b"new"


def test_the_key_alone_changes_nothing(configured):
    # nor did it in flask-fs2
    storage = configured(AES256_KEY=OLD_KEY)
    storage.write("a.txt", b"plain")
    assert storage.backend.wrapper is None
    assert planted(storage, "a.txt") == b"plain"


WRONG = {
    "no key": ({"AES256_ENCRYPTED": True}, "^FILES_FS_AES256_KEY .*must be set, as FILES_FS_AES256_ENCRYPTED is on"),
    "an empty key": ({"AES256_ENCRYPTED": True, "AES256_KEY": ""}, "^FILES_FS_AES256_KEY must be set"),
    "a short key": ({"AES256_ENCRYPTED": True, "AES256_KEY": "c2VjcmV0"}, NO_KEY),
    "no base64": ({"AES256_ENCRYPTED": True, "AES256_KEY": "c2VjcmV0c"}, NO_KEY),
    "not ASCII": ({"AES256_ENCRYPTED": True, "AES256_KEY": "gehëim"}, NO_KEY),
    "bytes that are none": (
        {"AES256_KEY": b"\xff" * 32, "ENCRYPTION_KEYS": KEY},
        NO_KEY,
    ),
    "a short key beside keys": ({"AES256_KEY": "c2VjcmV0", "ENCRYPTION_KEYS": KEY}, NO_KEY),
    "a URL": (
        {"AES256_ENCRYPTED": True, "AES256_KEY": OLD_KEY, "URL": "https://files.example.org/"},
        "^FILES_FS_URL cannot be used with FILES_FS_AES256_ENCRYPTED",
    ),
}


@pytest.mark.parametrize(("settings", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting(configured, settings, said):
    with pytest.raises(fs.ConfigurationError, match=said) as raised:
        configured(**settings)
    assert "c2VjcmV0" not in str(raised.value)
    assert len(str(raised.value)) <= 300


@pytest.mark.parametrize("beside", [{}, {"ENCRYPTION_KEYS": KEY}])
def test_a_text_that_flask_fs2_takes_for_true_is_refused(configured, beside):
    for value in ("false", "0", "off", " No "):
        with pytest.raises(fs.ConfigurationError, match="which flask-fs2 takes for true"):
            configured(AES256_ENCRYPTED=value, AES256_KEY=OLD_KEY, **beside)
    configured(AES256_ENCRYPTED="", AES256_KEY=OLD_KEY, **beside)


def test_by_hand(tmp_path):
    given = {"root": str(tmp_path), "aes256_key": OLD_KEY.encode()}
    backend = LocalBackend("files", {**given, "aes256_encrypted": "true", "encryption_keys": KEY})
    (tmp_path / "a.txt").write_bytes(old_file(CONTENT))
    assert backend.read("a.txt") == CONTENT
    backend.write("b.txt", b"content")
    assert (tmp_path / "b.txt").read_bytes()[0] == 40
    read_only = LocalBackend("files", {**given, "aes256_encrypted": True})
    assert read_only.read("a.txt") == CONTENT
    with pytest.raises(fs.ConfigurationError, match="FILES_FS_ENCRYPTION_KEYS is not set"):
        read_only.write("c.txt", b"content")
    with pytest.raises(fs.ConfigurationError, match="AES256_ENCRYPTED is the text 'false'"):
        LocalBackend("files", {**given, "aes256_encrypted": "false"})
    with pytest.raises(fs.ConfigurationError, match="AES256_KEY"):
        LocalBackend("files", {"root": str(tmp_path), "aes256_encrypted": True})


@pytest.mark.parametrize("moment", [{}, {"ENCRYPTION_READ_PLAIN": datetime.now(timezone.utc) + timedelta(days=1)}])
def test_an_old_file_without_its_key_says_which_setting_is_missing(configured, moment):
    storage = configured(ENCRYPTION_KEYS=KEY, **moment)
    plant(storage, "a.txt", old_file(CONTENT))
    with pytest.raises(DecryptionError, match="flask-fs2 encrypted it: set FILES_FS_AES256_KEY to its key"):
        storage.read("a.txt")


def test_no_key_is_shown(configured):
    storage = configured(AES256_ENCRYPTED=True, AES256_KEY=OLD_KEY.encode())
    shown = repr(storage.config) + repr(vars(storage.backend)) + repr(vars(storage.backend.wrapper))
    assert OLD_KEY not in shown
    assert str(base64.urlsafe_b64decode(OLD_KEY)) not in shown
