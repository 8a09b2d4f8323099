"""Uppy, tus-js-client and upload.js in a real browser, to gunicorn with two workers."""

import hashlib
import json
import random
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from backend_settings import MAKERS, allow_pages
from servers.faults import FaultProxy
from servers.gunicornapp import gunicorn
from servers.npm import files_of
from servers.process import HOST
from servers.s3 import s3_from_environment
from servers.waitressapp import serving
from uppyapp import make_app, storages

from flask_pyfs.filesystems.parts import SMALLEST_PART

MIB = 1024 * 1024
RESUMING = ["uppy-tus", "tus", "ours"]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """The directory of the scripts that npm has."""
    directory = tmp_path_factory.mktemp("js")
    files_of("uppy-6.0.1", directory, "dist/uppy.min.js")
    files_of("tus-js-client-4.3.1", directory, "dist/tus.min.js")
    return directory


@pytest.fixture(scope="module")
def bucket_proxy(request):
    """A proxy between pages and S3."""
    endpoint = s3_from_environment() or request.getfixturevalue("moto_endpoint")
    host, _, port = urlsplit(endpoint.url).netloc.partition(":")
    with FaultProxy(host, int(port)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def port(scripts, bucket_proxy, request, tmp_path_factory):
    """The port of gunicorn with two workers, whose storages this process has as well."""
    directory = tmp_path_factory.mktemp("gunicorn")
    settings = {"LOCAL_FS_BACKEND": "local", "LOCAL_FS_ROOT": str(directory / "files")}
    with ExitStack() as stack:
        for backend, make in MAKERS.items():
            values = {"BACKEND": backend, **make(request, stack)}
            settings |= {f"{backend.upper()}_FS_{key}": value for key, value in values.items()}
        allow_pages(request, settings["S3_FS_BUCKET"])
        settings["S3_FS_PUBLIC_ENDPOINT"] = bucket_proxy.url
        env = {"UPPY_SETTINGS": json.dumps(settings), "UPPY_FILES": str(scripts)}
        options = ("--timeout=120", "--worker-class=gthread", "--threads=4")
        process = stack.enter_context(gunicorn(directory, "uppyapp:app", options=options, env=env))
        stack.enter_context(make_app(str(scripts), settings).app_context())
        yield process.port


@pytest.fixture
def film(tmp_path, soak):
    """A file that a user chooses."""
    file = tmp_path / "a film.mp4"
    file.write_bytes(random.Random(1).randbytes((200 if soak else 2) * MIB))
    return file


def send(page, file):
    page.choose_files("[type=file]", file)
    page.evaluate("void send(document.querySelector('[type=file]').files[0])")


def require_stored(page, file, storage):
    """Wait until a storage has a file and no other, and delete that."""
    page.wait_for("window.isDone || window.failed", 300)
    assert not page.evaluate("window.failed")
    (name,) = storage.list_files()
    digest = hashlib.sha256()
    with storage.open(name, "rb") as stored:
        while piece := stored.read(MIB):
            digest.update(piece)
    storage.delete(name)
    assert digest.hexdigest() == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("client", RESUMING)
def test_a_client_goes_on_after_breaks_and_a_reload(port, page, film, client):
    piece = film.stat().st_size // 8
    with FaultProxy(HOST, port) as proxy:
        address = f"{proxy.url}/page/{client}/local?piece={piece}"
        page.open(address)
        page.connect(bytes_per_second=film.stat().st_size)
        send(page, film)
        page.wait_for("window.sent > 0.6")
        page.connect()
        page.open(address)
        proxy.reset()
        proxy.cut_sent(3 * piece // 2)
        send(page, film)
        require_stored(page, film, storages["local"])
        # half of it was there; the break costs two pieces at most, as Chromium itself sends one that broke off again
        assert proxy.sent < 6 * piece + 200_000


def test_plain_fetch_goes_on_after_breaks(port, page, film):
    piece = film.stat().st_size // 8
    with FaultProxy(HOST, port) as proxy:
        page.open(f"{proxy.url}/page/fetch/local?piece={piece}")
        # it waits a second before it tries again
        page.evaluate("window.setTimeout = (wait => (work, ms) => wait(work, ms / 20))(window.setTimeout)")
        proxy.reset()
        proxy.cut_sent(7 * piece // 2, times=2)
        send(page, film)
        require_stored(page, film, storages["local"])
        # each break costs two pieces at most, as Chromium itself sends the one that broke off again
        assert proxy.sent < film.stat().st_size + 4 * piece + 100_000


@pytest.mark.parametrize(("backend", "chosen"), [*zip(MAKERS, RESUMING, strict=True)])
def test_clients_send_to_each_store(port, page, film, backend, chosen, soak):
    # a client does not know which store it is
    for client in RESUMING if soak else [chosen]:
        page.open(f"http://{HOST}:{port}/page/{client}/{backend}?piece={MIB}")
        send(page, film)
        require_stored(page, film, storages[backend])


def test_clients_send_to_memory_on_waitress(page, film, scripts):
    app = make_app(str(scripts), {"MEMORY_FS_BACKEND": "memory"})
    with serving(app) as served, app.app_context():
        for client in [*RESUMING, "fetch"]:
            # waitress hands a body over when it has come
            page.open(f"{served.url}/page/{client}/memory?piece={MIB}")
            send(page, film)
            require_stored(page, film, storages["memory"])


@pytest.mark.parametrize("large", ["", "yes"], ids=["form", "parts"])
def test_uppy_sends_to_s3_without_the_app(port, page, film, large):
    # more than one part
    film.write_bytes(film.read_bytes() * 4)
    page.open(f"http://{HOST}:{port}/page/uppy-s3/s3?piece=0&large={large}")
    page.watch_requests()
    send(page, film)
    require_stored(page, film, storages["s3"])
    # the form; or the beginning, the parts and the completion
    parts = -(-film.stat().st_size // SMALLEST_PART)
    slashes = [0, *[2] * parts, 2] if large else [0]
    asked = [url.rpartition("/s3/")[2] for _, url in page.requests() if "/-/" in url]
    assert [url.partition("?")[0].count("/") for url in asked] == slashes


def test_uppy_goes_on_with_parts_after_a_break_and_a_reload(port, bucket_proxy, page, film):
    # four parts
    film.write_bytes(random.Random(2).randbytes(16 * MIB))
    address = f"http://{HOST}:{port}/page/uppy-s3/s3?piece=0&large=yes"
    page.open(address)
    page.connect(bytes_per_second=16 * MIB)
    send(page, film)
    page.wait_for("window.sent > 0.6")
    page.connect()
    page.open(address)
    page.watch_requests()
    bucket_proxy.reset()
    bucket_proxy.cut_sent(MIB)
    send(page, film)
    require_stored(page, film, storages["s3"])
    # a part of 5 MiB was there, and the break costs no more than one
    assert bucket_proxy.sent < 13 * MIB
    # nothing is begun again, nor left for the next upload
    assert not [url for _, url in page.requests() if "/parts/" in url or url.endswith("/s3/multipart")]
    assert page.evaluate("localStorage.length") == 0
