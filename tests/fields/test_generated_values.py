"""Rows whose other columns are written by the flush, and rows that become other rows, on SQLite and PostgreSQL."""

import io

import pytest
from databases import KINDS, database
from sqlalchemy import ForeignKey, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, make_transient, mapped_column
from sqlalchemy.orm.exc import StaleDataError

import flask_pyfs as fs
from flask_pyfs.sqlalchemy import FileReference, FileType

files = fs.Storage("files", fs.ALL)


class Base(DeclarativeBase):
    pass


class Plain(Base):
    __tablename__ = "plain"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[FileReference] = mapped_column(FileType(files), nullable=True)


class Versioned(Base):
    __tablename__ = "versioned"
    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column()
    file: Mapped[FileReference] = mapped_column(FileType(files), nullable=True)
    __mapper_args__ = {"version_id_col": version}


class Timed(Base):
    __tablename__ = "timed"
    id: Mapped[int] = mapped_column(primary_key=True)
    changed: Mapped[int | None] = mapped_column(onupdate=lambda: 1)
    file: Mapped[FileReference] = mapped_column(FileType(files), nullable=True)


class ByServer(Base):
    __tablename__ = "by_server"
    id: Mapped[int] = mapped_column(primary_key=True)
    changed: Mapped[str | None] = mapped_column(onupdate=func.lower("A"))
    file: Mapped[FileReference] = mapped_column(FileType(files), nullable=True)
    __mapper_args__ = {"eager_defaults": True}


class Parent(Base):
    __tablename__ = "parents"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column()
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "parent", "version_id_col": version}


class Child(Parent):
    __tablename__ = "children"
    id: Mapped[int] = mapped_column(ForeignKey(Parent.id), primary_key=True)
    file: Mapped[FileReference] = mapped_column(FileType(files), nullable=True)
    __mapper_args__ = {"polymorphic_identity": "child"}


ROWS = [Plain, Versioned, Timed, ByServer, Child]


@pytest.fixture(autouse=True)
def storage(app):
    app.config["FILES_FS_BACKEND"] = "memory"
    fs.init_app(app, files)


@pytest.fixture(params=KINDS)
def engine(request, tmp_path):
    with database(request, tmp_path, Base.metadata) as engine:
        yield engine


def store(row, name):
    row.file.save(io.BytesIO(b"content"), name)
    return row


def names():
    return sorted(files.list_files())


def named(engine, row_class):
    with Session(engine) as session:
        return sorted(file.filename for file in session.scalars(select(row_class.file)) if file)


@pytest.mark.parametrize("row_class", ROWS)
def test_the_former_file_is_deleted(engine, row_class):
    with Session(engine) as session:
        row = store(row_class(id=1), "old.txt")
        session.add(row)
        session.commit()
        for name in ("new.txt", "newer.txt"):
            store(row, name)
            session.commit()
            assert named(engine, row_class) == [name] == names()
        with session.begin_nested() as savepoint:
            store(row, "undone.txt")
            session.flush()
            savepoint.rollback()
        session.commit()
        assert named(engine, row_class) == ["newer.txt"] == names()
        row.file = None
        session.commit()
    assert named(engine, row_class) == [] == names()


@pytest.mark.parametrize("row_class", ROWS)
def test_a_row_that_becomes_another(engine, row_class):
    with Session(engine) as session:
        session.add(store(row_class(id=1), "old.txt"))
        session.commit()
        row = session.get(row_class, 1)
        assert row.file
        session.expunge(row)
        make_transient(row)
        row.id = 2
        session.add(store(row, "mine.txt"))
        session.commit()
        assert named(engine, row_class) == ["mine.txt", "old.txt"] == names()
        session.delete(row)
        session.commit()
    assert named(engine, row_class) == ["old.txt"] == names()


@pytest.mark.parametrize("row_class", [Versioned, Child])
def test_a_row_that_another_session_has_changed(engine, row_class):
    with Session(engine) as session, Session(engine) as other:
        session.add(store(row_class(id=1), "old.txt"))
        session.commit()
        mine = session.get(row_class, 1)
        assert mine.file
        session.expunge(mine)
        session.rollback()
        store(other.get(row_class, 1), "theirs.txt")
        other.commit()
        session.add(store(mine, "mine.txt"))
        with pytest.raises(StaleDataError):
            session.commit()
        session.rollback()
    assert named(engine, row_class) == ["theirs.txt"] == names()
