"""Packages of npm that the tests use: each is fetched once into a cache, and must be the one that the tests know."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest
from servers.programs import program

# each with the SHA-512 of its archive
KNOWN = {
    "uppy-6.0.1": "d8e38d3143541c604d91f4a336958386579e09eaa6da83fef0d2514b19241552"
    "e69b705b13b4be5c29b8e7e8e9dfacfb3c246ea20b66d458183ca6b488a6d801",
    "filepond-4.32.12": "c2ba34fdd78bc2e6bd0a42fb1c9ca03a50da3e8d5cecebfc91fcdb6631fb9b88"
    "5d8b9ea07471837915a761afaa5e7466dcbb72ebd81419515bdc9672ffdbd3f2",
    "tus-js-client-4.3.1": "64b7989a3ae4694d5f52c29b222f0930be76b80a1c8c466d071e032a346bab3a"
    "d96b43b8318c13e9d6fea2a78f96ca55f85c57240c8505cfcbe60c148b6385b2",
}


def files_of(package: str, directory: Path, *names: str) -> list[Path]:
    """Unpack some files of a package into a directory, and return where they are.

    :param package: its name and version, one of :data:`KNOWN`.
    """
    archive = _archive(package)
    places = []
    with tarfile.open(archive) as tar:
        for name in names:
            file = tar.extractfile(f"package/{name}")
            assert file is not None
            with file:
                places.append(directory / Path(name).name)
                places[-1].write_bytes(file.read())
    return places


def _archive(package: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flask_pyfs"
    place = cache / f"{package}.tgz"
    if not place.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as directory:
            # several processes may do this at once
            _fetched(package, directory).replace(place)
    if hashlib.sha512(place.read_bytes()).hexdigest() != KNOWN[package]:
        place.unlink()
        pytest.fail(
            f"npm has another {package} than the tests know: its SHA-512 is not the one in {Path(__file__).name}"
        )
    return place


def _fetched(package: str, directory: str) -> Path:
    name, _, version = package.rpartition("-")
    argv = [program("npm", "npm"), "pack", f"{name}@{version}", "--silent", "--pack-destination", directory]
    done = subprocess.run(argv, cwd=directory, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        pytest.fail(f"npm cannot fetch {package}, which the tests of other clients need: {done.stderr or done.stdout}")
    return Path(directory) / f"{package}.tgz"
