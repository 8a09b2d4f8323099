"""``flask fs rekey`` and ``flask fs keygen``: what they say, their exit codes, wrong use."""

import base64
import io
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest

import flask_pyfs as fs
from flask_pyfs.cli import fs as group
from flask_pyfs.names import Reserved
from flask_pyfs.transfer import patience

sys.path.append(str(Path(__file__).parents[1] / "encryption"))

from keyrings import LOST, NEW, OLD, identifier, with_keys

FILES = {"2026/a.jpg": b"the first", "2026/b.jpg": b"the second", "c.jpg": b"the third"}
FIRST, SECOND = (f"key {identifier(key)} (number {n} of PHOTOS_FS_ENCRYPTION_KEYS)" for n, key in ((1, NEW), (2, OLD)))
ROWS = [f"{FIRST}: 3 files (new files get it)"]
NONE_LEFT = f"{SECOND}: 0 files, so it can be removed"


@pytest.fixture
def shop(app, monkeypatch):
    """An app with a storage whose files have an old key, and its commands."""
    monkeypatch.setattr(patience, "_FIRST", 0)
    app.config["PHOTOS_FS_ENCRYPTION_KEYS"] = [NEW, OLD]
    photos = fs.Storage("photos", fs.ALL)
    fs.init_app(app, photos)

    def put(name, content, key=OLD):
        path = Reserved(name) if name.startswith(".") else name
        with_keys(photos.backend, key).put(path, io.BytesIO(content))

    def run(*arguments):
        return app.test_cli_runner().invoke(group, ["rekey", *arguments])

    with app.app_context():
        for name, content in FILES.items():
            put(name, content)
        yield SimpleNamespace(app=app, photos=photos, run=run, put=put)


def held(shop):
    alone = with_keys(shop.photos.backend, NEW)
    return {name: alone.read_file(name) for name in shop.photos.list_files()}


