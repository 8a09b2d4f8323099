"""The proxy that fails as it is told, before a plain HTTP server and a plain echo."""

import gc
import http.client
import socket
import socketserver
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from servers.faults import FaultProxy

CONTENT = bytes(range(256)) * 4096
TEAPOT = b"HTTP/1.1 418 Teapot\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"


class Handler(BaseHTTPRequestHandler):
    """Gives content, and answers with what it was sent."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer(CONTENT if self.path == "/large" else b"content")

    def do_PUT(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(body)

    def _answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Echo(socketserver.BaseRequestHandler):
    """Notes what it is sent, and sends it back when all of it has come."""

    server: "EchoServer"

    def handle(self):
        content = b""
        try:
            while data := self.request.recv(65536):
                content += data
            self.request.sendall(content)
        except ConnectionResetError:
            content += b"(reset)"
        self.server.seen.append(content)
        self.server.ended.set()


class EchoServer(socketserver.ThreadingTCPServer):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.seen = []
        self.ended = threading.Event()


@contextmanager
def serving(server):
    # the end of the block waits for the threads of all connections
    server.daemon_threads = False
    # a connection that is cut is nothing to report
    server.handle_error = lambda *arguments: None
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy():
    with (
        serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server,
        FaultProxy(*server.server_address) as proxy,
    ):
        yield proxy


@pytest.fixture
def echo():
    with serving(EchoServer(("127.0.0.1", 0), Echo)) as server:
        yield server


@pytest.fixture
def echo_proxy(echo):
    with FaultProxy(*echo.server_address) as proxy:
        yield proxy


@contextmanager
def connected(proxy, timeout=10):
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=timeout)
    try:
        yield connection
    finally:
        connection.close()


def ask(connection, method="GET", path="/", **arguments):
    connection.request(method, path, **arguments)
    with connection.getresponse() as response:
        return response.status, response.read()


def get(proxy, path="/", timeout=10):
    with connected(proxy, timeout) as connection:
        return ask(connection, path=path)


def raw(proxy, sent=b""):
    """A connection that has sent these bytes."""
    connection = socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
    connection.sendall(sent)
    return connection


def read_all(connection):
    """What comes until the end, and whether that end is a reset."""
    content = b""
    try:
        while data := connection.recv(65536):
            content += data
    except ConnectionResetError:
        return content, True
    return content, False


def test_bytes_pass_both_ways_and_are_counted(proxy):
    with connected(proxy) as connection:
        assert ask(connection, path="/large") == (200, CONTENT)
        assert ask(connection, "PUT", "/put", body=CONTENT) == (200, CONTENT)
    assert proxy.requests == ["GET /large HTTP/1.1", "PUT /put HTTP/1.1"]
    assert proxy.connections == 1
    assert len(CONTENT) < proxy.sent < len(CONTENT) + 1000
    assert 2 * len(CONTENT) < proxy.received < 2 * len(CONTENT) + 1000
    proxy.reset()
    assert (proxy.sent, proxy.received, proxy.connections, proxy.requests) == (0, 0, 0, [])


def test_one_direction_may_end_before_the_other(echo_proxy):
    with raw(echo_proxy, CONTENT) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == (CONTENT, False)
    assert (echo_proxy.sent, echo_proxy.received) == (len(CONTENT), len(CONTENT))
    assert echo_proxy.requests == []


def test_a_client_that_goes_ends_the_connection_to_the_server(echo, echo_proxy):
    with raw(echo_proxy, b"some"):
        wait_until(lambda: echo_proxy.sent == 4)
    assert echo.ended.wait(10)
    assert echo.seen == [b"some"]


def wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("after", [0, 1, 1000, 500_000])
def test_what_is_sent_is_cut_after_the_byte(echo, echo_proxy, after):
    echo_proxy.cut_sent(after=after)
    with raw(echo_proxy) as connection, suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(CONTENT)
        assert read_all(connection) == (b"", True)
    assert echo.ended.wait(10)
    assert echo.seen == [CONTENT[:after] + b"(reset)"]
    assert echo_proxy.sent == after


@pytest.mark.parametrize("after", [0, 1, 1000, 500_000])
@pytest.mark.parametrize(("fault", "reset"), [("cut_received", True), ("close_received", False)])
def test_what_is_received_ends_after_the_byte(echo_proxy, after, fault, reset):
    getattr(echo_proxy, fault)(after=after)
    with raw(echo_proxy, CONTENT) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == (CONTENT[:after], reset)
    assert echo_proxy.received == after


def test_a_cut_counts_from_when_it_is_told_on_open_connections(proxy):
    with connected(proxy) as connection:
        assert ask(connection) == (200, b"content")
        proxy.cut_received(after=10)
        with pytest.raises((ConnectionResetError, http.client.HTTPException)):
            ask(connection)


def test_a_cut_comes_once_or_a_few_times_or_always(proxy):
    def failures():
        count = 0
        for _ in range(5):
            try:
                get(proxy)
            except (ConnectionResetError, http.client.HTTPException):
                count += 1
        return count

    proxy.cut_received(after=10)
    assert failures() == 1
    proxy.cut_received(after=10, times=2)
    assert failures() == 2
    proxy.cut_received(after=10, always=True)
    assert failures() == 5
    proxy.restore()
    assert failures() == 0


def test_each_connection_is_cut_after_as_many_bytes_of_its_own(echo_proxy):
    # the pieces make one read go beyond the place of the cut
    echo_proxy.cut_received(after=1000, always=True)
    for _ in range(20):
        with raw(echo_proxy, CONTENT[:1500]) as connection:
            connection.shutdown(socket.SHUT_WR)
            assert read_all(connection) == (CONTENT[:1000], True)


def test_connections_are_refused_until_all_is_well(proxy):
    port = proxy.port
    with connected(proxy) as connection:
        assert ask(connection) == (200, b"content")
        proxy.refuse()
        with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
            ask(connection)
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            get(proxy)
        proxy.refuse()
    proxy.restore()
    assert proxy.port == port
    assert get(proxy) == (200, b"content")


def test_a_proxy_that_hangs_answers_nothing(proxy):
    proxy.hang()
    proxy.reset()
    with pytest.raises(TimeoutError):
        get(proxy, timeout=0.2)
    assert (proxy.sent, proxy.received) == (0, 0)
    assert proxy.requests == ["GET / HTTP/1.1"]
    with raw(proxy, CONTENT) as connection:
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    proxy.restore()
    assert get(proxy) == (200, b"content")


def test_an_answer_comes_in_place_of_the_servers(proxy):
    proxy.answer(TEAPOT, when=lambda head: head.startswith(b"PUT "))
    proxy.reset()
    with connected(proxy) as connection:
        assert ask(connection) == (200, b"content")
        sent = proxy.sent
        assert ask(connection, "PUT", "/put", body=CONTENT) == (418, b"no")
        assert ask(connection, "PUT", "/put", body=iter([b"one", b"two"]), encode_chunked=True) == (418, b"no")
    assert proxy.sent == sent
    assert proxy.connections == 2
    proxy.restore()
    assert get(proxy) == (200, b"content")


def test_an_answer_waits_for_the_whole_request(proxy):
    proxy.answer(TEAPOT)
    head = b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    with raw(proxy, head[:20]) as connection:
        wait_until(lambda: proxy.connections == 1)
        connection.sendall(head[20:])
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"bo")
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(10)
        connection.sendall(b"dy.")
        assert read_all(connection) == (TEAPOT, False)
    assert proxy.requests == ["PUT / HTTP/1.1"]


def test_a_client_that_keeps_connections_open_sees_the_end_of_an_answer_with_it(proxy):
    proxy.answer(TEAPOT.replace(b"Connection: close\r\n", b""))
    for _ in range(20):
        with raw(proxy, b"GET / HTTP/1.1\r\n\r\n") as connection:
            assert connection.recv(1) == b"H"
            connection.setblocking(False)
            assert read_all(connection)[0].endswith(b"no")


def test_a_head_in_pieces_passes_whole_when_it_is_not_answered(proxy):
    proxy.answer(TEAPOT, when=lambda head: b"/other" in head)
    request = b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    with raw(proxy) as connection:
        for start in range(len(request)):
            connection.sendall(request[start : start + 1])
        content, reset = read_all(connection)
    assert content.endswith(b"\r\n\r\ncontent")
    assert not reset
    assert proxy.sent == len(request)


def test_bodies_are_not_requests(proxy):
    body = b"GET /body HTTP/1.1\r\n\r\n" * 3
    with connected(proxy) as connection:
        assert ask(connection, "PUT", "/length", body=body) == (200, body)
        assert ask(connection, "PUT", "/chunked", body=iter([body, b"x", body]), encode_chunked=True) == (
            200,
            body + b"x" + body,
        )
        assert ask(connection, "PUT", "/empty", body=b"") == (200, b"")
        assert ask(connection) == (200, b"content")
    assert [line.split()[1] for line in proxy.requests] == ["/length", "/chunked", "/empty", "/"]


def test_a_request_after_a_body_that_was_not_sent_is_seen(proxy):
    proxy.hang()
    with raw(proxy, b"PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 500\r\n\r\n") as connection:
        wait_until(lambda: len(proxy.requests) == 1)
        connection.sendall(b"GET /b HTTP/1.1\r\n\r\n")
        wait_until(lambda: len(proxy.requests) == 2)
    assert proxy.requests == ["PUT /a HTTP/1.1", "GET /b HTTP/1.1"]


def test_a_server_that_is_not_there_ends_the_connection(unused_port):
    with FaultProxy("127.0.0.1", unused_port) as proxy, raw(proxy) as connection:
        assert connection.recv(1) == b""


def test_nothing_is_left_when_the_proxy_stops(echo):
    threads = set(threading.enumerate())
    with FaultProxy("localhost", echo.server_address[1]) as proxy:
        connections = [raw(proxy, CONTENT) for _ in range(5)]
        wait_until(lambda: proxy.sent == 5 * len(CONTENT))
    wait_until(lambda: len(echo.seen) == 5)
    for connection in connections:
        with connection:
            assert read_all(connection) == (b"", True)
    with pytest.raises(ConnectionRefusedError):
        raw(proxy)
    wait_until(lambda: set(threading.enumerate()) <= threads)


def test_no_socket_is_left_that_was_accepted_while_the_proxy_stopped(echo):
    # what is left is a ResourceWarning, which fails the test
    for _ in range(20):
        with FaultProxy("127.0.0.1", echo.server_address[1]) as proxy:
            connections = [raw(proxy) for _ in range(3)]
        for connection in connections:
            with connection, suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    gc.collect()
