"""Copying and moving files."""

import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import termios
import textwrap
import tracemalloc
from contextlib import ExitStack
from pathlib import Path

import pytest
from places import make_place
from terminals import Terminal

import flask_pyfs as fs
from flask_pyfs.cli import fs as group
from flask_pyfs.state import find

KINDS = ["memory", "local", pytest.param("s3-moto", marks=pytest.mark.server)]


# what the store does not decide
ON_DISK = pytest.mark.parametrize("photos", ["local"], indirect=True)


@pytest.fixture(params=KINDS)
def photos(configure_storage, request):
    """A storage, on each of three stores."""
    with ExitStack() as stack:
        yield configure_storage("photos", stack.enter_context(make_place(request.param, request)))


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty directory, which is the current one."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def notes(configure_storage, here):
    """A storage in memory, for what does not depend on the store."""
    return configure_storage("notes", {"BACKEND": "memory"})


@pytest.fixture
def archive(configure_storage, here):
    """Another one."""
    return configure_storage("archive", {"BACKEND": "memory"})


@pytest.fixture
def run(app):
    """A function that runs a command, and returns its exit code and what it printed."""

    def run(*arguments, **options):
        done = app.test_cli_runner().invoke(group, arguments, **options)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout, done.stderr

    return run


QUIET = (0, "", "")


def content(storage):
    return {name: storage.read(name) for name in storage.list_files()}


def below(directory):
    """Return all that is in a directory, also what is hidden."""
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if not path.is_dir()
    } | {f"{path.relative_to(directory)}/": None for path in directory.rglob(".*") if path.is_dir()}


# From and to each place


def test_from_and_to_this_machine(photos, run, here):
    (here / "a.txt").write_bytes(b"content")
    assert run("cp", "a.txt", "photos:2026/b.txt") == QUIET
    assert content(photos) == {"2026/b.txt": b"content"}
    assert run("cp", "photos:2026/b.txt", "c.txt") == QUIET
    assert run("cp", "photos:2026/b.txt", str(here / "new" / "d.txt")) == QUIET
    assert below(here) == {"a.txt": b"content", "c.txt": b"content", "new/d.txt": b"content"}


def test_within_a_storage(photos, run, here):
    photos.write("a.txt", "content")
    assert run("cp", "photos:a.txt", "photos:x/b.txt") == QUIET
    assert content(photos) == {"a.txt": b"content", "x/b.txt": b"content"}
    assert run("mv", "photos:a.txt", "photos:x/") == QUIET
    assert content(photos) == {"x/a.txt": b"content", "x/b.txt": b"content"}


def test_the_size_is_told(photos, archive, run):
    photos.write("a.txt", "content")
    for command, source, target in (
        ("cp", "photos:a.txt", "photos:b"),
        ("mv", "photos:a.txt", "photos:c"),
        ("mv", "photos:b", "archive:d"),
    ):
        code, out, _ = run(command, "--json", source, target)
        assert (code, json.loads(out)) == (0, {"source": source, "target": target, "size": 7})


def test_between_storages(photos, archive, run):
    photos.write("2026/a.txt", "content")
    assert run("cp", "photos:2026/a.txt", "archive:") == QUIET
    assert run("mv", "archive:a.txt", "photos:back/") == QUIET
    assert content(archive) == {}
    assert content(photos) == {"2026/a.txt": b"content", "back/a.txt": b"content"}


def test_standard_input_and_output(photos, app, run, here):
    assert run("cp", "-", "photos:a.bin", input=b"\0\xffx") == QUIET
    assert content(photos) == {"a.bin": b"\0\xffx"}
    done = app.test_cli_runner().invoke(group, ["cp", "photos:a.bin", "-"])
    assert (done.exit_code, done.stdout_bytes, done.stderr) == (0, b"\0\xffx", "")
    code, _, err = run("cp", "-", "photos:a.bin", input=b"other")
    assert (code, err) == (1, "Error: 'a.bin' in storage 'photos': the name is taken; --overwrite replaces files\n")
    assert run("cp", "--overwrite", "-", "photos:a.bin", input=b"other") == QUIET
    assert content(photos) == {"a.bin": b"other"}
    assert run("cp", "-", "a.bin", input=b"local") == QUIET
    assert below(here) == {"a.bin": b"local"}


