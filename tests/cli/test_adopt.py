"""The command adopt and its function: files get the normal form of their names, and none is ever lost or replaced."""

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import tracemalloc
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from places import make_place

import flask_pyfs as fs
from flask_pyfs import names
from flask_pyfs.adoption import Adopted, adopt
from flask_pyfs.backends import BaseBackend
from flask_pyfs.backends.local import LocalBackend
from flask_pyfs.cli import fs as group

NFC, NFD = "caf\u00e9", "cafe\u0301"

OBJECTS = [pytest.param(kind, marks=pytest.mark.server) for kind in ("s3-moto", "gridfs", "swift")]
STORES = ["local", "memory", *OBJECTS]


@pytest.fixture
def storage_on(request, app, configure_storage):
    """A function that makes a storage on a kind of store."""
    places = []

    def storage_on(kind, **settings):
        place = make_place(kind, request)
        places.append(place)
        return configure_storage("papers", {**place.__enter__(), **settings})

    with app.app_context():
        yield storage_on
    for place in places:
        place.__exit__(None, None, None)


def put(storage, name, content=b""):
    """Store a file under exactly this name, as another program did."""
    above = f"{storage.backend.prefix}/" if storage.backend.prefix else ""
    storage.backend.store.put(above + name, io.BytesIO(content or name.encode(errors="surrogateescape")))


def contents(storage):
    return {name: storage.read(names.Exact(name)) for name in storage.list_files()}


def outcomes(storage, **options):
    return {adopted.name: adopted.outcome for adopted in adopt(storage, **options)}


@pytest.mark.parametrize("prefix", ["", "below/here"])
@pytest.mark.parametrize("kind", STORES)
def test_a_file_gets_its_normal_name_and_rows_still_find_it(kind, prefix, storage_on):
    storage = storage_on(kind, PREFIX=prefix)
    odd = {f"{NFD}.txt": f"{NFC}.txt", f"d/{NFD}/{NFD}": f"d/{NFC}/{NFC}"}
    if kind not in ("local", "memory"):
        odd |= {"a//b.txt": "a/b.txt", "/lead.txt": "lead.txt", f"x//{NFD}": f"x/{NFC}"}
    plain = ["plain.txt", f"p/{NFC}.txt", "with space"]
    for name in [*odd, *plain]:
        put(storage, name)
    assert list(adopt(storage, dry_run=True)) == [Adopted(name, odd[name], "renamed") for name in sorted(odd)]
    assert set(contents(storage)) == {*odd, *plain}
    assert list(adopt(storage)) == [Adopted(name, odd[name], "renamed") for name in sorted(odd)]
    assert contents(storage) == {odd.get(name, name): name.encode() for name in [*odd, *plain]}
    for row, name in odd.items():
        assert storage.read(row) == storage.read(name) == row.encode()
    assert list(adopt(storage)) == []


def test_the_app_serves_an_old_name_and_a_signature_opens_it_no_more(app, storage_on):
    storage = storage_on("local")
    put(storage, NFD)
    page, signed = storage.url(NFD), storage.url(NFD, expires=60)
    client = app.test_client()

    def status(url):
        with client.get(url) as response:
            return response.status_code

    assert (status(page), status(signed)) == (200, 200)
    list(adopt(storage))
    assert (status(page), status(signed)) == (200, 404)
    assert status(storage.url(NFC, expires=60)) == 200


@pytest.mark.parametrize("kind", STORES)
def test_a_name_that_is_taken_is_left_alone(kind, storage_on):
    storage = storage_on(kind)
    put(storage, f"{NFC}.txt", b"normal")
    put(storage, f"{NFD}.txt", b"odd")
    assert list(adopt(storage, dry_run=True)) == list(adopt(storage))
    assert list(adopt(storage)) == [Adopted(f"{NFD}.txt", f"{NFC}.txt", "taken")]
    assert contents(storage) == {f"{NFC}.txt": b"normal", f"{NFD}.txt": b"odd"}


@pytest.mark.parametrize("kind", OBJECTS)
def test_of_several_spellings_none_is_chosen(kind, storage_on):
    storage = storage_on(kind)
    spellings = [f"a//{NFC}", f"a/{NFD}", f"/a/{NFC}"]
    for name in spellings:
        put(storage, name)
    for dry_run in (True, False):
        assert outcomes(storage, dry_run=dry_run) == dict.fromkeys(spellings, "shared")
    assert contents(storage) == {name: name.encode() for name in spellings}


@pytest.mark.parametrize("kind", ["local", *OBJECTS])
def test_a_name_without_a_normal_form_is_listed(kind, storage_on):
    storage = storage_on(kind)
    odd = ["back\\slash.txt", "tab\tin.txt"]
    if kind == "local":
        odd.append("latin-\udce9.txt")
    for name in odd:
        put(storage, name)
    assert outcomes(storage) == dict.fromkeys(odd, "impossible")
    assert contents(storage) == {name: name.encode(errors="surrogateescape") for name in odd}


