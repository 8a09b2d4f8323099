"""``flask fs migrate``: what it says, its exit codes, wrong use."""

import io
import json
import os
import time
from types import SimpleNamespace

import pytest
from flask import Flask

import flask_pyfs as fs
from flask_pyfs.cli import fs as group

PHOTOS = {"2026/a.jpg": b"the first", "2026/b.jpg": b"the second", "c.jpg": b"the third"}


@pytest.fixture
def shop(app, tmp_path, monkeypatch, hasty):
    """An app with a storage whose files move from one directory to another, and its commands."""
    monkeypatch.chdir(tmp_path)
    photos = fs.Storage("photos", fs.ALL)
    app.config.update(
        PHOTOS_FS_BACKEND="migrating",
        PHOTOS_FS_SOURCE="local",
        PHOTOS_FS_SOURCE_ROOT=str(tmp_path / "old"),
        PHOTOS_FS_TARGET="local",
        PHOTOS_FS_TARGET_ROOT=str(tmp_path / "new"),
    )
    for name, content in PHOTOS.items():
        (tmp_path / "old" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "old" / name).write_bytes(content)

    def configure(**settings):
        app.config.update({f"PHOTOS_FS_{key}": value for key, value in settings.items()})
        fs.init_app(app, photos)

    def run(*arguments):
        return app.test_cli_runner().invoke(group, ["migrate", *arguments])

    configure()
    return SimpleNamespace(
        app=app, photos=photos, run=run, configure=configure, old=tmp_path / "old", new=tmp_path / "new"
    )


