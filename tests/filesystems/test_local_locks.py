"""A file that is changed on a condition is not taken away from others, whoever is killed or stopped meanwhile."""

import errno
import fcntl
import io
import os
import subprocess
import sys
import threading
import time

import pytest

from flask_pyfs.filesystems.local import LocalFS, entries, locks, osfiles
from flask_pyfs.filesystems.store import OtherVersion

CHANGES = {
    "delete": lambda local, version: local.delete_version("a", version),
    "replace": lambda local, version: local.replace_version("a", io.BytesIO(b"ours"), version),
}

OVER = {
    "put": lambda local: local.put("a", io.BytesIO(b"new")),
    "open": lambda local: local.writebytes("a", b"new"),
    "move": lambda local: local.move_file("b", "a"),
}
NEW = {
    "put": lambda local: local.put("a", io.BytesIO(b"new"), overwrite=False),
    "durable": lambda local: LocalFS(local.getsyspath("/"), durable=True).put("a", io.BytesIO(b"new"), overwrite=False),
    "move": lambda local: local.move_file("b", "a", overwrite=False),
}

# another process, which has looked at a file that it is about to delete
CHANGING = """
import sys
from flask_pyfs.filesystems.local import LocalFS, entries

set_aside = entries.Entries._set_aside

def stopped(self, path):
    print("looked", flush=True)
    sys.stdin.readline()
    return set_aside(self, path)

entries.Entries._set_aside = stopped
print(LocalFS(sys.argv[1]).delete_version("a", sys.argv[2]))
"""


@pytest.fixture
def local(tmp_path):
    local = LocalFS(str(tmp_path))
    local.put("b", io.BytesIO(b"new"))
    return local


@pytest.fixture
def changing(local):
    version = local.put("a", io.BytesIO(b"old"))
    command = [sys.executable, "-c", CHANGING, local.getsyspath("/"), version]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "looked\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def sleeps(monkeypatch):
    """How often anybody waited."""
    found, sleep = [], time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: (found.append(seconds), sleep(seconds)))
    return found


class Other:
    """A writer that comes between the look at a file and its change, and waits for the lock."""

    def __init__(self, monkeypatch, write, before=lambda path: None):
        self._waits, self.restored = threading.Event(), []
        self._thread = threading.Thread(target=write)
        self._before = before
        for owner, name, replaced in (
            (locks, "PATIENCE", 60),
            (locks.Locks, "wait", self._noted(locks.Locks.wait)),
            (entries, "holds", self._looked(osfiles.holds)),
            (entries.Entries, "_give_back", lambda *arguments: self.restored.append(arguments)),
        ):
            monkeypatch.setattr(owner, name, replaced)

    def _noted(self, wait):
        def noted(*arguments):
            self._waits.set()
            wait(*arguments)

        return noted

    def _looked(self, holds):
        def looked(path, judge):
            found = holds(path, judge)
            if self._thread.ident is None:
                self._before(path)
                self._thread.start()
                assert self._waits.wait(60)
            return found

        return looked

    def done(self):
        self._thread.join()
        # nothing was taken away, so nothing came back
        return self.restored == []


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("write", OVER)
def test_who_overwrites_waits_until_a_condition_is_decided(local, monkeypatch, change, write):
    version = local.put("a", io.BytesIO(b"old"))
    other = Other(monkeypatch, lambda: OVER[write](local))
    assert CHANGES[change](local, version)
    assert other.done()
    assert local.readbytes("a") == b"new"


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("write", NEW)
def test_who_writes_a_new_file_waits_until_a_condition_is_decided(local, monkeypatch, change, write):
    version = local.put("a", io.BytesIO(b"old"))
    other = Other(monkeypatch, lambda: NEW[write](local), before=os.remove)
    try:
        assert not CHANGES[change](local, version)
    except OtherVersion:
        assert change == "replace"
    assert other.done()
    assert local.readbytes("a") == b"new"


def test_writers_do_not_wait_for_each_other(local, sleeps):
    with local._entries._locks.naming(local.getsyspath("/a")):
        local.put("a", io.BytesIO(b"new"))
        local.put("c", io.BytesIO(b"new"), overwrite=False)
    assert sleeps == []


def test_a_process_that_is_killed_holds_no_lock(local, changing, sleeps):
    changing.kill()
    changing.wait()
    local.put("a", io.BytesIO(b"new"))
    assert sleeps == []
    assert local.readbytes("a") == b"new"


def test_a_process_that_is_stopped_is_not_awaited_for_ever_and_loses_nothing(local, changing, monkeypatch, sleeps):
    monkeypatch.setattr(locks, "PATIENCE", 0.01)
    local.put("a", io.BytesIO(b"new"))
    assert sleeps
    sleeps.clear()
    # nor by each writer anew
    local.put("c", io.BytesIO(b"new"))
    assert sleeps == []
    assert changing.communicate("\n")[0] == "False\n"
    assert local.readbytes("a") == b"new"


def test_a_child_that_is_forked_meanwhile_holds_no_lock(local, sleeps):
    held = local._entries._locks.judging(local.getsyspath("/a"))
    with held:
        inherited = os.dup(held._descriptor)
    try:
        assert local.put("a", io.BytesIO(b"new"))
    finally:
        os.close(inherited)
    assert sleeps == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_disk_without_locks(local, monkeypatch, change):
    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert CHANGES[change](local, local.put("a", io.BytesIO(b"old")))
