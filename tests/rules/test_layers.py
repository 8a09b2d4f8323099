"""The layers of configuration: which value holds, what is refused, and what the message says."""

import copy
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flask_pyfs as fs
from flask_pyfs.backends import BaseBackend, registry
from flask_pyfs.backends.local import LocalBackend
from flask_pyfs.config import Config, backend_name, resolve
from flask_pyfs.options import Option
from flask_pyfs.testing import memory_storages


class StandInS3(BaseBackend):
    """Has the settings of an S3 backend, and no store that could be reached."""

    options: ClassVar[tuple[Option, ...] | None] = (
        Option("ENDPOINT"),
        Option("REGION"),
        Option("ACCESS_KEY"),
        Option("SECRET_KEY", secret=True),
        Option("BUCKET", aliases=("BUCKET_NAME",)),
        Option("ACL", aliases=("OBJECT_ACL",)),
        Option("CREATE_BUCKET", "bool", default=True),
        Option("PART_SIZE", "int", default=8),
        Option("TIMEOUT", "float", default=60.0),
        Option("EXTRA", "dict"),
        Option("LABEL", secret=True),
    )

    def open_fs(self):
        raise AssertionError("the store was reached")


class Anything(StandInS3):
    """Declares nothing."""

    options = None


class LocalCache(StandInS3):
    """Has a name that starts with that of another backend."""

    options = (Option("SPACE", "int"),)


class Entry:
    """An entry point of a class that is already there."""

    module = __name__

    def __init__(self, name, loaded):
        self.name = name
        self.loaded = loaded

    def load(self):
        return self.loaded


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch):
    added = {"s3": StandInS3, "anything": Anything, "local_cache": LocalCache}
    entries = {**registry.installed(), **{name: Entry(name, loaded) for name, loaded in added.items()}}
    monkeypatch.setattr(registry, "installed", lambda: entries)
    # also the built-in ones
    monkeypatch.setattr(registry, "_built_in", dict)


S3 = StandInS3.options


def s3(settings, storage="avatars"):
    return resolve(settings, storage, "s3", S3, registry.all_options)


def configure(app, name="files", **settings):
    app.config.update(settings)
    storage = fs.Storage(name)
    fs.init_app(app, storage)
    return storage


def refusal(app, name="files", **settings):
    """Return the message with which init_app refuses the settings."""
    with pytest.raises(fs.ConfigurationError) as caught:
        configure(app, name, **settings)
    return str(caught.value)


# The four levels


def test_each_level_gives_way_to_the_one_before_it():
    settings = {"AVATARS_FS_REGION": "one", "FS_S3_REGION": "two", "FS_REGION": "three"}
    found = [s3(settings).region]
    for key in list(settings):
        del settings[key]
        found.append(s3(settings).region)
    assert found == ["one", "two", "three", None]


def test_the_default_of_an_option_is_the_last_level():
    config = s3({})
    assert (config.part_size, config.create_bucket, config.timeout) == (8, True, 60.0)
    assert (config.backend, config.url, config.prefix, config.serve) == ("local", None, "", None)
    assert (list(config.allow), list(config.deny)) == ([], [])


def test_none_is_not_set_and_other_empty_values_are():
    settings = {"AVATARS_FS_REGION": None, "FS_S3_REGION": "", "FS_REGION": "three", "AVATARS_FS_CREATE_BUCKET": False}
    config = s3({**settings, "FS_S3_PART_SIZE": 0, "FS_PART_SIZE": 9})
    assert (config.region, config.create_bucket, config.part_size) == ("", False, 0)


def test_the_levels_of_other_storages_and_backends_do_not_count():
    settings = {"IMAGES_FS_REGION": "other", "FS_SWIFT_REGION": "other", "REGION": "other", "FS_S3REGION": "other"}
    assert s3(settings).region is None


def test_one_app_keeps_the_settings_of_its_storages_apart(app):
    avatars = configure(app, "avatars", FS_BACKEND="s3", AVATARS_FS_REGION="north", FS_S3_REGION="south")
    images = configure(app, "images")
    assert (avatars.config.region, images.config.region) == ("north", "south")


