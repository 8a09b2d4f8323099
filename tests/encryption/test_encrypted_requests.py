"""What encrypted stores ask their servers for: what plain ones do, and the header before a segment in the middle."""

import io
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from encrypting import new_key
from places import make_place
from servers.faults import FaultProxy

# a package of the driver has the name of this directory
sys.path.append(str(Path(__file__).parents[1] / "gridfs"))

from counting_commands import commands

from flask_pyfs.encryption.keys import Keyring
from flask_pyfs.encryption.segments import HEADER, SEGMENT, Cipher, encrypted_size
from flask_pyfs.filesystems.encrypted import EncryptedFS
from flask_pyfs.filesystems.encrypted.forms import Forms
from flask_pyfs.filesystems.generic import GenericStore
from flask_pyfs.filesystems.memory import MemoryFS
from flask_pyfs.filesystems.store import Facts, Unchanged
from flask_pyfs.state import find
from flask_pyfs.transfer import Side, sync

FIRST, REST = SEGMENT - HEADER - 16, SEGMENT - 16
CONTENT = bytes(range(256)) * 4096
SIZE = len(CONTENT)

#: The setting that has the address of each server that speaks HTTP.
ADDRESSES = {"s3-moto": "ENDPOINT", "swift": "AUTHURL"}


class Asked:
    """The stores of a storage, and what they are asked for.

    :ivar encrypted: the store with encryption.
    :ivar plain: the same without.
    """

    def __init__(self, storage, sent, proxy):
        self.storage = storage
        self.encrypted, self.plain = storage.backend.store, storage.backend.bare
        self.proxy = proxy
        self._sent = sent

    def __call__(self, call):
        if self.proxy is None:
            self._sent.clear()
            call()
            return list(self._sent)
        self.proxy.reset()
        call()
        return [line.split()[0] for line in self.proxy.requests]


@pytest.fixture(params=[pytest.param(kind, marks=pytest.mark.server) for kind in ("s3-moto", "swift", "gridfs")])
def asked(request, app, configure_storage):
    kind = request.param
    with ExitStack() as stack:
        settings = stack.enter_context(make_place(kind, request))
        proxy = None
        if setting := ADDRESSES.get(kind):
            address = urlsplit(settings[setting])
            proxy = stack.enter_context(FaultProxy(address.hostname, address.port))
            settings[setting] = proxy.url + address.path
        sent = stack.enter_context(commands())
        stack.enter_context(app.app_context())
        asked = Asked(configure_storage("files", {**settings, "ENCRYPTION_KEYS": [new_key()]}), sent, proxy)
        for store, name in ((asked.encrypted, "encrypted"), (asked.plain, "plain")):
            # it logs in, makes the container and the indexes
            version = store.put(f"{name}/a", io.BytesIO(CONTENT))
            store.replace_version(f"{name}/a", io.BytesIO(CONTENT), version)
            store.put(f"{name}/b", io.BytesIO(CONTENT))
            list(store.iter_facts(f"{name}/"))
        yield asked
        asked.encrypted.close()


def read(store, path, start=0, stop=None):
    facts, file = store.fetch(path, start, stop)
    with file:
        assert facts.size == SIZE
        first = SIZE + start if start < 0 else start
        file.seek(first)
        last = SIZE if stop is None else stop
        assert file.read(last - first) == CONTENT[first:last]


def write(store, path):
    with store.open_write(path) as file:
        file.write(CONTENT)


def unchanged(store, path):
    # MongoDB sends it all the same
    with suppress(Unchanged):
        store.fetch(path, unless=store.facts(path).etag)[1].close()


SAME = {
    "put": lambda store, at: store.put(f"{at}/new", io.BytesIO(CONTENT)),
    "put a new one": lambda store, at: store.put(f"{at}/other", io.BytesIO(CONTENT), overwrite=False),
    "open_write": lambda store, at: write(store, f"{at}/written"),
    "fetch": lambda store, at: read(store, f"{at}/a"),
    "fetch the beginning": lambda store, at: read(store, f"{at}/a", 0, 1000),
    "fetch something of the first segment": lambda store, at: read(store, f"{at}/a", 100, 1000),
    "fetch nothing": lambda store, at: store.fetch(f"{at}/a", 7, 7)[1].close(),
    "fetch what is unchanged": lambda store, at: unchanged(store, f"{at}/a"),
    "read_file": lambda store, at: store.read_file(f"{at}/a"),
    "facts": lambda store, at: store.facts(f"{at}/a"),
    "has_file": lambda store, at: store.has_file(f"{at}/a"),
    "list": lambda store, at: list(store.iter_facts(f"{at}/")),
    "list names": lambda store, at: list(store.iter_files(f"{at}/")),
    "list a level": lambda store, at: list(store.iter_level(at)),
    "replace_version": lambda store, at: store.replace_version(
        f"{at}/a", io.BytesIO(CONTENT), store.facts(f"{at}/a").version
    ),
    "copy_file": lambda store, at: store.copy_file(f"{at}/a", f"{at}/copy"),
    "move_file": lambda store, at: store.move_file(f"{at}/copy", f"{at}/moved"),
    "sizes_of": lambda store, at: store.sizes_of([f"{at}/a", f"{at}/b"]),
    "delete_version": lambda store, at: store.delete_version(f"{at}/moved", store.facts(f"{at}/moved").version),
    "delete_tree": lambda store, at: store.delete_tree(at),
}


