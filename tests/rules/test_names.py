"""The rule for names, and that nothing skips it."""

import io
import posixpath
import re
import unicodedata
from functools import cache

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
    ".\\..\\x",
    "a\\../x",
    "a/..\\x",
    "a//..//x",
    "/a\\..",
    "\uff0e\uff0e/x",
    "\u2025/x",
    ".\u200d./x",
    "a\uff3c..\uff3cx",
    "a\0b",
    "a\\b\0",
    "a\ud800",
    "/\udc7f/x",
    "\udfff//x",
    "x" * 5000,
    "é" * 2100,
    ".flask_pyfs",
    "a\\.flask_pyfs",
    "a//.flask_pyfs//x",
    "/.flask_pyfs-1f",
    ".\\.FLASK_pyfs\\x",
    unicodedata.normalize("NFD", ".flask_pyfs-é"),
    "a/.flask_pyfs-x",
    ".FLASK_PYFS",
    "a/.Flask_Pyfs/x",
    ".fla\u200csk_pyfs",
    "\ufeff.flask_pyfs",
    ".fla\u017fk_pyfs",
    ".flas\u212a_pyfs",
    "\uff0e\uff26lask\uff3fpyfs",
    "FLASK_~1",
    "a/flask_~2/x",
]

# other tools may have stored such files
NEVER_NEW = ["a\\b", "a\rb", "a\nb", "a\x7fb", "a\x85b", "a\udce9b", "é" * 600, "x" * 1025]

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
    "version": lambda storage, name: storage.version(name),
    "delete_version": lambda storage, name: storage.delete_version(name, "1"),
    "replace_version": lambda storage, name: storage.replace_version(name, b"bad", "1"),
    "url": lambda storage, name: storage.url(name or "."),
    "signed url": lambda storage, name: storage.url(name, expires=60),
    "path": lambda storage, name: storage.path(name or "."),
}
CREATING = [name for name in OPERATIONS if name.startswith(("open w", "open x", "open a", "write", "save", "copy to"))]


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


@pytest.mark.parametrize("operation", [*CREATING, "move to"])
def test_no_new_file_gets_a_name_without_a_normal_form(storage, tmp_path, operation):
    before = snapshot(tmp_path)
    for name in NEVER_NEW:
        with pytest.raises(fs.InvalidPath, match="no new file"):
            OPERATIONS[operation](storage, name)
    assert snapshot(tmp_path) == before
    assert list(storage.list_files()) == ["d/canary"]


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
        for name in [*BAD, *NEVER_NEW]:
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


ODD = st.text(alphabet="./\\ae\u0301é\0\n\ud800\udce9\uff0e\u200d~", max_size=12)
RESERVED_PARTS = st.lists(
    st.sampled_from(["..", ".", "", "a", "é", "e\u0301", ".flask_pyfs", ".Flask_pyfs-1", "FLASK_~1", "x\\y", "\0"]),
    max_size=5,
)
ANY_NAME = st.one_of(
    st.text(),
    ODD,
    st.builds(
        lambda parts, separator: separator.join(parts), RESERVED_PARTS, st.sampled_from(["/", "\\", "//", "\\/"])
    ),
)


@given(ANY_NAME)
def test_no_spelling_of_any_name_leads_out(name):
    try:
        spellings = names.spellings(name)
    except fs.InvalidPath:
        assert names.is_refused(name)
        assert not names.is_normal(name)
        return
    assert len(set(spellings)) == len(spellings) <= 3
    for spelling in spellings:
        parts = re.split(r"[/\\]", spelling)
        assert ".." not in parts
        assert "\0" not in spelling
        assert not any(map(names.is_reserved, parts))
        assert not spelling.endswith("/")
        # it joins PREFIX below it
        joined = posixpath.normpath(f"/p/{spelling}")
        assert joined.startswith("/p/")
        # each is found by its own name first
        assert names.spellings(spelling)[0] == spelling
        assert names.spellings(names.Exact(spelling)) == (spelling,)
    if name.isascii() and names.is_normal(name):
        assert spellings == (name,)
    normal = names.normal_form(name)
    assert normal is None or normal in spellings
    assert set(names.signed(name)) <= set(spellings)


@given(ANY_NAME)
def test_a_prefix_shows_what_its_name_means(name):
    try:
        spellings = names.spellings(name)
    except fs.InvalidPath:
        return
    for prefix in (name, f"{name}/"):
        starts = names.prefixes(prefix)
        end = "/" if prefix.endswith("/") else ""
        assert all(any(f"{spelling}{end}".startswith(start) for start in starts) for spelling in spellings)
        # none is listed twice
        assert not any(one != other and one.startswith(other) for one in starts for other in starts)


@given(st.text(max_size=8) | ODD, st.booleans())
def test_a_collapsed_name_is_below_its_directory(name, ends):
    collapsed = names.collapse(name + "/" * ends)
    assert not collapsed.startswith("/")
    assert "//" not in collapsed
    assert ".." in name or f"/{collapsed.rstrip('/')}" == posixpath.normpath(f"/./{name}")


# what the disks do that take two spellings for one name: a step, or none, of each kind

