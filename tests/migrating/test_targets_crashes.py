"""Processes that die at any step of a change to the target, and several at once."""

import itertools
import signal
import subprocess
import sys
from io import BytesIO

import pytest

from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.local import LocalFS
from flask_pyfs.filesystems.memory import MemoryFS
from flask_pyfs.filesystems.migrating.choosing import target_of
from flask_pyfs.filesystems.migrating.target import ANYTHING, NO_FILE, NOTHING

# what changes a store
STEPS = ("put", "open_write", "copy_from", "move_file", "delete_version", "delete_tree")


#: One in so many cases is tried on a disk too, without --soak.
SHARE_ON_DISK = 3


class Died(BaseException):
    pass


class Process:
    """One that dies right before, or right after, one of its steps. From then on it does nothing."""

    def __init__(self, store, number, *, after):
        self.left, self.after, self.is_dead = number, after, False
        self.store = store
        for step in STEPS:
            setattr(store, step, self.stepping(getattr(store, step)))
        self.target = target_of(store)

    def undo(self):
        for step in STEPS:
            delattr(self.store, step)

    def stepping(self, step):
        def stepped(*arguments, **options):
            self.left -= 1
            if self.is_dead or (self.left < 0 and not self.after):
                self.is_dead = True
                raise Died
            result = step(*arguments, **options)
            if self.left < 0:
                self.is_dead = True
                raise Died
            return result

        return stepped


@pytest.fixture
def open_store(request, tmp_path):
    memory = MemoryFS()
    return lambda: GenericStore(MemoryFS(memory)) if request.param == "memory" else LocalFS(str(tmp_path))


def state(target, path):
    """What a name has: its content and what it mirrors; that of a tombstone is None."""
    got = target.fetch(path)
    entry = target.look(path)
    listed = [found.is_deleted for name, found in target.entries(path) if name == path]
    if got is None:
        assert entry is None
        assert listed == []
        return None
    assert got[0] == entry
    assert listed == [entry.is_deleted]
    if got[1] is None:
        return None, entry.mirrors
    with got[1] as file:
        return file.read(), entry.mirrors


def write(target, path, content=b"old", **options):
    return target.write(path, BytesIO(content), ANYTHING, **options)


def twice(target, path, first):
    first(target, path)
    return write(target, path, mirrors="x")


def nothing_again(target, path):
    write(target, path, mirrors="x")
    target.drop(path, target.bury(path, ANYTHING))


def crashed(target, path):
    """A file under a tombstone that does not count, because a process died while it buried the file."""
    version = write(target, path, mirrors="x")
    process = Process(target.store, 1, after=False)
    with pytest.raises(Died):
        process.target.bury(path, ANYTHING)
    process.undo()
    return version


BEFORE = {
    "nothing": lambda target, path: None,
    "own": write,
    "mirror": lambda target, path: write(target, path, mirrors="x"),
    "tombstone": lambda target, path: target.bury(path, NOTHING),
    "mirroring tombstone": lambda target, path: target.bury(path, NOTHING, mirrors=NO_FILE),
    # from here on, what is out of date may lie beside
    "mirror after a tombstone": lambda target, path: twice(target, path, lambda *name: target.bury(path, NOTHING)),
    "mirror after a mirror": lambda target, path: twice(target, path, lambda *name: write(*name, mirrors="w")),
    "nothing again": nothing_again,
    "a bury that crashed": crashed,
}


def expected_of(version):
    return NOTHING if version is None else version


def opened(target, path, version, other):
    with target.open_write(path, expected_of(version)) as file:
        file.write(b"new")


def move_here(target, path, version, other):
    assert target.move(other, target.look(other).version, path, expected_of(version))


def move_away(target, path, version, other):
    # no tombstone can be moved
    if version is not None and not target.look(path).is_deleted:
        assert target.move(path, version, other, ANYTHING)


def drop(target, path, version, other):
    if version is not None:
        assert target.drop(path, version)


CHANGES = {
    "write": lambda target, path, version, other: write(target, path, b"new"),
    "write this": lambda target, path, version, other: target.write(path, BytesIO(b"new"), expected_of(version)),
    "mirror": lambda target, path, version, other: target.write(
        path, BytesIO(b"new"), expected_of(version), mirrors="y"
    ),
    "open": opened,
    "bury": lambda target, path, version, other: target.bury(path, ANYTHING),
    "bury this": lambda target, path, version, other: target.bury(path, expected_of(version), mirrors="y"),
    "drop": drop,
    "move here": move_here,
    "move away": move_away,
}


