"""The column types of SQLAlchemy, and files that follow its transactions."""

import gc
import io
import json
import pickle
import weakref

import flask
import flask_sqlalchemy
import pytest
import sqlalchemy
from databases import KINDS, database
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

import flask_pyfs as fs
from flask_pyfs.sqlalchemy import FileReference, FileType, ImageReference, ImageType

files = fs.Storage("files", fs.ALL)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(unique=True)
    kind: Mapped[str | None]
    avatar: Mapped[ImageReference] = mapped_column(ImageType(files, thumbnails=[50]), nullable=True)
    cv: Mapped[FileReference] = mapped_column(
        FileType(files, upload_to=lambda user: f"cv/{user.name}", remove_files=False), nullable=True
    )
    notes: Mapped[list["Note"]] = relationship(cascade="all, delete-orphan")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "user"}


class Admin(User):
    __mapper_args__ = {"polymorphic_identity": "admin"}


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sqlalchemy.ForeignKey("users.id"))
    file: Mapped[FileReference] = mapped_column(FileType(files), nullable=True)


@pytest.fixture(autouse=True)
def storage(app):
    app.config["FILES_FS_BACKEND"] = "memory"
    fs.init_app(app, files)
    return files


@pytest.fixture(params=KINDS)
def engine(request, tmp_path):
    with database(request, tmp_path, Base.metadata) as engine:
        yield engine


@pytest.fixture
def user(session):
    """A user with an avatar, committed."""
    user = User(name="ann")
    session.add(user)
    save(user.avatar, "old.png")
    session.commit()
    return user


def picture():
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (100, 60)).save(file, "PNG")
    file.seek(0)
    return file


def save(reference, filename):
    return reference.save(picture(), filename)


def names():
    return sorted(files.list_files())


OLD = ["old-50.png", "old.png"]
NEW = ["new-50.png", "new.png"]


def test_a_row_keeps_the_document(session, user, engine):
    assert user.avatar.thumbnail(50) == "old-50.png"
    assert user.avatar(50) == str(user.avatar.fs.url("old-50.png"))
    assert not user.cv
    user.cv.save(io.BytesIO(b"cv"), "cv.txt")
    session.commit()
    with engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT CAST(avatar AS TEXT), CAST(cv AS TEXT) FROM users").one()
    versions = {name: files.version(name) for name in ("old.png", "old-50.png", "cv/ann/cv.txt")}
    cv = versions.pop("cv/ann/cv.txt")
    names = ("size", "content_type", "checksum", "width", "height")
    known = [{name: getattr(user.avatar, name) for name in names}, {name: getattr(user.cv, name) for name in names[:3]}]
    assert [json.loads(document) for document in row] == [
        {"filename": "old.png", "thumbnails": {"50": "old-50.png"}, "versions": versions, **known[0]},
        {"filename": "cv/ann/cv.txt", "versions": {"cv/ann/cv.txt": cv}, **known[1]},
    ]
    assert isinstance(session.scalars(select(User.avatar)).one(), ImageReference)
    assert session.scalars(select(User).where(User.avatar["filename"].as_string() == "old.png")).one() is user


def test_rows_without_files(session, engine):
    user = User(name="ann")
    assert not user.avatar
    assert isinstance(user.avatar, ImageReference)
    session.add_all([user, Admin(name="bob")])
    session.commit()
    assert [bool(found.avatar) or bool(found.cv) for found in session.scalars(select(User))] == [False, False]
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT avatar IS NULL AND cv IS NULL FROM users").all() == [(1,), (1,)]
    assert session.scalar(select(sqlalchemy.func.count()).where(User.avatar.is_(None))) == 2


def test_values_that_can_be_set(session):
    session.add(User(name="ann", avatar="a.png", cv={"filename": "a.txt"}))
    session.commit()
    ann = session.scalars(select(User)).one()
    bob = User(name="bob", avatar=ann.avatar)
    session.add(bob)
    session.commit()
    assert bob.avatar is not ann.avatar
    assert (ann.cv.filename, bob.avatar.filename) == ("a.txt", "a.png")
    bob.avatar = None  # type: ignore[assignment]
    session.commit()
    assert not bob.avatar
    bob.avatar.filename = "b.png"
    session.commit()
    assert bob.avatar.filename == "b.png"
    with pytest.raises(TypeError, match="save"):
        bob.avatar = picture()


