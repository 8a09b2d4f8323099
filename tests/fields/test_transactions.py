"""After any sequence of changes, savepoints, commits and rollbacks, the files are those that the rows name."""

import gc
import io

import flask
import pytest
import sqlalchemy
from databases import sqlite
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test
from savepoints import Savepoints
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, make_transient, mapped_column
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.sqlalchemy import FileReference, FileType

files = fs.Storage("files", fs.ALL)
ROWS = st.integers(1, 3)


class Base(DeclarativeBase):
    pass


class Paper(Base):
    __tablename__ = "papers"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[FileReference] = mapped_column(FileType(files), nullable=True)


class Transactions(Savepoints):
    def __init__(self):
        super().__init__()
        app = flask.Flask("tests")
        app.config["FILES_FS_BACKEND"] = "memory"
        fs.init_app(app, files)
        self.engine = sqlite(poolclass=sqlalchemy.StaticPool)
        Base.metadata.create_all(self.engine)
        self.session = Session(self.engine)
        self.committed = set()
        self.committed_ids = set()
        # SQLAlchemy takes back what a savepoint made only where the app has the row still
        self.kept = []
        self.number = 0

    def teardown(self):
        self.session.close()
        self.is_as_committed()
        self.engine.dispose()

    def row(self, number):
        found = self.session.get(Paper, number)
        if found is None:
            found = Paper(id=number)
            self.session.add(found)
        self.kept.append(found)
        return found

    @rule(number=ROWS, flush=st.booleans())
    def save(self, number, flush):
        self.number += 1
        self.row(number).file.save(io.BytesIO(b""), f"{self.number}.txt")
        if flush:
            self.session.flush()

    def upload(self):
        self.number += 1
        return FileStorage(io.BytesIO(b""), f"{self.number}.txt")

    @rule(number=ROWS, flush=st.booleans())
    def assign(self, number, flush):
        self.row(number).file = self.upload()
        if flush:
            self.session.flush()

    @rule(number=ROWS, accepted=ROWS)
    def assign_what_is_refused(self, number, accepted):
        self.row(accepted).file = self.upload()
        row = self.row(number)
        self.session.flush()
        row.file = FileStorage(io.BytesIO(b"without a name"))
        with pytest.raises(fs.InvalidPath):
            self.session.flush()
        row.file = self.upload()

    @rule(number=ROWS, is_assigned=st.booleans())
    def store_before_it_is_added(self, number, is_assigned):
        if self.session.get(Paper, number) is None:
            paper = Paper(id=number)
            if is_assigned:
                paper.file = self.upload()
            else:
                paper.file.save(self.upload())
            self.session.add(paper)
            self.kept.append(paper)

    @rule(number=ROWS, other=ROWS)
    def move(self, number, other):
        if number != other:
            self.row(other).file = self.row(number).file
            self.row(number).file = None
            # a change that is taken back alone would leave two rows that name the file
            self.session.flush()

    @rule(number=ROWS)
    def clear(self, number):
        self.row(number).file.delete()

    def deletable(self, number):
        # SQLAlchemy takes a row for one of the database that was made and deleted in a savepoint that is taken back
        found = self.session.get(Paper, number)
        return found if not self.savepoints or number in self.committed_ids else None

    @rule(number=ROWS)
    def delete_row(self, number):
        found = self.deletable(number)
        if found is not None:
            self.session.flush()
            self.session.delete(found)
            self.session.flush()

    @rule(flush=st.booleans())
    def expire(self, flush):
        if flush:
            self.session.flush()
        self.session.expire_all()

    @rule(number=ROWS)
    def look(self, number):
        assert self.row(number).file.filenames is not None

    @rule(number=ROWS)
    def refresh(self, number):
        found = self.session.get(Paper, number)
        if found is not None:
            with self.session.no_autoflush:
                self.session.refresh(found)

    @rule(number=ROWS, way=st.sampled_from(["save", "assign", "nothing"]))
    def merge(self, number, way):
        paper = Paper(id=number)
        if way == "save":
            paper.file.save(self.upload())
        elif way == "assign":
            paper.file = self.upload()
        self.kept.append(self.session.merge(paper))

    @rule(number=ROWS)
    def delete_and_add_again(self, number):
        found = self.deletable(number)
        if found is not None:
            self.session.flush()
            self.session.delete(found)
            self.session.flush()
            make_transient(found)
            self.session.add(found)
            self.kept.append(found)

    @rule(number=ROWS, way=st.sampled_from(["save", "assign", "nothing"]))
    def delete_and_add_another(self, number, way):
        found = self.deletable(number)
        if found is not None:
            self.session.flush()
            self.session.delete(found)
            paper = Paper(id=number)
            if way == "save":
                paper.file.save(self.upload())
            elif way == "assign":
                paper.file = self.upload()
            self.session.add(paper)
            self.session.flush()
            self.kept.append(paper)

    @precondition(lambda self: not self.savepoints)
    @rule()
    def forget(self):
        self.kept.clear()
        gc.collect()

    @rule(end=st.sampled_from(["commit", "rollback", "close"]))
    def end_transaction(self, end):
        getattr(self.session, end)()
        self.savepoints.clear()
        self.kept.clear()
        if end == "commit":
            with Session(self.engine) as session:
                self.committed = {paper.filename for paper in session.scalars(select(Paper.file)) if paper}
                self.committed_ids = set(session.scalars(select(Paper.id)))
        self.is_as_committed()

    def is_as_committed(self):
        assert set(files.list_files()) == self.committed

    @invariant()
    def nothing_committed_is_missing(self):
        assert set(files.list_files()) >= self.committed


def test_files_follow_transactions(soak):
    run_state_machine_as_test(
        Transactions,
        settings=settings(max_examples=1000 if soak else 12, stateful_step_count=30, derandomize=not soak),
    )
