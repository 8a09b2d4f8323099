"""Files that clients send to S3 in parts, by what Uppy's companion answers."""

import io
import json
import threading
import time

import pytest
import requests
from buckets import PART, SERVERS, on_both
from companion import Companion, Refused
from counting import operations, requests_of
from hypothesis import given, settings
from hypothesis import strategies as st

import flask_pyfs as fs
from flask_pyfs.filesystems.s3.multipart import ObjectInParts
from flask_pyfs.filesystems.store import UPLOADS
from flask_pyfs.signals import file_uploaded
from flask_pyfs.unfinished import Unfinished

CONTENT = b"content of one part"

# a server that seals no upload, as Swift, gets the parts that are checked and the others in the same way
WAYS = [(server, verify) for server in SERVERS for verify in (False, True) if (server, verify) != ("swift", True)]
each_way = pytest.mark.parametrize(("s3_endpoint", "verify"), WAYS, indirect=["s3_endpoint"])


@pytest.fixture
def make(app, make_storage):
    with app.app_context():
        yield make_storage


@pytest.fixture
def begin(app):
    """Let a client begin an upload."""

    def begin(storage, name="a.txt", **terms):
        return Companion(app.test_client(), storage.multipart_url(name, **{"expires": 60, "unique": False, **terms}))

    return begin


@pytest.fixture
def announced():
    found = []

    def note(sender, filename):
        found.append((filename, filename.size, filename.content_type, filename.original_name))

    with file_uploaded.connected_to(note):
        yield found


@pytest.fixture
def refused():
    def refused(call, *arguments):
        with pytest.raises(Refused) as raised:
            call(*arguments)
        return raised.value.status

    return refused


@on_both
def test_a_file_is_sent_in_parts(make, begin, announced, left, s3_endpoint):
    storage = make(PREFIX="pre")
    client = begin(storage, "dir/a b.txt", unique=True, original_name="My file.txt")
    upload, key = client.create()
    assert key == client.name
    assert not storage.exists(key)
    first, last = bytes(PART), b"the end"
    parts = [client.send(upload, key, 1, first), client.send(upload, key, 2, last)]
    listed = client.list(upload, key)
    assert [(each["PartNumber"], each["Size"]) for each in listed] == [(1, PART), (2, 7)]
    assert [each["ETag"] for each in listed] == [each["ETag"] for each in parts]
    assert client.complete(upload, key, parts) == {"key": key, "location": f"http://localhost{storage.url(key)}"}
    assert storage.read(key) == first + last
    assert announced == [(key, PART + 7, "text/plain", "My file.txt")]
    assert storage.version(key) == announced[0][0].version
    assert storage.metadata(key)["mime"] == "text/plain"
    keys, uploads = left()
    assert uploads == []
    assert sorted(each.rpartition("/")[2] for each in keys) == [key.rpartition("/")[2], "done"]


@on_both
def test_a_file_whose_content_is_checked(make, begin, announced, left, s3_endpoint, s3_client, bucket, refused):
    storage = make(PREFIX="pre", VERIFY=True)
    bad = begin(storage, "bad.png")
    upload, key = bad.create()
    assert left()[1][0].startswith(f"pre/{UPLOADS}/")
    parts = [bad.send(upload, key, 1, b"no image at all")]
    assert refused(bad.complete, upload, key, parts) == 415
    assert refused(bad.complete, upload, key, parts) == 415
    good = begin(storage, "good.txt")
    good.whole(CONTENT)
    assert storage.read("good.txt") == CONTENT
    assert announced == [("good.txt", len(CONTENT), "text/plain", "good.txt")]
    assert storage.version("good.txt") == announced[0][0].version
    assert list(storage.list_files()) == ["good.txt"]
    keys, uploads = left()
    assert uploads == []
    assert sorted(each.rpartition("/")[2] for each in keys) == ["done", "ended", "good.txt"]


def test_what_new_files_get_by_the_settings(make, begin, s3_client, bucket):
    storage = make(ACL="public-read", STORAGE_CLASS="STANDARD_IA", CACHE_CONTROL="max-age=60")
    begin(storage).whole(CONTENT)
    head = s3_client.head_object(Bucket=bucket, Key="a.txt")
    assert (head["StorageClass"], head["CacheControl"]) == ("STANDARD_IA", "max-age=60")
    grants = s3_client.get_object_acl(Bucket=bucket, Key="a.txt")["Grants"]
    assert "READ" in [grant["Permission"] for grant in grants if "URI" in grant["Grantee"]]


