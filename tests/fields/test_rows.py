"""What a row names is there, and nothing else is, whatever is done with sessions and references."""

import copy
import gc
import io

import pytest
import sqlalchemy
from databases import sqlite
from sqlalchemy import delete, event, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    Session,
    make_transient,
    mapped_column,
    sessionmaker,
)

import flask_pyfs as fs
from flask_pyfs.signals import file_deleted
from flask_pyfs.sqlalchemy import FileReference, FileType, ImageReference, ImageType

files = fs.Storage("files", fs.ALL)
others = fs.Storage("others", fs.ALL)


class Base(DeclarativeBase):
    pass


class Paper(Base):
    __tablename__ = "papers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(unique=True)
    file: Mapped[FileReference] = mapped_column("document", FileType(files), nullable=True)


class Kept(Base):
    __tablename__ = "kept"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[FileReference] = mapped_column(FileType(files, remove_files=False), nullable=True)


class Untouched(Base):
    __tablename__ = "untouched"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[FileReference] = mapped_column(
        FileType(files, remove_files=False), nullable=True, deferred=True, deferred_raiseload=True
    )


class Standard(Base):
    __tablename__ = "standards"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[FileReference] = mapped_column(FileType(files), nullable=True, default="default.txt")


class Late(Base):
    __tablename__ = "late"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[FileReference] = mapped_column(FileType(files), nullable=True, deferred=True)


class Photo(Base):
    __tablename__ = "photos"
    id: Mapped[int] = mapped_column(primary_key=True)
    image: Mapped[ImageReference] = mapped_column(ImageType(files, max_size=20), nullable=True)


class Parent(Base):
    __tablename__ = "parents"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[FileReference] = mapped_column(FileType(files), nullable=True)


class Concrete(Parent):
    __tablename__ = "concretes"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[FileReference] = mapped_column(FileType(others), nullable=True)
    __mapper_args__ = {"concrete": True}


class Data(MappedAsDataclass, Base):
    __tablename__ = "data"
    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    file: Mapped[FileReference | None] = mapped_column(FileType(files), nullable=True, default=None)


@pytest.fixture(autouse=True)
def storages(app):
    app.config.update(FILES_FS_BACKEND="memory", OTHERS_FS_BACKEND="memory")
    fs.init_app(app, files, others)


@pytest.fixture
def engine():
    engine = sqlite(poolclass=sqlalchemy.StaticPool)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def paper(session):
    """A row with a file, committed and loaded."""
    paper = Paper(id=1, name="one")
    session.add(paper)
    paper.file.save(file(), "old.txt")
    session.commit()
    assert paper.file
    return paper


def file():
    return io.BytesIO(b"content")


def stored(storage=files):
    return sorted(storage.list_files())


def named(session, attribute=Paper.file):
    with Session(session.get_bind()) as fresh:
        return [reference.filename for reference in fresh.scalars(select(attribute))]


