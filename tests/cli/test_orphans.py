"""The command ``orphans``: what it finds, prints and deletes, and its exit codes."""

import io
import json
import os
import re
import subprocess
import sys
import textwrap
import uuid
from typing import Any

import mongoengine
import pytest
import sqlalchemy
from flask_sqlalchemy import SQLAlchemy
from registered import hide_registered_documents
from sqlalchemy.orm import DeclarativeBase, mapped_column

import flask_pyfs as fs
from flask_pyfs import mongo
from flask_pyfs.cli import fs as group
from flask_pyfs.sqlalchemy import FileType, ImageType


class Shop:
    """An app with Flask-SQLAlchemy and two databases."""

    def __init__(self, app, tmp_path):
        self.app = app
        self.photos, self.papers, self.unused = (fs.Storage(name, fs.ALL) for name in ("photos", "papers", "unused"))
        app.config.update(
            FS_BACKEND="memory",
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/main.db",
            SQLALCHEMY_BINDS={"archive": f"sqlite:///{tmp_path}/archive.db"},
        )
        fs.init_app(app, self.photos, self.papers, self.unused)
        db: Any = SQLAlchemy(model_class=type("Base", (DeclarativeBase,), {}))
        self.db = db
        photos, papers = self.photos, self.papers

        class Timed(db.Model):
            __abstract__ = True
            made = db.mapped_column(sqlalchemy.String(20))

        class User(Timed):
            id = mapped_column(sqlalchemy.Integer, primary_key=True)
            avatar = mapped_column(ImageType(photos, thumbnails=[20], remove_files=False))
            note = mapped_column(sqlalchemy.String(100))

        class Paper(db.Model):
            __bind_key__ = "archive"
            id = mapped_column(sqlalchemy.Integer, primary_key=True)
            scans = mapped_column(FileType(papers, multiple=True, remove_files=False))

        self.User, self.Paper = User, Paper
        db.init_app(app)
        with app.app_context():
            db.create_all()

    def add(self, *rows):
        with self.app.app_context():
            self.db.session.add_all(rows)
            self.db.session.commit()

    def put(self, storage, *names):
        with self.app.app_context():
            for name in names:
                storage.write(name, io.BytesIO(b"content"))

    def names(self, storage):
        with self.app.app_context():
            return sorted(storage.list_files())

    def run(self, *arguments):
        return self.app.test_cli_runner().invoke(group, ["orphans", *arguments], catch_exceptions=False)


@pytest.fixture(autouse=True)
def only_new_documents(monkeypatch):
    hide_registered_documents(monkeypatch)


@pytest.fixture
def shop(app, tmp_path):
    shop = Shop(app, tmp_path)
    yield shop
    with app.app_context():
        for engine in shop.db.engines.values():
            engine.dispose()


NOW = ("--older-than", "0s")


def test_nothing_is_found(shop):
    shop.put(shop.photos, "a.png")
    shop.add(shop.User(avatar="a.png"))
    done = shop.run("photos", *NOW)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "photos: nothing found\n")


def test_what_is_found(shop):
    shop.put(shop.photos, "a.png", "b.png")
    shop.add(shop.User(avatar={"filename": "a.png", "thumbnails": {"20": "a-20.png"}}))
    done = shop.run("photos", *NOW)
    assert done.exit_code == 9
    model = f"{__name__}:{shop.User.__qualname__}"
    assert done.stdout.splitlines() == [
        f"missing  photos:a-20.png (thumbnail 20 of {model}.avatar, key 1)",
        "orphan   photos:b.png",
    ]
    assert done.stderr == "photos: 1 missing, 1 orphan\n"
    assert shop.names(shop.photos) == ["a.png", "b.png"]


def test_json(shop):
    shop.put(shop.photos, "b.png")
    shop.add(shop.User(avatar="gone.png"))
    done = shop.run("photos", "--json", *NOW)
    missing, orphan = map(json.loads, done.stdout.splitlines())
    assert missing == {
        "kind": "missing",
        "storage": "photos",
        "name": "gone.png",
        "model": f"{__name__}:{shop.User.__qualname__}",
        "key": 1,
        "column": "avatar",
        "part": "file",
    }
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", orphan.pop("modified"))
    assert orphan == {"kind": "orphan", "storage": "photos", "name": "b.png", "size": 7}


