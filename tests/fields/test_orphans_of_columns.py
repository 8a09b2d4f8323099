"""Files are named by columns of each kind that SQLAlchemy has."""

import dataclasses
import io
import json
from typing import Any

import pytest
import sqlalchemy
from databases import sqlite
from registered import hide_registered_documents
from sqlalchemy import Column, Integer, MetaData, String, Table, TypeDecorator
from sqlalchemy.ext.declarative import ConcreteBase
from sqlalchemy.orm import (
    DeclarativeBase,
    Session,
    column_property,
    composite,
    configure_mappers,
    mapped_column,
    registry,
)

import flask_pyfs as fs
from flask_pyfs.orphans import find_orphans
from flask_pyfs.sqlalchemy import FileType

STORED = json.dumps({"filename": "named.txt"})


class Wrapped:
    def __init__(self, value):
        self.value = value


class Decorated(TypeDecorator):
    impl = FileType
    cache_ok = True


class Wrapping(Decorated):
    cache_ok = True

    def process_result_value(self, value, dialect):
        return Wrapped(value)


class Linking(Decorated):
    cache_ok = True

    def process_result_value(self, value, dialect):
        return f"https://cdn.example/{value.filename}"


class OwnType(FileType):
    cache_ok = True

    def process_result_value(self, value, dialect):
        return Wrapped(value)


class URLType(FileType):
    cache_ok = True

    def process_result_value(self, value, dialect):
        return f"https://cdn.example/{super().process_result_value(value, dialect).filename}"


class URLsType(FileType):
    cache_ok = True

    def process_result_value(self, value, dialect):
        return [f"https://cdn.example/{super().process_result_value(value, dialect).filename}"]


class DecoratedVariant(TypeDecorator):
    cache_ok = True
    impl: Any = String

    def __init__(self, storage):
        super().__init__()
        self.impl: Any = String(10).with_variant(FileType(storage), "sqlite")

    def process_result_value(self, value, dialect):
        return f"https://cdn.example/{value.filename}"


@pytest.fixture(autouse=True)
def no_documents(monkeypatch):
    hide_registered_documents(monkeypatch)


@pytest.fixture
def engine(tmp_path):
    engine = sqlite(f"sqlite:///{tmp_path}/rows.db")
    yield engine
    engine.dispose()


@pytest.fixture
def context(app):
    with app.app_context():
        yield


@pytest.fixture
def base():
    class Base(DeclarativeBase):
        pass

    return Base


def store(engine, table, column="f", value=STORED):
    """Make the tables, and store a row as another program may have."""
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f'INSERT INTO {table} ("{column}") VALUES (:value)'), {"value": value})


def table_with(metadata, column, name="a"):
    return Table(name, metadata, Column("id", Integer, primary_key=True), column, Column("gone", Integer))


def excluded(base: Any, storage, engine):
    class Item(base):
        __table__ = table_with(base.metadata, Column("f", FileType(storage)))
        __mapper_args__ = {"exclude_properties": ["f"]}

    store(engine, Item.__table__)


def renamed(base: Any, storage, engine):
    class Item(base):
        __tablename__ = "a"
        id = mapped_column(Integer, primary_key=True)
        photo = mapped_column("the file", FileType(storage), key="f", deferred=True)

    store(engine, Item.__table__, "the file")


def in_a_composite(base: Any, storage, engine):
    @dataclasses.dataclass
    class Pair:
        one: object
        other: object

    class Item(base):
        __tablename__ = "a"
        id = mapped_column(Integer, primary_key=True)
        pair = composite(
            Pair, mapped_column("e", FileType(storage), nullable=True), mapped_column("f", FileType(storage))
        )

    store(engine, Item.__table__)


def imperative(base: Any, storage, engine):
    table = table_with(MetaData(), Column("f", FileType(storage)))
    registry().map_imperatively(type("Item", (), {}), table, properties={"photo": table.c.f})
    store(engine, table)


def concrete(base: Any, storage, engine):
    class Item(ConcreteBase, base):
        __tablename__ = "a"
        id = mapped_column(Integer, primary_key=True)
        f = mapped_column(FileType(storage))
        __mapper_args__ = {"concrete": True, "polymorphic_identity": "item"}

    class Special(Item):
        __tablename__ = "b"
        id = mapped_column(Integer, primary_key=True)
        f = mapped_column(FileType(storage))
        __mapper_args__ = {"concrete": True, "polymorphic_identity": "special"}

    store(engine, Special.__table__)


def of_an_unknown_kind(base: Any, storage, engine):
    class Item(base):
        __tablename__ = "a"
        id = mapped_column(Integer, primary_key=True)
        kind = mapped_column(String(10), default="gone")
        __mapper_args__ = {"polymorphic_on": "kind"}

    class Special(Item):
        f = mapped_column(FileType(storage), nullable=True)
        __mapper_args__ = {"polymorphic_identity": "special"}

    store(engine, Item.__table__)


