"""After any sequence of changes of lists, savepoints, commits and rollbacks, rows and files are those of a model."""

import io

import flask
import sqlalchemy
from databases import sqlite
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test
from savepoints import Savepoints
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.sqlalchemy import FileReferences, FileType, file_column

files = fs.Storage("files", fs.ALL)
PLACES = st.tuples(st.integers(1, 2), st.sampled_from(["first", "second"]))
INDEXES = st.integers(0, 3)


class Base(DeclarativeBase):
    pass


class Folder(Base):
    __tablename__ = "folders"
    id: Mapped[int] = mapped_column(primary_key=True)
    first = file_column(FileType(files, multiple=True))
    second = file_column(FileType(files, multiple=True))


Place = tuple[int, str]
Model = dict[Place, list[str]]


class Lists(Savepoints):
    """The rows exist from the beginning, as a model of them does: lists of names, with a copy for each savepoint."""

    def __init__(self):
        super().__init__()
        app = flask.Flask("tests")
        app.config["FILES_FS_BACKEND"] = "memory"
        fs.init_app(app, files)
        self.engine = sqlite(poolclass=sqlalchemy.StaticPool)
        Base.metadata.create_all(self.engine)
        self.session = Session(self.engine)
        self.session.add_all([Folder(id=1), Folder(id=2)])
        self.session.commit()
        self.model: Model = {(row, column): [] for row in (1, 2) for column in ("first", "second")}
        self.committed = self.copy()
        self.copies: list[Model] = []
        # the app keeps some of the lists
        self.kept: dict[Place, FileReferences] = {}
        self.number = 0

    def teardown(self):
        self.session.close()
        self.is_as_committed()
        self.engine.dispose()

    def copy(self):
        return {place: list(names) for place, names in self.model.items()}

    def at(self, place):
        row, column = place
        return self.kept.get(place) or getattr(self.session.get(Folder, row), column)

    def upload(self):
        self.number += 1
        return FileStorage(io.BytesIO(b""), f"{self.number}.txt")

    @rule(place=PLACES)
    def keep(self, place):
        row, column = place
        self.kept[place] = getattr(self.session.get(Folder, row), column)

    @rule()
    def let_go(self):
        self.kept.clear()

    @rule(place=PLACES, index=INDEXES)
    def insert(self, place, index):
        self.at(place).insert(index, self.upload())
        self.model[place].insert(index, f"{self.number}.txt")

    @rule(place=PLACES)
    def save(self, place):
        self.model[place].append(self.at(place).save(self.upload()))

    @rule(place=PLACES, count=INDEXES)
    def assign(self, place, count):
        uploads = [self.upload() for _ in range(count)]
        row, column = place
        keep = self.model[place][1:]
        setattr(self.session.get(Folder, row), column, [*uploads, *self.at(place)[1:]])
        self.model[place] = [*(upload.filename for upload in uploads), *keep]

    @rule(place=PLACES, index=INDEXES)
    def delete(self, place, index):
        if index < len(self.model[place]):
            self.at(place)[index].delete()
            del self.model[place][index]

    @rule(place=PLACES, index=INDEXES)
    def replace(self, place, index):
        if index < len(self.model[place]):
            self.model[place][index] = self.at(place)[index].save(self.upload())

    @rule(place=PLACES, index=INDEXES, other=PLACES, to=INDEXES)
    def move(self, place, index, other, to):
        if index < len(self.model[place]):
            self.at(other).insert(to, self.at(place).pop(index))
            self.model[other].insert(to, self.model[place].pop(index))
            # a change that is taken back alone would leave two rows that name the file
            self.session.flush()

    @rule(place=PLACES, index=INDEXES)
    def name_twice(self, place, index):
        if index < len(self.model[place]):
            self.session.flush()
            self.at(place).append(self.model[place][index])
            self.model[place].append(self.model[place][index])

    @rule(place=PLACES)
    def reverse(self, place):
        self.at(place).reverse()
        self.model[place].reverse()

    @rule()
    def flush(self):
        self.session.flush()

    @rule(flush=st.booleans(), row=st.integers(1, 2))
    def expire_or_refresh(self, flush, row):
        self.session.flush()
        if flush:
            self.session.expire_all()
        else:
            self.session.refresh(self.session.get(Folder, row))

    @rule()
    def begin_savepoint(self):
        super().begin_savepoint()
        self.copies.append(self.copy())

    @rule(end=st.sampled_from(["commit", "rollback"]))
    def end_savepoint(self, end):
        if self.savepoints:
            getattr(self.savepoints.pop(), end)()
            before = self.copies.pop()
            self.model = self.model if end == "commit" else before

    @rule(end=st.sampled_from(["commit", "rollback", "close"]))
    def end_transaction(self, end):
        getattr(self.session, end)()
        self.savepoints.clear()
        self.copies.clear()
        if end == "close":
            self.kept.clear()
        if end == "commit":
            self.committed = self.copy()
        self.model = {place: list(names) for place, names in self.committed.items()}
        self.is_as_committed()

    def is_as_committed(self):
        with Session(self.engine) as session:
            found = {
                (folder.id, column): [reference.filename for reference in getattr(folder, column)]
                for folder in session.scalars(select(Folder))
                for column in ("first", "second")
            }
        assert found == self.committed
        assert set(files.list_files()) == {name for names in self.committed.values() for name in names}

    @invariant()
    def nothing_committed_is_missing(self):
        assert set(files.list_files()) >= {name for names in self.committed.values() for name in names}

    @invariant()
    def lists_are_those_of_the_model(self):
        for place, names in self.model.items():
            with self.session.no_autoflush:
                row, column = place
                found = getattr(self.session.get(Folder, row), column)
                assert [
                    reference.upload.filename if reference.upload else reference.filename for reference in found
                ] == names
                assert self.kept.get(place) in (None, found)


def test_files_of_lists_follow_transactions(soak):
    run_state_machine_as_test(
        Lists, settings=settings(max_examples=1000 if soak else 12, stateful_step_count=30, derandomize=not soak)
    )
