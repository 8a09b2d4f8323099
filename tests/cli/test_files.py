"""Listing, showing and removing files."""

import io
import json
import subprocess
from contextlib import ExitStack

import pytest
import requests
from places import make_place

import flask_pyfs as fs
from flask_pyfs.cli import fs as group
from flask_pyfs.signals import file_deleted


@pytest.fixture(params=["memory", "local", pytest.param("s3-moto", marks=pytest.mark.server)])
def kind(request):
    return request.param


@pytest.fixture
def photos(app, configure_storage, request, kind):
    """A storage, on each of three stores."""
    with ExitStack() as stack:
        yield configure_storage("photos", stack.enter_context(make_place(kind, request)))


@pytest.fixture
def notes(app, configure_storage):
    """A storage in memory, for what does not depend on the store."""
    return configure_storage("notes", {"BACKEND": "memory"})


@pytest.fixture
def run(app):
    """A function that runs a command, and returns its exit code and what it printed."""

    def run(*arguments):
        done = app.test_cli_runner().invoke(group, arguments)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout, done.stderr

    return run


def lines(printed):
    code, out, err = printed
    assert (code, err) == (0, "")
    return out.splitlines()


def objects(printed):
    return [json.loads(line) for line in lines(printed)]


def fill(storage, *names):
    for name in names:
        storage.write(name, name)


# ls


def test_ls_shows_a_level(photos, run):
    fill(photos, "a.jpg", "2026/a.jpg", "2026/11/b.jpg")
    assert sorted(lines(run("ls", "photos:"))) == ["2026/", "a.jpg"]
    for directory in ("2026", "2026/", "/2026", "./2026//"):
        assert sorted(lines(run("ls", f"photos:{directory}"))) == ["2026/11/", "2026/a.jpg"]
    assert lines(run("ls", "photos:a.jpg")) == ["a.jpg"]


def test_ls_of_all_below(photos, run):
    fill(photos, "a.jpg", "2026/a.jpg", "2026/11/b.jpg", "2026.txt")
    assert lines(run("ls", "-R", "photos:")) == ["2026.txt", "2026/11/b.jpg", "2026/a.jpg", "a.jpg"]
    assert lines(run("ls", "-R", "photos:2026")) == ["2026/11/b.jpg", "2026/a.jpg"]


def test_ls_of_nothing(photos, run):
    assert lines(run("ls", "photos:")) == []
    fill(photos, "2026/a.jpg")
    for name, what in (("x", "file or directory"), ("2026/a.jpg/", "directory"), ("20", "file or directory")):
        for options in ([], ["-R"], ["--json"]):
            code, out, err = run("ls", *options, f"photos:{name}")
            assert (code, out) == (4, "")
            assert err == f"Error: there is no {what} 'photos:{name}'\n"


def test_ls_with_sizes_and_times(photos, run):
    fill(photos, "a.jpg", "2026/a.jpg")
    [file] = lines(run("ls", "-l", "photos:a.jpg"))
    size, day, time, name = file.split()
    modified = photos.metadata("a.jpg")["modified"]
    assert (size, name) == ("5", "a.jpg")
    assert f"{day} {time}" == f"{modified:%Y-%m-%d %H:%M:%SZ}"
    assert sorted(line.split() for line in lines(run("ls", "-l", "photos:")))[0] == ["-", "-", "2026/"]
    # in columns
    directory, file = lines(run("ls", "-lR", "photos:"))
    assert directory.index("2026/a.jpg") == file.index("a.jpg")


def test_ls_as_json(photos, run):
    fill(photos, "a.jpg", "2026/b c.png")
    for options in ([], ["-R"]):
        found = {each["name"]: each for each in objects(run("ls", "--json", *options, "photos:"))}
        modified = found["a.jpg"].pop("modified")
        facts = {"type": "file", "size": 5, "content_type": "image/jpeg"}
        assert found["a.jpg"] == {"storage": "photos", "name": "a.jpg", **facts}
        assert modified[:19] == photos.metadata("a.jpg")["modified"].isoformat()[:19]
    assert {"storage": "photos", "name": "2026/", "type": "directory"} in objects(run("ls", "--json", "photos:"))