# BACKEND


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "local"),
        ({"FS_BACKEND": None}, "local"),
        ({"FS_BACKEND": "memory"}, "memory"),
        ({"FS_BACKEND": "memory", "FILES_FS_BACKEND": "s3"}, "s3"),
        ({"FS_BACKEND": "memory", "FILES_FS_BACKEND": None}, "memory"),
        ({"FS_BACKEND": "memory", "IMAGES_FS_BACKEND": "s3"}, "memory"),
    ],
)
def test_the_backend(app, settings, expected):
    assert backend_name(settings, "files") == expected
    storage = configure(app, **settings)
    assert (storage.backend_name, storage.config.backend) == (expected, expected)


def test_the_level_of_a_backend_does_not_choose_the_backend(app):
    storage = configure(app, FS_LOCAL_BACKEND="s3")
    assert (storage.backend_name, storage.config.backend) == ("local", "local")


@pytest.mark.parametrize("value", ["", 5, ["local"], True])
def test_a_backend_that_is_no_name(app, value):
    assert "FILES_FS_BACKEND" in refusal(app, FILES_FS_BACKEND=value)


# URL and ROOT


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("FILES_FS_URL", "https://own.example.org/x", "https://own.example.org/x/"),
        ("FS_LOCAL_URL", "https://local.example.org/x", "https://local.example.org/x/files/"),
        ("FS_URL", "https://all.example.org/x", "https://all.example.org/x/files/"),
    ],
)
def test_a_shared_url_gets_the_name_of_the_storage(app, key, value, expected, slash):
    storage = configure(app, **{key: value + slash})
    assert (storage.base_url, storage.url("a.txt")) == (expected, expected + "a.txt")


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("key", "expected"), [("FILES_FS_ROOT", "r"), ("FS_LOCAL_ROOT", "r/files"), ("FS_ROOT", "r/files")]
)
def test_a_shared_root_gets_the_name_of_the_storage(app, tmp_path, key, expected, slash):
    storage = configure(app, **{key: f"{tmp_path / 'r'}{slash}"})
    assert storage.root == str(tmp_path / expected)
    storage.write("a.txt", "a")
    assert (tmp_path / expected / "a.txt").read_bytes() == b"a"


@pytest.mark.parametrize("key", ["URL", "ROOT"])
def test_url_and_root_follow_the_levels(key):
    settings = {f"FILES_FS_{key}": "/one", f"FS_LOCAL_{key}": "/two/", f"FS_{key}": "/three"}
    found = []
    for name in [*settings, ""]:
        config = resolve(settings, "files", "local", [Option("ROOT", named=True)])
        found.append(config[key.lower()])
        settings.pop(name, None)
    assert [value.rstrip("/") if value else value for value in found] == ["/one", "/two/files", "/three/files", None]


def test_a_root_may_be_a_path_object(app, tmp_path):
    assert configure(app, FS_ROOT=tmp_path / "r").root == str(tmp_path / "r" / "files")


def test_the_default_root_is_in_the_instance_directory(tmp_path):
    app = flask.Flask("tests", instance_path=str(tmp_path))
    assert configure(app, "avatars").root == str(tmp_path / "fs" / "avatars")


# Names of storages


@pytest.mark.parametrize("name", ["user-files", "user.files", "User-Files", "user_files", "USER.files"])
def test_dashes_and_dots_match_as_underscores(app, name):
    assert s3({"USER_FILES_FS_REGION": "north"}, name).region == "north"
    storage = configure(app, name, USER_FILES_FS_BACKEND="memory", USER_FILES_FS_URL="/u")
    assert (storage.backend_name, storage.base_url) == ("memory", "/u/")


@pytest.mark.parametrize("name", ["user-files", "user.files"])
def test_a_name_matches_as_it_is_as_well(app, name):
    assert s3({f"{name.upper()}_FS_REGION": "north"}, name).region == "north"
    assert configure(app, name, **{f"{name.upper()}_FS_BACKEND": "memory"}).backend_name == "memory"