def test_a_commit_keeps_new_files_and_deletes_old_ones(session, user):
    save(user.avatar, "between.png")
    save(user.avatar, "new.png")
    assert set(names()) > {*OLD, *NEW}
    session.commit()
    assert names() == NEW
    assert user.avatar.filename == "new.png"


def test_a_rollback_deletes_new_files(session, user):
    save(user.avatar, "between.png")
    session.flush()
    save(user.avatar, "new.png")
    session.rollback()
    assert names() == OLD
    assert user.avatar.filename == "old.png"
    session.commit()
    assert names() == OLD


def test_a_session_that_is_closed_rolls_back(session, user):
    save(user.avatar, "new.png")
    session.close()
    assert names() == OLD


def test_a_commit_that_fails(session, user):
    other = User(name="ann")
    save(other.avatar, "new.png")
    session.add(other)
    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()
    assert names() == OLD
    assert not other.avatar
    other.name = "bob"
    save(other.avatar, "new.png")
    session.add(other)
    session.commit()
    assert names() == sorted(OLD + NEW)


def test_a_row_that_was_changed_before_it_belonged_to_a_session(session):
    user = User(name="ann")
    save(user.avatar, "between.png")
    save(user.avatar, "new.png")
    session.add(user)
    session.commit()
    assert names() == NEW


def test_deleted_rows(session, user):
    session.delete(user)
    session.flush()
    assert names() == OLD
    session.rollback()
    assert names() == OLD
    session.delete(user)
    session.commit()
    assert names() == []


def test_orphans(session, user):
    user.notes = [Note(file="a.txt"), Note(file="b.txt")]
    files.write("a.txt", "")
    files.write("b.txt", "")
    session.commit()
    user.notes.pop()
    session.commit()
    assert names() == ["a.txt", *OLD]


@pytest.mark.parametrize("inner", ["commit", "rollback"])
@pytest.mark.parametrize("outer", ["commit", "rollback"])
def test_savepoints(session, user, inner, outer):
    save(user.avatar, "middle.png")
    savepoint = session.begin_nested()
    save(user.avatar, "new.png")
    getattr(savepoint, inner)()
    assert set(names()) >= {*OLD, "middle.png"}
    assert ("new.png" in names()) == (inner == "commit")
    getattr(session, outer)()
    last = OLD if outer == "rollback" else NEW if inner == "commit" else ["middle-50.png", "middle.png"]
    assert names() == last
    assert user.avatar.filename == last[-1]


@pytest.mark.parametrize("inner", ["commit", "rollback"])
def test_a_row_that_is_deleted_to_a_savepoint(session, user, inner):
    savepoint = session.begin_nested()
    session.delete(user)
    getattr(savepoint, inner)()
    assert names() == OLD
    session.commit()
    assert names() == ([] if inner == "commit" else OLD)


def test_a_session_that_is_closed_inside_a_savepoint(session, user):
    save(user.avatar, "middle.png")
    session.begin_nested()
    save(user.avatar, "new.png")
    session.close()
    assert names() == OLD


def test_a_reference_that_outlives_the_commit(session, user):
    avatar = user.avatar
    save(avatar, "new.png")
    session.commit()
    save(avatar, "newer.png")
    session.commit()
    assert user.avatar.filename == "newer.png"
    assert names() == ["newer-50.png", "newer.png"]


@pytest.mark.parametrize("change", ["save", "set", "name", "delete"])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_rows_that_a_commit_does_not_expire(engine, change, end):
    with Session(engine, expire_on_commit=False) as session:
        user = User(name="ann")
        save(user.avatar, "old.png")
        session.add(user)
        session.commit()
        files.write("other.png", picture())
        if change == "save":
            save(user.avatar, "new.png")
        elif change == "set":
            user.avatar = "other.png"  # type: ignore[assignment]
        elif change == "name":
            user.avatar.filename = "other.png"
        else:
            session.delete(user)
        getattr(session, end)()
    if end == "rollback":
        assert names() == [*OLD, "other.png"]
    elif change == "name":
        # the thumbnail still belongs to it
        assert names() == ["old-50.png", "other.png"]
    else:
        assert names() == ([*NEW, "other.png"] if change == "save" else ["other.png"])


