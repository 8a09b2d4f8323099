"""Documents and rows keep the names that other tools gave files, and the files are found by them, on a real GridFS."""

import copy
import io
import pickle
from datetime import timedelta

import gridfs
import mongoengine
import pytest
from databases import sqlite
from mongoengine.connection import get_db
from PIL import Image
from sqlalchemy import insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import flask_pyfs as fs
from flask_pyfs.fields import stored
from flask_pyfs.mongo import FileField, ImageField
from flask_pyfs.sqlalchemy import FileReference, FileType

pytestmark = pytest.mark.server

files = fs.Storage("of_peers", fs.ALL)
NAMES = ["p//x.txt", "/2024/x.txt", "e\u0301.txt", "p/e\u0301.txt", "a\\b.txt", "p/./x.txt", "tab\t.txt"]


class Paper(mongoengine.Document):
    meta = {"collection": "papers_of_peers"}
    name = mongoengine.StringField()
    file = FileField(files, remove_files=True)
    image = ImageField(20, [10], fs=files, remove_files=True)


class Shared(mongoengine.Document):
    meta = {"collection": "shared_of_peers"}
    file = FileField(files, remove_files=True, default="p/x.txt")


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "row"
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str | None]
    file: Mapped[FileReference] = mapped_column(FileType(files), nullable=True)


class SharedRow(Base):
    __tablename__ = "shared_row"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[FileReference] = mapped_column(FileType(files, remove_files=True), nullable=True, default="p/x.txt")


class Pair(Base):
    __tablename__ = "pair"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[FileReference] = mapped_column(FileType(files, remove_files=True), nullable=True)
    other: Mapped[FileReference] = mapped_column(FileType(files, remove_files=True), nullable=True)


@pytest.fixture(autouse=True)
def storage(app, mongo_url, mongoengine_database, monkeypatch):
    app.config |= {"OF_PEERS_FS_BACKEND": "gridfs", "OF_PEERS_FS_MONGO_URL": mongo_url}
    app.config["OF_PEERS_FS_MONGO_DB"] = mongoengine_database
    fs.init_app(app, files)
    for collection in ("of_peers.files", "of_peers.chunks", "papers_of_peers"):
        get_db()[collection].delete_many({})
    # the files were stored long ago
    monkeypatch.setattr(stored, "_UNSAVED", timedelta(days=-1))


@pytest.fixture
def session():
    engine = sqlite()
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def write(name, content=b"peer"):
    """Store a file as a peer does, which takes each name as it is."""
    gridfs.GridFS(get_db(), "of_peers").put(content, filename=name)


def keys():
    return sorted(get_db()["of_peers.files"].distinct("filename"))


def named():
    return Paper._get_collection().find_one()["file"]["filename"]


def assign(document, how):
    reference = document.file
    if how == "filename":
        reference.filename = reference.filename
    elif how != "nothing":
        document.file = {
            "itself": reference,
            "its name": reference.filename,
            "its document": reference.to_document(),
            "a copy": copy.copy(reference),
            "a pickle": pickle.loads(pickle.dumps(reference)),
        }[how]


WAYS = ["nothing", "itself", "filename", "its name", "its document", "a copy", "a pickle"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", WAYS)
def test_a_document_keeps_the_name_and_the_file(name, how):
    write(name)
    Paper._get_collection().insert_one({"file": {"filename": name}})
    paper = Paper.objects.get()
    assign(paper, how)
    paper.name = "new"
    paper.save()
    assert named() == name
    assert keys() == [name]
    assert files.read(Paper.objects.get(file=name).file.filename) == b"peer"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("end", ["clear", "delete", "store"])
def test_a_document_deletes_exactly_this_file(name, end):
    write(name)
    write("p/x.txt", b"another")
    Paper._get_collection().insert_one({"file": {"filename": name}})
    paper = Paper.objects.get()
    if end == "delete":
        paper.delete()
    else:
        paper.file = None
        if end == "store":
            paper.file.save(io.BytesIO(b"new"), "new.txt")
        paper.save()
    assert keys() == ["new.txt", "p/x.txt"][end != "store" :]


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("e\u0301.txt", "e\u0301.txt", "\u00e9.txt"),
        ("p/x.txt", "p/x.txt", "p//x.txt"),
        ("p/x.txt", "/p/x.txt", "p//x.txt"),
    ],
)
def test_a_document_that_gets_another_spelling(key, before, after):
    write(key)
    Paper._get_collection().insert_one({"file": {"filename": before}})
    paper = Paper.objects.get()
    paper.file = after
    paper.save()
    assert named() == after
    assert keys() == [key]
    assert files.read(after) == b"peer"