def test_a_misspelt_key_is_refused_under_both_spellings_of_a_name(app):
    assert "USER_FILES_FS_RGION" in refusal(app, "user-files", USER_FILES_FS_RGION="x")
    del app.config["USER_FILES_FS_RGION"]
    assert "USER-FILES_FS_RGION" in refusal(app, "user-files", **{"USER-FILES_FS_RGION": "x"})


def test_a_shared_value_gets_the_name_as_it_is(app, tmp_path):
    storage = configure(app, "User-files.1", FS_ROOT=str(tmp_path), FS_URL="https://x.example.org")
    assert (storage.root, storage.base_url) == (str(tmp_path / "User-files.1"), "https://x.example.org/User-files.1/")


# PREFIX and SERVE


def test_a_prefix_is_a_directory_of_the_store(app, tmp_path):
    storage = configure(app, FILES_FS_PREFIX="/deep/er/", FILES_FS_ROOT=str(tmp_path / "shared"))
    assert storage.write("a.txt", "a") == "a.txt"
    assert list(storage.list_files()) == ["a.txt"]
    assert (tmp_path / "shared" / "deep" / "er" / "a.txt").read_bytes() == b"a"


def test_storages_share_a_store_by_their_prefixes(app, tmp_path):
    app.config.update(ONE_FS_ROOT=str(tmp_path / "r"), TWO_FS_ROOT=str(tmp_path / "r"))
    one, two = configure(app, "one", ONE_FS_PREFIX="1"), configure(app, "two", TWO_FS_PREFIX="2")
    one.write("a.txt", "one")
    two.write("a.txt", "two")
    assert (one.read("a.txt"), two.read("a.txt")) == (b"one", b"two")
    one.delete("a.txt")
    assert (list(one.list_files()), list(two.list_files())) == ([], ["a.txt"])


def test_the_prefix_of_the_app_is_not_that_of_a_storage(app):
    storage = configure(app, FS_PREFIX="/media")
    assert (storage.config.prefix, storage.url("a.txt")) == ("", "/media/files/a.txt")


def test_a_prefix_of_a_backend(app):
    assert configure(app, FS_LOCAL_PREFIX="deep").config.prefix == "deep"
    assert configure(app, FILES_FS_PREFIX="own").config.prefix == "own"


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"FS_SERVE": False}, 404),
        ({"FS_SERVE": True}, 200),
        ({"FS_SERVE": "off"}, 404),
        ({"FS_SERVE": False, "FILES_FS_SERVE": True}, 200),
        ({"FS_SERVE": True, "FILES_FS_SERVE": "no"}, 404),
        ({"FS_SERVE": True, "FS_LOCAL_SERVE": False}, 404),
        ({"FS_SERVE": True, "FS_LOCAL_SERVE": False, "FILES_FS_SERVE": True}, 200),
    ],
)
def test_serve(app, settings, status):
    storage = configure(app, **settings)
    storage.write("a.txt", "a")
    with app.test_client().get("/files/a.txt") as response:
        assert response.status_code == status
    assert storage.is_served == (status == 200)


@pytest.mark.parametrize("debug", [True, False])
def test_an_app_serves_when_it_is_debugged(tmp_path, debug):
    app = flask.Flask("tests", instance_path=str(tmp_path))
    app.config["DEBUG"] = debug
    assert configure(app).is_served is debug
    assert app.config["FS_SERVE"] is debug


# Keys that nobody knows


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("AVATARS_FS_BUKET", "AVATARS_FS_BUCKET"),
        ("AVATARS_FS_ENDPOIN", "AVATARS_FS_ENDPOINT"),
        ("AVATARS_FS_BACKND", "AVATARS_FS_BACKEND"),
        ("AVATARS_FS_ALOW", "AVATARS_FS_ALLOW"),
        ("AVATARS_FS_SECRETKEY", "AVATARS_FS_SECRET_KEY"),
        ("AVATARS_FS_DURABEL", "AVATARS_FS_DURABLE"),
        ("AVATARS_FS_region", "AVATARS_FS_REGION"),
        ("FS_S3_REGIO", "FS_S3_REGION"),
        ("FS_S3_ULR", "FS_S3_URL"),
    ],
)
def test_an_unknown_key_is_refused_with_the_closest_one(app, key, meant):
    message = refusal(app, "avatars", **{"AVATARS_FS_BACKEND": "s3", key: "x"})
    assert message == f"{key} is not a setting of any backend (storage 'avatars'): did you mean {meant}?"


