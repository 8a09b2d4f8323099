"""The command ``flask fs doctor``."""

import json
import os
import subprocess
import sys

import pytest

import flask_pyfs as fs
from flask_pyfs.cli import fs as group

KEY = "a long and random text of an app"


@pytest.fixture
def run(app):
    """Run the command on an app with two storages, and return its result."""

    def run(*arguments, **settings):
        app.config.update({"FS_BACKEND": "memory", "SECRET_KEY": KEY, **settings})
        # the memory has no directory, and the doctor would say so
        del app.config["FS_ROOT"]
        fs.init_app(app, fs.Storage("files"), fs.Storage("photos"))
        app.testing = True
        return app.test_cli_runner().invoke(group, ["doctor", *arguments])

    return run


def test_all_storages(run):
    result = run()
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert "ok       settings: each setting reaches something" in lines
    assert "ok       files: write: the store takes a file" in lines
    assert "ok       photos: delete: the store deletes a file" in lines
    assert result.stderr == "0 errors, 0 warnings\n"


def test_one_storage(run):
    result = run("photos")
    assert result.exit_code == 0
    assert {line.split()[1] for line in result.stdout.splitlines()} == {"photos:"}


def test_a_storage_that_is_not_there(run):
    result = run("photso")
    assert result.exit_code == 3
    assert "it has: files, photos" in result.stderr


def test_json(run):
    result = run("--json")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(set(each) == {"storage", "check", "level", "message", "again"} for each in found)
    assert {each["storage"] for each in found} == {None, "files", "photos"}
    assert result.stderr == "0 errors, 0 warnings\n"


def test_warnings_fail_only_if_they_must(run, app):
    assert run(SECRET_KEY="dev").exit_code == 0
    strict = app.test_cli_runner().invoke(group, ["doctor", "--strict"])
    assert strict.exit_code == 1
    assert strict.stderr == "0 errors, 1 warning\n"


def test_an_error_fails(run, tmp_path, app):
    app.static_folder = str(tmp_path)
    settings = {"FILES_FS_BACKEND": "local", "FILES_FS_ROOT": str(tmp_path / "files"), "FILES_FS_PRIVATE": True}
    result = run(**settings)
    assert result.exit_code == 1
    assert any(line.startswith("error    files: root: ") for line in result.stdout.splitlines())


def test_what_is_worth_trying_again(run, unused_port):
    settings = {"BACKEND": "s3", "ENDPOINT": f"http://127.0.0.1:{unused_port}", "ACCESS_KEY": "a", "SECRET_KEY": "b"}
    given = {f"FILES_FS_{key}": value for key, value in {**settings, "RETRIES": 0, "REGION": "us-east-1"}.items()}
    assert run(**given).exit_code == 5


def test_both_kinds_of_errors_are_a_failure(run, tmp_path, app, unused_port):
    app.static_folder = str(tmp_path)
    settings = {"BACKEND": "s3", "ENDPOINT": f"http://127.0.0.1:{unused_port}", "ACCESS_KEY": "a", "SECRET_KEY": "b"}
    given = {f"FILES_FS_{key}": value for key, value in {**settings, "RETRIES": 0, "REGION": "us-east-1"}.items()}
    local = {"BACKEND": "local", "ROOT": str(tmp_path / "photos"), "PRIVATE": True}
    assert run(**given, **{f"PHOTOS_FS_{key}": value for key, value in local.items()}).exit_code == 1


def test_the_origin_of_pages(run, tmp_path):
    result = run("files", "--json", "--origin", "http://127.0.0.1:1", FS_URL="/media")
    (found,) = [each for each in map(json.loads, result.stdout.splitlines()) if each["check"] == "reserved"]
    assert found["level"] == "skipped"
    assert "127.0.0.1:1 does not answer" in found["message"]


def test_what_is_no_origin(run):
    result = run("--origin", "shop.example")
    assert result.exit_code == 2
    assert "https://shop.example" in result.stderr


APP = """
import secrets
from flask import Flask
import flask_pyfs as fs

def create_app():
    app = Flask(__name__)
    app.config.update(FS_BACKEND="memory", FS_SERVE=True, SECRET_KEY=secrets.token_hex())
    fs.init_app(app, fs.Storage("files"))
    return app
"""


def test_a_secret_key_of_each_start(tmp_path):
    (tmp_path / "shop.py").write_text(APP)
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "shop:create_app()", "fs", "doctor", "--json"],
        cwd=tmp_path,
        env={**os.environ, "FLASK_DEBUG": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    (found,) = [each for each in map(json.loads, done.stdout.splitlines()) if each["check"] == "restart"]
    assert found["level"] == "error"


WITHOUT_DRIVER = """
import sys
sys.modules["{driver}"] = None
from flask import Flask
import flask_pyfs as fs

app = Flask(__name__)
app.config.update(FS_BACKEND="{backend}", **{settings})
fs.init_app(app, fs.Storage("files"))
"""


@pytest.mark.parametrize(
    ("driver", "backend", "settings"),
    [
        ("boto3", "s3", {"FS_ACCESS_KEY": "a", "FS_SECRET_KEY": "b"}),
        ("pymongo", "gridfs", {"FS_MONGO_URL": "mongodb://db", "FS_MONGO_DB": "db"}),
        ("swiftclient", "swift", {"FS_AUTHURL": "http://sw/auth/v1.0", "FS_USER": "u", "FS_KEY": "k"}),
    ],
)
def test_a_driver_that_is_missing(driver, backend, settings, tmp_path):
    (tmp_path / "shop.py").write_text(WITHOUT_DRIVER.format(driver=driver, backend=backend, settings=settings))
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "shop", "fs", "doctor"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: storage 'files': the backend ")
    assert line.endswith(f"pip install 'flask_pyfs[{backend}]'")


def test_several_storages(run):
    result = run("photos", "files:", "photos")
    assert result.exit_code == 0
    checked = dict.fromkeys(line.split()[1] for line in result.stdout.splitlines())
    assert list(checked) == ["photos:", "files:"]
