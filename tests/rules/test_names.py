"""The rule for names, and that nothing skips it."""

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import flask_pyfs as fs
from flask_pyfs import names

BAD = [
    "",
    ".",
    "/",
    "//",
    "./.",
    "..",
    "../x",
    "a/..",
    "a/../../x",
    "/../x",
    "..\\x",
    "a\\b",
    "a\0b",
    "a\rb",
    "a\nb",
    "a\x7fb",
    "a\x85b",
    "a\ud800b",
    "x" * 5000,
    "é" * 600,
    ".flask_pyfs",
    "a/.flask_pyfs-x",
]

OPERATIONS = {
    "exists": lambda storage, name: storage.exists(name),
    "in": lambda storage, name: name in storage,
    "read": lambda storage, name: storage.read(name),
    "read_chunks": lambda storage, name: storage.read_chunks(name),
    "open r": lambda storage, name: storage.open(name),
    "open w": lambda storage, name: storage.open(name, "w"),
    "open xb": lambda storage, name: storage.open(name, "xb"),
    "open a": lambda storage, name: storage.open(name, "a"),
    "write": lambda storage, name: storage.write(name, b"bad", overwrite=True),
    "save": lambda storage, name: storage.save(io.BytesIO(b"bad"), name),
    "delete": lambda storage, name: storage.delete(name),
    "copy from": lambda storage, name: storage.copy(name, "target"),
    "copy to": lambda storage, name: storage.copy("d/canary", name, overwrite=True),
    "move from": lambda storage, name: storage.move(name, "target"),
    "move to": lambda storage, name: storage.move("d/canary", name, overwrite=True),
    "metadata": lambda storage, name: storage.metadata(name),
    "url": lambda storage, name: storage.url(name),
}


def snapshot(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture(params=["local", "memory"])
def storage(app, request, tmp_path):
    storage = fs.Storage("files", fs.ALL)
    app.config["FS_BACKEND"] = request.param
    fs.init_app(app, storage)
    storage.write("d/canary", b"inside")
    for path in ("x", "canary", "root/x", "root/canary", "root/other/x"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"outside")
    return storage


@pytest.mark.parametrize("operation", OPERATIONS)
def test_bad_names_touch_nothing(storage, tmp_path, operation):
    before = snapshot(tmp_path)
    for name in BAD:
        with pytest.raises(fs.InvalidPath) as raised:
            OPERATIONS[operation](storage, name)
        assert isinstance(raised.value, ValueError)
        assert len(str(raised.value)) < 400
    assert snapshot(tmp_path) == before
    assert list(storage.list_files()) == ["d/canary"]
    assert storage.read("d/canary") == b"inside"


@pytest.mark.parametrize("where", ["../out", "a/../../out", "..\\out", "a\0b", lambda: "../out", "x" * 5000])
def test_no_directory_in_front_of_a_name_leads_out(app, storage, tmp_path, where):
    before = snapshot(tmp_path)
    with pytest.raises(fs.InvalidPath):
        storage.save(io.BytesIO(b"bad"), "a.txt", prefix=where)
    other = fs.Storage("other", fs.ALL, upload_to=where)
    fs.init_app(app, other)
    with pytest.raises(fs.InvalidPath):
        other.save(io.BytesIO(b"bad"), "a.txt")
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", ["../x", "..\\x", "a\0b"])
def test_bad_prefixes_of_a_listing(storage, name):
    with pytest.raises(fs.InvalidPath):
        list(storage.list_files(name))


@pytest.mark.parametrize("name", [None, 1, b"bytes", ["list"]])
def test_a_name_is_text(storage, name):
    for operation in (storage.exists, storage.read, storage.delete, storage.url):
        with pytest.raises(fs.InvalidPath, match="must be a str"):
            operation(name)


def test_an_absolute_path_is_inside_the_storage(app, storage, tmp_path):
    assert storage.write("/etc/passwd", b"mine") == "etc/passwd"
    assert storage.read("etc/passwd") == b"mine"
    assert not storage.exists("/etc/hosts")
    if storage.root:
        assert (tmp_path / "root" / "files" / "etc" / "passwd").read_bytes() == b"mine"


def test_a_file_does_not_move_over_the_directory_that_holds_it(storage):
    with pytest.raises(fs.FileExists):
        storage.move("d/canary", "d", overwrite=True)
    assert storage.read("d/canary") == b"inside"


def test_serving_a_bad_name_is_404(app, storage):
    with app.test_request_context():
        for name in BAD:
            with pytest.raises(Exception, match="404"):
                storage.serve(name)


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "../canary",
        "..%2fx",
        "%2e%2e/x",
        "%2e%2e%2fx",
        "%252e%252e%252fx",
        "d/../../x",
        "d/..%2f..%2fx",
        "..%5cx",
        "..\\x",
        "%00",
        "d/canary%00",
        "d/canary%00.txt",
        "%0d%0aX: y",
        "a" * 5000,
        "%ff%fe",
        "%c0%ae%c0%ae/x",
        "/etc/passwd",
        "//etc/passwd",
        "%2fetc%2fpasswd",
        ".flask_pyfs/x",
        "d",
        "d/",
        ".",
        "%2e",
    ],
)
def test_over_http_nothing_bad_is_served(app, storage, path):
    response = app.test_client().get(f"/files/{path}", follow_redirects=True)
    assert response.status_code in (400, 404)
    assert b"outside" not in response.data
    assert b"root:" not in response.data


@given(st.text() | st.text(alphabet="./\\a\0é\n~ %", max_size=20))
def test_a_name_becomes_normal_or_is_refused(name):
    try:
        normal = names.normalize(name)
    except fs.InvalidPath:
        assert not names.is_normal(name)
        return
    assert names.normalize(normal) == normal
    assert names.is_normal(normal)
    assert normal == unicodedata.normalize("NFC", normal)
    assert len(normal.encode()) <= names.MAX_BYTES
    assert not normal.startswith("/")
    assert not normal.endswith("/")
    assert not {"", ".", ".."} & set(normal.split("/"))
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in normal)
    assert names.normalize("/" + name) == normal


@given(st.lists(st.text(alphabet="abé/", max_size=8), max_size=4), st.sampled_from(["a", "a.txt", "d/é"]))
def test_directories_in_front_of_a_name(directories, name):
    joined = names.join(*directories, name)
    assert names.normalize(joined).endswith(name)