def objects(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_was_done_and_which_keys_are_needed(shop):
    done = shop.run("photos")
    assert (done.exit_code, done.stderr) == (0, "")
    first, *rows = done.stdout.splitlines()
    assert first.startswith("3 encrypted, 0 same, 0 deleted meanwhile, 0 failed; 28 bytes in ")
    assert rows == [*ROWS, NONE_LEFT]
    assert held(shop) == FILES
    again = shop.run("photos:")
    assert again.stdout.startswith("0 encrypted, 3 same, 0 deleted meanwhile, 0 failed; 0 bytes in ")
    assert again.stdout.splitlines()[1:] == rows


def test_a_dry_run_names_the_files_and_does_nothing(shop):
    before = shop.photos.backend.bare.read_file("c.jpg")
    done = shop.run("--dry-run", "photos")
    assert done.exit_code == 0
    *named, last, new, old = done.stdout.splitlines()
    assert sorted(named) == [f"would encrypt {name}" for name in sorted(FILES)]
    assert last.startswith("dry run, nothing was done: 3 encrypted, 0 same")
    assert (new, old) == (f"{FIRST}: 0 files (new files get it)", f"{SECOND}: 3 files")
    assert shop.photos.backend.bare.read_file("c.jpg") == before


def test_of_a_part_no_key_is_said_to_be_needless(shop):
    done = shop.run("photos", "2026/")
    assert done.stdout.splitlines()[1:] == [
        f"{FIRST}: 2 files (new files get it)",
        f"{SECOND}: 0 files",
    ]
    assert "so it can be removed" not in shop.run("photos", "--shard", "1/2").stdout


def test_a_key_that_other_storages_have_is_not_said_to_be_needless(shop):
    config = shop.app.config
    config["FS_ENCRYPTION_KEYS"] = config.pop("PHOTOS_FS_ENCRYPTION_KEYS")
    config.update(NOTES_FS_ENCRYPTION_KEYS=[OLD], BOTH_FS_BACKEND="migrating", BOTH_FS_SOURCE="memory")
    config.update(BOTH_FS_TARGET="local", BOTH_FS_SOURCE_ENCRYPTION_KEYS=[LOST], FS_AES256_KEY=LOST)
    others = [fs.Storage(name, fs.ALL) for name in ("notes", "letters", "both")]
    fs.init_app(shop.app, shop.photos, *others)
    first, second, old = shop.run("photos").stdout.splitlines()[1:]
    assert first.startswith(f"key {identifier(NEW)} (number 1 of FS_ENCRYPTION_KEYS): 3 files")
    needed = "once no other storage that has this setting needs it: run 'flask fs rekey both' and 'flask fs rekey"
    assert second == (
        f"key {identifier(OLD)} (number 2 of FS_ENCRYPTION_KEYS): 0 files, so it can be removed {needed} letters'"
    )
    assert old.startswith("FS_AES256_KEY: 0 files, so FS_AES256_KEY can be unset, and AES256_ENCRYPTED with it once no")
    *_, last = objects(shop.run("photos", "--json"))
    assert [key["others"] for key in last["keys"]] == [["both", "letters"]] * 2 + [["both", "letters", "notes"]]


def test_a_key_that_the_other_side_needs_is_not_said_to_be_needless(shop):
    config = shop.app.config
    config.update(PHOTOS_FS_BACKEND="migrating", PHOTOS_FS_SOURCE="memory", PHOTOS_FS_TARGET="local")
    fs.init_app(shop.app, shop.photos)
    with_keys(shop.photos.backend.target.backend, OLD).put("moved.jpg", io.BytesIO(b"moved"))
    assert f"source: {SECOND}: 0 files" in shop.run("photos", "--dry-run").stdout.splitlines()
    rows = shop.run("photos").stdout.splitlines()
    assert [row for row in rows if row.endswith("so it can be removed")] == [
        f"{side}: {NONE_LEFT}" for side in ("source", "target")
    ]


def test_settings_that_no_file_needs_any_more(shop):
    shop.app.config.update(PHOTOS_FS_AES256_KEY=LOST, PHOTOS_FS_ENCRYPTION_READ_PLAIN="2025-01-01T10:00Z")
    fs.init_app(shop.app, shop.photos)
    assert shop.run("photos").stdout.splitlines()[3:] == [
        "PHOTOS_FS_AES256_KEY: 0 files, so PHOTOS_FS_AES256_KEY can be unset, and AES256_ENCRYPTED with it",
        "not encrypted: 0 files, so PHOTOS_FS_ENCRYPTION_READ_PLAIN can be unset",
    ]
    # servers that do not encrypt yet may still write
    moment = datetime.now(timezone.utc) + timedelta(hours=2)
    shop.app.config["PHOTOS_FS_ENCRYPTION_READ_PLAIN"] = moment
    fs.init_app(shop.app, shop.photos)
    said = f"PHOTOS_FS_ENCRYPTION_READ_PLAIN lets new ones be plain until {moment:%Y-%m-%d %H:%M} UTC"
    assert shop.run("photos").stdout.splitlines()[4:] == [f"not encrypted: 0 files ({said})"]
    *_, last = objects(shop.run("photos", "--json"))
    assert [key["until"] for key in last["keys"]] == [None, None, None, moment.isoformat()]


def test_each_file_is_named_if_asked(shop):
    done = shop.run("photos", "--verbose")
    assert sorted(done.stdout.splitlines()[:3]) == [f"encrypted {name}" for name in sorted(FILES)]


def test_quiet_prints_the_failures_alone(shop):
    assert shop.run("photos", "--quiet").output == ""
    shop.put("lost.jpg", b"lost", LOST)
    done = shop.run("photos", "--quiet")
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)


def test_json_has_an_object_for_each_file_and_one_for_all(shop):
    shop.photos.write("new.jpg", b"new")
    *files, last = objects(shop.run("photos", "--json"))
    assert sorted(file["name"] for file in files) == sorted(FILES)
    assert files[0].keys() == {"kind", "side", "name", "size", "key", "dry_run"}
    assert {(file["kind"], file["side"], file["key"]) for file in files} == {("replaced", "", identifier(NEW))}
    assert last.pop("seconds") >= 0
    counts = {"replaced": 3, "same": 1, "gone": 0, "failed": 0}
    where = {"side": "", "setting": "PHOTOS_FS_ENCRYPTION_KEYS", "others": [], "until": None}
    found = enumerate(((NEW, 4), (OLD, 0)), 1)
    keys = [{"key": identifier(key), "files": files, "number": number, **where} for number, (key, files) in found]
    assert last == {"kind": "done", **counts, "bytes": 28, "dry_run": False, "keys": keys}


