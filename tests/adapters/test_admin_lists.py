"""Columns with several files in the forms and lists of Flask-Admin."""

import html
import io
import re
from typing import Any

import flask
import pytest
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_sqlalchemy import SQLAlchemy
from PIL import Image
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import flask_pyfs as fs
from flask_pyfs.admin import StorageModelView
from flask_pyfs.sqlalchemy import FileType, ImageType, file_column

papers = fs.Storage("papers", fs.TEXT)
photos = fs.Storage("photos", fs.IMAGES)


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class Report(db.Model):  # type: ignore[name-defined]
    id: Mapped[int] = mapped_column(primary_key=True)
    papers = file_column(FileType(papers, multiple=True))
    photos = file_column(ImageType(photos, thumbnails=[20], multiple=True))


class Deed(db.Model):  # type: ignore[name-defined]
    id: Mapped[int] = mapped_column(primary_key=True)
    papers = file_column(FileType(papers, multiple=True), nullable=False)


class View(StorageModelView, ModelView):
    can_export = True


@pytest.fixture
def app():
    app = flask.Flask("reports")
    app.config.update(SECRET_KEY="key", FS_BACKEND="memory", FS_SERVE=True, SQLALCHEMY_DATABASE_URI="sqlite://")
    fs.init_app(app, papers, photos)
    db.init_app(app)
    admin = Admin(app)
    admin.add_view(View(Report, db))
    admin.add_view(View(Deed, db))
    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def names(app):
    """Return the names of the papers of all rows of a model, and those in the storage."""

    def names(model=Report):
        with app.app_context():
            rows = db.session.scalars(db.select(model))
            return [one.filename for row in rows for one in row.papers], sorted(papers.list_files())

    return names


@pytest.fixture
def client(app):
    return app.test_client()


def text(name: str) -> tuple[io.BytesIO, str]:
    return io.BytesIO(name.encode()), name


def png(name: str) -> tuple[io.BytesIO, str]:
    file = io.BytesIO()
    Image.new("RGB", (50, 40)).save(file, "PNG")
    file.seek(0)
    return file, name


def post(client: Any, path: str, **data: Any) -> str:
    return html.unescape(client.post(path, data=data, follow_redirects=True).text)


def test_uploads_are_added_and_files_are_deleted_one_by_one(app, client, names):
    post(client, "/admin/report/new/", papers=[text("a.txt"), text("b.txt")], photos=[png("c.png")])
    assert names() == (["a.txt", "b.txt"], ["a.txt", "b.txt"])
    page = client.get("/admin/report/edit/?id=1").text
    assert re.findall(r'name="papers-delete" value="([^"]*)"', page) == ["a.txt", "b.txt"]
    assert 'src="/photos/c-20.png"' in page

    data = {"papers": [text("d.txt")], "papers-delete": ["a.txt"]}
    post(client, "/admin/report/edit/?id=1", **data)
    assert names() == (["b.txt", "d.txt"], ["b.txt", "d.txt"])
    with app.app_context():
        assert sorted(photos.list_files()) == ["c-20.png", "c.png"]


def test_a_form_without_files_changes_none(client, names):
    post(client, "/admin/report/new/", papers=[text("a.txt")])
    post(client, "/admin/report/edit/?id=1", **{"papers-delete": ["not there.txt"]})
    assert names() == (["a.txt"], ["a.txt"])


def test_a_list_shows_all_files_and_an_export_names_them(client):
    post(client, "/admin/report/new/", papers=[text("a.txt"), text("b.txt")], photos=[png("c.png")])
    page = client.get("/admin/report/").text
    assert re.findall(r'href="(/p[^"]*)"', page) == ["/papers/a.txt", "/papers/b.txt", "/photos/c.png"]
    assert '"a.txt, b.txt",c.png' in client.get("/admin/report/export/csv/").text


def test_a_file_that_is_not_taken_is_named(client, names):
    page = post(client, "/admin/report/new/", papers=[text("a.txt"), text("b.exe")], photos=[text("c.png")])
    assert "b.exe: Only txt files are accepted." in page
    assert "c.png: The file is not what its name says" in page
    assert names() == ([], [])


def test_a_column_that_needs_a_file_keeps_one(client, names):
    assert "This field is required." in post(client, "/admin/deed/new/")
    post(client, "/admin/deed/new/", papers=[text("a.txt")])
    assert "This field is required." in post(client, "/admin/deed/edit/?id=1", **{"papers-delete": ["a.txt"]})
    assert names(Deed) == (["a.txt"], ["a.txt"])
    post(client, "/admin/deed/edit/?id=1", **{"papers-delete": ["a.txt"], "papers": [text("b.txt")]})
    assert names(Deed) == (["b.txt"], ["b.txt"])
