"""The command settings: the value, the layer and the key of each setting, and what is set and reaches nothing."""

import json
import os
import subprocess
import sys

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flask_pyfs as fs
from flask_pyfs.backends import BaseBackend, registry
from flask_pyfs.cli import fs as group
from flask_pyfs.common import COMMON
from flask_pyfs.filesystems import generic
from flask_pyfs.options import Option
from flask_pyfs.settings import Setting, settings_of, settings_of_app, unread_settings
from flask_pyfs.values import disclosed, shown, sounds_secret

S3 = {"FS_S3_REGION": "eu-west-2", "FS_S3_ACCESS_KEY": "AKIA", "FS_S3_SECRET_KEY": "t0ps3cret"}


@pytest.fixture
def app(tmp_path):
    """An app that has set nothing."""
    return flask.Flask("tests", instance_path=str(tmp_path / "instance"))


@pytest.fixture(autouse=True)
def no_store(monkeypatch):
    def as_store(filesystem):
        raise AssertionError("the store was opened")

    # a property of the backend would be one of other code, which may go round encryption
    monkeypatch.setattr(generic, "as_store", as_store)


def configured(app, *storages, **settings):
    app.config.update(settings)
    fs.init_app(app, *(fs.Storage(each) if isinstance(each, str) else each for each in storages))
    return app


def found(app, storage, name):
    with app.app_context():
        return next(each for each in settings_of(app.extensions["fs"][storage]) if each.name == name)


def unread(app):
    return [(key, reason) for key, reason, _ in unread_settings(app)]


def run(app, *arguments, code=0):
    result = app.test_cli_runner().invoke(group, ["settings", *arguments])
    assert result.exit_code == code, result.output
    return result


def objects(app, *arguments):
    return [json.loads(line) for line in run(app, *arguments, "--json").stdout.splitlines()]


# Where a value comes from


def test_each_layer_has_its_number_and_its_key(app):
    settings = {"AVATARS_FS_REGION": "one", "FS_S3_REGION": "two", "FS_REGION": "three"}
    configured(app, "avatars", **{**S3, **settings}, AVATARS_FS_BACKEND="s3")
    assert found(app, "avatars", "REGION") == Setting(
        "avatars", "REGION", "one", 1, "AVATARS_FS_REGION", ("FS_S3_REGION", "FS_REGION")
    )
    expected = [(2, "FS_S3_REGION"), (3, "FS_REGION"), (4, None)]
    for gone, origin in zip(settings, expected, strict=True):
        del app.config[gone]
        configured(app, "avatars")
        assert found(app, "avatars", "REGION")[3:5] == origin


@pytest.mark.parametrize(
    ("storage", "key"),
    [("user-files", "USER_FILES_FS_MODE"), ("user-files", "USER-FILES_FS_MODE"), ("fs_s3", "FS_S3_FS_MODE")],
)
def test_odd_names_of_storages_have_their_own_layer(app, storage, key):
    configured(app, storage, **{key: "0600"})
    assert found(app, storage, "MODE") == Setting(storage, "MODE", "0600", 1, key)