def shown_elsewhere(base: Any, storage, engine):
    class Item(base):
        __tablename__ = "a"
        id = mapped_column(Integer, primary_key=True)
        f = mapped_column(FileType(storage))

    class Page(base):
        __tablename__ = "b"
        id = mapped_column(Integer, primary_key=True)
        shown = column_property(sqlalchemy.select(Item.f).limit(1).scalar_subquery())
        labelled = column_property(sqlalchemy.select(Item.f).limit(1).scalar_subquery().label("f"))

    store(engine, Item.__table__)


def of_rows_that_a_class_hides(base: Any, storage, engine):
    # the table has no class, and a MetaData of its own
    table = table_with(MetaData(), Column("f", FileType(storage)))

    class Item(base):
        __table__ = sqlalchemy.select(table).where(table.c.gone.is_not(None)).subquery()
        __mapper_args__ = {"primary_key": [__table__.c.id]}

    store(engine, table)


def without_a_class(base: Any, storage, engine):
    class Item(base):
        __tablename__ = "a"
        id = mapped_column(Integer, primary_key=True)
        f = mapped_column(FileType(storage))

    base.metadata.create_all(engine)
    table = table_with(MetaData(), Column("f", FileType(storage)), "b")
    store(engine, table)
    # nothing else keeps it
    return table


def of_type(make):
    def build(base: Any, storage, engine):
        class Item(base):
            __tablename__ = "a"
            id = mapped_column(Integer, primary_key=True)
            f = mapped_column(make(storage))

        store(engine, Item.__table__)

    return build


def by_default(**options):
    def build(base: Any, storage, engine):
        class Item(base):
            __tablename__ = "a"
            id = mapped_column(Integer, primary_key=True)
            f = mapped_column(FileType(storage), **options)

        base.metadata.create_all(engine)

    return build


KINDS = {
    "excluded": excluded,
    "renamed": renamed,
    "composite": in_a_composite,
    "imperative": imperative,
    "concrete": concrete,
    "unknown kind": of_an_unknown_kind,
    "shown elsewhere": shown_elsewhere,
    "hidden": of_rows_that_a_class_hides,
    "without a class": without_a_class,
    "decorated": of_type(Decorated),
    "wrapping": of_type(Wrapping),
    "linking": of_type(Linking),
    "variant": of_type(lambda storage: String(10).with_variant(FileType(storage), "sqlite")),
    "default": by_default(default="named.txt"),
    "on update": by_default(onupdate="named.txt"),
    "default of the server": by_default(server_default=STORED),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_column(base: Any, storage, engine, context, kind):
    for name in ("named.txt", "orphan.txt"):
        storage.backend.store.put(name, io.BytesIO(b"content"))
    kept = KINDS[kind](base, storage, engine)
    found = [(each.kind, each.name) for each in find_orphans(storage, session=engine, older_than=0)]
    assert found == [("orphan", "orphan.txt")]
    del kept


@pytest.mark.parametrize(
    ("make", "made"),
    [
        (OwnType, "Wrapped"),
        (lambda storage: String(10).with_variant(Wrapping(storage), "sqlite"), "Wrapped"),
        (URLType, "str"),
        (URLsType, "str"),
        (lambda storage: String(10).with_variant(URLType(storage), "sqlite"), "str"),
        (lambda storage: String(10).with_variant(Linking(storage), "sqlite"), "str"),
        (DecoratedVariant, "str"),
    ],
    ids=["own type", "wrapping variant", "URL", "URLs", "URL variant", "linking variant", "decorated variant"],
)
def test_a_value_that_is_not_understood_makes_no_orphans(base: Any, storage, engine, context, make, made):
    of_type(make)(base, storage, engine)
    storage.write("named.txt", b"content")
    with pytest.raises(fs.FSError, match=f"'f' makes {made} of files"):
        list(find_orphans(storage, session=engine, older_than=0, delete=True))
    assert storage.exists("named.txt")


def test_classes_without_files_may_have_any_columns(base: Any, engine):
    class Item(ConcreteBase, base):
        __tablename__ = "a"
        id = mapped_column(Integer, primary_key=True)
        __mapper_args__ = {"concrete": True, "polymorphic_identity": "item"}

    class Special(Item):
        __tablename__ = "b"
        id = mapped_column(Integer, primary_key=True)
        __mapper_args__ = {"concrete": True, "polymorphic_identity": "special"}

    configure_mappers()
    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Special(id=1))
        session.commit()
        assert [type(each) for each in session.scalars(sqlalchemy.select(Item))] == [Special]
