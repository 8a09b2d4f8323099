"""Fields and references as apps of Flask-FS, flask-fs2 and flask-storage use them."""

import copy
import io
from typing import Any

import mongoengine
import pytest
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.mongo import FileField, FileReference, ImageField, ImageReference

pictures = fs.Storage("pictures", fs.ALL)


def folder_of(document):
    return "people"


class Person(mongoengine.Document):
    name = mongoengine.StringField(max_length=5)
    photo = ImageField(fs=pictures, upload_to=folder_of, basename="me", max_size=60, thumbnails=[20, 10], optimize=True)
    letter = FileField(fs=pictures, upload_to="letters")
    plain = ImageField(fs=pictures)


class Late(mongoengine.Document):
    """Its storage is made by a factory, after the class."""

    file = FileField()
    image = ImageField(thumbnails=[10], basename="late", remove_files=True)


class Framed(ImageReference):
    def frame(self):
        return f"<img src='{self(20)}'>"


class FramedField(ImageField):
    proxy_class = Framed


class Gallery(mongoengine.Document):
    image = FramedField(fs=pictures, thumbnails=[20])


@pytest.fixture(autouse=True)
def storage(app):
    app.config["PICTURES_FS_BACKEND"] = "memory"
    fs.init_app(app, pictures)


@pytest.fixture
def late(monkeypatch):
    """Take the storage from the fields again at the end."""
    for field in (Late.file, Late.image):
        monkeypatch.setattr(field, "settings", field.settings)
    return Late()


def upload(draw, name="photo.png"):
    return FileStorage(draw(100, 80), name)


def test_a_form_or_an_api_that_is_made_from_the_fields():
    described = {}
    for name, field in Person._fields.items():
        if isinstance(field, FileField):
            described[name] = [field.fs, field.upload_to, field.basename]
        if isinstance(field, ImageField):
            described[name] += [field.max_size, field.thumbnail_sizes, field.optimize]
    assert described == {
        "photo": [pictures, folder_of, "me", 60, [20, 10], True],
        "letter": [pictures, "letters", None],
        "plain": [pictures, None, None, None, [], None],
    }
    assert max(Person.photo.thumbnail_sizes) == 20


def test_a_template_that_asks_the_reference(draw):
    person = Person()
    person.photo.save(upload(draw))
    photo = person.photo
    assert (photo.fs, photo.upload_to, photo.basename) == (pictures, folder_of, "me")
    assert (photo.max_size, photo.thumbnail_sizes, photo.optimize) == (60, [20, 10], True)
    sizes = {size: photo.thumbnail(size) for size in photo.thumbnail_sizes}
    assert sizes == {20: "people/me-20.png", 10: "people/me-10.png"}


def test_an_app_that_changes_a_field(monkeypatch, draw, size_of):
    monkeypatch.setattr(Person.plain, "max_size", 30)
    monkeypatch.setattr(Person.plain, "thumbnail_sizes", [8])
    person = Person()
    person.plain.save(upload(draw))
    assert person.plain.thumbnails == {"8": "photo-8.png"}
    assert size_of(pictures, "photo.png") == (30, 24)


def test_a_document_that_is_built_by_hand(draw):
    person = Person()
    assert person.letter.to_mongo() == {"filename": None}
    assert person.photo.to_mongo() == {"filename": None}
    person.photo.save(upload(draw), bbox=(0, 0, 10, 10))
    assert person.photo.to_mongo() == person.to_mongo()["photo"]
    assert person.photo.to_mongo() == {
        "filename": "people/me.png",
        "original": "people/me-original.png",
        "thumbnails": {"20": "people/me-20.png", "10": "people/me-10.png"},
        "bbox": (0, 0, 10, 10),
    }


def test_a_form_without_a_part(draw):
    person = Person()
    for nothing in (None, [], ()):
        person.photo.save(upload(draw), bbox=nothing, overwrite=True)
        assert "bbox" not in person.photo.to_mongo()