def test_what_is_not_checked_yet_is_not_public(make, begin, s3_client, bucket, left, monkeypatch):
    storage, seen, sent = make(ACL="public-read", STORAGE_CLASS="STANDARD_IA", VERIFY=True), [], []
    allowed = storage.file_allowed

    def look(file, basename):
        if file is not None:
            key = next(each for each in left()[0] if each.endswith("/incoming"))
            for read in (storage.read, storage.exists, storage.url):
                with pytest.raises(fs.InvalidPath):
                    read(key)
            seen.append(list(storage.list_files()))
        return allowed(file, basename)

    monkeypatch.setattr(storage, "file_allowed", look)
    client = begin(storage)
    storage.backend.store.upload_args["ServerSideEncryption"] = "AES256"
    events = storage.backend.store.client.meta.events
    note = lambda request, **others: sent.append({name.lower() for name in request.headers})  # noqa: E731
    events.register("before-send.s3.CreateMultipartUpload", note)
    try:
        client.whole(CONTENT)
    finally:
        events.unregister("before-send.s3.CreateMultipartUpload", note)
    assert seen == [[]]
    # but the bucket may want an encryption of all objects
    assert "x-amz-acl" not in sent[0]
    assert {"x-amz-storage-class", "x-amz-server-side-encryption"} <= sent[0]
    assert s3_client.head_object(Bucket=bucket, Key="a.txt")["StorageClass"] == "STANDARD_IA"


def test_a_filter_of_the_app_sees_the_content(make, begin, monkeypatch, refused):
    storage = make()
    monkeypatch.setattr(storage, "file_allowed", lambda file, basename: file is None or file.read() != b"bad")
    assert refused(begin(storage).whole, b"bad") == 415
    begin(storage).whole(b"good")
    assert storage.read("a.txt") == b"good"


def test_another_endpoint_for_others(make, begin):
    client = begin(make(PUBLIC_ENDPOINT="https://files.example"))
    assert client.signed(*client.create(), 1).startswith("https://files.example/")


# Names


def test_a_name_that_is_taken(make, begin, left, refused):
    storage = make()
    client = begin(storage)
    upload, key = client.create()
    parts = [client.send(upload, key, 1, CONTENT)]
    storage.write("a.txt", "old")
    assert refused(begin(storage).create) == 409
    assert refused(client.complete, upload, key, parts) == 409
    assert refused(client.complete, upload, key, parts) == 409
    assert storage.read("a.txt") == b"old"
    assert left()[1] == []
    begin(storage, overwrite=True).whole(CONTENT)
    assert storage.read("a.txt") == CONTENT


def test_a_name_that_is_taken_in_another_spelling(make, begin, s3_client, bucket, refused):
    storage = make()
    client = begin(storage, "é.txt")
    upload, key = client.create()
    parts = [client.send(upload, key, 1, CONTENT)]
    s3_client.put_object(Bucket=bucket, Key="e\u0301.txt", Body=b"old")
    assert refused(client.complete, upload, key, parts) == 409
    begin(storage, "é.txt", overwrite=True).whole(CONTENT)
    assert storage.read("é.txt") == CONTENT
    assert list(storage.list_files()) == ["e\u0301.txt"]


@on_both
def test_one_of_two_uploads_of_a_name_wins(make, begin, s3_endpoint, refused):
    storage = make()
    clients = [begin(storage), begin(storage)]
    begun = [client.create() for client in clients]
    sent = [
        client.send(*each, 1, b"%d" % index) for index, (client, each) in enumerate(zip(clients, begun, strict=True))
    ]
    clients[1].complete(*begun[1], sent[1:])
    assert refused(clients[0].complete, *begun[0], sent[:1]) == 409
    assert storage.read("a.txt") == b"1"


# Sizes and types


def test_what_is_too_large(make, begin, left, refused):
    storage = make(MAX_SIZE=100)
    for most, terms in ((100, {}), (10, {"max_size": 10})):
        client = begin(storage, **terms)
        upload, key = client.create()
        parts = [client.send(upload, key, 1, bytes(most + 1))]
        assert refused(client.complete, upload, key, parts) == 413
        assert left()[1] == []
        assert list(storage.list_files()) == []
    begin(storage).whole(bytes(100))
    assert storage.size("a.txt") == 100


