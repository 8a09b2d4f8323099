"""Where nobody knows whether the database committed, no file is deleted that it may reference."""

import io

import pytest
import sqlalchemy
from databases import sqlite
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import flask_pyfs as fs
from flask_pyfs.sqlalchemy import FileReference, FileType

files = fs.Storage("files", fs.ALL)


class Base(DeclarativeBase):
    pass


class Paper(Base):
    __tablename__ = "doubtful"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[FileReference] = mapped_column(FileType(files), nullable=True)


@pytest.fixture(autouse=True)
def storage(app):
    app.config["FILES_FS_BACKEND"] = "memory"
    fs.init_app(app, files)


@pytest.fixture
def prepared():
    """Make the tables of an engine, and drop them at the end."""
    engines = []

    def prepared(engine):
        Base.metadata.create_all(engine)
        engines.append(engine)
        return engine

    yield prepared
    for engine in engines:
        Base.metadata.drop_all(engine)
        engine.dispose()


@pytest.fixture
def engine(prepared, tmp_path):
    return prepared(sqlite(f"sqlite:///{tmp_path}/papers.db"))


def save(session, name="a.txt", number=1):
    paper = session.get(Paper, number) or Paper(id=number)
    paper.file.save(io.BytesIO(b"content"), name)
    session.add(paper)
    return paper


def referenced(engine):
    with Session(engine) as session:
        return [reference.filename for reference in session.scalars(select(Paper.file))]


def stored():
    return sorted(files.list_files())


def lost(connection, *arguments):
    raise OperationalError("COMMIT", None, Exception("the server closed the connection"))


WAYS_TO_AUTOCOMMIT = {
    "engine": lambda url: sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT"),
    "options": lambda url: sqlalchemy.create_engine(url).execution_options(isolation_level="AUTOCOMMIT"),
    "driver": lambda url: sqlalchemy.create_engine(url, connect_args={"autocommit": True}),
}


@pytest.mark.server
@pytest.mark.parametrize("way", WAYS_TO_AUTOCOMMIT)
def test_autocommit(prepared, postgres_url, caplog, way):
    engine = prepared(WAYS_TO_AUTOCOMMIT[way](postgres_url))
    with Session(engine) as session:
        save(session)
        session.flush()
        session.rollback()
    assert referenced(engine) == ["a.txt"] == stored()
    assert "a.txt" in caplog.text


@pytest.mark.server
def test_autocommit_of_one_session(prepared, postgres_url):
    engine = prepared(sqlalchemy.create_engine(postgres_url))
    with Session(engine) as session:
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        save(session)
        session.flush()
    assert referenced(engine) == ["a.txt"] == stored()
    with Session(engine) as session:
        save(session, "b.txt", 2)
        session.flush()
    assert referenced(engine) == ["a.txt"] == stored()


def test_autocommit_of_sqlite(prepared, tmp_path):
    engine = prepared(sqlalchemy.create_engine(f"sqlite:///{tmp_path}/papers.db", isolation_level="AUTOCOMMIT"))
    with Session(engine) as session:
        save(session)
        session.flush()
        session.rollback()
    assert referenced(engine) == ["a.txt"] == stored()


@pytest.mark.parametrize("end", ["rollback", "close"])
def test_a_savepoint_that_was_the_whole_transaction(prepared, tmp_path, end):
    # without the events that sqlite() adds, the driver does not begin before the savepoint
    engine = prepared(sqlalchemy.create_engine(f"sqlite:///{tmp_path}/papers.db"))
    with Session(engine) as session:
        with session.begin_nested():
            save(session)
        save(session, "b.txt", 2)
        getattr(session, end)()
    assert referenced(engine) == ["a.txt"]
    assert "a.txt" in stored()


@pytest.mark.parametrize("level", ["DEFERRED", "IMMEDIATE"])
def test_the_driver_of_sqlite_itself_rolls_back_what_no_savepoint_released(prepared, tmp_path, level):
    options = {"connect_args": {"isolation_level": level}}
    engine = prepared(sqlalchemy.create_engine(f"sqlite:///{tmp_path}/papers.db", **options))
    with Session(engine) as session:
        save(session)
        session.flush()
        session.rollback()
    assert referenced(engine) == [] == stored()


