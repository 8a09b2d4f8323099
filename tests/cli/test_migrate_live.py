"""A storage changes its store while processes serve it: the page on it, step by step, with a copier that is killed."""

import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager

import flask
import pytest
import urllib3
from places import make_place
from servers.process import HOST, on_free_ports, running

import flask_pyfs as fs

APP = """
import flask
import flask_pyfs as fs

app = flask.Flask(__name__)
app.config.from_prefixed_env()
photos = fs.Storage("photos", fs.ALL)
fs.init_app(app, photos)

@app.put("/edit/<path:name>")
def put(name):
    try:
        photos.write(name, flask.request.data, overwrite="new" not in flask.request.args)
    except fs.FileExists:
        return "", 409
    return "", 204

@app.delete("/edit/<path:name>")
def delete(name):
    photos.delete(name)
    return "", 204

@app.post("/edit/<path:name>")
def move(name):
    photos.move(name, flask.request.args["to"], overwrite=True)
    return "", 204
"""
# a copier that was killed is waited for, for 20 seconds otherwise
COMMAND = """
from flask.cli import main
from flask_pyfs.filesystems.migrating import copiers

copiers.EXPIRY = copiers.RENEWAL + 2
main()
"""
WRITERS, OLD, MORE, COLD = 3, 20, 5, 60
STEPS = 8
# how long each writer rests, in seconds; all the time, they would take it from the commands
PAUSE, SOAK_PAUSE = 0.5, 0.05


class Writer:
    """A client with names of its own, so that it knows what each file must be.

    :param files: the files that there are; the names below ``number``, and what they hold, are its own.
    """

    def __init__(self, number, files):
        self.files = files
        self._random = random.Random(number)
        self._names = [*files, *(f"{number}/new-{each}.jpg" for each in range(MORE))]
        self._http = urllib3.PoolManager(retries=False, timeout=60)

    def step(self, urls):
        """Do something by one process, and look at it by another."""
        name, other = self._random.sample(self._names, 2)
        edit = f"{self._random.choice(urls)}/edit/{name}"
        content = self._random.randbytes(self._random.choice([10, 10_000]))
        doing = self._random.choice(["write", "new", "delete", "move"])
        if doing == "write":
            self._ask("PUT", edit, 204, body=content)
            self.files[name] = content
        elif doing == "new":
            self._ask("PUT", f"{edit}?new", 409 if name in self.files else 204, body=content)
            self.files.setdefault(name, content)
        elif doing == "delete" or name not in self.files:
            self._ask("DELETE", edit, 204)
            self.files.pop(name, None)
        else:
            self._ask("POST", f"{edit}?to={other}", 204)
            self.files[other] = self.files.pop(name)
        for each in (name, other):
            got = self._ask("GET", f"{self._random.choice(urls)}/photos/{each}", 200 if each in self.files else 404)
            assert each not in self.files or got == self.files[each], f"{each} after {doing} by {edit}"

    def _ask(self, method, url, status, **options):
        answer = self._http.request(method, url, **options)
        assert answer.status == status, f"{method} {url}: {answer.status}, not {status}"
        return answer.data


