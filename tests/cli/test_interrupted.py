"""``flask fs sync`` and ``flask fs migrate`` in processes that are told to stop: by Ctrl-C, SIGTERM, and once more."""

import base64
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from servers.rewriting import RewritingProxy
from servers.s3 import clear_bucket, client
from servers.scripted import ScriptedServer
from swiftclient.client import Connection
from terminals import Terminal

from flask_pyfs.cli.stopping import stoppable

FILES, PASSED = 40, 12
LONG_AGO = 1_000_000_000
CONTENT = {f"2026/{number:03}.jpg": hashlib.sha256(b"%d" % number).digest() * 640 for number in range(FILES)}
SUMS = {name: hashlib.md5(content).hexdigest() for name, content in CONTENT.items()}
APP = """
import flask
import flask_pyfs as fs

app = flask.Flask(__name__)
app.config.from_prefixed_env()
fs.init_app(app, fs.Storage("photos", fs.ALL))
"""
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
GO_ON = "To go on, run the same command again."


@pytest.fixture
def shop(tmp_path):
    """A directory with an app, and files to copy in ``in``."""
    (tmp_path / "shop.py").write_text(APP)
    (tmp_path / "in" / "2026").mkdir(parents=True)
    for name, content in CONTENT.items():
        (tmp_path / "in" / name).write_bytes(content)
        # a copy in the second of its source would be made once more: Swift lists whole seconds
        os.utime(tmp_path / "in" / name, (LONG_AGO, LONG_AGO))
    return tmp_path


@pytest.fixture
def start(shop):
    """Start ``flask fs sync``, or another command, with settings of the storage."""
    started = []

    def start(settings, *arguments, command="sync"):
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "shop", "fs", command, *arguments],
            cwd=shop,
            env={**os.environ, **{f"FLASK_PHOTOS_FS_{key}": value for key, value in settings.items()}},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def s3_settings(url, bucket, key="access", secret="secret"):
    return {
        "BACKEND": "s3",
        "BUCKET": bucket,
        "ENDPOINT": url,
        "REGION": "us-east-1",
        "ACCESS_KEY": key,
        "SECRET_KEY": secret,
    }


@pytest.fixture
def bucket(moto_endpoint):
    """Settings of a storage in an empty bucket of S3, a function for the MD5 of each file in it, and a bare client."""
    name = f"bucket-{uuid.uuid4()}"
    bare = client(moto_endpoint)
    bare.create_bucket(Bucket=name)

    def held():
        pages = bare.get_paginator("list_objects_v2").paginate(Bucket=name)
        return {each["Key"]: each["ETag"].strip('"') for page in pages for each in page.get("Contents", [])}

    yield s3_settings(moto_endpoint.url, name, moto_endpoint.access_key, moto_endpoint.secret_key), held, bare
    clear_bucket(bare, name)


@pytest.fixture
def container(swift_place):
    """The same for an empty container of Swift."""
    name = f"container-{uuid.uuid4()}"
    settings = {"BACKEND": "swift", "CONTAINER": name, "AUTHURL": swift_place.auth_url}
    with closing(Connection(swift_place.auth_url, swift_place.user, swift_place.key, auth_version="1")) as bare:
        bare.put_container(name)

        def held():
            return {each["name"]: each["hash"] for each in bare.get_container(name, full_listing=True)[1]}

        yield {**settings, "USER": swift_place.user, "KEY": swift_place.key}, held, bare


@pytest.fixture
def gate(request):
    """Put a proxy before the server of a storage that lets so many uploads through, and the others when its function
    ``open`` is called; return it.
    """
    opened = threading.Event()
    proxies = []

    def gate(settings, passed):
        key = "ENDPOINT" if "ENDPOINT" in settings else "AUTHURL"
        address = urlsplit(settings[key])
        left = iter(range(passed))

        def ask(request):
            if request.method == "PUT" and len(request.body) > 1000 and next(left, None) is None:
                opened.wait()

        proxy = RewritingProxy(address.hostname, address.port).__enter__()
        proxies.append(proxy)
        proxy.ask = ask
        settings[key] = proxy.url + address.path

    gate.open = opened.set  # type: ignore[attr-defined]
    yield gate
    opened.set()
    for proxy in proxies:
        proxy.__exit__()


