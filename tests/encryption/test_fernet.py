"""Files that flask-fs2 encrypted: each is read, and none that was changed gives anything out."""

import base64
import hmac
import sys
import tracemalloc
from itertools import chain
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

sys.path.append(str(Path(__file__).parents[1] / "moving"))

from fernets import KEY, KINDS, OLD_KEY, chunks_of, content_of, old_file, on, plant, storage_on

# isort: split
# places makes it importable, and the path above
import peers
from counting import requests_of

from flask_pyfs.errors import DecryptionError

MIB = 1024 * 1024
NAME = r"'a\.bin'"
ONLY_OLD = {"AES256_ENCRYPTED": True, "AES256_KEY": OLD_KEY}
BOTH = {"AES256_KEY": OLD_KEY, "ENCRYPTION_KEYS": KEY}
# around a block, the pieces that are decrypted together, and what is read at first
SIZES = [0, 1, 15, 16, 17, 31, 32, 1000, 65_536, MIB - 17, MIB - 16, MIB - 1, MIB, MIB + 1, 3 * MIB + 5]


@pytest.fixture(params=[ONLY_OLD, BOTH], ids=["only the old key", "new keys"])
def local(configure_storage, request):
    return configure_storage("files", {"BACKEND": "local", **request.param})


def check_content(storage, name, content):
    size = len(content)
    assert storage.read(name) == content
    assert storage.metadata(name)["size"] == size
    with storage.open(name, "rb") as file:
        for offset in {0, 1, size // 2, max(0, size - 17), size, size + 1}:
            file.seek(offset)
            assert file.read(100) == content[offset : offset + 100]
        file.seek(0)
        assert file.read() == content
    assert b"".join(storage.read_chunks(name, 100_000)) == content


# The package itself


@pytest.mark.slow
def test_files_that_the_package_itself_wrote(app, configure_storage, tmp_path):
    # it cannot read a file in chunks of 1 MiB whose last one has only a part of the MAC
    unread = [MIB * count + rest - 73 for count in (1, 2) for rest in (9, 25)]
    sizes = [*SIZES, *unread, *range(100, 106)]
    files = [(f"{how}-{size}.bin", size, how == "written") for size in sizes for how in ("written", "streamed")]
    assert len(files) == 50
    [peer] = [peer for peer in peers.PEERS if peer.name == "flask-fs2"]
    settings = {"FS_ROOT": str(tmp_path / "root"), "FS_LOCAL_AES256_ENCRYPTED": True, "FS_LOCAL_AES256_KEY": OLD_KEY}
    steps: list[peers.Step] = [
        {"do": "encrypt", "storage": "files", "arguments": [files]},
        {"do": "read in chunks", "storage": "files", "arguments": [[(name, size) for name, size, _ in files]]},
    ]
    _, read = peers.install(peer, tmp_path / "venv").run(settings, steps)
    assert {size for name, size, _ in files if name not in read} == set(unread)
    app.config.update(settings)
    storage = configure_storage("files", {})
    for name, size, _ in files:
        check_content(storage, name, peers.content_of(name, size))
    assert {entry.name: entry.size for entry in storage.entries()} == {name: size for name, size, _ in files}


# Each store


@pytest.mark.parametrize("kind", on(KINDS))
def test_files_on_each_store(kind, request, configure_storage):
    with storage_on(kind, request, configure_storage, **BOTH) as storage:
        sizes = [0, 1, 16, 5000, MIB + 1]
        for size in sizes:
            plant(storage, f"{size}.txt", old_file(content_of(size)))
            storage.write(f"new/{size}.txt", content_of(size, 1))
        for size in sizes:
            check_content(storage, f"{size}.txt", content_of(size))
            assert storage.read(f"new/{size}.txt") == content_of(size, 1)
        assert {entry.name: entry.size for entry in storage.entries()} == {
            f"{directory}{size}.txt": size for directory in ("", "new/") for size in sizes
        }


@pytest.mark.parametrize("size", SIZES)
def test_all_sizes(local, size):
    plant(local, "a.bin", old_file(content_of(size)))
    check_content(local, "a.bin", content_of(size))


def test_a_new_file_whose_length_is_that_of_an_old_one(configure_storage):
    storage = configure_storage("files", {"BACKEND": "local", **BOTH})
    for size in range(100, 140):
        storage.write(f"{size}.bin", content_of(size))
    assert [entry.size for entry in storage.entries()] == list(range(100, 140))
    for size in range(100, 140):
        check_content(storage, f"{size}.bin", content_of(size))


@pytest.mark.parametrize(("start", "stop"), [("0", "9"), ("5", ""), ("", "7"), ("1048570", "1048580")])
def test_a_range_is_served(app, configure_storage, start, stop):
    storage = configure_storage("files", {"BACKEND": "local", **BOTH})
    content = content_of(MIB + 100)
    plant(storage, "a.bin", old_file(content))
    answer = app.test_client().get(storage.url("a.bin"), headers={"Range": f"bytes={start}-{stop}"})
    expected = content[-int(stop) :] if not start else content[int(start) : int(stop) + 1 if stop else None]
    assert (answer.status_code, answer.data) == (206, expected)
    assert answer.headers["Content-Range"].endswith(f"/{len(content)}")


# What was changed


def check_refused(storage, name):
    with pytest.raises(DecryptionError, match=NAME):
        storage.read(name)
    content, error = chunks_of(storage, name)
    assert content == b""
    assert error is not None
    # before anything is answered
    with pytest.raises(DecryptionError, match=NAME):
        storage.open(name, "rb")


def test_each_byte_that_is_changed_and_each_cut(local):
    kept = old_file(content_of(50))
    for offset in range(len(kept)):
        plant(local, "a.bin", kept[:offset] + bytes([kept[offset] ^ 1]) + kept[offset + 1 :])
        check_refused(local, "a.bin")
        plant(local, "a.bin", kept[:offset])
        check_refused(local, "a.bin")
    plant(local, "a.bin", kept + b"\0" * 16)
    check_refused(local, "a.bin")


def test_a_padding_that_was_changed_tells_no_size(local):
    kept = bytearray(old_file(content_of(50)))
    # it becomes that of the last byte
    kept[-32 - 16 - 1] ^= 0x80
    plant(local, "a.bin", bytes(kept))
    with pytest.raises(DecryptionError, match=NAME):
        local.metadata("a.bin")
    # a listing goes on
    assert [(entry.name, entry.size) for entry in local.entries()] == [("a.bin", 0)]


@pytest.mark.parametrize("change", ["swap", "repeat", "lose", "another file"])
def test_blocks_that_are_moved(local, change):
    kept, other = old_file(content_of(3 * MIB)), old_file(content_of(3 * MIB, 1))
    first, second = kept[25 : 25 + MIB], kept[25 + MIB : 25 + 2 * MIB]
    rest = kept[25 + 2 * MIB :]
    middle = {
        "swap": second + first,
        "repeat": first + first,
        "lose": first,
        "another file": first + other[25 + MIB : 25 + 2 * MIB],
    }
    plant(local, "a.bin", kept[:25] + middle[change] + rest)
    check_refused(local, "a.bin")


def test_another_key(local):
    plant(local, "a.bin", old_file(b"content", key=KEY))
    check_refused(local, "a.bin")


def test_what_changes_after_it_was_verified_is_refused(app, configure_storage):
    storage = configure_storage("files", {"BACKEND": "local", **ONLY_OLD})
    content = content_of(3 * MIB)
    plant(storage, "a.bin", old_file(content))
    path = Path(app.config["FS_ROOT"], "files", "a.bin")
    with storage.open("a.bin", "rb") as file:
        with path.open("r+b") as kept:
            kept.seek(MIB + 1000)
            kept.write(b"changed")
        assert file.read(1000) == content[:1000]
        with pytest.raises(DecryptionError, match=NAME):
            file.read()


# What it costs


@pytest.mark.server
def test_requests(request, configure_storage):
    with storage_on("s3-moto", request, configure_storage, **BOTH) as storage:
        small, large = 1000, 2 * MIB
        for size in (small, large):
            plant(storage, f"old/{size}", old_file(content_of(size)))
            storage.write(f"new/{size}", content_of(size))
        # the length of this one may be that of an old file
        storage.write("new/17", content_of(17))
        with requests_of(storage.backend.client) as sent:
            for name, count in {f"new/{large}": 1, "new/17": 1, f"old/{small}": 2, f"old/{large}": 2}.items():
                sent.clear()
                storage.metadata(name)
                assert len(sent) == count, (name, sent)
            for directory, count in {"new/": 2, "old/": 4}.items():
                sent.clear()
                assert len(list(storage.entries(directory))) == 3 - (directory == "old/")
                assert len(sent) == count, (directory, sent)
            for name, count in {f"new/{large}": 1, f"old/{small}": 1, f"old/{large}": 2}.items():
                sent.clear()
                storage.read(name)
                assert len(sent) == count, (name, sent)
            # nothing is read
            sent.clear()
            facts, file = storage.backend.store.fetch(f"old/{large}", 5, 5)
            file.close()
            assert (facts.size, len(sent)) == (large, 2)


def test_memory(app, configure_storage, soak):
    storage = configure_storage("files", {"BACKEND": "local", **ONLY_OLD})
    content = content_of(16 * MIB)
    path = Path(app.config["FS_ROOT"], "files", "a.bin")
    path.parent.mkdir(parents=True)
    copies = 64 if soak else 1
    write_old(path, content, copies)
    tracemalloc.start()
    try:
        size = sum(map(len, storage.read_chunks("a.bin", MIB)))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == len(content) * copies
    assert most < 8 * MIB


def write_old(path, content, copies):
    """Write a file of flask-fs2 whose content is repeated, in constant memory."""
    key = base64.urlsafe_b64decode(OLD_KEY)
    mac, vector = hmac.new(key[:16], digestmod="sha256"), bytes(16)
    encryptor = Cipher(algorithms.AES(key[16:]), modes.CBC(vector)).encryptor()
    header = b"\x80" + (1_700_000_000).to_bytes(8, "big") + vector
    with path.open("wb") as file:
        for piece in chain([header], map(encryptor.update, [*[content] * copies, bytes([16]) * 16])):
            mac.update(piece)
            file.write(piece)
        file.write(mac.digest())
