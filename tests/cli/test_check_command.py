"""``flask fs check``."""

import json
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from terminals import Terminal

import flask_pyfs as fs
from flask_pyfs.backends.base import BaseBackend
from flask_pyfs.cli import fs as group

OLD = 1_600_000_000


@pytest.fixture
def shop(app, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photos = fs.Storage("photos", fs.ALL)
    fs.init_app(app, photos)
    directory = tmp_path / "out"
    directory.mkdir()
    for name in ("a.txt", "b.txt", "here.txt"):
        (directory / name).write_bytes(name.encode())
        os.utime(directory / name, (OLD, OLD))

    def run(*arguments):
        return app.test_cli_runner().invoke(group, ["check", *arguments])

    with app.app_context():
        photos.write("a.txt", b"a.txt")
        photos.write("b.txt", b"other")
        photos.write("there.txt", b"")
    return SimpleNamespace(run=run, photos=photos, out=directory, app=app)


LINES = "= a.txt\n* b.txt\n+ here.txt\n- there.txt\n"


def test_what_is_printed(shop):
    done = shop.run("./out", "photos:", "--checksum")
    assert (done.exit_code, done.stdout) == (9, LINES)
    assert done.stderr == "1 the same, 1 different, 1 only in ./out, 1 only in photos:, 0 failed\n"


@pytest.mark.parametrize("how", ["--checksum", "--download"])
def test_by_content(shop, how):
    shop.photos.write("b.txt", b"B.txt", overwrite=True)
    assert shop.run("out", "photos:").stdout.startswith("= a.txt\n= b.txt\n")
    assert shop.run("out", "photos:", how).stdout.startswith("= a.txt\n* b.txt\n")


def test_no_differences(shop):
    options = ["--one-way", "--include", "a.*", "--jobs", "2", "--shard", "1/1"]
    done = shop.run("out", "photos:", *options)
    assert (done.exit_code, done.stdout) == (0, "= a.txt\n")


def test_quiet(shop):
    # as cron wants it: nothing if all is well
    done = shop.run("out", "photos:", "--include", "a.*", "--checksum", "--quiet")
    assert (done.exit_code, done.output) == (0, "")
    done = shop.run("out", "photos:", "--checksum", "-q")
    assert (done.exit_code, done.stdout) == (9, LINES.replace("= a.txt\n", ""))
    assert done.stderr.startswith("1 the same, 1 different")


def test_a_combined_file(shop, tmp_path):
    done = shop.run("out", "photos:", "--checksum", "--combined", "found.txt")
    assert done.stdout == (tmp_path / "found.txt").read_text() == LINES


def test_a_name_cannot_forge_a_line(shop, tmp_path):
    (shop.out / "x\n= forged").write_bytes(b"")
    (shop.out / "\x1b[2J\udcff").write_bytes(b"")
    done = shop.run("out", "photos:", "--combined", "found.txt")
    text = (tmp_path / "found.txt").read_text()
    assert done.stdout == text
    assert "! x\\n= forged\n" in text
    assert "\\x1b[2J\\udcff\n" in text
    assert done.exit_code == 1
    for line in done.stdout.splitlines():
        assert line[0] in "=*+-!"


@pytest.mark.parametrize("file", ["missing/found.txt", "out"])
def test_a_combined_file_that_cannot_be_written(shop, file):
    done = shop.run("out", "photos:", "--combined", file)
    assert done.exit_code in (1, 2)
    assert done.stdout == ""
    assert file.partition("/")[0] in done.stderr


def test_json(shop):
    (shop.out / "bell\x07").write_bytes(b"12")
    found = [json.loads(line) for line in shop.run("out", "photos:", "--checksum", "--json").stdout.splitlines()]
    assert [(each["kind"], each["name"], each["size"]) for each in found] == [
        ("same", "a.txt", 5),
        ("differs", "b.txt", 5),
        ("failed", "bell\x07", 2),
        ("only_source", "here.txt", 8),
        ("only_target", "there.txt", 0),
    ]
    assert [sorted(each) for each in found if "error" in each] == [["error", "kind", "name", "size"]]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere", "photos:"], 4, "nowhere"),
        (["photos:nowhere", "out"], 4, "nowhere"),
        (["out", "photos:nowhere"], 9, "3 only in out"),
        (["films:", "photos:"], 3, "films"),
        (["out"], 2, "B"),
        (["-", "photos:"], 2, "'-'"),
        (["out", "photos:", "--shard", "3/2"], 2, "3/2"),
        (["out", "photos:", "--jobs", "0"], 2, "--jobs"),
        (["out", "photos:", "--include", "!"], 1, "'!' is no pattern"),
        (["photos:../x", "out"], 2, "'..'"),
    ],
)
def test_exit_codes(shop, tmp_path, arguments, code, said):
    done = shop.run(*arguments)
    assert done.exit_code == code, done.output
    assert said in done.stderr
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(("error", "code"), [(fs.BackendError, 5), (fs.PermissionDenied, 1)])
def test_a_listing_that_fails(shop, monkeypatch, error, code):
    def fail(*arguments):
        yield from ()
        raise error("the store said no")

    monkeypatch.setattr(BaseBackend, "entries", fail)
    done = shop.run("out", "photos:")
    assert (done.exit_code, done.stdout) == (code, "")
    assert "the store said no" in done.stderr


