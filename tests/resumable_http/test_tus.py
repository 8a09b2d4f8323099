"""tus 1.0.0 and its extensions, request by request."""

import hashlib
import io
from email.utils import parsedate_to_datetime

import pytest
from uploading import OFFSET_TYPE, TUS, Tus, encoded

import flask_pyfs as fs
from flask_pyfs.resumable import pieces, upload
from flask_pyfs.signals import file_uploaded


@pytest.fixture
def tus(app, begin_at):
    return Tus(app.test_client(), begin_at())


def test_an_upload_in_pieces(tus, read):
    created = tus.create(10, Upload_Metadata=f"filename {encoded('Ä b.txt')},is_secret")
    assert created.status_code == 201
    assert created.headers["Upload-Offset"] == "0"
    assert created.headers["Tus-Resumable"] == "1.0.0"
    assert parsedate_to_datetime(created.headers["Upload-Expires"]).tzinfo
    assert tus.head().headers["Upload-Offset"] == "0"
    first = tus.patch(0, b"0123")
    assert (first.status_code, first.headers["Upload-Offset"], first.data) == (204, "4", b"")
    assert "Upload-Expires" in first.headers
    asked = tus.head()
    assert asked.status_code in (200, 204)
    assert {name: asked.headers[name] for name in ("Upload-Offset", "Upload-Length", "Cache-Control")} == {
        "Upload-Offset": "4",
        "Upload-Length": "10",
        "Cache-Control": "no-store",
    }
    assert asked.headers["Upload-Metadata"] == f"filename {encoded('Ä b.txt')}"
    assert read() == {}
    with file_uploaded.connected_to(lambda sender, filename: names.append((filename, filename.original_name))):
        names = []
        last = tus.patch(4, b"456789")
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, "10")
    assert read() == {"a.txt": b"0123456789"}
    assert names == [("a.txt", "Ä b.txt")]


def test_what_it_has_become(tus, app, storage):
    tus.create(3)
    assert tus.client.get(tus.location, headers=TUS).data == b""
    tus.patch(0, b"abc")
    done = tus.head()
    assert (done.headers["Upload-Offset"], done.headers["Upload-Length"], done.data) == ("3", "3", b"")
    with app.test_request_context():
        url = storage.url("a.txt")
    assert tus.client.get(tus.location, headers=TUS).json == {"name": "a.txt", "url": url}


def test_what_the_server_can(tus):
    tus.create(1)
    for url in (tus.url, tus.location):
        # a client should not send the version here, and one of another counts for nothing
        answer = tus.client.options(url, headers={"Tus-Resumable": "0.0.1"})
        assert answer.status_code == 204
        assert answer.headers["Tus-Version"] == "1.0.0"
        assert answer.headers["Tus-Max-Size"] == "100000"
        assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,md5,sha256"
        extensions = "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination"
        assert answer.headers["Tus-Extension"] == extensions


@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
@pytest.mark.parametrize("version", ["0.2.2", "1.0.1", ""])
def test_another_version_is_refused(tus, method, version):
    tus.create(3)
    url = tus.url if method == "POST" else tus.location
    headers = {"Tus-Resumable": version, "Upload-Length": "3", "Upload-Offset": "0", "Content-Type": OFFSET_TYPE}
    answer = tus.client.open(url, method=method, headers=headers)
    assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")
    assert tus.head().headers["Upload-Offset"] == "0"


def test_no_version_is_refused(tus):
    answer = tus.client.post(tus.url, headers={"Upload-Length": "3"})
    assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")
    assert tus.client.post(tus.url, data=b"abc").status_code == 400


@pytest.mark.parametrize("offset", ["0", "3", "5", "99999"])
def test_a_wrong_offset_changes_nothing(tus, offset):
    tus.create(10)
    tus.patch(0, b"0123")
    answer = tus.patch(offset, b"zz")
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, "4")
    assert tus.head().headers["Upload-Offset"] == "4"