def test_an_alias_is_the_key(app):
    configured(app, "avatars", **S3, AVATARS_FS_BACKEND="s3", FS_S3_BUCKET_NAME="pics", FS_BUCKET_NAME="other")
    assert found(app, "avatars", "BUCKET") == Setting(
        "avatars", "BUCKET", "pics", 2, "FS_S3_BUCKET_NAME", ("FS_BUCKET_NAME",)
    )


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("ROOT", {}, ("{instance}/fs/files", 4, None)),
        ("ROOT", {"FS_ROOT": "/srv"}, ("/srv/files", 3, "FS_ROOT")),
        ("ROOT", {"FS_LOCAL_ROOT": "/srv/"}, ("/srv/files", 2, "FS_LOCAL_ROOT")),
        ("ROOT", {"FILES_FS_ROOT": "kept"}, ("{here}/kept", 1, "FILES_FS_ROOT")),
        ("URL", {}, ("/files/", 4, None)),
        ("URL", {"FS_PREFIX": "/media"}, ("/media/files/", 4, None)),
        ("URL", {"FS_URL": "https://cdn.example.org"}, ("https://cdn.example.org/files/", 3, "FS_URL")),
        ("URL", {"FS_URL": "https://ann:pw@cdn.example.org"}, ("https://***@cdn.example.org/files/", 3, "FS_URL")),
        ("URL", {"FS_URL": "https://cdn.example.org", "FILES_FS_URL": ""}, ("/files/", 1, "FILES_FS_URL")),
        ("SERVE", {}, (False, 4, None)),
        ("SERVE", {"DEBUG": True}, (True, 4, None)),
        ("SERVE", {"FS_SERVE": "yes"}, (True, 3, "FS_SERVE")),
        ("SERVE", {"FS_LOCAL_SERVE": True}, (True, 2, "FS_LOCAL_SERVE")),
        ("BACKEND", {}, ("local", 4, None)),
        ("BACKEND", {"FS_BACKEND": "local"}, ("local", 3, "FS_BACKEND")),
        ("IMAGES_OPTIMIZE", {}, (False, 4, None)),
        ("IMAGES_OPTIMIZE", {"FS_IMAGES_OPTIMIZE": True}, (True, 3, "FS_IMAGES_OPTIMIZE")),
        ("VERIFY", {}, (False, 4, None)),
        ("MAX_SIZE", {"FS_MAX_SIZE": "20 MB"}, (20_000_000, 3, "FS_MAX_SIZE")),
        ("MODE", {"FS_LOCAL_MODE": 0o640}, ("0640", 2, "FS_LOCAL_MODE")),
        ("ALLOW", {"FS_ALLOW": fs.ALL}, ("All", 3, "FS_ALLOW")),
        ("AUTHORIZE", {"FS_AUTHORIZE": "os.path:join"}, ("posixpath:join", 3, "FS_AUTHORIZE")),
    ],
)
def test_the_value_is_the_one_that_applies(app, tmp_path, monkeypatch, name, settings, expected):
    monkeypatch.chdir(tmp_path)
    configured(app, "files", **settings)
    value, layer, key = expected
    if isinstance(value, str):
        value = value.format(instance=app.instance_path, here=tmp_path)
    assert found(app, "files", name)[2:5] == (value, layer, key)


def test_a_storage_of_images_verifies(app):
    configured(app, fs.Storage("avatars", fs.IMAGES))
    assert found(app, "avatars", "VERIFY")[2:5] == (True, 4, None)


@pytest.mark.parametrize(
    ("backend", "settings", "name"),
    [
        ("s3", S3, "BUCKET"),
        ("gridfs", {"FS_MONGO_URL": "mongodb://db", "FS_MONGO_DB": "db"}, "BUCKET"),
        ("swift", {"FS_AUTHURL": "http://sw/auth/v1.0", "FS_USER": "u", "FS_SWIFT_KEY": "k"}, "CONTAINER"),
    ],
)
def test_a_bucket_that_is_not_set_has_the_name_of_the_storage(app, backend, settings, name):
    configured(app, "photos", FS_BACKEND=backend, **settings)
    assert found(app, "photos", name)[2:5] == ("photos", 4, None)


def test_what_is_looked_up_each_time_is_as_it_is_now(app):
    configured(app, "files")
    app.config.update(FS_IMAGES_OPTIMIZE=True, FILES_FS_IMAGES_MAX_PIXELS=7)
    assert found(app, "files", "IMAGES_OPTIMIZE")[2:5] == (True, 3, "FS_IMAGES_OPTIMIZE")
    assert found(app, "files", "IMAGES_MAX_PIXELS")[2:5] == (7, 1, "FILES_FS_IMAGES_MAX_PIXELS")
    assert unread(app) == []