def test_all_storages_that_models_use(shop):
    for storage in (shop.photos, shop.papers, shop.unused):
        shop.put(storage, "a.png", "b.png")
    # of two databases
    shop.add(shop.User(avatar="a.png"), shop.Paper(scans=["b.png"]))
    done = shop.run(*NOW)
    assert done.exit_code == 9
    assert done.stdout.splitlines() == ["orphan   photos:b.png", "orphan   papers:a.png"]
    assert "unused: left out, because no column and no field uses it" in done.stderr


def test_deleting(shop):
    shop.put(shop.photos, "a.png", "b.png")
    shop.add(shop.User(avatar="a.png"))
    done = shop.run("photos", "--delete", *NOW)
    assert (done.exit_code, done.stdout) == (0, "deleted  photos:b.png\n")
    assert shop.names(shop.photos) == ["a.png"]
    # the age, a day by default
    shop.put(shop.photos, "c.png")
    assert shop.run("photos", "--delete").exit_code == 0
    assert shop.names(shop.photos) == ["a.png", "c.png"]


def test_without_what_is_missing(shop):
    shop.add(shop.User(avatar="gone.png"))
    assert shop.run("photos").exit_code == 9
    done = shop.run("photos", "--no-missing")
    assert (done.exit_code, done.stdout) == (0, "")


def test_a_storage_that_no_model_uses(shop):
    shop.put(shop.unused, "a.png")
    done = shop.run("unused", "photos", "--delete", *NOW)
    assert done.exit_code == 1
    assert "no column and no field uses the storage 'unused'" in done.stderr
    # the others go on
    assert "photos: nothing found" in done.stderr
    assert shop.names(shop.unused) == ["a.png"]


def test_a_column_of_texts(shop, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "User", shop.User, raising=False)
    shop.put(shop.photos, "a.png", "b.png")
    shop.add(shop.User(note="a.png"))
    done = shop.run("photos", "--column", f"{__name__}:User.note", *NOW)
    assert (done.exit_code, done.stdout) == (9, "orphan   photos:b.png\n")
    done = shop.run("--column", f"{__name__}:User.note")
    assert done.exit_code == 2
    assert "--column needs STORAGE" in done.stderr


def test_a_class_without_flask_sqlalchemy(shop, monkeypatch, tmp_path):
    class Base(DeclarativeBase):
        pass

    class Old(Base):
        __tablename__ = "old"
        id = mapped_column(sqlalchemy.Integer, primary_key=True)
        photo = mapped_column(FileType(shop.photos, remove_files=False))

    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/old.db")
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.insert(Old).values(photo="a.png"))
    shop.put(shop.photos, "a.png", "b.png")
    # it is known to name files, although nothing says where its table is
    done = shop.run("photos", "--delete", *NOW)
    assert done.exit_code == 1
    assert "--session module:name" in done.stderr
    assert shop.names(shop.photos) == ["a.png", "b.png"]
    monkeypatch.setattr(sys.modules[__name__], "old_engine", engine, raising=False)
    done = shop.run("photos", "--session", f"{__name__}:old_engine", *NOW)
    assert (done.exit_code, done.stdout) == (9, "orphan   photos:b.png\n")
    engine.dispose()


def test_a_table_that_is_not_there(shop):
    shop.put(shop.photos, "b.png")
    with shop.app.app_context():
        shop.db.drop_all()
    done = shop.run("photos", "--delete", *NOW)
    assert done.exit_code == 1
    assert "photos: the table 'user'" in done.stderr
    assert "cannot be read, so not all names of files are known" in done.stderr
    assert shop.names(shop.photos) == ["b.png"]


@pytest.mark.parametrize("age", ["", "1", "d", "-1d", "1y", "2h1d"])
def test_no_age(shop, age):
    done = shop.run("photos", "--older-than", age)
    assert done.exit_code == 2
    assert "write a number and its unit, such as 15m" in done.stderr


