"""Columns with files and images of an encrypted storage."""

import hashlib
import io

import pytest
from PIL import Image
from planted import LOCAL_AND_S3, PLANTED, encrypted_storage, plain_in
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from werkzeug.datastructures import FileStorage

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
    assert plain_in(storage) == plain_in(storage, b"PNG") == []


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
    assert plain_in(storage, b"PNG") == []


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
