"""What storages do, told once for a real storage and for a dictionary that stands for it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flask_pyfs as fs

# all of different lengths, so that a mixture shows
CONTENTS = {"a": b"the first a", "t": b"the first target", "d/x": b"x of d", "d/y": b"y of the tree"}
OURS, THEIRS = b"written by us", b"theirs, which is much longer than ours"

#: The error of a refused action, and how the outcome names it.
REFUSALS = {fs.FileExists: "taken", fs.FileNotFound: "missing", fs.VersionChanged: "changed"}


class Refused(Exception):
    """The dictionary refuses an action."""


class Real:
    """A storage, whose names have a prefix."""

    def __init__(self, storage: fs.Storage, prefix: str, versions: dict[str, str | None]) -> None:
        self._storage = storage
        self._prefix = prefix
        self._versions = versions

    def _name(self, name: str) -> str:
        return self._prefix + name

    def save(self, name: str, content: bytes, *, overwrite: bool = False) -> None:
        self._storage.save(io.BytesIO(content), self._name(name), overwrite=overwrite)

    def open_w(self, name: str, content: bytes) -> None:
        with self._storage.open(self._name(name), "wb") as file:
            file.write(content)

    def append(self, name: str, content: bytes) -> None:
        with self._storage.open(self._name(name), "ab") as file:
            file.write(content)

    def copy(self, name: str, target: str, *, overwrite: bool = False) -> None:
        self._storage.copy(self._name(name), self._name(target), overwrite=overwrite)

    def move(self, name: str, target: str, *, overwrite: bool = False) -> None:
        self._storage.move(self._name(name), self._name(target), overwrite=overwrite)

    def delete(self, name: str) -> None:
        self._storage.delete(self._name(name))

    def delete_version(self, name: str) -> bool:
        return self._storage.delete_version(self._name(name), self._versions[name] or "none")

    def replace_version(self, name: str, content: bytes) -> None:
        self._storage.replace_version(self._name(name), io.BytesIO(content), self._versions[name] or "none")

    def read(self, name: str) -> bytes:
        return self._storage.read(self._name(name))

    def read_chunks(self, name: str) -> bytes:
        return b"".join(self._storage.read_chunks(self._name(name), 5))

    def metadata(self, name: str) -> int:
        return self._storage.metadata(self._name(name))["size"]

    def list_files(self) -> frozenset[str]:
        return frozenset(name[len(self._prefix) :] for name in self._storage.list_files(self._prefix))

    def delete_all(self) -> None:
        self._storage.delete(self._prefix)

    def remove_leftovers(self) -> None:
        # a server's clock may be behind by the rest of a second
        self._storage.backend.remove_leftovers(older_than=-60)


class Ideal:
    """A dictionary in which each action happens at once."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = dict(files)

    def _content(self, name: str) -> bytes:
        if name not in self.files:
            raise Refused("missing")
        return self.files[name]

    def _put(self, name: str, content: bytes, overwrite: bool) -> None:
        if name in self.files and not overwrite:
            raise Refused("taken")
        self.files[name] = content

    def save(self, name: str, content: bytes, *, overwrite: bool = False) -> None:
        self._put(name, content, overwrite)

    def open_w(self, name: str, content: bytes) -> None:
        self.files[name] = content

    def append(self, name: str, content: bytes) -> None:
        self.files[name] = self.files.get(name, b"") + content

    def copy(self, name: str, target: str, *, overwrite: bool = False) -> None:
        self._put(target, self._content(name), overwrite)

    def move(self, name: str, target: str, *, overwrite: bool = False) -> None:
        self._put(target, self._content(name), overwrite)
        del self.files[name]

    def delete(self, name: str) -> None:
        for other in [each for each in self.files if each == name or each.startswith(f"{name}/")]:
            del self.files[other]

    def delete_version(self, name: str) -> bool:
        if self.files.get(name) != CONTENTS[name]:
            return False
        del self.files[name]
        return True

    def replace_version(self, name: str, content: bytes) -> None:
        if self.files.get(name) != CONTENTS[name]:
            raise Refused("changed")
        self.files[name] = content

    read = read_chunks = _content

    def metadata(self, name: str) -> int:
        return len(self._content(name))

    def list_files(self) -> frozenset[str]:
        return frozenset(self.files)

    def remove_leftovers(self) -> None:
        """There are none."""


Action = Callable[[Any], Any]


@dataclass(frozen=True)
class Operation:
    """What we do, and the files that it concerns.

    :param act: the operation.
    :param source: the file that it reads, deletes or overwrites.
    :param target: the file that it makes.
    """

    act: Action
    source: str
    target: str

    @property
    def initial(self) -> dict[str, bytes]:
        """The files at the beginning: those, and one that can be moved."""
        return {name: content for name, content in CONTENTS.items() if name in (self.source, self.target, "d/y")}


OPERATIONS = {
    "save a new file": Operation(lambda files: files.save("n", OURS), "n", "n"),
    "overwrite": Operation(lambda files: files.save("a", OURS, overwrite=True), "a", "a"),
    "open with w": Operation(lambda files: files.open_w("a", OURS), "a", "a"),
    "append": Operation(lambda files: files.append("a", OURS), "a", "a"),
    "copy": Operation(lambda files: files.copy("a", "n"), "a", "n"),
    "copy over": Operation(lambda files: files.copy("a", "t", overwrite=True), "a", "t"),
    "move": Operation(lambda files: files.move("a", "n"), "a", "n"),
    "move over": Operation(lambda files: files.move("a", "t", overwrite=True), "a", "t"),
    "delete": Operation(lambda files: files.delete("a"), "a", "a"),
    "delete a tree": Operation(lambda files: files.delete("d"), "d/x", "d/new"),
    "delete a version": Operation(lambda files: files.delete_version("a"), "a", "a"),
    "replace a version": Operation(lambda files: files.replace_version("a", OURS), "a", "a"),
    "read": Operation(lambda files: files.read("a"), "a", "a"),
    "read in chunks": Operation(lambda files: files.read_chunks("a"), "a", "a"),
    "metadata": Operation(lambda files: files.metadata("a"), "a", "a"),
    "list": Operation(lambda files: files.list_files(), "a", "n"),
    "remove leftovers": Operation(lambda files: files.remove_leftovers(), "a", "n"),
}


def actions_for(operation: Operation) -> dict[str, Action]:
    """Return what another process does meanwhile."""
    source, target = operation.source, operation.target
    actions: dict[str, Action] = {
        "overwrites the source": lambda files: files.save(source, THEIRS, overwrite=True),
        "deletes the source": lambda files: files.delete(source),
        "moves the source away": lambda files: files.move(source, "away"),
        "moves a file onto the source": lambda files: files.move("d/y", source, overwrite=True),
        "removes leftovers": lambda files: files.remove_leftovers(),
    }
    if source in CONTENTS:
        actions |= {
            "replaces the version": lambda files: files.replace_version(source, THEIRS),
            "deletes the version": lambda files: files.delete_version(source),
        }
    if target != source or target not in CONTENTS:
        actions |= {
            "creates the target": lambda files: files.save(target, THEIRS),
            "overwrites the target": lambda files: files.save(target, THEIRS, overwrite=True),
            "deletes the target": lambda files: files.delete(target),
        }
    return actions
