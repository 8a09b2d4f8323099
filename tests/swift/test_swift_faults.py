"""What fails is an error of ours that says what failed, and nothing is lost, torn or left behind, on Swift."""

import io
import json
import time

import pytest
from containers import clear_container, new_container
from failures import LARGE, MIB, Breaking, Unseekable, all_fail, write_pieces
from servers.openstack import openstack_swift
from servers.process import halted
from underfaults import HTTPStoreUnderFaults

import flask_pyfs as fs
from flask_pyfs.errors import (
    BackendError,
    ConfigurationError,
    ETagMismatchError,
    FileExists,
    FileNotFound,
    FSError,
    InvalidPath,
    PermissionDenied,
)
from flask_pyfs.filesystems.swift.container import SwiftContainer

SEGMENT = 3 * MIB


@pytest.fixture
def make_frail(app, make_storage, proxy):
    """Configure a storage whose server fails. The address of the account is that at which Swift was asked."""

    def make_frail(name="files", **settings):
        settings = {"AUTHURL": f"{proxy.url}/auth/v1.0", "TIMEOUT": 2, "RETRIES": 0, **settings}
        return make_storage(name, **settings)

    with app.app_context():
        yield make_frail


@pytest.fixture
def frail(make_frail):
    storage = make_frail()
    # the token is there, and a connection
    storage.exists("warm")
    return storage


@pytest.fixture
def segmenting(make_frail):
    storage = make_frail(SEGMENT_SIZE=SEGMENT)
    storage.write("warm", Unseekable(LARGE))
    storage.delete("warm")
    return storage


@pytest.fixture
def left(swift_connection, container):
    """The names in the container, and of segments."""

    def names(container):
        return [found["name"] for found in swift_connection.get_container(container, full_listing=True)[1]]

    def left():
        known = [found["name"] for found in swift_connection.get_account(full_listing=True)[1]]
        segments = f"{container}_segments"
        return names(container), names(segments) if segments in known else []

    return left


@pytest.fixture
def place():
    return "in storage 'files': "


class TestSwiftUnderFaults(HTTPStoreUnderFaults):
    pass


# Uploads


