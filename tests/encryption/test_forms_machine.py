"""Whatever the order of operations: an encrypted storage with old files is a dictionary, and nothing else is read."""

import io
import shutil
import tempfile
from datetime import datetime, timedelta, timezone

import flask
import pytest
from fernets import KEY, OLD_KEY, content_of, old_file, plant, planted
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

import flask_pyfs as fs
from flask_pyfs.errors import DecryptionError
from flask_pyfs.filesystems.encrypted.likeness import looks_encrypted
from flask_pyfs.filesystems.store import OtherVersion

OLD = datetime(2024, 5, 6, tzinfo=timezone.utc)
NAMES = st.sampled_from(["a.txt", "b.txt", "below/c.txt"])
# the first bytes of all forms, and lengths around those of a header, a block and a segment
CONTENTS = st.builds(
    bytes.__add__,
    st.sampled_from([b"", b"(", b"\x80", b"(\xb5\x2f\xfd", b"\x80\x00\x00\x00\x00\x65"]),
    st.binary(max_size=90),
) | st.builds(content_of, st.sampled_from([16, 65_480, 65_481, 70_000]))


class Refused(bytes):
    """What no read gives out."""


class FormsMachine(RuleBasedStateMachine):
    """The store dates files that were there before at an old time, and the moment lies in between."""

    backend = "memory"
    moment = OLD + timedelta(days=1)

    def __init__(self):
        super().__init__()
        self.directory = tempfile.mkdtemp()
        app = flask.Flask("tests")
        app.config.update(FS_ROOT=self.directory, FS_BACKEND=self.backend)
        app.config.update(FILES_FS_ENCRYPTION_KEYS=KEY, FILES_FS_AES256_KEY=OLD_KEY)
        app.config.update(FILES_FS_ENCRYPTION_READ_PLAIN=self.moment)
        self.storage = fs.Storage("files", fs.ALL, overwrite=True)
        fs.init_app(app, self.storage)
        self.model = {}

    def teardown(self):
        shutil.rmtree(self.directory)

    def date(self, name):
        """Date a file as if it were there before."""
        self.storage.backend.bare.setinfo(name, {"details": {"modified": OLD.timestamp()}})

    def expect(self, name, content):
        if isinstance(content, Refused):
            with pytest.raises(DecryptionError):
                self.storage.read(name)
        else:
            assert self.storage.read(name) == content
            assert self.storage.metadata(name)["size"] == len(content)

    # What was there

    @rule(name=NAMES, content=CONTENTS)
    def had_plain(self, name, content):
        plant(self.storage, name, content)
        self.date(name)
        self.model[name] = Refused(content) if looks_encrypted(content) else content

    @rule(name=NAMES, content=CONTENTS, is_dated=st.booleans())
    def had_old(self, name, content, is_dated):
        plant(self.storage, name, old_file(content))
        if is_dated:
            self.date(name)
        self.model[name] = content

    @rule(name=NAMES)
    def had(self, name):
        if name in self.model and not self.is_refused(name):
            self.date(name)

    def is_refused(self, name):
        return isinstance(self.model[name], Refused)

    # What is put there by others, later

    @rule(name=NAMES, content=CONTENTS)
    def pass_plain(self, name, content):
        plant(self.storage, name, content)
        self.model[name] = Refused(content)

    @rule(name=NAMES, offset=st.integers(0, 500), is_dated=st.booleans())
    def change(self, name, offset, is_dated):
        if name not in self.model or self.is_refused(name):
            return
        kept, form = planted(self.storage, name), self.storage.backend.store.kept(name).form
        if form == "plain":
            return
        offset %= len(kept)
        plant(self.storage, name, kept[:offset] + bytes([kept[offset] ^ 1]) + kept[offset + 1 :])
        # of an old file, the header tells what it is
        if is_dated and (form == "segments" or offset >= 9):
            self.date(name)
        self.model[name] = Refused(kept)

    # Verbs

    @rule(name=NAMES, content=CONTENTS, how=st.sampled_from(["write", "save", "open"]))
    def store(self, name, content, how):
        if how == "open":
            with self.storage.open(name, "wb") as file:
                file.write(content)
        else:
            getattr(self.storage, how)(*((name, content) if how == "write" else (io.BytesIO(content), name)))
        self.model[name] = content

    @rule(name=NAMES, content=CONTENTS)
    def append(self, name, content):
        if name in self.model and self.is_refused(name):
            with pytest.raises(DecryptionError), self.storage.open(name, "ab") as file:
                file.write(content)
            return
        with self.storage.open(name, "ab") as file:
            file.write(content)
        self.model[name] = self.model.get(name, b"") + content

    @rule(names=st.tuples(NAMES, NAMES), move=st.booleans())
    def copy_or_move(self, names, move):
        source, target = names
        operation = self.storage.move if move else self.storage.copy
        if source not in self.model:
            with pytest.raises(fs.FileNotFound):
                operation(source, target)
            return
        if source != target and self.is_refused(source):
            # it is copied as it is, or not at all
            before = planted(self.storage, source)
            try:
                operation(source, target)
            except DecryptionError:
                assert planted(self.storage, source) == before
                return
        else:
            operation(source, target)
        if source != target:
            self.model[target] = self.model[source]
            if move:
                del self.model[source]

    @rule(name=NAMES, content=CONTENTS, is_current=st.booleans())
    def replace(self, name, content, is_current):
        if name not in self.model:
            return
        store = self.storage.backend.store
        version = store.whole.facts(name).version if is_current else "another version"
        if is_current:
            store.replace_version(name, io.BytesIO(content), version)
            self.model[name] = content
        else:
            with pytest.raises(OtherVersion):
                store.replace_version(name, io.BytesIO(content), version)

    @rule(name=NAMES)
    def delete(self, name):
        self.storage.delete(name)
        self.model.pop(name, None)

    # What is read

    @rule(name=NAMES, start=st.integers(-100, 70_000), length=st.integers(0, 100))
    def read_range(self, name, start, length):
        if name in self.model and not self.is_refused(name):
            content = self.model[name]
            stop = max(start, 0) + length if start >= 0 else None
            facts, file = self.storage.backend.store.fetch(name, start, stop)
            with file:
                first = max(0, len(content) + start) if start < 0 else start
                file.seek(first)
                assert (facts.size, file.read(length)) == (len(content), content[first : first + length])

    @rule(name=NAMES)
    def tell_the_form(self, name):
        if name in self.model and not self.is_refused(name):
            kept = self.storage.backend.store.kept(name)
            start = planted(self.storage, name)
            assert {"segments": b"(", "fernet": b"\x80"}.get(kept.form, start[:1]) == start[:1]
            assert (kept.form == "plain") == (start == self.model[name])

    @invariant()
    def the_same_files(self):
        assert {entry.name for entry in self.storage.entries()} == set(self.model)
        sizes = {entry.name: entry.size for entry in self.storage.entries()}
        for name, content in self.model.items():
            self.expect(name, content)
            if not isinstance(content, Refused):
                assert sizes[name] == len(content)


class LocalMachine(FormsMachine):
    backend = "local"


@pytest.mark.parametrize("machine", [FormsMachine, LocalMachine])
def test_a_storage_with_old_files_is_a_dictionary(machine, soak):
    size = settings(max_examples=500 if soak else 10, stateful_step_count=30)
    run_state_machine_as_test(machine, settings=size)
