"""The fields of mongoengine, on a real MongoDB."""

import io
import pickle
from typing import Any

import mongoengine
import pytest
from mongoengine import signals
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.mongo import FileField, FileReference, ImageField, ImageReference

files = fs.Storage("files", fs.ALL)


class User(mongoengine.Document):
    name = mongoengine.StringField(unique=True)
    avatar = ImageField(fs=files, thumbnails=[50], remove_files=True)
    cv = FileField(fs=files, upload_to=lambda user: f"cv/{user.name}", db_field="c")
    meta = {"allow_inheritance": True}


class Admin(User):
    pass


class Part(mongoengine.EmbeddedDocument):
    file = FileField(fs=files)


class Whole(mongoengine.Document):
    part = mongoengine.EmbeddedDocumentField(Part)
    parts = mongoengine.EmbeddedDocumentListField(Part)
    listed = mongoengine.ListField(FileField(fs=files))


class Strict(mongoengine.Document):
    required = FileField(fs=files, required=True)
    default = FileField(fs=files, default="default.png")


DOCUMENTS: list[Any] = [User, Whole, Strict]
OLD = ["old-50.png", "old.png"]
NEW = ["new-50.png", "new.png"]


@pytest.fixture(autouse=True)
def storage(app, mongoengine_database):
    app.config["FILES_FS_BACKEND"] = "memory"
    fs.init_app(app, files)
    for document in DOCUMENTS:
        document._get_collection().delete_many({})
    return files


@pytest.fixture
def save(draw):
    def save(reference, filename, **options):
        return reference.save(draw(100, 60), filename, **options)

    return save


@pytest.fixture
def user(save):
    """A user with an avatar, saved and loaded again."""
    user = User(name="ann")
    save(user.avatar, "old.png")
    user.save()
    return User.objects.get()


def names():
    return sorted(files.list_files())


def stored(document):
    return document._get_collection().find_one({"_id": document.pk}, {"_id": False, "_cls": False})


def test_the_document(user, save):
    assert stored(user) == {"name": "ann", "avatar": {"filename": "old.png", "thumbnails": {"50": "old-50.png"}}}
    assert isinstance(user.avatar, ImageReference)
    assert user.avatar(50) == files.url("old-50.png")
    user.cv.save(FileStorage(io.BytesIO(b"cv"), "my cv.txt"))
    assert user._changed_fields == ["c"]
    save(user.avatar, "new.png", bbox=(0, 0, 50, 50))
    user.save()
    assert stored(user) == {
        "name": "ann",
        "avatar": {"filename": "new.png", "thumbnails": {"50": "new-50.png"}, "bbox": [0, 0, 50, 50]},
        "c": {"filename": "cv/ann/my_cv.txt"},
    }
    assert User.objects.get().avatar.bbox == [0, 0, 50, 50]


def test_documents_of_flask_fs():
    old = {
        "filename": "up/me.jpg",
        "original": "up/me-original.jpg",
        "thumbnails": {"50": "up/me-50.jpg", "20": "up/me-20.jpg"},
        "bbox": [1, 2, 3, 4],
    }
    User._get_collection().insert_one({"_cls": "User", "name": "ann", "avatar": old, "c": None})
    user = User.objects.get()
    assert (user.avatar.filename, user.avatar.original) == ("up/me.jpg", "up/me-original.jpg")
    assert user.avatar.thumbnail(20) == "up/me-20.jpg"
    assert user.avatar.best_url(30) == files.url("up/me-50.jpg")
    assert user.avatar.to_document() == old
    assert not user.cv
    user.avatar.filename = "up/me.jpg"
    user.save()
    assert stored(user)["avatar"] == old


def test_documents_without_files():
    user = User(name="ann").save()
    assert stored(user) == {"name": "ann"}
    for each in (User(), user, User.objects.get()):
        assert not each.avatar
        assert isinstance(each.avatar, ImageReference)
        assert isinstance(each.cv, FileReference)
        assert str(each.cv) == ""


def test_values_that_can_be_set():
    user = User(name="ann", avatar="a.png", cv={"filename": "a.txt"}).save()
    assert (user.reload().avatar.filename, user.cv.filename) == ("a.png", "a.txt")
    user.cv = "b.txt"
    user.save()
    other = Admin(name="bob", cv=user.cv).save()
    assert other.cv is not user.cv
    assert stored(other)["c"] == {"filename": "b.txt"}
    User.objects(name="ann").update(set__cv="c.txt")
    assert user.reload().cv.filename == "c.txt"
    assert User.objects(cv="c.txt").get() == user
    user.cv = None
    user.save()
    assert "c" not in stored(user)
    with pytest.raises(TypeError, match="save"):
        user.cv = io.BytesIO(b"text")


def test_required_and_default():
    document = Strict()
    assert document.default.filename == "default.png"
    with pytest.raises(mongoengine.ValidationError, match="required"):
        document.save()
    document.required.save(io.BytesIO(b"1"), "1.txt")
    document.save()
    assert stored(document) == {"required": {"filename": "1.txt"}, "default": {"filename": "default.png"}}


