"""CONFIRM: the store takes a file under a reserved name, and it is nobody's until it is checked."""

import io
import threading
from collections import Counter
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from servers.clamd import EICAR, STREAM_MAX
from servers.faults import FaultProxy

import flask_pyfs as fs
from flask_pyfs import unfinished

pytestmark = pytest.mark.server
on_both = pytest.mark.parametrize("place", ["s3-moto", "swift"], indirect=True)

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cc`\0\0\0\x02\0\x01H\xaf\xa4q"
    b"\0\0\0\0IEND\xaeB`\x82"
)


@on_both
def test_a_file_is_nobodys_until_it_is_confirmed(configured, send, announced, leftovers, app):
    storage = configured(fs.IMAGES, PREFIX="pre/fix")
    upload = storage.upload_url("dir/a.png", expires=60, unique=False, original_name="Ä.png")
    assert urlsplit(upload.url).netloc
    assert (upload.name, upload.original_name) == ("dir/a.png", "Ä.png")
    assert upload.confirm_url == f"/-/confirm/{upload.token}"
    send(upload, PNG)
    assert leftovers(storage) == ["open/incoming"]
    assert [*storage.list_files()] == []
    assert not storage.exists("dir/a.png")
    assert announced == []
    name = storage.confirm(upload.token)
    assert (name, name.size, name.original_name, name.content_type) == ("dir/a.png", len(PNG), "Ä.png", "image/png")
    assert storage.read("dir/a.png") == PNG
    assert storage.metadata("dir/a.png")["mime"] == "image/png"
    assert name.version == storage.version("dir/a.png")
    assert announced == ["dir/a.png"]
    again = storage.confirm(upload.token)
    assert (again, again.version, again.size, again.original_name) == (name, name.version, len(PNG), "Ä.png")
    assert announced == ["dir/a.png"]
    assert leftovers(storage) == ["done"]
    assert storage.delete_version(name, name.version)


def infected(file, filename):
    return b"virus" not in file.read()


REFUSED = {
    "content": (b"<script>", {"VERIFY": True}, {}, fs.UnauthorizedFileType),
    "virus": (b"a virus", {"SCAN": infected}, {}, fs.UnauthorizedFileType),
    "taken": (b"content", {}, {"unique": False}, fs.FileExists),
}


