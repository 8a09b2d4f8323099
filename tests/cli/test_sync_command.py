"""``flask fs sync``: what it says, its exit codes, wrong use."""

import json
import os
from types import SimpleNamespace

import pytest

import flask_pyfs as fs
from flask_pyfs.cli import fs as group

PHOTOS = {"2026/a.jpg": b"the first", "2026/b.jpg": b"the second", "c.jpg": b"the third"}


@pytest.fixture
def shop(app, tmp_path, monkeypatch):
    """An app with two storages and a directory, of which the first has files, and its commands."""
    monkeypatch.chdir(tmp_path)
    photos, archive = fs.Storage("photos", fs.ALL), fs.Storage("archive", fs.ALL)
    fs.init_app(app, photos, archive)
    for name, content in PHOTOS.items():
        photos.write(name, content)

    def run(*arguments):
        return app.test_cli_runner().invoke(group, ["sync", *arguments])

    return SimpleNamespace(app=app, photos=photos, archive=archive, run=run)


def held(storage):
    return {name: storage.read(name) for name in storage.list_files()}


def objects(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_was_done_is_said_in_a_line(shop):
    shop.archive.write("c.jpg", b"another, longer one")
    shop.archive.write("gone.jpg", b"old")
    done = shop.run("photos:", "archive:", "--delete")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("2 copied, 1 replaced, 1 deleted, 0 same, 0 failed; 28 bytes in ")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    assert held(shop.archive) == PHOTOS
    again = shop.run("photos:", "archive:", "--delete")
    assert again.stdout.startswith("0 copied, 0 replaced, 0 deleted, 3 same, 0 failed; 0 bytes in ")
    assert again.exit_code == 0


def test_directories_of_storages_and_of_this_machine(shop, tmp_path):
    assert shop.run("photos:2026", str(tmp_path / "out")).exit_code == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["a.jpg", "b.jpg"]
    assert shop.run(str(tmp_path / "out"), "archive:copies/").exit_code == 0
    assert set(held(shop.archive)) == {"copies/a.jpg", "copies/b.jpg"}


def test_a_dry_run_lists_what_would_be_done(shop):
    shop.archive.write("c.jpg", b"another, longer one")
    shop.archive.write("gone.jpg", b"old")
    before = held(shop.archive)
    done = shop.run("photos:", "archive:", "--delete", "--dry-run")
    assert done.exit_code == 0
    assert sorted(done.stdout.splitlines()[:-1]) == [
        "would copy 2026/a.jpg",
        "would copy 2026/b.jpg",
        "would delete gone.jpg",
        "would replace c.jpg",
    ]
    assert done.stdout.splitlines()[-1].startswith("dry run, nothing was done: 2 copied, 1 replaced, 1 deleted")
    assert held(shop.archive) == before


def test_each_file_is_named_if_asked(shop):
    done = shop.run("photos:", "archive:", "--verbose")
    assert sorted(done.stdout.splitlines())[1:] == sorted(f"copied {name}" for name in PHOTOS)


def test_quiet_prints_the_failures_alone(shop):
    assert shop.run("photos:", "archive:", "--quiet").output == ""


def test_json_has_an_object_for_each_file_and_one_for_all(shop):
    shop.archive.write("c.jpg", PHOTOS["c.jpg"])
    *files, last = objects(shop.run("photos:", "archive:", "--json"))
    assert sorted(file["name"] for file in files) == ["2026/a.jpg", "2026/b.jpg"]
    assert files[0].keys() == {"kind", "name", "size", "dry_run"}
    assert {file["kind"] for file in files} == {"copied"}
    assert last.pop("seconds") >= 0
    counts = {"copied": 2, "replaced": 0, "deleted": 0, "same": 1, "failed": 0}
    assert last == {"kind": "done", **counts, "bytes": 19, "dry_run": False}


def test_each_failure_is_named_and_the_others_are_copied(shop, tmp_path):
    # a file where the source has a directory
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "2026").write_bytes(b"no directory")
    done = shop.run("photos:", "out")
    assert done.exit_code == 1
    assert (tmp_path / "out" / "c.jpg").read_bytes() == PHOTOS["c.jpg"]
    assert "1 copied, 0 replaced, 0 deleted, 0 same, 2 failed" in done.stdout
    failed = sorted(done.stderr.splitlines())
    assert len(failed) == 2
    assert failed[0].startswith("Error: '2026/a.jpg' in storage ")
    assert failed[0].endswith("a part of the path is a file, not a directory")
    deleting = shop.run("photos:", "out", "--delete")
    assert deleting.stderr.endswith("Not deleted, because files failed: 1 file of the target.\n")
    *files, last = objects(shop.run("photos:", "out", "--json"))
    assert last["failed"] == 2
    assert sorted(file["name"] for file in files if file["kind"] == "failed") == ["2026/a.jpg", "2026/b.jpg"]
    assert all(file["error"] for file in files if file["kind"] == "failed")


