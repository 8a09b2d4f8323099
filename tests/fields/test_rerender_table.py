"""The images of a whole table or collection are rendered again."""

import gc
import io
import logging
import sqlite3

import mongoengine
import pytest
import sqlalchemy
from databases import sqlite
from PIL import Image
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, scoped_session, sessionmaker

import flask_pyfs as fs
from flask_pyfs import mongo
from flask_pyfs import sqlalchemy as columns
from flask_pyfs.fields import rerendering
from flask_pyfs.fields.image import ImageReference
from flask_pyfs.mongo import rerendering as mongo_rerendering
from flask_pyfs.sqlalchemy import FileType, ImageType
from flask_pyfs.sqlalchemy import rerendering as table_rerendering


def picture(side=120):
    file = io.BytesIO()
    Image.new("RGB", (side, side), "teal").save(file, "PNG")
    file.seek(0)
    return file


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    for module in (table_rerendering, mongo_rerendering):
        monkeypatch.setattr(module, "PAGE", 4)


class Rows:
    """A table of SQLAlchemy with images."""

    def __init__(self, engine, storage):
        class Base(DeclarativeBase):
            pass

        class User(Base):
            __tablename__ = "rerendered_user"
            id: Mapped[int] = mapped_column(primary_key=True)
            name: Mapped[str | None] = mapped_column()
            avatar: Mapped[ImageReference] = mapped_column(ImageType(storage, thumbnails=[100]), nullable=True)
            cv = mapped_column(FileType(storage), nullable=True)

        self.engine, self.User, self.column = engine, User, User.avatar
        Base.metadata.drop_all(engine)
        Base.metadata.create_all(engine)
        self.session = Session(engine)

    def add(self, numbers, **values):
        for number in numbers:
            user = self.User(id=number, **values)
            user.avatar.save(picture(), f"{number}.png")
            self.session.add(user)
        self.session.commit()

    def add_empty(self, number):
        self.session.add(self.User(id=number))
        self.session.commit()

    def setup(self, **settings):
        for name, value in settings.items():
            setattr(self.User.__table__.c.avatar.type, name, value)

    def rerender(self, **options):
        return columns.rerender(self.session, self.column, **options)

    def avatars(self):
        with Session(self.engine) as session:
            return {user.id: user.avatar.to_row() for user in session.scalars(sqlalchemy.select(self.User))}

    def meanwhile(self, number, change):
        """Let another session change a row."""
        with Session(self.engine) as session:
            change(session.get(self.User, number), session)
            session.commit()

    def delete(self, user, session):
        session.delete(user)


class Documents:
    """A collection of mongoengine with images."""

    def __init__(self, storage):
        class User(mongoengine.Document):
            number = mongoengine.IntField(primary_key=True)
            name = mongoengine.StringField(required=True)
            avatar = mongo.ImageField(fs=storage, thumbnails=[100], remove_files=True, facts=True)
            cv = mongo.FileField(fs=storage)

        self.User, self.column = User, User.avatar
        User.drop_collection()

    def add(self, numbers, name="ann"):
        for number in numbers:
            user = self.User(number=number, name=name)
            user.avatar.save(picture(), f"{number}.png")
            user.save()

    def add_empty(self, number):
        self.User(number=number, name="ann").save()

    def setup(self, **settings):
        renamed = {"thumbnails": "thumbnail_sizes"}
        for name, value in settings.items():
            setattr(self.column, renamed.get(name, name), value)

    def rerender(self, **options):
        return mongo.rerender(self.column, **options)

    def avatars(self):
        found = self.User._get_collection().find()
        return {document["_id"]: document.get("avatar") for document in found}

    def meanwhile(self, number, change):
        user = self.User.objects(pk=number).first()
        change(user, None)
        if self.User.objects(pk=number).first():
            user.save()

    def delete(self, user, session):
        user.delete()


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.server),
        pytest.param("mongo", marks=pytest.mark.server),
    ]
)
def table(request, storage, app, tmp_path):
    with app.app_context():
        if request.param == "mongo":
            request.getfixturevalue("mongoengine_database")
            yield Documents(storage)
            return
        if request.param == "sqlite":
            engine = sqlite(f"sqlite:///{tmp_path}/rows.db")
        else:
            engine = sqlalchemy.create_engine(request.getfixturevalue("postgres_url"))
        rows = Rows(engine, storage)
        yield rows
        rows.session.close()
        engine.dispose()


