"""What every storage does when its server fails."""

import io
import time

import pytest

from flask_pyfs.errors import FSError

MIB = 1024 * 1024

#: More than two parts of any store.
LARGE = bytes(range(256)) * (12 * 4096) + b"end"


def operations(storage):
    return {
        "exists": lambda: storage.exists("taken"),
        "contains": lambda: "taken" in storage,
        "metadata": lambda: storage.metadata("taken"),
        "read": lambda: storage.read("taken"),
        "read_chunks": lambda: list(storage.read_chunks("taken")),
        "open": lambda: storage.open("taken"),
        "write": lambda: storage.write("taken", b"new"),
        "overwrite": lambda: storage.write("taken", b"new", overwrite=True),
        "save": lambda: storage.save(io.BytesIO(b"new"), "taken"),
        "open to write": lambda: storage.open("taken", "w").close(),
        "delete": lambda: storage.delete("taken"),
        "copy": lambda: storage.copy("taken", "other"),
        "move": lambda: storage.move("taken", "other"),
        "list_files": lambda: list(storage.list_files()),
        "resolve_conflict": lambda: storage.resolve_conflict("", "taken"),
        "handle": lambda: storage.fs.exists("taken") if storage.config["prefix"] else storage.backend.exists("taken"),
    }


def all_fail(storage, kind, *said, seconds=60):
    """Every operation raises an error of a kind that tells what it must and no secret, and does not hang."""
    secrets = [storage.config[option.name.lower()] for option in storage.backend.options if option.secret]
    for name, operation in operations(storage).items():
        start = time.monotonic()
        with pytest.raises(kind) as raised:
            operation()
        assert time.monotonic() - start < seconds, name
        message = str(raised.value)
        assert isinstance(raised.value, FSError)
        assert raised.value.__cause__ is not None, name
        for text in ("'files'", *said):
            assert text in message, (name, message)
        for secret in filter(None, secrets):
            assert secret not in message


def sample(length, soak):
    """Some positions of a length, its ends among them; all of them at full size."""
    step = 1 if soak else max(1, length // 12)
    return sorted({*range(0, length, step), length - 2, length - 1})


def chunks(storage, name):
    return b"".join(storage.read_chunks(name, 100))


def lines(storage, name):
    with storage.open(name) as file:
        return file.readlines()


def write_pieces(storage, name, content):
    with storage.open(name, "wb") as file:
        for start in range(0, len(content), MIB):
            file.write(content[start : start + MIB])


class Unseekable:
    """A source of which nobody knows how long it is."""

    def __init__(self, content):
        self._file = io.BytesIO(content)

    def read(self, size=-1):
        return self._file.read(size)


class Breaking(io.BytesIO):
    """A source that breaks after so many bytes."""

    def __init__(self, content, after):
        super().__init__(content)
        self._after = after

    def read(self, size=-1):
        if self.tell() > self._after:
            raise RuntimeError("the source broke")
        return super().read(size)
