"""Two transactions that store files under the same names: what the database references in the end is there."""

import io
import itertools
import os
import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mongoengine
import pytest
import sqlalchemy
from databases import sqlite
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import flask_pyfs as fs
from flask_pyfs.fields.file import FileReference
from flask_pyfs.fields.settings import FileSettings
from flask_pyfs.fields.stored import write_new
from flask_pyfs.mongo import FileField, ImageField, undoing
from flask_pyfs.sqlalchemy import FileType

files = fs.Storage("files", fs.ALL, overwrite=True)
NAMES = ("a.txt", "b.txt")


class Base(DeclarativeBase):
    pass


class Paper(Base):
    __tablename__ = "papers"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[FileReference] = mapped_column(FileType(files), nullable=True)
    other: Mapped[FileReference] = mapped_column(FileType(files), nullable=True)


class Note(mongoengine.Document):
    file = FileField(fs=files, remove_files=True)
    other = FileField(fs=files, remove_files=True)


class Picture(mongoengine.Document):
    image = ImageField(fs=files, max_size=50, thumbnails=[20])


@pytest.fixture(autouse=True)
def storage(app, tmp_path):
    app.config.update(FILES_FS_BACKEND="local", FILES_FS_ROOT=str(tmp_path / "files"))
    fs.init_app(app, files)


def content(text="content"):
    return io.BytesIO(text.encode())


def stored():
    return sorted(files.list_files())


# Step by step, with SQLAlchemy


@pytest.fixture
def engine(tmp_path):
    engine = sqlite(f"sqlite:///{tmp_path}/papers.db")
    with engine.connect() as connection:
        # otherwise one that reads stops another that commits
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Paper(id=1))
        session.commit()
    yield engine
    engine.dispose()


@pytest.fixture
def two_sessions(engine):
    with Session(engine) as one, Session(engine) as other:
        yield one, other


def paper(session, number=1):
    return session.get(Paper, number)


@pytest.mark.parametrize("same", [True, False], ids=["the same content", "other content"])
def test_a_rollback_keeps_what_another_transaction_stored_and_committed(two_sessions, same):
    one, other = two_sessions
    paper(one).file.save(content(), "a.txt")
    paper(other).file.save(content("content" if same else "other"), "a.txt")
    other.commit()
    one.rollback()
    assert stored() == ["a.txt"]


def test_a_rollback_deletes_what_nobody_replaced(two_sessions):
    one, _ = two_sessions
    paper(one).file.save(content(), "a.txt")
    one.rollback()
    assert stored() == []


@pytest.mark.parametrize("column", ["file", "other"])
@pytest.mark.parametrize("early", [True, False], ids=["before the change", "after the flush"])
def test_a_commit_keeps_what_another_transaction_stored_under_a_name(engine, two_sessions, column, early):
    one, other = two_sessions
    paper(one).file.save(content(), "a.txt")
    one.commit()
    replaced = paper(one)
    assert replaced.file.filename == "a.txt"
    if early:
        files.save(content("of the other"), "a.txt")
    replaced.file.save(content(), "b.txt")
    one.flush()
    if not early:
        files.save(content("of the other"), "a.txt")
    one.commit()
    assert stored() == ["a.txt", "b.txt"]
    # what the other stored is its own to name
    setattr(paper(other), column, "a.txt")
    other.commit()
    with Session(engine) as session:
        assert files.read(getattr(paper(session), column).filename) == b"of the other"


def test_a_file_stays_that_another_column_of_the_row_references(two_sessions):
    one, _ = two_sessions
    paper(one).file.save(content(), "a.txt")
    paper(one).other = "a.txt"
    one.commit()
    paper(one).file.save(content(), "b.txt")
    one.commit()
    assert stored() == ["a.txt", "b.txt"]
    paper(one).other = None
    one.commit()
    assert stored() == ["b.txt"]


def test_versions_outlive_the_session(engine):
    with Session(engine) as session:
        paper(session).file.save(content(), "a.txt")
        session.commit()
    with Session(engine) as session:
        loaded = paper(session)
        files.save(content("of another"), "a.txt")
        loaded.file.delete()
        session.commit()
    assert files.read("a.txt") == b"of another"


def test_a_file_whose_version_the_row_does_not_know_is_deleted(engine):
    files.write("a.txt", "from elsewhere")
    with Session(engine) as session:
        paper(session).file = "a.txt"
        session.commit()
    with Session(engine) as session:
        paper(session).file = None
        session.commit()
    assert stored() == []