class Shop:
    """The app, its processes, and its commands."""

    def __init__(self, directory, stores, files, pause):
        self._directory = directory
        self._pause = pause
        self._stores = stores
        self._cold = {name: content for name, content in files.items() if name.startswith("cold/")}
        self._writers = [
            Writer(number, {name: content for name, content in files.items() if name.startswith(f"{number}/")})
            for number in range(WRITERS)
        ]

    @property
    def files(self):
        """What the storage must have."""
        return self._cold | {name: content for writer in self._writers for name, content in writer.files.items()}

    @contextmanager
    def serving(self, settings):
        """Serve the app with some settings, in a process of its own, and return its URL."""

        def start(ports):
            argv = [sys.executable, "-m", "waitress", f"--listen={HOST}:{ports[0]}", "shop:app"]
            log = self._directory / f"shop-{ports[0]}.log"
            return running(argv, ports[0], log, self._environment(settings))

        with on_free_ports(1, start) as process:
            yield f"http://{HOST}:{process.port}"

    @contextmanager
    def traffic(self, *urls):
        """Let all writers work while the block runs, and for some steps at least."""
        over, failures = threading.Event(), []

        def work(writer):
            done = 0
            try:
                while not over.wait(self._pause) or done < STEPS:
                    writer.step(urls)
                    done += 1
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(writer,)) for writer in self._writers]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()
        if failures:
            raise failures[0]

    def leave_to(self, old, new):
        """Let a new process write some files, and then an old one replace or delete them, the last that it does."""
        http = urllib3.PoolManager(retries=False, timeout=60)
        for number, name in enumerate(sorted(self._cold)[:10]):
            assert http.request("PUT", f"{new}/edit/{name}", body=b"by the new one").status == 204
            if number % 2:
                assert http.request("DELETE", f"{old}/edit/{name}").status == 204
                del self._cold[name]
            else:
                self._cold[name] = b"by the old one, %d" % number
                assert http.request("PUT", f"{old}/edit/{name}", body=self._cold[name]).status == 204

    def migrate(self, settings, *options):
        """Start the command, and return its process."""
        argv = [sys.executable, "-c", COMMAND, "--app", "shop", "fs", "migrate", "photos", *options]
        return subprocess.Popen(
            argv,
            cwd=self._directory,
            env=self._environment(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def migrated(self, settings, *options, code=0):
        """Run the command to its end, and return what it prints."""
        with self.migrate(settings, *options) as process:
            out, err = process.communicate(timeout=120)
        assert process.returncode == code, out + err
        return out

    def kill(self, settings, after):
        """Kill a copier when it has said of so many files that they are done."""
        with self.migrate(settings, "--verbose") as process:
            for _ in range(after):
                assert process.stdout.readline(), process.stderr.read()
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert process.returncode == -signal.SIGKILL

    def _environment(self, settings):
        own = {f"FLASK_PHOTOS_FS_{key}": value for key, value in (self._stores | settings).items()}
        return os.environ | own | {"FLASK_FS_SERVE": "true", "PYTHONPATH": str(self._directory)}

    def held(self, settings):
        """Return what a process with some settings has."""
        app = flask.Flask("shop")
        app.config.update({f"PHOTOS_FS_{key}": value for key, value in (self._stores | settings).items()})
        photos = fs.Storage("photos", fs.ALL)
        fs.init_app(app, photos)
        with app.app_context():
            return {name: photos.read(name) for name in photos.list_files()}


OLD_STORE, NEW_STORE = {"BACKEND": "local"}, {"BACKEND": "s3"}
MIGRATING = {"BACKEND": "migrating", "SOURCE": "local", "TARGET": "s3"}
OVERLAPPING = MIGRATING | {"WRITES": "both"}
BACK = MIGRATING | {"DIRECTION": "back"}


@pytest.fixture
def shop(tmp_path, request, soak):
    """An app whose files lie in a directory, and which may use an empty bucket: both stores decide conditions."""
    (tmp_path / "shop.py").write_text(APP)
    files = {f"{number}/{each:03}.jpg": b"%d" % each for number in range(WRITERS) for each in range(OLD)}
    files |= {f"cold/{each:03}.jpg": b"%d" % each for each in range(COLD)}
    for name, content in files.items():
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with make_place("s3-moto", request) as place:
        stores = {key: value for key, value in place.items() if key != "BACKEND"}
        yield Shop(tmp_path, {"ROOT": str(tmp_path / "files")} | stores, files, SOAK_PAUSE if soak else PAUSE)


@pytest.mark.server
@pytest.mark.slow
def test_each_step_of_the_page_under_traffic(shop):
    with ExitStack() as stack:
        overlapping = stack.enter_context(shop.serving(OVERLAPPING))
        with shop.serving(OLD_STORE) as old:
            with shop.traffic(old, overlapping):
                pass
            shop.leave_to(old, overlapping)
        with shop.traffic(overlapping):
            for after in (5, 15):
                shop.kill(OVERLAPPING, after)
            shop.migrated(OVERLAPPING)
        migrating = stack.enter_context(shop.serving(MIGRATING))
        with shop.traffic(overlapping, migrating):
            pass
        with shop.traffic(migrating):
            shop.migrated(MIGRATING)
            shop.migrated(MIGRATING, "--finish")
        with shop.serving(NEW_STORE) as new, shop.traffic(migrating, new):
            pass
    assert shop.held(NEW_STORE) == shop.files


@pytest.mark.server
@pytest.mark.slow
def test_the_way_back_under_traffic(shop):
    with shop.serving(MIGRATING) as migrating, shop.traffic(migrating):
        shop.migrated(MIGRATING)
    with shop.serving(BACK) as back:
        with shop.traffic(back):
            shop.kill(BACK, 1)
            shop.migrated(BACK)
            shop.migrated(BACK, "--finish")
        with shop.serving(OLD_STORE) as old, shop.traffic(back, old):
            pass
    assert shop.held(OLD_STORE) == shop.files