@pytest.mark.parametrize("offset", ["-1", "", "a", "1.0", "0x1", "9" * 30, "\u0661", "4, 4", "+4"])
def test_an_offset_that_is_none_is_refused(tus, offset):
    tus.create(10)
    tus.patch(0, b"0123")
    assert tus.patch(offset, b"zz").status_code == 400
    assert tus.head().headers["Upload-Offset"] == "4"


def test_no_offset_is_refused(tus):
    tus.create(10)
    assert tus.client.patch(tus.location, headers={**TUS, "Content-Type": OFFSET_TYPE}, data=b"a").status_code == 400


def test_another_media_type_is_refused(tus):
    tus.create(10)
    assert tus.patch(0, b"ab", Content_Type="text/plain").status_code == 415
    headers = {**TUS, "Upload-Length": "10", "Content-Type": "text/plain"}
    assert tus.client.post(tus.url, headers=headers, data=b"ab").status_code == 415
    assert tus.head().headers["Upload-Offset"] == "0"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Upload-Length": "-1"},
        {"Upload-Length": "a"},
        {"Upload-Length": ""},
        {"Upload-Length": "9" * 30},
        {"Upload-Defer-Length": "0"},
        {"Upload-Defer-Length": "yes"},
        {"Upload-Defer-Length": "1", "Upload-Length": "5"},
        {"Upload-Length": "5", "Upload-Metadata": "filename ä"},
        {"Upload-Length": "5", "Upload-Metadata": "filename YQ"},
        {"Upload-Length": "5", "Upload-Metadata": "a YQ==,a YQ=="},
        {"Upload-Length": "5", "Upload-Metadata": "a YQ==,,b"},
        {"Upload-Length": "5", "Upload-Concat": "partial"},
        {"Upload-Concat": "final;/a /b"},
    ],
)
def test_a_creation_that_is_wrong(tus, fields):
    sent = {name: value.encode().decode("latin-1") for name, value in fields.items()}
    answer = tus.client.post(tus.url, headers={**TUS, **sent})
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_too_large_is_refused_before_bytes_move(tus, begin_at):
    assert tus.create(100_001).status_code == 413
    tus.url = begin_at(max_size=5)
    assert tus.create(6).status_code == 413
    assert tus.create(5).status_code == 201


def test_too_much_is_refused_before_it_is_read(tus, begin_at):
    class Unread(io.BytesIO):
        def read(self, size=-1):
            raise AssertionError

    tus.url = begin_at(max_size=5)
    tus.create(None)
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": OFFSET_TYPE}
    answer = tus.client.patch(tus.location, headers=headers, input_stream=Unread(b"012345"))
    assert answer.status_code == 413
    assert tus.patch(0, b"01234", Upload_Length="5").status_code == 204


def test_the_length_is_told_late(tus, read):
    assert tus.create(None).status_code == 201
    asked = tus.head()
    assert asked.headers["Upload-Defer-Length"] == "1"
    assert "Upload-Length" not in asked.headers
    tus.patch(0, b"0123")
    tus.patch(4, b"45", Upload_Length="8")
    asked = tus.head()
    assert (asked.headers["Upload-Length"], asked.headers["Upload-Offset"]) == ("8", "6")
    assert "Upload-Defer-Length" not in asked.headers
    assert tus.patch(6, b"6", Upload_Length="7").status_code == 400
    assert tus.patch(6, b"67", Upload_Length="8").status_code == 204
    assert read() == {"a.txt": b"01234567"}


def test_a_late_length_that_is_too_large(tus):
    tus.create(None)
    tus.patch(0, b"0123")
    assert tus.patch(4, b"45", Upload_Length="100001").status_code == 413


def test_more_than_the_length_is_refused(tus, read):
    tus.create(4)
    assert tus.patch(0, b"01234").status_code == 400
    assert read() == {}
    assert tus.patch(0, b"0123").status_code == 204
    assert read() == {"a.txt": b"0123"}


