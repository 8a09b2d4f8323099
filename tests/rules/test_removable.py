"""Each room of flask_pyfs/adapters can be removed with its face, and the rest works without it."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_house import IMPORTS, PACKAGE

TOP = Path(__file__).resolve().parents[2]
ROOMS = sorted(path.stem for path in (PACKAGE / "adapters").iterdir() if path.stem not in ("__init__", "__pycache__"))

# what a room adds to Storage
MEMBERS = {"fsspec": "fsspec"}

CHECK = """
import importlib, pkgutil, sys
import flask
import flask_pyfs as fs

assert fs.__file__.startswith(sys.argv[1]), fs.__file__
for module in pkgutil.walk_packages(fs.__path__, "flask_pyfs."):
    importlib.import_module(module.name)
files = fs.Storage("files")
app = flask.Flask("app")
app.config["FS_BACKEND"] = "memory"
fs.init_app(app, files)
for member in sys.argv[2:]:
    try:
        getattr(files, member)
    except fs.OperationNotSupported as error:
        print(error)
"""


def with_importers(room):
    """Return a room and those that import it."""
    removed = {room}
    while True:
        more = {
            other
            for other in set(ROOMS) - removed
            for module, imported in IMPORTS.items()
            if module.split(".")[1:3] == ["adapters", other]
            and any(set(name.split(".")[1:3]) & removed for name in imported if name.startswith("flask_pyfs."))
        }
        if not more:
            return sorted(removed)
        removed |= more


def without_lines(text, room):
    """Return the drawings of docs/architecture.rst without a room."""
    kept, below = [], None
    for line in text.splitlines(keepends=True):
        depth = len(line) - len(line.lstrip())
        if below is not None and line.strip() and depth > below:
            continue
        below = None
        if re.match(rf"     (  )?{room}/?\s", line):
            below = depth
            continue
        kept.append(line)
    page = "".join(kept)
    start = page.index("from rooms below:")
    end = page.index("_import_fs  _untyped", start)
    drawn = re.sub(rf"(?<=\s){room}(  |(?=\n))", "", page[start:end])
    return page[:start] + re.sub(r"\n +(?=\n   \S)", "", drawn) + page[end:]


def without_extra(text, room):
    """Return setup.cfg without an extra."""
    text = re.sub(rf"^ +%\({room}\)s\n", "", text, flags=re.MULTILINE)
    return re.sub(rf"^{room} =.*\n(    .*\n)*", "", text, flags=re.MULTILINE)


def run(*arguments, directory):
    environment = {**os.environ, "PYTHONPATH": str(directory)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_a_room_can_be_removed(room, tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "flask_pyfs", ignore=ignored)
    shutil.copytree(TOP / "tests" / "servers", tmp_path / "tests" / "servers", ignore=ignored)
    (tmp_path / "tests" / "rules").mkdir()
    (tmp_path / "docs").mkdir()
    for name in ("conftest.py", "rules/test_house.py", "rules/test_rooms.py", "test_without_app.py"):
        shutil.copy(TOP / "tests" / name, tmp_path / "tests" / name)
    page = (TOP / "docs" / "architecture.rst").read_text(encoding="utf-8")
    settings = (TOP / "setup.cfg").read_text(encoding="utf-8")
    removed = with_importers(room)
    for each in removed:
        shutil.rmtree(tmp_path / "flask_pyfs" / "adapters" / each, ignore_errors=True)
        (tmp_path / "flask_pyfs" / "adapters" / f"{each}.py").unlink(missing_ok=True)
        (tmp_path / "flask_pyfs" / f"{each}.py").unlink()
        page, settings = without_lines(page, each), without_extra(settings, each)
    (tmp_path / "docs" / "architecture.rst").write_text(page, encoding="utf-8")
    (tmp_path / "setup.cfg").write_text(settings, encoding="utf-8")

    extras = configparser.ConfigParser()
    extras.read(tmp_path / "setup.cfg")
    assert not {*removed} & {*extras["options.extras_require"]}
    assert all(extras["options.extras_require"].values())
    members = [MEMBERS[each] for each in removed if each in MEMBERS]
    checked = run("-W", "error", "-c", CHECK, str(tmp_path), *members, directory=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert [f"flask_pyfs.{each}" in line for each, line in zip(members, checked.stdout.splitlines(), strict=True)] == [
        True for _ in members
    ]
    tested = run("-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "tests", directory=tmp_path)
    assert tested.returncode == 0, tested.stdout
