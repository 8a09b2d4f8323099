"""The packages that apps move from, each in an environment of its own, and the files that both sides exchange."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

SCRIPT = Path(__file__).with_name("child_peer.py")


@dataclass(frozen=True)
class Peer:
    """A package that an app moves from: how it is installed and imported, and its backends."""

    name: str
    module: str
    requirements: tuple[str, ...]
    backends: tuple[str, ...]


PEERS = (
    Peer(
        "Flask-FS",
        "flask_fs",
        # the last releases that it runs on
        (
            *("Flask-FS==0.6.1", "Flask<2", "Werkzeug<1", "Jinja2<3", "MarkupSafe<2.1", "itsdangerous<2"),
            *("click<8", "setuptools<81", "pymongo<4"),
        ),
        ("local", "s3", "gridfs", "swift"),
    ),
    Peer("flask-fs2", "flask_fs", ("flask-fs2==0.8.2",), ("local", "s3", "gridfs", "swift")),
    # of which the newest release is taken: udata follows it
    Peer("flask-storage", "flask_storage", ("flask-storage>=2.1.1",), ("local", "s3")),
)


@dataclass(frozen=True)
class Kind:
    """A file: what is special about it, its name, and its size in bytes."""

    label: str
    name: str
    size: int = 100

    @property
    def content(self) -> bytes:
        return content_of(self.label, self.size)


# the script of the peer makes the same content
def content_of(label: str, size: int) -> bytes:
    return hashlib.shake_128(label.encode()).digest(size)


KINDS = (
    Kind("plain", "plain.txt"),
    Kind("empty", "empty.txt", 0),
    Kind("5 MB", "large.bin", 5_000_000),
    Kind("NFC", "caf\u00e9.txt"),
    Kind("NFD", "the\u0301.txt"),
    Kind("spaces", " two  spaces .txt"),
    Kind("two slashes", "double//slash.txt"),
    Kind("leading slash", "/2026/report.txt"),
    Kind("dot component", "dot/./part.txt"),
    Kind("backslash", "back\\slash.txt"),
    Kind("percent", "%41.txt"),
    Kind("plus and ampersand", "a+b&c=d.txt"),
    Kind("question mark", "what?#1.txt"),
    Kind("quotes", 'it\'s "so".txt'),
    Kind("beside a directory", "a"),
    Kind("in a directory beside a file", "a/b"),
    Kind("nested", "a1/b/c/d/nested.txt"),
    Kind("upper case", "UPPER.TXT"),
    Kind("no extension", "README"),
    Kind("dot file", ".hidden.txt"),
    Kind("two extensions", "backup.tar.gz"),
    Kind("image", "photo.jpg"),
    Kind("emoji", "\U0001f600.png"),
    Kind("Chinese", "\u6587\u4ef6.pdf"),
    Kind("control character", "tab\there.txt"),
    Kind("200 bytes", "x" * 196 + ".txt"),
)


class Step(TypedDict):
    """An operation of the script of the peer, on one storage."""

    do: str
    storage: str
    arguments: list[Any]


class Installed:
    """A peer that is installed: each call of ``run`` is a process of it."""

    def __init__(self, peer: Peer, python: Path) -> None:
        self.peer = peer
        self.python = python

    def run(self, settings: Mapping[str, Any], steps: Sequence[Step]) -> list[Any]:
        """Run steps with an app that has these settings; return what each step returned."""
        storages = sorted({step["storage"] for step in steps})
        job = json.dumps({"module": self.peer.module, "settings": settings, "storages": storages, "steps": steps})
        done = subprocess.run(
            [str(self.python), "-W", "ignore", str(SCRIPT)], input=job.encode(), capture_output=True, timeout=300
        )
        if done.returncode:
            raise AssertionError(f"{self.peer.name} failed:\n{done.stderr.decode(errors='replace')[-4000:]}")
        found: list[Any] = json.loads(done.stdout)
        return found


def install(peer: Peer, directory: Path) -> Installed:
    """Install a peer from the index that pip is configured for. It shares the drivers of the tests.

    :raises AssertionError: if pip cannot. It is no reason to skip: what was not exchanged was not tested.
    """
    venv.create(directory)
    python = directory / "bin" / "python"
    options = ("-q", "--disable-pip-version-check", "--no-compile", "--no-deps")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", *options, *peer.requirements]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise AssertionError(
            f"pip cannot install {peer.name}, which this test exchanges files with. It needs a package index "
            f"(PIP_INDEX_URL); without one, leave the test out with -m 'not slow'.\n{done.stderr[-2000:]}"
        )
    [packages] = directory.glob("lib/python*/site-packages")
    for place in map(Path, sys.path):
        if place.name == "site-packages":
            _share(place, packages)
    return Installed(peer, python)


def _share(place: Path, packages: Path) -> None:
    # this package registers backends under the same names
    own = {"flask_pyfs", *(_package(entry) for entry in packages.iterdir())}
    for entry in place.iterdir():
        if entry.suffix != ".pth" and _package(entry) not in own:
            (packages / entry.name).symlink_to(entry)


def _package(entry: Path) -> str:
    # of the directory of the package, and of that with its metadata: Flask-3.1.0.dist-info
    return entry.name.partition("-")[0].partition(".")[0].lower()
