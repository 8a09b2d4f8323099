"""What is said of a file that cannot be decrypted, and what still works beside it."""

import io
import pickle
from contextlib import closing, contextmanager

import pytest
from encrypting import new_key
from places import make_place

import flask_pyfs as fs
from flask_pyfs.encryption.segments import SEGMENT
from flask_pyfs.errors import is_worth_retrying
from flask_pyfs.transfer import sync

KINDS = ["local", *(pytest.param(kind, marks=pytest.mark.server) for kind in ("s3-moto", "gridfs", "swift"))]
CONTENT = bytes(range(256)) * 512
KEYS, READ_PLAIN = "FILES_FS_ENCRYPTION_KEYS", "FILES_FS_ENCRYPTION_READ_PLAIN"


@pytest.fixture(params=KINDS)
def storage(request, app, configure_storage):
    with make_place(request.param, request) as settings, app.app_context():
        storage = configure_storage("files", {**settings, "ENCRYPTION_KEYS": [new_key()]})
        yield storage
        storage.backend.store.close()


def damage(storage, name, change):
    """Store a file, and change how it is kept."""
    storage.write(name, CONTENT, overwrite=True)
    bare = storage.backend.bare
    bare.put(name, io.BytesIO(change(bare.read_file(name))))


def flipped(kept, at):
    return kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1 :]


#: How a file is changed, and what is said of it. Where the length is wrong, it is said of the length alone.
CHANGES = {
    "plain": (
        lambda kept: b"plain text of more bytes than a header and a tag have together",
        f"not encrypted.*{READ_PLAIN}",
    ),
    "too short": (lambda kept: b"plain", f"cut, or is not encrypted.*{READ_PLAIN}"),
    "empty": (lambda kept: b"", f"cut, or is not encrypted.*{READ_PLAIN}"),
    "cut": (lambda kept: kept[: SEGMENT + 5], "cut, or is not encrypted: restore it"),
    "first segment": (
        lambda kept: flipped(kept, 99),
        f"changed .*, or {KEYS} lacks its key: add that key .*, or restore",
    ),
    "salt": (lambda kept: flipped(kept, 9), f"{KEYS} lacks its key"),
    "second segment": (
        lambda kept: flipped(kept, SEGMENT + 9),
        f"changed or cut since a key of {KEYS} encrypted it: rest",
    ),
}
#: Those whose length tells.
SHOWN = {"too short", "empty", "cut"}


@pytest.mark.parametrize("change", CHANGES)
def test_the_error_says_what_to_do(storage, app, change):
    changed, said = CHANGES[change]
    damage(storage, "a.txt", changed)

    @contextmanager
    def refused():
        with pytest.raises(fs.DecryptionError, match=f"^'a.txt' in storage 'files': .*{said}") as caught:
            yield
        error = caught.value
        assert (error.path, error.storage, error.code) == ("a.txt", "files", 500)
        assert len(str(error)) <= 300
        assert error.user_message == "The file is damaged and cannot be read."
        assert not is_worth_retrying(error)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
        assert type(pickle.loads(pickle.dumps(error.__cause__))) is fs.errors.Undecipherable

    with refused():
        storage.read("a.txt")
    with refused(), closing(storage.read_chunks("a.txt")) as chunks:
        list(chunks)
    with refused(), storage.open("a.txt", "rb") as file:
        file.seek(SEGMENT)
        file.read(1)
    if change in SHOWN:
        with refused():
            storage.size("a.txt")
        with refused():
            storage.metadata("a.txt")
    else:
        assert storage.size("a.txt") >= 0
    with app.test_client().get(storage.url("a.txt")) as response:
        # it is read for its encoding
        assert response.status_code == 500


def test_what_can_be_done_with_such_a_file(storage):
    for name in ("a", "b", "c"):
        damage(storage, name, lambda kept: b"plain")
    storage.write("d", CONTENT)
    # one of them hides nothing
    sizes = {"a": 0, "b": 0, "c": 0, "d": len(CONTENT)}
    assert {entry.name: entry.size for entry in storage.entries()} == sizes
    assert set(storage.list_files()) == set(sizes)
    assert storage.exists("a")
    assert {info.name: info.size for info in storage.fs.scandir("/", ["details"])} == sizes
    storage.delete("a")
    storage.write("b", CONTENT, overwrite=True)
    storage.move("c", "e")
    assert set(storage.list_files()) == {"b", "d", "e"}
    assert storage.read("b") == CONTENT


def test_a_transfer_names_it_and_does_not_try_again(app, configure_storage, tmp_path):
    storage = configure_storage("files", {"BACKEND": "memory", "ENCRYPTION_KEYS": [new_key()]})
    told = []
    with app.app_context():
        damage(storage, "a.txt", lambda kept: flipped(kept, 99))
        storage.write("b.txt", CONTENT)
        report = sync(storage, str(tmp_path / "copy"), on_event=told.append)
    assert [event.kind for event in told if event.kind in ("again", "failed")] == ["failed"]
    assert not report.is_worth_retrying
    assert (tmp_path / "copy" / "b.txt").read_bytes() == CONTENT
    assert not (tmp_path / "copy" / "a.txt").exists()


def test_a_transfer_replaces_it(app, configure_storage, tmp_path):
    storage = configure_storage("files", {"BACKEND": "local", "ENCRYPTION_KEYS": [new_key()]})
    (tmp_path / "copy").mkdir()
    for name in ("a.txt", "b.txt"):
        (tmp_path / "copy" / name).write_bytes(CONTENT)
    with app.app_context():
        # as many bytes, but nobody can read them
        damage(storage, "a.txt", lambda kept: CONTENT)
        damage(storage, "b.txt", lambda kept: b"plain")
        sync(str(tmp_path / "copy"), storage)
        assert {storage.read(name) for name in ("a.txt", "b.txt")} == {CONTENT}


@pytest.mark.parametrize("level", ["FILES_FS_", "FS_LOCAL_", "FS_"])
def test_the_setting_is_named_as_it_is_set(app, level):
    storage = fs.Storage("files", fs.ALL)
    app.config[f"{level}ENCRYPTION_KEYS"] = [new_key()]
    fs.init_app(app, storage)
    with app.app_context():
        damage(storage, "a.txt", lambda kept: flipped(kept, 99))
        with pytest.raises(fs.DecryptionError, match=f"or {level}ENCRYPTION_KEYS lacks its key"):
            storage.read("a.txt")
        damage(storage, "a.txt", lambda kept: CONTENT[:1000])
        with pytest.raises(fs.DecryptionError, match=f"set {level}ENCRYPTION_READ_PLAIN to a moment"):
            storage.read("a.txt")


def no_key():
    raise OSError("the key service is down")


def test_without_a_key_nothing_is_begun(app, configure_storage):
    storage = configure_storage("files", {"BACKEND": "local", "ENCRYPTION_KEYS": no_key})
    with app.app_context():
        for write in (
            lambda: storage.write("a", b"x"),
            lambda: storage.open("a", "wb"),
            lambda: storage.save(io.BytesIO(b"x"), "a"),
        ):
            with pytest.raises(fs.BackendError, match="callable of FILES_FS_ENCRYPTION_KEYS"):
                write()
        assert list(storage.backend.bare.iter_files()) == []
