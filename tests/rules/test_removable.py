"""Each part of the package that the rest can do without can be removed, and the rest works without it."""

import configparser
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_house import FILES, PACKAGE, imports_of, room_of

from flask_pyfs import cli

TOP = Path(__file__).resolve().parents[2]
ADAPTERS = sorted(
    f"adapters.{path.stem}" for path in (PACKAGE / "adapters").iterdir() if path.stem not in ("__init__", "__pycache__")
)
# two stores as one, and what only they need
MIGRATING = [
    "backends.migrating",
    "backends.operated",
    "backends.sides",
    "filesystems.migrating",
]
# the wrapper that encrypts, and its format
ENCRYPTING = ["backends.encrypted", "encryption", "filesystems.encrypted"]
# parts of rooms
INNER = {*MIGRATING, *ENCRYPTING}
# each is removed with what needs it
PARTS = {
    room: [room]
    for room in (
        *ADAPTERS,
        "adoption",
        "cli",
        "confirming",
        "doctor",
        "migration",
        "multipart",
        "orphans",
        "rekeying",
        "resumable",
        "scanning",
        "settings",
        "transfer",
    )
}
PARTS["migrating"] = MIGRATING
PARTS["encryption"] = ENCRYPTING

# what a room adds to Storage: a property, or a method that returns a URL
MEMBERS = {"adapters.fsspec": "fsspec", "multipart": "multipart_url", "resumable": "resumable_url"}

# the entry points of a room
ENTRY_POINTS = {"cli": "flask.commands"}

CHECK = """
import importlib, pkgutil, sys

# that of an installation from a work tree finds there what is removed here
sys.meta_path[:] = [finder for finder in sys.meta_path if not finder.__module__.startswith("__editable__")]
import pytest

options = ["-q", "--assert=plain", "--numprocesses=0", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
if pytest.main([*options, "tests"]):
    sys.exit(1)

import flask
import flask_pyfs as fs

assert fs.__file__.startswith(sys.argv[1]), fs.__file__
for module in pkgutil.walk_packages(fs.__path__, "flask_pyfs."):
    importlib.import_module(module.name)
files = fs.Storage("files")
app = flask.Flask("app")
app.config["FS_BACKEND"] = "memory"
fs.init_app(app, files)
if importlib.util.find_spec("flask_pyfs.cli"):
    from flask_pyfs.cli import fs as group

    for arguments in (["--help"], ["ls", "files:"]):
        done = app.test_cli_runner().invoke(group, arguments)
        assert done.exit_code == 0, done.output
for member in sys.argv[2:]:
    try:
        found = getattr(files, member)
        if callable(found):
            found("a.txt", expires=60)
    except fs.OperationNotSupported as error:
        print("refused:", error)
"""


# what the tests and the package import, but not fs, which the package makes ready before
DRIVERS = ["pytest", "hypothesis", "flask", "boto3", "botocore.session", "gridfs", "pymongo", "swiftclient.client"]
DRIVERS += ["flask_admin", "flask_wtf", "fsspec", "mongoengine", "PIL.Image", "rich.progress", "sqlalchemy.orm"]

