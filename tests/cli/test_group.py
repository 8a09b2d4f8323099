"""What all commands have in common: the group, the app, errors and exit codes, output, places."""

import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import textwrap
from datetime import datetime, timezone
from importlib.util import find_spec

import click
import flask
import pytest
from click.testing import CliRunner
from flask.cli import ScriptInfo
from registered import hide_registered_documents

import flask_pyfs as fs
from flask_pyfs import cli
from flask_pyfs.cli import fs as group
from flask_pyfs.cli.commands import command
from flask_pyfs.cli.durations import AGE, DURATION
from flask_pyfs.cli.exits import Failure, Failures
from flask_pyfs.cli.output import Output, printable
from flask_pyfs.cli.places import FILE, PLACE, Place
from flask_pyfs.extras import required_by

WORKING = """
    import flask, flask_pyfs as fs
    app = flask.Flask("app")
    app.config.update(FS_ROOT="root", FS_BACKEND="local")
    fs.init_app(app, fs.Storage("photos", fs.ALL))
"""


@pytest.fixture
def flask_fs(tmp_path):
    """A function that runs a command in a process of its own, with the app of a text."""

    def flask_fs(text, *arguments, **options):
        (tmp_path / "app.py").write_text(textwrap.dedent(text), encoding="utf-8")
        process = [sys.executable, "-m", "flask", "--app", "app", "fs", *arguments]
        return subprocess.run(process, cwd=tmp_path, capture_output=True, text=True, check=False, **options)

    return flask_fs


def run(app, *arguments):
    return app.test_cli_runner().invoke(group, arguments)


# The group


IMPORTED = """
    import sys
    import flask.cli
    flask.cli.run_simple = lambda *_, **__: print("served")
    try:
        flask.cli.cli.main(sys.argv[1:])
    except SystemExit as end:
        print(*sys.modules, sep="\\n")
"""

NEVER = {"rich", "pathspec", "boto3", "botocore", "pymongo", "swiftclient", "keystoneauth1", "PIL", "sqlalchemy"}


@pytest.mark.parametrize("arguments", [["--help"], ["--app", "app", "run"]])
def test_other_commands_of_flask_import_nothing_more(tmp_path, arguments):
    (tmp_path / "app.py").write_text(textwrap.dedent(WORKING), encoding="utf-8")
    process = [sys.executable, "-c", textwrap.dedent(IMPORTED), *arguments]
    done = subprocess.run(process, cwd=tmp_path, capture_output=True, text=True, check=True)
    modules = set(done.stdout.splitlines())
    assert "flask_pyfs.cli" in modules
    assert NEVER & modules == set()
    rooms = ("cli.", "transfer", "doctor", "orphans", "adoption")
    assert [each for each in modules if each.startswith(tuple(f"flask_pyfs.{room}" for room in rooms))] == []


def test_each_command_is_named():
    context = click.Context(group)
    assert "ls" in group.list_commands(context)
    for name in group.list_commands(context):
        assert group.get_command(context, name).name == name
    made = {
        (member.name, module.name)
        for module in pkgutil.iter_modules(cli.__path__)
        for member in vars(importlib.import_module(f"flask_pyfs.cli.{module.name}")).values()
        if isinstance(member, click.Command) and member is not group
    }
    assert made <= {(name, module) for name, (module, _) in cli._COMMANDS.items()}


def test_help_lists_what_is_there(app, monkeypatch):
    def find(name):
        return None if name in ("flask_pyfs.cli.doctor", "flask_pyfs.transfer") else find_spec(name)

    monkeypatch.setattr(cli, "find_spec", find)
    shown = run(app, "--help")
    assert shown.exit_code == 0
    listed = {line.split()[0] for line in shown.output.partition("Commands:")[2].splitlines() if line.strip()}
    assert {"ls", "rm"} <= listed
    assert listed.isdisjoint({"doctor", "sync", "cp"})
    for name, missing in (("doctor", "flask_pyfs.cli.doctor"), ("cp", "flask_pyfs.transfer")):
        refused = run(app, name)
        assert (refused.exit_code, f"needs {missing}, which" in refused.output) == (2, True)


@pytest.mark.parametrize(("typed", "meant"), [("lss", "ls"), ("cta", "cat"), ("move", "mv"), ("LS", "")])
def test_a_misspelt_command(app, typed, meant):
    refused = run(app, typed)
    assert refused.exit_code == 2
    assert f"No such command {typed!r}." in refused.output
    assert ("Did you mean" in refused.output) == (f"Did you mean {meant!r}?" in refused.output)


def test_an_option_is_no_command(app):
    refused = run(app, "--nope")
    assert refused.exit_code == 2
    assert "No such option" in refused.output


