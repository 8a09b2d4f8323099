"""Uploads that survive interruptions, on gunicorn with two workers and on waitress, by clients on sockets."""

import base64
import hashlib
import io
import re
import socket
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from servers.gunicornapp import gunicorn
from servers.process import HOST
from servers.waitressapp import serving
from tusclient.client import TusClient
from uploading import OFFSET_TYPE, PART_TYPE, TUS
from uploadsapp import make_app

pytestmark = pytest.mark.server

CONTENT = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(8192))


@contextmanager
def on_gunicorn(directory):
    env = {"UPLOADS_ROOT": str(directory / "files")}
    with gunicorn(directory, "uploadsapp:app", env=env, options=("--timeout=60",)) as process:
        yield process.port


@contextmanager
def on_waitress(directory):
    with serving(make_app(str(directory / "files"))) as served:
        yield served.port


class Server:
    def __init__(self, port, directory):
        self.port, self.directory = port, directory

    def begin(self, name="a.bin", **terms):
        query = "&".join(f"{name}={value}" for name, value in terms.items())
        with urlopen(f"http://{HOST}:{self.port}/begin/{name}?{query}") as answer:
            return answer.read().decode()

    def ask(self, method, url, body=None, chunked=False, **fields):
        connection = HTTPConnection(HOST, self.port, timeout=60)
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        connection.request(method, url, body, headers, encode_chunked=chunked)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

    def create(self, **fields):
        status, headers, _ = self.ask("POST", self.begin(), Upload_Complete="?0", **fields)
        assert status == 201
        return headers["Location"]

    def send(self, method, url, fields, *parts):
        """Send a request, and break off."""
        answer = self.send_all(method, url, fields, *parts)
        return int(answer.split()[1]) if answer else None

    def send_all(self, method, url, fields, *parts):
        lines = [f"{method} {url} HTTP/1.1", f"Host: {HOST}", *(f"{name}: {value}" for name, value in fields.items())]
        with socket.create_connection((HOST, self.port), timeout=60) as client:
            client.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
            # the server may have answered and closed
            with suppress(OSError):
                for part in parts:
                    client.sendall(part)
                client.shutdown(socket.SHUT_WR)
            # the server has noticed when it answers or closes
            return b"".join(iter(lambda: received(client), b""))

    def offset(self, url):
        _, headers, _ = self.ask("HEAD", url)
        return int(headers["Upload-Offset"]), headers["Upload-Complete"]

    def stored(self):
        file = self.directory / "files" / "a.bin"
        return file.read_bytes() if file.exists() else None


def received(client):
    try:
        return client.recv(65536)
    except ConnectionResetError:
        return b""


