"""What a document names is there, whatever is done with documents and references, on a real MongoDB."""

import contextlib
import copy
import io
import pickle

import mongoengine
import pytest
from mongoengine import signals
from mongoengine.errors import NotUniqueError, ValidationError
from PIL import Image

import flask_pyfs as fs
from flask_pyfs.fields.settings import ImageSettings
from flask_pyfs.mongo import FileField, ImageField, undoing

files = fs.Storage("files", fs.ALL)


class Paper(mongoengine.Document):
    name = mongoengine.StringField(unique=True, max_length=5)
    file = FileField(files, "up", remove_files=True)


class Photo(mongoengine.Document):
    name = mongoengine.StringField()
    image = ImageField(20, [10], fs=files, remove_files=True)


class Shown(mongoengine.Document):
    name = mongoengine.StringField()
    image = ImageField(20, [10], fs=files)


class Animal(mongoengine.Document):
    meta = {"allow_inheritance": True}


class Dog(Animal):
    file = FileField(files, remove_files=True)


class Standard(mongoengine.Document):
    file = FileField(files, remove_files=True, default="default.txt")


class Listed(mongoengine.Document):
    listed = mongoengine.ListField(FileField(files))
    mapped = mongoengine.MapField(FileField(files))


class Part(mongoengine.EmbeddedDocument):
    file = FileField(files)


class Whole(mongoengine.Document):
    embedded = mongoengine.EmbeddedDocumentField(Part)
    listed = mongoengine.EmbeddedDocumentListField(Part)


@pytest.fixture(autouse=True)
def storage(app, mongoengine_database):
    app.config["FILES_FS_BACKEND"] = "memory"
    fs.init_app(app, files)
    for document in (Paper, Photo, Shown, Animal, Standard, Listed, Whole):
        document._get_collection().delete_many({})
    return files


@pytest.fixture
def paper():
    paper = Paper(name="one")
    paper.file.save(file(), "old.txt")
    return paper.save()


def file():
    return io.BytesIO(b"content")


def stored():
    return sorted(files.list_files())


def named(document=Paper):
    return [found["file"]["filename"] for found in document._get_collection().find({}).sort("name")]


def test_positional_arguments_are_those_of_flask_fs():
    field = FileField(files, "up", "base", "db_name")
    assert (field.settings.upload_to, field.settings.basename, field.db_field) == ("up", "base", "db_name")
    assert not field.settings.remove_files
    image = ImageField(100, [50], True, files, "up")
    assert isinstance(image.settings, ImageSettings)
    assert (image.settings.max_size, image.settings.thumbnails, image.settings.optimize) == (100, (50,), True)
    assert (image.settings.fs, image.settings.upload_to) == (files, "up")


def test_a_copy_is_a_document_of_its_own(paper):
    paper.pk, paper.name = None, "two"
    paper.file.save(file(), "mine.txt")
    paper.file.save(file(), "new.txt")
    paper.save()
    assert named() == ["up/old.txt", "up/new.txt"]
    assert stored() == ["up/new.txt", "up/old.txt"]


def test_what_another_process_did_is_not_undone(paper):
    assert paper.file
    Paper(name="two", file=paper.file).save()
    Paper.objects(name="one").update(set__file="other.txt")
    paper.reload()
    paper.save()
    assert named() == ["other.txt", "up/old.txt"]
    assert stored() == ["up/old.txt"]


def test_a_change_that_is_reloaded_is_none(paper):
    paper.file = None
    paper.reload()
    paper.name = "new"
    paper.save()
    assert named() == ["up/old.txt"] == stored()
    paper.file.save(file(), "new.txt")
    paper.reload()
    paper.save()
    assert named() == ["up/old.txt"] == stored()


def test_a_reference_that_was_given_before_a_reload_counts(paper):
    reference = paper.file
    paper.reload()
    reference.save(file(), "new.txt")
    paper.save()
    assert named() == ["up/new.txt"] == stored()


def test_rerendering_that_is_reloaded():
    content = io.BytesIO()
    Image.new("RGB", (60, 40)).save(content, "PNG")
    files.write("me.png", content.getvalue())
    photo = Photo(image="me.png").save()
    photo.image.rerender()
    assert stored() == ["me-10.png", "me-original.png", "me.png"]
    photo.reload()
    assert files.read("me.png") == content.getvalue()
    photo.save()
    assert stored() == ["me.png"]