APART = {
    "as is": lambda text: text,
    "NFD": lambda text: unicodedata.normalize("NFD", text),
    "NFC": lambda text: unicodedata.normalize("NFC", text),
    "NFKD": lambda text: unicodedata.normalize("NFKD", text),
    "NFKC": lambda text: unicodedata.normalize("NFKC", text),
}
CASE = {
    "as is": lambda text: text,
    "lower": str.lower,
    "upper, as NTFS does": lambda text: text.upper().lower(),
    "fold": str.casefold,
}
# the ones that HFS+ drops, and some more of Unicode's Default_Ignorable_Code_Point
IGNORED = ["\u200c", "\u200d", "\u200e", "\u200f", "\u202a", "\u202e", "\u206a", "\u206f", "\ufeff"]
IGNORED += [
    "\u00ad",
    "\u034f",
    "\u061c",
    "\u115f",
    "\u17b4",
    "\u180b",
    "\u2060",
    "\u3164",
    "\ufe0f",
    "\uffa0",
    "\U000e0101",
]


def taken_for(text):
    """Return all names that some disk takes a name for."""
    kept = "".join(character for character in text if character not in IGNORED)
    return {
        APART[last](CASE[case](APART[apart](each)))
        for each in (text, kept)
        for apart in APART
        for case in CASE
        for last in APART
    }


@cache
def spellings():
    """Return the characters that some disk takes for each one of a reserved name."""
    found = {character: [] for character in names.RESERVED}
    for code in (*range(0xD800), *range(0xE000, 0x20000)):
        if not found.keys().isdisjoint(unicodedata.normalize("NFKD", chr(code)).upper().casefold()):
            for other in taken_for(chr(code)) & found.keys():
                found[other].append(chr(code))
    return found


def test_there_are_many_spellings():
    assert {"K", "\u212a", "\uff2b"} <= set(spellings()["k"])
    assert {"S", "\u017f"} <= set(spellings()["s"])
    assert "\uff0e" in spellings()["."]


some_ignored = st.lists(st.sampled_from(IGNORED), max_size=2).map("".join)
one_spelling = st.deferred(
    lambda: st.tuples(
        *(st.tuples(some_ignored, st.sampled_from(spellings()[character])) for character in names.RESERVED)
    ).map(lambda pairs: "".join(ignored + character for ignored, character in pairs))
)


@given(one_spelling, some_ignored, st.sampled_from(["", "-1f", "/x", ".", " "]))
def test_each_spelling_of_a_reserved_name_is_refused(spelling, ignored, rest):
    component = spelling + ignored + rest.rstrip("/x")
    assert names.is_reserved(component)
    for name in (spelling + ignored + rest, f"a/{spelling}{ignored}{rest}", f"/{spelling}{rest}/b"):
        with pytest.raises(fs.InvalidPath, match="reserved"):
            names.normalize(name)


@given(st.text(max_size=20) | st.text(alphabet=".flask_pyFS~1\u200c\u0301\u017f\uff0e", max_size=16))
def test_no_disk_takes_a_good_name_for_a_reserved_one(name):
    try:
        components = names.normalize(name).split("/")
    except fs.InvalidPath:
        return
    for component in components:
        assert not any(other.startswith(names.RESERVED) for other in taken_for(component))


def test_each_character_that_may_start_a_reserved_name_is_looked_at():
    for code in (*range(0xD800), *range(0xE000, 0x110000)):
        folded = names._folded(chr(code))
        if folded == "." or "~" in folded:
            assert names.is_reserved(f"{chr(code)}flask_pyfs" if folded == "." else f"flask_{chr(code)}1")


@pytest.mark.parametrize("name", ["flask_pyfs", ".flask", "flask~1", "_flask_pyfs", ".flask-pyfs", "a~1", "fla~1", "~"])
def test_names_like_reserved_ones_are_good(name):
    assert names.normalize(name) == name
    assert not names.is_reserved(name)


@given(st.lists(st.text(alphabet="abé/", max_size=8), max_size=4), st.sampled_from(["a", "a.txt", "d/é"]))
def test_directories_in_front_of_a_name(directories, name):
    joined = names.join(*directories, name)
    assert names.normalize(joined).endswith(name)


@given(st.text("a/.").filter(lambda name: not names.is_refused(name)))
def test_a_name_without_its_end_means_the_same_file(name):
    bare = names.uploaded(name)
    assert name.startswith(bare)
    assert not bare.endswith(("/", "/."))
    assert re.fullmatch(r"(/\.?)*", name[len(bare) :])


def test_letters_of_which_nothing_is_refused_hide_nothing():
    letters = [character for character in map(chr, range(0xD800)) if names._lettered()(character)]
    assert len(letters) > 30_000
    for character in letters:
        assert not names.is_ignorable(character)
        assert not names._ODD.search(unicodedata.normalize("NFC", character)), character
        folded = names._folded(character)
        assert folded
        assert character.isascii() or set(folded).isdisjoint("./\\~"), character


@given(
    st.lists(
        st.sampled_from(["a", ".", "..", "/", "~", "\\", "\xe9", "e\u0301", "\u0338", "\u4e2d", " ", "\x7f", ".f"])
    )
)
def test_the_short_way_is_the_long_one(pieces):
    name = "".join(pieces)
    if names._lettered()(name):
        names._refuse(name)
        assert names.normalize(name) == names._normalize(name)