def test_a_file_that_another_row_takes_over(session, user):
    session.add(Admin(name="bob", avatar=user.avatar))
    user.avatar = None
    session.commit()
    assert names() == OLD


def test_a_name_that_is_stored_again(session, user):
    assert user.avatar.save(picture(), "old.png", overwrite=True) == "old.png"
    session.rollback()
    assert names() == OLD
    user.avatar.save(picture(), "old.png", overwrite=True)
    session.commit()
    assert names() == OLD


def test_rerender_and_a_rollback(session, user, monkeypatch):
    monkeypatch.setattr(User.__table__.c.avatar.type, "max_size", 20)
    content = files.read("old.png")
    session.expire_all()
    user.avatar.rerender()
    assert user.avatar.original == "old-original.png"
    assert files.read("old.png") != content
    session.rollback()
    assert names() == OLD
    assert files.read("old.png") == content
    user.avatar.rerender()
    session.commit()
    assert names() == ["old-50.png", "old-original.png", "old.png"]
    assert files.read("old-original.png") == content


def test_delete(session, user):
    user.avatar.delete()
    assert names() == OLD
    session.commit()
    assert names() == []
    assert not user.avatar


def test_files_that_are_not_to_be_removed(session, user):
    user.cv.save(io.BytesIO(b"1"), "1.txt")
    session.commit()
    user.cv.save(io.BytesIO(b"2"), "2.txt")
    session.commit()
    user.cv.save(io.BytesIO(b"3"), "3.txt")
    session.rollback()
    session.delete(user)
    session.commit()
    assert names() == ["cv/ann/1.txt", "cv/ann/2.txt"]


def test_a_deletion_that_fails_is_logged(session, user, monkeypatch, caplog):
    def delete_version(name, version):
        raise fs.BackendError("out of order")

    monkeypatch.setattr(files, "delete_version", delete_version)
    session.delete(user)
    session.commit()
    assert "could not delete" in caplog.text


def test_pickled_rows(session, user):
    assert user.avatar
    again = pickle.loads(pickle.dumps(user))
    assert isinstance(again.avatar, ImageReference)
    assert again.avatar.filename == "old.png"
    session.expunge_all()
    session.add(again)
    save(again.avatar, "new.png")
    session.commit()
    assert again.avatar.filename == "new.png"
    assert names() == NEW


def test_a_reference_keeps_its_row_and_nothing_else_does(session):
    user = User(name="ann", avatar="old.png")
    row = weakref.ref(user)
    session.add(user)
    session.commit()
    del user
    gc.collect()
    assert row() is None
    save(session.scalars(select(User)).one().avatar, "new.png")
    session.commit()
    assert names() == NEW


def test_merged_rows(session, user):
    assert user.avatar
    session.expunge(user)
    save(user.avatar, "new.png")
    merged = session.merge(user)
    session.commit()
    assert merged.avatar.filename == "new.png"
    assert names() == NEW


def test_flask_sqlalchemy(app, tmp_path):
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/flask"
    db = flask_sqlalchemy.SQLAlchemy(model_class=type("FlaskBase", (DeclarativeBase,), {}))
    db.init_app(app)

    class Person(db.Model):  # type: ignore[name-defined]
        id: Mapped[int] = mapped_column(primary_key=True)
        avatar: Mapped[ImageReference] = mapped_column(ImageType(files, thumbnails=[50]), nullable=True)

    @app.post("/<word>")
    def upload(word):
        person = db.session.get(Person, 1) or Person()
        person.avatar.save(flask.request.files["avatar"])
        db.session.add(person)
        if word == "commit":
            db.session.commit()
        return flask.render_template_string("{{ person.avatar(50) }}", person=person)

    with app.app_context():
        db.create_all()
    client = app.test_client()
    assert client.post("/commit", data={"avatar": (picture(), "old.png")}).text == "/files/old-50.png"
    client.post("/leave", data={"avatar": (picture(), "new.png")})
    assert names() == OLD
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