def store_and_save(paper, name):
    with undoing(paper):
        paper.name = name
        paper.file.save(file(), "new.txt")
        paper.save()


@pytest.mark.parametrize("kind", [Photo, Shown])
@pytest.mark.parametrize("again", ["reload", "modify", "save", "undoing"])
def test_an_original_that_was_saved_is_there(kind, again):
    content = io.BytesIO()
    Image.new("RGB", (60, 40)).save(content, "PNG")
    files.write("me.png", content.getvalue())
    photo = kind(image="me.png").save()
    photo.image.rerender()
    photo.save()
    if again == "modify":
        photo.modify(set__name="new")
    elif again == "undoing":
        with contextlib.suppress(ZeroDivisionError), undoing(photo):
            photo.image.save(io.BytesIO(content.getvalue()), "other.png")
            raise ZeroDivisionError
    else:
        getattr(photo, again)()
    photo.reload()
    assert photo.image.original == "me-original.png"
    assert files.read("me-original.png") == content.getvalue() != files.read("me.png")
    assert stored() == ["me-10.png", "me-original.png", "me.png"]


@pytest.mark.parametrize("kind", [Photo, Shown])
def test_a_block_that_fails_after_the_document_was_saved_in_it(kind):
    content = io.BytesIO()
    Image.new("RGB", (60, 40)).save(content, "PNG")
    photo = kind()
    with contextlib.suppress(ZeroDivisionError), undoing(photo):
        for name in ("one.png", "two.png"):
            photo.image.save(io.BytesIO(content.getvalue()), name)
            if name == "one.png":
                photo.save()
        raise ZeroDivisionError
    assert photo.image.filename == "one.png"
    assert stored() == ["one-10.png", "one-original.png", "one.png"]
    assert kind.objects.get().image.filename == "one.png"


def test_a_reference_that_was_given_before_another_was_set(paper):
    reference = paper.file
    paper.file.save(file(), "between.txt")
    paper.file = None
    paper.file.save(file(), "newer.txt")
    reference.save(file(), "last.txt")
    paper.save()
    assert named() == ["up/last.txt"] == stored()


def test_a_reference_that_was_given_before_a_change_was_reloaded(paper):
    reference = paper.file
    reference.save(file(), "between.txt")
    paper.reload()
    reference.save(file(), "last.txt")
    paper.save()
    assert named() == ["up/last.txt"] == stored()


def test_the_values_of_a_copy_that_are_set_at_once(paper):
    for way in (copy.copy, copy.deepcopy, lambda document: pickle.loads(pickle.dumps(document))):
        again = way(Paper.objects.get())
        again.file = None
        again.save()
        assert named_or_none() == [None]
        assert stored() == []
        again.file.save(file(), "old.txt")
        again.save()


def named_or_none():
    return [found.get("file") for found in Paper._get_collection().find({})]


def test_a_save_of_the_document_that_fails_is_undone(paper):
    second = Paper()
    with pytest.raises(NotUniqueError):
        store_and_save(second, "one")
    assert not second.file
    with pytest.raises(ValidationError):
        store_and_save(paper, "too long a name")
    assert paper.file.filename == "up/old.txt"
    assert stored() == ["up/old.txt"]
    store_and_save(paper, "new")
    assert named() == ["up/new.txt"] == stored()


@pytest.mark.parametrize("is_new", [True, False])
def test_a_save_that_raises_although_the_database_has_the_document(paper, is_new):
    document = Paper() if is_new else paper

    def mail(sender, document, **more):
        raise ConnectionError("the app's mail server is down")

    # which of two listeners is called first is not known
    ours = list(signals.post_save.receivers_for(Paper))
    for listener in ours:
        signals.post_save.disconnect(listener, sender=Paper)
    try:
        with signals.post_save.connected_to(mail, sender=Paper), pytest.raises(ConnectionError):
            store_and_save(document, "two")
    finally:
        for listener in ours:
            signals.post_save.connect(listener, sender=Paper)
    assert named() == (["up/old.txt", "up/new.txt"] if is_new else ["up/new.txt"])
    assert set(stored()) >= set(named())
    assert document.file.filename == "up/new.txt"
    document.reload()
    document.save()
    assert set(stored()) >= set(named())