def thumbnails(table):
    return {key: sorted((value or {}).get("thumbnails", {})) for key, value in table.avatars().items()}


def test_all_images_are_rendered_as_the_field_is_now_set_up(table, storage):
    table.add(range(1, 12))
    table.add_empty(20)
    table.setup(thumbnails=(50, 80))
    told = []
    done = table.rerender(report=lambda key, error: told.append((key, error)))
    assert done == rerendering.Rerendered(rendered=11, failed=0)
    assert told == [(number, None) for number in range(1, 12)]
    assert thumbnails(table) == {**{number: ["50", "80"] for number in range(1, 12)}, 20: []}
    # the files of the size that is gone are gone too
    assert sorted(storage.list_files()) == sorted(
        f"{number}{part}.png" for number in range(1, 12) for part in ("", "-50", "-80")
    )


def test_an_image_that_fails_is_reported_and_the_others_go_on(table, storage, caplog):
    table.add(range(1, 8))
    storage.delete("2.png")
    storage.write("5.png", b"no image", overwrite=True)
    before = table.avatars()
    table.setup(thumbnails=(50,))
    told = {}
    with caplog.at_level(logging.WARNING):
        assert table.rerender(report=told.__setitem__) == (5, 2)
    assert {key: type(error) for key, error in told.items() if error} == {
        2: fs.FileNotFound,
        5: fs.UnauthorizedFileType,
    }
    assert [record.args[1] for record in caplog.records if "is not rendered" in record.msg] == [2, 5]
    after = table.avatars()
    assert [after[number] for number in (2, 5)] == [before[number] for number in (2, 5)]
    assert [key for key, sizes in thumbnails(table).items() if sizes == ["50"]] == [1, 3, 4, 6, 7]
    assert storage.exists("2-100.png")


@pytest.mark.parametrize("stop", [1, 4, 6])
def test_an_interrupted_run_goes_on_where_it_stopped(table, stop):
    table.add(range(1, 10))
    table.setup(thumbnails=(50,))
    told = []

    def report(key, error):
        told.append(key)
        if key == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        table.rerender(report=report)
    assert [key for key, sizes in thumbnails(table).items() if sizes == ["50"]] == list(range(1, stop + 1))
    assert table.rerender(after=told[-1], report=report) == (9 - stop, 0)
    assert told == list(range(1, 10))
    assert set(map(tuple, thumbnails(table).values())) == {("50",)}