def test_an_old_backend_has_whatever_it_is_given(app, monkeypatch):
    class Tape(BaseBackend):
        def exists(self, filename):
            return False

    entry = type("Entry", (), {"module": __name__, "name": "tape", "load": lambda self: Tape})()
    monkeypatch.setattr(registry, "installed", lambda: {"tape": entry})
    configured(
        app, "files", FS_BACKEND="tape", FS_TAPE_COLOUR="red", FILES_FS_PASSWORD="t0ps3cret", FS_TAPE_PASSWORD="x"
    )
    assert found(app, "files", "COLOUR") == Setting("files", "COLOUR", "***", 2, "FS_TAPE_COLOUR")
    assert "red" not in repr(app.extensions["fs"]["files"].config)
    assert found(app, "files", "PASSWORD")[2:5] == ("***", 1, "FILES_FS_PASSWORD")
    app.config["FS_TAPE_EXTRA"] = {"speed": 3, "token": "t0ps3cret"}
    configured(app, "files")
    assert found(app, "files", "EXTRA")[2:5] == ("***", 2, "FS_TAPE_EXTRA")
    assert [key for key, _ in unread(app)] == ["FS_TAPE_PASSWORD"]
    app.config["FS_TAPE_EXTRA"] = {"speed": 4}
    assert [key for key, _ in unread(app)] == ["FS_TAPE_PASSWORD", "FS_TAPE_EXTRA"]


def test_the_app_as_a_whole(app):
    configured(app, "files", FS_PREFIX="/media")
    assert list(settings_of_app(app)) == [
        Setting(None, "HANDLE_ERRORS", True, 4, None),
        Setting(None, "PREFIX", "/media", 3, "FS_PREFIX"),
        Setting(None, "SERVE", False, 4, None),
        Setting(None, "UPLOAD_ORIGINS", None, 4, None),
    ]


# Every option of every backend, on every layer that it has

NEEDED = {
    "local": {},
    "s3": {"FS_ACCESS_KEY": "AKIA", "FS_SECRET_KEY": "t0ps3cret"},
    "gridfs": {"FS_MONGO_URL": "mongodb://db", "FS_MONGO_DB": "db"},
    "swift": {"FS_AUTHURL": "http://sw/auth/v1.0", "FS_USER": "u", "FS_KEY": "k", "FS_AUTH_VERSION": "1"},
    "pyfs": {"FS_OPEN_URL": "mem://"},
}

BY_NAME = {
    "CHUNK_SIZE": "1 MiB",
    "AUTHURL": "http://other/auth/v1.0",
    "ENDPOINT": "https://s3.example.org",
    "MONGO_URL": "mongodb://other",
    "OPEN_URL": "temp://",
    "SCAN": "os.path:join",
    "PUBLIC_ENDPOINT": "https://s3.example.org",
    "SERVE_MODE": "stream",
    # a key of KMS needs it
    "SSE": "aws:kms",
    # encrypted files have no URL
    "URL": "",
    "URL_EXPIRES": 60,
    "VERIFY_RENAME": False,
}

KEY = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYzE="
BY_TYPE = {"bool": True, "callable": "os.path:join", "dict": {}, "directory": "/srv/x", "float": 7.5, "int": 7}
BY_TYPE |= {"mode": "0640", "seconds": 7, "size": "64 MiB", "str": "some-name", "prefix": "a", "extensions": "php"}
BY_TYPE |= {"key": KEY, "keys": [KEY], "moment": "2026-01-02T03:04Z"}


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("backend", NEEDED)
def test_every_option_is_found_on_every_layer(app, backend, level):
    prefix = {1: "PAPERS_FS_", 2: f"FS_{backend.upper()}_", 3: "FS_"}[level]
    options = (*COMMON, *(registry.options_of(registry.installed()[backend].load()) or ()))
    keys = {option.name: prefix + option.name for option in options if level in option.levels}
    values = {option.name: BY_TYPE.get(option.type) for option in options}
    values |= {option.name: option.choices[0] for option in options if option.choices} | BY_NAME | {"BACKEND": backend}
    app.secret_key = "secret"
    settings = {key: values[name] for name, key in keys.items()}
    configured(app, "papers", **{"FS_BACKEND": backend, **NEEDED[backend], **settings})
    with app.app_context():
        told = {each.name: each[3:5] for each in settings_of(app.extensions["fs"]["papers"])}
    assert {name: told[name] for name in keys} == {name: (level, key) for name, key in keys.items()}
    assert not {*keys.values()} & {*dict(unread(app))}


# Secrets

WORDS = st.text(st.sampled_from("abcXYZ019:/@?#&=%.-é"), min_size=4)