# Step by step, with mongoengine


@pytest.fixture
def note(mongoengine_database):
    for document in (Note, Picture):
        document._get_collection().delete_many({})
    return Note().save()


def loaded(note):
    return type(note).objects.get(pk=note.pk)


def test_undoing_keeps_what_another_document_stored(note):
    one, other = loaded(note), loaded(note)

    def fail():
        with undoing(one):
            one.file.save(content(), "a.txt")
            other.file.save(content(), "a.txt")
            other.save()
            raise RuntimeError("the app's")

    with pytest.raises(RuntimeError):
        fail()
    assert stored() == ["a.txt"]


@pytest.mark.parametrize("moment", ["after it was loaded", "after the change"])
@pytest.mark.parametrize("end", ["save", "delete"])
def test_a_document_keeps_what_another_stored_under_a_name(note, moment, end):
    note.file.save(content(), "a.txt")
    note.save()
    one, other = loaded(note), loaded(note)
    assert one.file.filename == "a.txt"
    if moment == "after it was loaded":
        other.other.save(content("of the other"), "a.txt")
    one.file.save(content(), "b.txt")
    if moment == "after the change":
        other.other.save(content("of the other"), "a.txt")
    getattr(one, end)()
    other.save()
    assert files.read(loaded(other).other.filename if end == "save" else "a.txt") == b"of the other"


def answered_before(note):
    """Return a document that the database answers with now, as a function that makes it of the answer, later."""
    answer = note._get_collection().find_one({"_id": note.pk})
    return lambda: type(note)._from_son(answer)


@pytest.mark.parametrize("whose", ["the same document", "another document"])
@pytest.mark.parametrize("how", ["stored", "named"])
@pytest.mark.parametrize("end", ["save", "delete", "None", "name"])
def test_a_document_that_was_answered_before_another_saved_and_read_after(note, whose, how, end):
    note.file.save(content(), "a.txt")
    note.save()
    read = answered_before(note)
    other = note if whose == "the same document" else Note().save()
    if how == "stored":
        saved = loaded(other)
        saved.other.save(content("of the other"), "a.txt")
    else:
        files.write("a.txt", "of the other", overwrite=True)
        saved = loaded(other)
        saved.other = "a.txt"
    saved.save()
    stale = read()
    if end == "save":
        stale.file.save(content(), "b.txt")
    elif end == "None":
        stale.file = None
    elif end == "name":
        stale.file.filename = "c.txt"
    if end == "delete":
        stale.delete()
    else:
        stale.save()
    assert files.read("a.txt") == b"of the other"


def test_a_query_that_is_read_while_another_saves(note):
    notes = [note, *(Note().save() for _ in range(3))]
    for number, each in enumerate(notes):
        each.file.save(content(), f"{number}.txt")
        each.save()
    other = Note()
    for number, each in enumerate(Note.objects.order_by("id").no_cache()):
        if number + 1 < len(notes):
            # the database has answered with the next one already
            other.file.save(content("of the other"), f"{number + 1}.txt")
            other.save()
        each.file.save(content(), f"new-{number}.txt")
        each.save()
    assert other.file.filename == "3.txt"
    assert files.read("3.txt") == b"of the other"
    # nothing is left over of what only one document named
    assert "0.txt" not in stored()


def test_a_stale_document_deletes_what_its_own_field_named_last(note):
    note.file.save(content(), "a.txt")
    note.save()
    read = answered_before(note)
    newer = loaded(note)
    newer.file.save(content("newer"), "a.txt")
    newer.save()
    stale = read()
    stale.file.save(content(), "b.txt")
    stale.save()
    assert stored() == ["b.txt"]


def test_a_file_that_moved_to_another_document_goes_with_that(note):
    note.file.save(content(), "a.txt")
    note.save()
    one, other = loaded(note), Note()
    other.file, one.file = one.file, None
    other.save()
    one.save()
    assert stored() == ["a.txt"]
    other = loaded(other)
    other.file = None
    other.save()
    assert stored() == []


@pytest.mark.server
def test_a_row_that_was_answered_before_another_saved_and_read_after(postgres_engine):
    with Session(postgres_engine) as session:
        session.add_all([Paper(id=1, file="a.txt"), Paper(id=2, file="a.txt")])
        files.write("a.txt", "content")
        session.commit()
    with Session(postgres_engine) as one, Session(postgres_engine) as other:
        answer = one.execute(select(Paper).where(Paper.id == 1).execution_options(yield_per=1))
        paper(other, 2).file.save(content("of the other"), "a.txt")
        other.commit()
        answer.scalar_one().file.save(content(), "b.txt")
        one.commit()
    assert files.read("a.txt") == b"of the other"