def test_the_type_holds(make, begin, refused):
    storage = make()
    client = begin(storage, "a.bin", content_type="image/png")
    assert refused(client.create, "a", "text/plain") == 415
    upload, key = client.create("a", "image/PNG; x=y")
    client.complete(upload, key, [client.send(upload, key, 1, CONTENT)])
    assert storage.metadata("a.bin")["mime"] == "image/png"


# What was not signed


@pytest.fixture
def going(make, begin):
    """An upload that has begun, of another one too, and both storages."""
    storage = make()
    client, other = begin(storage), begin(storage, "b.txt")
    return client, client.create(), other, other.create()


def changed(token):
    payload, dot, signature = token.partition(".")
    yield payload[:-1] + dot + signature
    yield payload + dot + signature[:-1] + ("A" if signature[-1] != "A" else "B")
    yield payload
    yield "A" * len(payload) + dot + signature
    yield "x"


def test_what_was_not_signed_is_refused(app, make, going, refused, left):
    client, (upload, key), _, (others, its_key) = going
    parts = [client.send(upload, key, 1, CONTENT)]
    wrong = [(upload, its_key), (upload, None), (upload, ""), (others, key), (others, its_key)]
    wrong += [(token, key) for token in changed(upload)]
    for each in wrong:
        assert refused(client.signed, *each, 1) == 403, each
        assert refused(client.list, *each) == 403, each
        assert refused(client.complete, *each, parts) == 403, each
        assert refused(client.abort, *each) == 403, each
    for number in (0, 10_001, -1, "1.0", "01x", "²", "9" * 50):
        assert refused(client.signed, upload, key, number) == 403, number
    for number in (0, 10_001):
        assert refused(client.complete, upload, key, [{"PartNumber": number, "ETag": "x"}]) == 403
    # the token of one upload in the URL of another, or as that of the other kind
    token = client.base.split("/")[-2]
    assert refused(client.list, token, key) == 403
    client.base = client.base.replace(token, upload)
    assert refused(client.create) == 403
    for text in changed(token):
        client.base = f"/-/multipart/{text}/s3"
        assert refused(client.create) == 403
        assert refused(client.list, upload, key) == 403
    assert len(left()[1]) == 2


def test_a_token_is_one_of_its_storage_and_its_app(app, make, begin, going, refused):
    client, (upload, key), *_ = going
    others = begin(make("others"))
    # the name, S3's id and all else are the same
    others_upload, _ = others.create()
    assert refused(client.list, others_upload, key) == 403
    assert refused(others.list, upload, key) == 403
    app.secret_key = "another"
    assert refused(client.list, upload, key) == 403


# moto checks no signature
@pytest.mark.parametrize("s3_endpoint", ["swift"], indirect=True)
def test_a_part_is_sent_as_it_was_signed(s3_endpoint, going):
    client, (upload, key), other, its = going
    url, foreign = client.signed(upload, key, 1), other.signed(*its, 1)
    query = url.partition("?")[2]
    for wrong in (
        url.replace("partNumber=1", "partNumber=2"),
        url.replace("/incoming?", "/b.txt?"),
        foreign.partition("?")[0] + "?" + query,
        url[:-1] + ("0" if url[-1] != "0" else "1"),
    ):
        assert requests.put(wrong, data=b"x", timeout=10).status_code == 403, wrong
    assert client.list(upload, key) == []


@each_way
def test_a_part_that_is_sent_again_while_the_upload_is_completed(
    make, begin, monkeypatch, refused, s3_endpoint, verify
):
    storage = make(MAX_SIZE=10, VERIFY=verify)
    client = begin(storage)
    upload, key = client.create()
    url, parts = client.signed(upload, key, 1), [client.send(upload, key, 1, b"small")]
    complete = ObjectInParts.complete

    def swapped(self, *given, **options):
        assert requests.put(url, data=b"larger than what is agreed on", timeout=10).status_code == 200
        return complete(self, *given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectInParts, "complete", swapped)
        assert refused(client.complete, upload, key, parts) == 400
    assert [*storage.list_files()] == []
    assert refused(client.complete, upload, key, client.list(upload, key)) == 413
    assert [*storage.list_files()] == []