def test_an_empty_directory(app, configure_storage, run, tmp_path):
    configure_storage("photos", {"BACKEND": "local", "ROOT": str(tmp_path / "r")})
    (tmp_path / "r" / "empty").mkdir(parents=True)
    assert lines(run("ls", "photos:empty")) == []
    assert lines(run("du", "photos:empty")) == ["0 bytes in 0 files"]


@pytest.mark.server
def test_a_file_and_a_directory_of_one_name(configure_storage, request, run):
    with make_place("s3-moto", request) as settings:
        photos = configure_storage("photos", settings)
        fill(photos, "a", "a/b")
        assert lines(run("ls", "photos:a")) == ["a"]
        assert lines(run("ls", "photos:a/")) == ["a/b"]
        assert run("rm", "photos:a") == (0, "", "")
        assert list(photos.list_files()) == ["a/b"]
        fill(photos, "a")
        code, _, err = run("rm", "-r", "photos:a/")
        assert (code, err) == (1, "Error: there is a file 'a' too: 'rm -r photos:a' removes both\n")
        assert sorted(photos.list_files()) == ["a", "a/b"]
        assert run("rm", "-r", "photos:a") == (0, "", "")
        assert list(photos.list_files()) == []


@pytest.mark.server
def test_directories_in_other_spellings(configure_storage, request, run):
    with make_place("s3-moto", request) as settings:
        photos = configure_storage("photos", settings)
        for name in ("cafe\u0301/old.jpg", "caf\u00e9/new.jpg", "x//y.jpg"):
            photos.fs.put(name, io.BytesIO(b""))
        assert sorted(lines(run("ls", "photos:caf\u00e9"))) == ["cafe\u0301/old.jpg", "caf\u00e9/new.jpg"]
        assert lines(run("ls", "-R", "photos:x")) == ["x//y.jpg"]


# du


def test_du(photos, run):
    fill(photos, "a.jpg", "2026/a.jpg", "2026/11/b.jpg", "2026.txt")
    assert lines(run("du", "photos:")) == ["36 bytes in 4 files"]
    assert lines(run("du", "photos:2026")) == ["23 bytes in 2 files"]
    assert objects(run("du", "--json", "photos:a.jpg")) == [
        {"storage": "photos", "name": "a.jpg", "size": 5, "files": 1}
    ]
    assert run("du", "photos:x")[0] == 4


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1_048_524, "1023.9 KiB")],
)
def test_sizes_for_people(notes, run, size, shown):
    notes.write("a", b"x" * size)
    assert lines(run("du", "-h", "notes:a")) == [f"{shown} in 1 file"]


def test_a_size_is_never_shown_as_1024(notes, run):
    notes.write("a", b"x" * 1_048_575)
    assert lines(run("du", "-h", "notes:")) == ["1.0 MiB in 1 file"]


# cat


def test_cat(photos, app):
    photos.write("a", b"\0\xff\r\n")
    photos.write("b/c", b"second")
    done = app.test_cli_runner().invoke(group, ["cat", "photos:a", "photos:b/c"])
    assert (done.exit_code, done.stdout_bytes) == (0, b"\0\xff\r\nsecond")


def test_cat_of_a_directory(photos, run):
    fill(photos, "2026/a.jpg")
    for place in ("photos:", "photos:2026", "photos:2026/"):
        assert run("cat", place) == (1, "", f"Error: {place!r} is a directory, not a file\n")


def test_cat_goes_on(photos, app):
    photos.write("b", b"second")
    done = app.test_cli_runner().invoke(group, ["cat", "photos:a", "photos:b", "photos:"])
    assert (done.exit_code, done.stdout) == (1, "second")
    assert done.stderr.splitlines() == [
        "Error: 'a' in storage 'photos': there is no such file",
        "Error: 'photos:' is a directory, not a file",
    ]
    assert app.test_cli_runner().invoke(group, ["cat", "photos:a", "photos:c"]).exit_code == 4


# rm


def test_rm(photos, run):
    fill(photos, "a", "b", "ab")
    assert run("rm", "photos:a", "photos:b") == (0, "", "")
    assert list(photos.list_files()) == ["ab"]
    assert objects(run("rm", "--json", "photos:ab")) == [{"storage": "photos", "name": "ab", "removed": True}]


