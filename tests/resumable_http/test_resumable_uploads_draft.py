"""Conformance to the IETF's Resumable Uploads for HTTP: draft 13, of October 2026, interop version 10. The tests follow
its sections.
"""

import hashlib
import re

import flask
import pytest
from uploading import PART_TYPE, Draft, encoded
from werkzeug.exceptions import HTTPException

import flask_pyfs as fs
from flask_pyfs.signals import file_uploaded

PROBLEMS = "https://iana.org/assignments/http-problem-types#"


@pytest.fixture
def draft(app, begin_at):
    return Draft(app.test_client(), begin_at())


def state(answer):
    names = ("Upload-Offset", "Upload-Complete", "Upload-Length")
    return tuple(answer.headers.get(name) for name in names)


def limits(answer):
    found = answer.headers["Upload-Limit"]
    assert re.fullmatch(r"[a-z-]+=[0-9]+(, [a-z-]+=[0-9]+)*", found)
    return {name: int(value) for name, _, value in (each.partition("=") for each in found.split(", "))}


# Upload-Limit


def test_options_tell_the_limits(app, storage, draft, begin_at):
    answer = draft.client.options(draft.url)
    assert answer.status_code == 204
    assert limits(answer) == {"max-size": 100_000}
    app.config["FILES_FS_MAX_SIZE"] = None
    fs.init_app(app, storage)
    assert limits(draft.client.options(begin_at())) == {"min-size": 0}


def test_limits_do_not_become_narrower(draft):
    before = limits(draft.client.options(draft.url))
    created = limits(draft.create(False))
    appended = limits(draft.append(0, False, b"abc"))
    asked = limits(draft.head())
    assert before["max-size"] == created["max-size"] == appended["max-size"] == asked["max-size"] == 100_000
    assert 86_000 < asked["max-age"] <= created["max-age"] + 1 <= 86_402


def test_too_large_is_answered_with_the_limits(draft, begin_at):
    answer = draft.create(True, b"", Upload_Length="100001")
    assert (answer.status_code, limits(answer)) == (400, {"max-size": 100_000})
    answer = draft.create(False, b"", Upload_Length="100001")
    assert (answer.status_code, limits(answer)) == (413, {"max-size": 100_000})
    draft.url = begin_at(max_size=3)
    answer = draft.create(True, b"0123")
    assert (answer.status_code, limits(answer)) == (413, {"max-size": 3})


# Upload Creation


def test_all_at_once(draft, read):
    answer = draft.create(True, b"abc", Content_Disposition='inline; filename="x.jpg"')
    assert (answer.status_code, answer.headers["Upload-Complete"]) == (201, "?1")
    assert answer.json["name"] == "a.txt"
    assert read() == {"a.txt": b"abc"}
    assert state(draft.head()) == ("3", "?1", "3")


def test_an_empty_representation(draft, read):
    answer = draft.create(True)
    assert (answer.status_code, answer.headers["Upload-Complete"]) == (201, "?1")
    assert read() == {"a.txt": b""}


def test_an_empty_request_first(draft, read):
    answer = draft.create(False, Upload_Length="6")
    assert (answer.status_code, answer.headers["Upload-Complete"], answer.data) == (201, "?0", b"")
    assert draft.location
    assert limits(answer)["max-size"] == 100_000
    assert state(draft.head()) == ("0", "?0", "6")
    assert read() == {}


def test_the_first_part(draft):
    answer = draft.create(False, b"abc", Upload_Length="6")
    assert (answer.status_code, state(answer)) == (201, ("3", "?0", "6"))
    assert state(draft.head()) == ("3", "?0", "6")


@pytest.mark.parametrize("value", ["1", "true", "?2", "", "?1, ?0", "?", '"?1"', "?1;", "?1 ?1"])
def test_a_field_that_is_none_is_ignored(draft, value):
    # then the request does not say how it is meant
    assert draft.client.post(draft.url, headers={"Upload-Complete": value}, data=b"abc").status_code == 400


