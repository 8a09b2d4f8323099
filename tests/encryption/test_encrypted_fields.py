"""Columns with files and images of an encrypted storage."""

import hashlib
import io
from datetime import timedelta

import pytest
from PIL import Image
from planted import LOCAL_AND_S3, PLANTED, PNG, encrypted_storage, key, plain_in
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.fields import stored
from flask_pyfs.rekeying import rekey
from flask_pyfs.sqlalchemy import FileType, ImageType, rerender


@pytest.fixture(params=LOCAL_AND_S3)
def storage(request, app):
    with encrypted_storage(request.param, request, app) as storage:
        yield storage


@pytest.fixture
def table(storage):
    """A session, and the class of its rows."""

    class Base(DeclarativeBase):
        pass

    class User(Base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
        cv = mapped_column(FileType(storage))
        avatar = mapped_column(ImageType(storage, max_size=300, thumbnails=[100]))

    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session, User
    engine.dispose()


def picture():
    file = io.BytesIO()
    Image.new("RGB", (600, 400), "navy").save(file, "PNG")
    file.seek(0)
    return FileStorage(file, filename="a.png")


def test_a_column_has_the_facts_of_the_plain_text(app, storage, table):
    session, user_class = table
    user = user_class(id=1)
    user.cv.save(FileStorage(io.BytesIO(PLANTED * 100), filename="cv.txt"))
    user.avatar.save(picture())
    session.add(user)
    session.commit()
    session.expire_all()
    user = session.get(user_class, 1)
    assert user.cv.size == len(PLANTED) * 100
    assert user.cv.read() == PLANTED * 100
    # it is counted and hashed while it is stored, if the store would
    algorithm, _, digits = (user.cv.checksum or ":").partition(":")
    assert digits == (hashlib.new(algorithm, PLANTED * 100).hexdigest() if algorithm else "")
    assert (user.avatar.width, user.avatar.height) == (300, 200)
    client = app.test_client()
    for url, size in ((user.avatar.url, (300, 200)), (user.avatar(100), (100, 100))):
        with client.get(url) as response:
            assert (response.status_code, response.content_type) == (200, "image/png")
            assert Image.open(io.BytesIO(response.data)).size == size
    assert len(list(storage.list_files())) == 4
    assert plain_in(storage) == plain_in(storage, PNG) == []


def test_images_are_rendered_again(storage, table):
    session, user_class = table
    user = user_class(id=1)
    user.avatar.save(picture())
    session.add(user)
    session.commit()
    before = set(storage.list_files())
    user_class.__table__.c.avatar.type.thumbnails = (50, 100)
    report = rerender(session, user_class.avatar)
    assert not report.failed
    session.expire_all()
    user = session.scalars(select(user_class)).one()
    assert set(user.avatar.thumbnails) == {"50", "100"}
    assert set(storage.list_files()) != before
    assert Image.open(io.BytesIO(storage.read(user.avatar.thumbnails["50"]))).size == (50, 50)
    assert plain_in(storage, PNG) == []


def test_a_deleted_row_takes_its_files(storage, table):
    session, user_class = table
    user = user_class(id=1)
    user.cv.save(FileStorage(io.BytesIO(PLANTED), filename="cv.txt"))
    user.avatar.save(picture())
    session.add(user)
    session.commit()
    assert len(list(storage.list_files())) == 4
    session.delete(user)
    session.commit()
    assert list(storage.list_files()) == []


def test_files_that_were_encrypted_anew_belong_to_their_rows(app, storage, table, monkeypatch):
    session, user_class = table
    for number in range(3):
        user = user_class(id=number)
        user.cv.save(FileStorage(io.BytesIO(PLANTED), filename=f"cv{number}.txt"))
        user.avatar.save(picture(), filename=f"{number}.png")
        session.add(user)
    session.commit()
    app.config["FILES_FS_ENCRYPTION_KEYS"] = [key(), app.config["FILES_FS_ENCRYPTION_KEYS"]]
    fs.init_app(app, storage)
    assert rekey(storage).counts == {"replaced": 12}
    session.expire_all()
    first, second, third = session.scalars(select(user_class).order_by(user_class.id))
    first.cv.save(FileStorage(io.BytesIO(b"new"), filename="cv0.txt"), overwrite=True)
    first.avatar.rerender()
    session.commit()
    assert (first.cv.read(), second.cv.read()) == (b"new", PLANTED)
    for user in (first, second):
        session.delete(user)
        session.commit()
    # those of the second one may be another's, as long as a transaction may last
    assert {name[-5] for name in storage.list_files() if name.startswith("cv")} == {"1", "2"}
    monkeypatch.setattr(stored, "_IN_FLIGHT", timedelta(seconds=-60))
    session.delete(third)
    session.commit()
    assert {name[0] for name in storage.list_files() if not name.startswith("cv")} == {"1"}
    assert [name for name in storage.list_files() if name.startswith("cv")] == ["cv1.txt"]