def test_embedded_and_listed_documents(draw):
    whole = Whole(part=Part(), parts=[Part(file="a.txt"), Part()], listed=["b.txt"]).save()
    whole = Whole.objects.get()
    whole.part.file.save(io.BytesIO(b"1"), "1.txt")
    whole.parts[1].file.save(io.BytesIO(b"2"), "2.txt")
    whole.save()
    whole = Whole.objects.get()
    assert whole.part.file.filename == "1.txt"
    assert [part.file.filename for part in whole.parts] == ["a.txt", "2.txt"]
    assert [reference.url for reference in whole.listed] == [files.url("b.txt")]


def test_replaced_files_are_deleted_when_the_document_is_saved(user, save):
    save(user.avatar, "between.png")
    save(user.avatar, "new.png")
    assert set(names()) > {*OLD, *NEW}
    user.save()
    assert names() == NEW
    user.avatar = None
    user.save()
    assert names() == []


def test_a_document_that_is_not_saved_keeps_its_files(user, save):
    User(name="bob").save()
    user.name = "bob"
    save(user.avatar, "new.png")
    with pytest.raises(mongoengine.NotUniqueError):
        user.save()
    assert set(names()) == {*OLD, *NEW}
    user.reload()
    user.save()
    assert names() == OLD


def test_a_name_that_is_stored_again(user, save):
    save(user.avatar, "old.png", overwrite=True)
    user.save()
    assert names() == OLD


@pytest.mark.parametrize("by", ["document", "query", "subclass"])
def test_deleted_documents(user, save, by):
    admin = Admin(name="bob")
    save(admin.avatar, "new.png")
    admin.cv.save(io.BytesIO(b"cv"), "cv.txt")
    admin.save()
    if by == "document":
        Admin.objects.get().delete()
    elif by == "query":
        User.objects(name="bob").delete()
    else:
        Admin.objects.delete()
    assert names() == ["cv/bob/cv.txt", *OLD]


def test_queries_load_documents_only_where_files_are_removed():
    # a subclass is listened to before it was ever used
    class Other(User):
        pass

    for signal in (signals.pre_delete, signals.post_delete):
        assert not signal.has_receivers_for(Whole)
        assert not signal.has_receivers_for(Strict)
    assert signals.post_delete.has_receivers_for(Other)


def test_where_files_cannot_be_removed():
    with pytest.raises(mongoengine.errors.InvalidDocumentError, match="remove_files"):

        class Embedded(mongoengine.EmbeddedDocument):
            file = FileField(fs=files, remove_files=True)

    with pytest.raises(mongoengine.errors.InvalidDocumentError, match="remove_files"):

        class Listing(mongoengine.Document):
            listed = mongoengine.ListField(FileField(fs=files, remove_files=True))


def test_a_deletion_that_fails_is_logged(user, monkeypatch, caplog):
    def delete_version(name, version):
        raise fs.BackendError("out of order")

    monkeypatch.setattr(files, "delete_version", delete_version)
    user.delete()
    assert "could not delete" in caplog.text


def test_delete(user):
    user.avatar.delete()
    assert names() == OLD
    user.save()
    assert names() == []
    assert "avatar" not in stored(user)
    user.cv.save(io.BytesIO(b"cv"), "cv.txt")
    user.save()
    user.cv.delete()
    assert names() == []


def test_rerender(user, monkeypatch):
    content = files.read("old.png")
    settings = ImageField(fs=files, max_size=20, thumbnails=[30], remove_files=True).settings
    monkeypatch.setattr(User.avatar, "settings", settings)
    user = User.objects.get()
    user.avatar.rerender()
    assert names() == ["old-30.png", "old-50.png", "old-original.png", "old.png"]
    user.save()
    assert names() == ["old-30.png", "old-original.png", "old.png"]
    assert files.read("old-original.png") == content
    assert stored(user)["avatar"] == {
        "filename": "old.png",
        "original": "old-original.png",
        "thumbnails": {"30": "old-30.png"},
    }


def test_pickled_documents(user):
    again = pickle.loads(pickle.dumps(user))
    again.avatar.filename = "new.png"
    again.save()
    assert stored(again)["avatar"]["filename"] == "new.png"


@pytest.mark.parametrize("backend", ["local", "gridfs"])
def test_other_backends(app, backend, mongo_url, mongoengine_database, save):
    app.config.update(FILES_FS_BACKEND=backend, FILES_FS_MONGO_URL=mongo_url, FILES_FS_MONGO_DB=mongoengine_database)
    fs.init_app(app, files)
    user = User(name="ann")
    save(user.avatar, "old.png")
    user.save()
    save(user.avatar, "new.png")
    user.save()
    assert names() == NEW
    user.avatar.rerender()
    user.save()
    user.delete()
    assert names() == []