def test_a_run_that_is_killed_in_a_row_leaves_it_as_it_was(table, storage, monkeypatch):
    table.add(range(1, 4))
    before, files = table.avatars(), sorted(storage.list_files())
    table.setup(thumbnails=(50,))
    real = ImageReference.rerender

    def rerender(self):
        real(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(ImageReference, "rerender", rerender)
    with pytest.raises(KeyboardInterrupt):
        table.rerender()
    assert table.avatars() == before
    assert sorted(storage.list_files()) == files


def interrupting(monkeypatch, action):
    """Do something once while the image of a row is rendered."""
    real, done = ImageReference.rerender, []

    def rerender(self):
        real(self)
        if not done:
            done.append(True)
            action()

    monkeypatch.setattr(ImageReference, "rerender", rerender)


def test_an_upload_meanwhile_stays(table, storage, monkeypatch):
    table.add([1, 2])
    table.setup(thumbnails=(50,))
    interrupting(monkeypatch, lambda: table.meanwhile(1, lambda user, _: user.avatar.save(picture(90), "newer.png")))
    assert table.rerender() == (2, 0)
    assert table.avatars()[1]["filename"] == "newer.png"
    assert thumbnails(table) == {1: ["50"], 2: ["50"]}
    assert sorted(storage.list_files()) == ["2-50.png", "2.png", "newer-50.png", "newer.png"]


def test_a_row_that_is_deleted_meanwhile_leaves_nothing(table, storage, monkeypatch):
    table.add([1, 2])
    table.setup(thumbnails=(50,))
    interrupting(monkeypatch, lambda: table.meanwhile(1, table.delete))
    assert table.rerender() == (1, 0)
    assert thumbnails(table) == {2: ["50"]}
    assert sorted(storage.list_files()) == ["2-50.png", "2.png"]


def test_a_store_that_fails_ends_the_run(table, storage, fail):
    table.add(range(1, 4))
    before = table.avatars()
    table.setup(thumbnails=(50,))
    fail(storage, "2-50")
    told = []
    with pytest.raises(fs.BackendError):
        table.rerender(report=lambda key, error: told.append(key))
    assert told == [1]
    assert {key: value for key, value in table.avatars().items() if key > 1} == {
        key: value for key, value in before.items() if key > 1
    }


@pytest.mark.parametrize("table", ["sqlite"], indirect=True)
def test_a_database_that_fails_ends_the_run(table):
    table.add(range(1, 5))
    table.setup(thumbnails=(50,))
    told = []

    def fail(*event):
        # as SQLAlchemy says it: what a listener raises is wrapped by 2.1 alone
        raise sqlalchemy.exc.OperationalError("", {}, sqlite3.OperationalError("the disk is gone"))

    def report(key, error):
        told.append(key)
        if key == 2:
            sqlalchemy.event.listen(table.engine, "before_cursor_execute", fail)

    with pytest.raises(sqlalchemy.exc.OperationalError):
        table.rerender(report=report)
    assert told == [1, 2]
    sqlalchemy.event.remove(table.engine, "before_cursor_execute", fail)
    assert table.rerender(after=2) == (2, 0)


@pytest.mark.parametrize("table", ["sqlite"], indirect=True)
def test_queries_and_memory_do_not_grow_with_the_table(table, soak, storage, app):
    count = 1000 if soak else 24
    table.add(range(1, count + 1))
    table.session.close()
    table.setup(thumbnails=(50,))
    sent = []
    sqlalchemy.event.listen(table.engine, "before_cursor_execute", lambda *event: sent.append(event[2]))
    living = []

    def report(key, error):
        if key % 8 == 0:
            gc.collect()
            living.append(sum(isinstance(each, ImageReference) for each in gc.get_objects()))

    assert table.rerender(report=report) == (count, 0)
    # without those of BEGIN
    queries = [query for query in sent if not query.startswith("BEGIN")]
    assert len(queries) == 3 * count + count // 4 + 1
    assert max(living) <= living[0] + 1
    assert len(table.session.identity_map) <= 1


def test_a_key_of_several_columns(app, storage, tmp_path):
    class Base(DeclarativeBase):
        pass

    class Photo(Base):
        __tablename__ = "photo"
        album: Mapped[str] = mapped_column(primary_key=True)
        number: Mapped[int] = mapped_column(primary_key=True)
        image: Mapped[ImageReference] = mapped_column(ImageType(storage, thumbnails=[100]), nullable=True)

    engine = sqlite(f"sqlite:///{tmp_path}/photos.db")
    Base.metadata.create_all(engine)
    keys = [(album, number) for album in ("a", "b", "c") for number in range(3)]
    with app.app_context(), Session(engine) as session:
        for album, number in keys:
            photo = Photo(album=album, number=number)
            photo.image.save(picture(), f"{album}{number}.png")
            session.add(photo)
        session.commit()
        vars(Photo.__table__.c.image.type)["thumbnails"] = (50,)
        told = []
        assert columns.rerender(session, Photo.image, report=lambda key, error: told.append(key)) == (9, 0)
        assert told == keys
        told.clear()
        columns.rerender(session, Photo.image, after=("b", 1), report=lambda key, error: told.append(key))
        assert told == keys[5:]
    engine.dispose()


def test_a_column_with_several_images(app, storage, tmp_path):
    class Base(DeclarativeBase):
        pass

    class Album(Base):
        __tablename__ = "album"
        id: Mapped[int] = mapped_column(primary_key=True)
        photos = columns.file_column(ImageType(storage, thumbnails=[100], multiple=True))

    engine = sqlite(f"sqlite:///{tmp_path}/database")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for number in (1, 2):
            album = Album(id=number)
            album.photos.save(picture(), f"{number}a.png")
            album.photos.save(picture(), f"{number}b.png")
            session.add(album)
        session.commit()
        setattr(Album.__table__.c.photos.type, "thumbnails", (50,))  # noqa: B010
        reported = []
        found = columns.rerender(session, Album.photos, report=lambda *each: reported.append(each))
        assert (found, reported) == ((2, 0), [(1, None), (2, None)])
        thumbnails = [photo.thumbnails for number in (1, 2) for photo in session.get(Album, number).photos]
        assert thumbnails == [{"50": f"{name}-50.png"} for name in ("1a", "1b", "2a", "2b")]
        assert not any(name.endswith("-100.png") for name in storage.list_files())
    engine.dispose()


@pytest.mark.parametrize("table", ["sqlite"], indirect=True)
def test_a_scoped_session_as_flask_sqlalchemy_has_it(table):
    table.add([1, 2])
    table.session.close()
    table.setup(thumbnails=(50,))
    session = scoped_session(sessionmaker(table.engine))
    assert columns.rerender(session, table.column) == (2, 0)
    session.remove()
    assert thumbnails(table) == {1: ["50"], 2: ["50"]}


@pytest.mark.parametrize("table", ["sqlite"], indirect=True)
def test_what_sqlalchemy_cannot_rerender(table):
    for column in (table.User.cv, table.User.name, table.User, "avatar"):
        with pytest.raises(TypeError, match="no column of images"):
            columns.rerender(table.session, column)
    table.session.add(table.User(id=1))
    with pytest.raises(ValueError, match="the session has changes"):
        table.rerender()
    assert table.session.new


@pytest.mark.parametrize("table", [pytest.param("mongo", marks=pytest.mark.server)], indirect=True)
def test_what_mongoengine_cannot_rerender(table, storage):
    with pytest.raises(TypeError, match="no field of images"):
        mongo.rerender(table.User.cv)
    with pytest.raises(TypeError, match="name the class of documents"):
        mongo.rerender(mongo.ImageField(fs=storage))


@pytest.mark.parametrize("table", [pytest.param("mongo", marks=pytest.mark.server)], indirect=True)
def test_a_field_of_an_abstract_document(table, storage):
    class WithImage(mongoengine.Document):
        meta = {"abstract": True}
        image = mongo.ImageField(fs=storage, thumbnails=[100])

    class Cat(WithImage):
        meta = {"allow_inheritance": True}

    class Dog(WithImage):
        pass

    class Kitten(Cat):
        pass

    for kind in (Cat, Dog, Kitten):
        kind.drop_collection()
    for kind in (Cat, Dog, Kitten):
        one = kind()
        one.image.save(picture(), f"{kind.__name__}.png")
        one.save()
    with pytest.raises(TypeError, match="name the class of documents"):
        mongo.rerender(Cat.image)
    assert mongo.rerender(Cat.image, document=Cat) == (2, 0)
    assert mongo.rerender(Dog.image, document=Dog) == (1, 0)


@pytest.mark.parametrize("table", [pytest.param("mongo", marks=pytest.mark.server)], indirect=True)
def test_documents_that_are_not_valid_any_more(table):
    table.add([1])
    table.User._get_collection().update_one({"_id": 1}, {"$unset": {"name": 1}, "$set": {}})
    table.setup(thumbnails=(50,))
    assert table.rerender() == (1, 0)
    assert thumbnails(table) == {1: ["50"]}
