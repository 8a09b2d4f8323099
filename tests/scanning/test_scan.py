"""SCAN with a function of the app: when it is asked, what it gets, and what its answers mean."""

import io
import logging

import pytest
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs

PNG = b"\x89PNG\r\n\x1a\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script><path d="M0 0"/></svg>'


class Scanner:
    """A scanner that keeps what it was asked about."""

    def __init__(self, answer=True):
        self.answer = answer
        self.asked = []

    def __call__(self, file, filename):
        self.asked.append((filename, file.read()))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def configured(app):
    """A function that configures a storage in memory with a scanner and further settings."""

    def configured(scanner, extensions=fs.ALL, **settings):
        storage = fs.Storage("files", extensions)
        app.config.update({"FILES_FS_BACKEND": "memory", "FILES_FS_SCAN": scanner})
        app.config.update({f"FILES_FS_{key}": value for key, value in settings.items()})
        fs.init_app(app, storage)
        return storage

    with app.app_context():
        yield configured


def test_what_it_gets(configured):
    scanner = Scanner()
    storage = configured(scanner)
    file = io.BytesIO(b"before content")
    file.seek(7)
    assert storage.save(file, "a.txt", prefix="p") == "p/a.txt"
    assert scanner.asked == [("p/a.txt", b"content")]
    assert storage.read("p/a.txt") == b"content"


def test_it_may_read_in_any_way_and_close_the_file(configured):
    def scanner(file, filename):
        lines = [*file]
        file.seek(-3, io.SEEK_END)
        found.append((lines, file.read(2), file.tell()))
        file.seek(0)
        assert file.readable()
        assert file.seekable()
        assert file.readline() == b"one\n"
        file.close()
        return True

    found = []
    storage = configured(scanner)
    upload = FileStorage(io.BytesIO(b"one\ntwo\n"), "a.txt")
    assert storage.save(upload) == "a.txt"
    assert found == [([b"one\n", b"two\n"], b"wo", 7)]
    assert storage.read("a.txt") == b"one\ntwo\n"
    assert not upload.stream.closed


def test_an_async_scanner_is_an_error_of_the_app(configured):
    async def scanner(file, filename):
        return True

    storage = configured(scanner, SCAN_FAIL_OPEN=True)
    with pytest.raises(fs.ConfigurationError, match="FILES_FS_SCAN must be no async function"):
        storage.save(io.BytesIO(b"content"), "a.txt")
    assert [*storage.list_files()] == []


@pytest.mark.parametrize("answer", [False, None, 1, "OK", "clean"])
def test_anything_else_than_true_refuses(configured, answer, caplog):
    storage = configured(Scanner(answer))
    with pytest.raises(fs.UnauthorizedFileType, match=r"'files' does not take 'a.txt'.*FILES_FS_SCAN") as raised:
        storage.save(io.BytesIO(b"content"), "a.txt")
    assert raised.value.user_message == "This file is not accepted."
    assert [*storage.list_files()] == []
    assert caplog.messages == [str(raised.value)]


def test_it_is_asked_on_the_ways_of_clients_alone(app, configured):
    scanner = Scanner()
    storage = configured(scanner)
    storage.write("a.txt", "x")
    with storage.open("b.txt", "w") as file:
        file.write("x")
    storage.fs.writetext("c.txt", "x")
    storage.copy("a.txt", "d.txt")
    storage.move("d.txt", "e.txt")
    assert scanner.asked == []
    upload = storage.upload_url("f.txt", expires=60)
    answer = app.test_client().post(upload.url, data={"file": (io.BytesIO(b"y"), "f.txt")})
    assert answer.status_code == 201
    assert scanner.asked == [(upload.name, b"y")]


def test_the_route_refuses_with_a_sentence(app, configured):
    storage = configured(Scanner(False))
    upload = storage.upload_url("f.txt", expires=60)
    data = {"file": (io.BytesIO(b"y"), "f.txt")}
    answer = app.test_client().post(upload.url, data=data, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["description"]) == (415, "This file is not accepted.")
    assert [*storage.list_files()] == []


def test_a_check_asks_too_and_moves_nothing(configured):
    scanner = Scanner()
    storage = configured(scanner)
    file = io.BytesIO(b"content")
    file.seek(3)
    assert storage.check(file, "a.txt") == "a.txt"
    assert (file.tell(), scanner.asked) == (3, [("a.txt", b"tent")])
    scanner.answer = False
    with pytest.raises(fs.UnauthorizedFileType):
        storage.check(file, "a.txt")
    assert file.tell() == 3


def test_what_is_stored_is_what_was_scanned(configured):
    pytest.importorskip("py_svg_hush")
    scanner = Scanner()
    storage = configured(scanner, [*fs.IMAGES, "svg"], VERIFY_SVG="strip")
    storage.save(io.BytesIO(SVG), "a.svg")
    assert scanner.asked == [("a.svg", storage.read("a.svg"))]
    assert b"script" not in storage.read("a.svg")