# checks in forks of a process that has imported the drivers, which takes longer than to check
CHECKS = """
import importlib, json, os, sys, traceback

code, *drivers = sys.argv[1:]
for driver in drivers:
    importlib.import_module(driver)
for line in sys.stdin:
    output, *arguments = json.loads(line)
    child = os.fork()
    if not child:
        os.chdir(arguments[0])
        os.environ["PYTHONPATH"] = arguments[0]
        sys.path.insert(0, arguments[0])
        sys.argv[1:] = arguments
        file = os.open(output, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, 1)
        os.dup2(file, 2)
        failed = 1
        try:
            exec(code, {"__name__": "__main__"})
            failed = 0
        except SystemExit as error:
            failed = error.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(failed)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def unit_of(module):
    """Return the part of the package that is removed with a module: an adapter, a module of commands, one of INNER, or
    a room.
    """
    parts = [*module.split(".")[1:], ""]
    if f"adapters.{parts[0]}" in ADAPTERS:
        # its face
        return f"adapters.{parts[0]}"
    inner = ".".join(filter(None, parts[:2]))
    return inner if parts[0] in ("adapters", "cli") or inner in INNER else parts[0]


def with_importers(*units):
    """Return some parts of the package and those that need them."""
    removed = {*units}
    while True:
        gone = {module for module in FILES if is_in(module, removed)}
        more = {unit_of(module) for module in FILES if module not in gone and imports_of(module) & gone}
        if not more:
            return sorted(removed)
        removed |= more


def is_in(module, units):
    unit = unit_of(module)
    return unit in units or unit.partition(".")[0] in units


def without_lines(page, units):
    """Return docs/architecture.rst without some parts in its two drawings of the house."""
    kept, folders = [], list[str]()
    before, start, rest = page.partition("   flask_pyfs/\n")
    drawn, end, after = rest.partition("\n\n")
    for line in drawn.splitlines():
        depth = (len(line) - len(line.lstrip()) - 5) // 2
        folders[depth:] = [line.split()[0].rstrip("/")]
        if not is_in(".".join(("flask_pyfs", *folders)), units):
            kept.append(line)
    page = before + start + "\n".join(kept) + end + after
    first = page.index("from rooms below:")
    last = page.index("_import_fs  _untyped", first)
    drawn = page[first:last]
    for unit in units:
        drawn = re.sub(rf"(?<=\s){re.escape(unit.removeprefix('adapters.'))}(  |(?=\n))", "", drawn)
    return page[:first] + re.sub(r"\n +(?=\n)", "", drawn) + page[last:]


def without_settings(text, unit):
    """Return setup.cfg without the extra and the entry points of a part."""
    extra = unit.removeprefix("adapters.")
    text = re.sub(rf"^[ \t]+[\w.]+ = flask_pyfs\.{re.escape(unit)}[.:].*\n", "", text, flags=re.MULTILINE)
    text = re.sub(rf"^[ \t]+%\({extra}\)s\n", "", text, flags=re.MULTILINE)
    text = re.sub(rf"^{extra} =.*\n([ \t]+.*\n)*", "", text, flags=re.MULTILINE)
    if unit in ENTRY_POINTS:
        text = re.sub(rf"^{ENTRY_POINTS[unit]} =\n([ \t]+.*\n)*", "", text, flags=re.MULTILINE)
    return text


@pytest.fixture(scope="module")
def check():
    """Run CHECK on a package in a directory; return how it ended, and what it printed."""
    argv = [sys.executable, "-W", "error", "-c", CHECKS, CHECK, *DRIVERS]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as checks:

        def check(directory, *members):
            output = directory / "output"
            print(json.dumps([str(output), str(directory), *members]), file=checks.stdin, flush=True)
            return int(checks.stdout.readline()), output.read_text()

        yield check
        checks.stdin.close()


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_a_part_can_be_removed(part, tmp_path, check):
    # with what is compiled, which takes long, but not what another process is just compiling
    shutil.copytree(PACKAGE, tmp_path / "flask_pyfs", ignore=shutil.ignore_patterns("*.pyc.*"))
    shutil.copytree(TOP / "tests" / "servers", tmp_path / "tests" / "servers", ignore=shutil.ignore_patterns("*.pyc.*"))
    (tmp_path / "tests" / "rules").mkdir()
    (tmp_path / "docs").mkdir()
    for name in ("conftest.py", "fewer.py", "rules/test_house.py", "rules/test_rooms.py", "test_without_app.py"):
        shutil.copy(TOP / "tests" / name, tmp_path / "tests" / name)
    page = (TOP / "docs" / "architecture.rst").read_text(encoding="utf-8")
    settings = (TOP / "setup.cfg").read_text(encoding="utf-8")
    removed = with_importers(*PARTS[part])
    for module in FILES:
        if is_in(module, removed):
            (tmp_path / FILES[module].relative_to(PACKAGE.parent)).unlink()
    for unit in removed:
        # what is left has no modules
        shutil.rmtree(tmp_path / "flask_pyfs" / unit.replace(".", "/"), ignore_errors=True)
        settings = without_settings(settings, unit)
    (tmp_path / "docs" / "architecture.rst").write_text(without_lines(page, removed), encoding="utf-8")
    (tmp_path / "setup.cfg").write_text(settings, encoding="utf-8")

    read = configparser.ConfigParser()
    read.read(tmp_path / "setup.cfg")
    assert not {unit.removeprefix("adapters.") for unit in removed} & {*read["options.extras_require"]}
    assert all(read["options.extras_require"].values())
    assert missing_entry_points(read, tmp_path) == []
    members = {unit.removeprefix("adapters."): MEMBERS[unit] for unit in removed if unit in MEMBERS}
    status, printed = check(tmp_path, *members.values())
    assert status == 0, printed
    assert " passed in " in printed
    refused = [line for line in printed.splitlines() if line.startswith("refused: ")]
    assert [f"flask_pyfs.{room}" in line for room, line in zip(members, refused, strict=True)] == [
        True for _ in members
    ]


def missing_entry_points(settings, directory):
    modules = re.findall(r"= (flask_pyfs[\w.]*):", "\n".join(settings["options.entry_points"].values()))
    paths = {module: directory.joinpath(*module.split(".")) for module in modules}
    return [
        module
        for module, path in paths.items()
        if not path.with_suffix(".py").exists() and not (path / "__init__.py").exists()
    ]


def test_what_needs_transfer_goes_with_it():
    assert {"transfer", "cli.copies", "cli.sync"} <= set(with_importers("transfer"))
    assert "cli" not in with_importers("transfer")
    assert with_importers("cli") == ["cli"]


def test_the_two_stores_as_one_are_no_part_of_what_each_app_uses():
    assert with_importers(*MIGRATING) == sorted([*MIGRATING, "cli.migrate", "migration"])
    # a storage still has both, without the command
    assert with_importers("migration") == ["cli.migrate", "migration"]


def test_the_layer_that_encrypts_is_no_part_of_what_each_app_uses():
    assert {*ENCRYPTING} <= {*with_importers(*ENCRYPTING)} <= {*ENCRYPTING, "rekeying", "cli.rekey", "cli.keygen"}


def test_each_command_names_its_room():
    # without it, the command is missing, in place of a traceback
    for name, (module, room) in cli._COMMANDS.items():
        needed = {room_of(each) for each in imports_of(f"flask_pyfs.cli.{module}")} & {*PARTS} - {"cli"}
        assert needed == ({room} if room else set()), name
