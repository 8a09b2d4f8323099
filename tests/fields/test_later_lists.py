"""The jobs of images in lists, and of rows that move: process="later"."""

import io
import json

import pytest
from databases import sqlite
from PIL import Image
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.sqlalchemy import ImageType, file_column, render, rerender

pictures = fs.Storage("pictures", fs.IMAGES)


class Base(DeclarativeBase):
    pass


class Album(Base):
    __tablename__ = "album"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None]
    photos = file_column(ImageType(pictures, max_size=80, thumbnails=[20], process="later", multiple=True))
    cover = file_column(ImageType(pictures, thumbnails=[20], process="later"))


@pytest.fixture
def jobs(app):
    """The jobs that the app was given."""
    jobs = []
    app.config.update(FS_BACKEND="memory", FS_ENQUEUE=lambda job: jobs.append(json.dumps(job)))
    fs.init_app(app, pictures)
    return jobs


@pytest.fixture
def engine(tmp_path):
    engine = sqlite(f"sqlite:///{tmp_path}/database")
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def work(engine, jobs):
    """What the worker does with all jobs, those too that are made meanwhile. Returns what each call returned."""

    def work():
        answers = []
        for job in jobs:
            with Session(engine) as session:
                answers.append(render(json.loads(job), session))
        return answers

    return work


@pytest.fixture
def album(session, jobs):
    album = Album(id=1, photos=[upload("a.png"), upload("b.png")])
    session.add(album)
    session.commit()
    return album


def upload(name):
    file = io.BytesIO()
    Image.new("RGB", (100, 60), "teal").save(file, "PNG")
    file.seek(0)
    return FileStorage(file, name)


def tickets(jobs):
    return [json.loads(job)["ticket"] for job in jobs]


def ready(session):
    """Return the photos in the database, of which nothing is pending, and that all stored files are theirs."""
    session.expire_all()
    photos = session.get(Album, 1).photos
    assert [photo.state for photo in photos] == [None] * len(photos)
    assert {name for photo in photos for name in photo.filenames} == set(pictures.list_files())
    return [photo.filename for photo in photos]


def test_each_image_of_a_list_has_a_job(session, jobs, album, work):
    assert tickets(jobs) == [photo.ticket for photo in album.photos]
    session.commit()
    assert work() == [True, True]
    # the change that the worker makes to one tells nobody of the other again
    assert len(jobs) == 2
    assert ready(session) == ["a.png", "b.png"]


def test_an_image_that_is_moved_or_removed_meanwhile(session, jobs, album, work):
    album.photos.reverse()
    album.photos.append(upload("c.png"))
    del album.photos[0]
    session.commit()
    assert work() == [True, False, True]
    assert ready(session) == ["a.png", "c.png"]
    assert work() == [False, False, False]


def test_nobody_is_told_of_an_image_again(session, jobs, album, work):
    album.photos.append(upload("c.png"))
    session.flush()
    with session.begin_nested():
        album.photos.append(upload("d.png"))
    savepoint = session.begin_nested()
    album.photos.append(upload("e.png"))
    session.flush()
    savepoint.rollback()
    album.title = "holidays"
    session.commit()
    assert tickets(jobs) == [photo.ticket for photo in album.photos]
    session.commit()
    assert work() == [True] * 4
    assert ready(session) == ["a.png", "b.png", "c.png", "d.png"]


def test_a_new_row_that_is_written_twice(session, jobs, work):
    album = Album(id=1, photos=[upload("a.png")])
    session.add(album)
    session.flush()
    album.title = "holidays"
    session.commit()
    assert tickets(jobs) == [album.photos[0].ticket]


def test_an_image_that_is_twice_in_the_list_is_rendered_once(session, jobs, album, work):
    album.photos.append(album.photos[0])
    session.commit()
    assert work() == [True, True]
    assert ready(session) == ["a.png", "b.png", "a.png"]
    del album.photos[0]
    session.commit()
    assert ready(session) == ["b.png", "a.png"]


def test_a_row_that_gets_another_primary_key_is_found(session, jobs, work):
    album = Album(id=1, cover=upload("a.png"))
    session.add(album)
    session.commit()
    album.id = 2
    session.commit()
    session.close()
    assert work() == [False, True]
    assert session.get(Album, 2).cover.thumbnail(20) == "a-20.png"


def test_one_that_cannot_be_rendered_keeps_none_of_a_list_from_being_rendered_again(session, jobs, album, work):
    session.commit()
    work()
    pictures.delete("a-original.png")
    pictures.delete("b-20.png")
    found = []
    assert rerender(session, Album.photos, report=lambda *each: found.append(each)) == (0, 1)
    assert [(key, type(error)) for key, error in found] == [(1, fs.FileNotFound)]
    assert pictures.exists("b-20.png")
