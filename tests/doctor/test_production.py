"""What the doctor says of settings that will bite in production. None of these checks makes a request."""

import sys
import zipfile
from pathlib import Path

import pytest
from robust import on_small_disk, run_script

import flask_pyfs as fs
from flask_pyfs.doctor import examine

CHILD = Path(__file__).with_name("child_full_disk.py")


def warned(found, check, *said, level="warning"):
    assert found[check].level == level, found[check]
    for part in said:
        assert part in found[check].message, found[check].message


# The app


def test_a_misspelt_setting(app, configured, findings):
    app.config["FS_ROOOT"] = "/srv/files"
    configured("memory")
    warned(findings(None), "settings", "FS_ROOOT", "FS_ROOT")


def test_settings_without_effect(app, configured, findings):
    app.config["FS_CREATE_STORAGE"] = True
    configured("memory", ETAG_MISMATCH_POLICY="warn")
    warned(findings(None), "settings", "FS_CREATE_STORAGE")
    warned(findings(), "settings", "FILES_FS_ETAG_MISMATCH_POLICY")


def test_settings_that_do_nothing_here(app, configured, findings):
    configured("local", CONFIRM=True, SCAN_FAIL_OPEN=True)
    warned(findings(), "settings", "FILES_FS_CONFIRM has no effect", "signs no uploads")
    configured("local", CONFIRM=False)
    warned(findings(), "settings", "FILES_FS_SCAN_FAIL_OPEN has no effect without FILES_FS_SCAN")
    configured("swift", CONFIRM=True, SCAN_FAIL_OPEN=False, AUTHURL="http://127.0.0.1:9/v1", USER="a", KEY="b")
    warned(findings(), "settings", "FILES_FS_CONFIRM has no effect")
    configured("swift", TEMP_URL_KEY="key")
    assert findings()["settings"].level == "ok"
    of_target = {f"TARGET_{key}": "http://127.0.0.1:9/v1" for key in ("AUTHURL", "USER", "KEY", "TEMP_URL_KEY")}
    configured("migrating", SOURCE="memory", TARGET="swift", **of_target)
    assert "CONFIRM" not in findings()["settings"].message


def test_an_environment_that_is_not_read(app, configured, findings, monkeypatch):
    del app.config["FS_SERVE"]
    configured("memory")
    monkeypatch.setenv("FLASK_FS_SERVE", "1")
    monkeypatch.setenv("FLASK_FILES_FS_ENCRYPTION_KEYS", "a secret")
    names = "FLASK_FILES_FS_ENCRYPTION_KEYS, FLASK_FS_SERVE: "
    warned(findings(None), "environment", names, "from_prefixed_env() before init_app")
    assert "a secret" not in findings(None)["environment"].message
    app.config.update(FS_SERVE=True, FILES_FS_ENCRYPTION_KEYS=None)
    assert "environment" not in findings(None)


def test_debug_mode(app, configured, findings):
    app.debug = True
    del app.config["FS_SERVE"]
    configured("memory")
    warned(findings(None), "debug", "DEBUG", "set FS_SERVE")
    app.config["FS_SERVE"] = False
    assert "FS_SERVE" not in findings(None)["debug"].message
    app.testing = True
    assert findings(None)["debug"].level == "ok"


def test_no_secret_key(app, configured, findings):
    app.secret_key = None
    configured("memory")
    warned(findings(None), "secret-key", "SECRET_KEY")
    warned(findings(), "signed-url", "SECRET_KEY", level="skipped")


@pytest.mark.parametrize("verify", [False, True])
def test_a_store_that_signs_needs_no_secret_key(verify, app, configured, findings):
    app.secret_key = None
    configured("s3-moto", VERIFY=verify)
    assert ("secret-key" in findings(None)) is verify


@pytest.mark.parametrize("key", ["dev", b"secret", "12345678"])
def test_a_secret_key_that_can_be_guessed(key, app, configured, findings):
    app.secret_key = key
    configured("memory")
    warned(findings(None), "secret-key", "SECRET_KEY", "random")