def test_a_file_that_no_key_decrypts_is_named_and_the_others_are_done(shop):
    shop.put("lost.jpg", b"lost", LOST)
    done = shop.run("photos")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: 'lost.jpg' in storage 'photos': ")
    assert done.stdout.splitlines()[1:] == [*ROWS, f"{SECOND}: 0 files", "no key that is set: 1 file"]
    *_, failed, last = objects(shop.run("photos", "--json"))
    assert (failed["kind"], failed["name"], bool(failed["error"])) == ("failed", "lost.jpg", True)
    nowhere = {"setting": None, "number": None, "others": [], "until": None}
    assert last["keys"][-1] == {"side": "", "key": "unknown", "files": 1, **nowhere}


def test_an_upload_that_may_be_under_way_is_worth_another_try(shop):
    shop.put(".flask_pyfs/uploads/0123/open/0-aa", b"a piece")
    done = shop.run("photos")
    assert done.exit_code == 5
    assert "run it again in two minutes" in done.stderr


def test_a_storage_without_files_may_be_a_wrong_one(shop):
    for name in FILES:
        shop.photos.delete(name)
    done = shop.run("photos")
    assert done.exit_code == 0
    assert "its settings are wrong: flask fs settings photos" in done.stderr
    # with a prefix, that is nothing odd
    assert shop.run("photos", "2027/").stderr == ""


def test_a_storage_without_keys(shop):
    shop.app.config["PHOTOS_FS_ENCRYPTION_KEYS"] = None
    fs.init_app(shop.app, shop.photos)
    done = shop.run("photos")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "set PHOTOS_FS_ENCRYPTION_KEYS to a list of keys, such as 'flask fs keygen' prints" in done.stderr


def test_a_key_service_that_does_not_answer_is_worth_another_try(shop):
    def service():
        raise ConnectionError(f"no answer, but {NEW}")

    shop.app.config["PHOTOS_FS_ENCRYPTION_KEYS"] = service
    fs.init_app(shop.app, shop.photos)
    done = shop.run("photos")
    assert (done.exit_code, done.stdout) == (5, "")
    assert "PHOTOS_FS_ENCRYPTION_KEYS" in done.stderr
    assert NEW not in done.stderr


@pytest.mark.parametrize("is_quiet", [False, True])
def test_no_output_has_a_key(shop, is_quiet):
    shop.put("lost.jpg", b"lost", LOST)
    quiet = ["--quiet"] if is_quiet else []
    for options in ([], ["--dry-run"], ["--json"], ["--verbose"]):
        done = shop.run("photos", *options, *quiet)
        assert not any(each in done.output for key in (NEW, OLD, LOST) for each in (key, base64.b64decode(key).hex()))


def test_a_key_is_printed_and_nothing_else():
    # before there is an app that has one
    printed = [
        subprocess.run(
            [sys.executable, "-m", "flask", "--app", "missing", "fs", "keygen"],
            capture_output=True,
            text=True,
            check=True,
            env={key: value for key, value in os.environ.items() if not key.startswith("FLASK_")},
        )
        for _ in range(2)
    ]
    keys = [done.stdout for done in printed]
    assert len({*keys}) == 2
    assert [done.stderr for done in printed] == ["", ""]
    assert [len(base64.b64decode(key.removesuffix("\n"), validate=True)) for key in keys] == [32, 32]


def test_such_a_key_encrypts(app):
    key = app.test_cli_runner().invoke(group, ["keygen"]).stdout.strip()
    app.config.update(FILES_FS_BACKEND="memory", FILES_FS_ENCRYPTION_KEYS=key)
    files = fs.Storage("files", fs.ALL)
    fs.init_app(app, files)
    with app.app_context():
        files.write("a", b"content")
        assert with_keys(files.backend, key).read_file("a") == b"content"
