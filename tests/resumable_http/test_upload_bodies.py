"""The body of a request: where it ends, and where it breaks off."""

import io

import flask
import pytest
from werkzeug import Request
from werkzeug.exceptions import BadRequest, LengthRequired, RequestEntityTooLarge

from flask_pyfs.resumable.body import Body


def body(content, **environ):
    return Body(Request({"wsgi.input": io.BytesIO(content), **environ}))


def test_a_body_with_a_length():
    known = body(b"abcdef", CONTENT_LENGTH="4")
    assert (known.length, known.is_empty, known.read_so_far) == (4, False, 0)
    # not a byte of the next request
    assert (known.read(3), known.read(), known.read_so_far) == (b"abc", b"d", 4)


@pytest.mark.parametrize(
    "environ", [{}, {"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": "0", "wsgi.input_terminated": True}]
)
def test_no_body(environ):
    assert body(b"next", **environ).read() == b""
    assert body(b"next", **environ).is_empty


def test_a_body_that_breaks_off():
    broken = body(b"abc", CONTENT_LENGTH="4", **{"wsgi.input_terminated": True})
    assert broken.read(2) == b"ab"
    assert broken.read(2) == b"c"
    with pytest.raises(BadRequest):
        broken.read(2)


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_the_app_has_read(app, storage, begin_at, read, is_chunked):
    @app.before_request
    def log():
        flask.request.get_data()

    fields = {"Upload-Complete": "?1", **({"Transfer-Encoding": "chunked"} if is_chunked else {})}
    environ = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True} if is_chunked else {}
    answer = app.test_client().post(begin_at(), headers=fields, data=b"abc", environ_overrides=environ)
    assert answer.status_code == 201
    assert read() == {"a.txt": b"abc"}


def test_chunks():
    chunks = {"HTTP_TRANSFER_ENCODING": "chunked"}
    assert body(b"abc", **chunks, **{"wsgi.input_terminated": True}).read() == b"abc"
    assert not body(b"abc", **chunks, **{"wsgi.input_terminated": True}).is_empty
    # else a server that reads no chunks would cut the file to nothing
    with pytest.raises(LengthRequired):
        body(b"abc", **chunks)


@pytest.mark.parametrize("length", ["-1", "a", "1.0", "4, 4", "9" * 20, "\u0664", " 4"])
def test_a_length_that_is_none(length):
    with pytest.raises(BadRequest):
        body(b"abcd", CONTENT_LENGTH=length)


@pytest.mark.parametrize("error", [ConnectionResetError(), ValueError("no chunk"), RequestEntityTooLarge()])
def test_what_the_server_says_of_a_body(error):
    class Stream:
        def read(self, size):
            raise error

    with pytest.raises((BadRequest, RequestEntityTooLarge)) as caught:
        Body(Request({"wsgi.input": Stream(), "CONTENT_LENGTH": "4"})).read()
    assert error in (caught.value, caught.value.__cause__)
