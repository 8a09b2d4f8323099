"""Files that no row and no document names are found, and rows and documents whose file is gone."""

import io
import os
import time
import tracemalloc
import unicodedata
import uuid
from datetime import datetime, timedelta, timezone

import hypothesis
import mongoengine
import pytest
import sqlalchemy
from databases import sqlite
from hypothesis import strategies as st
from PIL import Image
from places import make_place, new_bucket
from registered import hide_registered_documents
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, sessionmaker

import flask_pyfs as fs
from flask_pyfs import mongo
from flask_pyfs.filesystems.store import Facts
from flask_pyfs.mongo import naming as collections
from flask_pyfs.orphans import find_orphans, finding, sharing, storages_in_use
from flask_pyfs.orphans.models import namings
from flask_pyfs.sqlalchemy import FileType, ImageType
from flask_pyfs.sqlalchemy import naming as tables


@pytest.fixture(autouse=True)
def only_new_documents(monkeypatch):
    hide_registered_documents(monkeypatch)


PLACES = ["gridfs", "s3-moto", "s3-swift", "swift"]
NFC, NFD = "b/\xe9.txt", "b/e\u0301.txt"


def picture():
    file = io.BytesIO()
    Image.new("RGB", (60, 60), "teal").save(file, "PNG")
    file.seek(0)
    return file


class Rows:
    """Tables with joined inheritance, a list, and a column that is no column of files."""

    def __init__(self, engine, storage, other):
        class Base(DeclarativeBase):
            pass

        class Item(Base):
            __tablename__ = "orphans_item"
            id = mapped_column(sqlalchemy.Integer, primary_key=True)
            kind = mapped_column(sqlalchemy.String(10))
            cv = mapped_column(FileType(storage, remove_files=False))
            photo = mapped_column(ImageType(storage, thumbnails=[20], remove_files=False))
            papers = mapped_column(FileType(storage, multiple=True, remove_files=False))
            elsewhere = mapped_column(FileType(other, remove_files=False), default="default.txt")
            several = mapped_column(FileType(other, multiple=True, remove_files=False), default=["several.txt"])
            text = mapped_column(sqlalchemy.String(100))
            __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "item"}

        class Special(Item):
            __tablename__ = "orphans_special"
            id = mapped_column(ForeignKey(Item.id), primary_key=True)
            extra = mapped_column(FileType(storage, remove_files=False))
            __mapper_args__ = {"polymorphic_identity": "special"}

        self.engine, self.Base, self.Item, self.Special = engine, Base, Item, Special
        Base.metadata.drop_all(engine)
        Base.metadata.create_all(engine)
        self.options = {"session": engine}

    def add(self, **values):
        kind = self.Special if "extra" in values else self.Item
        with Session(self.engine) as session:
            item = kind(**values)
            session.add(item)
            session.commit()
            return (item.id,)

    def change(self, key, **values):
        with Session(self.engine) as session:
            item = session.get(self.Item, key)
            for name, value in values.items():
                setattr(item, name, value)
            session.commit()

    def clear(self):
        with Session(self.engine) as session:
            session.execute(sqlalchemy.delete(self.Special))
            session.execute(sqlalchemy.delete(self.Item))
            session.commit()

    def add_many(self, names):
        with self.engine.begin() as connection:
            table = self.Base.metadata.tables["orphans_item"]
            rows = [{"kind": "item", "cv": name} for name in names]
            for start in range(0, len(rows), 1000):
                connection.execute(sqlalchemy.insert(table), rows[start : start + 1000])

    def break_it(self):
        with self.engine.begin() as connection:
            self.Base.metadata.tables["orphans_special"].drop(connection)


class Documents:
    """A collection with inheritance, lists, a map and embedded documents."""

    options = {}

    def __init__(self, storage, other):
        class Part(mongoengine.EmbeddedDocument):
            meta = {"allow_inheritance": True}
            photo = mongo.ImageField(fs=storage)
            parts = mongoengine.ListField(mongoengine.EmbeddedDocumentField("self"))

        class NamedPart(Part):
            leaf = mongo.FileField(fs=storage, db_field="l")

        class Item(mongoengine.Document):
            meta = {"allow_inheritance": True, "collection": f"item_{uuid.uuid4().hex}"}
            cv = mongo.FileField(fs=storage, db_field="c")
            photo = mongo.ImageField(fs=storage, thumbnails=[20])
            papers = mongoengine.ListField(mongo.FileField(fs=storage))
            by_name = mongoengine.MapField(mongo.FileField(fs=storage))
            parts = mongoengine.EmbeddedDocumentListField(Part)
            anything = mongoengine.DictField()
            elsewhere = mongo.FileField(fs=other, default="default.txt")
            several = mongoengine.ListField(mongo.FileField(fs=other, default="several.txt"))
            text = mongoengine.StringField()

        class Special(Item):
            extra = mongo.FileField(fs=storage)

        self.Part, self.NamedPart, self.Item, self.Special = Part, NamedPart, Item, Special
        self.clear()

    def add(self, **values):
        item = (self.Special if "extra" in values else self.Item)(**values)
        item.save()
        return item.pk

    def change(self, key, **values):
        item = self.Item.objects.get(pk=key)
        for name, value in values.items():
            setattr(item, name, value)
        item.save()

    def clear(self):
        self.Item._get_collection().delete_many({})

    def add_many(self, names):
        documents = [{"_cls": "Item", "c": {"filename": name}} for name in names]
        self.Item._get_collection().insert_many(documents)

    def break_it(self):
        self.Item._get_collection().insert_one({"_cls": "Item.Forgotten"})

    def close(self):
        self.Item.drop_collection()