@on_both
def test_a_part_that_is_sent_again_while_the_content_is_checked(make, begin, left, s3_endpoint):
    def scan(file, filename):
        seen.append(file.read())
        requests.put(url, data=CONTENT[::-1], timeout=10)
        return True

    seen = []
    client = begin(storage := make(SCAN=scan))
    upload, key = client.create()
    url, parts = client.signed(upload, key, 1), [client.send(upload, key, 1, CONTENT)]
    client.complete(upload, key, parts)
    assert seen == [CONTENT]
    assert storage.read(key) == CONTENT


@each_way
def test_a_part_that_is_sent_after_the_upload_was_completed(make, begin, s3_endpoint, verify):
    storage = make(VERIFY=verify)
    client = begin(storage)
    upload, key = client.create()
    url, parts = client.signed(upload, key, 1), [client.send(upload, key, 1, CONTENT)]
    client.complete(upload, key, parts)
    assert requests.put(url, data=b"something else", timeout=10).status_code >= 400
    assert client.complete(upload, key, parts)["key"] == key
    assert storage.read(key) == CONTENT
    # nor does a file come back that the app has deleted, or another one go
    storage.delete(key)
    client.complete(upload, key, parts)
    assert not storage.exists(key)
    storage.write(key, b"the app's")
    client.complete(upload, key, parts)
    client.abort(upload, key)
    assert storage.read(key) == b"the app's"


@pytest.mark.parametrize("s3_endpoint", ["swift"], indirect=True)
def test_no_part_and_no_file_is_a_copy_of_another_file(make, begin, s3_endpoint):
    storage = make()
    storage.write("private.txt", b"private")
    copied = {"x-amz-copy-source": f"/{storage.backend.bucket_name}/private.txt"}
    client = begin(storage)
    upload, key = client.create()
    assert requests.put(client.signed(upload, key, 1), headers=copied, timeout=10).status_code == 403
    assert client.list(upload, key) == []
    form = storage.upload_url("b.txt", expires=60, unique=False)
    assert requests.put(form.url, headers={**form.headers, **copied}, timeout=10).status_code == 403
    assert [*storage.list_files()] == ["private.txt"]


def test_a_receiver_that_fails_does_not_refuse_the_file(make, begin, refused):
    def receive(storage, filename):
        raise fs.UnauthorizedFileType("no image")

    storage = make()
    client = begin(storage)
    upload, key = client.create()
    parts = [client.send(upload, key, 1, b"content")]
    with file_uploaded.connected_to(receive, storage):
        assert refused(client.complete, upload, key, parts) == 500
    client.complete(upload, key, parts)
    assert storage.read(client.name) == b"content"


def test_a_url_that_has_expired_begins_nothing(make, begin, monkeypatch, refused):
    storage = make()
    client = begin(storage)
    upload, key = client.create()
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 61)
    assert refused(client.create) == 403
    assert refused(client.ask, "/params?filename=a&type=b") == 403
    # what has begun goes on
    client.complete(upload, key, [client.send(upload, key, 1, CONTENT)])
    assert storage.read("a.txt") == CONTENT


def test_authorize_is_asked_again(app, make, begin, refused):
    allowed = [True]
    storage = make(AUTHORIZE=lambda access: allowed[0])
    client = begin(storage)
    upload, key = client.create()
    parts = [client.send(upload, key, 1, CONTENT)]
    allowed[0] = False
    assert refused(client.create) == 403
    assert refused(client.complete, upload, key, parts) == 403
    with pytest.raises(fs.NotAuthorized):
        storage.multipart_url("a.txt", expires=60)
    assert list(storage.list_files()) == []


# The end