@pytest.fixture(scope="module", params=[on_gunicorn, on_waitress], ids=["gunicorn", "waitress"])
def running_server(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("uploads")
    with request.param(directory) as port:
        yield Server(port, directory)


@pytest.fixture
def server(running_server):
    (running_server.directory / "files" / "a.bin").unlink(missing_ok=True)
    return running_server


PART = {"Upload-Complete": "?1", "Upload-Offset": "0", "Content-Type": PART_TYPE}


def test_tuspy(server, soak):
    content = CONTENT * (80 if soak else 2)
    client = TusClient(f"http://{HOST}:{server.port}{server.begin()}")
    size = len(content) // 3
    uploader = client.uploader(file_stream=io.BytesIO(content), chunk_size=size, upload_checksum=True)
    uploader.upload(stop_at=size)
    assert server.offset(str(uploader.url).partition(str(server.port))[2]) == (size, "?0")
    # another client goes on
    client.uploader(file_stream=io.BytesIO(content), url=uploader.url, chunk_size=len(content)).upload()
    assert server.stored() == content


def test_tuspy_with_an_empty_file(server):
    TusClient(f"http://{HOST}:{server.port}{server.begin()}").uploader(file_stream=io.BytesIO()).upload()
    assert server.stored() == b""


@pytest.mark.parametrize("protocol", ["tus", "draft"])
def test_chunks(server, protocol):
    pieces = (CONTENT[start : start + 50_000] for start in range(0, len(CONTENT), 50_000))
    if protocol == "draft":
        url = server.create()
        status, headers, _ = server.ask("PATCH", url, pieces, True, **{"Transfer-Encoding": "chunked", **PART})
        assert (status, headers["Upload-Complete"]) == (201, "?1")
    else:
        status, headers, _ = server.ask("POST", server.begin(), Upload_Length=str(len(CONTENT)), **TUS)
        fields = {"Upload-Offset": "0", "Content-Type": OFFSET_TYPE, "Transfer-Encoding": "chunked", **TUS}
        status, _, _ = server.ask("PATCH", headers["Location"], pieces, True, **fields)
        assert status == 204
    assert server.stored() == CONTENT


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_breaks_off_is_no_whole_file(server, is_chunked):
    url = server.create()
    half = CONTENT[: len(CONTENT) // 2]
    if is_chunked:
        parts = [b"%x\r\n%s\r\n" % (len(half), half), b"1000\r\nabc"]
        server.send("PATCH", url, {**PART, "Transfer-Encoding": "chunked"}, *parts)
    else:
        server.send("PATCH", url, {**PART, "Content-Length": str(len(CONTENT))}, half)
    offset, complete = server.offset(url)
    assert complete == "?0"
    # waitress hands a body over when it is whole
    assert offset <= len(half) + 3
    assert server.stored() is None
    rest = CONTENT[offset:]
    status, _, _ = server.ask("PATCH", url, rest, **{**PART, "Upload-Offset": str(offset)})
    assert status == 201
    assert server.stored() == CONTENT


def test_what_came_before_it_broke_off_is_kept(tmp_path):
    with on_gunicorn(tmp_path) as port:
        server = Server(port, tmp_path)
        url = server.create()
        server.send("PATCH", url, {**PART, "Content-Length": str(len(CONTENT))}, CONTENT[:150_000])
        assert server.offset(url) == (150_000, "?0")


@pytest.mark.parametrize(
    "chunks",
    [b"zz\r\nabc\r\n0\r\n\r\n", b"3\r\nabcd\r\n0\r\n\r\n", b"3\r\nabc\r\n", b""],
)
def test_chunks_that_are_none(server, chunks):
    url = server.create()
    status = server.send("PATCH", url, {**PART, "Transfer-Encoding": "chunked"}, chunks)
    assert status in (None, 400)
    assert server.offset(url)[1] == "?0"
    assert server.stored() is None


def test_the_longest_names_fit_in_the_lines_of_requests(server):
    # gunicorn takes lines of 4,094 bytes
    name = "/".join(["ж" * 100] * 4 + ["ж" * 90 + ".bin"])
    sent = f"filename {base64.b64encode(('ж' * 300).encode()).decode()}"
    url = server.begin(quote(name))
    status, headers, _ = server.ask("POST", url, Upload_Length="0", Upload_Metadata=sent, **TUS)
    assert (status, headers["Upload-Complete"]) == (201, "?1")
    assert server.ask("GET", headers["Location"])[0] == 200


@pytest.mark.parametrize("is_chunked", [False, True])
def test_clients_that_send_before_they_read_see_an_answer_that_came_early(server, is_chunked):
    # more than the buffers of sockets take
    body = CONTENT * 32
    url = server.create(Upload_Length=str(2 * len(body)))
    fields = {"Transfer-Encoding": "chunked"} if is_chunked else {}
    parts = (body[start : start + 50_000] for start in range(0, len(body), 50_000)) if is_chunked else body
    status, headers, _ = server.ask("PATCH", url, parts, is_chunked, **{**PART, "Upload-Offset": "1", **fields})
    assert (status, headers["Upload-Offset"]) == (409, "0")
    assert server.ask("PATCH", f"{url}x", body, **PART)[0] == 403


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_is_never_the_next_request(server, method, is_chunked):
    url = server.create()
    evil = b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n" * 1000
    size = {"Transfer-Encoding": "chunked"} if is_chunked else {"Content-Length": str(len(evil))}
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(evil), evil) if is_chunked else evil
    fields = {**PART, "Upload-Offset": "7", **size}
    answer = server.send_all(method, url, fields, body, b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n")
    # a server that closes the connection may reset it; one that took the body for requests would answer 1000 times
    answered = re.findall(rb"HTTP/1.1 (\d+)", answer)
    assert answered == [b"409" if method == "PATCH" else b"204", b"404"][: len(answered)]


def test_too_large_is_answered_before_the_body_comes(server):
    size = 1_000_000
    url = server.begin(max_size=size)
    with socket.create_connection((HOST, server.port), timeout=60) as client:
        # waitress waits for the body, but not without a request for it
        fields = f"Upload-Complete: ?0\r\nUpload-Length: {size + 1}\r\nContent-Length: 0"
        client.sendall(f"POST {url} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 413"