@pytest.mark.server
def test_the_content_type_travels(configure_storage, request, run, here):
    with make_place("s3-moto", request) as first, make_place("s3-moto", request) as second:
        photos, archive = configure_storage("photos", first), configure_storage("archive", second)
        find(photos).operations.save(io.BytesIO(b"x"), "d/a.bin", content_type="text/x-mine")
        assert run("cp", "photos:d/a.bin", "photos:b.bin") == QUIET
        assert run("cp", "photos:d/a.bin", "archive:c.bin") == QUIET
        assert run("cp", "-r", "photos:d", "archive:") == QUIET
        assert run("mv", "photos:b.bin", "archive:d.bin") == QUIET
        types = {entry.name: archive.metadata(entry.name)["mime"] for entry in archive.entries()}
        assert types == dict.fromkeys(("c.bin", "d.bin", "d/a.bin"), "text/x-mine")


# Directories

TREE = {"2026/a.txt": b"a", "2026/11/b.txt": b"b", "2027.txt": b"c"}


@pytest.fixture
def tree(photos, here):
    for name, text in TREE.items():
        photos.write(name, text)
    return photos


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("photos:2026", "archive:", {"2026/a.txt", "2026/11/b.txt"}),
        ("photos:2026/", "archive:", {"a.txt", "11/b.txt"}),
        ("photos:2026", "archive:old", {"old/a.txt", "old/11/b.txt"}),
        ("photos:2026", "archive:old/", {"old/2026/a.txt", "old/2026/11/b.txt"}),
        ("photos:2026/", "archive:old/", {"old/a.txt", "old/11/b.txt"}),
        ("photos:", "archive:old/", {"old/2026/a.txt", "old/2026/11/b.txt", "old/2027.txt"}),
    ],
)
def test_directories(configure_storage, archive, run, source, target, expected):
    photos = configure_storage("photos", {"BACKEND": "memory"})
    for name, text in TREE.items():
        photos.write(name, text)
    assert run("cp", "-r", source, target) == QUIET
    assert set(archive.list_files()) == expected
    assert set(photos.list_files()) == set(TREE)
    archive.delete("old")
    archive.delete("2026")
    for name in ("a.txt", "11"):
        archive.delete(name)
    assert run("mv", "-r", source, target) == QUIET
    assert set(archive.list_files()) == expected
    assert set(photos.list_files()) == set() if source == "photos:" else {"2027.txt"}


def test_a_tree_to_this_machine_and_back(tree, run, here):
    assert run("cp", "-r", "photos:", "out") == QUIET
    assert below(here) == {f"out/{name}": text for name, text in TREE.items()}
    assert run("cp", "-r", "out", "photos:back/") == QUIET
    assert content(tree) == TREE | {f"back/out/{name}": text for name, text in TREE.items()}
    assert run("cp", "-r", "./out/.", "photos:again/") == QUIET
    assert {name for name in tree.list_files() if name.startswith("again/")} == {f"again/{name}" for name in TREE}


@ON_DISK
def test_a_directory_needs_r(tree, run, here):
    (here / "d").mkdir()
    for command in ("cp", "mv"):
        for source in ("photos:2026", "photos:2026/", "photos:", "d", "./d/"):
            code, out, err = run(command, source, "photos:x")
            assert (code, out) == (1, "")
            assert err == f"Error: {source!r} is a directory: pass -r to take all files below it\n"
    assert content(tree) == TREE


@ON_DISK
@pytest.mark.parametrize("target", ["photos:2026/x/", "photos:2026", "photos:2026/", "photos:2026/11"])
def test_a_directory_into_itself(tree, run, target):
    code, _, err = run("cp", "-r", "--overwrite", "photos:2026/", target)
    assert (code, "is in the source" in err) == (1, True)
    assert content(tree) == TREE


def test_several_sources(notes, archive, run, here):
    for name in ("a", "x/b"):
        notes.write(name, name)
    (here / "c").write_text("c")
    assert run("cp", "notes:a", "notes:x/b", "c", "archive:d") == QUIET
    assert content(archive) == {"d/a": b"a", "d/b": b"x/b", "d/c": b"c"}


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_sources_of_one_name(notes, archive, run, overwrite):
    for name in ("a", "x/a", "y/a"):
        notes.write(name, name)
    code, _, err = run("cp", *overwrite, "notes:a", "notes:x/a", "notes:y/a", "archive:")
    assert (code, err.count("two of the sources would be 'archive:a'")) == (1, 2)
    assert content(archive) == {"a": b"a"}