@pytest.mark.parametrize("size", [MIB, len(LARGE)])
def test_a_large_upload_that_is_cut_leaves_the_old_file(frail, proxy, left, size):
    frail.write("old", b"old")
    for position in (size // 2, size):
        proxy.cut_sent(after=position, always=True)
        with pytest.raises(BackendError):
            frail.write("old", LARGE[:size], overwrite=True)
        proxy.restore()
        assert frail.read("old") == b"old"
    assert left() == (["old"], [])


def test_segments_of_a_source_that_breaks_are_not_left(segmenting, left):
    for overwrite in (False, True):
        with pytest.raises(RuntimeError, match="the source broke"):
            segmenting.write("new", Breaking(LARGE, 7 * MIB), overwrite=overwrite)
    assert left() == ([], [])


@pytest.mark.usefixtures("taken")
def test_a_token_that_is_always_refused(frail, proxy):
    answer = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    proxy.answer(answer, when=lambda head: b"/auth/" not in head)
    all_fail(frail, PermissionDenied, "the storage URL", "token")
    proxy.restore()
    assert frail.read("taken") == b"old"


def test_a_large_upload_that_is_cut_leaves_no_segments(segmenting, proxy, left, soak):
    for position in (MIB, SEGMENT + 2000, 2 * SEGMENT + MIB, *((0, 100, 3 * SEGMENT) if soak else ())):
        for write in (
            lambda: segmenting.write("new", io.BytesIO(LARGE)),
            lambda: segmenting.write("new", Unseekable(LARGE), overwrite=True),
            lambda: segmenting.save(io.BytesIO(LARGE), "new.bin"),
            lambda: write_pieces(segmenting, "new", LARGE),
        ):
            proxy.cut_sent(after=position)
            with pytest.raises(BackendError):
                write()
            proxy.restore()
            assert left() == ([], []), position


@pytest.mark.parametrize("source", [io.BytesIO, Unseekable])
def test_an_upload_goes_on_after_a_failure_that_passes(make_frail, proxy, left, source):
    for settings in ({}, {"SEGMENT_SIZE": SEGMENT}):
        storage = make_frail("lasting", RETRIES=3, **settings)
        proxy.cut_sent(after=4 * MIB)
        storage.write("large", source(LARGE))
        proxy.restore()
        assert storage.read("large") == LARGE
        storage.delete("large")
    assert left() == ([], [])


def test_a_lost_answer_does_not_refuse_what_it_stored(make_frail, proxy):
    storage = make_frail(RETRIES=2)
    storage.exists("warm")
    for name, content in (("small", b"content"), ("large", LARGE)):
        # the request arrives, its answer does not, and the second attempt finds the name taken
        proxy.cut_received(after=0)
        storage.write(name, content)
        proxy.restore()
        assert storage.read(name) == content
        with pytest.raises(FileExists):
            storage.write(name, b"other")


class Wrong(io.BytesIO):
    """A source that is not as long as it said."""

    def __init__(self, content, says):
        super().__init__(content)
        self._says = says

    def seek(self, offset, whence=io.SEEK_SET):
        position = super().seek(offset, whence)
        return self._says if whence == io.SEEK_END else position


@pytest.mark.parametrize("says", [len(LARGE) - 1, len(LARGE) + 1])
@pytest.mark.parametrize("settings", [{}, {"SEGMENT_SIZE": SEGMENT}], ids=["whole", "segments"])
def test_a_source_that_grows_or_shrinks_is_not_stored(make_frail, left, settings, says):
    storage = make_frail(**settings)
    with pytest.raises(FSError, match="the source"):
        storage.write("new", Wrong(LARGE, says))
    assert left() == ([], [])


def test_an_upload_that_is_given_up_leaves_no_segments(segmenting, left):
    with pytest.raises(RuntimeError), segmenting.open("new", "wb") as file:  # noqa: PT012
        file.write(LARGE)
        raise RuntimeError
    assert left() == ([], [])
    file = segmenting.open("new", "wb")
    file.write(LARGE)
    del file
    assert left() == ([], [])


@pytest.mark.slow
def test_segments_go_with_their_object(segmenting, left):
    for write in (
        lambda: segmenting.write("a", io.BytesIO(LARGE[1:]), overwrite=True),
        lambda: segmenting.write("a", b"small", overwrite=True),
        lambda: segmenting.copy("small", "a", overwrite=True),
        lambda: segmenting.delete("a"),
        lambda: segmenting.move("a", "b"),
    ):
        segmenting.write("small", b"small", overwrite=True)
        segmenting.write("a", io.BytesIO(LARGE), overwrite=True)
        assert segmenting.read("a") == LARGE
        write()
        expected = len(LARGE) // SEGMENT + 1 if segmenting.exists("a") and segmenting.metadata("a")["size"] > MIB else 0
        assert len(left()[1]) == expected
        segmenting.delete("a")
        segmenting.delete("b")
        assert left() == (["small"], [])


@pytest.mark.parametrize("status", [403, 500])
def test_a_failure_to_delete_old_segments_loses_nothing(segmenting, proxy, status):
    answer = b"HTTP/1.1 %d Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status
    new = LARGE[1:]
    for change in (
        lambda: segmenting.write("a", io.BytesIO(new), overwrite=True),
        lambda: segmenting.write("a", Unseekable(new), overwrite=True),
        lambda: segmenting.write("a", new[:MIB], overwrite=True),
        lambda: segmenting.copy("b", "a", overwrite=True),
        lambda: segmenting.delete("a"),
    ):
        segmenting.write("a", io.BytesIO(LARGE), overwrite=True)
        segmenting.write("b", new[:MIB], overwrite=True)
        proxy.answer(answer, when=lambda head: b"bulk-delete" in head)
        change()
        proxy.restore()
        assert not segmenting.exists("a") or segmenting.read("a") in (new, new[:MIB])
    segmenting.backend.remove_leftovers(older_than=-60)
    assert segmenting.read("b") == new[:MIB]


def test_an_interruption_after_the_manifest_loses_nothing(segmenting, monkeypatch):
    original = SwiftContainer.put

    def interrupted(container, key, *arguments, **parameters):
        original(container, key, *arguments, **parameters)
        if parameters.get("query"):
            raise KeyboardInterrupt

    monkeypatch.setattr(SwiftContainer, "put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        segmenting.write("a", io.BytesIO(LARGE), overwrite=True)
    assert segmenting.read("a") == LARGE


def test_an_object_that_only_looks_like_a_manifest(segmenting, swift_connection, container, monkeypatch):
    segmenting.write("victim", io.BytesIO(LARGE))
    segments = f"{container}_segments"
    names = [f"/{segments}/{found['name']}" for found in swift_connection.get_container(segments)[1]]
    segmenting.write("evil", io.BytesIO(LARGE))
    original = SwiftContainer.head

    def replaced(self, key):
        answer = original(self, key)
        if key == "evil":
            swift_connection.put_object(container, "evil", json.dumps([{"name": name} for name in names]))
        return answer

    monkeypatch.setattr(SwiftContainer, "head", replaced)
    segmenting.delete("evil")
    assert segmenting.read("victim") == LARGE


def test_a_token_that_expires_before_a_bulk_deletion(frail, monkeypatch):
    for number in range(3):
        frail.write(f"tree/{number}", b"content")
    account = frail.backend.store._container.account
    original, expired = account.request, []

    def expire(method, path, **parameters):
        if parameters.get("query") == "bulk-delete" and not expired:
            expired.append(method)
            account._access = type(account.access())(account.access().url, "AUTH_tkexpired")
        return original(method, path, **parameters)

    monkeypatch.setattr(account, "request", expire)
    frail.delete("tree")
    assert expired
    assert list(frail.list_files()) == []


def test_long_names_are_deleted(segmenting, left):
    segmenting.write("tree/" + "é" * 400, io.BytesIO(LARGE))
    segmenting.write("tree/a", b"a")
    segmenting.write("tree/b", b"b")
    segmenting.delete("tree")
    assert left() == ([], [])


@pytest.mark.parametrize("key", ["s3cret\n", " s3cret", "s3\rcret"])
def test_a_key_that_is_no_header_is_not_told(make_frail, key):
    with pytest.raises(ConfigurationError) as raised:
        make_frail(KEY=key).exists("a")
    assert "cret" not in str(raised.value)
    assert "cret" not in repr(raised.value.__cause__)


def test_segments_go_with_a_tree(segmenting, left):
    segmenting.write("tree/a", io.BytesIO(LARGE))
    segmenting.write("tree/below/b", Unseekable(LARGE))
    segmenting.write("tree/below/c", b"small")
    segmenting.write("tree2", b"small")
    segmenting.delete("tree")
    assert left() == (["tree2"], [])


def test_a_refused_upload_leaves_no_segments(segmenting, left):
    segmenting.write("new", b"old")
    for source in (io.BytesIO, Unseekable):
        with pytest.raises(FileExists):
            segmenting.write("new", source(LARGE))
    assert segmenting.read("new") == b"old"
    assert left() == (["new"], [])


def test_what_arrives_changed_is_not_kept(frail, proxy, left):
    etag = b'HTTP/1.1 201 Created\r\nContent-Length: 0\r\nEtag: "0123456789abcdef0123456789abcdef"\r\n\r\n'
    for content in (b"content", LARGE):
        proxy.answer(etag, when=lambda head: head.startswith(b"PUT"))
        with pytest.raises(ETagMismatchError, match=r"ETag mismatch.*not what was sent"):
            frail.write("new", content)
        proxy.restore()
        assert left() == ([], [])


def test_what_swift_finds_damaged_is_an_error_of_its_own(frail, proxy):
    refusal = b"HTTP/1.1 422 Unprocessable Entity\r\nContent-Length: 0\r\nX-Trans-Id: tx1\r\n\r\n"
    proxy.answer(refusal, when=lambda head: head.startswith(b"PUT"))
    with pytest.raises(ETagMismatchError, match="ETag mismatch"):
        frail.write("new", b"content")


def test_segments_of_killed_processes_are_found(make_frail, swift_connection, container, left):
    storage = make_frail(SEGMENT_SIZE=SEGMENT)
    storage.write("below/kept", io.BytesIO(LARGE))
    kept = left()[1]
    segments = f"{container}_segments"
    for number in (1, 2):
        swift_connection.put_object(segments, f"below/lost/flask-pyfs/1-00ff/{number:08d}", b"x")
    swift_connection.put_object(segments, "below/foreign/1/2/00000001", b"x")
    remove = storage.backend.remove_leftovers
    # it began long ago, and goes on
    assert remove() == remove(older_than=60) == 0
    assert remove(older_than=-60, dry_run=True) == 1
    assert remove(older_than=-60) == 1
    assert sorted(left()[1]) == sorted([*kept, "below/foreign/1/2/00000001"])
    assert storage.read("below/kept") == LARGE


def test_a_copy_of_what_is_too_large_for_one_object(segmenting, proxy, left):
    segmenting.write("a.png", io.BytesIO(LARGE))
    stored = left()
    refusal = b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    proxy.answer(
        refusal, when=lambda head: head.startswith(b"COPY") and b"_segments/" not in head.partition(b"\r\n")[0]
    )
    too_long = "/".join(["n" * 200] * 5)
    with pytest.raises(InvalidPath, match="names of the segments") as raised:
        segmenting.copy("a.png", too_long)
    assert too_long[:40] in str(raised.value)
    assert left() == stored
    segmenting.copy("a.png", "b.png")
    proxy.restore()
    assert segmenting.read("b.png") == LARGE
    assert segmenting.metadata("b.png")["mime"] == "image/png"
    segmenting.delete("a.png")
    assert segmenting.read("b.png") == LARGE
    segmenting.delete("b.png")
    assert left() == ([], [])


# Servers that refuse or are silent


@pytest.fixture
def taken(swift_connection, container):
    """A file that must stay as it is."""
    swift_connection.put_object(container, "taken", b"old")
    yield
    assert swift_connection.get_object(container, "taken")[1] == b"old"
    assert [found["name"] for found in swift_connection.get_container(container)[1]] == ["taken"]


@pytest.mark.usefixtures("taken")
def test_a_wrong_key_is_permission_denied(make_frail):
    all_fail(make_frail(KEY="wr0ng"), PermissionDenied, "USER or KEY")
    all_fail(make_frail(USER="test:nobody"), PermissionDenied, "USER or KEY")


@pytest.mark.usefixtures("taken")
def test_a_redirection_is_not_followed(frail, proxy):
    # a client would send a GET there, and take its answer for that to a PUT
    location = f"{proxy.url}/healthcheck".encode()
    answer = b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    proxy.answer(answer % location, when=lambda head: b"/v1/" in head)
    with pytest.raises(ConfigurationError):
        frail.write("new", b"new")


def test_a_server_that_is_silent_in_an_upload(make_frail, proxy, left):
    storage = make_frail(TIMEOUT=1, SEGMENT_SIZE=SEGMENT)
    storage.exists("warm")
    with pytest.raises(BackendError), storage.open("new", "wb") as file:  # noqa: PT012
        file.write(LARGE)
        proxy.hang()
        start = time.monotonic()
        file.close()
    assert time.monotonic() - start < 1 + 2
    proxy.restore()
    assert left()[0] == []
    storage.backend.remove_leftovers(older_than=-60)
    assert left() == ([], [])


@pytest.mark.server
@pytest.mark.slow
def test_processes_that_are_stopped(app, configure_storage, tmp_path):
    with openstack_swift(tmp_path) as swift:
        settings = {"AUTHURL": swift.auth_url, "USER": swift.user, "KEY": swift.key, "AUTH_VERSION": "1", "TIMEOUT": 1}
        storage = configure_storage("files", {"BACKEND": "swift", **settings})
        with app.app_context():
            storage.write("taken", b"old")
            for stopped in (swift.pids.values(), [swift.pids["object"]]):
                with halted(*stopped):
                    for call in (
                        lambda: storage.exists("taken"),
                        lambda: storage.read("taken"),
                        lambda: storage.write("taken", b"new"),
                        lambda: storage.write("new", LARGE),
                    ):
                        start = time.monotonic()
                        with pytest.raises(BackendError):
                            call()
                        assert time.monotonic() - start < 3
            assert storage.read("taken") == b"old"


def test_a_host_that_does_not_exist(make_frail):
    all_fail(make_frail(AUTHURL="http://no-such-host.invalid:1/auth/v1.0"), BackendError, "AUTHURL")


def test_a_token_that_expires_is_renewed(frail, left):
    account = frail.backend.store._container.account

    def expire():
        account._access = type(account.access())(account.access().url, "AUTH_tkexpired")

    for write in (
        lambda: frail.write("a", b"content", overwrite=True),
        lambda: frail.write("a", LARGE, overwrite=True),
        lambda: frail.write("a", Unseekable(LARGE), overwrite=True),
    ):
        expire()
        write()
        expire()
        size = frail.metadata("a")["size"]
        expire()
        assert len(frail.read("a")) == size
        expire()
        assert list(frail.list_files()) == ["a"]
    expire()
    frail.delete("a")
    assert left() == ([], [])


# Containers


def test_a_missing_container_is_named(make_frail):
    storage = make_frail(CONTAINER="no-such-container", CREATE_CONTAINER=False)
    all_fail(storage, ConfigurationError, "no-such-container", "CREATE_CONTAINER")
    with pytest.raises(ConfigurationError):
        storage.write("new", LARGE)


def test_a_container_that_goes_is_missed(swift_place, swift_connection, make_frail, monkeypatch):
    with new_container(swift_place) as name:
        storage = make_frail(CONTAINER=name, CREATE_CONTAINER=False)
        storage.write("taken", b"old")
        clear_container(swift_connection, name)
        # an answer proves for a while that it is there
        monkeypatch.setattr("flask_pyfs.filesystems.swift.container._PROOF", 0)
        for call in (
            lambda: storage.read("taken"),
            lambda: storage.write("taken", b"new"),
            lambda: storage.delete("a"),
        ):
            with pytest.raises(ConfigurationError):
                call()
        swift_connection.put_container(name)


@pytest.mark.parametrize("content", [b"content", LARGE], ids=["small", "large"])
def test_a_container_is_made_on_the_first_write(swift_connection, make_frail, container, content):
    name = f"{container}-made"
    storage = make_frail(CONTAINER=name)
    assert not storage.exists("a")
    assert list(storage.list_files()) == []
    storage.delete("a")
    for call in (lambda: storage.read("a"), lambda: storage.metadata("a"), lambda: storage.copy("a", "b")):
        with pytest.raises(FileNotFound):
            call()
    assert name not in [found["name"] for found in swift_connection.get_account()[1]]
    try:
        storage.write("a", content)
        assert storage.read("a") == content
    finally:
        clear_container(swift_connection, name)


def test_configuration_is_checked_before_anything_is_reached(app):
    right = {"BACKEND": "swift", "AUTHURL": "http://127.0.0.1:1/", "USER": "user", "KEY": "s3cret"}
    wrong = {
        "AUTHURL": "127.0.0.1",
        "AUTH_VERSION": "4",
        "CONTAINER": "a/b",
        "SEGMENT_SIZE": "1000",
        "TIMEOUT": "0",
        "RETRIES": "-1",
        "POOL_SIZE": "0",
        "OS_OPTIONS": '{"no_such": "option"}',
    }
    for key, value in wrong.items():
        app.config.update({f"FILES_FS_{name}": given for name, given in {**right, key: value}.items()})
        with pytest.raises(ConfigurationError, match=f"FILES_FS_{key}") as raised:
            fs.init_app(app, fs.Storage("files"))
        assert "s3cret" not in str(raised.value)
        del app.config[f"FILES_FS_{key}"]


def test_the_key_is_told_nowhere(make_frail, caplog, swift_place):
    with caplog.at_level("DEBUG"):
        storage = make_frail()
        storage.write("a", b"content")
        for told in (storage, storage.config, storage.backend, storage.backend.config, storage.backend.store):
            assert swift_place.key not in repr(told).replace("swift_testing", "")
    assert swift_place.key not in caplog.text