@given(WORDS, WORDS, st.booleans())
def test_no_part_of_the_password_of_a_secret_url_is_shown(user, password, has_user):
    marked = f"§{'§'.join(password)}§"
    # a token that has a colon is as good as a user and a password
    login = f"{user.replace(':', '').replace('?', '')}:{marked}" if has_user else marked.replace(":", "")
    url = f"mongodb://{login}@db.example.org/shop?authSource=§"
    assert "§" not in disclosed(Option("MONGO_URL", secret=True), url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mongodb://ann:pw@db.example.org:27017/shop?tls=true", "mongodb://ann:***@db.example.org:27017/***"),
        ("mongodb://db.example.org", "mongodb://db.example.org"),
        ("ftp://bob:p@ss/word@ftp.example.org", "ftp://bob:***@ftp.example.org"),
        ("mem://", "mem://"),
        ("ssh://token@host/x", "ssh://***@host/***"),
        ("dropbox://dropbox.com?access_token=t", "dropbox://dropbox.com/***"),
        ("mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:a@b", "mongodb://***"),
        ("t0ps3cret", "***"),
    ],
)
def test_a_secret_url_is_shown_without_its_secrets(url, expected):
    assert disclosed(Option("OPEN_URL", secret=True), url) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://cdn.example.org/a/?token=s3cr3t", "https://cdn.example.org/a/?…"),
        ("https://cdn.example.org/a#s3cr3t\nx", "https://cdn.example.org/a?…"),
        ("//cdn.example.org?s3cr3t", "//cdn.example.org?…"),
        ("https://ann:s3cr?et@cdn.example.org/?s3cr3t", "https://***@cdn.example.org/?…"),
        ("/srv/what?/a#b", "/srv/what?/a#b"),
    ],
)
def test_the_query_of_a_url_is_hidden(value, expected):
    assert disclosed(Option("URL"), value) == expected
    assert "s3cr" not in shown(value)


@pytest.mark.parametrize(
    "key",
    [
        "CONNECTION_STRING",
        "connectionString",
        "DSN",
        "SENTRY_DSN",
        "SAS",
        "PWD",
        "pwd",
        "APIKEY",
        "API_KEY",
        "PASSPHRASE",
        "DB_PASS",
        "signature",
    ],
)
def test_words_that_tell_a_secret(key):
    assert disclosed(Option(key), "s3cr3t") == "***"
    assert disclosed(Option("EXTRA"), {key: "s3cr3t", "speed": 3}) == {key: "***", "speed": 3}


def test_no_option_of_a_backend_is_hidden_by_a_word_alone():
    for name, options in registry.all_options().items():
        for option in options:
            assert option.secret or not sounds_secret(option.name) or option.name == "ACCESS_KEY", (name, option.name)


def test_secrets_are_nowhere_in_the_output(app):
    secret = "t0ps3cret"
    settings = {
        "FS_S3_SECRET_KEY": secret,
        "FS_S3_ACCESS_KEY": secret,
        "FS_S3_SESSION_TOKEN": secret,
        "FS_GRIDFS_MONGO_ULR": secret,
        "FS_SECRTKEY": secret,
        "FILES_FS_BACKEND": "s3",
        "FILES_FS_URL": f"https://ann:{secret}@cdn.example.org",
        "DOCS_FS_BACKEND": "pyfs",
        "DOCS_FS_OPEN_URL": f"ftp://ann:{secret}@host/",
        "FS_SWIFT_OS_OPTIONS": {"tenant_name": secret},
        "DISKS_FS_BACKEND": "swift",
        "FS_AUTHURL": "http://sw/auth/v1.0",
        "FS_USER": "u",
        "FS_SWIFT_KEY": secret,
        "NONE_FS_SECRET_KEY": secret,
    }
    configured(app, "files", "docs", "disks", **settings)
    for arguments in ([], ["--json"]):
        output = run(app, *arguments)
        assert secret not in output.stdout + output.stderr
        assert "FS_GRIDFS_MONGO_ULR" in output.stdout


# What reaches nothing