BACKENDS = ["sqlite", *(pytest.param(kind, marks=pytest.mark.server) for kind in ("postgresql", "mongo"))]


@pytest.fixture
def other(configure_storage):
    return configure_storage("others", {"BACKEND": "memory"})


@pytest.fixture
def context(app):
    with app.app_context():
        yield


@pytest.fixture(params=BACKENDS)
def items(request, storage, other, context, tmp_path):
    if request.param == "mongo":
        request.getfixturevalue("mongoengine_database")
        documents = Documents(storage, other)
        yield documents
        # mongoengine keeps the classes for ever
        documents.close()
        return
    if request.param == "sqlite":
        engine = sqlite(f"sqlite:///{tmp_path}/rows.db")
    else:
        engine = sqlalchemy.create_engine(request.getfixturevalue("postgres_url"))
    rows = Rows(engine, storage, other)
    yield rows
    rows.Base.metadata.drop_all(engine)
    engine.dispose()


def put(storage, *names):
    """Store files under exactly these names, as another tool may have."""
    for name in names:
        storage.backend.store.put(name, io.BytesIO(b"content"))


def find(items, storage, **options):
    return list(find_orphans(storage, **{"older_than": 0, **items.options, **options}))


def orphans(items, storage, **options):
    return [found.name for found in find(items, storage, **options) if found.kind == "orphan"]


def missing(items, storage, **options):
    found = [found for found in find(items, storage, **options) if found.kind == "missing"]
    return sorted((found.column, found.part, found.name) for found in found)


def image_of(name, original=None, **thumbnails):
    return {"filename": name, "original": original, "thumbnails": {size[1:]: at for size, at in thumbnails.items()}}


def test_what_nothing_names_is_found(items, storage, other):
    put(storage, "named.txt", "orphan.txt", "cv/deep.txt", "cv/orphan.txt")
    put(other, "named.txt", "orphan.txt", "default.txt", "several.txt")
    items.add(cv="named.txt")
    items.add(extra="cv/deep.txt")
    # the name is in the other storage
    items.add(elsewhere="orphan.txt")
    assert orphans(items, storage) == ["cv/orphan.txt", "orphan.txt"]
    assert orphans(items, other) == ["named.txt"]
    assert missing(items, storage) == missing(items, other) == []


def test_all_files_of_images_and_of_lists_are_named(items, storage):
    names = ["a.png", "a-original.png", "a-20.png", "one.txt", "two.txt"]
    put(storage, *names, "orphan.txt")
    items.add(photo=image_of("a.png", "a-original.png", _20="a-20.png"), papers=["one.txt", "two.txt"])
    assert orphans(items, storage) == ["orphan.txt"]
    for name in names:
        storage.delete(name)
    assert missing(items, storage) == [
        ("papers[0]", "file", "one.txt"),
        ("papers[1]", "file", "two.txt"),
        ("photo", "file", "a.png"),
        ("photo", "original", "a-original.png"),
        ("photo", "thumbnail 20", "a-20.png"),
    ]


def test_the_default_of_a_column_is_named(items, other):
    put(other, "default.txt", "several.txt", "orphan.txt")
    assert orphans(items, other) == ["orphan.txt"]
    other.delete("default.txt")
    (found,) = (each for each in find(items, other) if each.kind == "missing")
    assert (found.name, found.column, found.part, found.key) == ("default.txt", "elsewhere", "default", None)


def test_who_names_a_file_that_is_gone_is_told(items, storage):
    key = items.add(cv="gone.txt")
    (found,) = find(items, storage)
    assert (found.kind, found.name, found.column, found.part, found.key) == ("missing", "gone.txt", "cv", "file", key)
    assert found.model == f"{__name__}:{items.Item.__qualname__}"


@pytest.mark.parametrize("items", BACKENDS[-1:], indirect=True)
def test_files_of_embedded_documents(items, storage):
    put(storage, *(f"{number}.txt" for number in range(6)), "orphan.txt")
    inner = items.NamedPart(leaf="1.txt", photo="2.txt")
    items.add(
        parts=[items.Part(photo="0.txt"), items.Part(parts=[inner])],
        by_name={"a": "3.txt"},
        anything={"deep": [items.NamedPart(leaf="4.txt")]},
        papers=["5.txt"],
    )
    assert orphans(items, storage) == ["orphan.txt"]
    storage.delete("1.txt")
    storage.delete("4.txt")
    assert missing(items, storage) == [
        ("anything.deep[0].leaf", "file", "4.txt"),
        ("parts[1].parts[0].leaf", "file", "1.txt"),
    ]


def test_a_dynamic_document(storage, context, mongoengine_database):
    class LoosePart(mongoengine.EmbeddedDocument):
        photo = mongo.FileField(fs=storage)

    class Loose(mongoengine.DynamicDocument):
        meta = {"collection": "orphans_loose"}
        cv = mongo.FileField(fs=storage)

    Loose.drop_collection()
    put(storage, "a.txt", "b.txt", "orphan.txt")
    Loose(cv="a.txt", more=LoosePart(photo="b.txt")).save()
    assert orphans(Documents, storage) == ["orphan.txt"]
    Loose.drop_collection()


