"""Syncs that are killed: nobody sees half a file, and the next one goes on."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from load import open_storage
from places import make_place

from flask_pyfs.transfer import check, sync

pytestmark = [pytest.mark.server, pytest.mark.slow]

HERE = Path(__file__).parent
JOBS = 8
MIB = 1024 * 1024


def content_of(name, size):
    """Return content that tells a name, and no part of which is like another."""
    start = hashlib.sha256(name.encode()).digest()
    return random.Random(start).randbytes(size)


def sizes(count):
    # some need several parts
    found = {f"{number % 7}/{number:04}": (number * 7919) % 40_000 for number in range(count)}
    found["0/large"] = 11 * MIB
    found["6/large"] = 6 * MIB
    return found


def kill_after(files, source, target):
    """Start a sync that is killed when so many files are done."""
    command = [sys.executable, str(HERE / "child_sync.py"), json.dumps(source), json.dumps(target), str(files)]
    env = os.environ | {"PYTHONPATH": str(HERE.parent)}
    child = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert child.returncode == -signal.SIGKILL, child.stdout + child.stderr


def side(place):
    return place if isinstance(place, str) else open_storage(place)[0]


def read_all(storage, names):
    with ThreadPoolExecutor(8) as threads:
        return dict(zip(names, threads.map(storage.read, names), strict=True))


def assert_whole(place, expected):
    """Look at all that is there, also under names that nobody expects; return how many files that are."""
    storage = side({"BACKEND": "local", "ROOT": place} if isinstance(place, str) else place)
    names = list(storage.list_files())
    assert set(names) <= set(expected)
    for name, content in read_all(storage, names).items():
        assert content == content_of(name, expected[name]), f"{name} has {len(content)} of {expected[name]} bytes"
    return len(names)


@pytest.mark.parametrize("ends", [("local", "s3-moto"), ("local", "swift"), ("s3-moto", "local"), ("gridfs", "local")])
def test_no_half_file_is_seen(ends, request, soak, tmp_path):
    kills, count = (50, 2000) if soak else (2, 60)
    expected = sizes(count)
    files = tmp_path / "files"
    for name, size in expected.items():
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_bytes(content_of(name, size))
        os.utime(files / name, (1e9, 1e9))
    kind = next(end for end in ends if end != "local")
    with make_place(kind, request) as settings:
        settings["PART_SIZE" if kind == "s3-moto" else "SEGMENT_SIZE"] = 5 * MIB
        if kind == "gridfs":
            settings.pop("SEGMENT_SIZE")
        if ends[0] == "local":
            source, target = str(files), settings
        else:
            assert sync(files, side(settings)).failed == 0
            source, target = settings, str(tmp_path / "target")
        for turn in range(kills):
            # all of them together do not complete it, even with those files that are done before they are told
            kill_after(random.randint(1, count // kills - 2 * JOBS), source, target)
            if turn % 10 == 9 or not soak:
                assert_whole(target, expected)
        before = assert_whole(target, expected)
        assert 0 < before < len(expected)
        report = sync(side(source), side(target))
        assert report.failed == 0
        assert report.counts["same"] + report.counts["replaced"] == before
        assert assert_whole(target, expected) == len(expected)
        report = check(side(source), side(target), checksum=True)
        assert report.counts == {"same": len(expected)}
        if not isinstance(target, str):
            # what the killed ones began is swept
            backend = side(target).backend
            backend.config["upload_lifetime"] = -60
            backend.remove_leftovers(-60)
            assert backend.remove_leftovers(-60) == 0
            assert assert_whole(target, expected) == len(expected)