REASONS = [
    ("FS_ROOOT", "x", "it is misspelt: did you mean FS_ROOT?"),
    ("FS_CREATE_STORAGE", True, "it has no effect here, as it had in flask-fs2"),
    ("FILES_FS_CREATE_STORAGE", True, "it has no effect here, as it had in flask-fs2"),
    ("FS_LOCAL_POOL_TIMEOUT", 3, "it has no effect here, as it had in flask-fs2"),
    ("AVATAR_FS_ROOT", "x", "the app has no storage 'avatar'"),
    ("AVATAR_FS_BUCKET_NAME", "x", "the app has no storage 'avatar'"),
    ("FS_S3_REGION", "x", "no storage has the backend 's3'"),
    ("FS_S3_BUCKET_NAME", "x", "no storage has the backend 's3'"),
    ("FS_S3_DENY", "x", "no storage has the backend 's3'"),
    ("FS_S3_REGIN", "x", "no storage has the backend 's3', and that has no setting REGIN: did you mean REGION?"),
    ("FS_S3_TYPO", "x", "no storage has the backend 's3', and that has no setting TYPO"),
    ("FS_REGION", "x", "only the backend s3 has it, and no storage has that"),
    ("FS_BUCKET", "x", "only the backend gridfs or s3 has it, and no storage has that"),
    ("FILES_FS_REGION", "x", "the backend 'local' has no setting REGION"),
    ("FS_LOCAL_REGION", "x", "the backend 'local' has no setting REGION"),
    ("FS_LOCAL_BACKEND", "x", "BACKEND is only read as {NAME}_FS_BACKEND or FS_BACKEND"),
    ("FILES_FS_ROOT", "", "it is empty, and ROOT must not be"),
    ("FS_LOCAL_ROOT", "", "it is empty, and ROOT must not be"),
]


@pytest.mark.parametrize(("key", "value", "reason"), REASONS, ids=lambda each: str(each)[:30])
def test_what_reaches_nothing_is_told_with_the_reason(app, key, value, reason):
    configured(app, "files", **{key: value})
    assert unread(app) == [(key, reason)]


def test_an_empty_root_of_the_app_is_told(app):
    configured(app, "files", FS_ROOT="", FILES_FS_ROOT="/srv")
    assert unread(app) == [("FS_ROOT", "it is empty, and ROOT must not be")]


@pytest.mark.parametrize(
    "key", ["FS_COLOUR", "MY_FS_THINGS", "NFS_ROOT", "FS_", "FILES_FS_", "FS_LOCAL_", "_FS_ROOT", 7]
)
def test_keys_of_the_app_are_left_alone(app, key):
    app.config[key] = "x"
    configured(app, "files")
    assert unread(app) == []


def test_none_is_not_set(app):
    configured(app, "files", FS_S3_REGION=None, AVATAR_FS_ROOT=None)
    assert unread(app) == []


def test_no_setting_that_is_read_is_told(app):
    configured(
        app, "files", "docs", FS_ROOT="/srv", DOCS_FS_ROOT="/docs", FS_SERVE=True, FS_HANDLE_ERRORS=False, FS_DENY="x"
    )
    assert unread(app) == []


def test_a_key_that_no_storage_reads_because_each_has_another(app):
    configured(app, "files", "docs", FS_DENY="a", FILES_FS_DENY="b", FS_LOCAL_DENY="c")
    assert dict(unread(app)) == {"FS_DENY": "another one counts: FILES_FS_DENY for 'files', FS_LOCAL_DENY for 'docs'"}
    assert found(app, "files", "DENY").shadowed == ("FS_LOCAL_DENY", "FS_DENY")
    # what init_app has set shadows nothing, and is not shadowed
    assert found(app, "files", "ROOT").shadowed == ()


@pytest.mark.parametrize("key", ["FS_ROOT", "FS_LOCAL_ROOT", "FILES_FS_MODE", "FS_DENY"])
def test_what_was_set_too_late_is_told(app, key):
    configured(app, "files")
    before = found(app, "files", key.rpartition("_")[2])
    app.config[key] = "0640"
    assert dict(unread(app)) == {key: "it was set after init_app had read it for 'files': set it before"}
    assert found(app, "files", key.rpartition("_")[2]) == before