def test_directories_that_are_left_empty_are_removed(storage_on):
    storage = storage_on("local")
    for name in (f"{NFD}/a", f"{NFD}/{NFD}/b", f"{NFD}/{NFD}/c", f"keep/{NFD}/d", "keep/e"):
        put(storage, name)
    Path(storage.root, "keep", NFD, "empty").mkdir()
    Path(storage.root, "empty", NFD).mkdir(parents=True)
    list(adopt(storage))
    found = {str(Path(path).relative_to(storage.root)) for path, _, _ in os.walk(storage.root)}
    assert {each for each in found if not each.startswith(names.RESERVED)} == {
        *(".", NFC, f"{NFC}/{NFC}", "keep", f"keep/{NFC}"),
        # those have something else in them, or had no file
        *(f"keep/{NFD}", f"keep/{NFD}/empty", "empty", f"empty/{NFD}"),
    }


def test_a_directory_with_files_that_stay_stays(storage_on):
    storage = storage_on("local")
    put(storage, f"{NFC}/a", b"normal")
    put(storage, f"{NFD}/a", b"odd")
    put(storage, f"{NFD}/b")
    assert outcomes(storage) == {f"{NFD}/a": "taken", f"{NFD}/b": "renamed"}
    assert set(storage.list_files()) == {f"{NFC}/a", f"{NFC}/b", f"{NFD}/a"}


@pytest.mark.parametrize("kind", OBJECTS)
def test_no_marker_is_left(kind, storage_on):
    storage = storage_on(kind)
    put(storage, f"{NFD}/{NFD}/a")
    list(adopt(storage))
    assert [path for path, _ in storage.backend.store.list_objects("", deep=True)] == [f"{NFC}/{NFC}/a"]


def test_a_directory_whose_name_is_a_file_s_fails_alone(storage_on):
    storage = storage_on("local")
    put(storage, NFC, b"a file")
    put(storage, f"{NFD}/b")
    put(storage, f"z{NFD}")
    failed, renamed = adopt(storage)
    assert (failed.name, failed.outcome, renamed.outcome) == (f"{NFD}/b", "failed", "renamed")
    assert isinstance(failed.error, fs.FSError)
    assert set(storage.list_files()) == {NFC, f"{NFD}/b", f"z{NFC}"}


def test_a_file_that_is_deleted_meanwhile_is_left_out(storage_on):
    storage = storage_on("local")
    for name in (f"a{NFD}", f"b{NFD}", f"c{NFD}"):
        put(storage, name)
    adopted = adopt(storage)
    assert next(adopted).normal == f"a{NFC}"
    Path(storage.root, f"b{NFD}").unlink()
    assert [each.name for each in adopted] == [f"c{NFD}"]


class Plain(BaseBackend):
    """Was written for Flask-FS, and knows files by the normal form of their names alone."""

    def exists(self, filename):
        raise AssertionError(filename)

    def list_files(self, prefix=None):
        return iter([f"{NFD}.txt", "a//b", "plain.txt"])


class Elsewhere(LocalBackend):
    def path(self, filename):
        return f"{self.root}/x-{filename}"


def test_an_old_backend_says_that_it_cannot(storage_on):
    storage = storage_on("local")
    storage.backend = Plain("papers", {})
    found = list(adopt(storage))
    assert [(each.name, each.outcome) for each in found] == [("a//b", "failed"), (f"{NFD}.txt", "failed")]
    assert all(isinstance(each.error, fs.OperationNotSupported) for each in found)


def test_a_backend_that_places_files_itself_says_that_it_cannot(storage_on):
    storage = storage_on("local")
    Path(storage.root).mkdir(parents=True)
    Path(storage.root, f"x-{NFD}").write_bytes(b"x")
    storage.backend = Elsewhere("papers", {"root": storage.root})
    assert [(each.outcome, type(each.error)) for each in adopt(storage)] == [("failed", fs.OperationNotSupported)]
    assert Path(storage.root, f"x-{NFD}").read_bytes() == b"x"


@pytest.mark.server
def test_an_overridden_copy_is_called_and_loses_nothing(storage_on, monkeypatch):
    storage = storage_on("s3-moto")
    for name in ("a//b", NFD):
        put(storage, name)
    copied, copy = [], type(storage.backend).copy

    def noted(self, filename, target):
        copied.append(filename)
        copy(self, filename, target)

    monkeypatch.setattr(type(storage.backend), "copy", noted)
    assert outcomes(storage) == {"a//b": "renamed", NFD: "renamed"}
    assert contents(storage) == {"a/b": b"a//b", NFC: NFD.encode()}
    assert copied == ["a//b"]


# Stopped in the middle

CHILD = """
import sys
import flask
import flask_pyfs as fs
from flask_pyfs.adoption import adopt

app = flask.Flask("app")
app.config["PAPERS_FS_ROOT"] = sys.argv[1]
papers = fs.Storage("papers", fs.ALL)
fs.init_app(app, papers)
for adopted in adopt(papers):
    print(adopted.outcome, flush=True)
"""


