"""The example of the documentation with a real worker of Celery, and the directory of its messages as the broker."""

import io
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "background"

# what the app does, in a process of its own; the worker is another one
APP = """
import io, sys
from PIL import Image
from celery_thumbnails import User, app, db

def draw(format, size):
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, format)
    file.seek(0)
    return file

with app.app_context():
    db.create_all()
    users = {}
    for name, format in (("a.png", "PNG"), ("b.jpg", "JPEG"), ("gone.png", "PNG"), ("rolled-back.png", "PNG")):
        users[name] = User()
        users[name].avatar.save(draw(format, (1000, 500)), name)
        db.session.add(users[name])
        (db.session.rollback if name.startswith("rolled") else db.session.commit)()
    db.session.delete(users["gone.png"])
    db.session.commit()
"""

STATES = """
import json
from celery_thumbnails import User, app, db

with app.app_context():
    users = db.session.scalars(db.select(User).order_by(User.id))
    print(json.dumps([[user.avatar.state, user.avatar.filenames, user.avatar(100)] for user in users]))
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    directory = tmp_path_factory.mktemp("celery")
    for name in ("in", "processed"):
        (directory / name).mkdir()
    folders = {
        "data_folder_in": str(directory / "in"),
        "data_folder_out": str(directory / "in"),
        "processed_folder": str(directory / "processed"),
        "store_processed": True,
        # in seconds
        "polling_interval": 0.1,
    }
    broker = {"broker_url": "filesystem://", "broker_transport_options": folders}
    return {
        **os.environ,
        "PYTHONPATH": str(EXAMPLE),
        "FLASK_CELERY": json.dumps(broker),
        "FLASK_FS_ROOT": str(directory / "files"),
        "FLASK_SQLALCHEMY_DATABASE_URI": f"sqlite:///{directory}/users.sqlite",
        "DIRECTORY": str(directory),
        "JOBS": str(directory / "in"),
        "FILES": str(directory / "files"),
    }


def run(program, environment):
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=environment["DIRECTORY"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def work(environment, jobs):
    """Run a worker until it has done so many jobs."""
    command = [sys.executable, "-m", "celery", "--app", "celery_thumbnails.celery", "worker", "--pool", "solo"]
    options = ["--loglevel", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    worker = subprocess.Popen(
        [*command, *options],
        env=environment,
        cwd=environment["DIRECTORY"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    # it says nothing more if it hangs
    watch = threading.Timer(120, worker.kill)
    watch.start()
    done, said = [], []
    try:
        assert worker.stdout is not None
        for line in worker.stdout:
            said.append(line)
            done += re.findall(r"\] (?:succeeded|raised|retry).*", line)
            if len(done) == jobs:
                break
    finally:
        watch.cancel()
        worker.kill()
        worker.communicate()
    assert [each.split()[1] for each in done] == ["succeeded"] * jobs, "".join(said)


@pytest.mark.server
def test_a_worker_of_celery_makes_the_thumbnails(environment):
    run(APP, environment)
    before = json.loads(run(STATES, environment))
    assert [state for state, *_ in before] == ["pending", "pending"]
    # none of the job that was rolled back
    assert len(os.listdir(environment["JOBS"])) == 3
    work(environment, 3)
    assert os.listdir(environment["JOBS"]) == []
    after = json.loads(run(STATES, environment))
    assert [state for state, *_ in after] == [None, None]
    assert [url for *_, url in after] == ["/avatars/a-100.png", "/avatars/b-100.jpg"]
    files = Path(environment["FILES"], "avatars")
    stored = {path.name for path in files.iterdir() if path.is_file()}
    assert stored == {name for _, names, _ in after for name in names}
    for name, size in (("a.png", (800, 400)), ("a-50.png", (50, 50)), ("b-original.jpg", (1000, 500))):
        with Image.open(io.BytesIO((files / name).read_bytes())) as image:
            assert image.size == size