@pytest.mark.parametrize("command", ["cp", "mv"])
@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
@pytest.mark.parametrize(
    ("sources", "clashes", "kept"),
    [
        (["x/", "y/"], 1, {"f": "x/f", "g": "y/g", "x/f": "y/x/f"}),
        (["x/", "y/f"], 1, {"f": "x/f"}),
        (["y/f", "x/"], 1, {"f": "y/f"}),
        (["y/x", "x/"], 0, {"x/f": "y/x/f", "f": "x/f"}),
        (["x", "y/x"], 1, {"x/f": "x/f"}),
        (["z/\xe9", "e\u0301"], 1, {"\xe9": "z/\xe9"}),
    ],
)
def test_sources_that_have_files_of_one_name(archive, run, here, command, overwrite, sources, clashes, kept):
    files = {"x/f", "y/f", "y/g", "y/x/f", "z/\xe9", "e\u0301"}
    for name in files:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(name)
    code, _, err = run(command, "-r", *overwrite, *sources, "archive:")
    assert (code, err.count("two of the sources would be")) == (clashes, clashes)
    assert {name: text.decode() for name, text in content(archive).items()} == kept
    # what was not moved is where it was
    moved = set(kept.values()) if command == "mv" else set()
    assert {name for name in files if (here / name).exists()} == files - moved


@pytest.mark.server
def test_names_of_one_normal_form(configure_storage, archive, request, run):
    with make_place("s3-moto", request) as settings:
        photos = configure_storage("photos", settings)
        for name in ("d/x//y", "d/x/y", "d/cafe\u0301", "d/caf\u00e9", "d/z//z", "d//z/z", "d/o//o"):
            photos.fs.put(name, io.BytesIO(name.encode()))
        code, _, err = run("cp", "-r", "--overwrite", "photos:d/", "archive:")
        assert (code, err.count("would be")) == (1, 6)
        assert content(archive) == {"o/o": b"d/o//o"}
        # what was not moved is where it was
        assert run("mv", "-r", "--overwrite", "photos:d/", "archive:")[0] == 1
        assert len(list(photos.fs.iter_files())) == 6


# No file is lost


def test_nothing_is_overwritten_by_default(tree, archive, run, here):
    archive.write("2026/a.txt", "other")
    (here / "a.txt").write_text("mine")
    for command in ("cp", "mv"):
        code, _, err = run(command, "photos:2026/a.txt", "archive:2026/a.txt")
        assert code == 1
        name = "'archive:2026/a.txt'" if command == "mv" else "'2026/a.txt' in storage 'archive'"
        assert err == f"Error: {name}: the name is taken; --overwrite replaces files\n"
        assert run(command, "--no-overwrite", "photos:2026/a.txt", ".")[0] == 1
        code, _, err = run(command, "-r", "photos:2026", "archive:")
        assert (code, err.count("--overwrite replaces files")) == (1, 1)
        archive.delete("2026/11")
    assert archive.read("2026/a.txt") == b"other"
    assert below(here) == {"a.txt": b"mine"}
    assert tree.read("2026/a.txt") == b"a"


def test_overwrite(tree, archive, run, here):
    archive.write("2026/a.txt", "other")
    (here / "a.txt").write_text("mine")
    assert run("cp", "--overwrite", "photos:2026/a.txt", ".") == QUIET
    assert below(here) == {"a.txt": b"a"}
    assert run("mv", "-r", "--overwrite", "photos:2026", "archive:") == QUIET
    assert content(archive) == {"2026/a.txt": b"a", "2026/11/b.txt": b"b"}
    assert content(tree) == {"2027.txt": b"c"}


@ON_DISK
@pytest.mark.parametrize("target", ["photos:2027.txt", "photos:./2027.txt", "photos://2027.txt"])
def test_a_file_onto_itself(tree, run, target):
    for options in ([], ["--overwrite"]):
        for command in ("cp", "mv"):
            run(command, *options, "photos:2027.txt", target)
            assert content(tree) == TREE