def test_too_many_small_parts_are_refused(tus, monkeypatch):
    monkeypatch.setattr(pieces, "MOST_SHORT", 1)
    tus.create(4)
    assert tus.patch(0, b"0").status_code == 204
    refused = tus.patch(1, b"1")
    assert (refused.status_code, "parts of at least 8388608 bytes" in refused.json["title"]) == (400, True)
    assert tus.head().headers["Upload-Offset"] == "1"
    assert tus.patch(1, b"123").status_code == 204


def test_creation_with_content(tus, read):
    created = tus.create(6, b"012")
    assert (created.status_code, created.headers["Upload-Offset"]) == (201, "3")
    tus.patch(3, b"345")
    assert read() == {"a.txt": b"012345"}


def test_creation_with_all_content(tus, read):
    created = tus.create(3, b"012")
    assert (created.status_code, created.headers["Upload-Offset"], created.json["name"]) == (201, "3", "a.txt")
    assert tus.head().headers["Upload-Offset"] == "3"
    assert read() == {"a.txt": b"012"}


def test_an_empty_file_is_complete_at_once(tus, read):
    assert tus.create(0).status_code == 201
    assert read() == {"a.txt": b""}


@pytest.mark.parametrize("algorithm", ["sha1", "md5", "sha256"])
def test_checksums(tus, algorithm, read):
    tus.create(6)
    right, wrong = (encoded(hashlib.new(algorithm, content).digest()) for content in (b"012", b"zzz"))
    answer = tus.patch(0, b"012", Upload_Checksum=f"{algorithm} {wrong}")
    assert answer.status == "460 Checksum Mismatch"
    assert tus.head().headers["Upload-Offset"] == "0"
    assert tus.patch(0, b"012", Upload_Checksum=f"{algorithm} {right}").status_code == 204
    tus.patch(3, b"345")
    assert read() == {"a.txt": b"012345"}


@pytest.mark.parametrize("checksum", ["crc32 AAAA", "sha1", "sha1 !", "SHA1 AAAA", "", "sha1 ä"])
def test_a_checksum_that_is_none(tus, checksum):
    tus.create(6)
    status = tus.patch(0, b"012", Upload_Checksum=checksum.encode().decode("latin-1")).status_code
    assert status == (460 if checksum == "sha1" else 400)
    assert tus.head().headers["Upload-Offset"] == "0"


def test_termination(tus, read):
    tus.create(6)
    tus.patch(0, b"012")
    answer = tus.delete()
    assert (answer.status_code, answer.headers["Tus-Resumable"], answer.data) == (204, "1.0.0", b"")
    for again in (tus.head(), tus.patch(3, b"345"), tus.delete()):
        assert again.status_code == 410
        assert "Upload-Offset" not in again.headers
    assert read() == {}


