"""The recipe of the documentation: a task of Celery for each part of the names, and two real workers."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "shards"
FILES, PARTS = 60, 5

WRITE = f"""
from celery_sync import app, photos

with app.app_context():
    for number in range({FILES}):
        photos.write(f"2026/{{number}}.jpg", str(number).encode())
"""
SEND = f"from celery_sync import copy_all; copy_all({PARTS})"
COMPARE = """
from celery_sync import app, archive, photos

with app.app_context():
    for storage in (photos, archive):
        print(sorted((name, storage.read(name)) for name in storage.list_files()))
"""
# the first process that has a task is killed
KILLED = """
import os
import signal

from celery.signals import task_prerun

from celery_sync import celery


@task_prerun.connect
def kill(**_):
    try:
        os.close(os.open("killed", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
"""
TRIES = """
import celery_sync
import flask_pyfs as fs
from flask_pyfs.transfer import Event, Report

def sync(*_, **__):
    report = Report()
    tried.append(report)
    for error in errors:
        report.add(Event("failed", "a.jpg", error=error))
    return report

celery_sync.sync = sync
for errors in ([fs.PermissionDenied("a")], [fs.PermissionDenied("a"), fs.BackendError("b")], [fs.VersionChanged("c")]):
    tried = []
    result = celery_sync.copy_part.apply((1, 1)).result
    print(len(tried), type(result).__name__)
"""


@pytest.fixture
def environment(tmp_path):
    folders = {name: tmp_path / name for name in ("in", "processed")}
    for folder in folders.values():
        folder.mkdir()
    options = {
        "data_folder_in": str(folders["in"]),
        "data_folder_out": str(folders["in"]),
        "processed_folder": str(folders["processed"]),
        "store_processed": True,
        # in seconds
        "polling_interval": 0.1,
    }
    # each worker takes one task, and the next when that is done
    broker = {"broker_url": "filesystem://", "broker_transport_options": options, "worker_prefetch_multiplier": 1}
    return {
        **os.environ,
        "PYTHONPATH": str(EXAMPLE),
        "FLASK_CELERY": json.dumps(broker),
        "FLASK_FS_ROOT": str(tmp_path / "files"),
    }


def run(program, environment, directory):
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=directory, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def work(environment, directory, app="celery_sync", pool="solo"):
    """Run two workers until all tasks are done, and return what the tasks returned."""
    argv = [sys.executable, "-m", "celery", "--app", f"{app}.celery", "worker", "--pool", pool]
    options = [
        "--loglevel",
        "INFO",
        "--concurrency",
        "1",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]
    reader, writer = os.pipe()
    workers = [
        subprocess.Popen(
            [*argv, *options, "--hostname", f"{name}@localhost"],
            env=environment,
            cwd=directory,
            stdout=writer,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        for name in ("first", "second")
    ]
    os.close(writer)
    # they say nothing more if they hang
    watch = threading.Timer(120, lambda: [os.killpg(worker.pid, signal.SIGKILL) for worker in workers])
    watch.start()
    said, done = [], []
    try:
        with open(reader) as lines:
            for line in lines:
                said.append(line)
                done += re.findall(r"\] (?:succeeded in \S+: (.*)|raised.*|retry.*)", line)
                if len(done) == PARTS:
                    break
    finally:
        watch.cancel()
        for worker in workers:
            # with the processes that it started
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
    assert [bool(each) for each in done] == [True] * PARTS, "".join(said)
    return [ast.literal_eval(counts) for counts in done]


@pytest.mark.server
@pytest.mark.slow
def test_tasks_of_celery_copy_each_file_once(environment, tmp_path):
    run(WRITE, environment, tmp_path)
    run(SEND, environment, tmp_path)
    counts = work(environment, tmp_path)
    # each did something, all of them the whole, and none what another did
    assert all(each["copied"] for each in counts)
    assert sum(each["copied"] for each in counts) == FILES
    assert {kind for each in counts for kind in each} == {"copied"}
    source, target = run(COMPARE, environment, tmp_path).splitlines()
    assert source == target
    assert source.count(".jpg") == FILES


@pytest.mark.server
@pytest.mark.slow
def test_a_task_whose_process_is_killed_is_done_again(environment, tmp_path):
    (tmp_path / "killed_once.py").write_text(KILLED)
    environment["PYTHONPATH"] += os.pathsep + str(tmp_path)
    run(WRITE, environment, tmp_path)
    run(SEND, environment, tmp_path)
    counts = work(environment, tmp_path, app="killed_once", pool="prefork")
    assert (tmp_path / "killed").exists()
    assert sum(each["copied"] for each in counts) == FILES
    source, target = run(COMPARE, environment, tmp_path).splitlines()
    assert source == target


def test_one_file_that_is_worth_another_try_is_enough(environment, tmp_path):
    assert run(TRIES, environment, tmp_path).splitlines() == [
        "1 PermissionDenied",
        "6 BackendError",
        "6 VersionChanged",
    ]
