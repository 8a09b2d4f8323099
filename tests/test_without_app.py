"""Storages of scripts, which are configured by an object that is no app."""

from collections import UserDict
from types import MappingProxyType, SimpleNamespace

import flask
import pytest

import flask_pyfs as fs
from flask_pyfs.testing import memory_storages


class Job:
    """The configuration that a job got with its orders."""

    def __init__(self, config):
        self.config = config


def job(tmp_path, **settings):
    return {"version": 2, "FS_BACKEND": "local", "FS_ROOT": str(tmp_path / "job"), **settings}


@pytest.fixture
def storage(tmp_path):
    storage = fs.Storage("movies", fs.ALL, overwrite=True)
    storage.configure(Job(job(tmp_path)))
    return storage


@pytest.mark.parametrize("mapping", [dict, UserDict, MappingProxyType, flask.Config], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("holder", [Job, lambda config: SimpleNamespace(config=config)])
def test_any_object_with_a_configuration(tmp_path, mapping, holder):
    config = mapping(str(tmp_path), job(tmp_path)) if mapping is flask.Config else mapping(job(tmp_path))
    storage = fs.Storage("movies", overwrite=True)
    storage.configure(holder(config))
    storage.write("a-1", b"content")
    assert b"".join(storage.read_chunks("a-1")) == b"content"
    assert (tmp_path / "job" / "movies" / "a-1").read_bytes() == b"content"
    assert dict(config) == job(tmp_path)


def test_everything_works(storage, tmp_path):
    storage.write("a.txt", b"1")
    storage.copy("a.txt", "b.txt")
    storage.move("b.txt", "c.txt")
    assert sorted(storage.list_files()) == ["a.txt", "c.txt"]
    with storage.open("a.txt") as file:
        assert file.read() == "1"
    assert storage.metadata("a.txt")["url"] == storage.url("a.txt") == "/movies/a.txt"
    assert storage.base_url == "/movies/"
    assert (storage.root, storage.backend_name) == (str(tmp_path / "job" / "movies"), "local")
    assert not storage.is_served
    storage.delete("a.txt")
    assert "a.txt" not in storage


def test_its_settings_are_those_of_apps(tmp_path):
    storage = fs.Storage("movies")
    settings = {"FS_PREFIX": "media", "SECRET_KEY": "k", "SERVER_NAME": "x.example.org", "MOVIES_FS_DENY": "exe"}
    storage.configure(Job(job(tmp_path, **settings)))
    assert storage.url("a.txt", external=True) == "http://x.example.org/media/movies/a.txt"
    assert "signature=" in storage.url("a.txt", expires=60)
    assert storage.config.deny == ["exe"]


NAME = "a b/é?#%41!$&'()*+,:;=@[]~-_.txt"


@pytest.mark.parametrize("external", [True, False])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"FS_PREFIX": "/media"},
        {"APPLICATION_ROOT": "/site"},
        {"SERVER_NAME": "x.example.org", "PREFERRED_URL_SCHEME": "https"},
        {"SERVER_NAME": "x.example.org", "APPLICATION_ROOT": "/site/", "FS_PREFIX": "media/"},
        {"FS_URL": "https://cdn.example.org/x"},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [Job, flask.Flask])
def test_urls_are_those_of_an_app_that_serves_the_files(tmp_path, settings, external, kind):
    storage, script = fs.Storage("movies"), fs.Storage("movies")
    app = flask.Flask("tests")
    app.config.update(job(tmp_path, **settings))
    fs.init_app(app, storage)
    if kind is Job:
        script.configure(Job(job(tmp_path, **settings)))
    else:
        other = flask.Flask("other")
        other.config.update(app.config)
        script.configure(other)
    if external and settings.keys().isdisjoint(("SERVER_NAME", "FS_URL")):
        for either in (script, storage):
            with pytest.raises(RuntimeError, match="SERVER_NAME"):
                either.url(NAME, external)
    else:
        assert script.url(NAME, external) == storage.url(NAME, external)
    assert script.base_url == storage.base_url


def test_urls_in_a_request_to_an_app_without_routes(tmp_path):
    app = flask.Flask("tests")
    app.config.update(job(tmp_path))
    storage = fs.Storage("movies")
    storage.configure(app)
    with app.test_request_context("/", base_url="https://x.example.org/site"):
        assert storage.url("a.txt") == "/site/movies/a.txt"
        assert storage.url("a.txt", external=True) == "https://x.example.org/site/movies/a.txt"
        assert storage.base_url == "https://x.example.org/site/movies/"


def test_a_wrong_setting_is_refused(tmp_path):
    storage = fs.Storage("movies")
    with pytest.raises(fs.ConfigurationError, match="MOVIES_FS_RROT"):
        storage.configure(Job(job(tmp_path, MOVIES_FS_RROT="x")))
    with pytest.raises(fs.ConfigurationError, match="MOVIES_FS_ROOT or FS_LOCAL_ROOT or FS_ROOT"):
        storage.configure(Job({}))


def test_it_applies_on_apps_that_have_not_configured_the_storage(storage, tmp_path):
    storage.write("a.txt", b"1")
    app = flask.Flask("tests")
    with app.app_context():
        assert storage.read("a.txt") == b"1"
    fs.init_app(app, fs.Storage("others"))
    with app.app_context():
        assert storage.read("a.txt") == b"1"
        assert fs.by_name("movies") is None


def test_an_app_that_configures_the_storage_has_its_own(storage, tmp_path):
    app = flask.Flask("tests")
    app.config["FS_ROOT"] = str(tmp_path / "app")
    fs.init_app(app, storage)
    storage.configure(Job(job(tmp_path)))
    assert storage.root == str(tmp_path / "job" / "movies")
    with app.app_context():
        assert storage.root == str(tmp_path / "app" / "movies")
    fs.init_app(app, storage)
    assert storage.root == str(tmp_path / "app" / "movies")


def test_it_can_be_configured_again(storage, tmp_path):
    storage.configure(Job({"FS_BACKEND": "memory"}))
    assert storage.backend_name == "memory"
    storage.configure(Job(job(tmp_path)))
    assert storage.backend_name == "local"


def test_its_parts_can_be_assigned(storage, tmp_path):
    storage.root = tmp_path / "elsewhere"
    with flask.Flask("tests").app_context():
        storage.write("a.txt", b"1")
    assert (tmp_path / "elsewhere" / "a.txt").read_bytes() == b"1"


def test_storages_in_memory_give_it_back(storage, tmp_path):
    app = flask.Flask("tests")
    fs.init_app(app)
    with memory_storages(app, storage):
        storage.write("a.txt", b"1")
    assert not storage.exists("a.txt")
    assert storage.root == str(tmp_path / "job" / "movies")
