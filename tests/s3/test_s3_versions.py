"""Versions on S3: what another writer does between any two requests is not lost."""

import io
from contextlib import contextmanager
from email.message import Message

import pytest
from buckets import PART, on_both, on_swift
from counting import requests_of
from fs import errors
from servers.rewriting import Answer, RewritingProxy

from flask_pyfs.errors import BackendError, FileExists, VersionChanged
from flask_pyfs.filesystems.s3.facts import MARK
from flask_pyfs.filesystems.store import Facts, OtherVersion, SourceChanged
from flask_pyfs.migration import windows
from flask_pyfs.names import Reserved

LARGE = bytes(PART) + b"end"


@pytest.fixture
def put(s3_client, bucket):
    """Store an object as other tools do."""

    def put(key, content, **parameters):
        s3_client.put_object(Bucket=bucket, Key=key, Body=content, **parameters)

    return put


@pytest.fixture
def get(s3_client, bucket):
    """What is under a key, or None."""

    def get(key):
        try:
            return s3_client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3_client.exceptions.NoSuchKey:
            return None

    return get


@contextmanager
def before_request(storage, number, act):
    """Act right before a request of the storage is sent, counted from 0."""
    events, seen = storage.backend.store.client.meta.events, []

    def step(**others):
        seen.append(None)
        if len(seen) == number + 1:
            act()

    events.register("before-send.s3", step)
    try:
        yield
    finally:
        events.unregister("before-send.s3", step)


def requests_in(storage, call):
    with requests_of(storage.backend.store.client) as sent:
        call()
    return len(sent)


# What a version is


def test_every_write_of_the_same_content_is_a_version(storage, put):
    written = [storage.write("a", b"same", overwrite=True).version for _ in range(3)]
    assert len(set(written)) == 3
    assert storage.version("a") == written[-1]
    for version in written[:2]:
        assert not storage.delete_version("a", version)
    put("a", b"same")
    assert storage.version("a") not in written
    assert not storage.delete_version("a", written[-1])


def test_a_tool_that_keeps_the_mark_and_changes_the_content_makes_a_version(storage, put, s3_client, bucket):
    version = storage.write("a", b"ours").version
    metadata = s3_client.head_object(Bucket=bucket, Key="a")["Metadata"]
    assert list(metadata) == [MARK]
    put("a", b"theirs", Metadata=metadata)
    assert storage.version("a") != version
    with pytest.raises(VersionChanged):
        storage.replace_version("a", b"lost", version)


def test_a_copy_over_a_file_makes_a_version(storage):
    storage.write("other", b"same")
    version = storage.write("a", b"same").version
    storage.copy("other", "a", overwrite=True)
    assert storage.version("a") != version
    assert not storage.delete_version("a", version)


def test_objects_of_others_have_versions(storage, put, get):
    put("a", b"theirs")
    version = storage.version("a")
    assert version == storage.version("a") is not None
    put("a", b"theirs too")
    assert not storage.delete_version("a", version)
    assert storage.delete_version("a", storage.version("a"))
    assert get("a") is None


def test_the_metadata_of_an_app_stays_beside_the_mark(open_s3, s3_client, bucket):
    filesystem = open_s3(upload_args={"Metadata": {"color": "blue"}})
    filesystem.put("a", io.BytesIO(b"content"))
    metadata = s3_client.head_object(Bucket=bucket, Key="a")["Metadata"]
    assert metadata.pop(MARK)
    assert metadata == {"color": "blue"}


# Races


WRITERS = {"others": b"theirs", "the same content": b"new"}


@on_both
@pytest.mark.parametrize("content", WRITERS.values(), ids=WRITERS)
def test_a_deletion_of_a_version_among_writers(s3_endpoint, storage, put, get, content):
    storage.write("a", b"old")
    number = requests_in(storage, lambda: storage.delete_version("a", storage.version("a")))
    for step in range(1, number):
        version = storage.write("a", b"new", overwrite=True).version
        # version() itself is a request
        with before_request(storage, step - 1, lambda: put("a", content)):
            deleted = storage.delete_version("a", version)
        if step == number - 1 and (s3_endpoint.name == "swift" or content == b"new"):
            # documented: between the look and the deletion, the same content, or a server without the condition
            storage.write("a", b"new", overwrite=True)
            continue
        assert not deleted
        assert get("a") == content


