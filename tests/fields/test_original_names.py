"""The client's own name of a file, in references, rows and documents."""

import copy
import hashlib
import io
import pickle
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import mongoengine
import pytest
from databases import sqlite
from sqlalchemy import select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.mongo import FileField, ImageField, undoing
from flask_pyfs.sqlalchemy import FileReference, FileType, ImageReference, ImageType

files = fs.Storage("files", fs.ALL)


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "rows"
    id: Mapped[int] = mapped_column(primary_key=True)
    paper: Mapped[FileReference] = mapped_column(FileType(files), nullable=True)
    picture: Mapped[ImageReference] = mapped_column(ImageType(files, thumbnails=[10]), nullable=True)


class Plain(mongoengine.Document):
    paper = FileField(fs=files)
    picture = ImageField(fs=files, thumbnails=[10])


class Knowing(mongoengine.Document):
    paper = FileField(fs=files, facts=True)
    picture = ImageField(fs=files, thumbnails=[10], facts=True)


@pytest.fixture(autouse=True)
def storage():
    files.configure(SimpleNamespace(config={"FS_BACKEND": "memory", "SECRET_KEY": "secret"}))
    return files


@pytest.fixture
def session():
    engine = sqlite()
    Base.metadata.create_all(engine)
    with Session(engine, expire_on_commit=True) as session:
        yield session
    engine.dispose()


@pytest.fixture
def upload(draw):
    return lambda name: FileStorage(draw(20, 20), name)


@pytest.fixture
def row(session, upload):
    row = Row(id=1)
    session.add(row)
    row.paper.save(upload("Bericht 2026.pdf"))
    row.picture.save(upload("C:\\fakepath\\\N{PARTY POPPER}.png"), "party.png")
    session.commit()
    return row


def test_a_row_keeps_it(session, row):
    session.expunge_all()
    loaded = session.get_one(Row, 1)
    assert (loaded.paper.filename, loaded.paper.original_name) == ("Bericht_2026.pdf", "Bericht 2026.pdf")
    assert loaded.picture.original_name == "\N{PARTY POPPER}.png"
    for same in (copy.copy(loaded.paper), copy.deepcopy(loaded.paper), pickle.loads(pickle.dumps(loaded.paper))):
        assert same.original_name == "Bericht 2026.pdf"
    session.add(Row(id=2, paper=loaded.paper))
    session.commit()
    assert session.get_one(Row, 2).paper.original_name == "Bericht 2026.pdf"


def test_a_row_is_found_by_the_name_of_its_file(session, row):
    for found in (Row.paper == "Bericht_2026.pdf", Row.paper == row.paper, Row.picture.in_(["party.png"])):
        assert session.scalars(select(Row).where(found)).one() is row


def test_it_follows_the_transaction(session, row, upload):
    row.paper.save(upload("later.pdf"))
    savepoint = session.begin_nested()
    row.paper.save(upload("latest.pdf"))
    session.flush()
    savepoint.rollback()
    assert row.paper.original_name == "later.pdf"
    session.rollback()
    assert row.paper.original_name == "Bericht 2026.pdf"


@pytest.mark.parametrize("attribute", ["filename", "original"])
def test_another_name_clears_it(session, row, attribute):
    setattr(row.picture, attribute, "other.png")
    assert row.picture.original_name is None
    session.commit()
    assert row.picture.original_name is None


def test_other_changes(session, row, upload):
    row.picture.rerender()
    assert row.picture.original_name == "\N{PARTY POPPER}.png"
    row.paper.save(io.BytesIO(b"x"), "by the app.pdf")
    assert row.paper.original_name is None
    row.picture.delete()
    assert row.picture.original_name is None


def test_what_save_returns_is_assigned(session, row, upload):
    row.paper = files.save(upload("Plan B.txt"))
    session.commit()
    assert (row.paper.filename, row.paper.original_name) == ("Plan_B.txt", "Plan B.txt")
    url = files.upload_url("c.txt", original_name="Plan C.txt", expires=60, unique=False)
    row.paper = {"filename": url.name, "original_name": url.original_name}
    session.commit()
    assert (row.paper.filename, row.paper.original_name) == ("c.txt", "Plan C.txt")
    row.paper = "d.txt"
    assert row.paper.original_name is None


@pytest.mark.parametrize("known", ['{"filename": "a.txt"}', '{"filename": "a.txt", "original_name": 5}'])
def test_old_rows(session, known):
    session.execute(text("INSERT INTO rows (id, paper) VALUES (7, :known)"), {"known": known})
    assert session.get_one(Row, 7).paper.original_name is None


def stored(document: Any) -> dict[str, Any]:
    found: dict[str, Any] = type(document)._get_collection().find_one({"_id": document.pk})
    return {name: value for name, value in found.items() if name != "_id"}


@pytest.mark.usefixtures("mongoengine_database")
class TestDocuments:
    @pytest.fixture
    def save(self, upload):
        def save(document):
            document.paper.save(upload("Bericht 2026.pdf"), overwrite=True)
            document.picture.save(upload("\N{PARTY POPPER}.png"), "party.png", overwrite=True)
            document.save()
            return document

        return save

    def test_one_that_flask_fs_reads_has_none(self, save):
        document = save(Plain())
        assert stored(document) == {
            "paper": {"filename": "Bericht_2026.pdf"},
            "picture": {"filename": "party.png", "thumbnails": {"10": "party-10.png"}},
        }
        assert document.paper.original_name == "Bericht 2026.pdf"
        assert Plain.objects.get(pk=document.pk).paper.original_name is None

    def test_one_with_facts_keeps_it(self, save, upload):
        document = save(Knowing())
        content = document.paper.read()
        assert stored(document)["paper"] == {
            "filename": "Bericht_2026.pdf",
            "original_name": "Bericht 2026.pdf",
            "size": len(content),
            "content_type": "application/pdf",
            "checksum": f"sha1:{hashlib.sha1(content).hexdigest()}",
        }
        picture = stored(document)["picture"]
        assert (picture["width"], picture["height"], picture["size"]) == (20, 20, len(document.picture.read()))
        assert Knowing.objects(__raw__={"paper.filename": "Bericht_2026.pdf"}).get() == document
        loaded = Knowing.objects.get(pk=document.pk)
        assert loaded.paper.original_name == "Bericht 2026.pdf"
        assert loaded.to_mongo() == document.to_mongo()
        assert loaded.picture.original_name == "\N{PARTY POPPER}.png"
        with suppress(ZeroDivisionError), undoing(loaded):
            loaded.paper.save(upload("other.pdf"))
            raise ZeroDivisionError
        assert loaded.paper.original_name == "Bericht 2026.pdf"
        loaded.paper.filename = "other.pdf"
        loaded.save()
        assert stored(loaded)["paper"] == {"filename": "other.pdf"}
        loaded.reload()
        assert loaded.paper.original_name is None