APP = """
import os, secrets
from flask import Flask
import flask_pyfs as fs
print("an app may print, too")
app = Flask(__name__)
app.config.update(FS_BACKEND="memory", SECRET_KEY={key})
fs.init_app(app, fs.Storage("files"))
"""

# as schedulers are
THREADED = (
    APP
    + """
import threading
if __import__("sys").argv[0] == "-c":
    threading.Thread(target=threading.Event().wait).start()
"""
)


@pytest.mark.parametrize(
    ("app_text", "key", "level"),
    [
        (APP, "os.urandom(24)", "error"),
        (APP, "'a key of the app' * 2", "ok"),
        (APP, "1234567890123456", "ok"),
        (THREADED, "'a key of the app' * 2", "ok"),
    ],
)
def test_a_secret_key_of_each_start(app_text, key, level, tmp_path, monkeypatch):
    from flask.cli import ScriptInfo

    (tmp_path / "app_of_test.py").write_text(app_text.format(key=key))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    try:
        app = ScriptInfo("app_of_test").load_app()
        found = {each.check: each for each in examine(app, load="app_of_test") if each.storage is None}
    finally:
        sys.modules.pop("app_of_test", None)
    warned(found, "restart", "SECRET_KEY", level=level)


def test_an_app_that_does_not_load_again(app, configured):
    configured("memory")
    found = {each.check: each for each in examine(app, load="not_there") if each.storage is None}
    warned(found, "restart", "SECRET_KEY", level="skipped")


# A storage


@pytest.mark.parametrize("is_there", [False, True])
def test_files_that_nothing_serves(is_there, app, configured, findings):
    del app.config["FS_SERVE"]
    if is_there:
        app.config["FS_SERVE"] = None
    configured("memory")
    warned(findings(), "served", "FS_SERVE", "FILES_FS_SERVE", "404")


@pytest.mark.parametrize("settings", [{"SERVE": False}, {"SERVE": True}, {"URL": "https://cdn.example/files"}])
def test_files_that_need_no_fs_serve(settings, app, configured, findings):
    del app.config["FS_SERVE"]
    configured("memory", **settings)
    assert findings()["served"].level == "ok"


def test_files_that_views_send(app, configured, findings):
    app.config["FS_SERVE"] = False
    configured("memory")
    assert findings()["served"].level == "ok"


def test_a_private_bucket_needs_no_fs_serve(app, configured, findings):
    del app.config["FS_SERVE"]
    configured("s3-moto", PRIVATE=True)
    assert findings()["served"].level == "ok"


def test_a_private_storage_with_a_url(configured, findings):
    configured("memory", PRIVATE=True, URL="/media")
    warned(findings(), "settings", "PRIVATE", "FILES_FS_URL")