@pytest.mark.parametrize(("before", "shown"), [(None, (None, 4, None)), ("media/", ("/media", 3, "FS_PREFIX"))])
def test_a_prefix_of_the_route_that_was_set_too_late(app, before, shown):
    configured(app, "files", FS_PREFIX=before)
    assert unread(app) == []
    app.config["FS_PREFIX"] = "/late"
    (prefix,) = [each for each in settings_of_app(app) if each.name == "PREFIX"]
    assert (prefix.value, prefix.layer, prefix.key) == shown
    assert [each.key for each in unread_settings(app)] == ["FS_PREFIX"]
    assert (
        app.url_map.bind("").build("fs.get_file", {"fs": "files", "filename": "a"}) == f"{prefix.value or ''}/files/a"
    )


def test_what_was_changed_into_something_impossible_is_told_too(app):
    configured(app, "files", FILES_FS_MODE="0640")
    app.config["FILES_FS_MODE"] = "no mode"
    assert [key for key, _ in unread(app)] == ["FILES_FS_MODE"]


@pytest.mark.parametrize(("key", "storage"), [("FILES_FS_REGION", "files"), ("FS_REGION", None), ("C_FS_ROOT", None)])
def test_whose_a_key_is_that_nothing_reads(app, key, storage):
    configured(app, "files", "docs", **{key: "x"})
    assert [(each.key, each.storage) for each in unread_settings(app)] == [(key, storage)]


# The command


def test_lines_fit_into_a_terminal(app):
    settings = {key: value for key, value, _ in REASONS if value and "FILES" not in key}
    configured(app, "photos-of-the-summer", "files", **settings, PHOTOS_OF_THE_SUMMER_FS_IMAGES_MAX_MEMORY="100 MB")
    lines = run(app).stdout.splitlines()
    long = [line for line in lines if len(line) > 80]
    # a path has no place to break
    assert [line.split()[0] for line in long] in ([], ["ROOT"] * len(long))
    assert "photos-of-the-summer" in lines
    assert "the app as a whole" in lines
    assert "  IMAGES_MAX_MEMORY      100000000" in lines
    assert "1 PHOTOS_OF_THE_SUMMER_FS_IMAGES_MAX_MEMORY".rjust(80) in lines
    assert "  FS_S3_DENY: no storage has the backend 's3'" in lines


def test_json_has_one_object_for_each_setting(app):
    configured(app, "files", FS_DENY="php", FS_S3_REGION="x", FS_LOCAL_DENY=["a"])
    printed = objects(app)
    assert {tuple(each) for each in printed} == {("storage", "name", "value", "layer", "key", "shadowed", "reason")}
    by_name = {(each["storage"], each["name"]): each for each in printed}
    assert by_name["files", "DENY"] == {
        "storage": "files",
        "name": "DENY",
        "value": ["a"],
        "layer": 2,
        "key": "FS_LOCAL_DENY",
        "shadowed": ["FS_DENY"],
        "reason": None,
    }
    assert by_name[None, "SERVE"]["layer"] == 4
    assert by_name[None, None]["key"] == "FS_S3_REGION" or by_name[None, None]["key"] == "FS_DENY"


def test_one_storage(app):
    configured(app, "files", "docs", FILES_FS_REGION="x", DOCS_FS_REGION="x", FS_S3_REGION="x")
    printed = objects(app, "files")
    assert {each["storage"] for each in printed[:-1]} == {"files"}
    assert printed[-1]["key"] == "FILES_FS_REGION"


def test_a_storage_that_is_not_there(app):
    configured(app, "files")
    assert "'films'" in run(app, "films", code=3).stderr


def test_an_app_that_does_not_load_says_which_setting(tmp_path):
    (tmp_path / "shop.py").write_text(
        "import flask, flask_pyfs as fs\n"
        "app = flask.Flask(__name__)\n"
        "app.config['FILES_FS_MODE'] = 'many'\n"
        "fs.init_app(app, fs.Storage('files'))\n"
    )
    command = [sys.executable, "-m", "flask", "--app", "shop", "fs", "settings"]
    ended = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: FILES_FS_MODE must be permissions")
    assert len(ended.stderr.splitlines()) == 1