@on_both
@pytest.mark.parametrize("size", [3, len(LARGE)], ids=["small", "in parts"])
def test_a_replacement_of_a_version_among_writers(s3_endpoint, app, make_storage, put, get, size):
    storage, content = make_storage(PART_SIZE=PART), LARGE[:size]
    with app.app_context():
        # what the first replacement finds out about the server
        storage.replace_version("a", content, storage.write("a", b"old").version)
        first = storage.version("a")
        number = requests_in(storage, lambda: storage.replace_version("a", content, first))
        for step in range(number):
            version = storage.write("a", b"old", overwrite=True).version
            with before_request(storage, step, lambda: put("a", b"theirs")):
                try:
                    storage.replace_version("a", content, version)
                except VersionChanged:
                    assert get("a") == b"theirs"
                    continue
            # documented: servers without the condition, and moto ignores it where an upload is completed
            assert step == number - 1
            assert s3_endpoint.name == "swift" or size > PART


@on_both
@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_a_move_among_writers_loses_no_content(s3_endpoint, storage, put, get, overwrite, first):
    def begin():
        storage.delete("a")
        storage.delete("b")
        storage.write("a", b"old") if first == "ours" else put("a", b"old")

    begin()
    storage.copy("a", "b")
    begin()
    number = requests_in(storage, lambda: storage.move("a", "b", overwrite=overwrite))
    for step in range(number):
        begin()
        with before_request(storage, step, lambda: put("a", b"newer")):
            storage.move("a", "b", overwrite=overwrite)
        if step == number - 1 and s3_endpoint.name == "swift":
            # documented: it does not know the condition
            continue
        assert b"newer" in (get("a"), get("b")), step
        assert get("b") is not None


def test_a_source_that_another_tool_changed_under_its_mark_stays(storage, s3_client, bucket, get):
    storage.write("a", b"old")
    mark = s3_client.head_object(Bucket=bucket, Key="a")["Metadata"]

    def rewrite():
        s3_client.put_object(Bucket=bucket, Key="a", Body=b"newer", Metadata=mark)

    with before_request(storage, 1, rewrite):
        storage.move("a", "b", overwrite=True)
    assert (get("a"), get("b")) == (b"newer", b"old")


def test_a_source_that_is_deleted_meanwhile_is_moved(storage, s3_client, bucket, get):
    storage.write("a", b"old")
    with before_request(storage, 1, lambda: s3_client.delete_object(Bucket=bucket, Key="a")):
        storage.move("a", "b", overwrite=True)
    assert (get("a"), get("b")) == (None, b"old")


def test_a_move_of_an_object_in_parts_that_others_wrote(storage, s3_client, bucket, get):
    def upload(content):
        named = {"Bucket": bucket, "Key": "a"}
        named["UploadId"] = s3_client.create_multipart_upload(**named)["UploadId"]
        parts = []
        for number, part in enumerate((content[:PART], content[PART:]), 1):
            tag = s3_client.upload_part(**named, PartNumber=number, Body=part)["ETag"]
            parts.append({"PartNumber": number, "ETag": tag})
        s3_client.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})

    upload(LARGE)
    storage.move("a", "b", overwrite=True)
    assert (get("a"), get("b")) == (None, LARGE)
    number = 4
    for step in range(number):
        upload(LARGE)
        with before_request(storage, step, lambda: upload(LARGE[::-1])):
            storage.move("a", "b", overwrite=True)
        assert LARGE[::-1] in (get("a"), get("b")), step


# Retries


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_second_writer_of_the_same_content_does_not_believe_that_it_won(make_frail, proxy, put, overwrite):
    storage = make_frail(RETRIES=2)
    put("a", b"same")
    # the refusal is lost, and the second attempt is refused, too
    proxy.cut_received(after=0)
    if overwrite:
        with pytest.raises(VersionChanged):
            storage.replace_version("a", b"same", "another")
    else:
        with pytest.raises(FileExists):
            storage.write("a", b"same")


def test_a_lost_answer_to_a_replacement_does_not_refuse_it(make_frail, proxy, get):
    storage = make_frail(RETRIES=2)
    version = storage.write("a", b"old").version
    with before_request(storage, 1, lambda: proxy.cut_received(after=0)):
        newer = storage.replace_version("a", b"new", version)
    assert get("a") == b"new"
    assert newer.version == storage.version("a")


