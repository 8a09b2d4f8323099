"""Storages do what a dictionary of names and contents does, whatever the order of operations."""

import io
import shutil
import tempfile

import flask
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import flask_pyfs as fs

# few components, many of them prefixes of each other, so that names collide
NAMES = st.lists(st.sampled_from(["a", "ab", "a.txt", "é"]), min_size=1, max_size=3).map("/".join)
CONTENTS = st.binary(max_size=20)


class Model(dict):
    """What a storage should hold. Directories stay when they become empty, and block their names."""

    def __init__(self):
        super().__init__()
        self.directories = set()

    def blocked(self, name):
        return name in self.directories or bool(above(name) & self.keys())

    def store(self, name, content):
        self[name] = content
        self.directories |= above(name)

    def delete(self, name):
        for other in [other for other in self if is_at_or_below(other, name)]:
            del self[other]
        self.directories = {other for other in self.directories if not is_at_or_below(other, name)}


def above(name):
    parts = name.split("/")
    return {"/".join(parts[:count]) for count in range(1, len(parts))}


def is_at_or_below(name, directory):
    return name == directory or name.startswith(directory + "/")


class FlatModel(Model):
    """What a store of objects should hold: a name may be a file's and a directory's, and no directory is empty."""

    @property
    def directories(self):
        return {directory for name in self for directory in above(name)}

    @directories.setter
    def directories(self, value):
        """Nothing keeps them."""

    def blocked(self, name):
        return False


class StorageMachine(RuleBasedStateMachine):
    backend = "memory"

    def __init__(self):
        super().__init__()
        self.directory = tempfile.mkdtemp()
        app = flask.Flask("tests")
        app.config.update(self.settings())
        self.storage = fs.Storage("files", fs.ALL)
        fs.init_app(app, self.storage)
        self.model = self.make_model()

    make_model = Model

    def settings(self):
        return {"FS_ROOT": self.directory, "FS_BACKEND": self.backend}

    def teardown(self):
        shutil.rmtree(self.directory)

    def store(self, name, content, overwrite, operation):
        if self.model.blocked(name) or (not overwrite and name in self.model):
            with pytest.raises(fs.FSError):
                operation()
        else:
            operation()
            self.model.store(name, content)

    @initialize()
    def start_empty(self):
        assert list(self.storage.list_files()) == []

    @rule(name=NAMES, content=CONTENTS, overwrite=st.booleans())
    def write(self, name, content, overwrite):
        self.store(name, content, overwrite, lambda: self.storage.write(name, content, overwrite=overwrite))

    @rule(name=NAMES, content=CONTENTS, overwrite=st.booleans())
    def save(self, name, content, overwrite):
        self.store(name, content, overwrite, lambda: self.storage.save(io.BytesIO(content), name, overwrite=overwrite))

    @rule(name=NAMES, content=CONTENTS, mode=st.sampled_from(["wb", "xb"]))
    def open(self, name, content, mode):
        def operation():
            with self.storage.open(name, mode) as file:
                file.write(content)

        self.store(name, content, mode == "wb", operation)

    @rule(name=NAMES, content=CONTENTS)
    def append(self, name, content):
        def operation():
            with self.storage.open(name, "ab") as file:
                file.write(content)

        self.store(name, self.model.get(name, b"") + content, True, operation)

    @rule(name=NAMES, content=CONTENTS)
    def abort(self, name, content):
        def operation():
            with self.storage.open(name, "wb") as file:
                file.write(content)
                raise RuntimeError

        with pytest.raises((RuntimeError, fs.FSError)):
            operation()

    @rule(names=st.tuples(NAMES, NAMES), overwrite=st.booleans(), move=st.booleans())
    def copy_or_move(self, names, overwrite, move):
        source, target = names
        operation = self.storage.move if move else self.storage.copy
        if source not in self.model:
            with pytest.raises(fs.FileNotFound):
                operation(source, target, overwrite=overwrite)
            return
        if source == target:
            operation(source, target, overwrite=overwrite)
            return
        content = self.model[source]
        existed = target in self.model and not overwrite
        if self.model.blocked(target) or existed:
            with pytest.raises(fs.FSError):
                operation(source, target, overwrite=overwrite)
            return
        operation(source, target, overwrite=overwrite)
        if move:
            del self.model[source]
        self.model.store(target, content)

    @rule(name=NAMES)
    def delete(self, name):
        self.storage.delete(name)
        self.model.delete(name)

    @rule(name=NAMES)
    def look(self, name):
        assert self.storage.exists(name) == (name in self.model)
        if name in self.model:
            assert self.storage.read(name) == self.model[name]
            assert self.storage.metadata(name)["size"] == len(self.model[name])
        else:
            with pytest.raises(fs.FileNotFound):
                self.storage.read(name)

    @rule(prefix=NAMES)
    def list_below(self, prefix):
        for wanted in (prefix, prefix + "/"):
            expected = {name for name in self.model if name.startswith(wanted)}
            assert set(self.storage.list_files(wanted)) == expected
            entries = {entry.name: entry.size for entry in self.storage.entries(wanted)}
            assert list(entries.items()) == [(name, len(self.model[name])) for name in sorted(expected, key=str.encode)]

    @invariant()
    def the_same_files(self):
        names = list(self.storage.list_files())
        assert len(names) == len(set(names))
        assert {name: self.storage.read(name) for name in names} == self.model
        assert {path.strip("/") for path in self.storage.fs.walk.dirs()} == self.model.directories


class LocalMachine(StorageMachine):
    backend = "local"


@pytest.mark.parametrize("machine", [StorageMachine, LocalMachine])
def test_a_storage_is_a_dictionary(machine, soak):
    size = settings(max_examples=1000 if soak else 8, stateful_step_count=40)
    run_state_machine_as_test(machine, settings=size)
