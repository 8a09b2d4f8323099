"""Documents that get the key of another, bulk inserts and listeners of the app lose no file that the database names."""

import contextlib
import io
from datetime import timedelta

import mongoengine
import pytest
from bson import ObjectId
from mongoengine import signals

import flask_pyfs as fs
from flask_pyfs.fields import stored
from flask_pyfs.fields.stored import Known, NewFile, current_file
from flask_pyfs.mongo import FileField, ImageField, undoing

pytestmark = pytest.mark.server

files = fs.Storage("files", fs.ALL)


class Paper(mongoengine.Document):
    meta = {"collection": "papers_with_keys"}
    name = mongoengine.StringField()
    file = FileField(files, remove_files=True)


class Part(mongoengine.EmbeddedDocument):
    file = FileField(files)


class Whole(mongoengine.Document):
    parts = mongoengine.EmbeddedDocumentListField(Part)
    listed = mongoengine.ListField(mongoengine.EmbeddedDocumentField(Part))
    mapped = mongoengine.MapField(mongoengine.EmbeddedDocumentField(Part))
    one = mongoengine.EmbeddedDocumentField(Part)


class Framed(mongoengine.Document):
    image = ImageField(fs=files, thumbnails=[10])


@pytest.fixture(autouse=True)
def storage(app, mongoengine_database, monkeypatch):
    app.config["FILES_FS_BACKEND"] = "memory"
    fs.init_app(app, files)
    # what other processes saved was stored long ago
    monkeypatch.setattr(stored, "_UNSAVED", timedelta(days=-1))
    for document in (Paper, Whole):
        document._get_collection().delete_many({})


def add(name):
    """Let another process save a document, and return it as this one loads it."""
    files.write(f"{name}.txt", name)
    Paper._get_collection().insert_one({"name": name, "file": {"filename": f"{name}.txt"}})
    return Paper.objects.get(name=name)


def upload():
    return io.BytesIO(b"content")


def names():
    return sorted(files.list_files())


def named():
    return sorted(found["file"]["filename"] for found in Paper._get_collection().find({}))


@contextlib.contextmanager
def listening(listener, is_first):
    """Call a listener of the app before or after the one of the field."""
    ours = list(signals.post_save.receivers_for(Paper))
    for each in ours:
        signals.post_save.disconnect(each, sender=Paper)

    def all_of_them(sender, **more):
        for each in [listener, *ours] if is_first else [*ours, listener]:
            each(sender, **more)

    try:
        with signals.post_save.connected_to(all_of_them, sender=Paper):
            yield
    finally:
        for each in ours:
            signals.post_save.connect(each, sender=Paper)


def test_a_copy_whose_save_is_repeated():
    paper = add("old")

    def mail(sender, document, **more):
        raise ConnectionError("the app's mail server is down")

    paper.pk = None
    paper.file.save(upload(), "mine.txt")
    with listening(mail, is_first=True), pytest.raises(ConnectionError):
        paper.save()
    paper.save()
    assert named() == ["mine.txt", "old.txt"] == names()


@pytest.mark.parametrize("is_inserted", [True, False])
def test_a_copy_that_was_inserted_in_bulk(is_inserted):
    paper = add("old")
    paper.pk, paper._created = None, True
    paper.file.save(upload(), "mine.txt")
    if is_inserted:
        Paper.objects.insert([paper])
        paper.name = "new"
    paper.save()
    assert named() == ["mine.txt", "old.txt"] == names()


@pytest.mark.parametrize("is_before", [True, False])
def test_the_key_of_another_document(is_before):
    paper, other = add("old"), add("other")
    if is_before:
        paper.pk = other.pk
    paper.file.save(upload(), "mine.txt")
    paper.pk = other.pk
    paper.save()
    assert named() == ["mine.txt", "old.txt"]
    assert set(names()) >= set(named())
    paper.file.save(upload(), "newer.txt")
    paper.save()
    assert named() == ["newer.txt", "old.txt"]
    assert "mine.txt" not in names()
    assert set(names()) >= set(named())


def test_a_new_key_and_a_deletion():
    paper = add("old")
    paper.pk = ObjectId()
    paper.delete()
    assert named() == ["old.txt"] == names()


@pytest.mark.parametrize("is_loaded", [True, False])
def test_a_block_around_a_bulk_insert(is_loaded):
    paper = Paper(name="new")
    with contextlib.suppress(ZeroDivisionError), undoing(paper):
        paper.file.save(upload(), "new.txt")
        Paper.objects.insert([Paper(name="other", file=paper.file.filename)], load_bulk=is_loaded)
        raise ZeroDivisionError
    assert named() == ["new.txt"] == names()


@pytest.mark.parametrize("is_saved", [True, False])
@pytest.mark.parametrize("place", ["parts", "listed", "mapped", "one"])
def test_a_block_that_puts_an_embedded_document_into_another(place, is_saved):
    whole, part = Whole(), Part()
    if is_saved:
        whole.save()
    with contextlib.suppress(ZeroDivisionError), undoing(part):
        part.file.save(upload(), "new.txt")
        if place == "one":
            whole.one = part
        elif place == "mapped":
            whole.mapped["a"] = part
        else:
            getattr(whole, place).append(part)
        whole.save()
        raise ZeroDivisionError
    assert names() == ["new.txt"]
    assert part.file.filename == "new.txt"
    assert "new.txt" in str(Whole._get_collection().find_one())


def test_a_block_of_an_embedded_document_that_nothing_got():
    part = Part()
    with contextlib.suppress(ZeroDivisionError), undoing(part):
        part.file.save(upload(), "new.txt")
        raise ZeroDivisionError
    assert names() == []
    assert not part.file


@pytest.mark.parametrize("is_first", [True, False])
def test_a_listener_that_changes_the_document_without_saving_it(is_first):
    paper = add("old")

    def change(sender, document, **more):
        document.file.save(upload(), "third.txt")

    with listening(change, is_first):
        paper.file.save(upload(), "second.txt")
        paper.save()
    assert named() == ["second.txt"]
    assert "second.txt" in names()
    paper.name = "new"
    paper.save()
    assert set(names()) >= set(named())
    paper.reload()
    paper.save()
    assert named() == ["second.txt"]
    assert "second.txt" in names()


@pytest.mark.parametrize("is_first", [True, False])
def test_a_listener_that_saves_again(is_first):
    paper, calls = add("old"), []

    def change(sender, document, **more):
        if not calls:
            calls.append(document)
            document.file.save(upload(), "third.txt")
            document.save()

    with listening(change, is_first):
        paper.file.save(upload(), "second.txt")
        paper.save()
    assert named() == ["third.txt"] == names()


def test_settings_that_are_assigned_to_a_reference(draw):
    framed = Framed()
    framed.image.thumbnail_sizes = [5]
    framed.image.save(draw(), "a.png")
    assert framed.image.thumbnails == {"5": "a-5.png"}
    assert Framed().image.thumbnail_sizes == [10]


def test_a_version_that_comes_again():
    version = files.write("a.txt", "content").version
    # the versions of some backends are times in seconds
    NewFile(files, "a.txt", version, replaces=version, is_replacement=True).undo()
    assert current_file(files, "a.txt", Known(version)).version == version


def test_what_is_saved_again_is_remembered_longest(monkeypatch):
    monkeypatch.setattr(stored, "_MOST", 2)
    owner = ("paper", 1, "file")
    for name in ("a.txt", "b.txt", "a.txt", "c.txt"):
        stored.note_saved(files, name, Known("1"), owner)
    assert NewFile(files, "a.txt", "1").is_saved()
    assert not NewFile(files, "b.txt", "1").is_saved()