def test_an_encrypted_store_asks_for_what_a_plain_one_does(asked):
    differ = {}
    for verb, call in SAME.items():
        plain, encrypted = (
            asked(lambda call=call, store=store, at=at: call(store, at))
            for store, at in ((asked.plain, "plain"), (asked.encrypted, "encrypted"))
        )
        assert encrypted
        if encrypted != plain:
            differ[verb] = (encrypted, plain)
    assert not differ, differ


LATER = [(FIRST, None), (FIRST + REST + 7, FIRST + REST + 1000), (-1000, None), (-FIRST, SIZE)]


def test_a_later_segment_costs_the_header_more(asked):
    header = asked(lambda: asked.plain.fetch("plain/a", 0, HEADER)[1].close())
    for start, stop in LATER:
        plain = asked(lambda start=start, stop=stop: read(asked.plain, "plain/a", start, stop))
        assert asked(lambda start=start, stop=stop: read(asked.encrypted, "encrypted/a", start, stop)) == header + plain
        if asked.proxy is not None:
            asked.proxy.reset()
            read(asked.encrypted, "encrypted/a", start, stop)
            first, last = start % SIZE, SIZE if stop is None else stop
            # the headers of answers are short
            assert asked.proxy.received < last - first + 2 * SEGMENT + 4096


@pytest.mark.parametrize(("start", "stop"), [(100, 200), (FIRST - 5, FIRST + 5), (5 * REST, 5 * REST + 9), *LATER])
def test_a_range_that_is_served_asks_for_no_more(asked, app, start, stop):
    """The app reads what comes, and not a piece of a fixed length."""
    first, last = start % SIZE, SIZE if stop is None else stop
    expected = asked(lambda: read(asked.encrypted, "encrypted/a", first, last))
    client, url = app.test_client(), asked.storage.url("encrypted/a")

    def get():
        with client.get(url, headers={"Range": f"bytes={first}-{last - 1}"}) as answer:
            assert (answer.status_code, answer.data) == (206, CONTENT[first:last])

    assert asked(get) == expected
    if asked.proxy is not None:
        # the headers of answers are short
        assert asked.proxy.received < last - first + 2 * SEGMENT + 4096


def test_a_comparison_by_checksums_asks_for_none_that_a_store_cannot_know(asked, tmp_path):
    asked.encrypted.delete_tree("encrypted/b")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "a").write_bytes(CONTENT)
    listed = asked(lambda: list(asked.encrypted.iter_facts("encrypted/")))
    was_read = asked(lambda: read(asked.encrypted, "encrypted/a"))
    side = Side(find(asked.storage).operations, "encrypted")
    assert asked(lambda: sync(str(tmp_path / "copy"), side, checksum=True)) == listed + was_read


class Huge(GenericStore):
    """Has one encrypted file of zeros, which is made as it is read."""

    def __init__(self, size, keyring):
        super().__init__(MemoryFS())
        self.header = bytes([HEADER]) + bytes(39)
        self.cipher = Cipher(keyring.first.secret, self.header)
        self.size, self.length = size, encrypted_size(size)
        self.count, self.requests = 0, []

    def fetch(self, path, start=0, stop=None, *, unless=None):
        self.requests.append((start, stop))
        return Facts(self.length, None, "tag"), io.BufferedReader(Zeros(self), 1)


class Zeros(io.RawIOBase):
    def __init__(self, store):
        super().__init__()
        self.store, self.at = store, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=0):
        assert whence == 0
        self.at = offset
        return offset

    def readinto(self, buffer):
        number = self.at // SEGMENT
        start, stop = number * SEGMENT, min((number + 1) * SEGMENT, self.store.length)
        is_last = stop == self.store.length
        head = b"" if number else self.store.header
        segment = head + self.store.cipher.seal(number, bytes(stop - start - len(head) - 16), is_last=is_last)
        piece = segment[self.at - start :][: len(buffer)]
        buffer[: len(piece)] = piece
        self.at += len(piece)
        self.store.count += len(piece)
        return len(piece)


@pytest.mark.parametrize("start", [-1, -1000, 2**30 - 5, -REST, -3 * REST])
def test_the_tail_of_a_gibibyte(start):
    keyring = Keyring([new_key()])
    huge = Huge(2**30, keyring)
    facts, file = EncryptedFS(huge, Forms(keyring)).fetch("a", start)
    first = start % 2**30
    with file:
        assert facts.size == 2**30
        file.seek(first)
        assert file.read() == bytes(2**30 - first)
    assert len(huge.requests) == 2
    assert huge.count <= 2**30 - first + 2 * SEGMENT
