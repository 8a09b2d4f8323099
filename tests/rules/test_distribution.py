"""What a source distribution carries, from a clone and from an unpacked one."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
BUILD = "import sys; from setuptools.build_meta import __legacy__; print(__legacy__.build_sdist(sys.argv[1]))"
NOISE = [
    "docs/_build/html/index.html",
    "docs/examples/gallery/instance/fs/images/a.png",
    "docs/examples/gallery/__pycache__/x.pyc",
    "tests/__pycache__/conftest.pyc",
    "tests/.hypothesis/unicode_data/x",
    "tests/packages/fs_backends/fs_backends.egg-info/PKG-INFO",
]
# a clone's own settings of git, such as those of a hook that runs the tests, are not those of the copy
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def carried(source, to):
    """Return the names of the files of an sdist that is built of a directory."""
    name = run(sys.executable, "-c", BUILD, str(to), cwd=source).splitlines()[-1]
    with tarfile.open(to / name) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}


def put(directory, *names):
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(b"")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what belongs to the project, and of nothing else."""
    copy = tmp_path_factory.mktemp("source") / "flask_pyfs"
    made = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "_build", "instance")
    for name in ("docs", "flask_pyfs", "tests"):
        shutil.copytree(TOP / name, copy / name, ignore=made)
    for name in ("CHANGELOG.md", "LICENSE", "README.md", "setup.cfg", "setup.py"):
        shutil.copy(TOP / name, copy)
    return copy


@pytest.fixture(scope="module")
def files(source):
    return {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}


def generated(names):
    return {name for name in names if name == "PKG-INFO" or name.startswith("flask_pyfs.egg-info/")}


def test_all_of_the_project_is_carried_and_nothing_that_a_run_leaves(source, files, tmp_path):
    copy = Path(shutil.copytree(source, tmp_path / "copy"))
    put(copy, *NOISE)
    names = carried(copy, tmp_path)
    assert names - generated(names) == files


def test_git_says_what_belongs_to_a_clone(source, files, tmp_path):
    copy = Path(shutil.copytree(source, tmp_path / "copy"))
    for command in (["init", "-q"], ["add", "."]):
        run("git", *command, cwd=copy)
    put(copy, *NOISE, "tests/test_scratch.py", "docs/notes.rst")
    names = carried(copy, tmp_path)
    assert names - generated(names) == files


def test_a_tree_inside_of_another_clone_carries_the_same(source, files, tmp_path):
    run("git", "init", "-q", cwd=tmp_path)
    copy = Path(shutil.copytree(source, tmp_path / "copy"))
    names = carried(copy, tmp_path)
    assert names - generated(names) == files