def test_parameters_are_ignored(draft, read):
    answer = draft.client.post(draft.url, headers={"Upload-Complete": '?0;a;b="c"', "Upload-Length": "3; x=1"})
    draft.location = answer.headers["Location"]
    assert state(draft.head()) == ("0", "?0", "3")
    assert draft.append("0;a=1", True, b"abc").status_code == 201
    assert read() == {"a.txt": b"abc"}


def test_the_name_of_the_client(app, draft):
    names = []
    with file_uploaded.connected_to(lambda sender, filename: names.append(filename.original_name)):
        draft.create(True, b"abc", Content_Disposition="inline; filename=\"x.txt\"; filename*=UTF-8''%C3%84%20b.txt")
    assert names == ["Ä b.txt"]


def test_content_codings_are_refused(draft, read):
    assert draft.create(True, b"abc", Content_Encoding="gzip").status_code == 415
    assert draft.create(True, b"abc", Content_Encoding="identity").status_code == 201


def test_the_media_type_that_was_agreed_on(draft, begin_at, read):
    draft.url = begin_at(content_type="text/plain")
    answer = draft.create(False, Content_Type="text/html")
    assert (answer.status_code, answer.headers["Upload-Complete"]) == (415, "?1")
    assert draft.create(True, b"abc", Content_Type="text/plain; charset=utf-8").status_code == 201


# Offset Retrieval


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_offset_retrieval(draft, method):
    draft.create(False)
    draft.append(0, False, b"abc")
    answer = draft.client.open(draft.location, method=method)
    assert (answer.status_code, answer.headers["Cache-Control"], answer.data) == (204, "no-store", b"")
    # no length was said
    assert state(answer) == ("3", "?0", None)
    assert limits(answer)


# Upload Append


def test_appending(draft, read):
    draft.create(False)
    first = draft.append(0, False, b"abc")
    assert (first.status_code, first.headers["Upload-Complete"]) == (204, "?0")
    assert draft.append(3, False).status_code == 204
    last = draft.append(3, True, b"def")
    assert (last.status_code, last.headers["Upload-Complete"], last.json["name"]) == (201, "?1", "a.txt")
    assert read() == {"a.txt": b"abcdef"}


def test_an_empty_request_completes(draft, read):
    draft.create(False, b"abc")
    assert read() == {}
    assert draft.append(3, True).headers["Upload-Complete"] == "?1"
    assert read() == {"a.txt": b"abc"}


def test_the_last_answer_comes_again(draft, read):
    draft.create(False, Upload_Length="3")
    answers = [draft.append(0, True, b"abc"), draft.append(3, True), draft.append(3, True)]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert answers[0].json == answers[1].json == answers[2].json == draft.client.get(draft.location).json
    assert read() == {"a.txt": b"abc"}


@pytest.mark.parametrize("offset", [0, 2, 4, 999_999])
@pytest.mark.parametrize("is_last", [True, False])
def test_a_wrong_offset(draft, offset, is_last):
    draft.create(False, b"abc", Upload_Length="1000000" if offset == 5 else "9")
    answer = draft.append(offset, is_last, b"x" * (9 - offset if offset < 9 else 1))
    assert (answer.status_code, answer.mimetype) == (409, "application/problem+json")
    assert state(answer)[:2] == ("3", "?0")
    problem = answer.json
    assert problem["type"] == f"{PROBLEMS}mismatching-upload-offset"
    assert (problem["expected-offset"], problem["provided-offset"]) == (3, offset)
    assert state(draft.head()) == ("3", "?0", "9")


def test_a_wrong_offset_of_a_complete_upload(draft):
    draft.create(True, b"abc")
    answer = draft.append(0, True, b"abc")
    assert (answer.status_code, *state(answer)[:2]) == (409, "3", "?0")


