"""Rows whose files were stored before their storage began to move."""

import io

import pytest
from PIL import Image
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.sqlalchemy import FileType, ImageType, file_column

files = fs.Storage("files", fs.ALL)


class Base(DeclarativeBase):
    pass


class Person(Base):
    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)
    paper = file_column(FileType(files))
    photo = file_column(ImageType(files, thumbnails=[20]))


def paper(content):
    return FileStorage(io.BytesIO(content), f"{content.decode()}.txt")


def photo(colour):
    file = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(file, "PNG")
    file.seek(0)
    return FileStorage(file, f"{colour}.png")


@pytest.fixture
def session(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/people.db")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture(params=["forward", "both", "back"])
def person(app, session, request, tmp_path):
    """A row with files that were stored on a disk, which is by now the source of the storage, or its target."""
    app.config.update(FILES_FS_BACKEND="local", FILES_FS_ROOT=str(tmp_path / "old"))
    fs.init_app(app, files)
    with app.app_context():
        person = Person(paper=paper(b"old"), photo=photo("red"))
        session.add(person)
        session.commit()
        del app.config["FILES_FS_ROOT"]
        here, there = ("TARGET", "SOURCE") if request.param == "back" else ("SOURCE", "TARGET")
        app.config.update({"FILES_FS_BACKEND": "migrating", f"FILES_FS_{here}": "local", f"FILES_FS_{there}": "local"})
        app.config[f"FILES_FS_{here}_ROOT"] = str(tmp_path / "old")
        app.config[f"FILES_FS_{there}_ROOT"] = str(tmp_path / "new")
        app.config["FILES_FS_DIRECTION"] = "back" if request.param == "back" else "forward"
        app.config["FILES_FS_WRITES"] = "both" if request.param == "both" else "target"
        fs.init_app(app, files)
        yield person


def names(person):
    return {person.paper.filename, person.photo.filename, person.photo.thumbnail(20)}


def test_new_files_take_the_place_of_old_ones(session, person):
    before = names(person)
    assert person.paper.read() == b"old"
    person.paper, person.photo = paper(b"newer"), photo("blue")
    session.commit()
    assert person.paper.read() == b"newer"
    with person.photo.open() as file, Image.open(file) as image:
        assert image.getpixel((0, 0)) == (0, 0, 255)
    assert set(files.list_files()) == names(person)
    for side in (files.backend.source.backend, files.backend.target.backend):
        # what no row names any more is gone from both
        assert set(side.list_files()) - names(person) == set(), before


def test_a_transaction_that_is_rolled_back(session, person):
    before = {name: files.read(name) for name in names(person)}
    person.paper, person.photo = paper(b"newer"), photo("blue")
    session.flush()
    session.rollback()
    assert {name: files.read(name) for name in files.list_files()} == before


def test_a_row_that_is_deleted(session, person):
    session.delete(person)
    session.commit()
    assert list(files.list_files()) == []
    for side in (files.backend.source.backend, files.backend.target.backend):
        assert list(side.list_files()) == []