def test_an_unknown_key_set_to_none_is_refused_too(app):
    assert "FILES_FS_ROOTT" in refusal(app, FILES_FS_ROOTT=None)


def test_a_refusal_is_of_its_storage(app):
    with pytest.raises(fs.ConfigurationError) as caught:
        configure(app, FILES_FS_ROOTT="x")
    assert caught.value.storage == "files"


def test_a_key_of_another_backend_is_let_pass(app):
    settings = {"AVATARS_FS_BUCKET": "b", "AVATARS_FS_PART_SIZE": "no number", "AVATARS_FS_OBJECT_ACL": "private"}
    storage = configure(app, "avatars", AVATARS_FS_BACKEND="memory", FS_MEMORY_REGION="x", **settings)
    assert storage.backend_name == "memory"
    assert not {"bucket", "part_size", "region"} & set(storage.config)


def test_keys_of_the_app_and_of_other_storages_and_backends_are_not_looked_at(app):
    storage = configure(app, FS_TYPO="x", IMAGES_FS_TYPO="x", FS_S3_TYPO="x", MYFILES_FS_TYPO="x", FILES_TYPO="x")
    assert storage.backend_name == "local"


def test_a_backend_whose_name_starts_with_the_name_of_another(app):
    files = configure(app, FS_LOCAL_CACHE_SPACE=5)
    cache = configure(app, "cache", CACHE_FS_BACKEND="local_cache")
    assert (files.backend_name, cache.config.space) == ("local", 5)


def test_the_installed_backends_are_asked_only_for_a_key_that_the_own_one_does_not_declare():
    def known():
        raise AssertionError("asked")

    assert resolve({"A_FS_REGION": "x", "FS_S3_BUCKET_NAME": "b"}, "a", "s3", S3, known).bucket == "b"


def test_a_backend_that_declares_nothing_takes_any(app):
    settings = {"FILES_FS_COLOUR": ["red"], "FS_ANYTHING_COLOUR": "blue", "FS_ANYTHING_DEPTH": "20", "FS_OTHER": "x"}
    config = configure(app, FILES_FS_BACKEND="anything", **settings).config
    assert (config.colour, config.depth, "other" in config) == (["red"], "20", False)


def test_a_backend_that_declares_nothing_has_what_every_storage_has(app):
    storage = configure(app, FILES_FS_BACKEND="anything", FS_ANYTHING_URL="/u/", FILES_FS_SERVE="off")
    assert (storage.base_url, storage.is_served) == ("/u/files/", False)
    assert "FILES_FS_SERVE" in refusal(app, FILES_FS_SERVE="perhaps")


# Aliases


@pytest.mark.parametrize("key", ["AVATARS_FS_BUCKET_NAME", "FS_S3_BUCKET_NAME", "FS_BUCKET_NAME"])
def test_an_alias_sets_its_option_at_every_level(key):
    config = s3({key: "b"})
    assert config.bucket == "b"
    assert "bucket_name" not in config


def test_at_one_level_the_own_name_of_an_option_wins():
    assert s3({"FS_S3_BUCKET_NAME": "alias", "FS_S3_BUCKET": "own"}).bucket == "own"


def test_an_alias_wins_over_a_later_level():
    assert s3({"AVATARS_FS_OBJECT_ACL": "near", "FS_S3_ACL": "far", "FS_ACL": "farther"}).acl == "near"


# Values