def test_what_is_not_of_its_type_is_not_sent(configured):
    scanner = Scanner()
    storage = configured(scanner, fs.IMAGES)
    with pytest.raises(fs.UnauthorizedFileType, match="the content is not of the type"):
        storage.save(io.BytesIO(b"<script>"), "a.png")
    assert scanner.asked == []


class Pipe:
    def __init__(self, content, failure=None):
        self._content, self._failure = io.BytesIO(content), failure

    def read(self, size=-1):
        if self._failure is not None:
            raise self._failure
        return self._content.read(size)


def test_a_pipe(configured):
    scanner = Scanner()
    storage = configured(scanner, MAX_SIZE=10)
    assert storage.save(Pipe(b"content"), "a.txt") == "a.txt"
    assert scanner.asked == [("a.txt", b"content")]
    assert storage.read("a.txt") == b"content"
    with pytest.raises(fs.FileTooLarge):
        storage.save(Pipe(bytes(11)), "b.txt")
    assert len(scanner.asked) == 1


class Unreadable(io.BytesIO):
    def read(self, size=-1):
        raise OSError("the disk of the client")


@pytest.mark.parametrize("opens", [False, True])
def test_an_upload_that_cannot_be_read_is_no_failure_of_the_scanner(configured, opens):
    storage = configured(Scanner(), SCAN_FAIL_OPEN=opens)
    with pytest.raises(OSError, match="the disk of the client"):
        storage.save(Unreadable(b"content"), "a.txt")
    assert [*storage.list_files()] == []


@pytest.mark.parametrize("failure", [ValueError("no licence"), ConnectionError("down"), fs.BackendError("down")])
def test_a_scanner_that_fails(configured, failure, caplog):
    storage = configured(Scanner(failure))
    with pytest.raises(
        fs.BackendError, match=r"'a.txt', because its scanner \(FILES_FS_SCAN\).*(licence|down)"
    ) as raised:
        storage.save(io.BytesIO(b"content"), "a.txt")
    assert raised.value.__cause__ is failure
    assert "viruses" in raised.value.user_message
    assert [*storage.list_files()] == []
    assert caplog.messages == []


def test_a_scanner_that_fails_open(configured, caplog):
    storage = configured(Scanner(ConnectionError("down")), SCAN_FAIL_OPEN=True)
    assert storage.save(io.BytesIO(b"content"), "a.txt") == "a.txt"
    assert storage.read("a.txt") == b"content"
    assert caplog.record_tuples == [
        (
            "flask_pyfs.scanning",
            logging.WARNING,
            "storage 'files' does not take 'a.txt', because its scanner (FILES_FS_SCAN) could not scan it: it raised "
            "ConnectionError: down; it is stored all the same, because SCAN_FAIL_OPEN is on",
        )
    ]


@pytest.mark.parametrize("opens", [False, True])
def test_a_scanner_may_refuse_with_a_sentence_of_its_own(configured, opens):
    own = fs.UnauthorizedFileType("too salty", user_message="Less salt, please.")
    storage = configured(Scanner(own), SCAN_FAIL_OPEN=opens)
    with pytest.raises(fs.UnauthorizedFileType) as raised:
        storage.save(io.BytesIO(b"content"), "a.txt")
    assert raised.value is own


@pytest.mark.parametrize(
    "value",
    [
        "clamd",
        "clamd:/x",
        "/run/clamd.sock",
        "clamd://",
        "clamd:///",
        "clamd://host:0",
        "clamd://host:70000",
        "clamd://host:x",
        "clamd://user@host",
        "clamd://[::1]:3310",
        "clamd://host/path",
        "clamd://host?timeout=0",
        "clamd://host?timeout=x",
        "clamd://host?wait=3",
        "http://host",
        "no.such:function",
        7,
    ],
)
def test_what_is_no_scanner(configured, value):
    with pytest.raises(fs.ConfigurationError, match=r"^FILES_FS_SCAN must be a callable") as raised:
        configured(value)
    # a misspelt address gets the message about addresses
    assert ("clamd://host:port" in str(raised.value)) is ("/" in str(value))


def test_the_name_of_a_function(configured):
    storage = configured("operator:truth")
    assert storage.config["scan"] is __import__("operator").truth


def test_clamd_needs_its_client(configured, monkeypatch):
    monkeypatch.setattr("flask_pyfs.uploads.intake.find_spec", lambda name: None)
    with pytest.raises(
        fs.ConfigurationError, match=r"FILES_FS_SCAN needs clamav-client: pip install 'flask_pyfs\[scan\]'"
    ):
        configured("clamd://localhost")


def test_without_the_room_nothing_is_stored(configured, monkeypatch):
    storage = configured(Scanner())

    def room(name, storage):
        raise fs.OperationNotSupported("no such room")

    monkeypatch.setattr("flask_pyfs.storage.room", room)
    with pytest.raises(fs.OperationNotSupported):
        storage.save(io.BytesIO(b"content"), "a.txt")
    assert [*storage.list_files()] == []
