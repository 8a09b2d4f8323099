"""What the doctor says of a storage whose files are encrypted."""

import base64
import io
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from flask_pyfs.doctor import encryption
from flask_pyfs.doctor.contents import FIRST

sys.path.append(str(Path(__file__).parents[1] / "encryption"))

from keyrings import LOST, NEW, OLD, identifier, with_keys

SERVERS = [pytest.param(kind, marks=pytest.mark.server) for kind in ("s3-moto", "gridfs", "swift")]
TEXT = base64.b64encode(b"not made at random, but written.").decode()


def encrypted(kind="memory", **settings):
    return {"kind": kind, "ENCRYPTION_KEYS": [NEW, OLD], **settings}


@pytest.mark.parametrize("kind", ["local", "memory", *SERVERS])
def test_a_storage_that_is_right(kind, app, configured, findings):
    app.testing = True
    storage = configured(**encrypted(kind))
    with app.app_context():
        storage.write("a", b"content")
    found = findings()
    assert [each for each in found.values() if each.level in ("warning", "error")] == []
    keys = f"new files are encrypted with the key {identifier(NEW)}; files with {identifier(OLD)} can be read"
    assert found["keys"].message == keys
    assert found["encrypted"].level == "ok"
    assert found["encrypted-files"].message == "each file that was looked at can be read"
    assert "read-plain" not in found
    # the store signs nothing of such a storage
    for check in ("signed-url", "signed-upload"):
        assert (found[check].level, "the files are encrypted" in found[check].message) == ("skipped", True)
    assert found["cors"].level == "skipped"
    assert {"write", "read", "range", "replace", "delete"} <= {each.check for each in found.values()}


@pytest.mark.parametrize("settings", [{"kind": "local"}, {"kind": "pyfs"}])
def test_the_disk_of_an_encrypted_storage_is_known(settings, configured, findings, tmp_path):
    if settings["kind"] == "pyfs":
        settings = {**settings, "OPEN_URL": f"osfs://{tmp_path}"}
    configured(**encrypted(**settings))
    found = findings()
    assert (found["shared"].level, "space" in found) == ("ok", True)


def test_a_storage_that_is_not_encrypted_has_none_of_these_checks(configured, findings):
    configured("memory")
    assert not {"keys", "encrypted", "encrypted-files"} & findings().keys()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([TEXT, NEW], "was not made at random"),
        ([base64.b64encode(bytes(32)).decode()], "was not made at random"),
        ([NEW, OLD, NEW], f"has a key twice ({identifier(NEW)}, {identifier(OLD)}, {identifier(NEW)})"),
    ],
)
def test_keys_that_are_weak(keys, said, configured, findings):
    configured(**encrypted(ENCRYPTION_KEYS=keys))
    found = findings()["keys"]
    assert (found.level, said in found.message, "FILES_FS_ENCRYPTION_KEYS" in found.message) == ("warning", True, True)
    assert not any(key in found.message for key in keys)


def fails():
    raise RuntimeError(f"no such vault, but {NEW}")


@pytest.mark.parametrize("service", [fails, lambda: [NEW[:-8]]])
def test_a_key_service_that_gives_none(service, configured, findings):
    configured(**encrypted(ENCRYPTION_KEYS=service))
    found = findings()
    assert (found["keys"].level, "FILES_FS_ENCRYPTION_KEYS" in found["keys"].message) == ("error", True)
    assert not any(NEW[:-8] in each.message for each in found.values())


def test_a_store_that_has_what_was_written(app, configured, findings, monkeypatch):
    storage = configured(**encrypted())
    with app.app_context():
        monkeypatch.setattr(type(storage.backend.bare), "read_file", lambda self, path: FIRST)
    found = findings()["encrypted"]
    assert (found.level, "in spite of FILES_FS_ENCRYPTION_KEYS" in found.message) == ("error", True)


def put(storage, name, content, key):
    with_keys(storage.backend, key).put(name, io.BytesIO(content))


def test_files_with_other_keys(app, configured, findings):
    storage = configured(**encrypted())
    with app.app_context():
        put(storage, "a", b"new", NEW)
        put(storage, "b", b"old", OLD)
    found = findings()["encrypted-files"]
    told = "1 of 2 files that were looked at are not encrypted with the first key: 'flask fs rekey files' does it"
    assert (found.level, found.message) == ("ok", told)
    with app.app_context():
        put(storage, "lost", b"lost", LOST)
        # not all are looked at
        for number in range(encryption._SAMPLE):
            put(storage, f"z{number}", b"lost", LOST)
    found = findings()["encrypted-files"]
    count = encryption._SAMPLE
    assert (found.level, found.again) == ("error", False)
    assert found.message.startswith(
        f"{count - 2} of {count} files that were looked at cannot be read: 'lost' in storage"
    )


@pytest.mark.parametrize("prefix", ["", "shop"])
def test_plain_files_are_told_for_as_long_as_they_are_read(prefix, app, configured, findings):
    app.testing = True
    now = datetime.now(timezone.utc)
    storage = configured(**encrypted(ENCRYPTION_READ_PLAIN=now + timedelta(days=1), PREFIX=prefix))
    assert findings()["read-plain"].message.startswith("0 of 0 files that were looked at are not encrypted")
    with app.app_context():
        storage.backend.bare.put(f"{prefix}/a" if prefix else "a", io.BytesIO(b"plain"))
    found = findings()
    told = "1 of 1 files that were looked at are not encrypted, as FILES_FS_ENCRYPTION_READ_PLAIN allows for now"
    assert (found["read-plain"].level, found["read-plain"].message) == ("ok", told)
    assert "1 of 1 files that were looked at are not encrypted with the first key" in found["encrypted-files"].message


def test_a_moment_that_is_long_ago(configured, findings):
    configured(**encrypted(ENCRYPTION_READ_PLAIN="2020-01-01T00:00Z"))
    found = findings()["read-plain"]
    told = "FILES_FS_ENCRYPTION_READ_PLAIN is still set: run 'flask fs rekey files', and unset it"
    assert (found.level, found.message) == ("warning", told)


def test_only_the_key_of_flask_fs2(app, configured, findings):
    storage = configured("memory", AES256_ENCRYPTED=True, AES256_KEY=LOST)
    with app.app_context():
        fernet = base64.urlsafe_b64decode(Fernet(LOST).encrypt(b"old"))
        storage.backend.bare.put("old", io.BytesIO(fernet))
    found = findings()
    assert (found["keys"].level, "set FILES_FS_ENCRYPTION_KEYS to a new key" in found["keys"].message) == (
        "warning",
        True,
    )
    assert (found["write"].level, found["encrypted-files"].level) == ("skipped", "ok")
    assert [each for each in found.values() if each.level == "error"] == []