def test_a_lost_answer_to_a_deletion_does_not_refuse_it(make_frail, proxy, get):
    storage = make_frail(RETRIES=2)
    version = storage.write("a", b"old").version
    with before_request(storage, 1, lambda: proxy.cut_received(after=0)):
        assert storage.delete_version("a", version)
    assert get("a") is None


# moto ignores the condition
@on_swift
@pytest.mark.parametrize("taken", [False, True])
def test_a_source_that_changes_while_it_is_copied_with_a_note_is_not_copied(storage, put, get, taken):
    store = storage.backend.store

    def begin():
        put("a", b"old")
        store.delete_tree("b")
        return {"version": store.put("b", io.BytesIO(b"there"))} if taken else {"overwrite": False}

    def copy(conditions):
        assert store.copy_from(store, "a", "b", note="n", **conditions)

    # after the looks at both, the copy
    conditions = begin()
    with before_request(storage, 2, lambda: put("a", b"newer")), pytest.raises(SourceChanged):
        copy(conditions)
    # what the first copy finds out about the server
    copy(begin())
    conditions = begin()
    number = requests_in(storage, lambda: copy(conditions))
    conditions = begin()
    with before_request(storage, number - 1, lambda: put("a", b"newer")), pytest.raises(SourceChanged):
        copy(conditions)
    assert get("b") == (b"there" if taken else None)
    copy(conditions)
    assert (get("b"), store.facts("b").note) == (b"newer", "n")


# Servers without conditions


REFUSED = b"<?xml version='1.0'?><Error><Code>NotImplemented</Code><Message>if-match</Message></Error>"
NOT_IMPLEMENTED = b"HTTP/1.1 501 Not Implemented\r\nContent-Length: %d\r\n\r\n%b" % (len(REFUSED), REFUSED)


def test_a_server_that_does_not_know_if_match(make_frail, proxy, put, get, caplog):
    storage = make_frail()
    proxy.answer(NOT_IMPLEMENTED, when=lambda head: b"if-match:" in head.lower())
    for _ in range(2):
        version = storage.write("a", b"old", overwrite=True).version
        version = storage.replace_version("a", b"new", version).version
        assert get("a") == b"new"
        with pytest.raises(VersionChanged):
            storage.replace_version("a", b"lost", "another")
        assert not storage.delete_version("a", "another")
        assert storage.delete_version("a", version)
        assert get("a") is None
    assert len([record for record in caplog.records if "does not support" in record.getMessage()]) == 2


@pytest.fixture
def ignoring(s3_client):
    """Do what a request of a method asks for, whatever its condition is."""

    def ignoring(wanted):
        def ask(request):
            if request.method != wanted or "If-Match" not in request.headers:
                return None
            _, bucket, key = request.path.split("/", 2)
            headers = Message()
            headers["x-amz-request-id"] = "1"
            if request.method == "DELETE":
                s3_client.delete_object(Bucket=bucket, Key=key)
                return Answer(204, headers, b"")
            headers["ETag"] = s3_client.put_object(Bucket=bucket, Key=key, Body=request.body)["ETag"]
            return Answer(200, headers, b"")

        return ask

    return ignoring


@pytest.fixture
def rewriting(s3_endpoint):
    with RewritingProxy(*s3_endpoint.url.partition("//")[2].split(":")) as proxy:
        yield proxy


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_server_that_ignores_if_match_is_found_out(app, make_storage, rewriting, ignoring, get, caplog, method):
    store = make_storage(ENDPOINT=rewriting.url).backend.store
    path = Reserved(".flask_pyfs/probe")
    with app.app_context():
        assert store.decides_versions
        assert store.learn_conditions(path)
        assert not caplog.records
        rewriting.ask = ignoring(method)
        # nobody knows it yet
        assert store.decides_versions
        assert not store.learn_conditions(path)
        assert not store.decides_versions
        assert get(path) is None
        [record] = caplog.records
        assert "the server does not support If-Match" in record.getMessage()
        with requests_of(store.client) as sent:
            assert not store.learn_conditions(path)
        assert sent == []
        # the condition is left out from then on, and looked up before
        version = store.put("a", io.BytesIO(b"old"))
        version = store.replace_version("a", io.BytesIO(b"new"), version)
        assert store.delete_version("a", version)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("direction", ["forward", "back"])
