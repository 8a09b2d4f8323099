"""The keys of a storage: in each form, asked for once, and never shown."""

import base64
import copy
import io
import json
import os
import pickle
import threading
import traceback

import pytest
from encrypted_files import decrypted, encrypted
from fs.errors import RemoteConnectionError

import flask_pyfs as fs
from flask_pyfs.encryption.keys import Key, Keyring, new_key
from flask_pyfs.encryption.segments import Cipher
from flask_pyfs.errors import ConfigurationError, StoreMisconfigured
from flask_pyfs.options import Secret

# all workers collect tests of one name
KEYS = [base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2)]
RAW = [base64.b64decode(key) for key in KEYS]
IDENTIFIERS = [Key(key).identifier for key in KEYS]


def service():
    return KEYS


def configured(app, **settings):
    storage = fs.Storage("files", fs.ALL)
    app.config.update(FS_BACKEND="memory", **settings)
    fs.init_app(app, storage)
    return storage


def identifiers(app, **settings):
    return [key.identifier for key in configured(app, **settings).backend.wrapper.keyring]


# Forms


@pytest.mark.parametrize(
    "given",
    [
        KEYS,
        tuple(KEYS),
        " ".join(KEYS),
        ",".join(KEYS),
        f" {KEYS[0]} ,\n{KEYS[1]}\n",
        [key.replace("+", "-").replace("/", "_") for key in KEYS],
        service,
        lambda: iter(KEYS),
        lambda: ", ".join(KEYS),
        "test_keys:service",
    ],
)
def test_keys_are_given_in_each_form(app, given):
    assert identifiers(app, FILES_FS_ENCRYPTION_KEYS=given) == IDENTIFIERS


@pytest.mark.parametrize("text", [KEYS[0], " ".join(KEYS), json.dumps(KEYS), "test_keys:service"])
def test_keys_come_from_the_environment(app, monkeypatch, text):
    monkeypatch.setenv("KEPT_FS_ENCRYPTION_KEYS", text)
    app.config.from_prefixed_env("KEPT")
    assert identifiers(app) == IDENTIFIERS[: 1 if text == KEYS[0] else 2]


WRONG = [
    [],
    "",
    ["short"],
    [KEYS[0], KEYS[1][:-4]],
    [KEYS[0], KEYS[1] + "AAAA"],
    [KEYS[0], RAW[1]],
    RAW[0],
    f"{KEYS[0]}:{KEYS[1]}",
    f"os:{KEYS[1].rstrip('=')}",
    {"key": KEYS[0]},
    set(KEYS),
    5,
    True,
]


def assert_hidden(text):
    for key, raw in zip(KEYS, RAW, strict=True):
        for secret in (key, key.rstrip("="), key[:20], key[20:40], repr(raw)[2:-1], raw.hex()):
            assert secret not in text


def shown(error):
    """Return what tools show of an error: all in its chain, with the variables of each frame of the package."""
    texts, left, seen = [], [error], set()
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        texts += [repr(each), str(each), *traceback.format_exception(each)]
        frames = [frame for frame, _ in traceback.walk_tb(each.__traceback__)]
        texts += [
            repr(value)
            for frame in frames
            if "flask_pyfs" in frame.f_code.co_filename or "cryptography" in frame.f_code.co_filename
            for value in frame.f_locals.values()
        ]
        left += [each.__cause__, each.__context__]
    return "\n".join(texts)


@pytest.mark.parametrize("given", WRONG, ids=range(len(WRONG)))
def test_what_is_no_key_is_refused_by_the_name_of_the_setting(app, given):
    with pytest.raises(ConfigurationError, match="FILES_FS_ENCRYPTION_KEYS must be a list of keys") as raised:
        configured(app, FILES_FS_ENCRYPTION_KEYS=given)
    assert_hidden(str(raised.value))
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("returned", [*WRONG, None, lambda: KEYS], ids=range(len(WRONG) + 2))
def test_what_a_callable_returns_in_place_of_keys_is_not_shown(app, returned):
    storage = configured(app, FILES_FS_ENCRYPTION_KEYS=lambda: returned)
    with (
        app.app_context(),
        pytest.raises(ConfigurationError, match="FILES_FS_ENCRYPTION_KEYS must give a list") as raised,
    ):
        storage.write("a.bin", b"content")
    assert_hidden(shown(raised.value))
    with pytest.raises(StoreMisconfigured) as below:
        list(storage.backend.wrapper.keyring)
    assert_hidden(shown(below.value))
    with app.app_context():
        assert not list(storage.list_files())


# A key service