def test_an_age_before_the_calendar(shop):
    done = shop.run("photos", "--older-than", "999999w")
    assert (done.exit_code, done.stdout) == (0, "")


@pytest.mark.parametrize("option", ["--model", "--column", "--session"])
@pytest.mark.parametrize("value", ["User", "no_such_module:User", "json:Nothing"])
def test_what_is_not_there(shop, option, value):
    done = shop.run("photos", option, value)
    assert done.exit_code == 2


def test_no_such_storage(shop):
    assert shop.run("nothing").exit_code == 3


def test_a_file_that_cannot_be_deleted(shop, monkeypatch):
    shop.put(shop.photos, "a.png", "b.png")

    def fail(*arguments, **options):
        raise fs.PermissionDenied("the store said no")

    with shop.app.app_context():
        monkeypatch.setattr(shop.photos.backend, "delete_version", fail)
    done = shop.run("photos", "--delete", *NOW)
    assert done.exit_code == 1
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["failed", "photos:a.png:"],
        ["failed", "photos:b.png:"],
    ]
    assert done.stderr.splitlines() == [*["Error: the store said no"] * 2, "photos: 2 failed"]


def test_several_orphans_are_said_to_be_several(shop):
    shop.put(shop.photos, "a.png", "b.png")
    assert shop.run("photos", *NOW).stderr == "photos: 2 orphans\n"


def test_a_store_that_fails_is_worth_another_try(shop, monkeypatch):
    def fail(prefix=""):
        raise fs.BackendError("no connection")

    with shop.app.app_context():
        monkeypatch.setattr(shop.photos.backend.store, "iter_facts", fail)
    assert shop.run("photos", "--delete").exit_code == 5


@pytest.mark.server
def test_documents_besides_rows(shop, mongoengine_database):
    class Album(mongoengine.Document):
        meta = {"collection": f"album_{uuid.uuid4().hex}"}
        cover = mongo.ImageField(fs=shop.photos)

    shop.put(shop.photos, "a.png", "b.png", "c.png")
    shop.add(shop.User(avatar="a.png"))
    album = Album(cover="b.png").save()
    done = shop.run("photos", *NOW)
    assert (done.exit_code, done.stdout) == (9, "orphan   photos:c.png\n")
    with shop.app.app_context():
        shop.photos.delete("b.png")
    done = shop.run("photos", "--json", *NOW)
    assert json.loads(done.stdout.splitlines()[0])["key"] == str(album.pk)
    Album.drop_collection()


def test_a_class_that_the_app_does_not_import(tmp_path):
    (tmp_path / "app.py").write_text(
        textwrap.dedent(
            """
            import flask
            import flask_pyfs as fs
            from flask_sqlalchemy import SQLAlchemy

            photos = fs.Storage("photos", fs.ALL)
            db = SQLAlchemy()
            app = flask.Flask("app", instance_path=__file__ + "-instance")
            app.config.update(FS_ROOT=__file__ + "-files", SQLALCHEMY_DATABASE_URI="sqlite:///shop.db")
            fs.init_app(app, photos)
            db.init_app(app)
            """
        )
    )
    (tmp_path / "models.py").write_text(
        textwrap.dedent(
            """
            from app import db, photos
            from flask_pyfs.sqlalchemy import FileType

            class User(db.Model):
                id = db.Column(db.Integer, primary_key=True)
                photo = db.Column(FileType(photos))
            """
        )
    )
    (tmp_path / "make.py").write_text(
        textwrap.dedent(
            """
            from models import User
            from app import app, db, photos

            with app.app_context():
                db.create_all()
                db.session.add(User(photo=photos.write("a.png", b"a")))
                photos.write("b.png", b"b")
                db.session.commit()
            """
        )
    )
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}

    def run(*arguments):
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    made = run("make.py")
    assert made.returncode == 0, made.stderr
    orphans = ("-m", "flask", "--app", "app", "fs", "orphans", "photos", *NOW)
    assert run(*orphans, "--delete").returncode == 1
    done = run(*orphans, "--model", "models:User", "--delete")
    assert (done.returncode, done.stdout) == (0, "deleted  photos:b.png\n"), done.stderr