@pytest.mark.parametrize("media_type", ["text/plain", "", "application/offset+octet-stream"])
def test_the_media_type_of_a_part(draft, media_type):
    draft.create(False)
    assert draft.append(0, False, b"abc", Content_Type=media_type).status_code == 415
    assert state(draft.head())[0] == "0"


@pytest.mark.parametrize(("missing", "code"), [("Upload-Offset", 400), ("Upload-Complete", 400), ("Content-Type", 415)])
def test_a_part_must_say_what_it_is(app, draft, missing, code):
    # not in the words of the app
    app.register_error_handler(HTTPException, lambda error: ("a page for people", error.code))
    draft.create(False)
    headers = {"Upload-Offset": "0", "Upload-Complete": "?0", "Content-Type": PART_TYPE}
    del headers[missing]
    answer = draft.client.patch(draft.location, headers=headers, data=b"abc")
    assert (answer.status_code, answer.mimetype, answer.json["status"]) == (code, "application/problem+json", code)
    assert (PART_TYPE if code == 415 else missing) in answer.json["title"]
    assert state(draft.head())[0] == "0"


# Upload-Length


def test_lengths_must_match(draft):
    answer = draft.create(True, b"abc", Upload_Length="4")
    assert (answer.status_code, answer.json["type"]) == (400, f"{PROBLEMS}inconsistent-upload-length")
    draft.create(False, b"abc", Upload_Length="6")
    for answer in (draft.append(3, True, b"d"), draft.append(3, False, b"d", Upload_Length="7"), draft.append(3, True)):
        assert (answer.status_code, answer.headers["Upload-Complete"]) == (400, "?0")
        assert (answer.mimetype, answer.json["type"]) == (
            "application/problem+json",
            f"{PROBLEMS}inconsistent-upload-length",
        )
    assert state(draft.head()) == ("3", "?0", "6")


def test_the_length_is_told_late(draft):
    draft.create(False)
    draft.append(0, False, b"abc", Upload_Length="9")
    assert state(draft.head()) == ("3", "?0", "9")
    assert draft.append(3, False, b"d", Upload_Length="8").status_code == 400


def test_more_than_the_length_ends_the_upload(draft, read):
    draft.create(False, b"abc", Upload_Length="5")
    assert draft.append(3, False, b"def").status_code == 400
    assert draft.head().status_code == draft.append(3, True, b"de").status_code == 410
    assert read() == {}


def test_a_stale_request_does_not_end_it(draft, read):
    draft.create(False, b"abc", Upload_Length="5")
    # it was right when it was sent
    assert draft.append(0, False, b"abc").status_code == 409
    assert draft.append(1, False, b"bcdef").status_code in (400, 409)
    assert draft.append(3, True, b"de").status_code == 201
    assert read() == {"a.txt": b"abcde"}


# Upload Cancellation


def test_cancellation(draft, read):
    draft.create(False, b"abc")
    assert draft.delete().status_code == 204
    assert draft.head().status_code == draft.append(3, True).status_code == draft.delete().status_code == 410
    assert read() == {}


# Content-Digest, of RFC 9530


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
def test_content_digests(draft, algorithm, read):
    def digest(content):
        return f"{algorithm}=:{encoded(hashlib.new(algorithm.replace('-', ''), content).digest())}:"

    draft.create(False)
    wrong = draft.append(0, False, b"abc", Content_Digest=digest(b"abd"))
    assert (wrong.status_code, wrong.headers["Upload-Complete"]) == (400, "?0")
    assert state(draft.head())[0] == "0"
    assert draft.append(0, False, b"abc", Content_Digest=f"md5=:AAAA:, {digest(b'abc')}").status_code == 204
    assert draft.append(3, False, b"d", Content_Digest="unknown=:AAAA:").status_code == 204
    assert draft.append(4, False, b"e", Content_Digest="sha-256=AAAA").status_code == 400
    draft.append(4, True, b"e", Content_Digest=digest(b"e"))
    assert read() == {"a.txt": b"abcde"}


