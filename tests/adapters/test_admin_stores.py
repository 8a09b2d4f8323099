"""StorageAdmin on the stores that have no directories."""

import unicodedata
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest
from servers.faults import FaultProxy
from serving.conftest import commands, make_place
from test_admin_files import Manager, links_of, walk_through

import flask_pyfs as fs

pytestmark = pytest.mark.server

NFD = unicodedata.normalize("NFD", "café")


@pytest.fixture(params=["s3-moto", "gridfs", "swift"])
def counted(request, app):
    """A manager on a store, and what counts the requests to it."""
    with make_place(request.param, request) as settings, ExitStack() as stack:
        if request.param != "gridfs":
            key = "AUTHURL" if request.param == "swift" else "ENDPOINT"
            address = urlsplit(settings[key])
            proxy = stack.enter_context(FaultProxy(address.hostname, address.port))
            settings[key] = proxy.url + address.path
        storage = fs.Storage("papers", fs.ALL)
        app.config.update({f"PAPERS_FS_{key}": value for key, value in settings.items()})
        fs.init_app(app, storage)

        @contextmanager
        def requests():
            if request.param == "gridfs":
                with commands() as sent:
                    yield sent
            else:
                proxy.reset()
                yield proxy.requests

        yield Manager(app, storage), requests


@pytest.fixture
def manager(counted):
    return counted[0]


def test_everything_once(manager):
    walk_through(manager)


def test_one_request_lists_a_directory(counted):
    manager, requests = counted
    for name in ("d/a.txt", "d/e/b.txt", "d/e/c.txt", "f.txt"):
        manager.storage.write(name, "x")
    # there is a token, and a connection
    manager.rows()
    for path, rows in (("", ["d/", "f.txt"]), ("d", ["a.txt", "e/"])):
        with requests() as sent:
            assert manager.rows(path) == rows
        assert len(sent) == 1, sent


def test_every_name_is_shown_and_is_that_file(manager):
    files = manager.storage.fs
    names = ["a//b.txt", "/lead.txt", "a/c.txt", f"{NFD}.txt", "café.txt", "a\\b.txt", "both", "both/x.txt", "~d/x"]
    for name in names:
        with files.open_write(name) as file:
            file.write(name.encode())
    rows = ["/lead.txt", "a/", "a\\b.txt", "both", "both/", f"{NFD}.txt", "café.txt", "~d/"]
    assert sorted(manager.rows()) == sorted(rows)
    assert manager.rows("a") == ["/b.txt", "c.txt"]
    assert manager.rows("both") == ["x.txt"]
    links = [link for path in ("", "a", "both", "~d") for link, _ in links_of(manager.page(path)) if "download" in link]
    assert sorted(manager.client.get(link).text for link in links) == sorted(names)
    # the file alone, then the directory
    assert manager.delete("both") == ['File "both" was successfully deleted.']
    assert manager.rows("both") == ["x.txt"]
    assert manager.delete("both") == ['Directory "both" was successfully deleted.']
    assert manager.delete(f"{NFD}.txt") == [f'File "{NFD}.txt" was successfully deleted.']
    assert manager.rename("a//b.txt", "d.txt") == ['Successfully renamed "b.txt" to "d.txt"']
    assert manager.rows("a") == ["c.txt", "d.txt"]
    left = set(manager.storage.list_files())
    assert {"/lead.txt", "a/c.txt", "a\\b.txt", "café.txt", "~d/x"} <= left
    assert f"{NFD}.txt" not in left


def test_a_page_has_no_more_rows_than_it_may(manager):
    for number in range(5):
        manager.storage.write(f"f{number}.txt", "x")
        manager.storage.write(f"g{number}/x.txt", "x")
    manager.view.storage._page_size = 4
    seen = [manager.rows(page=number) for number in (1, 2, 3)]
    assert [len(rows) for rows in seen] == [4, 4, 2]
    assert len({row for rows in seen for row in rows}) == 10