@pytest.mark.parametrize(
    ("stored", "named"), [(NFC, NFD), (NFD, NFC), ("b/c.txt", "b//c.txt"), ("b/c.txt", "/b/c.txt")]
)
def test_another_spelling_names_the_file_that_it_means(items, storage, stored, named):
    put(storage, stored)
    items.add(cv=named)
    assert find(items, storage) == []


def test_another_case_is_another_file(items, storage):
    put(storage, "a.txt", "A.txt")
    items.add(cv="A.txt")
    assert orphans(items, storage) == ["a.txt"]


def test_a_thumbnail_that_is_made_at_the_first_request_is_not_missing(app, context, tmp_path):
    storage = fs.Storage("lazy", fs.ALL)
    app.config["LAZY_FS_BACKEND"] = "memory"
    fs.init_app(app, storage)

    class Base(DeclarativeBase):
        pass

    class User(Base):
        __tablename__ = "users"
        id = mapped_column(sqlalchemy.Integer, primary_key=True)
        photo = mapped_column(ImageType(storage, thumbnails=[20], process="lazy"))

    engine = sqlite(f"sqlite:///{tmp_path}/lazy.db")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        user = User()
        user.photo.save(picture(), "a.png")
        session.add(user)
        session.commit()
        made = user.photo.thumbnail(20)
    assert list(find_orphans(storage, session=engine, older_than=0)) == []
    put(storage, made)
    assert list(find_orphans(storage, session=engine, older_than=0)) == []
    storage.delete("a.png")
    assert [found.name for found in find_orphans(storage, session=engine, older_than=0)] == ["a.png"]
    engine.dispose()


def test_an_image_that_is_made_later(app, context, tmp_path):
    storage = fs.Storage("later", fs.ALL)
    app.config.update(LATER_FS_BACKEND="memory", FS_ENQUEUE=lambda job: None)
    fs.init_app(app, storage)

    class Base(DeclarativeBase):
        pass

    class User(Base):
        __tablename__ = "users"
        id = mapped_column(sqlalchemy.Integer, primary_key=True)
        photo = mapped_column(ImageType(storage, max_size=30, thumbnails=[20], process="later"))

    engine = sqlite(f"sqlite:///{tmp_path}/later.db")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        user = User()
        user.photo.save(picture(), "a.png")
        session.add(user)
        session.commit()
    assert list(storage.list_files()) == ["a-original.png"]
    assert list(find_orphans(storage, session=engine, older_than=0)) == []
    engine.dispose()


# Safety


def test_young_files_do_not_count(items, storage):
    put(storage, "orphan.txt")
    assert orphans(items, storage, older_than=60) == []
    assert orphans(items, storage, older_than=0) == ["orphan.txt"]


def test_nothing_is_deleted_unless_it_is_asked(items, storage):
    put(storage, "orphan.txt", "named.txt")
    items.add(cv="named.txt")
    assert orphans(items, storage) == ["orphan.txt"]
    assert storage.exists("orphan.txt")
    assert [(found.kind, found.name) for found in find(items, storage, delete=True)] == [("deleted", "orphan.txt")]
    assert list(storage.list_files()) == ["named.txt"]
    assert find(items, storage, delete=True) == []


def test_a_storage_that_no_model_uses_is_refused(items, configure_storage):
    unused = configure_storage("unused", {"BACKEND": "memory"})
    put(unused, "a.txt")
    with pytest.raises(fs.ConfigurationError, match="no column and no field uses the storage 'unused'"):
        find_orphans(unused, delete=True, **items.options)
    assert unused not in storages_in_use()


def test_a_table_that_cannot_be_read_makes_no_orphans(items, storage):
    put(storage, "orphan.txt")
    items.break_it()
    found = find_orphans(storage, older_than=0, delete=True, **items.options)
    with pytest.raises(fs.FSError, match="cannot be read, so not all names of files are known"):
        next(found)
    assert storage.exists("orphan.txt")


def test_an_error_half_way_through_the_rows_makes_no_orphans(items, storage, monkeypatch):
    put(storage, *(f"{number}.txt" for number in range(5)))
    for number in range(5):
        items.add(cv=f"{number}.txt")
    real, seen = finding._Search._note, []

    def failing(search, *arguments):
        seen.append(arguments)
        if len(seen) == 3:
            raise fs.BackendError("no connection")
        real(search, *arguments)

    monkeypatch.setattr(finding._Search, "_note", failing)
    with pytest.raises(fs.BackendError):
        find(items, storage, delete=True)
    assert len(list(storage.list_files())) == 5


def test_an_error_half_way_through_the_listing_makes_no_orphans(items, storage, monkeypatch):
    put(storage, "a.txt", "b.txt")
    real = storage.backend.store.iter_facts

    def failing(prefix=""):
        yield next(real(prefix))
        raise fs.BackendError("no connection")

    monkeypatch.setattr(storage.backend.store, "iter_facts", failing)
    with pytest.raises(fs.BackendError):
        find(items, storage, delete=True)
    monkeypatch.undo()
    assert sorted(storage.list_files()) == ["a.txt", "b.txt"]


