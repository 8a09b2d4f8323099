import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from places import make_place
from servers.rewriting import RewritingProxy

import flask_pyfs as fs
from flask_pyfs.doctor import examine

sys.path += [str(Path(__file__).parents[1] / name) for name in ("gridfs", "robustness")]

KEY = "a long and random text of an app"


@pytest.fixture
def app(app, tmp_path, monkeypatch):
    """An app as it should be in production."""
    # the directories of tests are among the temporary files
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    app.config["SECRET_KEY"] = KEY
    return app


@pytest.fixture
def place_on(request):
    """Make a place on a kind of store, and return the settings of a storage there."""
    entered = []

    def place_on(kind):
        entered.append(make_place(kind, request))
        return entered[-1].__enter__()

    yield place_on
    for place in entered:
        place.__exit__(None, None, None)


@pytest.fixture
def configured(configure_storage, place_on):
    """Configure a storage on a kind of store, with further settings."""

    def configured(kind, name="files", **settings):
        return configure_storage(name, {**place_on(kind), **settings})

    return configured


@pytest.fixture
def proxied(place_on, configure_storage):
    """Configure a storage whose server is behind a proxy, and return both."""
    proxies = []

    def proxied(kind, **settings):
        place = place_on(kind)
        key = "ENDPOINT" if kind.startswith("s3") else "AUTHURL"
        address = urlsplit(place[key])
        proxy = RewritingProxy(address.hostname, address.port).__enter__()
        proxies.append(proxy)
        place[key] = proxy.url + address.path
        return configure_storage("files", {**place, "RETRIES": 0, **settings}), proxy

    yield proxied
    for proxy in proxies:
        proxy.__exit__()


@pytest.fixture
def findings(app):
    """Examine the app, and return the findings of its storages by check; those of the app as a whole with None."""

    def findings(storage: str | None = "files", **options):
        found = list(examine(app, **options))
        for finding in found:
            assert "\n" not in finding.message
            assert len(finding.message) <= 400
        return {finding.check: finding for finding in found if finding.storage == storage}

    return findings


@pytest.fixture
def configured_app(app):
    """Configure a storage in the memory of the process, and return it with the app."""
    storage = fs.Storage("files", fs.ALL)
    app.config["FILES_FS_BACKEND"] = "memory"
    fs.init_app(app, storage)
    return app, storage