@pytest.mark.parametrize(("error", "code"), [(fs.BackendError, 5), (fs.PermissionDenied, 1)])
def test_files_that_cannot_be_read(shop, monkeypatch, error, code):
    def fail(*arguments, **options):
        raise error("the store said no")

    monkeypatch.setattr(BaseBackend, "read_chunks", fail)
    monkeypatch.setattr("flask_pyfs.transfer.patience._FIRST", 0.001)
    done = shop.run("out", "photos:", "--download")
    assert done.exit_code == code
    assert done.stdout == LINES.replace("= a", "! a").replace("* b", "! b")
    assert done.stderr.count("the store said no") == 2


def test_an_empty_storage_as_target(shop):
    for name in list(shop.photos.list_files()):
        shop.photos.delete(name)
    done = shop.run("out", "photos:")
    assert (done.exit_code, done.stdout) == (9, "+ a.txt\n+ b.txt\n+ here.txt\n")


def test_an_interrupt(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(b"x")
    (tmp_path / "shop.py").write_text(
        "import time\n"
        "import flask, flask_pyfs as fs\n"
        "from flask_pyfs.backends.base import BaseBackend\n"
        "app = flask.Flask('shop')\n"
        "fs.init_app(app, fs.Storage('photos'))\n"
        "def entries(self, prefix=None):\n"
        "    print('listing', flush=True)\n"
        "    while True: time.sleep(60)\n"
        "    yield\n"
        "BaseBackend.entries = entries\n"
    )
    command = [sys.executable, "-m", "flask", "--app", "shop", "fs", "check", "./a", "./b"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout.readline() == "listing\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped, before all files were compared" in said


def test_progress_where_the_lines_go_elsewhere(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(b"x")
    (tmp_path / "shop.py").write_text(
        "import flask, flask_pyfs as fs\napp = flask.Flask('shop')\nfs.init_app(app, fs.Storage('photos'))\n"
    )
    command = [sys.executable, "-m", "flask", "--app", "shop", "fs", "check", "./a", "./b"]
    with open(tmp_path / "found.txt", "w", encoding="utf-8") as lines:
        shown = Terminal(command, output=lines, cwd=tmp_path).end(9)
    assert "comparing: " in shown
    assert (tmp_path / "found.txt").read_text() == "+ file\n"
    # else they show it themselves
    shown = Terminal(command, cwd=tmp_path).end(9)
    assert shown.startswith("+ file\r\n")
    assert "comparing: " not in shown