def test_a_store_that_does_not_answer_is_worth_another_try(shop, unused_port):
    shop.app.config.update(
        ARCHIVE_FS_BACKEND="s3",
        ARCHIVE_FS_BUCKET="archive",
        ARCHIVE_FS_ENDPOINT=f"http://127.0.0.1:{unused_port}",
        ARCHIVE_FS_REGION="us-east-1",
        ARCHIVE_FS_ACCESS_KEY="access",
        ARCHIVE_FS_SECRET_KEY="secret",
    )
    fs.init_app(shop.app, shop.photos, shop.archive)
    done = shop.run("photos:", "archive:")
    assert done.exit_code == 5
    assert "archive" in done.stderr


def test_the_chosen_files(shop):
    assert shop.run("photos:", "archive:", "--include", "/2026/", "--exclude", "b.*").exit_code == 0
    assert set(held(shop.archive)) == {"2026/a.jpg"}


def test_the_shards_are_the_whole(shop):
    counts = [objects(shop.run("photos:", "archive:", "--json", "--shard", f"{part}/3"))[-1] for part in (1, 2, 3)]
    assert sum(each["copied"] for each in counts) == len(PHOTOS)
    assert [each["same"] for each in counts] == [0, 0, 0]
    assert held(shop.archive) == PHOTOS


def test_checksums_find_what_sizes_do_not(shop):
    shop.archive.write("c.jpg", b"THE THIRD")
    shop.run("photos:", "archive:")
    assert shop.archive.read("c.jpg") == b"THE THIRD"
    assert shop.run("photos:", "archive:", "--checksum").stdout.startswith("0 copied, 1 replaced, 0 deleted, 2 same")
    assert held(shop.archive) == PHOTOS


def test_nothing_is_deleted_for_an_empty_source(shop):
    for name in PHOTOS:
        shop.photos.delete(name)
    shop.archive.write("a.jpg", b"the last copy")
    done = shop.run("photos:", "archive:", "--delete")
    assert done.exit_code == 1
    assert "--delete-all" in done.stderr
    assert held(shop.archive) == {"a.jpg": b"the last copy"}
    assert shop.run("photos:", "archive:", "--delete", "--delete-all").exit_code == 0
    assert held(shop.archive) == {}


WRONG = {
    ("photos:", "archive:", "--shard", "0/4"): "1/4 to 4/4",
    ("photos:", "archive:", "--shard", "5/4"): "1/4 to 4/4",
    ("photos:", "archive:", "--shard", "x"): "1/4 to 4/4",
    ("photos:", "archive:", "--shard", "1/"): "1/4 to 4/4",
    ("photos:", "archive:", "--shard", "-1/4"): "1/4 to 4/4",
    ("photos:", "archive:", "--shard", "1.5/4"): "1/4 to 4/4",
    ("photos:", "archive:", "--jobs", "0"): "--jobs",
    ("photos:", "archive:", "--jobs", "-1"): "--jobs",
    ("photos:", "archive:", "--delete-all"): "--delete-all needs --delete",
    ("photos:", "photos:"): "'photos:' and 'photos:' are the same",
    ("photos:2026", "photos:2026/"): "are the same",
    (".", "./"): "are the same",
    ("photos:", "-"): "'-'",
    ("-", "photos:"): "'-'",
    ("photos", "archive:"): "write photos: for the storage, or ./photos for the path",
    ("photos:", "archive"): "write archive: for the storage, or ./archive for the path",
    ("photos:",): "Missing argument 'B'",
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.items(), ids=lambda value: " ".join(value))
def test_wrong_use(shop, tmp_path, arguments, said):
    before = sorted(os.listdir(tmp_path))
    done = shop.run(*arguments)
    assert done.exit_code == 2
    # click wraps its boxes
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.output
    assert sorted(os.listdir(tmp_path)) == before
    assert held(shop.archive) == {}


def test_an_unknown_storage(shop):
    done = shop.run("photos:", "archives:")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "archive" in done.stderr


@pytest.mark.parametrize("sides", [("photos:", "photos:backup"), (".", "below")], ids=lambda sides: sides[1])
def test_no_side_is_copied_into_itself(shop, tmp_path, sides):
    before = sorted(os.listdir(tmp_path))
    done = shop.run(*sides)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "would copy itself" in done.stderr
    assert sorted(os.listdir(tmp_path)) == before
    assert held(shop.photos) == PHOTOS


def test_no_such_directory(shop, tmp_path):
    done = shop.run("gone", "archive:")
    assert (done.exit_code, done.stdout) == (4, "")
    assert f"there is no directory '{tmp_path}/gone'" in done.stderr
    assert not (tmp_path / "gone").exists()


def test_names_cannot_control_the_terminal(shop, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a\x1b[2J.jpg").write_bytes(b"x")
    done = shop.run("--verbose", "in", "archive:")
    assert "\x1b" not in done.output
    assert "a\\x1b[2J.jpg" in done.output
