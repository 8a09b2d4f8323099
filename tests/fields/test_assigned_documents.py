"""Uploads that are assigned to fields of mongoengine are stored when the document is saved, on a real MongoDB."""

import io
import pickle
from typing import Any

import mongoengine
import pytest
from mongoengine import signals
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.mongo import FileField, FileReference, ImageField, undoing

papers = fs.Storage("papers", fs.DOCUMENTS + fs.TEXT)
pictures = fs.Storage("pictures", fs.IMAGES)


class AssignedMember(mongoengine.Document):
    name = mongoengine.StringField(unique=True, max_length=5)
    cv = FileField(fs=papers, upload_to=lambda member: f"cv/{member.name}", remove_files=True, facts=True)
    letter = FileField(fs=papers, basename="letter")
    avatar = ImageField(fs=pictures, max_size=80, thumbnails=[50])
    licence = FileField(fs=papers, default="default.txt")
    needed = FileField(fs=papers, required=True, default="needed.txt")

    def clean(self):
        if self.name == "clean":
            self.letter = text("cleaned.txt")


class AssignedPart(mongoengine.EmbeddedDocument):
    file = FileField(fs=papers)
    parts = mongoengine.EmbeddedDocumentListField("AssignedPart")


class AssignedWhole(mongoengine.Document):
    name = mongoengine.StringField(unique=True)
    part = mongoengine.EmbeddedDocumentField(AssignedPart)
    parts = mongoengine.EmbeddedDocumentListField(AssignedPart)
    listed = mongoengine.ListField(FileField(fs=papers, upload_to=lambda whole: whole.name))
    named = mongoengine.MapField(FileField(fs=papers))
    nested = mongoengine.ListField(mongoengine.ListField(FileField(fs=papers)))
    mixed = mongoengine.ListField(mongoengine.GenericEmbeddedDocumentField())
    member = mongoengine.ReferenceField(AssignedMember)


DOCUMENTS: list[Any] = [AssignedMember, AssignedWhole]


@pytest.fixture(autouse=True)
def storages(app, mongoengine_database):
    app.config["FS_BACKEND"] = "memory"
    fs.init_app(app, papers, pictures)
    for document in DOCUMENTS:
        document.ensure_indexes()
        document._get_collection().delete_many({})


@pytest.fixture
def member():
    """A member with a paper, saved."""
    return AssignedMember(name="ann", cv=text("old.txt", b"old")).save()


def text(filename, content=b"content"):
    return FileStorage(io.BytesIO(content), filename)


def names():
    return sorted([*papers.list_files(), *pictures.list_files()])


def every_kind(name):
    """A document with an upload in each kind of place."""
    part = AssignedPart(file=text(f"{name}1.txt"), parts=[AssignedPart(file=text(f"{name}2.txt"))])
    return AssignedWhole(
        name=name,
        part=part,
        parts=[AssignedPart(file=text(f"{name}3.txt"))],
        listed=[text(f"{name}4.txt")],
        named={"a": text(f"{name}5.txt")},
        nested=[[text(f"{name}6.txt")]],
        mixed=[AssignedPart(file=text(f"{name}7.txt"))],
    )


def files_of(whole):
    parts = [whole.part.file, whole.part.parts[0].file, whole.parts[0].file]
    return [*parts, whole.listed[0], whole.named["a"], whole.nested[0][0], whole.mixed[0].file]


def test_saving_the_document_stores_the_upload():
    upload = text("My CV.txt")
    member = AssignedMember(name="ann", cv=upload)
    assert member.cv
    assert member.cv.upload is upload
    assert (member.cv.filename, member.cv.original_name, str(member.cv)) == (None, "My CV.txt", "")
    assert names() == []
    member.save()
    assert names() == ["cv/ann/My_CV.txt"]
    assert (member.cv.upload, member.cv.filename) == (None, "cv/ann/My_CV.txt")
    loaded = AssignedMember.objects.get()
    assert loaded.cv.read() == b"content"
    assert loaded.cv.original_name == "My CV.txt"


@pytest.mark.parametrize(
    "save",
    [lambda **values: AssignedMember(**values).save(), lambda **values: AssignedMember.objects.create(**values)],
    ids=["save", "create"],
)
def test_each_field_gets_its_own_file(save, draw, tmp_path):
    (tmp_path / "plan.txt").write_bytes(b"plan")
    with open(tmp_path / "plan.txt", "rb") as file:
        save(name="ann", cv=file, letter=file, avatar=FileStorage(draw(100, 60), "a.png"))
    assert names() == ["a-50.png", "a-original.png", "a.png", "cv/ann/plan.txt", "letter.txt"]
    member = AssignedMember.objects.get()
    assert member.cv.read() == member.letter.read() == b"plan"