def test_a_file_that_a_row_gets_before_it_is_deleted_is_kept(items, storage, monkeypatch):
    put(storage, "a.txt", "b.txt", "c.txt")
    monkeypatch.setattr(finding, "_PAGE", 1)
    found = find_orphans(storage, older_than=0, delete=True, **items.options)
    assert next(found).name == "a.txt"
    items.add(cv="c.txt")
    assert [(each.kind, each.name) for each in found] == [("deleted", "b.txt")]
    assert list(storage.list_files()) == ["c.txt"]


def test_a_row_that_is_added_while_files_of_its_page_are_deleted(items, storage, monkeypatch):
    # read in the same page: named before the page begins
    put(storage, "a.txt", "b.txt")
    real = finding._Search._read

    def read(search, ledger, *, is_first):
        if not is_first:
            items.add(cv="b.txt")
        real(search, ledger, is_first=is_first)

    monkeypatch.setattr(finding._Search, "_read", read)
    assert [(each.kind, each.name) for each in find(items, storage, delete=True)] == [
        ("deleted", "a.txt"),
        ("kept", "b.txt"),
    ]


def test_a_file_that_is_replaced_before_it_is_deleted_is_kept(items, storage):
    put(storage, "a.txt", "b.txt")
    found = find_orphans(storage, older_than=0, delete=True, **items.options)
    assert next(found).kind == "deleted"
    storage.write("b.txt", "newer and longer", overwrite=True)
    assert [(each.kind, each.name) for each in found] == [("kept", "b.txt")]
    assert storage.read("b.txt") == b"newer and longer"


def test_a_row_that_is_changed_before_it_is_reported_is_not_missing(items, storage, monkeypatch):
    key = items.add(cv="gone.txt")
    real = finding._Search._missing

    def missing(search, ledger):
        items.change(key, cv=None)
        return real(search, ledger)

    monkeypatch.setattr(finding._Search, "_missing", missing)
    assert find(items, storage) == []


def test_a_column_of_texts(items, storage):
    put(storage, "a.txt", "orphan.txt")
    items.add(text="a.txt")
    assert orphans(items, storage) == ["a.txt", "orphan.txt"]
    columns = [items.Item.text]
    assert orphans(items, storage, columns=columns) == ["orphan.txt"]
    items.add(text="gone.txt")
    # it may be a file of any storage
    assert missing(items, storage, columns=columns) == []


@pytest.mark.parametrize("text", ['["b.txt"]', '{"it": [{"b.txt": 1}]}', '"b.txt"', '["[\\"b.txt\\"]"]'])
def test_a_column_of_texts_that_are_json(items, storage, text):
    put(storage, "b.txt", "orphan.txt", '["no name.txt"')
    items.add(text=text)
    items.add(text='["no name.txt"')
    assert orphans(items, storage, columns=[items.Item.text]) == ["orphan.txt"]


@pytest.mark.server
@pytest.mark.parametrize("value", ["https://cdn.example/a.txt", ["https://cdn.example/a.txt"], 7])
def test_a_field_that_makes_no_references_makes_no_orphans(storage, context, mongoengine_database, value):
    class URLField(mongo.FileField):
        def to_python(self, _):
            return value

    class Linked(mongoengine.Document):
        meta = {"collection": "orphans_linked"}
        cv = URLField(fs=storage)

    Linked._get_collection().delete_many({})
    Linked._get_collection().insert_one({"cv": {"filename": "a.txt"}})
    put(storage, "a.txt")
    kind = type(value[0] if isinstance(value, list) else value).__name__
    with pytest.raises(fs.FSError, match=f"'cv' makes {kind} of files"):
        find(Documents, storage, delete=True)
    assert storage.exists("a.txt")
    Linked.drop_collection()


def test_a_storage_whose_names_are_only_texts(items, configure_storage):
    plain = configure_storage("plain", {"BACKEND": "memory"})
    put(plain, "a.txt", "orphan.txt")
    items.add(text="a.txt")
    assert orphans(items, plain, columns=[items.Item.text]) == ["orphan.txt"]


@pytest.mark.parametrize("value", [object(), "text", fs.Storage])
def test_what_is_no_column_is_refused(items, storage, value):
    with pytest.raises(fs.ConfigurationError, match="is no column"):
        find_orphans(storage, columns=[value], **items.options)


def test_a_field_without_a_storage_protects_files_of_all(storage, context, mongoengine_database):
    class Unbound(mongoengine.Document):
        meta = {"collection": "orphans_unbound"}
        cv = mongo.FileField()
        other = mongo.FileField(fs=storage)

    Unbound.drop_collection()
    put(storage, "a.txt", "orphan.txt")
    Unbound(cv="a.txt").save()
    assert orphans(Documents, storage) == ["orphan.txt"]


def test_a_backend_without_versions_keeps_its_files(items, storage, app, monkeypatch):
    put(storage, "a.txt")
    real = storage.backend.store.facts

    def without_version(path, **options):
        return real(path, **options).__class__(7, datetime.now(timezone.utc) - timedelta(days=9))

    monkeypatch.setattr(storage.backend.store, "facts", without_version)
    (found,) = find(items, storage, delete=True)
    assert found.kind == "failed"
    assert "knows no versions" in str(found.error)
    assert list(storage.list_files()) == ["a.txt"]


class OldBackend:
    """A backend that was written for Flask-FS."""

    DEFAULT_MIME = "application/octet-stream"

    def __init__(self, names):
        self.names = names

    def exists(self, name):
        return name in self.names

    def delete(self, name):
        self.names.remove(name)

    def list_files(self):
        return iter(self.names)

    def get_metadata(self, name):
        return {"size": 7, "modified": datetime(2020, 1, 1), "mime": "text/plain"}