def test_rm_sends_the_signal_of_a_deletion(notes, run):
    fill(notes, "a", "c/d")
    deleted = []

    def hear(storage, filename):
        deleted.append(filename)

    with file_deleted.connected_to(hear, notes):
        run("rm", "-r", "notes:a", "notes:c")
    assert deleted == ["a", "c"]


def test_rm_of_what_is_missing(photos, run):
    fill(photos, "b", "c/d")
    for options in ([], ["-r"], ["--dry-run"]):
        code, out, err = run("rm", *options, "photos:x")
        assert (code, out, err) == (4, "", "Error: there is no file or directory 'photos:x'\n")
        assert run("rm", "-f", *options, "photos:x") == (0, "", "")
    code, out, err = run("rm", "--json", "photos:x", "photos:b")
    assert (code, err.count("\n")) == (4, 1)
    assert [json.loads(line) for line in out.splitlines()] == [
        {"storage": "photos", "name": "x", "error": err.strip().removeprefix("Error: ")},
        {"storage": "photos", "name": "b", "removed": True},
    ]
    assert list(photos.list_files()) == ["c/d"]


def test_rm_of_directories(photos, run):
    fill(photos, "a/b", "a/c/d", "ab")
    for name in ("a", "a/"):
        for options in ([], ["-f"], ["--dry-run"]):
            code, out, err = run("rm", *options, f"photos:{name}")
            assert (code, out) == (1, "")
            assert err == f"Error: 'photos:{name}' is a directory: pass -r to remove all files below it\n"
    assert lines(run("rm", "-r", "--dry-run", "photos:a")) == ["a/b", "a/c/d"]
    assert len(list(photos.list_files())) == 3
    assert run("rm", "-r", "photos:a/") == (0, "", "")
    assert list(photos.list_files()) == ["ab"]


def test_rm_of_a_whole_storage(photos, run):
    fill(photos, "a/b", "a/c/d", "ab", *map(str, range(20)))
    for options in ([], ["-r"], ["--yes"], ["-f"]):
        code, _, err = run("rm", *options, "photos:ab", "photos:")
        assert (code, "pass -r and --yes" in err) == (2, True)
    assert len(lines(run("rm", "-r", "--dry-run", "photos:/"))) == 23
    assert len(list(photos.list_files())) == 23
    assert run("rm", "-r", "--yes", "photos:") == (0, "", "")
    assert list(photos.list_files()) == []
    assert run("rm", "-r", "--yes", "photos:") == (0, "", "")


def test_rm_of_more_than_are_known_at_once(notes, run, monkeypatch):
    monkeypatch.setattr("flask_pyfs.cli.files._MANY", 3)
    fill(notes, *(f"{number}/a" for number in range(10)))
    assert run("rm", "-r", "--yes", "notes:") == (0, "", "")
    assert list(notes.list_files()) == []


def test_what_cannot_be_removed_ends_it(notes, run, monkeypatch):
    fill(notes, "a", "b")
    monkeypatch.setattr(notes.backend, "delete", lambda name: name)
    assert run("rm", "-r", "--yes", "notes:") == (1, "", "Error: storage 'notes' still has 'a', and perhaps more\n")


def test_rm_of_a_file_that_is_replaced_meanwhile(photos, run, monkeypatch):
    fill(photos, "a")
    version, replaced = photos.backend.version, []

    def replace(name):
        found = version(name)
        if not replaced:
            replaced.append(photos.write("a", "new", overwrite=True))
        return found

    monkeypatch.setattr(photos.backend, "version", replace)
    assert run("rm", "photos:a") == (0, "", "")
    assert replaced
    assert not photos.exists("a")


def test_rm_tells_the_app(notes, run):
    fill(notes, "a")
    told = []

    def listen(storage, filename):
        told.append(filename)

    with fs.signals.file_deleted.connected_to(listen):
        assert run("rm", "notes:a")[0] == 0
    assert told == ["a"]


# url