def test_texts_of_the_environment_are_converted(app, monkeypatch):
    environment = {
        "FS_BACKEND": "s3",
        "FS_S3_CREATE_BUCKET": "false",
        "FS_S3_PART_SIZE": "20",
        "FS_S3_TIMEOUT": "5",
        "FS_S3_BUCKET": "2026",
        "FS_S3_EXTRA": '{"a": 1}',
        "USER_FILES_FS_REGION": "north",
        "USER_FILES_FS_ALLOW": "TXT, .csv",
        "USER_FILES_FS_DENY": '["php", "exe"]',
        "USER_FILES_FS_SERVE": "yes",
    }
    for key, value in environment.items():
        monkeypatch.setenv(f"FLASK_{key}", value)
    app.config.from_prefixed_env()
    config = configure(app, "user-files").config
    assert (config.create_bucket, config.part_size, config.timeout) == (False, 20, 5.0)
    assert (config.bucket, config.extra, config.region) == ("2026", {"a": 1}, "north")
    assert (config.allow, config.deny, config.serve) == (["txt", "csv"], ["php", "exe"], True)
    assert isinstance(config.timeout, float)


def test_permissions_of_the_environment(app, monkeypatch):
    monkeypatch.setenv("FLASK_FS_LOCAL_MODE", "0640")
    monkeypatch.setenv("FLASK_FS_LOCAL_DURABLE", "true")
    app.config.from_prefixed_env()
    config = configure(app).config
    assert (config.mode, config.durable) == (0o640, True)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        *(("CREATE_BUCKET", value, True) for value in ("true", "True", " YES ", "on", "1", 1, True)),
        *(("CREATE_BUCKET", value, False) for value in ("false", "FALSE", "no", "off", "0", "", 0, False)),
        ("PART_SIZE", "20", 20),
        ("PART_SIZE", " 20 ", 20),
        ("PART_SIZE", 20.0, 20),
        ("TIMEOUT", "0.5", 0.5),
        ("TIMEOUT", 3, 3.0),
        ("BUCKET", 7, "7"),
        ("BUCKET", Path("b"), "b"),
        ("EXTRA", '{"a": [1]}', {"a": [1]}),
        ("EXTRA", {"a": 1}, {"a": 1}),
        ("DENY", "php exe,com", ["php", "exe", "com"]),
        ("DENY", ("php", "exe"), ["php", "exe"]),
    ],
)
def test_a_value_is_converted_to_the_type_of_its_option(key, value, expected):
    found = s3({f"FS_S3_{key}": value})[key.lower()]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("CREATE_BUCKET", "perhaps"),
        ("CREATE_BUCKET", 2),
        ("CREATE_BUCKET", []),
        ("PART_SIZE", "many"),
        ("PART_SIZE", "1.5"),
        ("PART_SIZE", 1.5),
        ("PART_SIZE", True),
        ("PART_SIZE", float("inf")),
        ("TIMEOUT", "soon"),
        ("TIMEOUT", {}),
        ("BUCKET", ["b"]),
        ("BUCKET", True),
        ("BUCKET", b"b"),
        ("URL", 5.5j),
        ("URL", ["https://x"]),
        ("PREFIX", {"a": 1}),
        ("SERVE", "perhaps"),
        ("ALLOW", 5),
        ("ALLOW", [5]),
        ("DENY", {"php": 1}),
        ("DENY", True),
        ("EXTRA", "no mapping"),
        ("EXTRA", "[1]"),
    ],
)
@pytest.mark.parametrize("level", ["AVATARS_FS_", "FS_S3_"])
def test_a_value_of_the_wrong_type_is_refused_by_the_name_of_its_key(app, level, key, value):
    message = refusal(app, "avatars", **{"FS_BACKEND": "s3", level + key: value})
    assert message.startswith(f"{level}{key} must be ")
    assert repr(value) in message


@pytest.mark.parametrize("key", ["FILES_FS_MODE", "FS_LOCAL_MODE", "FS_MODE", "FILES_FS_DIR_MODE"])
@pytest.mark.parametrize("value", ["rw-r--r--", "0888", "7777", -1, 0o1000, True, [6, 4, 0]])
def test_permissions_that_are_none(app, key, value):
    assert refusal(app, **{key: value}).startswith(f"{key} must be permissions")


def test_the_type_of_an_app_level_key_counts_too(app):
    assert refusal(app, FS_SERVE="perhaps").startswith("FS_SERVE must be ")


