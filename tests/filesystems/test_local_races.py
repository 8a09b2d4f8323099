"""Other writers between each two steps of a move, a conditional deletion and a conditional replacement.

They heed no lock, like other programs, other machines, and who was tired of waiting for a process that was stopped.
"""

import errno
import io
import itertools
import os

import fs.errors
import pytest

from flask_pyfs.filesystems.local import LocalFS, locks, renames
from flask_pyfs.filesystems.store import OtherVersion

# all calls that the operations make of the system, and that another process can come between
CALLS = [(os, name) for name in ("link", "rename", "unlink", "rmdir", "mkdir", "lstat", "stat", "open")]
CALLS += [(renames, name) for name in ("rename_new", "exchange")]

OLD = b"old"


# what is exact whatever comes between; a replacement is not without renameat2, which the docs say
EXACT = [(system, name) for system in ("renameat2", "links") for name in ("move", "delete_version")]
EXACT += [("renameat2", "replace_version"), ("neither", "delete_version")]


@pytest.fixture(autouse=True)
def no_locks(monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0)


def refuse_links(*arguments, **options):
    raise OSError(errno.EPERM, "no hard links here")


def use(system, monkeypatch):
    """Take away what a file system has not."""
    if system != "renameat2":
        monkeypatch.setattr(renames, "_renameat2", lambda: None)
    if system == "neither":
        monkeypatch.setattr(os, "link", refuse_links)


class Steps:
    """Call something before certain calls of the system."""

    def __init__(self, monkeypatch):
        self.count = 0
        self.planned = {}
        self.running = False
        for owner, name in CALLS:
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, call):
        def counted(*arguments, **options):
            if self.running:
                self.running = False
                for intruder in self.planned.pop(self.count, ()):
                    intruder()
                self.count += 1
                self.running = True
            return call(*arguments, **options)

        return counted

    def run(self, operation, planned):
        """Run an operation, and return its result. ``planned`` is a list of a step and what comes before it."""
        self.count, self.planned = 0, {}
        for step, intruder in planned:
            self.planned.setdefault(step, []).append(intruder)
        self.running = True
        try:
            return operation()
        finally:
            self.running = False


def told(operation):
    """Return what an operation says."""
    try:
        return operation() is not False
    except (fs.errors.ResourceNotFound, fs.errors.FileExists, OtherVersion):
        return False


class Model:
    """What the operations do where nothing comes between. Each write makes a version: its content."""

    def __init__(self):
        self.files = {"a": OLD}

    def overwrite(self, name, content):
        self.files[name] = content
        return True

    def save(self, name, content):
        return name not in self.files and self.overwrite(name, content)

    def delete(self, name, content):
        return self.files.pop(name, None) is not None

    def move(self, name, target):
        return name in self.files and target not in self.files and self.overwrite(target, self.files.pop(name))

    def delete_version(self, name):
        return self.files.get(name) == OLD and self.delete(name, None)

    def replace_version(self, name, content):
        return self.files.get(name) == OLD and self.overwrite(name, content)


class Real:
    """The same operations of a filesystem."""

    def __init__(self, directory):
        self.local = LocalFS(str(directory), create=True)
        self.version = self.local.put("a", io.BytesIO(OLD))

    @property
    def files(self):
        return {name: self.local.readbytes(name) for name in self.local.iter_files()}

    def overwrite(self, name, content):
        return told(lambda: self.local.put(name, io.BytesIO(content)))

    def save(self, name, content):
        return told(lambda: self.local.put(name, io.BytesIO(content), overwrite=False))

    def delete(self, name, content):
        return told(lambda: self.local.remove(name))

    def move(self, name, target):
        return told(lambda: self.local.move_file(name, target, overwrite=False))

    def delete_version(self, name):
        return told(lambda: self.local.delete_version(name, self.version))

    def replace_version(self, name, content):
        return told(lambda: self.local.replace_version(name, io.BytesIO(content), self.version))


OPERATIONS = {
    "move": lambda world: world.move("a", "b"),
    "delete_version": lambda world: world.delete_version("a"),
    "replace_version": lambda world: world.replace_version("a", b"ours"),
}


def orders(operation, others):
    """Return what may have happened: the result of the operation, those of the others, and the files."""
    for place in range(len(others) + 1):
        model = Model()
        results = [None] * len(others)
        for number, (method, name, content) in enumerate(others[:place]):
            results[number] = getattr(model, method)(name, content)
        mine = operation(model)
        for number, (method, name, content) in enumerate(others[place:], place):
            results[number] = getattr(model, method)(name, content)
        yield mine, results, model.files


