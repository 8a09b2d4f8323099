"""Neither the key nor the token is in what tools print that report errors with the variables of each frame."""

import traceback
from pathlib import Path
from urllib.parse import quote

import pytest
from logins import v1, v2, v3_credential, v3_ids
from servers.faults import FaultProxy
from servers.process import HOST

import flask_pyfs as fs

TESTS = str(Path(__file__).resolve().parents[1])
KEY = "t0ps3cretKey"


def answer(status, body=""):
    return f"HTTP/1.1 {status} Wrong\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


FAULTS = {
    "401": lambda proxy: proxy.answer(answer(401)),
    "500": lambda proxy: proxy.answer(answer(500)),
    "no JSON": lambda proxy: proxy.answer(answer(200, "<html>")),
    "302": lambda proxy: proxy.answer(answer("302 Found\r\nLocation: http://elsewhere/")),
    "refused": lambda proxy: proxy.refuse(),
    "cut": lambda proxy: proxy.cut_received(after=0, always=True),
    "cut at once": lambda proxy: proxy.cut_sent(after=0, always=True),
    "silent": lambda proxy: proxy.hang(),
}


def printed(error):
    """Return what such a tool prints of an error, and of those that led to it, without the frames of the tests."""
    lines, seen = [], set()

    def add(each):
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            for frame in each.stack:
                if not frame.filename.startswith(TESTS):
                    lines.append(f"{frame.filename}:{frame.lineno} {frame.locals}")
            lines.extend(each.format_exception_only())
            add(each.__cause__)
            add(each.__context__)

    add(traceback.TracebackException.from_exception(error, capture_locals=True))
    return "\n".join(lines)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("case", [v1, v2, v3_ids, v3_credential])
def test_a_login_that_fails(make_kept, service, case, fault):
    given = case(service)
    options = given.get("OS_OPTIONS", {})
    if "application_credential_secret" in options:
        options["application_credential_secret"] = KEY
    with FaultProxy(HOST, service.port) as proxy:
        storage = make_kept(service, lambda _: given, AUTHURL=proxy.url, KEY=KEY, TIMEOUT=0.5)
        fault(proxy)
        with pytest.raises((fs.BackendError, fs.ConfigurationError, fs.PermissionDenied)) as raised:
            storage.exists("a")
    told = printed(raised.value)
    assert "flask_pyfs" in told
    for hidden in (KEY, quote(KEY)):
        assert hidden not in told


class Broken:
    """A source that breaks while it is sent."""

    def __init__(self):
        self._position = 0

    def read(self, size=-1):
        if self._position > 5_000_000:
            raise RuntimeError("the source broke")
        self._position += size
        return bytes(size)

    def seek(self, offset, whence=0):
        self._position = 6_000_000 if whence == 2 else offset

    def tell(self):
        return self._position


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_request_that_fails(app, make_storage, proxy, fault, swift_connection, container):
    storage = make_storage(AUTHURL=f"{proxy.url}/auth/v1.0", TIMEOUT=0.5, RETRIES=0, TEMP_URL_KEY=KEY)
    with app.app_context():
        storage.write("a", b"content")
        token = storage.backend.store._container.account.access().token
        calls = (
            lambda: storage.read("a"),
            # more than a connection takes by itself
            lambda: storage.write("b", b"x" * 1_000_000),
            lambda: list(storage.list_files()),
        )
        fault(proxy)
        for call in calls:
            with pytest.raises(fs.FSError) as raised:
                call()
            told = printed(raised.value)
            assert token.removeprefix("AUTH_tk") not in told
            assert KEY not in told


def test_a_source_that_breaks(app, make_storage):
    storage = make_storage(TEMP_URL_KEY=KEY)
    with app.app_context():
        storage.exists("warm")
        token = storage.backend.store._container.account.access().token
        with pytest.raises(RuntimeError, match="the source broke") as raised:
            storage.write("b", Broken())
        told = printed(raised.value)
        assert "body.py" in told
        assert token.removeprefix("AUTH_tk") not in told
        # nor do the frames between hide the one that broke
        assert any(frame.name == "read" for frame in traceback.extract_tb(raised.value.__traceback__))