# Draft Version Identification


@pytest.mark.parametrize("version", [None, "7", "8", "9", "10", "x"])
def test_the_version_of_the_client_changes_nothing(draft, version):
    known = {} if version is None else {"Upload-Draft-Interop-Version": version}
    begun = draft.client.post(draft.url, headers={**known, "Upload-Complete": "?0"}, data=b"abc")
    assert (begun.status_code, *state(begun)) == (201, "3", "?0", None)
    draft.location = begun.headers["Location"]
    # no length was said
    assert state(draft.client.head(draft.location, headers=known)) == ("3", "?0", None)
    assert draft.append(3, True, b"d", **known).status_code == 201


# what comes of it


def test_a_refused_file(app, storage, begin_at, read):
    app.config["FILES_FS_VERIFY"] = True
    fs.init_app(app, storage)
    draft = Draft(app.test_client(), begin_at("a.png"))
    draft.create(False, b"abc")
    answer = draft.append(3, True)
    assert (answer.status_code, answer.headers["Upload-Complete"]) == (415, "?1")
    assert read() == {}


def test_it_speaks_tus_on_the_same_url(draft, read):
    draft.create(False, b"abc", Upload_Length="6")
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "3", "Content-Type": "application/offset+octet-stream"}
    assert draft.client.patch(draft.location, headers=headers, data=b"def").status_code == 204
    assert read() == {"a.txt": b"abcdef"}


def test_chunks_that_are_more_than_the_length(draft, read):
    draft.create(False, b"abc", Upload_Length="5")
    headers = {"Upload-Complete": "?1", "Upload-Offset": "3", "Content-Type": PART_TYPE, "Transfer-Encoding": "chunked"}
    environ = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    answer = draft.client.patch(draft.location, headers=headers, data=b"def", environ_overrides=environ)
    assert (answer.status_code, answer.headers["Upload-Complete"]) == (400, "?0")
    assert draft.head().status_code == 410
    assert read() == {}


def test_chunks_that_are_less_than_the_length_do_not_end_it(draft, read):
    draft.create(False, b"abc", Upload_Length="6")
    headers = {"Upload-Complete": "?1", "Upload-Offset": "3", "Content-Type": PART_TYPE, "Transfer-Encoding": "chunked"}
    environ = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    answer = draft.client.patch(draft.location, headers=headers, data=b"d", environ_overrides=environ)
    assert (answer.status_code, answer.headers["Upload-Complete"]) == (400, "?0")
    assert state(draft.head()) == ("4", "?0", "6")
    draft.append(4, True, b"ef")
    assert read() == {"a.txt": b"abcdef"}


def test_a_name_that_is_taken(app, storage, draft):
    draft.create(False, b"abc")
    with app.app_context():
        storage.write("a.txt", "old")
    answer = draft.append(3, True)
    assert (answer.status_code, answer.headers["Upload-Complete"]) == (409, "?1")


def test_the_app_may_be_anywhere_and_serve_nothing(tmp_path):
    app = flask.Flask("anywhere", instance_path=str(tmp_path))
    # a limit of requests is none of files
    app.config.update(SECRET_KEY="secret", FS_PREFIX="/under", FILES_FS_BACKEND="memory", MAX_CONTENT_LENGTH=2)
    app.config["APPLICATION_ROOT"] = "/app"
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    with app.test_request_context():
        url = storage.resumable_url("a.txt", expires=60, unique=False).url
    assert url.startswith("/app/under/-/upload/")
    draft = Draft(app.test_client(), url.removeprefix("/app"))
    draft.create(False)
    assert draft.location.startswith("/app/under/-/upload/")
    draft.location = draft.location.removeprefix("/app")
    answer = draft.append(0, True, b"abc")
    assert (answer.status_code, answer.json) == (201, {"name": "a.txt", "url": "/app/under/files/a.txt"})
