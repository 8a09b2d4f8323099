"""The libraries that are compared, and a virtual environment for each that is not this project."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

#: The module of the bare client of a store: nothing to import.
RAW = "raw"


@dataclass(frozen=True)
class Library:
    """A library and the interpreter that it is installed for.

    :param name: how the table names it.
    :param module: what an app imports.
    :param versions: what of it and of Flask is installed.
    :param is_storage: whether it has the interface of a storage. A client of a store has none.
    """

    name: str
    module: str
    python: str
    versions: str
    is_storage: bool = True


#: Libraries with the same interface: the module and the requirement of each.
PEERS = {
    "flask-fs2": ("flask_fs", "flask-fs2[s3,gridfs,swift]==0.8.2"),
}
if sys.version_info >= (3, 11):
    PEERS["flask-storage"] = ("flask_storage", "flask-storage==2.1.1")

#: Other clients of stores, likewise.
CLIENTS = {name: (name, name) for name in ("obstore", "opendal", "s3fs")}


def prepare(peers: list[str], venvs: Path) -> list[Library]:
    """Return what is compared, each installed.

    :param peers: the keys of :data:`PEERS` and :data:`CLIENTS` that are wanted.
    :param venvs: the directory that keeps their virtual environments from run to run.
    """
    ours = sys.executable
    prepared = [
        Library(RAW, RAW, ours, f"Python {platform.python_version()}", is_storage=False),
        Library("flask_pyfs", "flask_pyfs", ours, _versions(ours, "flask_pyfs")),
    ]
    return prepared + [prepare_peer(peer, venvs, "waitress") for peer in peers]


def prepare_peer(peer: str, venvs: Path, beside: str) -> Library:
    """Return a peer, installed with another distribution that the comparison needs."""
    module, requirement = (PEERS | CLIENTS)[peer]
    directory = venvs / f"{requirement}-{beside}-python{platform.python_version()}"
    python = _install([requirement, "flask", beside], directory)
    return Library(peer, module, python, _versions(python, peer), is_storage=peer in PEERS)


def default_venvs() -> Path:
    """Return the directory of the user that keeps the virtual environments of the peers."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flask_pyfs-bench"


def _versions(python: str, distribution: str) -> str:
    names = [distribution, "flask", "werkzeug"]
    code = f"from importlib.metadata import version\nprint(*(f'{{n}} {{version(n)}}' for n in {names}), sep=', ')"
    return subprocess.run([python, "-c", code], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def _install(requirements: list[str], directory: Path) -> str:
    python = directory / "bin" / "python"
    complete = directory / "complete"
    if not complete.exists():
        print(f"installing {requirements} in {directory}", file=sys.stderr)
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", directory], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True)
        except subprocess.CalledProcessError:
            sys.exit(f"{requirements} cannot be installed; --peers leaves libraries out")
        complete.touch()
    return str(python)