def pytest_generate_tests(metafunc):
    if "open_store" not in metafunc.fixturenames:
        return
    share = 1 if metafunc.config.getoption("--soak") else SHARE_ON_DISK
    cases = [("memory", before, change) for before in BEFORE for change in CHANGES]
    # each state and each change in turn
    cases += [
        ("local", before, change)
        for row, before in enumerate(BEFORE)
        for column, change in enumerate(CHANGES)
        if (row + column) % share == 0
    ]
    metafunc.parametrize(("open_store", "before", "change"), cases, indirect=["open_store"])


def test_a_process_that_dies_has_changed_all_or_nothing(open_store, before, change):
    target = target_of(open_store())
    names = itertools.count()

    def prepared():
        number = next(names)
        path, other = f"{number}/a", f"{number}/b"
        write(target, other, b"other", mirrors="z")
        version = BEFORE[before](target, path)
        return path, other, version, lambda: (state(target, path), state(target, other))

    path, other, version, states = prepared()
    first = states()
    CHANGES[change](target, path, version, other)
    last = states()
    for after in (False, True):
        for number in itertools.count():
            path, other, version, states = prepared()
            assert states() == first
            process = Process(open_store(), number, after=after)
            try:
                CHANGES[change](process.target, path, version, other)
            except Died:
                assert states() in (first, last)
            else:
                assert not process.is_dead
                break
            # nothing that it left counts when another process goes on
            entry = target.look(path)
            if change == "move here" and states() == last:
                continue
            CHANGES[change](target, path, None if entry is None else entry.version, other)
            assert states() == last
        assert number > 0 or first == last


COUNTER = """
import sys
from io import BytesIO
from flask_pyfs.filesystems.local import LocalFS
from flask_pyfs.filesystems.migrating.choosing import target_of
from flask_pyfs.filesystems.store import OtherVersion

target = target_of(LocalFS(sys.argv[1]))
left = int(sys.argv[2])
print("ready", flush=True)
while left:
    entry, file = target.fetch("a/b")
    number = int(entry.mirrors)
    if file is not None:
        with file:
            assert int(file.read()) == number
    mirrors = str(number + 1)
    try:
        if number % 3 == 0 and file is not None:
            target.bury("a/b", entry.version, mirrors=mirrors)
        else:
            target.write("a/b", BytesIO(mirrors.encode()), entry.version, mirrors=mirrors)
    except OtherVersion:
        continue
    left -= 1
"""


def counting(root, times):
    return subprocess.Popen([sys.executable, "-c", COUNTER, str(root), str(times)], stdout=subprocess.PIPE)


def check(target):
    entry, file = target.fetch("a/b")
    if file is not None:
        with file:
            assert file.read() == entry.mirrors.encode()
    return int(entry.mirrors)


def test_processes_take_turns(tmp_path, soak):
    times = 3000 if soak else 100
    target = target_of(LocalFS(str(tmp_path)))
    target.write("a/b", BytesIO(b"0"), NOTHING, mirrors="0")
    with counting(tmp_path, times) as one, counting(tmp_path, times) as other:
        last = 0
        while one.poll() is None or other.poll() is None:
            now = check(target)
            assert now >= last
            last = now
    assert (one.returncode, other.returncode) == (0, 0)
    assert check(target) == 2 * times
    kept = [path for path in (tmp_path / ".flask_pyfs").rglob("*") if path.is_file() and "locks" not in path.parts]
    # what the last one mirrors, or its tombstone
    assert len(kept) == 1


def test_processes_that_are_killed_hold_no_lock(tmp_path, soak):
    target = target_of(LocalFS(str(tmp_path)))
    target.write("a/b", BytesIO(b"0"), NOTHING, mirrors="0")
    last = 0
    for _ in range(50 if soak else 2):
        with counting(tmp_path, 10**9) as process:
            process.stdout.readline()
            while check(target) < last + 20:
                pass
            process.send_signal(signal.SIGKILL)
        last = check(target)
    with counting(tmp_path, 10) as process:
        assert process.wait() == 0
    assert check(target) == last + 10