def test_an_option_of_an_unknown_type():
    with pytest.raises(ValueError, match="SIZE"):
        Option("SIZE", "integer")


# Secrets


SECRET = "t0p-s3cr3t"


@pytest.mark.parametrize("key", ["SECRET_KEY", "LABEL", "ACCESS_KEY"])
@pytest.mark.parametrize("shown", [repr, str, "{}".format, "{0!r}".format, lambda config: repr([config])])
def test_secrets_are_not_shown(app, key, shown):
    storage = configure(app, FILES_FS_BACKEND="s3", FILES_FS_REGION="north", **{f"FILES_FS_{key}": SECRET})
    assert storage.config[key.lower()] == SECRET
    assert SECRET not in shown(storage.config)
    assert SECRET not in shown(storage)
    assert SECRET not in shown(storage.backend)
    assert "north" in shown(storage.config)


@pytest.mark.parametrize("key", ["SECRET_KEY", "LABEL"])
def test_secrets_of_the_wrong_type_are_not_in_the_message(app, key):
    message = refusal(app, FILES_FS_BACKEND="s3", **{f"FILES_FS_{key}": [SECRET]})
    assert f"FILES_FS_{key}" in message
    assert SECRET not in message


def test_secrets_under_a_misspelt_key_are_not_in_the_message(app):
    message = refusal(app, FILES_FS_BACKEND="s3", FILES_FS_SECRETKEY=SECRET)
    assert message.endswith("did you mean FILES_FS_SECRET_KEY?")
    assert SECRET not in message


@pytest.mark.parametrize("key", ["password", "db_passwd", "api_token", "key", "credentials", "aws_secret", "a"])
def test_settings_are_hidden_where_nothing_is_declared(app, key):
    storage = configure(app, FILES_FS_BACKEND="anything", **{f"FILES_FS_{key.upper()}": SECRET})
    assert repr(storage.config) == str(storage.config)
    assert SECRET not in repr(storage.config)
    assert "'backend': 'anything'" in repr(storage.config)


def test_copies_of_settings_hide_secrets():
    config = Config({"label": SECRET}, secrets=["label"])
    for copied in (copy.copy(config), copy.deepcopy(config)):
        assert copied == config
        assert SECRET not in repr(copied)


def test_the_url_of_a_filesystem_is_secret(app):
    storage = configure(app, FILES_FS_BACKEND="pyfs", FILES_FS_OPEN_URL=f"ftp://user:{SECRET}@localhost/")
    for shown in (repr(storage), repr(storage.config), str(storage.config), repr(storage.backend)):
        assert SECRET not in shown
    assert SECRET not in refusal(app, FILES_FS_OPEN_URL=f"user:{SECRET}@localhost")


def test_a_secret_hides_itself_in_any_repr():
    secret = Option("SECRET_KEY", secret=True).convert(SECRET)
    assert secret == SECRET
    assert str(secret) == f"{secret}" == SECRET
    assert SECRET not in repr([secret, {"key": secret}])
    assert repr(Option("LABEL").convert(SECRET)) == repr(SECRET)


def test_secrets_stay_hidden_while_a_test_keeps_files_in_memory(app):
    storage = configure(app, FILES_FS_BACKEND="pyfs", FILES_FS_OPEN_URL=f"ftp://user:{SECRET}@localhost/")
    with memory_storages(app, storage):
        assert SECRET not in repr(storage.config)
        assert SECRET not in repr(storage.backend.config)


# The settings as an object


def test_settings_are_a_dictionary_and_attributes():
    config = s3({"FS_S3_REGION": "north"})
    assert issubclass(type(config), dict)
    assert config["region"] == config.region == config.get("region") == "north"
    config.region = "south"
    assert config["region"] == "south"
    del config.region
    assert not hasattr(config, "region")
    with pytest.raises(AttributeError, match="region"):
        del config.region


# The sample configuration

