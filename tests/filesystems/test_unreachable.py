"""What is said of a server that cannot be reached, for the exceptions of every driver."""

import errno
import ftplib
import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.errors import AutoReconnect, ServerSelectionTimeoutError, WaitQueueTimeoutError

from flask_pyfs.errors import shortened
from flask_pyfs.filesystems.unreachable import is_wrong_scheme, shown_address, unreachable

TOPOLOGY = (
    ", Timeout: 1.0s, Topology Description: <TopologyDescription id: 6b0b, servers: [<ServerDescription ('h', 1)>]>"
)


def linked(outer, inner, how):
    """Return an exception that holds another one, as drivers do."""
    if how == "argument":
        outer.args = (inner,)
    elif how == "reason":
        outer.reason = inner
    else:
        setattr(outer, how, inner)
    return outer


KINDS = {
    "refused": (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "refused the connection"),
    "unknown": (socket.gaierror(-2, "Name or service not known"), "is unknown"),
    "silent": (TimeoutError("timed out"), "did not answer in 2.5 s"),
    "no route": (OSError(errno.EHOSTUNREACH, "No route to host"), "no route"),
    "reset": (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "closed the connection"),
    "end": (EOFError(), "closed the connection"),
    "files": (OSError(errno.EMFILE, "Too many open files"), "ulimit"),
    "plain": (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "does not speak TLS"),
    "certificate": (
        ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate"),
        "not trusted",
    ),
    "expired": (ssl.SSLCertVerificationError(1, "certificate verify failed: certificate has expired"), "expired"),
    "host": (ssl.SSLCertVerificationError(1, "certificate verify failed: Hostname mismatch"), "another host"),
    "versions": (ssl.SSLError(1, "[SSL: NO_PROTOCOLS_AVAILABLE] no protocols available"), "agree on no version"),
}


@pytest.mark.parametrize("how", ["itself", "argument", "reason", "__cause__", "__context__"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_cause_is_found_below_the_exceptions_of_a_driver(kind, how):
    inner, words = KINDS[kind]
    error = inner if how == "itself" else linked(Exception("the driver failed"), linked(Exception(), inner, how), how)
    said = unreachable(error, "AUTHURL", "https://user:pass@h:8080/v3?x=1", 2.5)
    assert said is not None
    assert "AUTHURL https://h:8080/v3" in said
    assert words in said
    assert "pass" not in said
    assert len(said) <= 200
    assert is_wrong_scheme(error) is (kind == "plain")


def test_each_kind_has_a_sentence_of_its_own():
    said = [unreachable(error, "ENDPOINT", "https://h", 2.5) for error, _ in KINDS.values()]
    # a connection that ends was closed too
    assert len(set(said)) == len(KINDS) - 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ServerSelectionTimeoutError(f"h:1: [Errno 111] Connection refused{TOPOLOGY}"), "refused the connection"),
        (ServerSelectionTimeoutError(f"h:1: [Errno -2] Name or service not known{TOPOLOGY}"), "is unknown"),
        (
            ServerSelectionTimeoutError(f"h:1: timed out (configured timeouts: connectTimeoutMS: 1ms){TOPOLOGY}"),
            "answer",
        ),
        (ServerSelectionTimeoutError(f"h:1: connection closed{TOPOLOGY}"), "set tls=true in MONGO_URL"),
        (ServerSelectionTimeoutError(f"SSL handshake failed: h:1: [SSL: WRONG_VERSION_NUMBER]{TOPOLOGY}"), "tls=false"),
        (AutoReconnect("h:1: [Errno 104] Connection reset by peer"), "closed the connection"),
        (WaitQueueTimeoutError("Timed out while checking out a connection from connection pool"), "too many"),
        (ftplib.error_temp("421 Too many connections from this address"), "too many"),
    ],
)
def test_the_texts_of_drivers_that_keep_no_cause(error, words):
    said = unreachable(error, "MONGO_URL", "mongodb://u:p4ss@h:1/db?w=1", 1)
    assert said is not None
    assert words in said
    assert "mongodb://h:1/db" in said
    assert "Topology" not in said
    assert "p4ss" not in said


@pytest.mark.parametrize(
    "error", [ValueError("no"), OSError(errno.ENOSPC, "full"), ftplib.error_perm("550 no"), Exception()]
)
def test_other_errors_are_not_explained(error):
    assert unreachable(error, "ENDPOINT", "http://h", 1) is None


@pytest.mark.parametrize(
    "name", ["http_request.log", "wrong_version_number", "unexpected_eof", "certificate_verify.txt", "unknown_protocol"]
)
def test_the_name_of_a_file_says_nothing(name):
    error = Exception(f'Read timeout on endpoint URL: "http://h:9000/media/{name}"')
    assert not is_wrong_scheme(error)
    said = unreachable(error, "ENDPOINT", "http://h:9000", 2.5)
    assert said is not None
    assert "did not answer in 2.5 s" in said


def test_what_was_handled_before_is_not_the_drivers():
    before = ConnectionRefusedError("of the caller")
    assert unreachable(linked(ValueError(), before, "__context__"), "ENDPOINT", "http://h", before=before) is None
    loop = ValueError()
    loop.__context__ = linked(ValueError(), loop, "__cause__")
    assert unreachable(loop, "ENDPOINT", "http://h") is None


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://h:9000/", "http://h:9000"),
        ("https://u:p@h/v3?token=x#y", "https://h/v3"),
        ("mongodb://u:p/w@h1,h2:3/db?w=1", "mongodb://h1,h2:3/db"),
        ("mongodb://u:p?w@h/db", "mongodb://h/db"),
        ("mongodb://u:p@w/x@h", "mongodb://h"),
        ("mongodb://h/db?appName=a@b", "mongodb://h/db"),
        ("u:p@h", "h"),
    ],
)
def test_an_address_without_its_secrets(address, shown):
    assert shown_address(address) == shown


@given(st.text(st.characters(exclude_characters="="), min_size=1), st.text())
def test_no_password_is_in_an_address(password, rest):
    shown = shown_address(f"mongodb://user:S3CRET{password}@host/{rest}")
    assert "S3CRET" not in shown
    assert len(shown) <= 80
    assert shown.isprintable()


@given(st.text(), st.integers(10, 300))
def test_a_text_is_made_one_line(text, length):
    short = shortened(text, length)
    assert len(short) <= length
    assert short == "" or short.isprintable()
    if len(text) <= length and text.isprintable() and "  " not in text:
        assert short == text.strip()