def ended(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize(("place", "number"), [("bucket", signal.SIGTERM), ("container", signal.SIGINT)])
def test_what_is_copied_is_whole_and_the_next_run_completes(request, start, gate, place, number):
    settings, held, _ = request.getfixturevalue(place)
    direct = dict(settings)
    gate(settings, PASSED)
    process = start(settings, "in", "photos:", "--verbose")
    for _ in range(PASSED):
        assert process.stdout.readline().startswith("copied 2026/")
    process.send_signal(number)
    assert process.stderr.readline() == "Stopping. Once more ends it at once.\n"
    gate.open()
    code, out, err = ended(process)
    assert (code, err) == (130, f"Stopped. No file is half copied. {GO_ON}\n")
    before = held()
    # some of them, and each whole
    assert PASSED <= len(before) < FILES
    assert before.items() <= SUMS.items()
    # those that it knew of when it stopped
    [known] = map(int, re.findall(r"^(\d+) copied, 0 replaced", out, re.MULTILINE))
    assert PASSED <= known <= len(before)

    code, out, err = ended(start(direct, "in", "photos:"))
    assert (code, err) == (0, "")
    left = FILES - len(before)
    assert out.startswith(f"{left} copied, 0 replaced, 0 deleted, {len(before)} same, 0 failed")
    assert held() == SUMS


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_migration_that_is_stopped_leaves_no_copier(shop, start, bucket, gate, number):
    place, held, _ = bucket

    def moving(target):
        to = {f"TARGET_{key}": value for key, value in target.items() if key != "BACKEND"}
        return {"BACKEND": "migrating", "SOURCE": "local", "SOURCE_ROOT": str(shop / "in"), "TARGET": "s3", **to}

    direct = dict(place)
    gate(place, PASSED)
    process = start(moving(place), "photos", "--verbose", command="migrate")
    for _ in range(PASSED):
        assert process.stdout.readline().startswith("copied 2026/")
    process.send_signal(number)
    lines = iter(process.stderr.readline, "")
    assert "Stopping. Once more ends it at once.\n" in lines
    gate.open()
    code, out, err = ended(process)
    assert (code, err) == (130, f"Stopped. No file is half copied. {GO_ON}\n")
    [known] = map(int, re.findall(r"^(\d+) copied, 0 replaced", out, re.MULTILINE))
    before = {name: md5 for name, md5 in held().items() if name in SUMS}
    assert PASSED <= known <= len(before) < FILES
    assert before.items() <= SUMS.items()

    code, out, _ = ended(start(moving(direct), "photos", "--status", "--json", command="migrate"))
    status = json.loads(out)
    assert (code, status["phase"], status["copiers"], status["done"]) == (0, "copying", 0, len(before))
    code, out, _ = ended(start(moving(direct), "photos", "--json", command="migrate"))
    *files, last = map(json.loads, out.splitlines())
    assert code == 0
    assert {file["name"] for file in files} == SUMS.keys() - before.keys()
    assert (last["kind"], last["copied"], last["missing"]) == ("done", FILES - len(before), 0)


@pytest.mark.server
@pytest.mark.slow
def test_what_is_encrypted_anew_is_whole_and_the_next_run_completes(start, bucket, gate):
    old, new = (base64.b64encode(hashlib.sha256(name).digest()).decode() for name in (b"old", b"new"))
    settings, held, _ = bucket
    assert ended(start({**settings, "ENCRYPTION_KEYS": old}, "in", "photos:"))[0] == 0
    settings["ENCRYPTION_KEYS"] = json.dumps([new, old])
    direct, first = dict(settings), held()
    gate(settings, PASSED)
    process = start(settings, "photos", "--verbose", command="rekey")
    for _ in range(PASSED):
        assert process.stdout.readline().startswith("encrypted 2026/")
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "Stopping. Once more ends it at once.\n"
    gate.open()
    code, out, err = ended(process)
    assert (code, err) == (130, f"Stopped. No file is half done. {GO_ON}\n")
    done = len(held().items() - first.items())
    [known] = map(int, re.findall(r"^(\d+) encrypted, 0 same", out, re.MULTILINE))
    assert PASSED <= known <= done < FILES
    code, out, err = ended(start(direct, "photos", command="rekey"))
    assert (code, err) == (0, "")
    assert out.startswith(f"{FILES - done} encrypted, {done} same, 0 deleted meanwhile, 0 failed")
    # the new key alone reads all of them
    code, out, _ = ended(start({**direct, "ENCRYPTION_KEYS": new}, "--download", "in", "photos:", command="check"))
    assert (code, out.count("= 2026/")) == (0, FILES)


@pytest.mark.slow
def test_no_upload_in_parts_is_left_unfinished(shop, start, bucket, gate):
    settings, held, bare = bucket
    name = settings["BUCKET"]
    gate(settings, 1)
    (shop / "large").mkdir()
    with open(shop / "large" / "film.mp4", "wb") as film:
        film.truncate(40 * 1024 * 1024)
    process = start({**settings, "PART_SIZE": str(5 * 1024 * 1024)}, "large", "photos:")
    # S3 has something of it
    while not any(
        bare.list_parts(Bucket=name, Key=each["Key"], UploadId=each["UploadId"]).get("Parts")
        for each in bare.list_multipart_uploads(Bucket=name).get("Uploads", [])
    ):
        assert process.poll() is None, ended(process)
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "Stopping. Once more ends it at once.\n"
    gate.open()
    code, out, err = ended(process)
    assert code == 130, err
    assert out.startswith("0 copied")
    assert err.endswith(f"{GO_ON}\n")
    assert held() == {}
    assert bare.list_multipart_uploads(Bucket=name).get("Uploads", []) == []


@pytest.mark.server
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_the_second_one_ends_it_at_once(shop, start, second):
    # a store that lists nothing, and never answers an upload
    def answer(request):
        if request.command == "GET":
            body = b"<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
            request.send_response(200)
            request.send_header("Content-Type", "application/xml")
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)
        else:
            server.over.wait()

    with ScriptedServer(answer) as server:
        process = start(s3_settings(server.url, "photos"), "in", "photos:")
        while not any(method == "PUT" for method, *_ in server.received):
            assert process.poll() is None, ended(process)
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        # it waits for the answers
        assert process.stderr.readline() == "Stopping. Once more ends it at once.\n"
        process.send_signal(second)
        code, out, err = ended(process)
    assert (code, out, err) == (130, "", "")


