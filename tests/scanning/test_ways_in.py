"""SCAN on the ways of clients through forms, fields and the file manager: what is refused is stored nowhere."""

import io

import pytest
import sqlalchemy as sa
from flask_wtf import FlaskForm
from PIL import Image
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from werkzeug.datastructures import FileStorage, MultiDict

import flask_pyfs as fs
from flask_pyfs.adapters.admin.files import Failed, StorageFiles
from flask_pyfs.sqlalchemy import ImageReference, ImageType
from flask_pyfs.wtf import StorageFileField

photos = fs.Storage("photos", fs.IMAGES)


class Base(DeclarativeBase):
    pass


class Photo(Base):
    __tablename__ = "photos"
    id: Mapped[int] = mapped_column(primary_key=True)
    image: Mapped[ImageReference] = mapped_column(ImageType(photos, max_size=20, thumbnails=[10]), nullable=True)


def picture():
    file = io.BytesIO()
    Image.new("RGB", (40, 30)).save(file, "PNG")
    file.seek(0)
    return file


@pytest.fixture
def asked(app):
    """What the scanner was asked about: names, and how many bytes."""
    return []


@pytest.fixture
def passes():
    """What lets files pass, while it holds anything."""
    return [True]


@pytest.fixture(autouse=True)
def configured(app, asked, passes):
    def scan(file, filename):
        asked.append((filename, len(file.read())))
        return bool(passes)

    app.config.update(PHOTOS_FS_BACKEND="memory", PHOTOS_FS_SCAN=scan, WTF_CSRF_ENABLED=False)
    fs.init_app(app, photos)
    with app.test_request_context("/", method="POST"):
        yield


def test_a_form_shows_the_sentence(passes, asked):
    class Upload(FlaskForm):
        file = StorageFileField(photos)

    def form():
        return Upload(MultiDict({"file": FileStorage(picture(), "a.png")}))

    assert form().validate()
    passes.clear()
    refused = form()
    assert not refused.validate()
    assert refused.errors == {"file": ["This file is not accepted."]}
    assert [name for name, _ in asked] == ["a.png", "a.png"]
    assert [*photos.list_files()] == []


def test_an_image_field_asks_about_the_upload_and_not_about_what_is_made_of_it(passes, asked):
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    Base.metadata.create_all(engine)
    size = len(picture().getvalue())
    with Session(engine) as session:
        session.add(Photo(id=1, image=FileStorage(picture(), "a.png")))
        session.commit()
        assert sorted(photos.list_files()) == ["a-10.png", "a-original.png", "a.png"]
        assert {length for _, length in asked} == {size}
        passes.clear()
        session.add(Photo(id=2, image=FileStorage(picture(), "b.png")))
        with pytest.raises(fs.UnauthorizedFileType):
            session.commit()
        session.rollback()
    assert sorted(photos.list_files()) == ["a-10.png", "a-original.png", "a.png"]
    engine.dispose()


def test_the_file_manager_asks(passes, asked):
    files = StorageFiles(photos, 20, lambda path: True)
    files.save_upload("", FileStorage(picture(), "a.png"))
    assert {name for name, _ in asked} == {"a.png"}
    passes.clear()
    with pytest.raises(Failed, match="This file is not accepted"):
        files.save_upload("", FileStorage(picture(), "b.png"))
    assert [*photos.list_files()] == ["a.png"]