def test_a_document_deletes_what_it_no_longer_references(note):
    note.file.save(content(), "a.txt")
    note.save()
    one = loaded(note)
    one.file.save(content(), "b.txt")
    one.save()
    assert stored() == ["b.txt"]
    loaded(note).delete()
    assert stored() == []


def test_rendering_again_replaces_no_newer_image(note, draw, monkeypatch):
    picture = Picture()
    files.write("a.png", draw().read())
    picture.image = "a.png"
    picture.save()
    newer = draw(colour="blue").read()
    original = files.replace_version

    def replace_version(name, *arguments):
        if files.read("a.png") != newer:
            files.write("a.png", newer)
        return original(name, *arguments)

    monkeypatch.setattr(files, "replace_version", replace_version)
    with pytest.raises(fs.VersionChanged):
        picture.image.rerender()
    assert stored() == ["a.png"]
    assert files.read("a.png") == newer


def test_what_was_rendered_again_is_put_back_unless_another_replaced_it(engine, draw):
    small, newer = draw(30, 30).read(), draw(colour="blue").read()
    for is_replaced in (False, True):
        files.write("a.png", draw().read())
        picture = Picture(image="a.png")

        def render_and_fail(picture=picture, is_replaced=is_replaced):
            with undoing(picture):
                picture.image.rerender()
                assert stored() == ["a-20.png", "a-original.png", "a.png"]
                if is_replaced:
                    files.write("a.png", newer)
                raise RuntimeError("the app's")

        with pytest.raises(RuntimeError):
            render_and_fail()
        assert stored() == ["a.png"]
        assert files.read("a.png") == (newer if is_replaced else draw().read()) != small


# What replaces what


@pytest.mark.parametrize("way", ["save", "write", "open"])
def test_a_file_that_was_replaced_without_its_row_stays_for_a_day(engine, way):
    with Session(engine) as session:
        paper(session).file.save(content(), "a.txt")
        session.commit()
        if way == "open":
            with files.open("a.txt", "w") as file:
                file.write("replaced")
        else:
            getattr(files, way)(*((content("x"), "a.txt") if way == "save" else ("a.txt", "x")))
        paper(session).file = None
        session.commit()
        assert stored() == ["a.txt"]
        paper(session).file = "a.txt"
        session.commit()


def test_a_store_that_was_restored_has_other_versions(engine):
    with Session(engine) as session:
        paper(session).file.save(content(), "a.txt")
        session.commit()
        path = files.path("a.txt")
        restored = Path(f"{path}.restored")
        shutil.copy(path, restored)
        restored.replace(path)
        os.utime(path, (1, 1))
        paper(session).file.delete()
        session.commit()
    assert stored() == []


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_two_files_under_one_name_in_one_transaction(engine, draw, end):
    with Session(engine) as session:
        for number in range(3):
            paper(session).file.save(content(str(number)), "a.txt")
            session.flush()
        getattr(session, end)()
        assert stored() == (["a.txt"] if end == "commit" else [])
        paper(session).file.delete()
        session.commit()
        assert stored() == []


def test_a_replacement_that_is_rolled_back_goes_with_its_row(engine):
    with Session(engine) as session:
        paper(session).file.save(content("one"), "a.txt")
        session.commit()
        paper(session).file.save(content("two"), "a.txt")
        session.rollback()
        assert paper(session).file.filename == "a.txt"
        paper(session).file.delete()
        session.commit()
    assert stored() == []


def test_a_name_with_its_version(engine):
    with Session(engine) as session:
        paper(session).file = files.save(content(), "a.txt")
        session.commit()
    with Session(engine) as session:
        row = paper(session)
        assert row.file.files["a.txt"].version == files.version("a.txt")
        files.save(content("of another"), "a.txt")
        row.file = None
        session.commit()
    assert files.read("a.txt") == b"of another"