def test_a_backend_of_flask_fs_keeps_its_files(items, storage):
    items.add(cv="a.txt")
    storage.backend = OldBackend(["a.txt", "orphan.txt"])
    try:
        assert orphans(items, storage) == ["orphan.txt"]
        (found,) = find(items, storage, delete=True)
        assert (found.kind, found.name) == ("failed", "orphan.txt")
        assert "knows no versions" in str(found.error)
        assert storage.backend.names == ["a.txt", "orphan.txt"]
    finally:
        del storage.backend


def test_files_whose_time_is_unknown_do_not_count(items, storage, monkeypatch):
    put(storage, "a.txt")
    real = storage.backend.store.iter_facts
    monkeypatch.setattr(
        storage.backend.store,
        "iter_facts",
        lambda prefix="": ((path, facts.__class__(facts.size, None)) for path, facts in real(prefix)),
    )
    assert find(items, storage, delete=True) == []


# Directories of this machine: links, and storages that have the same files


class OnDisk:
    def __init__(self, app, tmp_path):
        self.app, self.engine = app, sqlite(f"sqlite:///{tmp_path}/disk.db")
        self.options = {"session": self.engine}

    def configure(self, *storages, **settings):
        self.app.config.update(settings)
        fs.init_app(self.app, *storages)

        class Base(DeclarativeBase):
            pass

        class Item(Base):
            __tablename__ = "items"
            id = mapped_column(sqlalchemy.Integer, primary_key=True)

        for storage in storages:
            setattr(Item, storage.name, mapped_column(FileType(storage, remove_files=False), nullable=True))
        Base.metadata.create_all(self.engine)
        self.Item = Item

    def add(self, **values):
        with Session(self.engine) as session:
            session.add(self.Item(**values))
            session.commit()


@pytest.fixture
def disk(app, context, tmp_path):
    disk = OnDisk(app, tmp_path)
    yield disk
    disk.engine.dispose()


def test_a_file_that_a_row_names_by_a_link_is_none(disk, tmp_path):
    photos = fs.Storage("photos", fs.ALL)
    disk.configure(photos, PHOTOS_FS_ROOT=str(tmp_path / "photos"), PHOTOS_FS_FOLLOW_SYMLINKS=True)
    photos.write("real/a.txt", b"content of a")
    photos.write("real/orphan.txt", b"that of another")
    os.symlink(tmp_path / "photos" / "real", tmp_path / "photos" / "link")
    disk.add(photos="link/a.txt")
    assert "real/a.txt" not in orphans(disk, photos)
    assert missing(disk, photos) == []


@pytest.mark.parametrize("inner", ["", "inner"])
def test_two_storages_with_the_same_files(disk, tmp_path, inner):
    photos, inside = fs.Storage("photos", fs.ALL), fs.Storage("inside", fs.ALL)
    root = tmp_path / "photos"
    disk.configure(photos, inside, PHOTOS_FS_ROOT=str(root), INSIDE_FS_ROOT=str(root / inner))
    inside.write("a.txt", b"a")
    inside.write("orphan.txt", b"b")
    disk.add(inside="a.txt")
    above = f"{inner}/" if inner else ""
    assert orphans(disk, photos) == [f"{above}orphan.txt"]
    assert orphans(disk, inside) == ["orphan.txt"]
    disk.add(photos=f"{above}orphan.txt")
    assert orphans(disk, inside) == orphans(disk, photos) == []


def test_a_link_from_one_root_to_another(disk, tmp_path):
    photos, shared = fs.Storage("photos", fs.ALL), fs.Storage("shared", fs.ALL)
    settings = {"PHOTOS_FS_ROOT": str(tmp_path / "photos"), "SHARED_FS_ROOT": str(tmp_path / "shared")}
    disk.configure(photos, shared, PHOTOS_FS_FOLLOW_SYMLINKS=True, **settings)
    photos.write("own.txt", "of photos")
    disk.add(photos="own.txt")
    for name in ("a.txt", "b.txt", "orphan.txt"):
        shared.write(name, f"content of {name}")
    os.symlink(tmp_path / "shared", tmp_path / "photos" / "link")
    assert "link/a.txt" in photos.list_files()
    disk.add(shared="a.txt")
    disk.add(photos="link/b.txt")
    assert orphans(disk, photos) == ["link/orphan.txt"]
    assert orphans(disk, shared) == ["orphan.txt"]


@pytest.mark.parametrize("side", ["SOURCE", "TARGET"])
@pytest.mark.parametrize("inner", ["", "inner"])
def test_one_side_of_a_storage_that_moves_has_the_files_of_another_storage(disk, tmp_path, side, inner):
    moving, other = fs.Storage("moving", fs.ALL), fs.Storage("other", fs.ALL)
    roots = {"SOURCE": tmp_path / "old", "TARGET": tmp_path / "new"}
    disk.configure(
        moving,
        other,
        MOVING_FS_BACKEND="migrating",
        MOVING_FS_SOURCE="local",
        MOVING_FS_SOURCE_ROOT=str(roots["SOURCE"]),
        MOVING_FS_TARGET="local",
        MOVING_FS_TARGET_ROOT=str(roots["TARGET"]),
        OTHER_FS_ROOT=str(roots[side] / inner),
    )
    for name in ("a.txt", "b.txt", "orphan.txt"):
        other.write(name, f"content of {name}")
    above = f"{inner}/" if inner else ""
    disk.add(other="a.txt", moving=f"{above}b.txt")
    assert orphans(disk, moving) == [f"{above}orphan.txt"]
    assert orphans(disk, other) == ["orphan.txt"]
    assert missing(disk, moving) == missing(disk, other) == []
    deleted = find_orphans(moving, older_than=0, delete=True, **disk.options)
    assert [each.name for each in deleted] == [f"{above}orphan.txt"]
    assert sorted(other.list_files()) == ["a.txt", "b.txt"]