@pytest.mark.parametrize(("content", "settings", "asked", "error"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_deleted(configured, send, announced, leftovers, content, settings, asked, error):
    storage = configured(**settings)
    storage.write("a.png", b"old")
    announced.clear()
    upload = storage.upload_url("a.png", expires=60, **asked)
    send(upload, content)
    with pytest.raises(error) as raised:
        storage.confirm(upload.token)
    assert leftovers(storage) == ["ended"]
    with pytest.raises(error) as again:
        storage.confirm(upload.token)
    assert again.value.user_message == raised.value.user_message
    # what the client sends then is for nothing
    send(upload, PNG)
    with pytest.raises(error):
        storage.confirm(upload.token)
    assert [*storage.list_files()] == ["a.png"]
    assert storage.read("a.png") == b"old"
    assert announced == []


@on_both
def test_the_terms_hold_that_the_store_cannot_enforce(configured, place, send):
    storage = configured(MAX_SIZE=10)
    for content, headers, error in (
        (bytes(11), {}, fs.FileTooLarge),
        (b"<b>", {"Content-Type": "text/html"}, fs.UnauthorizedFileType),
    ):
        upload = storage.upload_url("a.txt", expires=60, content_type="text/plain")
        assert urlsplit(upload.url).netloc
        status = send(upload, content, **headers)
        if place["BACKEND"] == "swift":
            assert status == 201
            with pytest.raises(error):
                storage.confirm(upload.token)
        elif error is fs.FileTooLarge:
            # the form has the type, whatever its request has
            assert status in (400, 403)
            with pytest.raises(fs.FileNotFound):
                storage.confirm(upload.token)
    assert [*storage.list_files()] == []


@on_both
def test_the_media_type_is_that_of_the_name(configured, place, send):
    storage = configured()
    upload = storage.upload_url("a.txt", expires=60)
    send(upload, b"<script>", **({"Content-Type": "text/html"} if place["BACKEND"] == "swift" else {}))
    assert storage.metadata(storage.confirm(upload.token))["mime"] == "text/plain"
    odd = storage.upload_url("b.txt", expires=60, content_type="text/x-odd")
    send(odd)
    assert storage.metadata(storage.confirm(odd.token))["mime"] == "text/x-odd"


@on_both
def test_what_the_client_sends_during_the_check_is_not_taken(configured, send, announced):
    def scan(file, filename):
        seen.append(file.read())
        send(upload, b"a virus")
        return True

    seen = []
    storage = configured(SCAN=scan)
    upload = storage.upload_url("a.txt", expires=60)
    send(upload, b"harmless")
    name = storage.confirm(upload.token)
    assert seen == [b"harmless"]
    assert storage.read(name) == b"harmless"
    # nor what it sends later
    send(upload, b"a virus")
    assert storage.confirm(upload.token) == name
    assert storage.read(name) == b"harmless"
    assert [*storage.list_files()] == [name]
    assert announced == [name]


def test_a_listing_that_is_late(configured, send, monkeypatch):
    storage = configured()
    upload = storage.upload_url("a.txt", expires=60)
    send(upload)
    with monkeypatch.context() as patch:
        patch.setattr(storage.backend.store, "iter_facts", lambda prefix="": iter(()))
        assert storage.confirm(upload.token) == upload.name


def test_what_has_not_come_is_not_found(configured, send, leftovers):
    storage = configured()
    upload = storage.upload_url("a.txt", expires=60)
    with pytest.raises(fs.FileNotFound, match="the client has not uploaded it yet"):
        storage.confirm(upload.token)
    assert leftovers(storage) == []
    send(upload)
    assert storage.confirm(upload.token) == upload.name


@contextmanager
def dying(monkeypatch):
    """Let a worker die when the file has its name, and nothing tells so yet."""

    def dies(self, stored, length):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(unfinished.Unfinished, "write_done", dies)
        with pytest.raises(KeyboardInterrupt):
            yield


@pytest.mark.parametrize("unique", [True, False])
def test_a_worker_that_dies_after_the_file_has_its_name(configured, send, leftovers, monkeypatch, unique):
    storage = configured()
    upload = storage.upload_url("a.txt", expires=60, unique=unique)
    send(upload)
    with dying(monkeypatch):
        storage.confirm(upload.token)
    assert storage.read(upload.name) == b"content"
    assert storage.confirm(upload.token) == upload.name
    assert leftovers(storage) == ["done"]


def test_a_scanner_that_is_down_keeps_the_upload(configured, send):
    def scan(file, filename):
        if down:
            raise ConnectionError
        return True

    down = [True]
    storage = configured(SCAN=scan)
    upload = storage.upload_url("a.txt", expires=60)
    send(upload)
    with pytest.raises(fs.BackendError):
        storage.confirm(upload.token)
    assert [*storage.list_files()] == []
    down.clear()
    assert storage.read(storage.confirm(upload.token)) == b"content"


def test_of_several_that_confirm_at_once_one_stores_it(configured, send, announced, app):
    storage = configured()
    upload = storage.upload_url("a.txt", expires=60)
    send(upload)
    names, barrier = [], threading.Barrier(4)

    def confirm():
        with app.app_context():
            barrier.wait()
            names.append(storage.confirm(upload.token))

    threads = [threading.Thread(target=confirm) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == [upload.name] * 4
    assert announced == [upload.name]


def test_what_is_never_confirmed_is_swept(configured, send, leftovers):
    storage = configured()
    upload = storage.upload_url("a.txt", expires=60)
    send(upload)
    # it goes on for UPLOAD_LIFETIME
    assert storage.backend.remove_leftovers(-60) == 0
    assert storage.backend.store.remove_uploads(-60) == 1
    assert leftovers(storage) == []
    with pytest.raises(fs.FileNotFound):
        storage.confirm(upload.token)


def test_what_was_confirmed_long_ago_is_not_found(configured, send, app):
    storage = configured()
    upload = storage.upload_url("a.txt", expires=60)
    send(upload)
    storage.confirm(upload.token)
    app.config["FILES_FS_UPLOAD_LIFETIME"] = 0.001
    fs.init_app(app, storage)
    with pytest.raises(fs.FileNotFound, match="UPLOAD_LIFETIME"):
        storage.confirm(upload.token)
    answer = app.test_client().post(upload.confirm_url)
    assert (answer.status_code, answer.json["error"]) == (410, "Ended")
    assert answer.json["description"] == "The upload was cancelled, or has expired. Begin another."


def test_authorize_is_asked_at_both_ends(configured, send):
    asked = []

    def authorize(access):
        asked.append((access.filename, access.action, access.signed))
        return bool(allows)

    allows = [True]
    storage = configured(AUTHORIZE=authorize)
    upload = storage.upload_url("a.txt", expires=60, unique=False)
    send(upload)
    allows.clear()
    with pytest.raises(fs.NotAuthorized):
        storage.confirm(upload.token)
    with pytest.raises(fs.NotAuthorized):
        storage.upload_url("b.txt", expires=60, unique=False)
    assert asked == [("a.txt", "write", False), ("a.txt", "write", True), ("b.txt", "write", False)]
    allows.append(True)
    assert storage.confirm(upload.token) == "a.txt"


def test_each_upload_is_one_of_its_own(configured, send):
    storage = configured()
    first, second = (storage.upload_url("a.txt", expires=60, unique=False) for _ in range(2))
    send(first, b"first")
    send(second, b"second")
    assert storage.confirm(first.token) == "a.txt"
    with pytest.raises(fs.FileExists):
        storage.confirm(second.token)
    third = storage.upload_url("a.txt", expires=60, unique=False, overwrite=True)
    send(third, b"third")
    assert storage.confirm(third.token) == "a.txt"
    assert storage.read("a.txt") == b"third"


def test_a_stripped_image_is_what_is_stored(configured, send, monkeypatch, leftovers):
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script><path d="M0 0"/></svg>'
    storage = configured(fs.IMAGES, VERIFY_SVG="strip")
    upload = storage.upload_url("a.svg", expires=60, unique=False)
    send(upload, svg)
    with dying(monkeypatch):
        storage.confirm(upload.token)
    assert storage.confirm(upload.token) == "a.svg"
    assert b"path" in storage.read("a.svg")
    assert b"script" not in storage.read("a.svg")
    assert leftovers(storage) == ["done"]


@on_both
def test_eicar(configured, send, clamd, announced):
    storage = configured(SCAN=clamd.url)
    for content, error in ((EICAR, fs.UnauthorizedFileType), (bytes(STREAM_MAX + 1), fs.BackendError)):
        upload = storage.upload_url("a.txt", expires=60)
        send(upload, content)
        with pytest.raises(error):
            storage.confirm(upload.token)
        with pytest.raises(error):
            storage.confirm(upload.token)
        assert not storage.exists(upload.name)
    assert [*storage.list_files()] == []
    assert announced == []


@pytest.mark.parametrize("overwrite", [True, False])
def test_nothing_that_is_not_confirmed_has_an_acl(configured, send, overwrite):
    def scan(file, filename):
        grants.extend(grants_of(path) for path in paths() if "/open/" in path)
        return True

    def paths():
        return [path for path, _ in storage.backend.store.iter_facts(".flask_pyfs/")]

    def grants_of(path):
        answer = storage.backend.client.get_object_acl(Bucket=storage.backend.bucket_name, Key=path)
        return {grant["Grantee"].get("URI", "").rpartition("/")[2] for grant in answer["Grants"]}

    grants = []
    storage = configured(ACL="public-read", SCAN=scan)
    upload = storage.upload_url("a.txt", expires=60, overwrite=overwrite)
    assert "acl" not in upload.fields
    send(upload)
    name = storage.confirm(upload.token)
    # what came, its copy, the lease, and that somebody has begun
    assert grants == [{""}] * 4
    assert grants_of(name) == {"", "AllUsers"}
    assert [grants_of(path) for path in paths()] == [{""}]


@pytest.mark.parametrize("above", ["", "pre/fix"])
def test_a_storage_that_moves(app, place, send, above):
    storage = fs.Storage("files", fs.ALL)
    target = {f"FILES_FS_TARGET_{key}": value for key, value in {**place, "PREFIX": above}.items() if key != "BACKEND"}
    app.config.update(target, FILES_FS_BACKEND="migrating", FILES_FS_SOURCE="memory", FILES_FS_TARGET="s3")
    app.config.update(FILES_FS_CONFIRM=True)
    fs.init_app(app, storage)
    with app.app_context():
        storage.backend.source.operations.write("a.txt", b"old")
        upload = storage.upload_url("a.txt", expires=60, unique=False)
        send(upload)
        with pytest.raises(fs.FileExists):
            storage.confirm(str(upload.token))
        upload = storage.upload_url("a.txt", expires=60)
        send(upload)
        assert storage.read(storage.confirm(str(upload.token))) == b"content"
        assert sorted(storage.list_files()) == sorted(["a.txt", upload.name])


REQUESTS = {
    "s3": {"GET": 4, "PUT": 5, "POST": 1},
    # and one that asks what the server can do
    "swift": {"GET": 7, "HEAD": 2, "PUT": 4, "COPY": 1, "POST": 1},
}


@on_both
def test_requests(configured, place, send):
    key = "AUTHURL" if place["BACKEND"] == "swift" else "ENDPOINT"
    address = urlsplit(place[key])
    with FaultProxy(address.hostname, address.port) as proxy:
        storage = configured(**{key: proxy.url + address.path})
        upload = storage.upload_url("a.txt", expires=60)
        send(upload)
        proxy.reset()
        storage.confirm(upload.token)
        assert Counter(line.split()[0] for line in proxy.requests) == REQUESTS[place["BACKEND"]]
        proxy.reset()
        storage.confirm(upload.token)
        assert len(proxy.requests) == 2
        # of a URL that was signed before, none
        proxy.reset()
        storage.upload_url("a.txt", expires=60)
        assert proxy.requests == []


# The route


def test_the_client_confirms(configured, send, app):
    storage = configured()
    client = app.test_client()
    upload = storage.upload_url("a.txt", expires=60)
    early = client.post(upload.confirm_url, headers={"Accept": "application/json"})
    assert (early.status_code, early.json["error"]) == (404, "FileNotFound")
    send(upload)
    answer = client.post(upload.confirm_url)
    assert (answer.status_code, answer.json) == (201, {"name": upload.name, "url": storage.url(upload.name)})
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.post(upload.confirm_url).json == answer.json
    assert client.get(upload.confirm_url).status_code == 405
    with app.test_request_context(base_url="https://shop.example"):
        upload = storage.upload_url("a.txt", expires=60, external=True)
        assert upload.confirm_url == f"https://shop.example/-/confirm/{upload.token}"


def test_the_client_waits_while_another_request_confirms(configured, send, app):
    def scan(file, filename):
        answers.append(app.test_client().post(upload.confirm_url))
        return True

    answers = []
    storage = configured(SCAN=scan)
    upload = storage.upload_url("a.txt", expires=60)
    send(upload)
    storage.confirm(upload.token)
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in answers] == [(423, "1")]
    assert answers[0].json["description"] == "The upload is being finished by another request. Ask again."


def test_a_page_of_another_origin_confirms(configured, send, app):
    app.config["FS_UPLOAD_ORIGINS"] = ["https://shop.example"]
    storage = configured()
    upload = storage.upload_url("a.txt", expires=60)
    send(upload)
    answer = app.test_client().post(upload.confirm_url, headers={"Origin": "https://shop.example"})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (201, "https://shop.example")


def test_the_route_says_why_a_file_is_refused(configured, send, app):
    storage = configured(SCAN=infected)
    upload = storage.upload_url("a.txt", expires=60)
    send(upload, b"a virus")
    for _ in range(2):
        answer = app.test_client().post(upload.confirm_url, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json["description"]) == (415, "This file is not accepted.")


def test_a_token_is_for_one_upload_of_one_storage(configured, send, app, place):
    storage = configured()
    other = fs.Storage("others", fs.ALL)
    app.config.update({f"OTHERS_FS_{key}": value for key, value in {**place, "CONFIRM": True}.items()})
    fs.init_app(app, other)
    upload = storage.upload_url("a.txt", expires=60)
    send(upload)
    payload, _, signature = upload.token.partition(".")
    resumable = "e30." + signature
    with pytest.raises(fs.NotAuthorized):
        other.confirm(upload.token)
    for token in (
        "",
        ".",
        "x",
        payload,
        f"{payload}.",
        f"{payload}.x",
        f"{payload[:-1]}.{signature}",
        resumable,
        "é.ü",
    ):
        with pytest.raises(fs.NotAuthorized, match="has given no such token"):
            storage.confirm(token)
        if token not in ("", "."):
            assert app.test_client().post(f"/-/confirm/{token}").status_code == 403
    assert [*storage.list_files()] == []


# Other stores


@pytest.mark.parametrize("backend", ["local", "memory"])
def test_a_store_that_signs_nothing(app, backend):
    storage = fs.Storage("files", fs.ALL)
    app.config.update(FILES_FS_BACKEND=backend, FILES_FS_CONFIRM=True)
    fs.init_app(app, storage)
    with app.app_context():
        upload = storage.upload_url("a.txt", expires=60)
        assert (upload.token, upload.confirm_url) == (None, None)
        answer = app.test_client().post(upload.url, data={"file": (io.BytesIO(b"content"), "a.txt")})
        assert answer.status_code == 201
        assert storage.read(upload.name) == b"content"
