"""``populate_obj`` of WTForms, with its own fields and with those of Flask-WTF, on rows and on documents."""

import io

import mongoengine
import pytest
import wtforms
from databases import sqlite
from flask import request
from flask_wtf import FlaskForm
from flask_wtf.file import FileAllowed
from flask_wtf.file import FileField as FlaskFileField
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from werkzeug.datastructures import CombinedMultiDict

import flask_pyfs as fs
from flask_pyfs.mongo import FileField
from flask_pyfs.sqlalchemy import FileType, file_column

papers = fs.Storage("papers", fs.TEXT)


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "populated"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    cv = file_column(FileType(papers))


class PopulatedDocument(mongoengine.Document):
    name = mongoengine.StringField()
    cv = FileField(fs=papers, remove_files=True)


class OfFlask(FlaskForm):
    name = wtforms.StringField()
    cv = FlaskFileField(validators=[FileAllowed(["txt"])])


class OfWTForms(wtforms.Form):
    name = wtforms.StringField()
    cv = wtforms.FileField()


def flask_form(thing):
    return OfFlask(obj=thing, meta={"csrf": False})


def plain_form(thing):
    return OfWTForms(CombinedMultiDict([request.files, request.form]), obj=thing)


@pytest.fixture(autouse=True)
def storage(app):
    app.config["FS_BACKEND"] = "memory"
    fs.init_app(app, papers)


@pytest.fixture(params=["row", pytest.param("document", marks=pytest.mark.server)])
def things(request):
    """Make a row or a document, and save it."""
    if request.param == "document":
        request.getfixturevalue("mongoengine_database")
        yield PopulatedDocument, lambda thing: thing.save()
        return
    engine = sqlite()
    Base.metadata.create_all(engine)
    with Session(engine) as session:

        def save(row):
            session.add(row)
            session.commit()

        yield Row, save
    engine.dispose()


@pytest.mark.parametrize("form_of", [flask_form, plain_form], ids=["Flask-WTF", "WTForms"])
def test_a_form_stores_its_upload(app, things, form_of):
    make, save = things
    thing = make()
    chosen = (io.BytesIO(b"one"), "one.txt"), (io.BytesIO(b"two"), "two.txt"), (io.BytesIO(), "")
    for upload, stored in zip(chosen, ["one.txt", "two.txt", "two.txt"], strict=True):
        with app.test_request_context(method="POST", data={"name": "ann", "cv": upload}):
            form = form_of(thing)
            assert form.validate()
            form.populate_obj(thing)
            save(thing)
        assert (thing.name, thing.cv.filename, list(papers.list_files())) == ("ann", stored, [stored])


@pytest.mark.parametrize("form_of", [flask_form, plain_form], ids=["Flask-WTF", "WTForms"])
def test_a_form_shows_a_thing_with_a_file(app, things, form_of):
    thing = things[0](cv="one.txt")
    with app.test_request_context():
        assert 'type="file"' in form_of(thing).cv()