def test_killed_again_and_again_it_loses_nothing_and_completes(storage_on):
    storage = storage_on("local")
    odd = [f"{NFD}{number % 7}/{NFD}-{number}.txt" for number in range(100)]
    for name in odd:
        put(storage, name)
    everything = sorted(contents(storage).values())
    for after in (1, 20):
        # the one before may have renamed many until it was killed
        left = len(contents(storage).keys() & set(odd))
        command = [sys.executable, "-c", textwrap.dedent(CHILD), storage.root]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            for _ in range(min(after, left)):
                assert child.stdout.readline() == "renamed\n"
            child.send_signal(signal.SIGKILL)
        assert sorted(contents(storage).values()) == everything
    assert set(outcomes(storage).values()) <= {"renamed"}
    assert contents(storage) == {unicodedata.normalize("NFC", name): name.encode() for name in odd}


@pytest.mark.server
def test_stopped_between_copy_and_deletion_both_files_are_there(storage_on):
    storage = storage_on("s3-moto")
    put(storage, NFD)

    def stop(**_):
        raise KeyboardInterrupt

    # storages at one server share their client
    events = storage.backend.client.meta.events
    deletions = ("before-call.s3.DeleteObject", "before-call.s3.DeleteObjects")
    for event in deletions:
        events.register(event, stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(adopt(storage))
    finally:
        for event in deletions:
            events.unregister(event, stop)
    assert contents(storage) == {NFD: NFD.encode(), NFC: NFD.encode()}
    assert outcomes(storage) == {NFD: "taken"}


def test_a_store_that_does_not_answer_ends_it(app, configure_storage, unused_port):
    place = {"ENDPOINT": f"http://127.0.0.1:{unused_port}", "ACCESS_KEY": "a", "SECRET_KEY": "b", "RETRIES": 0}
    configure_storage("papers", {"BACKEND": "s3", "BUCKET": "papers", "REGION": "us-east-1", **place})
    assert app.test_cli_runner().invoke(group, ["adopt", "papers"]).exit_code == 5


# Memory


class Many(Plain):
    count = 0

    def list_files(self, prefix=None):
        return (f"{NFD}/{number:0>950}" for number in range(self.count))


def test_the_memory_does_not_grow_with_the_names(storage_on, soak):
    storage = storage_on("local")
    storage.backend = Many("papers", {})
    peaks = []
    for Many.count in (1, 1_000_000 if soak else 2_500):
        tracemalloc.start()
        assert sum(1 for _ in adopt(storage, dry_run=True)) == Many.count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # the names alone are more than 2 MiB
    assert peaks[1] - peaks[0] < 1024 * 1024


# The command


def run(app, *arguments, code=0):
    result = app.test_cli_runner().invoke(group, ["adopt", *arguments])
    assert result.exit_code == code, result.output
    return result


def test_the_command_renames_and_lists_the_rest(app, storage_on):
    storage = storage_on("local")
    for name in (f"{NFD}.txt", f"new-{NFD}.txt", "back\\slash.txt"):
        put(storage, name)
    put(storage, f"{NFC}.txt", b"normal")
    expected: list[dict[str, Any]] = [
        {
            "name": "back\\slash.txt",
            "normal": None,
            "outcome": "impossible",
            "reason": "no new file could have such a name",
        },
        {
            "name": f"{NFD}.txt",
            "normal": f"{NFC}.txt",
            "outcome": "taken",
            "reason": f"another file has the name '{NFC}.txt'",
        },
        {"name": f"new-{NFD}.txt", "normal": f"new-{NFC}.txt", "outcome": "renamed", "reason": None},
    ]
    for arguments in (["--dry-run"], []):
        result = run(app, "papers", "--json", *arguments)
        assert [json.loads(line) for line in result.stdout.splitlines()] == [
            {"storage": "papers", **each, "dry_run": bool(arguments)} for each in expected
        ]
    assert result.stderr == "1 renamed, 2 left as they are, 0 failed\n"
    assert set(storage.list_files()) == {f"{NFD}.txt", f"{NFC}.txt", f"new-{NFC}.txt", "back\\slash.txt"}


def test_the_command_prints_what_it_does(app, storage_on):
    storage = storage_on("local")
    put(storage, f"{NFD}.txt")
    put(storage, "back\\slash.txt")
    result = run(app, "papers", "--dry-run")
    assert result.stdout.splitlines() == [
        r"'back\\slash.txt' stays: no new file could have such a name",
        f"'{NFD}.txt' -> '{NFC}.txt' (in NFC)",
    ]
    assert result.stderr == "1 to rename, 1 left as they are, 0 failed\n"
    assert set(storage.list_files()) == {f"{NFD}.txt", "back\\slash.txt"}


def test_the_command_fails_if_a_file_does(app, storage_on):
    storage = storage_on("local")
    put(storage, NFC, b"a file")
    put(storage, f"{NFD}/b")
    result = run(app, "papers", code=1)
    assert f"'{NFD}/b' stays: " in result.stdout
    # as of all commands, standard error says what failed
    said, counts = result.stderr.splitlines()
    assert said.startswith("Error: ")
    assert counts == "0 renamed, 0 left as they are, 1 failed"


def test_the_command_needs_a_storage(app, storage_on):
    storage_on("local")
    run(app, code=2)
    run(app, "films", code=3)