def test_queries_by_name(engine):
    with Session(engine) as session:
        paper(session).file.save(content(), "a.txt")
        session.add(Paper(id=2, file="b.txt"))
        session.add(Paper(id=3))
        session.commit()
        reference = paper(session).file

        def found(*conditions):
            return list(session.scalars(select(Paper.id).where(*conditions).order_by(Paper.id)))

        assert found(Paper.file == "a.txt") == found(Paper.file == reference) == [1]
        assert found(Paper.file == {"filename": "b.txt"}) == found(Paper.file != "a.txt") == [2]
        assert found(Paper.file.in_(["a.txt", "b.txt"])) == [1, 2]
        assert found(Paper.file.is_(None)) == [3]


@pytest.mark.parametrize("failure", ["before", "after"])
def test_a_rendering_that_fails_when_the_original_is_replaced_keeps_the_original(note, draw, monkeypatch, failure):
    original = draw().read()
    files.write("a.png", original)
    picture = Picture(image="a.png")
    real = files.replace_version

    def replace_version(*arguments):
        if failure == "after":
            real(*arguments)
        raise fs.BackendError("no answer")

    monkeypatch.setattr(files, "replace_version", replace_version)
    with pytest.raises(fs.BackendError):
        picture.image.rerender()
    assert original in [files.read(name) for name in stored()]
    assert ("a-original.png" in stored()) == (failure == "after")


class Watched(fs.Storage):
    """Overrides what fields call, with the types of Flask-FS."""

    def save(self, *arguments, **options):
        return str(super().save(*arguments, **options))

    def write(self, filename, content, overwrite=False):
        return str(super().write(filename, content.read().swapcase(), overwrite))


def test_a_storage_of_the_app_with_methods_of_its_own(app):
    watched = Watched("watched", fs.ALL, overwrite=True)
    fs.init_app(app, watched)
    reference = FileReference(FileSettings(watched))
    assert reference.save(content(), "a.txt") == "a.txt"
    assert reference.files["a.txt"].version == watched.version("a.txt")
    assert write_new(watched, "b.txt", content()) == "b.txt"
    assert watched.read("b.txt") == b"CONTENT"
    with pytest.raises(fs.FileExists):
        write_new(watched, "b.txt", content())


# Real races


def race(*actions: Callable[[], None]) -> None:
    """Let functions run at once, in threads, and raise what one of them raises."""
    barrier, failures = threading.Barrier(len(actions)), []

    def run(action):
        barrier.wait()
        try:
            action()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.fixture
def postgres_engine(postgres_url):
    engine = sqlalchemy.create_engine(postgres_url)
    Base.metadata.create_all(engine)
    yield engine
    Base.metadata.drop_all(engine)
    engine.dispose()


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ"])
def test_transactions_that_race(app, postgres_engine, level, soak):
    engine, chance = postgres_engine.execution_options(isolation_level=level), random.Random(level)
    numbers = itertools.count()

    def change(column: str, name: str, commits: bool) -> Callable[[], None]:
        def change() -> None:
            with app.app_context(), Session(engine) as session:
                # the other transaction may have been first, which ends this one
                try:
                    getattr(paper(session), column).save(content(f"content {next(numbers)}"), name)
                    session.flush()
                    if commits:
                        session.commit()
                except DBAPIError:
                    pass

        return change

    with Session(engine) as session:
        session.add(Paper(id=1))
        session.commit()
    missing = []
    for _ in range(200 if soak else 20):
        column = chance.choice(("file", "file", "other"))
        race(
            change("file", chance.choice(NAMES), chance.random() < 0.8),
            change(column, chance.choice(NAMES), chance.random() < 0.8),
        )
        with Session(engine) as session:
            for reference in (paper(session).file, paper(session).other):
                missing += [name for name in reference.filenames if not files.exists(name)]
    assert missing == []


@pytest.mark.server
@pytest.mark.slow
def test_documents_that_race(app, note, soak):
    chance, numbers = random.Random(16), itertools.count()

    def change(field: str, name: str, fails: bool) -> Callable[[], None]:
        def change() -> None:
            with app.app_context():
                one: Any = loaded(note)
                try:
                    with undoing(one):
                        getattr(one, field).save(content(f"content {next(numbers)}"), name)
                        if fails:
                            raise RuntimeError("the app's")
                        one.save()
                except RuntimeError:
                    pass

        return change

    missing = []
    for _ in range(200 if soak else 20):
        field = chance.choice(("file", "file", "other"))
        race(
            change("file", chance.choice(NAMES), chance.random() < 0.2),
            change(field, chance.choice(NAMES), chance.random() < 0.2),
        )
        found = loaded(note)
        for reference in (found.file, found.other):
            missing += [name for name in reference.filenames if not files.exists(name)]
    assert missing == []
