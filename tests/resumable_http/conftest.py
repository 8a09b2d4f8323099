"""A stand-in for an upload, until the real one is there."""

import hashlib
import itertools
from datetime import datetime, timedelta, timezone

import flask
import pytest
from flask import current_app
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs import arrivals, resumable
from flask_pyfs.backends.contract import UploadURL
from flask_pyfs.resumable import upload as module
from flask_pyfs.unfinished import Ended
from flask_pyfs.uploads.refusals import too_large
from flask_pyfs.uploads.terms import Terms
from flask_pyfs.web.signing import claims_in, signed_token

ALL = {}
NUMBERS = itertools.count()


def begin_url(storage, terms, expires, *, external):
    token = signed_token(current_app, "", "begin", {**terms.claims(), "storage": storage.name})
    return UploadURL(terms.name, flask.url_for("fs.call_room", room="upload", rest=token, _external=external))


def opened_claims(purpose, token):
    try:
        claims = claims_in(current_app, "", purpose, token)
    except Exception:
        claims = None
    if claims is None:
        raise fs.NotAuthorized("wrong")
    return claims


def begin(cls, storage, token, *, length, original_name=None):
    claims = opened_claims("begin", token)
    terms = Terms.of(claims)
    if None not in (length, terms.max_size) and length > terms.max_size:
        raise too_large(claims["storage"], terms.name, terms.max_size)
    claims.update(number=next(NUMBERS), length=length, original=original_name or terms.original_name)
    return opened(cls, signed_token(current_app, "", "upload", claims))


def opened(cls, token):
    claims = opened_claims("upload", token)
    self = cls()
    self.token, self.terms, self.storage = token, Terms.of(claims), current_app.extensions["fs"][claims["storage"]]
    self.kept = ALL.setdefault(token, {"bytes": b"", "length": claims["length"], "stored": None, "ended": False})
    return self


def status(self):
    if self.kept["ended"]:
        raise Ended
    expires = datetime.now(timezone.utc) + timedelta(days=1)
    return module.Status(len(self.kept["bytes"]), self.kept["length"], expires, self.kept["stored"])


def append(self, stream, offset, *, length=None, is_last=False, checksum=None):
    kept, now = self.kept, status(self)
    if offset != now.offset:
        raise module.WrongOffset(now)
    if None not in (length, kept["length"]) and length != kept["length"]:
        raise module.WrongLength
    length = kept["length"] if length is None else length
    if length is not None and self.terms.max_size is not None and length > self.terms.max_size:
        raise too_large("x", "y", self.terms.max_size)
    kept["length"] = length
    data = b""
    try:
        while got := stream.read(65536):
            data += got
            if length is not None and offset + len(data) > length:
                data = b""
                raise module.WrongLength
            if self.terms.max_size is not None and offset + len(data) > self.terms.max_size:
                kept["ended"] = True
                raise too_large("x", "y", self.terms.max_size)
    finally:
        if not checksum or hashlib.new(checksum[0], data).digest() == checksum[1]:
            kept["bytes"] += data
    if checksum and hashlib.new(checksum[0], data).digest() != checksum[1]:
        raise module.ChecksumMismatch
    if is_last and length is None:
        length = kept["length"] = len(kept["bytes"])
    if is_last and length != len(kept["bytes"]):
        raise module.WrongLength
    if length == len(kept["bytes"]) and kept["stored"] is None:
        import io

        upload = FileStorage(io.BytesIO(kept["bytes"]), self.terms.original_name, content_type=self.terms.content_type)
        try:
            kept["stored"] = arrivals.stored(self.storage, upload, self.terms)
        except fs.FSError:
            kept["ended"] = True
            raise
    return status(self)


def cancel(self):
    if self.kept["ended"]:
        raise Ended
    self.kept["ended"] = True


@pytest.fixture(autouse=True)
def double(monkeypatch):
    monkeypatch.setattr(resumable, "begin", begin_url)
    for name, method in {"status": status, "append": append, "cancel": cancel}.items():
        monkeypatch.setattr(module.Upload, name, method)
    monkeypatch.setattr(module.Upload, "begin", classmethod(begin))
    monkeypatch.setattr(module.Upload, "opened", classmethod(opened))


@pytest.fixture
def storage(app):
    storage = fs.Storage("files", ["txt", "png"])
    app.config.update(FILES_FS_BACKEND="memory", FILES_FS_MAX_SIZE=100_000)
    fs.init_app(app, storage)
    return storage


@pytest.fixture
def begin_at(app, storage):
    """A function that returns the URL where one upload begins."""

    def begin_at(name="a.txt", **terms):
        with app.test_request_context():
            return storage.resumable_url(name, **{"expires": 60, "unique": False, **terms}).url

    return begin_at


@pytest.fixture
def read(app, storage):
    """A function that returns the content of each file of the storage."""

    def read():
        with app.app_context():
            return {name: storage.read(name) for name in storage.list_files()}

    return read