def test_a_block_that_fails_while_the_database_does_not_answer(paper, monkeypatch, caplog):
    def lost(*arguments, **options):
        raise ConnectionError("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(Paper, "_get_collection", lost)
        with pytest.raises(ConnectionError):
            store_and_save(paper, "new")
    assert stored() == ["up/new.txt", "up/old.txt"]
    assert "up/new.txt" in caplog.text
    paper.save()
    assert named() == ["up/new.txt"] == stored()


@pytest.mark.parametrize("place", ["embedded", "listed"])
@pytest.mark.parametrize("is_saved", [True, False])
def test_a_block_for_an_embedded_document(place, is_saved):
    part = Part()
    whole = Whole(embedded=part) if place == "embedded" else Whole(listed=[part])
    whole.save()
    with contextlib.suppress(ZeroDivisionError), undoing(part):
        part.file.save(file(), "new.txt")
        if is_saved:
            whole.save()
        raise ZeroDivisionError
    assert stored() == (["new.txt"] if is_saved else [])
    assert part.file.filename == ("new.txt" if is_saved else None)
    whole.save()
    assert Whole.objects.get(pk=whole.pk) == whole


def test_what_was_stored_before_the_block_is_kept(paper):
    paper.file.save(file(), "before.txt")
    paper.file = None
    paper.file.save(file(), "then.txt")
    with pytest.raises(ValidationError):
        store_and_save(paper, "too long a name")
    assert paper.file.filename == "up/then.txt"
    paper.name = "new"
    paper.save()
    assert named() == ["up/then.txt"] == stored()


def test_a_save_that_is_repeated_after_a_failure(paper):
    paper.name = "too long a name"
    paper.file.save(file(), "new.txt")
    with pytest.raises(ValidationError):
        paper.save()
    paper.name = "new"
    paper.save()
    assert named() == ["up/new.txt"] == stored()


def test_another_spelling_of_the_name(paper):
    paper.file = "/up/old.txt"
    paper.save()
    assert named() == ["/up/old.txt"]
    assert paper.file.fs.read(paper.file.filename) == b"content"
    paper.file = None
    paper.save()
    assert stored() == []


def test_a_query_on_the_base_of_a_class(paper):
    dog = Dog()
    dog.file.save(file(), "dog.txt")
    dog.save()
    Animal().save()
    Animal.objects.delete()
    assert stored() == ["up/old.txt"]


def test_the_default_belongs_to_all():
    files.write("default.txt", "content")
    one, two = Standard().save(), Standard().save()
    one.file.save(file(), "a.txt")
    one.save()
    two.delete()
    assert stored() == ["a.txt", "default.txt"]


def test_lists_and_maps_take_names_and_whole_references():
    document = Listed(listed=["a.txt"])
    document.listed.append("b.txt")
    document.mapped["c"] = "c.txt"
    document.save()
    document = Listed.objects.get()
    assert [each.filename for each in document.listed] == ["a.txt", "b.txt"]
    assert document.mapped["c"].filename == "c.txt"
    with pytest.raises(TypeError, match="assign a new one"):
        document.listed[0].save(file(), "n.txt")
    assert document.listed[0].filename == "a.txt"
    document.listed[0] = "n.txt"
    document.save()
    assert [each.filename for each in Listed.objects.get().listed] == ["n.txt", "b.txt"]
    assert stored() == []


def test_what_is_no_file_is_refused_in_a_list():
    with pytest.raises(ValidationError, match="listed"):
        Listed(listed=[5]).validate()


@pytest.mark.parametrize(
    "thumbnails", [{"big": "big.png", "10": "me-10.png"}, {"10": "me-10.png", "20": None}, {10: "me-10.png"}, None]
)
def test_documents_of_others(thumbnails):
    document = {"filename": "me.png", "thumbnails": thumbnails, "bbox": None, "original": None, "more": 1}
    photo = Photo(image=document)
    expected = "me-10.png" if thumbnails else "me.png"
    assert photo.image(10) == photo.image() == files.url(expected)
    assert photo.image.srcset() == (f"{files.url('me-10.png')} 10w" if thumbnails else "")