def test_a_migration_finds_it_out_below_a_prefix_before_it_starts(
    app, make_storage, configure_storage, rewriting, ignoring, s3_client, bucket, method, direction
):
    side, other = ("TARGET", "SOURCE") if direction == "forward" else ("SOURCE", "TARGET")
    make_storage(ENDPOINT=rewriting.url, PREFIX="below")
    given = {key.replace("FILES_FS", side): app.config[key] for key in app.config if key.startswith("FILES_FS_")}
    given |= {side: given.pop(f"{side}_BACKEND"), other: "memory"}
    storage = configure_storage("moving", {"BACKEND": "migrating", "DIRECTION": direction, **given})
    keys = []

    def ask(request):
        keys.append(request.path.removeprefix(f"/{bucket}/"))
        return ignoring(method)(request) if ignores else None

    rewriting.ask = ask
    with app.app_context():
        ignores = False
        assert windows(storage) == []
        ignores = True
        [window] = windows(storage)
    assert window.startswith(f"{side.lower()}: ")
    assert len([key for key in keys if "/probe-" in key]) == 8
    assert all(key.startswith("below/.flask_pyfs/migrating/") for key in keys if "?" not in key)
    assert "Contents" not in s3_client.list_objects_v2(Bucket=bucket)


def test_a_server_that_refuses_if_match_does_not_decide(make_frail, proxy, get, caplog):
    store = make_frail().backend.store
    proxy.answer(NOT_IMPLEMENTED, when=lambda head: b"if-match:" in head.lower())
    assert not store.learn_conditions(Reserved(".flask_pyfs/probe"))
    assert get(".flask_pyfs/probe") is None
    assert len(caplog.records) == 2


def test_learning_takes_four_requests(storage):
    store = storage.backend.store
    with requests_of(store.client) as sent:
        assert store.learn_conditions("a/probe")
    assert [method for method, _ in sent] == ["PUT", "PUT", "DELETE", "DELETE"]
    assert list(store.iter_files()) == []


def test_a_server_that_fails_while_it_is_asked_has_not_shown_anything(make_frail, proxy):
    store = make_frail().backend.store
    proxy.answer(b"HTTP/1.1 503 Slow\r\nContent-Length: 0\r\n\r\n", when=lambda head: b"if-match:" in head.lower())
    with pytest.raises(errors.FSError):
        store.learn_conditions("a")
    assert store.decides_versions


def test_a_boto3_without_the_conditions_decides_nothing(storage, monkeypatch):
    store = storage.backend.store
    assert store.decides_versions
    monkeypatch.setattr(store._bucket, "known", lambda operation, arguments: {})
    assert not store.decides_versions
    with requests_of(store.client) as sent:
        assert not store.learn_conditions("a")
    assert sent == []


# Uploads that nobody knows the end of


def test_an_upload_that_may_be_complete_is_not_aborted(make_frail, proxy, left, caplog):
    storage = make_frail()
    storage.write("a", b"old")
    proxy.answer(
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        when=lambda head: head.startswith(b"POST") and b"?uploadId" in head,
    )
    with pytest.raises(BackendError):
        storage.write("a", LARGE, overwrite=True)
    proxy.restore()
    assert storage.read("a") == b"old"
    assert left() == (["a"], ["a"])
    assert "remove_leftovers" in caplog.text
    assert storage.backend.store.remove_leftovers(older_than=-60) == 1
    assert left() == (["a"], [])


# the uploads of moto began in 2010
def test_a_slow_upload_outlives_the_removal_of_leftovers(app, make_storage, s3_client, bucket, get, left):
    storage = make_storage(PART_SIZE=PART)
    s3_client.create_multipart_upload(Bucket=bucket, Key="dead")
    with app.app_context(), storage.open("slow", "wb") as file:
        # three parts are under way, or sent
        for _ in range(4):
            file.write(bytes(PART))
        assert storage.backend.remove_leftovers(older_than=3600, dry_run=True) == 1
        assert storage.backend.remove_leftovers(older_than=3600) == 1
        assert left() == ([], ["slow"])
        file.write(b"end")
    assert get("slow") == bytes(4 * PART) + b"end"


def test_an_object_without_a_version_is_no_version_that_is_named(storage, monkeypatch):
    storage.write("a", b"content")
    store = storage.backend.store
    monkeypatch.setattr(type(store), "head_object", lambda self, key, **options: Facts(7, None))
    assert not store.delete_version("a", None)
    with pytest.raises(OtherVersion):
        store.replace_version("a", io.BytesIO(b"lost"), None)
    monkeypatch.undo()
    assert storage.read("a") == b"content"