def interleaved(steps, directory, operation, planned):
    """Run an operation with others between its steps, and return what :func:`orders` does; None if it was too short."""
    real = Real(directory)
    results = []

    def intruder(method, name, content):
        return lambda: results.append(getattr(real, method)(name, content))

    mine = steps.run(lambda: operation(real), [(step, intruder(*other)) for step, other in planned])
    left = os.path.join(real.local.getsyspath("/"), ".flask_pyfs")
    assert not os.path.isdir(left) or os.listdir(left) == []
    return None if steps.planned else (mine, results, real.files)


def everywhere(steps, tmp_path, operation, others):
    """Yield what comes of all ways to run others, in their order, between the steps of an operation."""
    numbers = itertools.count()
    for first in itertools.count():
        if interleaved(steps, tmp_path / f"{next(numbers)}", operation, [(first, others[0])]) is None:
            return
        for gap in itertools.count() if len(others) == 2 else [0]:
            planned = [(first, others[0])] if len(others) == 1 else [(first, others[0]), (first + gap, others[1])]
            outcome = interleaved(steps, tmp_path / f"{next(numbers)}", operation, planned)
            if outcome is None:
                break
            yield planned, outcome


OTHERS = [
    (method, name, method.encode() + name.encode()) for method in ("overwrite", "save", "delete") for name in "ab"
]


@pytest.mark.parametrize(("system", "name"), EXACT)
def test_another_writer_between_two_steps(system, name, monkeypatch, tmp_path):
    use(system, monkeypatch)
    steps = Steps(monkeypatch)
    operation = OPERATIONS[name]
    for other in OTHERS:
        for planned, outcome in everywhere(steps, tmp_path / f"{other[0]}{other[1]}", operation, [other]):
            assert outcome in list(orders(operation, [other])), planned


def lost(others, mine, results, files):
    """Return the contents that are gone though nobody overwrote or deleted them."""
    written = [(OLD, -1)] + [
        (content, number)
        for number, (method, _, content) in enumerate(others)
        if method != "delete" and results[number]
    ]
    return [
        content
        for content, when in written
        if content not in files.values()
        and not (mine and content == OLD)
        and not any(method != "save" and results[number] for number, (method, *_) in enumerate(others) if number > when)
    ]


@pytest.mark.parametrize(("system", "name"), EXACT)
def test_two_other_writers_between_two_steps(system, name, soak, monkeypatch, tmp_path):
    use(system, monkeypatch)
    steps = Steps(monkeypatch)
    operation = OPERATIONS[name]
    for others in itertools.product(OTHERS, OTHERS):
        if not soak and (others[0][0] == "save" or {other[1] for other in others} != {"a"}):
            continue
        place = "-".join(f"{other[0]}{other[1]}" for other in others)
        for planned, (mine, results, files) in everywhere(steps, tmp_path / place, operation, list(others)):
            gone = lost(others, mine and name != "move", results, files)
            # the docs name it: one replaces the file while it is to be deleted, and another stores it anew
            known = name == "delete_version" and place == "overwritea-savea"
            assert gone == [] or (known and gone == [b"overwritea"]), planned


@pytest.mark.parametrize("name", ["move", "delete_version"])
def test_what_cannot_be_given_back_is_kept(name, monkeypatch, tmp_path):
    use("links", monkeypatch)
    real = Real(tmp_path)
    rename = os.rename

    def late(source, target):
        monkeypatch.setattr(os, "rename", rename)
        real.overwrite("a", b"theirs")
        rename(source, target)
        monkeypatch.setattr(os, "link", fail)

    def fail(*arguments, **options):
        raise OSError(errno.EIO, "the disk fails")

    monkeypatch.setattr(os, "rename", late)
    with pytest.raises(fs.errors.FSError):
        OPERATIONS[name](real)
    left = tmp_path / ".flask_pyfs"
    assert b"theirs" in [path.read_bytes() for path in left.iterdir()]


@pytest.mark.parametrize("system", ["renameat2", "links", "neither"])
def test_what_decides_versions_says_so(tmp_path, monkeypatch, system):
    use(system, monkeypatch)
    local = LocalFS(str(tmp_path))
    is_exact = (system, "replace_version") in EXACT
    assert local.decides_versions is local.learn_conditions(".flask_pyfs/probe") is is_exact
    assert list((tmp_path / ".flask_pyfs").iterdir()) == []


def test_a_file_system_without_exchanges_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr(renames, "_renameat2", lambda: lambda path, other, flag: errno.EINVAL)
    local = LocalFS(str(tmp_path))
    # nothing was exchanged yet
    assert local.decides_versions
    assert not local.learn_conditions(".flask_pyfs/probe")
    assert not local.decides_versions