CHANGES = {
    "save": lambda paper: paper.file.save(file(), "new.txt"),
    "set": lambda paper: setattr(paper, "file", None),
    "delete": lambda paper: paper.file.delete(),
}
CHANGES_OF_A_REFERENCE = {
    "save": lambda reference: reference.save(file(), "new.txt"),
    "delete": lambda reference: reference.delete(),
    "filename": lambda reference: setattr(reference, "filename", "new.txt"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("discard", ["expire", "expire_all", "refresh", "select"])
def test_a_change_that_is_discarded_is_none(session, paper, change, discard):
    with session.no_autoflush:
        change(paper)
        if discard == "select":
            session.scalars(select(Paper).execution_options(populate_existing=True)).all()
        else:
            getattr(session, discard)(*(() if discard == "expire_all" else (paper,)))
    session.commit()
    assert named(session) == ["old.txt"] == stored()


def test_a_change_of_a_row_that_leaves_the_session(session, paper):
    paper.file = None
    session.expunge(paper)
    session.commit()
    assert named(session) == ["old.txt"] == stored()


def test_two_saves_before_the_first_is_written(session, paper):
    paper.file.save(file(), "a.txt")
    paper.file.save(file(), "b.txt")
    session.commit()
    assert named(session) == ["b.txt"] == stored()


def test_a_row_that_is_deleted_with_a_file_that_was_never_written(session):
    paper = Paper(id=1)
    session.add(paper)
    paper.file.save(file(), "a.txt")
    paper.file = None  # type: ignore[assignment]
    session.flush()
    session.delete(paper)
    session.commit()
    assert stored() == []


def test_a_look_writes_nothing(session, paper):
    twin = Paper(id=1, name="two")
    assert not twin.file
    assert twin.file is not None
    session.merge(twin)
    session.commit()
    assert named(session) == ["old.txt"] == stored()


def test_an_empty_reference_stays_the_same_while_it_is_held():
    paper = Paper()
    reference = paper.file
    assert reference is paper.file
    reference.filename = "a.txt"
    assert paper.file is reference


def test_a_row_that_is_deleted_and_added_again(session, paper):
    session.delete(paper)
    session.flush()
    make_transient(paper)
    session.add(paper)
    session.commit()
    assert named(session) == ["old.txt"] == stored()


def test_a_row_that_is_written_let_go_and_loaded_again(session):
    files.write("old.txt", b"content")
    session.add(Paper(id=1, file="old.txt"))
    session.commit()
    paper = session.get(Paper, 1)
    session.delete(paper)
    session.flush()
    make_transient(paper)
    session.add(paper)
    session.flush()
    del paper
    gc.collect()
    assert not list(session)
    session.get(Paper, 1).file.save(file(), "new.txt")
    session.commit()
    assert named(session) == ["new.txt"] == stored()


@pytest.mark.parametrize("is_loaded", [False, True])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_row_that_takes_the_place_of_another(session, is_loaded, end):
    old = Paper(id=1)
    session.add(old)
    old.file.save(file(), "old.txt")
    session.commit()
    assert not is_loaded or old.file
    session.delete(old)
    new = Paper(id=1)
    session.add(new)
    new.file.save(file(), "new.txt")
    session.flush()
    getattr(session, end)()
    assert named(session) == ["new.txt" if end == "commit" else "old.txt"] == stored()


def test_a_row_without_a_file_that_takes_the_place_of_another(session):
    old = Paper(id=1)
    session.add(old)
    old.file.save(file(), "old.txt")
    session.commit()
    session.delete(old)
    new = Paper(id=1)
    session.add(new)
    session.flush()
    # the UPDATE leaves the column out
    assert new.file.filename == "old.txt"
    new.file.save(file(), "new.txt")
    session.commit()
    assert named(session) == ["new.txt"] == stored()


def test_a_row_of_another_primary_key(session, paper):
    paper.id = 2
    session.flush()
    paper.file.save(file(), "new.txt")
    session.commit()
    assert named(session) == ["new.txt"] == stored()


def test_another_spelling_of_the_name(session, paper):
    paper.file = "/old.txt"
    session.commit()
    assert named(session) == ["/old.txt"]
    assert stored() == ["old.txt"]
    with pytest.raises(fs.InvalidPath):
        paper.file.filename = "../old.txt"


def test_a_merge_that_is_rolled_back(session, paper):
    twin = Paper(id=1, name="one")
    twin.file.save(file(), "new.txt")
    session.merge(twin)
    assert stored() == ["new.txt", "old.txt"]
    session.rollback()
    assert named(session) == ["old.txt"] == stored()


def test_a_merge_that_is_discarded(session, paper):
    twin = Paper(id=1, name="one")
    twin.file.save(file(), "new.txt")
    with session.no_autoflush:
        session.refresh(session.merge(twin))
    session.commit()
    assert named(session) == ["old.txt"] == stored()


def test_a_merge_that_is_committed(session, paper):
    twin = Paper(id=1, name="one")
    twin.file.save(file(), "new.txt")
    session.merge(twin)
    session.commit()
    assert named(session) == ["new.txt"] == stored()


def test_a_file_that_was_given_to_a_row_and_taken_back_is_not_named(session, paper):
    paper.file.save(file(), "new.txt")
    twin = Paper(id=2, name="one", file=paper.file)
    paper.file = None
    session.add(twin)
    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()
    assert stored() == ["old.txt"]
    twin.name = "two"
    session.add(twin)
    session.commit()
    assert named(session) == ["old.txt", None]


@pytest.mark.parametrize("first", [False, True])
def test_a_handler_of_the_app_that_raises_after_the_commit(engine, first):
    maker = sessionmaker(engine)

    def fail(session):
        raise RuntimeError("the app's")

    with maker() as session:
        paper = Paper(id=1)
        paper.file.save(file(), "old.txt")
        session.add(paper)
        session.commit()
        event.listen(maker, "after_commit", fail, insert=first)
        paper.file.save(file(), "new.txt")
        with pytest.raises(RuntimeError):
            session.commit()
    # where it is called before anybody else, nobody knows of the commit
    assert stored() == ["new.txt", *(["old.txt"] if first else [])]
    with Session(engine) as session:
        assert named(session) == ["new.txt"]


def test_a_commit_of_which_nobody_knows_whether_it_happened(session, paper, caplog):
    def lost(connection):
        connection.connection.dbapi_connection.execute("COMMIT")
        raise OperationalError("COMMIT", None, Exception("the server closed the connection"))

    paper.file.save(file(), "new.txt")
    session.flush()
    engine = session.get_bind()
    event.listen(engine, "commit", lost)
    with pytest.raises(OperationalError):
        session.commit()
    event.remove(engine, "commit", lost)
    session.rollback()
    assert "new.txt" in caplog.text
    assert stored() == ["new.txt", "old.txt"]


@pytest.mark.parametrize("change", CHANGES_OF_A_REFERENCE.values(), ids=CHANGES_OF_A_REFERENCE)
def test_what_has_no_place_is_not_changed(session, paper, change):
    for reference in (session.scalars(select(Paper.file)).one(), copy.copy(paper.file), copy.deepcopy(paper.file)):
        with pytest.raises(TypeError, match="row"):
            change(reference)
        assert reference.filename == "old.txt"
    session.commit()
    assert named(session) == ["old.txt"] == stored()


def test_files_that_are_kept_go_when_the_app_deletes_them(session):
    kept = Kept(id=1)
    kept.file.save(file(), "a.txt")
    session.add(kept)
    session.commit()
    kept.file = "b.txt"  # type: ignore[assignment]
    session.commit()
    kept.file.delete()
    session.rollback()
    assert stored() == ["a.txt"]
    files.write("b.txt", "content")
    kept.file.delete()
    session.commit()
    assert stored() == ["a.txt"]


def test_a_kept_file_is_not_loaded_to_delete_its_row(session):
    session.add(Untouched(id=1, file="a.txt"))
    session.commit()
    session.expunge_all()
    session.delete(session.get(Untouched, 1))
    session.commit()
    assert named(session, Untouched.file) == []


def test_a_file_that_is_loaded_late(session):
    late = Late(id=1)
    late.file.save(file(), "a.txt")
    session.add(late)
    session.commit()
    session.expunge_all()
    session.get(Late, 1).file.save(file(), "b.txt")
    session.commit()
    assert stored() == ["b.txt"]
    session.expunge_all()
    session.delete(session.get(Late, 1))
    session.commit()
    assert stored() == []


def test_the_default_belongs_to_all(session):
    files.write("default.txt", "content")
    one, two = Standard(id=1), Standard(id=2)
    assert not one.file
    session.add_all([one, two])
    session.commit()
    assert one.file.filename == two.file.filename == "default.txt"
    one.file.save(file(), "a.txt")
    session.delete(two)
    session.commit()
    assert stored() == ["a.txt", "default.txt"]


def test_a_concrete_class_with_another_storage(session):
    row = Concrete(id=1)
    row.file.save(file(), "a.txt")
    session.add(row)
    session.commit()
    session.expunge_all()
    row = session.get(Concrete, 1)
    assert row.file.fs is others
    files.write("a.txt", "another's")
    session.delete(row)
    session.commit()
    assert (stored(), stored(others)) == (["a.txt"], [])


def test_dataclasses(session):
    row = Data()
    row.file.save(file(), "a.txt")
    session.add(row)
    session.commit()
    assert named(session, Data.file) == ["a.txt"] == stored()


def test_who_listens_to_deletions_may_fail(session, paper, caplog):
    def fail(storage, filename):
        raise ValueError("the listener's")

    second = Paper(id=2)
    second.file.save(file(), "second.txt")
    session.add(second)
    session.commit()
    with file_deleted.connected_to(fail):
        session.execute(delete(Kept))
        paper.file = second.file = None  # type: ignore[assignment]
        session.commit()
    assert stored() == []
    assert caplog.text.count("the listener's") >= 2


def test_rerendering_that_is_discarded(session):
    from PIL import Image

    content = io.BytesIO()
    Image.new("RGB", (60, 40)).save(content, "PNG")
    files.write("me.png", content.getvalue())
    photo = Photo(id=1, image="me.png")
    session.add(photo)
    session.commit()
    photo.image.rerender()
    assert stored() == ["me-original.png", "me.png"]
    with session.no_autoflush:
        session.refresh(photo)
    session.commit()
    assert stored() == ["me.png"]
    assert files.read("me.png") == content.getvalue()


def test_sessions_remember_nothing_of_what_is_over(session, paper):
    for number in range(3):
        paper.file.save(file(), f"{number}.txt")
        session.commit()
    session.rollback()
    assert not any(session.info.values())


@pytest.mark.parametrize("how", ["refresh", "expire"])
def test_a_row_that_leaves_after_its_change_was_discarded(session, draw, how):
    content = draw(60, 40).getvalue()
    files.write("me.png", content)
    photo = Photo(id=1, image="me.png")
    session.add(photo)
    session.commit()
    photo.image.rerender()
    with session.no_autoflush:
        getattr(session, how)(photo)
    session.expunge(photo)
    session.commit()
    assert session.get(Photo, 1).image.filename == "me.png"
    assert stored() == ["me.png"]
    assert files.read("me.png") == content