def test_a_file_that_was_stored_while_the_session_flushed(engine, caplog):
    def flushed_first(session, context, instances):
        save(session, "late.txt", 2)

    with Session(engine) as session:
        event.listen(session, "before_flush", flushed_first, once=True)
        session.add(Paper(id=1))
        event.listen(engine, "commit", lost)
        with pytest.raises(OperationalError):
            session.commit()
        event.remove(engine, "commit", lost)
        session.invalidate()
    engine.dispose()
    assert stored() == ["late.txt"]
    assert "late.txt" in caplog.text


@pytest.mark.server
@pytest.mark.parametrize("finds", ["commit", "rollback"])
def test_a_prepared_transaction(prepared, postgres_url, finds):
    engine = prepared(sqlalchemy.create_engine(postgres_url))
    prepared_ids = []

    def lost_after(connection, xid, *arguments):
        prepared_ids.append(xid)
        lost(connection)

    with Session(engine, twophase=True) as session:
        save(session)
        for name in ("commit_twophase", "rollback_twophase"):
            event.listen(engine, name, lost_after)
        with pytest.raises(OperationalError):
            session.commit()
        for name in ("commit_twophase", "rollback_twophase"):
            event.remove(engine, name, lost_after)
        session.invalidate()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # whoever finds the transaction decides
        connection.exec_driver_sql(f"{finds.upper()} PREPARED '{prepared_ids[0]}'")
    assert stored() == ["a.txt"]
    assert referenced(engine) == (["a.txt"] if finds == "commit" else [])


@pytest.mark.server
def test_a_two_phase_commit(prepared, postgres_url):
    engine = prepared(sqlalchemy.create_engine(postgres_url))
    with Session(engine, twophase=True) as session:
        save(session)
        session.commit()
        save(session, "b.txt")
        session.rollback()
        assert referenced(engine) == ["a.txt"] == stored()
        save(session, "c.txt")
        session.commit()
    assert referenced(engine) == ["c.txt"] == stored()


def test_connections_are_not_watched_any_longer(engine):
    with engine.connect() as connection, Session(connection) as session:
        for number in range(3):
            save(session, f"{number}.txt")
            session.commit()
            assert not list(connection.dispatch.commit)
            assert not list(connection.dispatch.prepare_twophase)


@pytest.mark.parametrize("mode", ["conditional_savepoint", "create_savepoint"])
@pytest.mark.parametrize("end", ["commit", "rollback"])
@pytest.mark.parametrize("outer", ["commit", "rollback"])
def test_a_transaction_that_others_began(engine, mode, end, outer):
    with Session(engine) as session:
        save(session, "old.txt")
        session.commit()
    with engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode=mode) as session:
            save(session, "new.txt")
            getattr(session, end)()
        if transaction.is_active:
            getattr(transaction, outer)()
    assert set(referenced(engine)) <= set(stored())


def test_a_session_that_is_closed_in_a_transaction_that_others_began(engine):
    with engine.connect() as connection, connection.begin(), Session(connection) as session:
        save(session)
        session.flush()
    assert referenced(engine) == ["a.txt"] == stored()


def test_a_released_savepoint_in_a_transaction_that_others_began(engine):
    with engine.connect() as connection, connection.begin(), Session(connection) as session, session.begin_nested():
        save(session)
    assert referenced(engine) == ["a.txt"] == stored()


def test_a_savepoint_of_the_connection(engine):
    with Session(engine) as session:
        save(session, "old.txt")
        session.commit()
        savepoint = session.connection().begin_nested()
        save(session, "new.txt")
        session.flush()
        savepoint.rollback()
        session.commit()
    assert referenced(engine) == ["old.txt"]
    assert "old.txt" in stored()


@pytest.mark.server
def test_a_commit_that_the_database_turns_into_a_rollback(prepared, postgres_url):
    engine = prepared(sqlalchemy.create_engine(postgres_url))
    with Session(engine) as session:
        save(session, "old.txt")
        session.commit()
        save(session, "new.txt")
        session.flush()
        with pytest.raises(sqlalchemy.exc.DBAPIError):
            session.connection().exec_driver_sql("SELECT 1 / 0")
        session.commit()
    assert referenced(engine) == ["old.txt"] == stored()