def test_references_of_a_field(draw):
    reference = Person.letter.proxy()
    assert not reference
    assert reference.save(FileStorage(io.BytesIO(b"1"), "a.txt")) == "letters/a.txt"
    assert Person.letter.proxy("letters/a.txt").url == pictures.url("letters/a.txt")
    stored: Any = {"filename": "a.png", "original": "a-original.png", "thumbnails": {"20": "a-20.png"}, "bbox": None}
    photo: Any = Person.photo.proxy(**stored)
    assert (photo.original, photo(15)) == ("a-original.png", pictures.url("a-20.png"))
    person = Person(photo=photo, letter=reference)
    assert person.to_mongo().to_dict() == {
        "photo": {"filename": "a.png", "original": "a-original.png", "thumbnails": {"20": "a-20.png"}},
        "letter": {"filename": "letters/a.txt"},
    }


@pytest.mark.server
def test_a_reference_of_a_field_for_a_document(mongoengine_database):
    person = Person().save()
    reference = Person.letter.proxy(instance=person)
    reference.save(FileStorage(io.BytesIO(b"1"), "a.txt"))
    assert person._changed_fields == ["letter"]
    assert person.save().reload().letter.filename == "letters/a.txt"


def test_references_that_are_made_by_hand(draw):
    told = []

    class Document:
        def _mark_as_changed(self, name):
            told.append(name)

    reference = FileReference(fs=pictures, upload_to=folder_of, instance=Document(), name="file")
    assert reference.save(FileStorage(io.BytesIO(b"1"), "a.txt")) == "people/a.txt"
    reference.filename = "b.txt"
    assert told == ["file", "file"]
    assert reference.to_mongo() == {"filename": "b.txt"}
    assert FileReference(fs=pictures, filename="a.txt").url == pictures.url("a.txt")
    assert FileReference(pictures, "a.txt").url == pictures.url("a.txt")
    assert not FileReference()
    photo = ImageReference(fs=pictures, max_size=30, thumbnail_sizes=[10], basename=lambda document: "by-hand")
    photo.save(upload(draw), bbox=(0, 0, 10, 10))
    assert photo.to_mongo()["thumbnails"] == {"10": "by-hand-10.png"}
    again = ImageReference(fs=pictures, thumbnail_sizes=[10], **photo.to_mongo())
    assert (again.original, again.thumbnail(10), again.bbox) == (
        "by-hand-original.png",
        "by-hand-10.png",
        (0, 0, 10, 10),
    )
    with pytest.raises(TypeError, match="orginal"):
        ImageReference(fs=pictures, orginal="a.png")
    with pytest.raises(TypeError, match="original"):
        FileReference(fs=pictures, original="a.png")


@pytest.mark.server
def test_fields_that_get_their_storage_later(late, draw, mongoengine_database):
    assert Late.file.fs is None
    assert not late.file
    late.file = "a.txt"
    late.save()
    late.file = None
    late.image = "b.png"
    assert late.save().reload().to_mongo()["image"] == {"filename": "b.png"}
    for use in (lambda: late.image.url, lambda: late.image.save(upload(draw)), lambda: late.image.fs):
        with pytest.raises(fs.ConfigurationError, match="no storage"):
            use()
    late.delete()
    reference = late.image
    Late.file.fs = Late.image.fs = pictures
    late.image.save(upload(draw))
    assert reference is late.image
    late.save()
    assert late.image(10) == pictures.url("late-10.png")
    late.delete()
    assert list(pictures.list_files()) == []


@pytest.mark.server
def test_references_with_methods_of_the_app(mongoengine_database, draw):
    gallery = Gallery()
    gallery.image.save(upload(draw))
    gallery.save()
    again: Any = Gallery.objects.get(pk=gallery.pk).image
    assert isinstance(again, Framed)
    assert again.frame() == f"<img src='{pictures.url('photo-20.png')}'>"


@pytest.mark.parametrize("field", [Person.letter, Person.photo])
def test_a_copy_of_a_field_shares_the_storage(field):
    # so does mongoengine for queries that dereference nothing
    copied = copy.deepcopy(field)
    assert copied is not field
    assert copied.fs is field.fs
    copied.set_auto_dereferencing(False)
    assert field._auto_dereference