@on_both
def test_the_answer_to_a_completion_may_be_lost(make, begin, announced, s3_endpoint):
    storage = make()
    client = begin(storage, unique=True)
    upload, key = client.create()
    content = [bytes(PART), bytes(PART), b"x"]
    parts = [client.send(upload, key, *part) for part in enumerate(content, 1)]
    answer = client.complete(upload, key, parts)
    assert client.complete(upload, key, parts) == answer
    # so does Uppy go on: of its own parts, it sends those that are missing
    known = {each["PartNumber"]: each["ETag"] for each in client.list(upload, key)}
    assert {1, 2, 3} <= set(known)
    assert client.complete(upload, key, [{"PartNumber": n, "ETag": known[n]} for n in (1, 2, 3)]) == answer
    assert len(announced) == 1
    assert storage.read(key) == b"".join(content)


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("way", ["complete", "list"])
def test_a_worker_that_was_killed_after_it_had_stored_the_file(make, begin, monkeypatch, verify, way, refused, left):
    storage = make(VERIFY=verify)
    client = begin(storage)
    upload, key = client.create()
    parts = [client.send(upload, key, 1, CONTENT)]

    class Killed(BaseException):
        pass

    def kill(self, stored, length):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Unfinished, "write_done", kill)
        with pytest.raises(Killed):
            client.complete(upload, key, parts)
    assert storage.read("a.txt") == CONTENT
    if way == "list":
        assert [each["PartNumber"] for each in client.list(upload, key)] == [1]
    assert client.complete(upload, key, parts)["key"] == "a.txt"
    assert storage.read("a.txt") == CONTENT
    assert sorted(each.rpartition("/")[2] for each in left()[0]) == ["a.txt", "done"]


def test_two_completions_at_once_store_one_file(app, make, begin, announced):
    storage = make()
    client = begin(storage)
    upload, key = client.create()
    parts, answers = [client.send(upload, key, 1, CONTENT)], list[str]()

    def complete():
        try:
            answers.append(Companion(app.test_client(), client.upload).complete(upload, key, parts)["key"])
        except Refused as error:
            answers.append(str(error.status))

    threads = [threading.Thread(target=complete) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert "a.txt" in answers
    assert set(answers) <= {"a.txt", "423"}
    assert len(announced) == 1
    assert storage.read("a.txt") == CONTENT


@each_way
def test_an_upload_that_was_cancelled(make, begin, left, refused, verify, s3_endpoint):
    storage = make(VERIFY=verify)
    client = begin(storage)
    upload, key = client.create()
    parts = [client.send(upload, key, 1, CONTENT)]
    client.abort(upload, key)
    assert left()[1] == []
    assert refused(client.complete, upload, key, parts) == 410
    assert refused(client.list, upload, key) == 410
    assert list(storage.list_files()) == []


@each_way
def test_a_file_stays_if_its_upload_is_cancelled_afterwards(make, begin, verify, s3_endpoint):
    storage = make(VERIFY=verify)
    client = begin(storage)
    upload, key = client.create()
    parts = [client.send(upload, key, 1, CONTENT)]
    answer = client.complete(upload, key, parts)
    client.abort(upload, key)
    assert storage.read("a.txt") == CONTENT
    assert client.complete(upload, key, parts) == answer


def test_an_upload_expires_after_its_last_part(make, begin, monkeypatch, refused, left):
    client = begin(make(UPLOAD_LIFETIME=100))
    upload, key = client.create()
    parts, now = [client.send(upload, key, 1, CONTENT)], time.time()
    monkeypatch.setattr("time.time", lambda: now + 99)
    client.signed(upload, key, 2)
    monkeypatch.setattr("time.time", lambda: now + 102)
    for ask in (lambda: client.signed(upload, key, 2), lambda: client.complete(upload, key, parts)):
        assert refused(ask) == 410
    assert left()[1] == []


def test_what_was_abandoned_is_swept(make, begin, left):
    storage = make(PREFIX="pre")
    for client in (begin(storage), begin(storage, "é.txt")):
        client.send(*client.create(), 1, CONTENT)
    assert len(left()[1]) == 2
    storage.backend.config["upload_lifetime"] = -10
    assert storage.backend.remove_leftovers(older_than=-10) == 2
    assert left() == ([], [])


@pytest.mark.parametrize("verify", [False, True])
def test_parts_that_rest_are_not_swept_before_the_upload_expires(make, begin, left, verify):
    storage = make(VERIFY=verify, UPLOAD_LIFETIME=7 * 24 * 60 * 60)
    client = begin(storage)
    upload, key = client.create()
    parts = [client.send(upload, key, 1, CONTENT)]
    # all of it is older than that
    assert storage.backend.remove_leftovers(older_than=-60) == 0
    assert client.complete(upload, key, parts)["key"] == "a.txt"


# What clients may send


@pytest.mark.parametrize("parts", [None, {}, [], [1], [{}], [None], "x"], ids=str)
def test_what_is_no_list_of_parts(going, refused, parts):
    client, (upload, key), *_ = going
    assert refused(client.complete, upload, key, parts) == 400


@pytest.mark.parametrize(("number", "etag"), [("1", "x"), (1, 1), (True, "x"), (1, "x"), (2, "x"), (None, None)])
def test_a_part_that_was_not_sent(going, refused, number, etag):
    client, (upload, key), *_ = going
    client.send(upload, key, 1, CONTENT)
    assert refused(client.complete, upload, key, [{"PartNumber": number, "ETag": etag}]) == 400


def test_parts_in_another_order_or_too_small(going, refused):
    client, (upload, key), *_ = going
    parts = [client.send(upload, key, number, CONTENT) for number in (1, 2)]
    assert refused(client.complete, upload, key, parts[::-1]) == 400
    assert refused(client.complete, upload, key, [parts[0], parts[0]]) == 400
    assert refused(client.complete, upload, key, parts) == 400
    # the upload goes on
    assert client.complete(upload, key, parts[1:])["key"] == key


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"[" * 100_000, b"\xff", b" " * (2 * 1024 * 1024 + 1)])
def test_bodies_that_are_no_json(going, refused, body):
    client, (upload, key), *_ = going
    for path in ("/multipart", client.path(upload, key, "complete")):
        assert refused(lambda path=path: client.ask(path, "POST", data=body)) == 400