def test_two_storages_that_move_from_one_directory_to_another(disk, tmp_path):
    storages = [fs.Storage(name, fs.ALL) for name in ("one", "two")]
    settings = {
        f"{name}_FS_{key}": value
        for name in ("ONE", "TWO")
        for key, value in {
            "BACKEND": "migrating",
            "SOURCE": "local",
            "SOURCE_ROOT": str(tmp_path / "old"),
            "TARGET": "local",
            "TARGET_ROOT": str(tmp_path / "new"),
        }.items()
    }
    disk.configure(*storages, **settings)
    one, two = storages
    for name in ("a.txt", "b.txt", "orphan.txt"):
        one.write(name, f"content of {name}")
    disk.add(one="a.txt", two="b.txt")
    assert orphans(disk, one) == orphans(disk, two) == ["orphan.txt"]
    assert missing(disk, one) == missing(disk, two) == []


def test_a_file_that_gets_older_before_it_is_deleted_is_kept(disk, tmp_path):
    photos = fs.Storage("photos", fs.ALL)
    disk.configure(photos, PHOTOS_FS_ROOT=str(tmp_path / "photos"))
    put(photos, "a.txt", "b.txt")
    found = find_orphans(photos, older_than=0, delete=True, **disk.options)
    assert next(found).name == "a.txt"
    # as a backup restores it
    put(photos, "b.txt")
    os.utime(tmp_path / "photos" / "b.txt", (10**9, 10**9))
    assert [(each.kind, each.name) for each in found] == [("kept", "b.txt")]


def test_a_file_that_is_replaced_in_one_instant_is_kept(disk, tmp_path):
    photos = fs.Storage("photos", fs.ALL)
    disk.configure(photos, PHOTOS_FS_ROOT=str(tmp_path / "photos"))
    put(photos, "a.txt", "b.txt")
    found = find_orphans(photos, older_than=0, delete=True, **disk.options)
    assert next(found).name == "a.txt"
    size = photos.metadata("b.txt")["size"]
    photos.write("b.txt", b"x" * size, overwrite=True)
    assert [(each.kind, each.name) for each in found] == [("kept", "b.txt")]
    assert photos.exists("b.txt")


def test_a_file_that_was_moved_lately_is_young(disk, tmp_path):
    photos = fs.Storage("photos", fs.ALL)
    disk.configure(photos, PHOTOS_FS_ROOT=str(tmp_path / "photos"))
    photos.write("a.txt", b"content")
    os.utime(tmp_path / "photos" / "a.txt", (10**9, 10**9))
    photos.move("a.txt", "b.txt")
    assert (tmp_path / "photos" / "b.txt").stat().st_mtime == 10**9
    assert list(find_orphans(photos, delete=True, **disk.options)) == []
    assert photos.exists("b.txt")
    assert orphans(disk, photos) == ["b.txt"]


def test_a_disk_that_is_mounted_twice(disk, tmp_path, monkeypatch):
    photos, inside = fs.Storage("photos", fs.ALL), fs.Storage("inside", fs.ALL)
    os.makedirs(tmp_path / "disk" / "inner")
    os.symlink(tmp_path / "disk", tmp_path / "mount")
    # a mount has no other path that it leads to
    monkeypatch.setattr(os.path, "realpath", os.path.abspath)
    settings = {"PHOTOS_FS_ROOT": str(tmp_path / "disk"), "INSIDE_FS_ROOT": str(tmp_path / "mount" / "inner")}
    disk.configure(photos, inside, **settings)
    inside.write("a.txt", b"a")
    inside.write("orphan.txt", b"b")
    photos.write("c.txt", b"c")
    disk.add(inside="a.txt")
    disk.add(photos="c.txt")
    assert orphans(disk, photos) == ["inner/orphan.txt"]
    assert orphans(disk, inside) == ["orphan.txt"]


def test_two_files_with_one_size_and_time_are_no_links(disk):
    photos = fs.Storage("photos", fs.ALL)
    disk.configure(photos, PHOTOS_FS_BACKEND="pyfs", PHOTOS_FS_OPEN_URL="temp://")
    for name in ("a.txt", "orphan.txt"):
        photos.write(name, b"content")
        photos.fs.setinfo(name, {"details": {"modified": 10**9}})
    assert photos.version("a.txt") == photos.version("orphan.txt")
    disk.add(photos="a.txt")
    assert orphans(disk, photos) == ["orphan.txt"]
    photos.fs.close()