@pytest.mark.parametrize("of_package", [False, True])
def test_a_missing_extra(app, monkeypatch, of_package):
    def load(name):
        if not name.endswith(".files"):
            return cli.__dict__["_loaded"](name)
        if of_package:
            with required_by("cli", "rich"):
                raise ModuleNotFoundError("No module named 'rich'", name="rich")
        raise ModuleNotFoundError("No module named 'rich'", name="rich")

    monkeypatch.setitem(cli.__dict__, "_loaded", importlib.import_module)
    monkeypatch.setattr(cli, "import_module", load)
    assert "pip install 'flask_pyfs[cli]'" in " ".join(run(app, "--help").output.split())
    refused = run(app, "ls", "-l", "--help")
    assert refused.exit_code == 1
    assert refused.output.count("\n") == 1
    assert "needs rich: pip install 'flask_pyfs[cli]'" in refused.output


# Errors


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (fs.ConfigurationError("BACKEND is wrong"), 1, "Error: BACKEND is wrong\n"),
        (fs.BackendError("the store is down"), 5, "Error: the store is down\n"),
        (KeyboardInterrupt(), 130, "Error: interrupted: no file is half-done\n"),
        (None, 3, "Error: the app 'shop' has no storages: call init_app\n"),
    ],
)
def test_errors_of_the_factory(error, code, said):
    def create_app():
        if error is not None:
            raise error
        return flask.Flask("shop")

    done = CliRunner().invoke(group, ["ls", "photos:"], obj=ScriptInfo(create_app=create_app))
    assert (done.exit_code, done.stdout, done.stderr) == (code, "", said)


def test_a_setting_of_the_app_is_wrong(flask_fs):
    done = flask_fs(WORKING.replace("root", "/dev/null/x"), "ls", "photos:")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "PHOTOS_FS_ROOT" in done.stderr or "FS_ROOT" in done.stderr


def test_other_errors_of_the_factory_are_shown_whole(flask_fs):
    done = flask_fs("def create_app():\n    raise KeyError('mine')", "ls", "photos:")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "KeyError: 'mine'" in done.stderr


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (fs.FileNotFound("gone"), 4, "Error: gone\n"),
        (fs.BackendError("down"), 5, "Error: down\n"),
        (fs.VersionChanged("changed"), 5, "Error: changed\n"),
        (fs.PermissionDenied("refused"), 1, "Error: refused\n"),
        (fs.FileExists("taken"), 1, "Error: taken\n"),
        (fs.ConfigurationError("two\nlines"), 1, "Error: two\\nlines\n"),
        (OSError(28, "No space left on device"), 1, "Error: No space left on device\n"),
        (OSError(13, "Permission denied", "a.jpg"), 1, "Error: a.jpg: Permission denied\n"),
        (Failure("stop", 9), 9, "Error: stop\n"),
        (KeyboardInterrupt(), 130, "Error: interrupted: no file is half-done\n"),
    ],
)
def test_errors_of_a_command(app, error, code, said):
    @command()
    def fails():
        raise error

    done = app.test_cli_runner().invoke(fails)
    assert (done.exit_code, done.output) == (code, said)


def test_a_fault_is_shown_whole(app):
    @command()
    def fails():
        raise TypeError("a fault")

    assert isinstance(app.test_cli_runner().invoke(fails).exception, TypeError)


def test_a_missing_extra_of_a_command(app):
    @command()
    def fails():
        with required_by("cli", "rich"):
            raise ModuleNotFoundError(name="rich")

    done = app.test_cli_runner().invoke(fails)
    assert done.exit_code == 1
    assert done.output == "Error: flask_pyfs.cli needs rich: pip install 'flask_pyfs[cli]'\n"


def test_the_code_of_several_failures(capsys):
    missing, down, stop = fs.FileNotFound("a"), fs.BackendError("b"), Failure("c", 3)
    cases: list[tuple[list[Exception], int]] = [
        ([], 0),
        ([missing, missing], 4),
        ([down], 5),
        ([stop], 3),
        ([missing, down], 1),
        ([fs.FSError()], 1),
    ]
    for errors, code in cases:
        failures = Failures()
        for error in errors:
            failures.add(error)
        assert failures.code == code
    assert capsys.readouterr().err.count("Error: ") == 7