@pytest.mark.server
def test_ctrl_c_while_the_store_lists(shop, start):
    def answer(request):
        server.over.wait()

    with ScriptedServer(answer) as server:
        process = start(s3_settings(server.url, "photos"), "photos:", "out")
        while not server.received:
            assert process.poll() is None, ended(process)
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        code, out, err = ended(process)
    assert code == 130
    assert err.endswith(f"{GO_ON}\n")
    assert out.startswith("0 copied")


def on_terminal(shop, settings):
    environment = {f"FLASK_PHOTOS_FS_{key}": value for key, value in settings.items()}
    argv = [sys.executable, "-m", "flask", "--app", "shop", "fs", "sync", "in", "photos:"]
    return Terminal(argv, cwd=shop, **environment)


def test_the_terminal_is_as_before(shop, bucket, gate):
    settings, held, _ = bucket
    gate(settings, 1)
    terminal = on_terminal(shop, settings)
    terminal.read_until(f" of {FILES} files")
    terminal.process.send_signal(signal.SIGINT)
    terminal.read_until("Stopping. Once more ends it at once.")
    gate.open()
    shown = terminal.end(code=130)
    assert shown.index("Stopping. Once more ends it at once.\r\n") > shown.index(HIDE_CURSOR)
    assert shown.endswith(f"Stopped. No file is half copied. {GO_ON}\r\n")
    assert shown.rindex(SHOW_CURSOR) > shown.rindex(HIDE_CURSOR)
    assert held().items() <= SUMS.items()


@pytest.mark.server
def test_the_cursor_comes_back_at_once(shop):
    def answer(request):
        server.over.wait()

    with ScriptedServer(answer) as server:
        terminal = on_terminal(shop, s3_settings(server.url, "photos"))
        terminal.read_until("listing the files")
        terminal.process.send_signal(signal.SIGINT)
        # it waits for the answer, or ends if it need not
        terminal.read_until("Stopping. Once more ends it at once.")
        terminal.process.send_signal(signal.SIGINT)
        shown = terminal.end(code=130)
    assert shown.rindex(SHOW_CURSOR) > shown.rindex(HIDE_CURSOR)


@pytest.mark.server
def test_a_second_signal_while_the_process_ends(shop):
    (shop / "shop.py").write_text(
        APP + "import atexit, time\natexit.register(lambda: (print('ending'), time.sleep(60)))\n"
    )

    stopped = threading.Event()

    def answer(request):
        # the process ends when the request ends
        stopped.wait()
        request.close_connection = True

    with ScriptedServer(answer) as server:
        terminal = on_terminal(shop, s3_settings(server.url, "photos") | {"RETRIES": "0"})
        terminal.read_until("listing the files")
        terminal.process.send_signal(signal.SIGINT)
        terminal.read_until("Once more ends it at once")
        stopped.set()
        terminal.read_until("ending")
        terminal.process.send_signal(signal.SIGINT)
        terminal.end(code=130)


WAITING = """
import signal, sys, threading
from flask_pyfs.cli.stopping import stoppable

with stoppable():
    try:
        print("running", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        # another thread gets the second one, so that nothing wakes this one up
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
        print("waiting", flush=True)
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
"""


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_the_second_one_needs_no_thread_that_waits(second):
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(second)
        try:
            assert process.wait(10) == 130
        finally:
            process.kill()


def test_a_block_that_was_not_stopped_leaves_the_handlers_alone():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stoppable():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