def test_the_former_file_is_deleted(member):
    member.cv = text("one.txt")
    member.cv = text("two.txt")
    member.save()
    assert names() == ["cv/ann/two.txt"]
    member.cv = text("three.txt")
    member.cv = None
    member.save()
    assert names() == []


def test_a_loaded_document_takes_uploads(member):
    loaded = AssignedMember.objects.get()
    loaded.cv = text("new.txt")
    loaded.save()
    assert AssignedMember.objects.get().cv.filename == "cv/ann/new.txt"


def test_an_empty_field_of_a_form_changes_nothing(member):
    member.cv = FileStorage(io.BytesIO(), "")
    assert member._get_changed_fields() == []
    assert member.save().cv.filename == "cv/ann/old.txt"
    other = AssignedMember(name="bob", cv=FileStorage(), licence=FileStorage()).save()
    assert (other.cv.filename, other.licence.filename) == (None, "default.txt")


def test_an_upload_without_a_name_is_refused_as_save_does(member):
    member.licence = FileStorage(io.BytesIO(b"content"))
    with pytest.raises(fs.InvalidPath, match="a filename is required"):
        member.save()


def test_a_document_that_is_not_valid_stores_nothing(member):
    member.name, member.cv = "too long", text("new.txt")
    with pytest.raises(mongoengine.ValidationError):
        member.save()
    assert names() == ["cv/ann/old.txt"]
    member.name = "bob"
    assert member.save().cv.filename == "cv/bob/new.txt"
    assert names() == ["cv/bob/new.txt"]


def test_a_save_that_the_database_refuses_deletes_the_file_and_can_be_tried_again(member):
    other = AssignedMember(name="ann", cv=text("new.txt"))
    for _ in range(2):
        with pytest.raises(mongoengine.NotUniqueError):
            other.save()
        assert names() == ["cv/ann/old.txt"]
        assert other.cv.upload
    other.name = "bob"
    other.save()
    assert names() == ["cv/ann/old.txt", "cv/bob/new.txt"]
    assert other.cv.read() == b"content"


def test_a_save_without_a_match_deletes_the_file(member):
    member.cv = text("new.txt")
    with pytest.raises(mongoengine.SaveConditionError):
        member.save(save_condition={"name": "bob"})
    assert names() == ["cv/ann/old.txt"]
    member.save(save_condition={"name": "ann"})
    assert names() == ["cv/ann/new.txt"]


def test_a_refused_upload_leaves_nothing(member):
    member.letter, member.cv = text("fine.txt"), text("bad.exe")
    with pytest.raises(fs.UnauthorizedFileType):
        member.save()
    assert names() == ["cv/ann/old.txt"]
    assert AssignedMember.objects.get().cv.filename == "cv/ann/old.txt"
    member.cv = text("good.txt")
    member.save()
    assert names() == ["cv/ann/good.txt", "letter.txt"]


def test_a_document_that_was_saved_keeps_the_file(member):
    def refuse(sender, document, **more):
        raise RuntimeError("too late")

    member.cv = text("new.txt")
    signals.post_save.connect(refuse, sender=AssignedMember)
    try:
        with pytest.raises(RuntimeError):
            member.save()
    finally:
        signals.post_save.disconnect(refuse, sender=AssignedMember)
    assert AssignedMember.objects.get().cv.read() == b"content"


def test_a_lost_answer_keeps_the_file(member, monkeypatch):
    real = AssignedMember._save_update

    def lose(self, *arguments):
        real(self, *arguments)
        raise ConnectionError("lost")

    monkeypatch.setattr(AssignedMember, "_save_update", lose)
    member.cv = text("new.txt")
    with pytest.raises(ConnectionError):
        member.save()
    assert AssignedMember.objects.get().cv.read() == b"content"


def test_undoing_goes_back_to_what_was_assigned(member):
    def assign_and_save(name, upload):
        member.name, member.cv = name, upload
        member.save()

    member.cv = text("new.txt")
    with pytest.raises(mongoengine.ValidationError), undoing(member):
        assign_and_save("too long", text("newer.txt"))
    assert member.cv.original_name == "new.txt"
    member.name = "ann"
    member.save()
    with pytest.raises(mongoengine.ValidationError), undoing(member):
        assign_and_save("too long", text("newest.txt"))
    assert member.cv.filename == "cv/ann/new.txt"
    assert names() == ["cv/ann/new.txt"]


def test_clean_and_listeners_of_the_app_can_assign(member):
    def assign(sender, document, **more):
        document.licence = text("licence.txt")

    signals.pre_save.connect(assign, sender=AssignedMember)
    try:
        member.name = "clean"
        member.save()
    finally:
        signals.pre_save.disconnect(assign, sender=AssignedMember)
    assert names() == ["cv/ann/old.txt", "letter.txt", "licence.txt"]