def test_the_reader_goes_away(flask_fs, tmp_path):
    storage = tmp_path / "root" / "photos"
    storage.mkdir(parents=True)
    for number in range(100):
        (storage / f"{number:0200}.jpg").touch()
    (storage / "big").write_bytes(b"x" * 10_000_000)
    for arguments in (["ls", "-R", "photos:"], ["ls", "--json", "photos:"], ["cat", "photos:big"]):
        reading, writing = os.pipe()
        os.close(reading)
        (tmp_path / "app.py").write_text(textwrap.dedent(WORKING), encoding="utf-8")
        process = [sys.executable, "-m", "flask", "--app", "app", "fs", *arguments]
        done = subprocess.run(process, cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, check=False)
        os.close(writing)
        assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("name", ["", "a.jpg"])
def test_standard_output_is_full(flask_fs, tmp_path, name):
    (tmp_path / "root" / "photos").mkdir(parents=True)
    (tmp_path / "root" / "photos" / "a.jpg").write_bytes(b"x")
    (tmp_path / "app.py").write_text(textwrap.dedent(WORKING), encoding="utf-8")
    process = [sys.executable, "-m", "flask", "--app", "app", "fs", "cat" if name else "ls", f"photos:{name}"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(process, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"Error: No space left on device\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_it_is_stopped_while_the_app_is_made(tmp_path, number):
    text = WORKING + '\n    fs.FileNotFound\n    print("loaded", flush=True)\n    import time\n    time.sleep(60)\n'
    (tmp_path / "app.py").write_text(textwrap.dedent(text), encoding="utf-8")
    process = [sys.executable, "-m", "flask", "--app", "app", "fs", "ls", "photos:"]
    with subprocess.Popen(process, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout.readline() == "loaded\n"
        running.send_signal(number)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said == "Stopping. Once more ends it at once.\nError: interrupted: no file is half-done\n"


def test_a_signal_that_is_ignored_stays_so(tmp_path):
    # as in "flask fs ... &" of a script
    text = WORKING + '\n    fs.FileNotFound\n    print("loaded", flush=True)\n    input()\n'
    (tmp_path / "app.py").write_text(textwrap.dedent(text), encoding="utf-8")
    process = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-m", "flask", "--app", "app", "fs", "du"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*process, "photos:"], cwd=tmp_path, text=True, stdin=pipe, stdout=pipe, stderr=pipe
    ) as running:
        assert running.stdout.readline() == "loaded\n"
        running.send_signal(signal.SIGINT)
        said = running.communicate("\n", timeout=60)
    assert (running.returncode, *said) == (0, "0 bytes in 0 files\n", "")


# Output

ODD = ["a\nb", "a\r\x1b[31mred", "\u202egpj.a", "a\u2028b", "a\x9bb", "\udcff.jpg", "\x00", "a\x7f", "a\u00a0b"]


@pytest.mark.parametrize("name", ODD)
def test_no_name_breaks_a_line(name, capsys):
    Output().result(name)
    shown = capsys.readouterr().out
    assert shown.endswith("\n")
    assert shown[:-1].isprintable()
    Output(as_json=True).result("", name=name)
    shown = capsys.readouterr().out
    assert shown[:-1].isascii()
    assert shown[:-1].isprintable()
    assert json.loads(shown) == {"name": name}


@pytest.mark.parametrize("name", ["a b.jpg", "Übung/ä.jpg", "日本.jpg", "😀.png", "a\tb", "a\\b"])
def test_other_names_are_shown_as_they_are(name):
    assert printable(name) == name


def test_a_terminal_without_these_letters(flask_fs, tmp_path):
    (tmp_path / "root" / "photos").mkdir(parents=True)
    (tmp_path / "root" / "photos" / "ü€.jpg").touch()
    done = flask_fs(WORKING, "ls", "photos:", env={**os.environ, "PYTHONIOENCODING": "latin-1"}, encoding="latin-1")
    assert (done.returncode, done.stdout) == (0, "ü\\u20ac.jpg\n")


def test_times_are_iso(capsys):
    Output(as_json=True).result("", modified=datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc), size=None)
    assert json.loads(capsys.readouterr().out) == {"modified": "2026-01-02T03:04:05+00:00", "size": None}


# Places


@pytest.mark.parametrize(
    ("text", "storage", "name"),
    [
        ("photos:2026/a.jpg", "photos", "2026/a.jpg"),
        ("my-notes.2:a", "my-notes.2", "a"),
        ("übung:a", "übung", "a"),
        ("photos:", "photos", ""),
        ("photos:/", "photos", ""),
        ("photos:./", "photos", ""),
        ("photos:a:b", "photos", "a:b"),
        ("photos:a\nb", "photos", "a\nb"),
        ("photos:a//b/", "photos", "a//b/"),
        ("photos:.a", "photos", ".a"),
    ],
)
def test_places_in_storages(text, storage, name):
    assert PLACE.convert(text, None, None) == FILE.convert(text, None, None) == Place(storage, name)


@pytest.mark.parametrize("text", ["./a:b", "/abs/a:b", "-", "a/b:c", "../a", "a b:c", ".a:b", "-a:b", "plain", "~/x:y"])
def test_paths(text):
    place = PLACE.convert(text, None, None)
    assert place == Place(None, text)
    assert place.is_standard == (text == "-")
    with pytest.raises(click.BadParameter, match="names no storage"):
        FILE.convert(text, None, None)


@pytest.mark.parametrize("name", ["..", "../a", "a/../../b", "a\\..\\b", ".flask_pyfs-x", "a\0", "./../", "x" * 5000])
def test_names_that_no_file_has(app, name):
    app.config["PHOTOS_FS_BACKEND"] = "memory"
    fs.init_app(app, fs.Storage("photos", fs.ALL))
    refused = run(app, "ls", f"photos:{name}")
    assert (refused.exit_code, refused.output.splitlines()[-1].startswith("Error: ")) == (2, True)
    assert "is not a valid file name" in refused.output


@pytest.mark.parametrize("text", ["", "a\0b"])
def test_no_path(text):
    with pytest.raises(click.BadParameter, match="is no path"):
        PLACE.convert(text, None, None)


def test_no_such_storage(app):
    app.config["FS_BACKEND"] = "memory"
    fs.init_app(app, fs.Storage("b"), fs.Storage("a"))
    refused = run(app, "ls", "c:x")
    assert refused.exit_code == 3
    assert refused.output == "Error: the app has no storage 'c'; it has: a, b. A path is written ./c:…\n"


# each command, called for a storage; those with [] can be called without one
CALLS = {
    "adopt": ["c"],
    "cat": ["c:x"],
    "check": ["c:", "./y"],
    "cp": ["c:x", "./y"],
    "doctor": [],
    "du": ["c:"],
    "leftovers": [],
    "ls": ["c:"],
    "migrate": ["c"],
    "mv": ["./y", "c:x"],
    "orphans": [],
    "rekey": ["c"],
    "rm": ["c:x"],
    "settings": [],
    "sync": ["./y", "c:"],
    "url": ["c:x"],
}


def test_the_calls_are_of_all_commands():
    # a key belongs to no storage yet
    assert sorted([*CALLS, "keygen"]) == group.list_commands(click.Context(group))


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("is_configured", [False, True])
def test_an_app_without_storages(name, is_configured):
    app = flask.Flask("shop")
    if is_configured:
        fs.init_app(app)
    what = "give them to init_app" if is_configured else "call init_app"
    refused = run(app, name, *CALLS[name])
    assert (refused.exit_code, refused.output) == (3, f"Error: the app 'shop' has no storages: {what}\n")


@pytest.mark.parametrize("name", CALLS)
def test_each_command_without_such_a_storage(app, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "y").touch()
    app.config["FS_BACKEND"] = "memory"
    fs.init_app(app, fs.Storage("a"))
    refused = run(app, name, *(CALLS[name] or ["c"]))
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert "the app has no storage 'c'; it has: a" in refused.stderr
    # only what could be a path
    assert ("A path is written" in refused.stderr) == any(":" in each for each in CALLS[name])


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call in ([], ["c"])])
def test_the_name_of_a_storage(app, name, monkeypatch):
    hide_registered_documents(monkeypatch)
    app.config["FS_BACKEND"] = "memory"
    fs.init_app(app, fs.Storage("a"))
    # orphans wants a model, migrate two stores, and rekey a key
    code = 1 if name in ("migrate", "orphans", "rekey") else 0
    assert run(app, name, "a").exit_code == code
    assert run(app, name, "a:").exit_code == code
    for wrong in ("a:x", ":", ""):
        refused = run(app, name, wrong)
        assert (refused.exit_code, "write its name alone" in refused.stderr) == (2, True)


# Durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5", 1.5),
        ("15m", 900),
        ("1h30m", 5400),
        ("7d", 604800),
        ("1W", 604800),
        ("1h 5s", 3605),
        ("2 days", 172800),
        ("1 week 1 min", 604860),
        ("1hour30minutes", 5400),
    ],
)
def test_durations(text, seconds):
    assert DURATION.convert(text, None, None).total_seconds() == seconds
    if not text[-1].isalpha():
        with pytest.raises(click.BadParameter, match="write a number and its unit"):
            AGE.convert(text, None, None)


@pytest.mark.parametrize(
    "text", ["", "h", "1y", "-1", "1m1h", "1 2h", "1h2", "2dayss", "1e9", "nan", "٣", "999999999w", " "]
)
def test_no_durations(text):
    for kind in (AGE, DURATION):
        with pytest.raises(click.BadParameter):
            kind.convert(text, None, None)
