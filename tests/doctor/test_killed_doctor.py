"""A doctor that is killed leaves no probe that remove_leftovers does not remove, and touches no file of the app."""

import itertools
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from test_stores import answer

from flask_pyfs.doctor.findings import Subject
from flask_pyfs.doctor.probing import examine_store
from flask_pyfs.state import find

CHILD = Path(__file__).with_name("child_doctor.py")
KILLED = signal.SIGKILL


@pytest.fixture
def child():
    """Run an examination in a process, which ``begun`` is told; return how it ended."""
    with subprocess.Popen(
        [sys.executable, str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def run(settings, begun=lambda child: None, calls=0):
            process.stdin.write(json.dumps([settings, calls]) + "\n")
            process.stdin.flush()
            begun(int(process.stdout.readline()))
            return int(process.stdout.readline())

        yield run
        process.stdin.close()


INTERRUPTED = """
import json, sys, flask, flask_pyfs as fs
app = flask.Flask("app", static_folder=None)
app.config.update(json.loads({settings!r}))
fs.init_app(app, fs.Storage("files", fs.ALL))
"""


def left(storage):
    """Return what the store holds under reserved names."""
    return [path for path, _ in storage.backend.store.iter_facts(".flask_pyfs/")]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["s3-moto", "swift"])
def test_killed_at_each_request(kind, app, proxied, child, soak):
    storage, proxy = proxied(kind)
    settings = {key[9:]: value for key, value in app.config.items() if key.startswith("FILES_FS_")}
    left_over = 0
    with app.app_context():
        storage.write("mine.txt", b"of the app")
        # each request before the server gets it, and after that; by default some
        for moment in range(2, 1000, 1 if soak else 18):
            number, is_after = divmod(moment, 2)
            proxy.requests.clear()
            running = []

            def kill(number=number, running=running):
                if len(proxy.requests) == number:
                    # the process is killed while it waits for the answer
                    with suppress(ProcessLookupError):
                        os.kill(running[0], KILLED)
                    return answer(503)
                return None

            if is_after:
                proxy.change = lambda request, given, kill=kill: kill()
            else:
                proxy.ask = lambda request, kill=kill: kill()
            ended = child(settings, running.append)
            proxy.ask = proxy.change = lambda *arguments: None
            if ended != KILLED:
                break
            left_over += len(left(storage))
            assert list(storage.list_files()) == ["mine.txt"]
            assert storage.read("mine.txt") == b"of the app"
            storage.backend.remove_leftovers(-60)
            assert left(storage) == []
    assert ended == 0
    assert number > 12
    assert left_over


@pytest.mark.slow
def test_killed_at_each_command_of_mongodb(app, configured, child, soak):
    storage = configured("gridfs")
    settings = {key[9:]: value for key, value in app.config.items() if key.startswith("FILES_FS_")}
    left_over = 0
    with app.app_context():
        storage.write("mine.txt", b"of the app")
        number, step = 1, 1 if soak else 9
        while (ended := child(settings, calls=number)) == KILLED:
            left_over += len(left(storage))
            assert list(storage.list_files()) == ["mine.txt"]
            storage.backend.remove_leftovers(-60)
            assert left(storage) == []
            number += step
        # chunks without their file are not left either
        assert storage.backend.db["files.files"].count_documents({}) == 1
        assert storage.backend.db["files.chunks"].count_documents({}) == 1
    assert ended == 0
    assert number > 12
    assert left_over


@pytest.mark.slow
def test_killed_at_each_step_on_a_disk(tmp_path, app, configured, child, soak):
    root = tmp_path / "files"
    storage = configured("local", ROOT=str(root))
    left_over = 0
    with app.app_context():
        storage.write("mine.txt", b"of the app")
        number = 1
        while True:
            ended = child({"ROOT": str(root)}, calls=number)
            if ended != KILLED:
                break
            left_over += len([path for path in root.rglob("*") if path.is_file() and path.name != "mine.txt"])
            assert list(storage.list_files()) == ["mine.txt"]
            assert storage.read("mine.txt") == b"of the app"
            storage.backend.remove_leftovers(-60)
            assert [path.name for path in root.rglob("*") if path.is_file()] == ["mine.txt"]
            number += 1
    assert ended == 0
    assert number > 8
    assert left_over


@pytest.mark.parametrize("number", [3, 9])
def test_ctrl_c_leaves_no_probe(number, tmp_path, app, proxied):
    storage, proxy = proxied("s3-moto")
    settings = {key: value for key, value in app.config.items() if key.startswith("FILES_FS_")}
    (tmp_path / "shop.py").write_text(INTERRUPTED.format(settings=json.dumps(settings)))
    command = [sys.executable, "-m", "flask", "--app", "shop", "fs", "doctor"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:

        def interrupt(request, given):
            if len(proxy.requests) == number:
                process.send_signal(signal.SIGINT)

        proxy.change = interrupt
        _, said = process.communicate()
        proxy.change = lambda *arguments: None
    assert process.returncode == 130, said
    assert "Traceback" not in said
    with app.app_context():
        assert left(storage) == []


def test_who_stops_reading_leaves_no_probe(app, configured_app):
    _, storage = configured_app
    with app.app_context():
        for number in range(1, 40):
            found = examine_store(Subject(find(storage)), storage.backend.store, may_list=True)
            taken = list(itertools.islice(found, number))
            found.close()
            assert left(storage) == []
            if len(taken) < number:
                break
        else:
            pytest.fail("it does not end")