SAMPLE = {
    "FS_S3_ENDPOINT": "https://s3-eu-west-2.amazonaws.com",
    "FS_S3_REGION": "eu-west-2",
    "FS_S3_ACCESS_KEY": "ABCDEFGHIJKLMNOQRSTU",
    "FS_S3_SECRET_KEY": "abcdefghiklmnoqrstuvwxyz1234567890abcdef",
    "FS_S3_URL": "https://s3.somewhere.com/",
    "AVATARS_FS_BACKEND": "s3",
    "IMAGES_FS_BACKEND": "s3",
    "FILES_FS_URL": "https://files.somewhere.com/",
}


@pytest.mark.parametrize(
    ("mend", "images_url"),
    [
        ({"IMAGES_FS_URL": "https://images.somewhere.com/"}, "https://images.somewhere.com/"),
        # as it was printed: FILES_FS_URL stands there twice, so the second assignment is all that is left
        ({}, "https://s3.somewhere.com/images/"),
    ],
)
def test_the_sample(tmp_path, mend, images_url):
    app = flask.Flask("tests", instance_path=str(tmp_path))
    app.config.update(SAMPLE, **mend)
    files, avatars, images = fs.Storage("files"), fs.Storage("avatars", fs.IMAGES), fs.Storage("images", fs.IMAGES)
    fs.init_app(app, files, avatars, images)
    assert [(storage.backend_name, storage.base_url, storage.has_url) for storage in (files, avatars, images)] == [
        ("local", "https://files.somewhere.com/", True),
        ("s3", "https://s3.somewhere.com/avatars/", True),
        ("s3", images_url, True),
    ]
    assert files.root == str(tmp_path / "fs" / "files")
    for storage in (avatars, images):
        assert {key: storage.config[key] for key in ("endpoint", "region", "access_key", "secret_key")} == {
            "endpoint": "https://s3-eu-west-2.amazonaws.com",
            "region": "eu-west-2",
            "access_key": "ABCDEFGHIJKLMNOQRSTU",
            "secret_key": "abcdefghiklmnoqrstuvwxyz1234567890abcdef",
        }
        assert storage.root is None


# A model

TEXTS = st.one_of(st.none(), st.text("abc/", min_size=1, max_size=4).filter(lambda text: text.strip("/")))
NUMBERS = st.one_of(st.none(), st.integers(-5, 5), st.integers(-5, 5).map(str))
LAYER = st.fixed_dictionaries(
    {},
    optional={
        "URL": TEXTS,
        "ROOT": TEXTS,
        "PREFIX": TEXTS,
        "REGION": TEXTS,
        "COUNT": NUMBERS,
        "NUMBER": NUMBERS,
        "SERVE": st.sampled_from([None, True, False, "true", "off"]),
    },
)
MODEL_OPTIONS = (
    Option("ROOT", named=True, default="nowhere"),
    Option("REGION", default="here"),
    Option("COUNT", "int", default=7, aliases=("NUMBER",)),
)


def first_set(layers, *keys):
    """Return the place of the first layer that sets one of the keys, and the value."""
    for place, layer in enumerate(layers):
        for key in keys:
            if layer.get(key) is not None:
                return place, layer[key]
    return None, None


@given(name=st.sampled_from(["files", "my-files", "my.big-files"]), layers=st.lists(LAYER, min_size=3, max_size=3))
def test_resolve_agrees_with_a_model(name, layers):
    own, backend, app = layers
    own_key = name.upper().replace("-", "_").replace(".", "_")
    settings = {f"{own_key}_FS_{key}": value for key, value in own.items()}
    settings |= {f"FS_TAPE_{key}": value for key, value in backend.items()}
    settings |= {f"FS_{key}": value for key, value in app.items()}
    config = resolve(settings, name, "tape", MODEL_OPTIONS)

    for key, default in (("URL", None), ("ROOT", "nowhere")):
        place, value = first_set(layers, key)
        if place is None:
            assert config[key.lower()] == default
        elif place == 0:
            assert config[key.lower()] == value
        else:
            assert config[key.lower()] == value.rstrip("/") + "/" + name
    assert config["region"] == (first_set(layers, "REGION")[1] or "here")
    parts = (first_set(layers[:2], "PREFIX")[1] or "").split("/")
    assert config["prefix"] == "/".join(part for part in parts if part)
    count = first_set(layers, "COUNT", "NUMBER")[1]
    assert config["count"] == (7 if count is None else int(count))
    serve = first_set(layers[:2], "SERVE")[1]
    assert config["serve"] is (None if serve is None else serve in (True, "true"))