def test_a_document_that_gets_another_file_of_a_similar_name():
    write("p//x.txt")
    write("p/x.txt", b"another")
    Paper._get_collection().insert_one({"file": {"filename": "p//x.txt"}})
    paper = Paper.objects.get()
    paper.file = "p/x.txt"
    paper.save()
    assert keys() == ["p/x.txt"]


@pytest.mark.parametrize("name", ["p//x.png", "/2024/x.png", "e\u0301.png", "p/e\u0301.png"])
def test_an_image_is_rendered_again(name):
    content = io.BytesIO()
    Image.new("RGB", (60, 40)).save(content, "PNG")
    write(name, content.getvalue())
    Paper._get_collection().insert_one({"image": {"filename": name}})
    for _ in range(2):
        paper = Paper.objects.get()
        paper.image.rerender()
        paper.save()
        paper = Paper.objects.get()
        assert paper.image.filename == name in keys()
        assert all(map(files.exists, paper.image.filenames))
        assert files.read(paper.image.original) == content.getvalue()
        assert len(keys()) == 3
    paper.delete()
    assert keys() == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", WAYS)
def test_a_row_keeps_the_name_and_the_file(name, how, session):
    write(name)
    session.execute(insert(Row).values(id=1, file={"filename": name}))
    session.commit()
    row = session.scalars(select(Row)).one()
    assign(row, how)
    row.label = "new"
    session.commit()
    assert session.scalars(select(Row.file)).one().filename == name
    assert keys() == [name]
    assert session.scalars(select(Row).where(Row.file == name)).one() is row
    row.file = None
    session.commit()
    assert keys() == []


def test_queries_for_another_spelling(session):
    session.add_all([Row(id=1, file="e\u0301.txt"), Row(id=2, file="p/x.txt"), Row(id=3, file="b.txt")])
    session.commit()

    def found(condition):
        return session.scalars(select(Row.id).where(condition).order_by(Row.id)).all()

    assert found(Row.file == "\u00e9.txt") == [1]
    assert found(Row.file == "/p//x.txt") == [2]
    assert found(Row.file != "p//x.txt") == [1, 3]
    assert found(Row.file.in_(["\u00e9.txt", "p/x.txt"])) == [1, 2]
    assert found(Row.file.not_in(["\u00e9.txt", "p/x.txt"])) == [3]


def test_a_row_that_gets_another_spelling(session):
    write("e\u0301.txt")
    session.execute(insert(Row).values(id=1, file={"filename": "e\u0301.txt"}))
    session.commit()
    row = session.scalars(select(Row)).one()
    row.file = "\u00e9.txt"
    session.commit()
    assert keys() == ["e\u0301.txt"]
    assert files.read(row.file.filename) == b"peer"


def test_another_column_of_the_row_has_another_spelling(session):
    write("p/x.txt")
    session.add(Pair(file="p//x.txt", other="p/x.txt"))
    session.commit()
    pair = session.scalars(select(Pair)).one()
    assert (pair.file.filename, pair.other.filename) == ("p//x.txt", "p/x.txt")
    session.expire(pair, ["other"])
    pair.file = None
    session.commit()
    assert keys() == ["p/x.txt"]
    pair.other = None
    session.commit()
    assert keys() == []


def test_the_default_with_another_spelling_stays(session):
    write("p/x.txt")
    document = Shared(file="p//x.txt").save()
    Shared.objects.get(pk=document.pk).delete()
    assert keys() == ["p/x.txt"]
    session.add(SharedRow(file="p//x.txt"))
    session.commit()
    session.delete(session.scalars(select(SharedRow)).one())
    session.commit()
    assert keys() == ["p/x.txt"]