@pytest.mark.parametrize("kind", KINDS[1:])
def test_one_file_by_two_storages(configure_storage, request, run, here, tmp_path, kind):
    with make_place(kind, request) as settings:
        if kind == "local":
            settings["ROOT"] = str(tmp_path / "shared")
        photos, _ = configure_storage("photos", settings), configure_storage("again", settings)
        photos.write("a", "content")
        for options in ([], ["--overwrite"]):
            code, _, err = run("mv", *options, "photos:a", "again:a")
            assert (code, "Error: " in err) == (1, True)
            assert content(photos) == {"a": b"content"}
        if kind == "local":
            assert run("mv", "--overwrite", str(tmp_path / "shared" / "a"), "photos:a")[0] == 1
            assert content(photos) == {"a": b"content"}


def test_a_source_that_changes_before_it_is_removed(photos, archive, run, monkeypatch):
    photos.write("a", "old")
    backend = archive.backend
    save = backend.save

    def change(*arguments, **options):
        stored = save(*arguments, **options)
        photos.write("a", "newer", overwrite=True)
        monkeypatch.setattr(backend, "save", save)
        return stored

    monkeypatch.setattr(backend, "save", change)
    code, _, err = run("mv", "photos:a", "archive:a")
    assert (code, content(photos), content(archive)) == (5, {"a": b"newer"}, {"a": b"newer"})
    assert "photos:a is copied, but it was changed meanwhile, and stays: run it again" in err


@ON_DISK
def test_a_copy_that_fails_keeps_the_source(photos, archive, run, monkeypatch):
    photos.write("a", "content")

    def fail(*_, **__):
        raise fs.PermissionDenied("refused")

    monkeypatch.setattr(archive.backend, "save", fail)
    assert run("mv", "photos:a", "archive:a") == (1, "", "Error: refused\n")
    assert content(photos) == {"a": b"content"}


# What is wrong


@ON_DISK
def test_missing_sources(tree, archive, run):
    for command in ("cp", "mv"):
        for source in ("photos:nope", "photos:nope/", "nope", "./nope/"):
            for options in ([], ["-r"]):
                assert run(command, *options, source, "archive:")[0] == 4
    code, _, err = run("cp", "photos:nope", "photos:2027.txt", "archive:")
    assert (code, err) == (4, "Error: there is no file or directory 'photos:nope'\n")
    assert content(archive) == {"2027.txt": b"c"}


@ON_DISK
def test_a_failure_does_not_stop_the_others(tree, archive, run):
    archive.write("2026/a.txt", "taken")
    code, out, err = run("cp", "-r", "--json", "photos:", "archive:")
    assert (code, err.count("\n")) == (1, 1)
    copied = {each["source"]: each for each in map(json.loads, out.splitlines())}
    assert copied.pop("photos:2026/a.txt") == {
        "source": "photos:2026/a.txt",
        "target": "archive:2026/a.txt",
        "error": "'2026/a.txt' in storage 'archive': the name is taken; --overwrite replaces files",
    }
    assert set(copied) == {"photos:2026/11/b.txt", "photos:2027.txt"}
    assert copied["photos:2027.txt"] == {"source": "photos:2027.txt", "target": "archive:2027.txt", "size": 1}


@pytest.mark.parametrize("command", ["cp", "mv"])
def test_each_failure_is_an_object(notes, archive, run, here, command):
    for name in ("a", "x/a", "d/b"):
        notes.write(name, name)
    for name in ("caf\u00e9", "cafe\u0301"):
        (here / "in").mkdir(exist_ok=True)
        (here / "in" / name).write_text(name)
    sources = ["notes:nope", "nope", "notes:d", "notes:a", "notes:x/a"]
    code, out, err = run(command, "--json", *sources, "archive:")
    told = [json.loads(line) for line in out.splitlines()]
    failed = [each for each in told if "error" in each]
    assert [each["source"] for each in failed] == ["notes:nope", "nope", "notes:d", "notes:x/a"]
    assert (code, err.splitlines()) == (1, [f"Error: {each['error']}" for each in failed])
    assert [each["source"] for each in told if each not in failed] == ["notes:a"]
    code, out, _ = run(command, "-r", "--json", "in", "archive:")
    # neither, and both are where they were
    assert sorted(json.loads(line)["source"] for line in out.splitlines()) == ["in/cafe\u0301", "in/caf\u00e9"]
    assert (code, list(archive.list_files()), len(below(here))) == (1, ["a"], 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ["cp", "notes:a"],
        ["cp", "a.txt", "notes"],
        ["cp", "notes", "archive:x"],
        ["cp", "-", "-"],
        ["cp", "-", "notes:"],
        ["cp", "-", "notes:x/"],
        ["cp", "-", "."],
        ["cp", "notes:", "-"],
        ["cp", "notes:a", "notes:b", "-"],
        ["mv", "notes:a", "-"],
        ["mv", "-", "notes:a"],
        ["cp", "--jobs", "0", "notes:a", "notes:b"],
        ["cp", "notes:../a", "notes:b"],
    ],
)
def test_wrong_usage(notes, archive, run, arguments):
    notes.write("a", "")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Error: " in err.splitlines()[-1]


