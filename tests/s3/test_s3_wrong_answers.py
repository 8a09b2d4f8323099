"""Each request of each operation, answered by what is not of S3: an error of ours, no false success, nothing lost."""

import hashlib
import io
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from buckets import PART
from counting import requests_of

import flask_pyfs as fs

LARGE = b"0123456789abcdef" * (PART // 16) + b"end"


def answer(status, body=b"", *headers, length=None):
    """An answer as it is sent."""
    lines = [b"HTTP/1.1 " + status, *headers, b"Connection: close"]
    if not any(line.lower().startswith(b"content-length") for line in headers):
        lines.append(b"Content-Length: %d" % (len(body) if length is None else length))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


XML = b"<?xml version='1.0' encoding='UTF-8'?>"
HTML = b"<html><head><title>Log in</title></head><body>Welcome</body></html>"
ETAG, MODIFIED = b'ETag: "0123"', b"Last-Modified: Sat, 28 Nov 2026 10:00:00 GMT"

ANSWERS = {
    "empty": answer(b"200 OK"),
    "html": answer(b"200 OK", HTML, b"Content-Type: text/html"),
    # of which botocore makes a member before anything is checked
    "expired html": answer(b"200 OK", HTML, b"Content-Type: text/html", b"Expires: 0"),
    "old html": answer(b"200 OK", b"<html><br>Welcome", b"Content-Type: text/html"),
    "cut xml": answer(b"200 OK", XML + b"<ListBucketResult><Contents><Key>a"),
    "cut at the first element": answer(b"200 OK", XML + b"<CopyObj"),
    "error": answer(b"200 OK", XML + b"<Error><Code>InternalError</Code><Message>Try again</Message></Error>"),
    "json": answer(b"200 OK", b'{"ok": true}', b"Content-Type: application/json"),
    "another document": answer(b"200 OK", XML + b"<Other><ETag>x</ETag></Other>"),
    "not utf-8": answer(b"200 OK", b"\xff\xfe<\x00a\x00>"),
    "no content": answer(b"204 No Content"),
    "partial": answer(b"206 Partial Content", HTML),
    "created": answer(b"201 Created"),
    "several choices": answer(b"300 Multiple Choices", HTML),
    "moved": answer(b"301 Moved Permanently", HTML, b"Location: https://other.invalid/"),
    "found": answer(b"302 Found"),
    "temporary": answer(b"307 Temporary Redirect", b"", b"Location: /login"),
    "permanent": answer(b"308 Permanent Redirect", b"", b"Location: https://other.invalid/"),
    "not modified": answer(b"304 Not Modified"),
    "negative length": answer(b"200 OK", HTML, b"Content-Length: -5", ETAG, MODIFIED),
    "no number": answer(b"200 OK", HTML, b"Content-Length: many", ETAG, MODIFIED),
    "no date": answer(b"200 OK", HTML, ETAG, b"Last-Modified: yesterday"),
    "no ETag": answer(b"200 OK", HTML, MODIFIED),
    "no Last-Modified": answer(b"200 OK", HTML, ETAG),
    "end of time": answer(b"200 OK", HTML, ETAG, b"Last-Modified: Fri, 31 Dec 9999 23:59:59 GMT"),
    "another range": answer(b"206 Partial Content", HTML, ETAG, MODIFIED, b"Content-Range: bytes 5-2/1"),
    "cut 404": answer(b"404 Not Found", XML + b"<Error><Code>NoSuchK", length=300),
    "cut 404 without a length": answer(b"404 Not Found", XML + b"<Error><Code>NoSuchK"),
    "bad gateway": answer(b"502 Bad Gateway", HTML, b"Content-Type: text/html"),
    "unavailable": answer(b"503 Service Unavailable"),
    "not http": b"\x15\x03\x01\x00\x02\x02\x16\r\n\r\n",
    "nothing": b"",
}

# what is a proper success, in the end
PROPER = {
    # it has no body
    "HeadObject": {"cut 404", "cut 404 without a length"},
    "PutObject": {"no date", "no Last-Modified", "end of time"},
    "UploadPart": {"no date", "no Last-Modified", "end of time"},
    "DeleteObject": {"no content"},
    "AbortMultipartUpload": {"no content"},
}

# those that are tried with every request; all of them are tried once with each kind of request
FEW = {
    "empty",
    "html",
    "expired html",
    "cut xml",
    "error",
    "no content",
    "moved",
    "negative length",
    "cut 404",
    "nothing",
}
WELL_TRIED = {
    "save": {"PutObject"},
    "read": {"GetObject"},
    "list": {"ListObjectsV2"},
    "move": {"HeadObject", "CopyObject", "DeleteObject"},
    "delete tree": {"DeleteObjects"},
}


def _save(storage: Any) -> Any:
    return storage.save(io.BytesIO(b"new"), "new.txt")


def _save_large(storage: Any) -> Any:
    return storage.save(io.BytesIO(LARGE), "old.txt", overwrite=True)


def _overwrite(storage: Any) -> Any:
    return storage.write("old.txt", b"new", overwrite=True)


def _open(storage: Any) -> Any:
    with storage.open("new.txt", "wb") as file:
        file.write(b"new")


def _copy(storage: Any) -> Any:
    return storage.copy("old.txt", "new.txt")


def _move(storage: Any) -> Any:
    return storage.move("old.txt", "new.txt")


def _move_over(storage: Any) -> Any:
    return storage.move("old.txt", "other.txt", overwrite=True)


@dataclass
class Operation:
    """What is called, what it returns, and what the bucket holds after a success: None stands for no such object."""

    call: Any
    result: Any = ...
    after: dict[str, Any] = field(default_factory=dict)


def _serve(storage: Any) -> Any:
    from flask import current_app

    current_app.config["PROPAGATE_EXCEPTIONS"] = True
    with current_app.test_client().get("/files/old.txt") as response:
        return response.status_code, response.data


OPERATIONS = {
    "save": Operation(_save, "new.txt", {"new.txt": b"new"}),
    "save large": Operation(_save_large, "old.txt", {"old.txt": LARGE}),
    "overwrite": Operation(_overwrite, "old.txt", {"old.txt": b"new"}),
    "open": Operation(_open, None, {"new.txt": b"new"}),
    "read": Operation(lambda storage: storage.read("old.txt"), b"old"),
    "read chunks": Operation(lambda storage: b"".join(storage.read_chunks("old.txt")), b"old"),
    "exists": Operation(lambda storage: storage.exists("old.txt"), True),
    "metadata": Operation(lambda storage: storage.metadata("old.txt")["size"], 3),
    "version": Operation(lambda storage: bool(storage.version("old.txt")), True),
    "list": Operation(lambda storage: sorted(storage.list_files()), ["old.txt", "other.txt", "tree/a", "tree/b"]),
    "copy": Operation(_copy, None, {"new.txt": b"old"}),
    "move": Operation(_move, None, {"new.txt": b"old", "old.txt": None}),
    "move over": Operation(_move_over, None, {"other.txt": b"old", "old.txt": None}),
    "delete": Operation(lambda storage: storage.delete("old.txt"), None, {"old.txt": None}),
    "delete tree": Operation(lambda storage: storage.delete("tree"), None, {"tree/a": None, "tree/b": None}),
    "serve": Operation(_serve, (200, b"old")),
    "delete version": Operation(
        lambda storage: storage.delete_version("old.txt", storage.version("old.txt")), True, {"old.txt": None}
    ),
    "replace version": Operation(
        lambda storage: storage.replace_version("old.txt", b"new", storage.version("old.txt")),
        "old.txt",
        {"old.txt": b"new"},
    ),
}

BEFORE = {"old.txt": b"old", "other.txt": b"other", "tree/a": b"a", "tree/b": b"b"}


CONTENTS = {hashlib.md5(content).hexdigest(): content for content in (*BEFORE.values(), b"new")}
PARTS = [hashlib.md5(part).digest() for part in (LARGE[:PART], LARGE[PART:])]
CONTENTS[f"{hashlib.md5(b''.join(PARTS)).hexdigest()}-2"] = LARGE


class Bucket:
    """What is in a bucket."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def fill(self) -> None:
        now = self.read()
        for key in now.keys() - BEFORE.keys():
            self._client.delete_object(Bucket=self._name, Key=key)
        for key, content in BEFORE.items():
            if now.get(key) != content:
                self._client.put_object(Bucket=self._name, Key=key, Body=content)
        for upload in self.uploads():
            self._client.abort_multipart_upload(Bucket=self._name, Key=upload["Key"], UploadId=upload["UploadId"])

    def read(self) -> dict[str, bytes]:
        # the entity tags tell the contents
        listed = self._client.list_objects_v2(Bucket=self._name).get("Contents", [])
        return {entry["Key"]: CONTENTS[entry["ETag"].strip('"')] for entry in listed}

    def uploads(self) -> list[Any]:
        return self._client.list_multipart_uploads(Bucket=self._name).get("Uploads", [])


@pytest.fixture
def objects(s3_client, bucket):
    return Bucket(s3_client, bucket)


def nth(number):
    """A condition that holds for one request."""
    seen = []

    def when(head):
        seen.append(head)
        return len(seen) == number + 1

    return when


def outcome(storage, call):
    """The result of a call, and its error, which must be one of ours."""
    try:
        return call(storage), None
    except fs.FSError as error:
        return None, error


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name, frail, proxy, objects, soak):
    operation = OPERATIONS[name]
    done = {key: content for key, content in {**BEFORE, **operation.after}.items() if content is not None}
    # what the first copy finds out about the server
    with suppress(fs.FSError):
        frail.copy("absent", "absent too")
    objects.fill()
    with requests_of(frail.backend.store.client) as sent:
        assert outcome(frail, operation.call) == (operation.result, None)
    assert objects.read() == done
    tried, asked, is_filled = 0, set(), False
    for number, (_, request) in enumerate(list(sent)):
        for kind in ANSWERS if soak or (request in WELL_TRIED.get(name, ()) and request not in asked) else FEW:
            if kind in PROPER.get(request, ()):
                continue
            if not is_filled:
                objects.fill()
            proxy.answer(ANSWERS[kind], when=nth(number))
            result, error = outcome(frail, operation.call)
            proxy.restore()
            found, uploads, case = objects.read(), objects.uploads(), (request, kind, error)
            if error is None:
                assert (result, found) == (operation.result, done), case
            for key in BEFORE.keys() | done.keys():
                assert found.get(key) in (BEFORE.get(key), done.get(key)), case
            if "move" in name:
                assert b"old" in found.values(), case
            assert found.keys() <= BEFORE.keys() | done.keys(), case
            # an upload that may have been completed is not aborted
            assert uploads == [] or request == "CompleteMultipartUpload", case
            is_filled = found == BEFORE and not uploads
            tried += 1
        asked.add(request)
    assert tried >= len(FEW) - 1
    assert WELL_TRIED.get(name, set()) <= asked


def test_leftovers(frail, proxy, objects, s3_client, bucket, soak):
    def begin(key, *parts):
        upload = s3_client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        for number, part in enumerate(parts, 1):
            s3_client.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=part)

    def remove(storage):
        return storage.backend.remove_leftovers()

    def uploads():
        return sorted(upload["Key"] for upload in objects.uploads())

    # both began in 2010, says moto
    begin("live", b"a part")
    begin("dead")
    with requests_of(frail.backend.store.client) as sent:
        assert remove(frail) == 1
    assert uploads() == ["live"]
    for number, (_, request) in enumerate(list(sent)):
        for kind in ANSWERS if soak else FEW:
            if kind in PROPER.get(request, ()):
                continue
            if "dead" not in uploads():
                begin("dead")
            proxy.answer(ANSWERS[kind], when=nth(number))
            removed, error = outcome(frail, remove)
            proxy.restore()
            assert "live" in uploads(), (request, kind)
            assert error is not None or (removed == 1) == (uploads() == ["live"]), (request, kind)