def objects(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def held(directory):
    files = [path for path in directory.rglob("*") if path.is_file() and ".flask_pyfs" not in str(path)]
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_what_was_done_is_said_in_a_line_and_what_comes_next(shop):
    done = shop.run("photos")
    assert (done.exit_code, done.stderr) == (
        0,
        "Complete: the target (local) has all files. To use it alone: flask fs migrate photos --finish\n",
    )
    assert done.stdout.startswith(
        "3 copied, 0 replaced, 0 deleted, 0 same, 0 written by the app, 0 failed; 28 bytes in "
    )
    assert done.stdout.count("\n") == 1
    assert held(shop.new) == PHOTOS
    again = shop.run("photos:")
    assert again.stdout.startswith("0 copied, 0 replaced, 0 deleted")
    assert again.exit_code == 0


def test_each_file_is_named_if_asked(shop):
    done = shop.run("photos", "--verbose")
    assert sorted(done.stdout.splitlines())[1:] == sorted(f"copied {name}" for name in PHOTOS)


def test_quiet_prints_the_failures_alone(shop):
    assert shop.run("photos", "--quiet").output == ""
    assert held(shop.new) == PHOTOS


def test_json_has_an_object_for_each_file_and_one_for_all(shop):
    *files, last = objects(shop.run("photos", "--json"))
    assert sorted(file["name"] for file in files) == sorted(PHOTOS)
    assert files[0].keys() == {"kind", "name", "size"}
    assert {file["kind"] for file in files} == {"copied"}
    assert last.pop("seconds") >= 0
    counts = {"copied": 3, "replaced": 0, "deleted": 0, "same": 0, "own": 0, "failed": 0}
    assert last == {"kind": "done", **counts, "missing": 0, "finished": False, "bytes": 28}


def test_the_parts_are_the_whole(shop):
    counts = [objects(shop.run("photos", "--json", "--shard", f"{part}/3"))[-1] for part in (1, 2, 3)]
    assert sum(each["copied"] for each in counts) == len(PHOTOS)
    assert held(shop.new) == PHOTOS
    assert shop.run("photos", "--shard", "2/3").stderr == "Complete: the target (local) has all files of part 2/3.\n"


def test_verify_names_what_is_missing_and_changes_nothing(shop):
    done = shop.run("photos", "--verify")
    assert done.exit_code == 9
    *named, last = done.stdout.splitlines()
    # several are looked at at a time
    assert sorted(named) == [f"not copied {name}" for name in sorted(PHOTOS)]
    assert last.startswith("0 same, 0 written by the app, 3 not copied, 0 different, 0 failed in ")
    assert done.stderr == "Not complete: 3 files missing, 0 failed. Run: flask fs migrate photos\n"
    assert held(shop.new) == {}
    *files, last = objects(shop.run("photos", "--verify", "--json"))
    assert {(file["kind"], file["name"]) for file in files} == {("only_source", name) for name in PHOTOS}
    assert (last["only_source"], last["missing"], last["finished"]) == (3, 3, False)


def test_checksums_find_what_sizes_do_not(shop):
    shop.run("photos")
    with shop.app.app_context():
        # spoilt, but still said to be a copy
        entries = shop.photos.backend.store.entries_of_target
        there = entries.look("c.jpg")
        entries.write("c.jpg", io.BytesIO(b"THE THIRD"), there.version, mirrors=there.mirrors)
    assert shop.run("photos", "--verify").exit_code == 0
    done = shop.run("photos", "--verify", "--checksum", "--json")
    assert [(each["kind"], each.get("name")) for each in objects(done)] == [("differs", "c.jpg"), ("done", None)]
    assert done.exit_code == 9
    # without it, what another program writes there counts as written by the app
    (shop.new / "c.jpg").write_bytes(b"by another")
    assert objects(shop.run("photos", "--verify", "--json"))[-1]["own"] == 1


@pytest.mark.parametrize("task", ["--verify", "--finish"])
def test_quiet_names_what_stops_the_end(shop, task):
    done = shop.run("photos", task, "--quiet")
    assert (done.exit_code, done.stdout) == (9, "")
    *named, last = done.stderr.splitlines()
    assert sorted(named) == [f"not copied {name}" for name in sorted(PHOTOS)]
    assert last == "Not complete: 3 files missing, 0 failed. Run: flask fs migrate photos"


def test_a_source_without_files_is_said_at_the_end(shop):
    shop.configure(SOURCE_ROOT=str(shop.old.with_name("odl")))
    refused = shop.run("photos", "--finish")
    assert refused.exit_code == 1
    assert "nothing was ever copied from it" in refused.stderr
    shop.run("photos")
    for said in (1, 0):
        done = shop.run("photos", "--finish")
        assert done.exit_code == 0
        assert ("The source had no file." in done.stderr) == said


@pytest.mark.parametrize("settings", [{"BACKEND": "local"}, {"WRITES": "both"}])
def test_settings_are_named_as_they_are_set(tmp_path, monkeypatch, settings):
    monkeypatch.chdir(tmp_path)
    app, storage = Flask("shop"), fs.Storage("my-photos", fs.ALL)
    sides = {"SOURCE": "local", "SOURCE_ROOT": "old", "TARGET": "local", "TARGET_ROOT": "new"}
    if "BACKEND" in settings:
        sides = {"ROOT": "old"}
    app.config.update({f"MY_PHOTOS_FS_{k}": v for k, v in ({"BACKEND": "migrating"} | sides | settings).items()})
    fs.init_app(app, storage)
    done = app.test_cli_runner().invoke(group, ["migrate", "my-photos", "--finish"])
    assert done.exit_code == 1
    assert "MY_PHOTOS_FS_" in done.stderr
    assert "MY-PHOTOS_FS_" not in done.stderr


def test_finish_refuses_while_something_is_missing(shop):
    done = shop.run("photos", "--finish")
    assert done.exit_code == 9
    assert done.stderr == "Not complete: 3 files missing, 0 failed. Run: flask fs migrate photos\n"
    assert objects(shop.run("photos", "--status", "--json"))[0]["phase"] == "new"


def test_finish_and_what_comes_after(shop):
    shop.run("photos")
    with shop.app.app_context():
        shop.photos.delete("c.jpg")
        shop.photos.write("d.jpg", b"a new one")
    done = shop.run("photos", "--finish")
    said = "Finished: photos uses the target (local) alone. Deploy PHOTOS_FS_BACKEND = 'local' and its settings.\n"
    assert (done.exit_code, done.stderr) == (0, said)
    left = {name: PHOTOS[name] for name in ("2026/a.jpg", "2026/b.jpg")} | {"d.jpg": b"a new one"}
    assert held(shop.new) == left
    # the other store may be gone
    shop.old.rename(shop.old.with_name("gone"))
    for arguments in ([], ["--finish"], ["--verify"]):
        assert shop.run("photos", *arguments).stderr == said
    # nothing is counted
    for task in ("--finish", "--verify"):
        assert shop.run("photos", task).stdout == ""
        assert objects(shop.run("photos", task, "--json"))[0].keys() == {
            "kind",
            "missing",
            "finished",
            "bytes",
            "seconds",
        }
    said = "photos: from the source (local) to the target (local), finished, 0 copiers\n"
    assert shop.run("photos", "--status").stdout == said
    [found] = objects(shop.run("photos", "--status", "--json"))
    assert {found[key] for key in ("to_do", "done", "differing", "deleted", "bytes")} == {None}
    shop.old.with_name("gone").rename(shop.old)
    shop.configure(DIRECTION="back")
    assert (
        "from the target (local) to the source (local), not started, 0 copiers" in shop.run("photos", "--status").stdout
    )
    done = shop.run("photos", "--finish")
    assert done.exit_code == 1
    assert "the migration forward is finished: flask fs migrate turns it back" in done.stderr


@pytest.mark.parametrize("quiet", ["--verbose", "--quiet"])
def test_back_after_the_end(shop, monkeypatch, quiet):
    for name in ("MAX_AGE", "SLACK"):
        monkeypatch.setattr(f"flask_pyfs.filesystems.migrating.journal.{name}", 0.05)
    shop.run("photos")
    with shop.app.app_context():
        shop.photos.write("d.jpg", b"a new one")
    assert shop.run("photos", "--finish").exit_code == 0
    with shop.app.app_context():
        shop.photos.delete("c.jpg")
    shop.configure(DIRECTION="back")
    done = shop.run("photos", quiet)
    assert done.exit_code == 0
    # also with --quiet: it deletes
    assert done.stderr.startswith("Note: source: it loses all files that the target does not have, before")
    assert ("deleted c.jpg" in done.stdout) == (quiet != "--quiet")
    left = {name: PHOTOS[name] for name in ("2026/a.jpg", "2026/b.jpg")} | {"d.jpg": b"a new one"}
    assert (held(shop.old), held(shop.new)) == (left, {})
    shop.configure(DIRECTION="forward")
    for arguments in ([], ["--finish"], ["--status"]):
        done = shop.run("photos", *arguments)
        assert done.exit_code == 1
        assert "the migration was turned back, and is not finished: set DIRECTION to 'back'" in done.stderr


def test_the_status(shop):
    with shop.app.app_context():
        shop.photos.delete("c.jpg")
    assert shop.run("photos", "--status").stdout.splitlines() == [
        "photos: from the source (local) to the target (local), not started, 0 copiers",
        "to do      2 files, 19 bytes",
        "done       0 files",
        "differing  0 files",
        "deleted    1 names",
    ]
    shop.run("photos")
    [found] = objects(shop.run("photos", "--status", "--json"))
    assert found == {
        "storage": "photos",
        "direction": "forward",
        "phase": "copying",
        "copiers": 0,
        "to_do": 0,
        "done": 2,
        "differing": 0,
        "deleted": 1,
        "bytes": 0,
        "rate": None,
        "seconds_left": None,
    }


def test_back(shop):
    shop.run("photos")
    with shop.app.app_context():
        shop.photos.write("d.jpg", b"a new one")
    shop.configure(DIRECTION="back")
    done = shop.run("photos", "--verify")
    assert done.exit_code == 9
    assert "4 not moved back, 0 different" in done.stdout
    done = shop.run("photos")
    assert (done.exit_code, done.stderr) == (
        0,
        "Complete: the source (local) has all files. To use it alone: flask fs migrate photos --finish\n",
    )
    assert done.stdout.startswith("1 copied, 0 replaced, 0 deleted, 3 same")
    assert held(shop.new) == {}
    assert held(shop.old) == PHOTOS | {"d.jpg": b"a new one"}


def test_a_source_without_files_is_said(shop):
    shop.configure(SOURCE_ROOT=str(shop.old.with_name("odl")))
    with shop.app.app_context():
        shop.photos.write("d.jpg", b"a new one")
    said = "The source has no file. If it should have, its settings are wrong: flask fs settings photos\n"
    begun = shop.run("photos")
    assert begun.stderr.startswith("Note: target: it has files before the migration begins, such as 'd.jpg': ")
    assert (begun.exit_code, begun.stderr.partition("\n")[2]) == (0, said)
    for arguments in ([], ["--verify"]):
        done = shop.run("photos", *arguments)
        assert (done.exit_code, done.stderr) == (0, said)
    # of a part that is no wonder
    assert shop.run("photos", "--shard", "1/2").stderr == "Complete: the target (local) has all files of part 1/2.\n"
    # nor that nothing is left to go back
    shop.configure(DIRECTION="back")
    shop.run("photos")
    assert shop.run("photos").stderr.startswith("Complete: the source (local) has all files.")


def test_files_that_were_copied_long_after_they_were_written_are_the_source_s(shop):
    # what is the same by the listings alone is told of in no event
    for name in PHOTOS:
        os.utime(shop.old / name, (time.time() - 2 * 86400,) * 2)
    for arguments in ([], [], ["--verify"]):
        done = shop.run("photos", *arguments)
        assert done.exit_code == 0
        assert done.stderr.startswith("Complete: the target (local) has all files.")


def test_a_source_that_vanished(shop):
    (shop.old / "c.jpg").rename(shop.old.parent / "c.jpg")
    assert shop.run("photos").exit_code == 0
    shop.old.rename(shop.old.parent / "unmounted")
    shop.old.mkdir()
    for arguments in ([], ["--verify"], ["--finish"]):
        done = shop.run("photos", *arguments)
        assert done.exit_code == 1
        assert "the source has no file, and not the name either" in done.stderr
        assert "is the right SOURCE set" in done.stderr
    # the app may delete all, or have none
    shop.old.rmdir()
    (shop.old.parent / "unmounted").rename(shop.old)
    with shop.app.app_context():
        for name in shop.photos.list_files():
            shop.photos.delete(name)
        assert shop.run("photos", "--verify").exit_code == 0
        shop.photos.write("d.jpg", b"a new one")
    for arguments in ([], ["--finish"], ["--finish"]):
        assert shop.run("photos", *arguments).exit_code == 0


def test_while_each_write_goes_to_both(shop):
    shop.configure(WRITES="both")
    said = (
        "Complete: the target (local) has all files. If no old process ran meanwhile, deploy PHOTOS_FS_WRITES = "
        "'target'.\n"
    )
    assert (shop.run("photos").stderr, shop.run("photos", "--verify").stderr) == (said, said)
    done = shop.run("photos", "--finish")
    assert done.exit_code == 1
    assert "PHOTOS_FS_WRITES" in done.stderr


def test_each_failure_is_named_and_the_others_are_copied(shop):
    # a file where the source has a directory
    shop.new.mkdir()
    (shop.new / "2026").write_bytes(b"no directory")
    done = shop.run("photos")
    assert done.exit_code == 1
    assert (shop.new / "c.jpg").read_bytes() == PHOTOS["c.jpg"]
    assert "1 copied, 0 replaced, 0 deleted, 0 same, 0 written by the app, 2 failed" in done.stdout
    note, *failed, last = done.stderr.splitlines()
    assert note.startswith("Note: target: it has files before the migration begins, such as '2026': ")
    assert [line.partition(" in storage ")[0] for line in sorted(failed)] == [
        "Error: '2026/a.jpg'",
        "Error: '2026/b.jpg'",
    ]
    assert last == "Not complete: 2 files missing, 2 failed. Run the same command again."
    *files, last = objects(shop.run("photos", "--json"))
    assert last["failed"] == 2
    assert sorted(file["name"] for file in files if file["kind"] == "failed") == ["2026/a.jpg", "2026/b.jpg"]
    assert all(file["error"] for file in files if file["kind"] == "failed")
    assert shop.run("photos", "--finish").exit_code == 9


def test_a_store_that_does_not_answer_is_worth_another_try(shop, unused_port):
    shop.configure(
        TARGET="s3",
        TARGET_BUCKET="new",
        TARGET_ENDPOINT=f"http://127.0.0.1:{unused_port}",
        TARGET_REGION="us-east-1",
        TARGET_ACCESS_KEY="access",
        TARGET_SECRET_KEY="secret",
        TARGET_ROOT=None,
    )
    for arguments in ([], ["--verify"], ["--finish"], ["--status"]):
        done = shop.run("photos", *arguments)
        assert done.exit_code == 5
        assert "photos" in done.stderr


def test_what_the_stores_do_not_decide_is_said_first(shop, monkeypatch):
    monkeypatch.setattr("flask_pyfs.migration.windows", lambda storage: ["target: two writes may both succeed"])
    assert shop.run("photos").stderr.startswith("Note: target: two writes may both succeed\n")
    assert "Note" not in shop.run("photos", "--quiet").stderr
    assert "Note" not in shop.run("photos", "--verify").stderr


def test_a_storage_that_has_one_store(shop):
    # the other settings may stay
    shop.configure(BACKEND="local", ROOT=str(shop.old))
    for arguments in ([], ["--verify"], ["--finish"], ["--status"]):
        done = shop.run("photos", *arguments)
        assert done.exit_code == 1
        assert "set PHOTOS_FS_BACKEND to 'migrating', PHOTOS_FS_SOURCE" in done.stderr
    assert shop.run("albums").exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--verify", "--finish"], "--verify and --finish: one at a time"),
        (["--status", "--finish"], "--status and --finish: one at a time"),
        (["--finish", "--shard", "1/2"], "--shard has no meaning with --finish"),
        (["--status", "--checksum"], "--checksum has no meaning with --status"),
        (["--verify", "--verbose"], "--verbose has no meaning with --verify"),
        (["--shard", "3/2"], "'3/2' is no part"),
        (["--jobs", "0"], "0 is not in the range"),
    ],
)
def test_wrong_use(shop, arguments, said):
    done = shop.run("photos", *arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert held(shop.new) == {}
