"""The note that a store keeps with one version of a file."""

import io

import pytest
from fs import errors
from hypothesis import given, settings
from hypothesis import strategies as st
from places import make_place

from flask_pyfs.filesystems.gridfs import GridFS
from flask_pyfs.filesystems.objects.notes import sealed, unsealed
from flask_pyfs.filesystems.s3 import S3FS
from flask_pyfs.filesystems.store import Description, OtherVersion
from flask_pyfs.filesystems.swift import SwiftFS

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


def test_a_note_is_kept_as_it_is(store):
    assert store.keeps_notes
    for note in NOTES:
        version = put(store, "a/b", note=note)
        assert (store.facts("a/b").version, note_of(store, "a/b")) == (version, note)
        assert store.delete_version("a/b", version)
        put(store, "a/b", overwrite=False, note=note)
        assert note_of(store, "a/b") == note
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


# Uploads in parts


def streams(store, content):
    """Streams of unknown and of known size, and a file that is open for writing."""

    class Unknown(io.RawIOBase):
        def __init__(self):
            self.rest = io.BytesIO(content)

        def readable(self):
            return True

        def read(self, size=-1):
            return self.rest.read(size)

    return {"known": io.BytesIO(content), "unknown": Unknown()}


@pytest.mark.parametrize("kind", ["known", "unknown"])
def test_a_large_file_has_its_note(make_store, kind):
    store = make_store()
    if hasattr(store, "segment_size"):
        store.segment_size = store.part_size = 1000
        content = bytes(range(250)) * 10
    else:
        store.part_size = 5 * 1024 * 1024 if hasattr(store, "s3") else store.chunk_size
        content = bytes(store.part_size) + b"end"
    version = store.put("a", streams(store, content)[kind], note="first")
    assert (store.facts("a").version, note_of(store, "a")) == (version, "first")
    version = store.replace_version("a", streams(store, content)[kind], version, note="second")
    assert (store.facts("a").version, note_of(store, "a")) == (version, "second")
    store.put("b", streams(store, content)[kind], overwrite=False, note="b")
    assert note_of(store, "b") == "b"
    store.copy_file("a", "c")
    store.copy_from(store, "a", "d", note="copied")
    assert [note_of(store, name) for name in "cd"] == [None, "copied"]
    assert store.read_file("d") == store.read_file("c") == content
    store.put("a", streams(store, content)[kind])
    assert note_of(store, "a") is None
    assert store.read_file("d") == store.read_file("a") == content


def test_what_listings_tell(store):
    put(store, "a", note="first")
    put(store, "b/c")
    listed = dict(store.iter_facts())
    told = {path: facts.note if facts.marked else "not told" for path, facts in listed.items()}
    known = isinstance(store, GridFS)
    assert told == ({"a": "first", "b/c": None} if known else {"a": "not told", "b/c": "not told"})
    level = dict(store.iter_level())
    assert (level["a"].note if level["a"].marked else "not told") == told["a"]


def test_a_note_and_a_description_are_kept_side_by_side(store):
    if store.keeps_descriptions:
        put(store, "a", description=Description("gzip", "inline", "de"), note="first")
        assert store.facts("a").description == Description("gzip", "inline", "de")
        assert note_of(store, "a") == "first"


# What other tools do


def copied_by_others(store, path, target):
    """Copy a file as a tool does that knows nothing of notes; of GridFS, move it."""
    if isinstance(store, S3FS):
        bucket = store._bucket.name
        store.client.copy_object(Bucket=bucket, Key=target, CopySource={"Bucket": bucket, "Key": path})
    elif isinstance(store, SwiftFS):
        container = store._container.name
        store.connection.copy_object(container, path, f"/{container}/{target}")
    else:
        database, _, bucket = store._bucket.name.partition(".")
        store.client[database][f"{bucket}.files"].update_one({"filename": path}, {"$set": {"filename": target}})


def test_what_other_tools_copy_or_move_has_no_note(store):
    put(store, "a", note="first")
    copied_by_others(store, "a", "b")
    assert note_of(store, "b") is None
    assert store.read_file("b") == b"content"
    put(store, "b", note="second")
    assert note_of(store, "b") == "second"


@given(note=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=1000), data=st.data())
def test_a_sealed_note_is_that_of_one_place_alone(note, data):
    place = ("bucket", "key", "mark")
    metadata = sealed(note, "n-", *place)
    assert all(len(value) <= 256 and value == value.strip() for value in metadata.values())
    # a longer note was there before
    assert unsealed({**sealed("x" * 1000, "n-", *place), **metadata}, "n-", *place) == note
    for other in (("bucket", "key", "other"), ("bucket", "other", "mark"), ("other", "key", "mark"), ("bucket", "key")):
        assert unsealed(metadata, "n-", *other) is None
    name = data.draw(st.sampled_from(sorted(metadata)))
    damaged = {**metadata, name: data.draw(st.text(max_size=20))}
    assert unsealed(damaged, "n-", *place) in (None, note)
    del damaged[name]
    assert unsealed(damaged, "n-", *place) is None


# A model


class Model:
    """What was written with which note, by path and version."""

    def __init__(self, store):
        self.store, self.notes = store, {}

    def check(self, path):
        try:
            facts = self.store.facts(path)
        except errors.ResourceNotFound:
            return None
        if facts.note is not None:
            assert self.notes[path, facts.version] == facts.note
        return facts.version

    def write(self, path, content, note, only):
        given = {} if note is None else {"note": note}
        version = self.check(path) if only else None
        if version is None:
            version = self.store.put(path, io.BytesIO(content), **given)
        else:
            version = self.store.replace_version(path, io.BytesIO(content), version, **given)
        if note is not None:
            self.notes[path, version] = note
        assert self.store.facts(path).note == note

    def copy(self, path, target, note, by):
        if self.check(path) is None or path == target:
            return
        if by == "copy_from":
            given = {} if note is None else {"note": note}
            assert self.store.copy_from(self.store, path, target, **given)
            if note is not None:
                self.notes[target, self.store.facts(target).version] = note
                assert self.store.facts(target).note == note
        else:
            getattr(self.store, by)(path, target)


PATHS = st.sampled_from(["a", "b", "d/c"])
SOME_NOTES = st.none() | st.sampled_from(["one", "two " * 200])
STEPS = st.one_of(
    st.tuples(st.just("write"), PATHS, st.sampled_from([b"", b"same"]), SOME_NOTES, st.booleans()),
    st.tuples(st.just("copy"), PATHS, PATHS, SOME_NOTES, st.sampled_from(["copy_from", "copy_file", "move_file"])),
)


def test_a_note_belongs_to_one_version(store, soak):
    @settings(max_examples=200 if soak else 4, deadline=None, derandomize=not soak)
    @given(steps=st.lists(STEPS, min_size=10, max_size=20))
    def run(steps):
        store.delete_objects_below("")
        model = Model(store)
        for kind, *arguments in steps:
            getattr(model, kind)(*arguments)
            for path in ("a", "b", "d/c"):
                model.check(path)

    run()


def test_which_stores_decide_versions(store, request):
    # the s3api of Swift says so when it is asked
    kind = request.node.callspec.params["make_store"]
    assert store.decides_versions is (kind != "swift")
    assert store.learn_conditions("probe") is store.decides_versions is (kind in ("s3-moto", "gridfs"))
    assert list(store.iter_files()) == []