# What init_app refuses


def test_an_unknown_backend(app):
    message = refusal(app, FILES_FS_BACKEND="cloud")
    assert "'cloud'" in message
    for known in ("local", "memory", "mock", "pyfs", "s3"):
        assert known in message


def test_an_unknown_backend_names_the_keys_that_would_set_it(app):
    assert "FILES_FS_BACKEND" in refusal(app, FILES_FS_BACKEND="cloud")


def test_a_required_key_that_is_missing(app):
    message = refusal(app, FILES_FS_BACKEND="pyfs")
    for key in ("FILES_FS_OPEN_URL", "FS_PYFS_OPEN_URL", "FS_OPEN_URL"):
        assert key in message


def test_a_required_key_of_a_storage_with_a_dash_is_named_as_the_environment_can_hold_it(app):
    assert "USER_FILES_FS_OPEN_URL" in refusal(app, "user-files", USER_FILES_FS_BACKEND="pyfs")


def test_a_required_key_of_a_backend_that_is_built_by_hand():
    with pytest.raises(fs.ConfigurationError, match="ROOT"):
        LocalBackend("files", Config())


@pytest.mark.parametrize("prefix", ["../up", "a/../b", "a\\b", "a\0b"])
def test_a_prefix_that_no_name_may_have(app, prefix):
    assert "FILES_FS_PREFIX" in refusal(app, FILES_FS_PREFIX=prefix)


def test_a_prefix_of_the_app_that_is_no_text(app):
    assert "FS_PREFIX" in refusal(app, FS_PREFIX=["media"])


@pytest.mark.parametrize("below", ["file", "file/deeper", "file/deeper/still"])
@pytest.mark.parametrize("key", ["FILES_FS_ROOT", "FS_LOCAL_ROOT", "FS_ROOT"])
def test_a_root_at_or_below_a_file(app, tmp_path, key, below):
    (tmp_path / "file").write_text("not a directory")
    message = refusal(app, **{key: str(tmp_path / below)})
    assert key in message
    assert str(tmp_path / "file") in message
    assert (tmp_path / "file").read_text() == "not a directory"


@contextmanager
def as_ordinary_user():
    """Be a user whom permissions hold back; root is not."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("below", ["", "deeper", "deeper/still"])
@pytest.mark.parametrize("key", ["FILES_FS_ROOT", "FS_LOCAL_ROOT", "FS_ROOT"])
def test_a_root_that_is_not_writable(app, key, below):
    # outside tmp_path, whose parents an ordinary user may not enter
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        closed = Path(directory, "closed")
        closed.mkdir()
        os.chmod(closed, 0o555)
        with as_ordinary_user():
            message = refusal(app, **{key: str(closed / below)})
        assert key in message
        assert f"{str(closed)!r} is not writable" in message
        assert list(closed.iterdir()) == []


def test_a_root_that_is_writable_for_an_ordinary_user(app):
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o777)
        with as_ordinary_user():
            storage = configure(app, FILES_FS_ROOT=f"{directory}/deeper/still")
            storage.write("a.txt", "a")
        assert storage.read("a.txt") == b"a"


def test_a_refused_storage_is_not_there(app):
    refusal(app, FILES_FS_BACKEND="cloud")
    with app.app_context():
        assert fs.by_name("files") is None
    with pytest.raises(fs.ConfigurationError, match="init_app"):
        fs.Storage("files").exists("a.txt")


def test_init_app_may_be_called_again_after_a_refusal(app):
    refusal(app, FILES_FS_ROOTT="x")
    del app.config["FILES_FS_ROOTT"]
    storage = configure(app)
    storage.write("a.txt", "a")
    assert app.test_client().get("/files/a.txt").data == b"a"