def test_uploads_in_embedded_documents_and_lists_are_stored():
    whole = every_kind("a")
    whole.save()
    assert names() == ["a/a4.txt", *(f"a{n}.txt" for n in (1, 2, 3, 5, 6, 7))]
    assert all(file.read() == b"content" for file in [*files_of(whole), *files_of(AssignedWhole.objects.get())])
    loaded = AssignedWhole.objects.get()
    loaded.part.file = text("b1.txt")
    loaded.parts[0].file = text("b2.txt")
    loaded.listed.append(text("b3.txt"))
    loaded.listed[0] = text("b4.txt")
    loaded.named["b"] = text("b5.txt")
    loaded.save()
    loaded = AssignedWhole.objects.get()
    found = [loaded.part.file, loaded.parts[0].file, loaded.listed[1], loaded.listed[0], loaded.named["b"]]
    assert [file.filename for file in found] == ["b1.txt", "b2.txt", "a/b3.txt", "a/b4.txt", "b5.txt"]
    for same in (whole, loaded):
        with pytest.raises(TypeError, match="cannot change this reference"):
            same.named["a"].save(text("c.txt"))


def test_uploads_in_embedded_documents_and_lists_are_undone():
    AssignedWhole(name="a").save()
    whole = every_kind("a")
    with pytest.raises(mongoengine.NotUniqueError):
        whole.save()
    assert names() == []
    whole.name = "b"
    whole.save()
    assert len(names()) == 7
    assert all(file.read() == b"content" for file in files_of(whole))


def test_a_refused_upload_in_a_list_leaves_nothing():
    whole = every_kind("a")
    whole.mixed.append(AssignedPart(file=text("bad.exe")))
    with pytest.raises(fs.UnauthorizedFileType):
        whole.save()
    assert names() == []
    whole.mixed.pop()
    whole.save()
    assert len(names()) == 7


def test_cascading_stores_the_uploads_of_other_documents(member):
    whole = AssignedWhole(name="a", member=member).save()
    member.cv = text("new.txt")
    whole.save(cascade=True)
    assert names() == ["cv/ann/new.txt"]


def test_an_upload_that_was_closed_is_told_as_such(member):
    upload = member.cv = text("new.txt")
    upload.close()
    with pytest.raises(ValueError, match=r"the upload 'new\.txt' was closed before it was stored"):
        member.save()


def test_a_copy_has_the_same_upload(member):
    member.cv = text("new.txt")
    whole = AssignedWhole(name="a", listed=[member.cv]).save()
    member.save()
    assert names() == ["a/new.txt", "cv/ann/new.txt"]
    assert whole.listed[0].read() == member.cv.read() == b"content"


def test_a_reload_drops_what_is_pending(member):
    member.cv = text("new.txt")
    member.reload()
    assert (member.cv.filename, member.cv.upload) == ("cv/ann/old.txt", None)
    member.save()
    assert names() == ["cv/ann/old.txt"]


@pytest.mark.parametrize(
    "write",
    [
        lambda upload: AssignedMember.objects.update(cv=upload),
        lambda upload: AssignedMember.objects.update_one(set__cv=upload),
        lambda upload: AssignedMember.objects(name="ann").modify(cv=upload),
        lambda upload: AssignedMember.objects.get().update(cv=upload),
        lambda upload: AssignedMember.objects.get().modify(cv=upload),
        lambda upload: AssignedMember.objects(cv=upload).first(),
        lambda upload: AssignedMember.objects.insert([AssignedMember(name="bob", cv=upload)]),
        lambda upload: AssignedWhole.objects.insert(AssignedWhole(name="a", listed=[upload])),
        lambda upload: AssignedWhole.objects.update(push__listed=upload),
        lambda upload: AssignedMember(cv=upload).to_mongo(),
        lambda upload: pickle.dumps(AssignedMember(cv=upload)),
    ],
)
def test_queries_and_bulk_inserts_refuse_uploads(member, write):
    AssignedWhole(name="b").save()
    with pytest.raises(TypeError, match="store the upload first"):
        write(text("new.txt"))
    assert names() == ["cv/ann/old.txt"]
    assert AssignedMember.objects.get().cv.filename == "cv/ann/old.txt"


def test_a_reference_without_a_document_can_be_stored_by_itself():
    reference = FileReference(papers, text("a.txt"))
    assert reference.upload
    reference.store_assigned()
    assert reference.filename == "a.txt"
    reference.store_assigned()
    assert names() == ["a.txt"]
