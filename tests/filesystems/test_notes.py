"""The note that a store keeps with one version of a file."""

import io

import pytest
from places import make_place

from flask_pyfs.filesystems.store import Description, OtherVersion

KINDS = ["s3-moto", "s3-swift", "gridfs", "swift"]

pytestmark = pytest.mark.server

EVERYTHING = "".join(chr(code) for code in range(32, 127))

NOTES = ["", "x", " two  spaces ", EVERYTHING, "=?utf-8?q?=41?=", "%41+", "~" * 1000, " " * 1000]

NO_NOTES = ["x" * 1001, "\xe9", "a\nb", "\t", "\0", "\x7f"]


@pytest.fixture(params=KINDS)
def make_store(app, configure_storage, request):
    """Open a store in a new place, with further settings."""
    with app.app_context():
        made = []

        def make_store(name="files", **settings):
            place = make_place(request.param, request)
            made.append(place)
            return configure_storage(name, {**place.__enter__(), **settings}).backend.store

        yield make_store
        for place in reversed(made):
            place.__exit__(None, None, None)


@pytest.fixture
def store(make_store):
    return make_store()


def put(store, path, content=b"content", **options):
    return store.put(path, io.BytesIO(content), **options)


def note_of(store, path):
    facts = store.facts(path)
    read, file = store.fetch(path)
    file.close()
    assert facts.marked
    assert read.note == facts.note
    return facts.note


@pytest.mark.parametrize("note", NOTES)
def test_a_note_is_kept_as_it_is(store, note):
    assert store.keeps_notes
    for overwrite in (False, True):
        version = put(store, "a/b", overwrite=overwrite, note=note)
        assert note_of(store, "a/b") == note
        assert store.facts("a/b").version == version
    assert store.read_file("a/b") == b"content"


def test_what_can_be_no_note_is_refused_and_nothing_is_stored(store):
    version = put(store, "a", note="old")
    for note in NO_NOTES:
        with pytest.raises(ValueError, match="at most 1000 printable ASCII"):
            put(store, "a", b"new", note=note)
        with pytest.raises(ValueError, match="at most 1000 printable ASCII"):
            store.replace_version("a", io.BytesIO(b"new"), version, note=note)
        with pytest.raises(ValueError, match="at most 1000 printable ASCII"):
            store.copy_from(store, "a", "b", note=note)
    assert store.facts("a").version == version
    assert list(store.iter_files()) == ["a"]


def test_no_later_version_has_the_note(store):
    for write in (
        lambda version: put(store, "a", b"later"),
        lambda version: store.replace_version("a", io.BytesIO(b"later"), version),
        lambda version: store.open_write("a").close(),
        lambda version: store.writebytes("a", b"later"),
        lambda version: store.appendbytes("a", b"later"),
        lambda version: (store.delete_version("a", version), put(store, "a", b"content", overwrite=False)),
    ):
        version = put(store, "a", note="first")
        assert note_of(store, "a") == "first"
        write(version)
        assert note_of(store, "a") is None
    version = put(store, "a", note="first")
    version = store.replace_version("a", io.BytesIO(b"later"), version, note="second")
    assert note_of(store, "a") == "second"
    with pytest.raises(OtherVersion):
        store.replace_version("a", io.BytesIO(b"later"), "another", note="third")
    assert (store.facts("a").version, note_of(store, "a")) == (version, "second")


def test_no_copy_has_the_note(make_store):
    store, other = make_store(), make_store("other")
    put(store, "a", note="first")
    store.copy_file("a", "b")
    store.copy_file("a", "x/y")
    assert store.copy_from(store, "a", "c")
    assert other.copy_from(store, "a", "a")
    assert [note_of(store, name) for name in ("b", "x/y", "c")] == [None, None, None]
    assert note_of(other, "a") is None
    store.copy("a", "d")
    store.move("a", "e")
    assert [note_of(store, name) for name in ("d", "e")] == [None, None]
    version = put(store, "a", note="second")
    store.copy_file("a", "a")
    assert store.copy_from(store, "a", "a")
    assert (store.facts("a").version, note_of(store, "a")) == (version, "second")
    store.move_file("a", "f")
    assert note_of(store, "f") is None


def test_a_copy_has_the_note_that_is_meant_for_it(make_store):
    store, other = make_store(), make_store("other")
    described = {"description": Description(None, "inline", "de")} if store.keeps_descriptions else {}
    put(store, "a", content_type="text/x-odd", note="z" * 900, **described)
    known = store.facts("a")
    for target, path in ((store, "b"), (other, "a")):
        assert target.copy_from(store, "a", path, overwrite=False, note="copied")
        copied = target.facts(path)
        assert (copied.note, copied.content_type, copied.description) == ("copied", "text/x-odd", known.description)
        assert target.read_file(path) == b"content"
        assert target.copy_from(store, "a", path, version=copied.version, note="again")
        again = target.facts(path)
        assert (again.note, again.content_type, again.description) == ("again", "text/x-odd", known.description)
        assert again.version != copied.version
        for conditions, refusal in (({"overwrite": False}, "exists"), ({"version": copied.version}, "replaced")):
            with pytest.raises(Exception, match=refusal):
                target.copy_from(store, "a", path, note="refused", **conditions)
        assert target.facts(path) == again
        assert target.copy_from(store, "a", path)
        assert target.facts(path).note is None
    assert store.facts("a") == known