def test_a_name_that_no_new_file_has(notes, run):
    notes.write("a", "")
    code, _, err = run("cp", "notes:a", "notes:b\nc")
    assert (code, err.count("\n")) == (1, 1)


def test_no_such_storage(notes, run):
    notes.write("a", "")
    assert run("cp", "notes:a", "nope:b")[0] == run("cp", "nope:a", "notes:b")[0] == 3


# In a process of its own

APP = """
    import flask, flask_pyfs as fs
    app = flask.Flask("app")
    app.config.update(FS_ROOT="root", FS_BACKEND="local")
    fs.init_app(app, fs.Storage("photos", fs.ALL))
"""


@pytest.fixture
def command(here):
    """The beginning of a command in a process of its own."""
    (here / "app.py").write_text(textwrap.dedent(APP), encoding="utf-8")
    return [sys.executable, "-m", "flask", "--app", "app", "fs"]


def waits(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_it_is_stopped_while_it_reads(command, here, number):
    process = [*command, "cp", "-", "photos:a"]
    with subprocess.Popen(process, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdin.write(b"x" * 1_000_000)
        running.stdin.flush()
        while fcntl.ioctl(running.stdin.fileno(), termios.FIONREAD, bytes(4)) != bytes(4) or not waits(running.pid):
            assert running.poll() is None
        running.send_signal(number)
        said = running.stderr.read()
        running.wait(timeout=60)
    stopping = b"Stopping. Once more ends it at once.\n"
    assert (running.returncode, said) == (130, stopping + b"Error: interrupted: no file is half-done\n")
    assert [name for _, _, names in os.walk(here / "root") for name in names] == []


@pytest.mark.parametrize("name", ["cp", "mv"])
def test_the_progress_on_a_terminal(command, here, name):
    (here / "in" / "d").mkdir(parents=True)
    for each in ("a", "d/b", "c"):
        (here / "in" / each).write_bytes(b"x" * 1024 * 1024)
    terminal = Terminal([*command, name, "-r", "in/", "in/c", "photos:x/"], cwd=here)
    # the one that is named twice fails
    shown = terminal.end(code=1)
    assert " of 4 files" in shown
    assert "of 4.0 MiB" in shown
    assert shown.count("Error: ") == 1


def test_pipes_and_devices(command, here):
    line = f"{' '.join(command)} cp <(echo sent) photos:a && {' '.join(command)} cp photos:a >(cat >&2) "
    done = subprocess.run(
        ["bash", "-c", f"{line} && wait && {' '.join(command)} cp photos:a /dev/null"], capture_output=True, check=True
    )
    assert done.stderr == b"sent\n"
    assert (here / "root" / "photos" / "a").read_bytes() == b"sent\n"


def test_a_link_of_this_machine(notes, run, here):
    (here / "a").write_text("content")
    (here / "link").symlink_to("a")
    assert run("cp", "link", "notes:") == QUIET
    assert content(notes) == {"link": b"content"}
    notes.write("b", "changed")
    assert run("cp", "--overwrite", "notes:b", "link") == QUIET
    assert ((here / "a").read_text(), (here / "link").is_symlink()) == ("changed", True)
    code, _, err = run("mv", "link", "notes:new")
    assert (code, "'link' is a link to" in err, "move that, or use cp" in err) == (2, True, True)
    assert ((here / "link").read_text(), notes.exists("new")) == ("changed", False)


def test_constant_memory(notes, configure_storage, run, here):
    configure_storage("photos", {"BACKEND": "local"})
    with open("big", "wb") as file:
        file.truncate(64 * 1024 * 1024)
    tracemalloc.start()
    with open("big", "rb") as file:
        assert run("cp", "-", "photos:a", input=file) == QUIET
    assert run("cp", "photos:a", "b") == QUIET
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 1024 * 1024
    assert (here / "b").stat().st_size == 64 * 1024 * 1024
