"""Of several processes that ask for a thumbnail at once, one makes it, on every store that processes share."""

import io
import json
import math
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import flask
import pytest
from PIL import Image
from servers.faults import FaultProxy
from serving.conftest import on_servers

import flask_pyfs as fs
from flask_pyfs.fields.image import ImageReference
from flask_pyfs.fields.settings import ImageSettings
from flask_pyfs.leases import once as leases
from flask_pyfs.leases.shared import Busy
from flask_pyfs.state import find

CHILD = Path(__file__).parent / "child_lazy.py"
PROCESSES = 2


def children(settings, url):
    """Let processes ask for a URL at once; return how many rendered, and their answers."""
    command = [sys.executable, str(CHILD), json.dumps(settings), url]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    running = [subprocess.Popen(command, text=True, **pipes) for _ in range(PROCESSES)]
    events: queue.Queue[tuple[subprocess.Popen[str], str]] = queue.Queue()

    def listen(child):
        for line in child.stdout:
            events.put((child, line.strip()))
        events.put((child, "ended"))

    threads = [threading.Thread(target=listen, args=(child,)) for child in running]
    for thread in threads:
        thread.start()
    heard: dict[subprocess.Popen[str], list[str]] = {child: [] for child in running}
    held, everybody_knows = [], False
    try:
        while any("ended" not in events for events in heard.values()):
            child, event = events.get(timeout=120)
            heard[child].append(event)
            if event == "ready" and all(heard.values()):
                for each in running:
                    go_on(each)
            if event == "rendering":
                held.append(child)
            # nobody is done before the others have asked
            others = [heard[each] for each in running if each not in held]
            everybody_knows |= bool(held) and all("waiting" in events for events in others)
            while everybody_knows and held:
                go_on(held.pop())
        errors = "".join(child.stderr.read() for child in running)
    finally:
        for child in running:
            child.kill()
            child.wait()
        for thread in threads:
            thread.join()
        for child in running:
            for pipe in (child.stdin, child.stdout, child.stderr):
                pipe.close()
    renders = sum(events.count("rendering") for events in heard.values())
    answers = [json.loads(event) for events in heard.values() for event in events if event.startswith("[")]
    assert len(answers) == PROCESSES, errors
    return renders, answers


def go_on(child):
    child.stdin.write("\n")
    child.stdin.flush()


@pytest.mark.parametrize("kind", ["local", *on_servers(["s3-moto", "gridfs", "swift"])])
def test_it_is_made_once(kind, place_on, tmp_path):
    with place_on(kind) as place:
        settings = {"FS_SERVE": True, "SECRET_KEY": "secret", "FS_ROOT": str(tmp_path / "root")}
        settings |= {f"AVATARS_FS_{key}": value for key, value in place.items()}
        app = flask.Flask("tests")
        app.config.update(settings)
        storage = fs.Storage("avatars", fs.IMAGES)
        fs.init_app(app, storage)
        avatar = ImageReference(ImageSettings(storage, thumbnails=(100,), process="lazy"))
        with app.app_context():
            picture = io.BytesIO()
            Image.effect_noise((400, 300), 50).save(picture, "PNG")
            picture.seek(0)
            avatar.save(picture, "a.png")
            renders, answers = children(settings, avatar(100))
            assert (renders, answers[0][0], answers) == (1, 200, [answers[0]] * PROCESSES)
            assert sorted(storage.list_files()) == sorted(["a.png", avatar.thumbnails["100"]])
            assert storage.backend.remove_leftovers(0) == 0


@pytest.mark.parametrize("kind", ["local", "memory", "pyfs", *on_servers(["s3-moto", "gridfs", "swift"])])
@pytest.mark.parametrize("prefix", ["", "below/it"])
def test_a_lease_belongs_to_its_holder_until_it_is_swept(kind, prefix, app, configure_storage, place_on):
    files, failure = ["a.png", "d/b.png", "flask_pyfs/c.png"], fs.UnauthorizedFileType("damaged")
    with place_on(kind) as place, app.app_context():
        storage = configure_storage("avatars", {**place, "PREFIX": prefix})
        for name in files:
            storage.write(name, b"content")

        def taken(lifetime=60):
            return leases._taken(find(storage), "key", lifetime, math.inf)

        def sweep(older_than):
            return [storage.backend.remove_leftovers(older_than, dry_run=dry_run) for dry_run in (True, False)]

        of_the_dead = taken()
        assert (taken(), sweep(60), taken(), sweep(-60), sweep(-60)) == (None, [0, 0], None, [1, 1], [0, 0])
        lease = taken()
        for end in (of_the_dead.release, lambda: of_the_dead.fail(failure)):
            # it is not dead after all
            end()
            assert taken() is None
        lease.fail(failure)
        with pytest.raises(fs.UnauthorizedFileType):
            taken()
        # this one deletes what has expired
        assert taken(lifetime=-60) is None
        taken().release()
        assert sweep(-60) == [0, 0]
        assert sorted(storage.list_files()) == files


@pytest.mark.server
def test_a_store_that_is_too_slow_to_decide_holds_nobody(app, configure_storage, place_on, monkeypatch):
    calls: list[Any] = []

    def ask(seconds):
        """Ask for it with patience for 10 seconds, while each look at the clock takes some."""
        clock = SimpleNamespace(sleep=calls.append, monotonic=count(0, seconds).__next__)
        with monkeypatch.context() as patch:
            patch.setattr(leases, "time", clock)
            leases.once(find(storage), "key", lambda: calls.append("made"), bool, lifetime=60, patience=10)

    with place_on("swift") as place, app.app_context():
        storage = configure_storage("avatars", place)
        with pytest.raises(Busy):
            ask(5)
        assert (calls, storage.backend.remove_leftovers(-60)) == ([], 0)
        ask(1)
        assert calls == [4, "made"]
        assert storage.backend.remove_leftovers(-60) == 0


@pytest.mark.parametrize(
    ("kind", "address", "takes"),
    [("s3-moto", "ENDPOINT", ["PUT"]), ("swift", "AUTHURL", ["PUT", "GET"])],
)
@pytest.mark.server
def test_what_a_lease_costs(kind, address, takes, app, configure_storage, place_on):
    events: list[str] = []

    def once(patience):
        """Return the methods of the requests, and what happened between them."""
        proxy.reset()
        with suppress(Busy):
            leases.once(find(storage), "key", make, lambda: storage.exists("absent"), lifetime=60, patience=patience)
        return sent()

    def make():
        events.extend([*sent(), "made"])

    def sent():
        found = [*events, *(line.partition(" ")[0] for line in proxy.requests)]
        events.clear()
        proxy.reset()
        return found

    with place_on(kind) as place, app.app_context():
        server = urlsplit(place[address])
        with FaultProxy(server.hostname, server.port) as proxy:
            storage = configure_storage("avatars", {**place, address: proxy.url + server.path})
            # the first also logs in
            once(60)
            assert once(60) == [*takes, "HEAD", "made", "HEAD", "DELETE"]
            lease = leases._taken(find(storage), "key", 60, math.inf)
            assert once(0) == ["PUT", "GET", "HEAD"]
            lease.release()