@pytest.mark.server
def test_one_container_by_two_protocols(disk, swift_server, swift_endpoint):
    photos, beside = fs.Storage("photos", fs.ALL), fs.Storage("beside", fs.ALL)
    place = swift_server.place
    with new_bucket(swift_endpoint) as bucket:
        disk.configure(
            photos,
            beside,
            PHOTOS_FS_BACKEND="swift",
            PHOTOS_FS_AUTHURL=place.auth_url,
            PHOTOS_FS_USER=place.user,
            PHOTOS_FS_KEY=place.key,
            PHOTOS_FS_AUTH_VERSION="1",
            PHOTOS_FS_CONTAINER=bucket,
            BESIDE_FS_BACKEND="s3",
            BESIDE_FS_BUCKET=bucket,
            **s3_settings("BESIDE", swift_endpoint),
        )
        for name in ("a.txt", "b.txt", "orphan.txt"):
            photos.write(name, b"content of " + name.encode())
        disk.add(photos="a.txt", beside="b.txt")
        # by s3api, a file is of the second that begins after it was written
        while time.time() <= beside.metadata("orphan.txt", checksum=False)["modified"].timestamp():
            time.sleep(0.05)
        assert orphans(disk, photos) == orphans(disk, beside) == ["orphan.txt"]


@pytest.mark.server
@pytest.mark.parametrize("replaced", ["a.txt", "b.txt", "orphan.txt"])
def test_a_file_that_is_replaced_while_storages_are_compared(disk, moto_endpoint, monkeypatch, replaced):
    photos, beside = fs.Storage("photos", fs.ALL), fs.Storage("beside", fs.ALL)
    seen = sharing._seen

    def replaced_after(operations, name):
        found = seen(operations, name)
        if operations is photos.backend and name == replaced:
            photos.write(replaced, b"another content", overwrite=True)
        return found

    with new_bucket(moto_endpoint) as bucket:
        keys = {**s3_settings("PHOTOS", moto_endpoint), **s3_settings("BESIDE", moto_endpoint)}
        # nothing tells that both addresses are of one server
        keys["BESIDE_FS_ENDPOINT"] = moto_endpoint.url.replace("127.0.0.1", "localhost")
        assert keys["BESIDE_FS_ENDPOINT"] != keys["PHOTOS_FS_ENDPOINT"]
        disk.configure(photos, beside, FS_BACKEND="s3", FS_BUCKET=bucket, **keys)
        for name in ("a.txt", "b.txt", "orphan.txt"):
            photos.write(name, b"content of " + name.encode())
        disk.add(photos="a.txt", beside="b.txt")
        monkeypatch.setattr(sharing, "_seen", replaced_after)
        search = finding._Search(photos, namings(session=disk.engine), 0)
        search._before += 5
        assert [each.name for each in search.run(False)] == ["orphan.txt"]


def s3_settings(name, endpoint):
    keys = ("ACCESS_KEY", "SECRET_KEY", "REGION", "ADDRESSING_STYLE")
    told = {f"{name}_FS_{key}": getattr(endpoint, key.lower()) for key in keys}
    return {**told, f"{name}_FS_ENDPOINT": endpoint.url}


def test_a_storage_with_the_same_files_that_no_model_uses_is_refused(disk, tmp_path):
    photos, inside = fs.Storage("photos", fs.ALL), fs.Storage("inside", fs.ALL)
    disk.configure(photos, PHOTOS_FS_ROOT=str(tmp_path / "photos"))
    disk.app.config["INSIDE_FS_ROOT"] = str(tmp_path / "photos" / "inside")
    fs.init_app(disk.app, photos, inside)
    with pytest.raises(fs.ConfigurationError, match="'inside', which has files of 'photos' too"):
        find(disk, photos)


@pytest.mark.server
@pytest.mark.parametrize("prefix", ["", "b", "b/c"])
def test_two_storages_in_one_bucket(disk, mongo_url, prefix):
    photos, inside, apart = (fs.Storage(name, fs.ALL) for name in ("photos", "inside", "apart"))
    disk.configure(
        photos,
        inside,
        apart,
        FS_BACKEND="gridfs",
        FS_MONGO_URL=mongo_url,
        FS_MONGO_DB="orphans",
        PHOTOS_FS_BUCKET="shared",
        PHOTOS_FS_PREFIX="b",
        INSIDE_FS_BUCKET="shared",
        INSIDE_FS_PREFIX=prefix,
    )
    for name in ("a.txt", "orphan.txt", "c/d.txt"):
        photos.write(name, b"content", overwrite=True)
        apart.write(f"b/{name}", b"content", overwrite=True)
    # what the inner storage calls the same files
    full = ["b/a.txt", "b/c/d.txt"]
    names = [name[len(prefix) + 1 :] if prefix else name for name in full if name.startswith(prefix)]
    for name in names:
        disk.add(inside=name)
    expected = ["a.txt", "orphan.txt"] if prefix == "b/c" else ["orphan.txt"]
    assert orphans(disk, photos) == expected
    assert orphans(disk, apart) == ["b/a.txt", "b/c/d.txt", "b/orphan.txt"]


