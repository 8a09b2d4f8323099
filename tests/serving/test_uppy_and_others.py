"""Uppy, tus-js-client and upload.js in a real browser, to gunicorn with two workers."""

import hashlib
import json
import random
from contextlib import ExitStack

import flask
import pytest
from backend_settings import MAKERS
from buckets import bare_client
from servers.faults import FaultProxy
from servers.gunicornapp import gunicorn
from servers.npm import files_of
from servers.process import HOST
from servers.s3 import s3_from_environment
from servers.waitressapp import serving
from uppyapp import files as storage
from uppyapp import make_app

import flask_pyfs as fs

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
def serve(scripts, tmp_path_factory):
    """Run gunicorn with two workers, for a storage with some settings; return its port, and an app with the storage."""

    def serve(stack, settings):
        directory = tmp_path_factory.mktemp("gunicorn")
        settings = {f"FILES_FS_{key}": value for key, value in settings.items()}
        settings.setdefault("FILES_FS_ROOT", str(directory / "files"))
        env = {"UPPY_SETTINGS": json.dumps(settings), "UPPY_FILES": str(scripts)}
        options = ("--timeout=120", "--worker-class=gthread", "--threads=4")
        process = stack.enter_context(gunicorn(directory, "uppyapp:app", options=options, env=env))
        app = flask.Flask("reader")
        app.config.update(SECRET_KEY="another", **settings)
        fs.init_app(app, storage)
        stack.enter_context(app.app_context())
        return process.port

    return serve


@pytest.fixture(scope="module")
def port(serve):
    with ExitStack() as stack:
        yield serve(stack, {"BACKEND": "local"})


@pytest.fixture
def film(tmp_path, soak):
    """A file that a user chooses."""
    file = tmp_path / "a film.mp4"
    file.write_bytes(random.Random(1).randbytes((200 if soak else 2) * MIB))
    return file


@pytest.fixture
def empty(port):
    yield
    for name in list(storage.list_files()):
        storage.delete(name)


def send(page, file):
    page.choose_files("[type=file]", file)
    page.evaluate("void send(document.querySelector('[type=file]').files[0])")


def require_stored(page, file):
    page.wait_for("window.isDone || window.failed", 300)
    assert not page.evaluate("window.failed")
    (name,) = storage.list_files()
    digest = hashlib.sha256()
    with storage.open(name, "rb") as stored:
        while piece := stored.read(MIB):
            digest.update(piece)
    assert digest.hexdigest() == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("client", RESUMING)
def test_a_client_goes_on_after_breaks_and_a_reload(port, page, film, client, soak):
    piece = film.stat().st_size // 8
    with FaultProxy(HOST, port) as proxy:
        address = f"{proxy.url}/page/{client}?piece={piece}"
        page.open(address)
        page.connect(bytes_per_second=film.stat().st_size // 2)
        send(page, film)
        page.wait_for("window.sent > 0.3")
        page.connect()
        page.open(address)
        proxy.reset()
        proxy.cut_sent(3 * piece // 2, times=2)
        send(page, film)
        require_stored(page, film)
        # one piece may be lost by each break; a body that was sent before the answer counts as well
        assert proxy.sent < film.stat().st_size * 0.8 + 2 * piece + 100_000


@pytest.mark.usefixtures("empty")
def test_plain_fetch_goes_on_after_breaks(port, page, film):
    piece = film.stat().st_size // 8
    with FaultProxy(HOST, port) as proxy:
        page.open(f"{proxy.url}/page/fetch?piece={piece}")
        # it waits a second before it tries again
        page.evaluate("window.setTimeout = (wait => (work, ms) => wait(work, ms / 20))(window.setTimeout)")
        proxy.reset()
        proxy.cut_sent(5 * piece // 2, times=2)
        send(page, film)
        require_stored(page, film)
        assert proxy.sent < film.stat().st_size + 2 * piece + 100_000


@pytest.mark.parametrize("backend", ["s3", "gridfs", "swift"])
def test_clients_send_to_each_store(serve, page, film, request, backend):
    with ExitStack() as stack:
        port = serve(stack, {"BACKEND": backend, **MAKERS[backend](request, stack)})
        for client in RESUMING:
            page.open(f"http://{HOST}:{port}/page/{client}?piece={MIB}")
            send(page, film)
            require_stored(page, film)
            storage.delete(*storage.list_files())


def test_clients_send_to_memory_on_waitress(page, film, scripts):
    app = make_app(str(scripts), {"FILES_FS_BACKEND": "memory"})
    with serving(app) as served, app.app_context():
        for client in [*RESUMING, "fetch"]:
            # waitress hands a body over when it has come
            page.open(f"{served.url}/page/{client}?piece={MIB}")
            send(page, film)
            require_stored(page, film)
            storage.delete(*storage.list_files())


def test_uppy_sends_parts_and_forms_to_s3(serve, page, film, request):
    with ExitStack() as stack:
        settings = MAKERS["s3"](request, stack)
        endpoint = s3_from_environment() or request.getfixturevalue("moto_endpoint")
        rules = {"AllowedMethods": ["PUT", "POST"], "AllowedOrigins": ["*"], "ExposeHeaders": ["ETag"]}
        bare_client(endpoint).put_bucket_cors(Bucket=settings["BUCKET"], CORSConfiguration={"CORSRules": [rules]})
        port = serve(stack, {"BACKEND": "s3", **settings})
        # more than one part
        film.write_bytes(film.read_bytes() * 4)
        for large in ("", "yes"):
            page.open(f"http://{HOST}:{port}/page/uppy-s3?piece=0&large={large}")
            page.watch_requests()
            send(page, film)
            require_stored(page, film)
            storage.delete(*storage.list_files())
            # none of the bytes went through the app
            asked = [url for _, url in page.requests() if f":{port}/-/" in url]
            assert [url.rpartition("/s3/")[2].partition("?")[0].count("/") for url in asked] == (
                [0, 2, 2, 2] if large else [0]
            )
            assert sum(url.startswith(settings["ENDPOINT"]) for _, url in page.requests()) >= (2 if large else 1)