def test_missing_pillow(configured, findings, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    configured("memory", VERIFY=True)
    warned(findings(), "extras", "FILES_FS_VERIFY", "pip install 'flask_pyfs[images]'")
    configured("memory", "other")
    assert findings("other")["extras"].level == "ok"


def test_missing_pillow_of_a_storage_that_needs_it(configured, findings, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    configured("memory", IMAGES_OPTIMIZE=True)
    warned(findings(), "extras", "FILES_FS_IMAGES_OPTIMIZE", level="error")


def test_forms_that_flask_refuses(app, configured, findings):
    app.config["MAX_CONTENT_LENGTH"] = 1_000_000
    configured("memory", MAX_SIZE="20 MB")
    warned(findings(), "max-size", "FILES_FS_MAX_SIZE", "MAX_CONTENT_LENGTH", "1000000")


@pytest.mark.parametrize(("verify", "level"), [(False, "ok"), (True, "warning")])
def test_uploads_that_go_to_the_store(verify, level, app, configured, findings):
    app.config["MAX_CONTENT_LENGTH"] = 1_000_000
    configured("s3-moto", MAX_SIZE="20 MB", VERIFY=verify)
    assert findings()["max-size"].level == level


# A PyFilesystem


@pytest.mark.parametrize("url", ["temp://", "zip://{}/new.zip", "tar://{}/new.tar"])
def test_what_ends_with_the_process(url, tmp_path, app, configured, findings):
    storage = configured("memory", BACKEND="pyfs", OPEN_URL=url.format(tmp_path))
    warned(findings(), "root", "FILES_FS_OPEN_URL")
    with app.app_context():
        storage.fs.close()


def test_an_archive_that_is_only_read(tmp_path, configured, findings):
    with zipfile.ZipFile(tmp_path / "files.zip", "w") as archive:
        archive.writestr("a.txt", "of the app")
    configured("memory", BACKEND="pyfs", OPEN_URL=f"zip://{tmp_path}/files.zip")
    found = findings()
    assert {each.level for each in found.values()} == {"ok", "skipped"}
    assert "FILES_FS_OPEN_URL" in found["write"].message


@pytest.mark.parametrize(
    ("host", "level"),
    [
        ("s3.shop.example", "warning"),
        ("93.184.216.34:9000", "warning"),
        ("[2606:2800:220:1::1]:9000", "warning"),
        ("127.0.0.1:{port}", "ok"),
        ("localhost:{port}", "ok"),
        ("10.0.0.7:9000", "ok"),
        ("minio:9000", "ok"),
        ("minio.default.svc", "ok"),
    ],
)
def test_an_endpoint_without_tls(host, level, configured, unused_port):
    from flask_pyfs.doctor.findings import Subject
    from flask_pyfs.doctor.settings import examine
    from flask_pyfs.state import find

    storage = configured("s3-moto", ENDPOINT=f"http://{host.format(port=unused_port)}")
    found = {each.check: each for each in examine(Subject(find(storage)), storage)}
    warned(found, "transport", *(["FILES_FS_ENDPOINT", "https"] if level == "warning" else []), level=level)


def test_files_in_the_memory_of_the_process(app, configured, findings):
    configured("memory")
    warned(findings(), "shared", "FILES_FS_BACKEND", "restart")
    app.testing = True
    assert findings()["shared"].level == "ok"


# A directory


@pytest.mark.parametrize(("private", "level"), [(False, "warning"), (True, "error")])
def test_a_root_in_the_static_folder(private, level, app, tmp_path, configured, findings):
    app.static_folder = str(tmp_path / "static")
    configured("local", ROOT=str(tmp_path / "static" / "files"), PRIVATE=private)
    warned(findings(), "root", "FILES_FS_ROOT", "static", level=level)


def test_a_root_beside_the_static_folder(app, tmp_path, configured, findings):
    app.static_folder = str(tmp_path / "static")
    configured("local", ROOT=str(tmp_path / "static_files"))
    assert findings()["root"].level == "ok"


def test_a_root_among_temporary_files(app, tmp_path, configured, findings):
    configured("local", ROOT=str(tmp_path / "temporary" / "files"))
    warned(findings(), "root", "FILES_FS_ROOT", "temporary")


def test_a_root_that_cannot_be_written_to(app, tmp_path, configured):
    # init_app says it, before any command runs
    (tmp_path / "file").write_text("")
    with pytest.raises(fs.ConfigurationError, match="FILES_FS_ROOT"):
        configured("local", ROOT=str(tmp_path / "file"))


@pytest.mark.parametrize(("size", "said"), [("4m", "MiB of 4 MiB"), ("20m,nr_inodes=40", "inodes")])
def test_a_disk_that_is_nearly_full(size, said, tmp_path):
    printed = run_script(CHILD, tmp_path, before=on_small_disk(tmp_path, size))
    assert said in printed
    assert "FILES_FS_ROOT" in printed


def test_findings_are_the_same_for_chosen_storages(app, configured):
    storage = configured("memory")
    configured("local", name="other")
    found = list(examine(app, [storage]))
    assert {each.storage for each in found} == {"files"}