def test_a_callable_is_called_once_a_process():
    calls = []

    def ask():
        calls.append(os.getpid())
        ready.wait()
        return KEYS

    ready, keyring = threading.Event(), Keyring(ask)
    assert repr(keyring) == "<Keyring not read yet>"
    assert not calls
    found = []
    threads = [threading.Thread(target=lambda: found.append(keyring.first)) for _ in range(8)]
    for thread in threads:
        thread.start()
    ready.set()
    for thread in threads:
        thread.join()
    assert [key.identifier for key in found] == [IDENTIFIERS[0]] * 8
    assert [key.identifier for key in keyring] == IDENTIFIERS
    assert calls == [os.getpid()]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_child_asks_again_though_a_thread_of_its_parent_asks():
    """That thread holds the lock, and is not there in the child."""
    asks, ready = threading.Event(), threading.Event()
    parent = os.getpid()

    def ask():
        if os.getpid() == parent:
            asks.set()
            ready.wait()
        return KEYS

    keyring = Keyring(ask)
    thread = threading.Thread(target=lambda: keyring.first)
    thread.start()
    asks.wait()
    child = os.fork()
    if not child:
        os._exit(0 if keyring.first.identifier == IDENTIFIERS[0] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    ready.set()
    thread.join()


def test_a_service_that_fails_is_named_and_asked_again(app):
    failures = [RuntimeError("the service is away"), ConnectionError()]

    def ask():
        if failures:
            raise failures.pop(0)
        return KEYS

    storage = configured(app, FILES_FS_ENCRYPTION_KEYS=ask)
    with app.app_context():
        for name in ("RuntimeError", "ConnectionError"):
            with pytest.raises(fs.BackendError, match=f"the callable of FILES_FS_ENCRYPTION_KEYS raised {name}"):
                storage.write("a.bin", b"content")
        assert not list(storage.list_files())
        storage.write("a.bin", b"content")
        assert storage.read("a.bin") == b"content"


def test_who_waited_for_a_service_shares_its_failure():
    """Otherwise each thread waits once more, one after the other."""
    calls, fails, errors = [], threading.Event(), []

    class Lock:
        """Counts the threads that wait."""

        def __init__(self, lock):
            self.lock, self.count = lock, 0

        def __enter__(self):
            self.count += 1
            if self.count == 8:
                fails.set()
            return self.lock.__enter__()

        def __exit__(self, *error):
            return self.lock.__exit__(*error)

    def ask():
        calls.append(1)
        if len(calls) == 1:
            fails.wait()
            raise TimeoutError
        return KEYS

    def read():
        try:
            list(keyring)
        except RemoteConnectionError as error:
            errors.append(str(error))

    keyring = Keyring(ask)
    vars(keyring)["_lock"] = Lock(keyring._lock)
    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == ["the callable of ENCRYPTION_KEYS raised TimeoutError, so no key is there"] * 8
    assert len(calls) == 1
    assert [key.identifier for key in keyring] == IDENTIFIERS


def test_a_service_that_needs_its_own_keys_is_refused(app):
    def ask():
        return storage.read("keys.txt")

    storage = configured(app, FILES_FS_ENCRYPTION_KEYS=ask)
    with app.app_context():
        with storage.backend.bare.open_write("keys.txt") as file:
            file.write(bytes(100))
        for _ in range(2):
            with pytest.raises(fs.BackendError, match="callable of FILES_FS_ENCRYPTION_KEYS") as raised:
                storage.write("a.txt", b"content")
            shown = "".join(traceback.format_exception(raised.value))
            assert "uses files that these keys encrypt: keep its own elsewhere" in shown


def test_the_failure_of_a_service_has_its_cause():
    def ask():
        raise RuntimeError("away")

    with pytest.raises(RemoteConnectionError) as raised:
        list(Keyring(ask))
    assert isinstance(raised.value.__cause__, RuntimeError)


# Secrets


def test_an_identifier_tells_keys_apart_and_no_key():
    assert len({Key(new_key()).identifier for _ in range(100)}) == 100
    for key, identifier in zip(KEYS, IDENTIFIERS, strict=True):
        assert Key(key).identifier == Key(key.replace("+", "-").replace("/", "_")).identifier == identifier
        assert len(identifier) == 8
        assert int(identifier, 16) >= 0
        assert_hidden(identifier)


def test_no_key_is_in_a_repr():
    keyring = Keyring(KEYS)
    keys = keyring.keys
    assert repr(keyring) == f"<Keyring {', '.join(IDENTIFIERS)}>"
    assert [repr(key) for key in keys] == [f"<Key {identifier}>" for identifier in IDENTIFIERS]
    cipher = Cipher(keys[0].secret, encrypted(b"", keyring)[:40])
    reader = decrypted(encrypted(b"content", keyring), keyring)
    things = [keyring, keys, keys[0].secret, str(keys[0].secret), cipher, vars(cipher), reader, vars(reader), new_key()]
    assert_hidden("".join(map(repr, things)))
    assert keys[0].secret == RAW[0]


def test_no_key_is_in_the_frames_of_an_error(app):
    storage = configured(app, FILES_FS_ENCRYPTION_KEYS=KEYS)
    with app.app_context():
        storage.backend.bare.put("a.bin", io.BytesIO(encrypted(b"content", Keyring(KEYS))[:-1] + b"x"))
        with pytest.raises(fs.FSError) as raised:
            storage.read("a.bin")
    text = shown(raised.value)
    # they are those that have the keys
    assert IDENTIFIERS[0] in text
    assert_hidden(text)


def test_keys_are_not_pickled_or_copied():
    keyring = Keyring(KEYS)
    for secret in (keyring, keyring.first):
        for make in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot be pickled or copied"):
                make(secret)


def test_the_same_key_twice_is_the_same_key():
    once, twice = Keyring(KEYS[:1]), Keyring(KEYS[:1] * 2)
    assert twice.keys[0].identifier == twice.keys[1].identifier
    assert decrypted(encrypted(b"content", once), twice).readall() == b"content"


def test_a_new_key_is_one():
    key = new_key()
    assert isinstance(key, Secret)
    assert [each.secret for each in Keyring([key])] == [base64.b64decode(key)]
    assert len(base64.b64decode(key)) == 32
    assert key != new_key()