def test_methods_for_clients_that_know_only_post(tus, read):
    tus.create(3)
    override = {**TUS, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH", "Content-Type": OFFSET_TYPE}
    assert tus.client.post(tus.location, headers=override, data=b"01").status_code == 204
    asked = tus.client.post(tus.location, headers={**TUS, "X-HTTP-Method-Override": "HEAD"})
    assert asked.headers["Upload-Offset"] == "2"
    assert tus.client.post(tus.location, headers={**TUS, "X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert tus.head().status_code == 410
    wrong = tus.client.post(tus.location, headers={**TUS, "X-HTTP-Method-Override": "PUT"})
    assert (wrong.status_code, wrong.headers["Tus-Resumable"]) == (405, "1.0.0")


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE", "GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("token", ["a", "a.b", ".", "e30.e30", "ä", "%00", "a/b", "bnVsbA.x"])
def test_wrong_tokens(tus, method, token):
    headers = {**TUS, "Upload-Offset": "0", "Upload-Length": "3", "Content-Type": OFFSET_TYPE}
    answer = tus.client.open(f"/-/upload/{token}", method=method, headers=headers)
    assert answer.status_code == 403
    assert answer.headers["Tus-Resumable"] == "1.0.0"


def test_each_token_is_for_its_purpose(tus):
    tus.create(3)
    begin, tus.location = tus.location, tus.url
    assert tus.head().status_code == tus.patch(0, b"abc").status_code == tus.delete().status_code == 403
    tus.url = begin
    assert tus.create(3).status_code == 403
    assert tus.client.post("/-/upload", headers={**TUS, "Upload-Length": "3"}).status_code == 404


def test_a_refused_file(app, storage, begin_at, read):
    app.config["FILES_FS_VERIFY"] = True
    fs.init_app(app, storage)
    tus = Tus(app.test_client(), begin_at("a.png"))
    tus.create(3)
    refused = tus.patch(0, b"abc")
    assert (refused.status_code, refused.headers["Tus-Resumable"]) == (415, "1.0.0")
    assert tus.head().status_code in (410, 415)
    assert read() == {}


def test_who_comes_while_it_is_finished_must_wait(app, storage, begin_at, read):
    tus, busy = Tus(app.test_client(), begin_at()), []

    def authorize(access):
        # which is asked when all bytes are there
        if access.signed and not busy:
            busy.append(None)
            busy[:] = [tus.head()]
        return True

    app.config["FILES_FS_AUTHORIZE"] = authorize
    fs.init_app(app, storage)
    tus.create(3)
    assert tus.patch(0, b"abc").status_code == 204
    assert (busy[0].status_code, busy[0].headers["Retry-After"]) == (423, "1")
    assert "Upload-Offset" not in busy[0].headers
    assert tus.head().headers["Upload-Offset"] == "3"
    assert read() == {"a.txt": b"abc"}


def test_a_scanner_that_is_down_is_not_asked_by_each_request(app, storage, begin_at, read, monkeypatch):
    asked, is_down = [], [True]

    def scan(file, filename):
        asked.append(file.read())
        if is_down:
            raise OSError("the scanner is down")
        return True

    app.config["FILES_FS_SCAN"] = scan
    fs.init_app(app, storage)
    tus = Tus(app.test_client(), begin_at())
    tus.create(3)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert tus.patch(0, b"abc").status_code == 500
    for ask in (tus.head, tus.head, lambda: tus.patch(3)):
        answer = ask()
        assert (answer.status_code, 1 <= int(answer.headers["Retry-After"]) <= 5) == (503, True)
    assert asked == [b"abc"]
    # each failure counts anew
    monkeypatch.setattr(upload, "REST", 0)
    assert tus.head().status_code == 500
    monkeypatch.undo()
    assert tus.head().status_code == 503
    is_down.clear()
    assert tus.head().status_code == 503
    monkeypatch.setattr(upload, "REST", 0)
    assert tus.head().headers["Upload-Offset"] == "3"
    assert (asked, read()) == ([b"abc"] * 3, {"a.txt": b"abc"})


def test_an_upload_expires(app, storage, begin_at):
    app.config["FILES_FS_UPLOAD_LIFETIME"] = 0.001
    fs.init_app(app, storage)
    tus = Tus(app.test_client(), begin_at())
    tus.create(3)
    while (asked := tus.head()).status_code == 204:
        pass
    assert asked.status_code == tus.patch(0, b"abc").status_code == 410


def test_the_time_to_begin_is_over(app, begin_at):
    tus = Tus(app.test_client(), begin_at(expires=0.001))
    while (created := tus.create(3)).status_code == 201:
        pass
    assert created.status_code == 403


def test_a_name_that_is_taken(app, storage, tus, read):
    tus.create(3)
    with app.app_context():
        storage.write("a.txt", "old")
    # 409 would be a wrong offset
    assert tus.patch(0, b"abc").status_code == tus.head().status_code == 422
    assert read() == {"a.txt": b"old"}