def test_url_is_a_path_without_a_host(notes, run, app):
    code, out, err = run("url", "notes:a b.txt")
    assert (code, out) == (0, "/notes/a%20b.txt\n")
    assert err == "This is a path: set SERVER_NAME to get URLs with a host.\n"
    code, out, err = run("url", "--external", "notes:a.txt")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "SERVER_NAME" in err
    app.config["SERVER_NAME"] = "shop.example"
    assert run("url", "notes:a.txt") == (0, "http://shop.example/notes/a.txt\n", "")
    assert objects(run("url", "--json", "notes:a.txt")) == [
        {"storage": "notes", "name": "a.txt", "url": "http://shop.example/notes/a.txt"}
    ]
    assert lines(run("url", "notes:")) == ["http://shop.example/notes/"]


def test_signed_urls(notes, run, app):
    app.config["SERVER_NAME"] = "shop.example"
    notes.write("a.txt", "content")
    [url] = lines(run("url", "--expires", "1h", "--download", "Résumé.txt", "notes:a.txt"))
    response = app.test_client().get(url)
    assert (response.status_code, response.text) == (200, "content")
    assert "R%C3%A9sum%C3%A9.txt" in response.headers["Content-Disposition"]


@pytest.mark.parametrize("options", [["--expires", "0"], ["--expires", "x"], ["--upload", "--download", "x"]])
def test_wrong_options_of_url(notes, run, options):
    code, out, err = run("url", *options, "notes:a.txt")
    assert (code in (1, 2), out) == (True, "")
    assert "Error: " in err.splitlines()[-1]


def test_url_that_the_app_cannot_sign(notes, run, app):
    app.config["SECRET_KEY"] = None
    code, out, err = run("url", "--expires", "1h", "notes:a.txt")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "SECRET_KEY" in err


def test_what_authorize_says(app, run):
    def authorize(*_):
        raise RuntimeError("Working outside of request context.\n\nThis typically means…")

    app.config.update(FS_BACKEND="memory", FS_AUTHORIZE=authorize, SERVER_NAME="shop.example")
    fs.init_app(app, fs.Storage("notes", fs.ALL))
    code, out, err = run("url", "--expires", "1h", "notes:a.txt")
    assert (code, out, err.count("\n")) == (1, "", 1)


def test_an_upload_to_the_app(notes, run, app):
    app.config["SERVER_NAME"] = "shop.example"
    [shown] = lines(run("url", "--upload", "notes:in/a b.txt"))
    assert shown.startswith("curl --fail -F 'file=@\"a b.txt\"' 'http://shop.example/notes/in/a%20b.txt?")
    [request] = objects(run("url", "--upload", "--json", "notes:in/a b.txt"))
    assert (request["name"], request["method"], request["fields"]) == ("in/a b.txt", "POST", {})
    assert run("url", "--upload", "notes:")[0] == 1


@pytest.mark.server
def test_an_upload_to_the_store(configure_storage, request, run, tmp_path):
    with make_place("s3-moto", request) as settings:
        photos = configure_storage("photos", settings)
        photos.overwrite = True
        (tmp_path / "a.jpg").write_bytes(b"uploaded")
        [found] = objects(run("url", "--upload", "--json", "photos:2026/a.jpg"))
        [shown] = lines(run("url", "--upload", "photos:2026/a.jpg"))
        assert found["url"].startswith(settings["ENDPOINT"])
        subprocess.run(["bash", "-c", shown], cwd=tmp_path, capture_output=True, check=True)
        assert photos.read("2026/a.jpg") == b"uploaded"
        assert requests.get(lines(run("url", "--expires", "60", "photos:2026/a.jpg"))[0], timeout=60).ok


@pytest.mark.server
def test_an_upload_that_is_to_be_confirmed(app, configure_storage, request, run):
    app.config.update(SERVER_NAME="shop.example", PHOTOS_FS_CONFIRM=True)
    with make_place("s3-moto", request) as settings:
        configure_storage("photos", settings)
        [found] = objects(run("url", "--upload", "--json", "photos:a.jpg"))
        assert found["confirm_url"] == f"http://shop.example/-/confirm/{found['token']}"
        [shown] = lines(run("url", "--upload", "photos:a.jpg"))
        assert " && curl --fail -X POST http://shop.example/-/confirm/" in shown