STORES = ["local", "memory", "pyfs", *(pytest.param(kind, marks=pytest.mark.server) for kind in PLACES)]


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("prefix", ["", "above"])
def test_each_store(disk, request, kind, prefix):
    photos, beside = fs.Storage("photos", fs.ALL), fs.Storage("beside", fs.ALL)
    with make_place(kind, request) as settings:
        keys = {f"PHOTOS_FS_{key}": value for key, value in settings.items()}
        # the same bucket, with a PREFIX of its own
        more = {f"BESIDE_FS_{key}": value for key, value in settings.items()}
        disk.configure(photos, beside, **keys, **more, PHOTOS_FS_PREFIX=prefix, BESIDE_FS_PREFIX="beside")
        try:
            for name in ("a.txt", "b/orphan.txt", "b/c.txt", "d/\xe9 orphan.txt"):
                photos.write(name, b"content of " + name.encode())
            beside.write("e.txt", b"content")
            disk.add(photos="a.txt", beside="e.txt")
            disk.add(photos="b//c.txt")
            # the store tells the time of its files in whole seconds, or its clock is ahead
            future = -5
            found = [each for each in _found_after(photos, disk, future) if each.kind != "missing"]
            assert [(each.kind, each.name) for each in found] == [
                ("deleted", "b/orphan.txt"),
                ("deleted", "d/\xe9 orphan.txt"),
            ]
            assert sorted(name for name in photos.list_files() if "beside" not in name) == ["a.txt", "b/c.txt"]
            assert beside.exists("e.txt")
        finally:
            photos.fs.close()
            beside.fs.close()


def _found_after(storage, disk, seconds):
    search = finding._Search(storage, namings(session=disk.engine), 0)
    search._before -= seconds
    return list(search.run(delete=True))


# Ways to the database


def test_what_makes_sessions_and_tables_without_a_class(disk, tmp_path):
    photos = fs.Storage("photos", fs.ALL)
    disk.configure(photos, PHOTOS_FS_BACKEND="memory")
    put(photos, "a.txt", "b.txt", "orphan.txt")
    metadata = sqlalchemy.MetaData()
    table = sqlalchemy.Table("links", metadata, sqlalchemy.Column("photo", FileType(photos)))
    metadata.create_all(disk.engine)
    with disk.engine.begin() as connection:
        connection.execute(table.insert().values(photo="b.txt"))
    disk.add(photos="a.txt")
    for session in (disk.engine, sessionmaker(disk.engine), Session(disk.engine)):
        found = find_orphans(photos, session=session, older_than=0)
        assert [each.name for each in found] == ["orphan.txt"]
    photos.delete("b.txt")
    found = find_orphans(photos, session=disk.engine, older_than=0)
    assert [(each.kind, each.name, each.model) for each in found] == [
        ("missing", "b.txt", "links"),
        ("orphan", "orphan.txt", None),
    ]


def test_tables_whose_database_is_not_known(disk):
    photos = fs.Storage("photos", fs.ALL)
    disk.configure(photos, PHOTOS_FS_BACKEND="memory")
    put(photos, "orphan.txt")
    with pytest.raises(fs.FSError, match="--session"):
        list(find_orphans(photos, older_than=0, delete=True))
    assert photos.exists("orphan.txt")


# At random

POOL = ["a.txt", "A.txt", "b/c.txt", NFC, NFD, "d.png", "d-20.png"]
SPELLED = [*POOL, "b//c.txt", "./a.txt", "gone.txt"]
NAME = st.sampled_from(SPELLED)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "cv": NAME,
        "extra": NAME,
        "papers": st.lists(NAME, min_size=1, max_size=3),
        "photo": st.builds(lambda *names: image_of(*names[:2], _20=names[2]), NAME, st.none() | NAME, NAME),
    },
)


def names_in(value):
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return value
    return [name for name in (value["filename"], value["original"], *value["thumbnails"].values()) if name]


def meant(name):
    return unicodedata.normalize("NFC", os.path.normpath(name))


@pytest.mark.slow
def test_any_rows_and_files(items, storage, soak):
    @hypothesis.settings(max_examples=500 if soak else 10)
    @hypothesis.given(st.sets(st.sampled_from(POOL)), st.lists(VALUES, max_size=4))
    def check(files, rows):
        items.clear()
        for name in list(storage.list_files()):
            storage.delete(name)
        put(storage, *files)
        for values in rows:
            items.add(**values)
        named = {name for values in rows for value in values.values() for name in names_in(value)}
        means = {meant(name) for name in named}
        expected = {name for name in files if meant(name) not in means}
        there = {meant(name) for name in files}
        assert set(orphans(items, storage)) == expected
        assert {name for *_, name in missing(items, storage)} == {name for name in named if meant(name) not in there}
        assert {found.name for found in find(items, storage, delete=True) if found.kind == "deleted"} == expected
        assert {meant(name) for name in storage.list_files()} == {meant(name) for name in files - expected}

    check()


def test_memory_does_not_grow_with_rows_and_files(items, storage, soak, monkeypatch):
    def listed(count):
        for number in range(count):
            yield f"{number:08}.txt", Facts(7, datetime(2026, 1, 1, tzinfo=timezone.utc), f"etag-{number}")

    def peak(count):
        items.clear()
        items.add_many(f"{number:08}.txt" for number in range(0, count, 2))
        monkeypatch.setattr(storage.backend.store, "iter_facts", lambda prefix="": listed(count))
        tracemalloc.start()
        try:
            found = sum(1 for _ in find_orphans(storage, **items.options))
            return found, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # a page is what memory is for
    for module in (finding, tables, collections):
        monkeypatch.setattr(module, "_PAGE", 50)
    many = 1_000_000 if soak else 1_500
    # also what is made once
    peak(200)
    few_found, few = peak(200)
    many_found, peaked = peak(many)
    assert (few_found, many_found) == (100, many // 2)
    assert peaked < few + 128 * 1024