def test_methods_and_paths_that_are_none(going, refused):
    client, (upload, key), *_ = going
    for method, path in (("POST", "/params"), ("GET", "/multipart"), ("PUT", client.path(upload, key))):
        assert refused(client.ask, path, method) == 405
    for path in ("", "/", "/other", f"/multipart/{upload}/1/2?key={key}"):
        assert refused(client.ask, path) == 404


def test_nothing_that_a_client_sends_is_an_error_of_the_app(app, going, soak):
    client, (upload, key), *_ = going
    token = client.base.split("/")[-2]
    words = st.sampled_from(
        ["s3", "multipart", "params", "complete", "", "1", "10000", token, upload, key, "..", "%00"]
    )
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["parts", "type", "PartNumber", "ETag", "x"]), inner, max_size=3)
        ),
        max_leaves=6,
    )

    @settings(max_examples=2000 if soak else 60)
    @given(
        st.sampled_from(["GET", "POST", "DELETE", "PUT", "HEAD", "PATCH"]),
        st.lists(words, max_size=6),
        st.dictionaries(st.sampled_from(["key", "type", "filename"]), st.text(max_size=8) | st.just(key), max_size=3),
        values,
    )
    def check(method, path, query, body):
        for start in ("/-/multipart/", f"/-/multipart/{token}/"):
            sent = json.dumps(body)
            answer = app.test_client().open(start + "/".join(path), method=method, query_string=query, data=sent)
            assert answer.status_code < 500, (method, path, query, body)

    check()


def test_no_answer_is_kept_by_a_cache(app, going):
    client, (upload, key), *_ = going
    for path in (client.path(upload, key, 1), client.path(upload, key), "/params"):
        assert app.test_client().get(client.base + path).headers["Cache-Control"] == "no-store"


# A file that is not sent in parts


def form_of(client, filename="any.txt", kind="text/plain"):
    return client.ask(f"/params?filename={filename}&type={kind}&metadata[name]=x")


def test_a_form_of_a_url_that_outlives_the_signatures_of_s3(make, begin):
    client = begin(make(), unique=True, expires=10 * 24 * 60 * 60)
    form = form_of(client)
    assert requests.post(form["url"], data=form["fields"], files={"file": ("blob", CONTENT)}, timeout=10).ok


def test_a_small_file_is_sent_by_a_form_of_the_store(make, begin):
    storage = make(PREFIX="pre", ACL="private")
    client = begin(storage, unique=True, max_size=100)
    form = form_of(client)
    assert (form["method"], form["fields"]["key"], form["fields"]["acl"]) == ("POST", f"pre/{client.name}", "private")
    answer = requests.post(form["url"], data=form["fields"], files={"file": ("blob", CONTENT)}, timeout=10)
    assert answer.ok
    assert storage.read(client.name) == CONTENT


@pytest.mark.parametrize(
    ("settings", "terms"),
    [({"VERIFY": True}, {"unique": True}), ({"CONFIRM": True}, {"unique": True}), ({}, {}), ({"MAX_SIZE": 100}, {})],
)
def test_what_no_form_of_the_store_holds_goes_through_the_app(app, make, begin, announced, settings, terms):
    storage = make(**settings)
    client = begin(storage, **terms)
    form = form_of(client)
    assert form["url"].startswith("http://localhost/files/")
    assert form["fields"] == {"key": client.name}
    for status in (201, 409):
        data = {**form["fields"], "file": (io.BytesIO(CONTENT), "blob", "text/plain")}
        assert app.test_client().post(form["url"], data=data).status_code == status
    assert storage.read(client.name) == CONTENT
    assert [name for name, *_ in announced] == [client.name]


def test_the_type_of_a_form_holds(make, begin, refused):
    client = begin(make(), "a.png", content_type="image/png", overwrite=True)
    assert refused(form_of, client) == 415
    assert form_of(client, kind="image/png")["fields"]["Content-Type"] == "image/png"


# Storages


def test_other_stores_take_no_parts(app, configure_storage):
    storage = configure_storage("files", {"BACKEND": "memory"})
    with app.app_context(), pytest.raises(fs.OperationNotSupported, match="resumable_url"):
        storage.multipart_url("a.txt", expires=60)


def test_an_upload_whose_storage_is_another_by_now(app, make, begin, configure_storage, refused):
    client = begin(make())
    upload, key = client.create()
    configure_storage("files", {"BACKEND": "memory"})
    assert refused(client.signed, upload, key, 1) == 410
    assert refused(client.create) == 410


def test_a_storage_that_verifies_by_now_takes_no_file_unseen(app, make, begin, refused, left):
    client = begin(make())
    upload, key = client.create()
    parts = [client.send(upload, key, 1, CONTENT)]
    make(VERIFY=True)
    assert refused(client.complete, upload, key, parts) == 410
    assert left()[1] == []


def test_terms_are_those_of_upload_url(make):
    storage = make()
    upload = storage.multipart_url("a.txt", expires=60, prefix="in", original_name="A.txt")
    assert upload.name.startswith("in/a-")
    assert (upload.method, upload.original_name, upload.fields) == ("POST", "A.txt", {})
    assert upload.url.startswith("/-/multipart/")
    assert storage.multipart_url("a.txt", expires=60).url != storage.multipart_url("a.txt", expires=60).url
    for wrong in ({"max_size": 0}, {"expires": 0}, {"content_type": "x"}):
        with pytest.raises(ValueError, match=r"max_size|seconds|content_type"):
            storage.multipart_url("a.txt", **{"expires": 60, **wrong})


def test_requests(make, begin):
    storage = make()
    storage.exists("warm")
    client = begin(storage, unique=True)
    counted = {}

    def count(name, call, *arguments):
        with requests_of(storage.backend.store.client) as sent:
            result = call(*arguments)
        counted[name] = dict(operations(sent))
        return result

    count("url", begin, storage)
    count("first", client.create)
    upload, key = count("create", client.create)
    parts = [count("sign", client.send, upload, key, 1, CONTENT)]
    count("list", client.list, upload, key)
    count("complete", client.complete, upload, key, parts)
    assert counted["url"] == counted["sign"] == {}
    # it learns whether the server takes a part of an upload that was completed
    learning = {"UploadPart": 1, "CompleteMultipartUpload": 1, "ListParts": 1, "AbortMultipartUpload": 1}
    assert counted["first"] == {"CreateMultipartUpload": 2, "DeleteObject": 1, **learning}
    assert counted["create"] == {"CreateMultipartUpload": 1}
    assert counted["list"] == {"ListParts": 1}
    # nobody else can have the name
    assert "HeadObject" not in counted["complete"]
    assert counted["complete"]["ListParts"] == counted["complete"]["CompleteMultipartUpload"] == 1
    plain = begin(storage)
    upload, key = plain.create()
    count("plain", plain.complete, upload, key, [plain.send(upload, key, 1, CONTENT)])
    # some servers ignore the condition of a completion
    assert counted["plain"] == {**counted["complete"], "HeadObject": 1}


def test_the_longest_name_in_a_url(make, begin):
    # gunicorn takes a first line of a request of 4,094 bytes
    name = "é" * 512
    client = begin(make(), name)
    upload, key = client.create()
    assert key != name
    parts = [client.send(upload, key, 10_000, CONTENT)]
    url = client.base + client.path(upload, key, 10_000)
    assert len(f"GET {url} HTTP/1.1") < 4000
    assert client.complete(upload, key, parts)["key"] == name
