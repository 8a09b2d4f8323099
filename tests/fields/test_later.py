"""Files that a worker makes of images: process="later"."""

import datetime
import decimal
import enum
import io
import json
import threading
import uuid
from dataclasses import replace
from typing import Any, get_type_hints

import mongoengine
import pytest
from databases import sqlite
from pymongo import ReadPreference
from pymongo.collection import Collection
from pymongo.errors import AutoReconnect
from servers.mongo import new_database
from sqlalchemy import ForeignKey, Integer, Numeric, String, TypeDecorator, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    relationship,
    scoped_session,
    sessionmaker,
)
from sqlalchemy.types import UserDefinedType

import flask_pyfs as fs
from flask_pyfs import mongo
from flask_pyfs import sqlalchemy as models
from flask_pyfs.fields import parts
from flask_pyfs.fields.image import ImageReference
from flask_pyfs.renditions import making
from flask_pyfs.sqlalchemy import ImageType

avatars = fs.Storage("avatars", fs.ALL, overwrite=True)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    avatar: Mapped[ImageReference] = mapped_column(
        ImageType(avatars, max_size=200, thumbnails=[100, 50], process="later"), nullable=True
    )


# a name that no other document of the tests has, as jobs find it by that
class LaterMember(mongoengine.Document):
    avatar = mongo.ImageField(fs=avatars, max_size=200, thumbnails=[100, 50], process="later", remove_files=True)


@pytest.fixture
def jobs(app):
    """The jobs that the app was given."""
    jobs = []
    app.config.update(FS_SERVE=True, FS_BACKEND="memory", FS_ENQUEUE=lambda job: jobs.append(json.dumps(job)))
    fs.init_app(app, avatars)
    return jobs


@pytest.fixture
def renders(monkeypatch):
    """How often something was rendered, and what happens before each time."""
    calls = []
    real = making.render

    def counted(source, **options):
        calls.append(options)
        for step in before:
            step()
        return real(source, **options)

    before = []
    monkeypatch.setattr("flask_pyfs.fields.parts.render", counted)
    return calls, before


@pytest.fixture
def engine(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/database")
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def run(engine):
    """What the worker does with a job, in a session of its own."""

    def run(job):
        with Session(engine) as session:
            return models.render(json.loads(job), session)

    return run


@pytest.fixture
def user(session, jobs, draw):
    user = User()
    user.avatar.save(draw(), "a.png")
    session.add(user)
    session.commit()
    return user


MADE = ["a-100.png", "a-50.png", "a-original.png", "a.png"]


def test_a_worker_makes_the_files_after_the_commit(session, jobs, draw, size_of, run, app):
    user = User()
    user.avatar.save(draw(), "a.png")
    session.add(user)
    session.flush()
    assert (jobs, user.avatar.state) == ([], "pending")
    assert list(avatars.list_files()) == ["a-original.png"]
    session.commit()
    assert len(jobs) == 1
    assert user.avatar(100) == user.avatar.url == "/avatars/a-original.png"
    assert app.test_client().get(user.avatar(100)).data == draw().getvalue()
    assert (user.avatar.width, user.avatar.height) == (300, 200)
    assert run(jobs[0]) is True
    session.expire_all()
    assert (user.avatar.state, user.avatar(100)) == (None, "/avatars/a-100.png")
    assert sorted(avatars.list_files()) == MADE
    assert size_of(avatars, user.avatar.filename) == (200, 133)
    assert (user.avatar.width, user.avatar.height, user.avatar.original) == (200, 133, "a-original.png")
    assert (user.avatar.to_row() or {}).keys().isdisjoint(parts.STATE_NAMES)
    session.delete(user)
    session.commit()
    assert list(avatars.list_files()) == []
    assert len(jobs) == 1


def test_it_is_as_now(session, jobs, draw, run, size_of, monkeypatch):
    now = ImageReference(vars_of(process="now"))
    tried: list[tuple[str, tuple[int, int], dict[str, Any]]] = [
        ("big.jpg", (300, 200), {}),
        ("small.png", (30, 20), {}),
        ("optimized.png", (30, 20), {"optimize": True, "max_size": None}),
        ("big.gif", (300, 200), {"thumbnails": ()}),
    ]
    for name, size, settings in tried:
        format = {"jpg": "JPEG"}.get(name[-3:], name[-3:].upper())
        now.settings = vars_of(process="now", **settings)
        now.save(draw(*size, format=format), name)
        content = {each: avatars.read(each) for each in now.filenames}
        expected = now.snapshot()
        later = ImageReference(vars_of(process="later", **settings))
        now.delete()
        later.save(draw(*size, format=format), name)
        assert later.state == "pending"
        assert len(list(avatars.list_files())) == 1
        new = []
        later.complete(later.rendered(new), new)
        assert {each: avatars.read(each) for each in later.filenames} == content
        assert {**later.snapshot(), "versions": 0} == {**expected, "versions": 0}
        later.delete()


def vars_of(**changed):
    return replace(User.avatar.type.settings, **changed)


def test_a_rollback_tells_nobody(session, jobs, draw):
    user = User()
    session.add(user)
    user.avatar.save(draw(), "a.png")
    session.flush()
    session.rollback()
    assert (jobs, list(avatars.list_files())) == ([], [])


def test_a_savepoint_tells_nobody_until_the_commit(jobs, draw):
    engine = sqlite()
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        first, second = User(id=1), User(id=2)
        session.add_all([first, second])
        session.flush()
        with session.begin_nested():
            first.avatar.save(draw(), "a.png")
        savepoint = session.begin_nested()
        second.avatar.save(draw(), "b.png")
        session.flush()
        savepoint.rollback()
        assert jobs == []
        session.commit()
        assert [json.loads(job)["id"] for job in jobs] == [[1]]
    engine.dispose()


def test_a_job_renders_once_if_called_twice(jobs, user, run, renders):
    calls, _ = renders
    assert [run(jobs[0]), run(jobs[0])] == [True, False]
    assert len(calls) == 1
    assert sorted(avatars.list_files()) == MADE


def test_a_job_reads_the_row_twice_before_it_locks_it(engine, jobs, user, run):
    statements = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(connection, cursor, statement, *more):
        statements.append(statement.split()[0])

    assert run(jobs[0])
    assert statements == ["SELECT", "SELECT", "UPDATE", "SELECT", "SELECT", "UPDATE"]
    statements.clear()
    assert not run(jobs[0])
    assert statements == ["SELECT"]


def test_two_workers_at_once_render_once(jobs, user, run, renders, app):
    calls, before = renders
    results = []

    def second():
        with app.app_context():
            results.append(run(jobs[0]))

    thread = threading.Thread(target=second)
    before.append(thread.start)
    assert run(jobs[0]) is True
    thread.join(60)
    assert (results, len(calls)) == ([False], 1)
    assert sorted(avatars.list_files()) == MADE


def test_a_newer_upload_stays(session, jobs, user, run, renders, draw, size_of):
    _, before = renders

    def save_another():
        before.clear()
        user.avatar.save(draw(colour="blue"), "b.png")
        session.commit()

    before.append(save_another)
    assert run(jobs[0]) is False
    session.expire_all()
    assert (user.avatar.state, user.avatar.filename) == ("pending", "b-original.png")
    assert list(avatars.list_files()) == ["b-original.png"]
    assert run(jobs[0]) is False
    assert run(jobs[1]) is True


def test_an_upload_of_the_same_name_is_not_mixed_up(session, jobs, user, run, renders, draw):
    _, before = renders

    def save_another():
        before.clear()
        user.avatar.save(draw(colour="blue"), "a.png")
        session.commit()

    before.append(save_another)
    assert run(jobs[0]) is False
    assert list(avatars.list_files()) == ["a-original.png"]
    assert run(jobs[1]) is True
    assert sorted(avatars.list_files()) == MADE


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_row_that_is_gone_leaves_nothing(session, jobs, user, run, renders, when):
    def delete():
        session.delete(user)
        session.commit()

    if when == "before":
        delete()
    else:
        renders[1].append(delete)
    assert run(jobs[0]) is False
    assert list(avatars.list_files()) == []


@pytest.mark.parametrize("change", ["replaced", "cleared", "deleted"])
def test_what_a_worker_made_meanwhile_goes_too(jobs, user, engine, run, draw, change):
    with Session(engine, expire_on_commit=False) as session:
        # as with a row that a request has loaded, and a worker that is done while the request stores another upload
        user = session.get(User, 1)
        session.commit()
        assert run(jobs[0])
        if change == "replaced":
            user.avatar.save(draw(colour="blue"), "b.png")
        elif change == "cleared":
            user.avatar = None
        else:
            session.delete(user)
        session.commit()
    assert list(avatars.list_files()) == (["b-original.png"] if change == "replaced" else [])


def test_what_cannot_be_rendered_fails_with_the_reason(session, jobs, run, draw, app):
    user = User()
    user.avatar.save(draw(), "a.png")
    session.add(user)
    session.commit()
    app.config["AVATARS_FS_IMAGES_MAX_PIXELS"] = 100
    assert run(jobs[0]) is True
    session.expire_all()
    assert user.avatar.state == "failed"
    assert "FS_IMAGES_MAX_PIXELS" in (user.avatar.failure or "")
    assert user.avatar(100) == "/avatars/a-original.png"
    assert list(avatars.list_files()) == ["a-original.png"]
    # a queue may give a job again
    assert run(jobs[0]) is False
    assert len(jobs) == 1
    app.config["AVATARS_FS_IMAGES_MAX_PIXELS"] = None
    user.avatar.enqueue()
    assert run(jobs[1]) is True
    session.expire_all()
    assert [user.avatar.state, user.avatar.failure, *sorted(avatars.list_files())] == [None, None, *MADE]


def test_what_the_header_tells_is_refused_at_once(jobs, draw, app):
    app.config["AVATARS_FS_IMAGES_MAX_PIXELS"] = 100
    with pytest.raises(fs.UnauthorizedFileType):
        User().avatar.save(draw(), "a.png")
    app.config["AVATARS_FS_IMAGES_MAX_PIXELS"] = None
    with pytest.raises(fs.UnauthorizedFileType):
        User().avatar.save(io.BytesIO(b"no image"), "a.png")
    assert list(avatars.list_files()) == []


def test_a_failure_of_the_queue_keeps_the_upload(app, session, jobs, draw, caplog, run):
    app.config["FS_ENQUEUE"] = lambda job: 1 / 0
    user = User()
    user.avatar.save(draw(), "a.png")
    session.add(user)
    session.commit()
    assert "call enqueue() of the reference" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert (user.avatar.state, list(avatars.list_files())) == ("pending", ["a-original.png"])
    app.config["FS_ENQUEUE"] = lambda job: jobs.append(json.dumps(job))
    user.avatar.enqueue()
    assert run(jobs[0]) is True


def lose_answer(connection):
    raise OperationalError("COMMIT", None, Exception("the server closed the connection"))


@pytest.mark.parametrize("is_new", [True, False])
def test_a_commit_in_doubt_logs_the_jobs(engine, session, jobs, draw, caplog, is_new):
    user, other = User(), User()
    user.avatar.save(draw(), "a.png")
    session.add_all([user, other])
    if not is_new:
        session.commit()
        # no new file
        other.avatar = user.avatar
    told = len(jobs)
    event.listen(engine, "commit", lose_answer)
    with pytest.raises(OperationalError):
        session.commit()
    event.remove(engine, "commit", lose_answer)
    session.rollback()
    assert len(jobs) == told
    assert "no worker is told of" in caplog.text
    assert f"'id': [{1 if is_new else 2}]" in caplog.text


def test_an_async_function_is_an_error(app, session, jobs, draw, caplog):
    async def enqueue(job):
        pass

    app.config["FS_ENQUEUE"] = enqueue
    user = User()
    user.avatar.save(draw(), "a.png")
    session.add(user)
    session.commit()
    assert "ENQUEUE of storage 'avatars' is an async function" in caplog.text


def test_without_a_queue_nothing_is_stored(app, jobs, draw):
    app.config["FS_ENQUEUE"] = None
    with pytest.raises(fs.ConfigurationError, match="AVATARS_FS_ENQUEUE or FS_ENQUEUE"):
        User().avatar.save(draw(), "a.png")
    assert list(avatars.list_files()) == []


def test_rerender_makes_what_is_pending_at_once(session, jobs, user, run):
    user.avatar.rerender()
    session.commit()
    assert (user.avatar.state, sorted(avatars.list_files())) == (None, MADE)
    assert run(jobs[0]) is False


def test_render_refuses_a_session_with_changes(session, jobs, user):
    session.add(User())
    with pytest.raises(ValueError, match="session has changes, which render would commit"):
        models.render(json.loads(jobs[0]), session)


def test_render_takes_the_session_of_a_registry(engine, jobs, user):
    # as the db.session of Flask-SQLAlchemy
    assert get_type_hints(models.render)["session"] == get_type_hints(models.rerender)["session"]
    registry = scoped_session(sessionmaker(engine))
    assert models.render(json.loads(jobs[0]), registry)
    registry.add(User())
    with pytest.raises(ValueError, match="session has changes"):
        models.render(json.loads(jobs[0]), registry)
    registry.remove()


def test_a_worker_without_the_model_says_so(session, jobs, user):
    with pytest.raises(fs.ConfigurationError, match="import the module"):
        models.render({**json.loads(jobs[0]), "model": "shop.User"}, session)


class Kind(enum.Enum):
    GOOD = "g"


def image():
    return mapped_column(ImageType(avatars, thumbnails=[100], process="later"), nullable=True)


class ByBytes(Base):
    __tablename__ = "by_bytes"
    id: Mapped[bytes] = mapped_column(primary_key=True)
    avatar: Mapped[ImageReference] = image()


class ByEnum(Base):
    __tablename__ = "by_enum"
    id: Mapped[Kind] = mapped_column(primary_key=True)
    avatar: Mapped[ImageReference] = image()


class ByDecimal(Base):
    __tablename__ = "by_decimal"
    id: Mapped[decimal.Decimal] = mapped_column(Numeric(8, 2), primary_key=True)
    avatar: Mapped[ImageReference] = image()


class ByText(Base):
    __tablename__ = "by_text"
    id: Mapped[str] = mapped_column(primary_key=True)
    avatar: Mapped[ImageReference] = image()


class Code:
    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text


class CodeType(TypeDecorator):
    """A type of the app."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return value.text

    def process_result_value(self, value, dialect):
        return Code(value)


class HashedType(TypeDecorator):
    """Texts of the app for numbers of the database."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return int(value, 16)

    def process_result_value(self, value, dialect):
        return f"{value:x}"


class WrongType(HashedType):
    """One that tells the type of the numbers."""

    cache_ok = True
    python_type = int


class ToldType(TypeDecorator):
    """One that tells its type."""

    impl = String
    cache_ok = True
    python_type = uuid.UUID

    def process_bind_param(self, value, dialect):
        return value.hex

    def process_result_value(self, value, dialect):
        return uuid.UUID(value)


class UnknownType(UserDefinedType):
    """A type that does not tell the type of its values."""

    cache_ok = True

    def get_col_spec(self, **more):
        return "TEXT"


class ByCode(Base):
    __tablename__ = "by_code"
    id: Mapped[Any] = mapped_column(CodeType, primary_key=True)
    avatar: Mapped[ImageReference] = image()


class ByHashed(Base):
    __tablename__ = "by_hashed"
    id: Mapped[Any] = mapped_column(HashedType, primary_key=True)
    avatar: Mapped[ImageReference] = image()


class ByWrong(Base):
    __tablename__ = "by_wrong"
    id: Mapped[Any] = mapped_column(WrongType, primary_key=True)
    avatar: Mapped[ImageReference] = image()


class ByTold(Base):
    __tablename__ = "by_told"
    id: Mapped[Any] = mapped_column(ToldType, primary_key=True)
    avatar: Mapped[ImageReference] = image()


class ByUnknown(Base):
    __tablename__ = "by_unknown"
    id: Mapped[Any] = mapped_column(UnknownType, primary_key=True)
    avatar: Mapped[ImageReference] = image()


class ByInterval(Base):
    __tablename__ = "by_interval"
    id: Mapped[datetime.timedelta] = mapped_column(primary_key=True)
    avatar: Mapped[ImageReference] = image()


@pytest.mark.parametrize(
    "row",
    [
        lambda: ByCode(id=Code("x")),
        lambda: ByWrong(id="10"),
        lambda: ByWrong(id="ff"),
        lambda: ByUnknown(id=b"x"),
        lambda: ByInterval(id=datetime.timedelta(1)),
    ],
)
def test_a_key_that_no_worker_could_find_is_refused_when_the_job_is_made(session, jobs, draw, row):
    row = row()
    session.add(row)
    # no image, no job
    session.commit()
    row.avatar.save(draw(), "a.png")
    with pytest.raises(fs.ConfigurationError, match=rf"{type(row).__name__}\.avatar: no worker can find the row"):
        session.commit()
    session.rollback()
    assert (jobs, list(avatars.list_files())) == ([], [])


class BySeveral(Base):
    __tablename__ = "by_several"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    day: Mapped[datetime.date] = mapped_column(primary_key=True)
    avatar: Mapped[ImageReference] = image()


@pytest.mark.parametrize(
    "row",
    [
        lambda: ByBytes(id=b"\0\xff"),
        lambda: ByEnum(id=Kind.GOOD),
        lambda: ByDecimal(id=decimal.Decimal("1.50")),
        lambda: ByText(id="ann"),
        lambda: ByHashed(id="10"),
        lambda: ByUnknown(id="x"),
        lambda: ByTold(id=uuid.uuid4()),
        lambda: User(id="7"),
        lambda: BySeveral(id=uuid.uuid4(), day=datetime.date(2026, 1, 2)),
    ],
)
def test_a_key_of_any_type_is_found_again(session, jobs, run, draw, row):
    row = row()
    row.avatar.save(draw(), "a.png")
    session.add(row)
    session.commit()
    assert run(jobs[0])
    session.refresh(row)
    assert row.avatar(100) == "/avatars/a-100.png"


@pytest.mark.parametrize(
    "change",
    [{"field": "gone"}, {"field": "id"}, {"id": [1, 2]}, {"id": ["ann"]}, {"model": "__main__.User"}],
)
def test_a_job_of_another_version_of_the_app_says_so(session, jobs, user, run, change):
    expected = "is a script" if "model" in change else r"another version of the app.*rerender\(\)"
    with pytest.raises(fs.ConfigurationError, match=expected):
        run(json.dumps({**json.loads(jobs[0]), **change}))
    # a later version may tell more
    assert run(json.dumps({**json.loads(jobs[0]), "more": 1}))


def test_a_failing_store_leaves_it_pending(session, jobs, user, run, fail):
    fail(avatars, "-50")
    with pytest.raises(fs.BackendError):
        run(jobs[0])
    session.expire_all()
    assert (user.avatar.state, list(avatars.list_files())) == ("pending", ["a-original.png"])


# mongoengine


@pytest.fixture
def member(mongoengine_database, jobs, draw):
    member = LaterMember()
    member.avatar.save(draw(), "a.png")
    assert jobs == []
    member.save()
    yield member
    LaterMember.drop_collection()


def test_a_document_gets_its_files(member, jobs, renders):
    assert (member.avatar.state, len(jobs)) == ("pending", 1)
    job = json.loads(jobs[0])
    assert [mongo.render(job), mongo.render(job)] == [True, False]
    assert len(renders[0]) == 1
    assert sorted(avatars.list_files()) == MADE
    member.reload()
    assert (member.avatar.state, member.avatar(100)) == (None, "/avatars/a-100.png")
    assert set(LaterMember._get_collection().find_one()["avatar"]) == {"filename", "original", "thumbnails"}
    member.save()
    assert len(jobs) == 1


@pytest.mark.parametrize("name", ["a.png", "b.png"])
def test_a_newer_upload_of_a_document_stays(member, jobs, renders, draw, name):
    def save_another():
        renders[1].clear()
        member.avatar.save(draw(colour="blue"), name)
        member.save()

    renders[1].append(save_another)
    assert mongo.render(json.loads(jobs[0])) is False
    assert list(avatars.list_files()) == [name.replace(".", "-original.")]
    assert mongo.render(json.loads(jobs[1])) is True


def test_a_document_that_is_gone_leaves_nothing(member, jobs, renders):
    renders[1].append(member.delete)
    assert mongo.render(json.loads(jobs[0])) is False
    assert list(avatars.list_files()) == []


def test_a_job_reads_the_document_twice(member, jobs):
    database = LaterMember._get_collection().database
    database.command("profile", 2)
    assert mongo.render(json.loads(jobs[0]))
    database.command("profile", 0)
    profile = list(database["system.profile"].find({"ns": LaterMember._get_collection().full_name}).sort("ts"))
    database.drop_collection("system.profile")
    assert [each["op"] for each in profile] == ["query", "query", "update"]


@pytest.mark.parametrize("is_written", [True, False])
def test_a_lost_answer_keeps_the_files_that_the_document_names(member, jobs, monkeypatch, is_written):
    update_one = Collection.update_one

    def lost(*arguments, **options):
        if is_written:
            update_one(*arguments, **options)
        raise AutoReconnect("connection closed")

    with monkeypatch.context() as patched:
        patched.setattr(Collection, "update_one", lost)
        with pytest.raises(AutoReconnect):
            mongo.render(json.loads(jobs[0]))
    assert sorted(avatars.list_files()) == (MADE if is_written else ["a-original.png"])
    # the queue gives it again
    assert mongo.render(json.loads(jobs[0])) is not is_written
    assert sorted(avatars.list_files()) == MADE == sorted(member.reload().avatar.filenames)


def test_files_are_kept_and_logged_if_nobody_knows_what_the_document_names(member, jobs, monkeypatch, caplog):
    def lost(*arguments, **options):
        raise AutoReconnect("connection closed")

    with monkeypatch.context() as patched:
        patched.setattr(Collection, "update_one", lost)
        patched.setattr(Collection, "find_one", lost)
        with pytest.raises(AutoReconnect):
            mongo.render(json.loads(jobs[0]))
    assert sorted(avatars.list_files()) == MADE
    assert "these files are kept: ['a-100.png', 'a-50.png', 'a.png']" in caplog.text


def test_a_document_that_cannot_be_rendered_fails_once(member, jobs, renders, app):
    app.config["AVATARS_FS_IMAGES_MAX_PIXELS"] = 100
    assert [mongo.render(json.loads(jobs[0])) for _ in range(2)] == [True, False]
    assert (len(renders[0]), member.reload().avatar.state) == (1, "failed")
    app.config["AVATARS_FS_IMAGES_MAX_PIXELS"] = None
    member.avatar.enqueue()
    assert [mongo.render(json.loads(jobs[1])) for _ in range(2)] == [True, False]
    assert member.reload().avatar.state is None


class LaterReader(mongoengine.Document):
    meta = {"db_alias": "secondaries"}
    avatar = mongo.ImageField(fs=avatars, max_size=200, thumbnails=[100, 50], process="later")


@pytest.fixture
def secondaries(mongo_replica):
    """A connection of an app that reads from secondaries, of which the replica set has none."""
    with new_database(mongo_replica.url) as name:
        mongoengine.connect(
            name,
            alias="secondaries",
            host=mongo_replica.url,
            read_preference=ReadPreference.SECONDARY,
            serverSelectionTimeoutMS=2000,
            uuidRepresentation="standard",
        )
        yield
        mongoengine.disconnect("secondaries")


@pytest.mark.parametrize("work", ["render", "rerender"])
def test_a_worker_reads_no_secondary(secondaries, jobs, draw, work):
    # one may be behind
    reader = LaterReader()
    reader.avatar.save(draw(), "a.png")
    reader.save()
    if work == "render":
        assert mongo.render(json.loads(jobs[0]))
    else:
        assert mongo.rerender(LaterReader.avatar) == (1, 0)
    assert sorted(avatars.list_files()) == MADE


@pytest.mark.parametrize("field", ["gone", "id"])
def test_a_job_of_another_version_of_the_app_says_so_for_documents(member, jobs, field):
    with pytest.raises(fs.ConfigurationError, match="another version of the app"):
        mongo.render({**json.loads(jobs[0]), "field": field})


def test_an_embedded_document_cannot_have_it(jobs):
    field = mongo.ImageField(fs=avatars, thumbnails=[100], process="later")
    with pytest.raises(mongoengine.errors.InvalidDocumentError, match="process='later'"):
        type("Embedded", (mongoengine.EmbeddedDocument,), {"avatar": field})


class Team(Base):
    __tablename__ = "team"
    id: Mapped[int] = mapped_column(primary_key=True)


class Player(Base):
    __tablename__ = "player"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), nullable=True)
    team: Mapped[Team] = relationship(lazy="joined")
    avatar: Mapped[ImageReference] = image()


@pytest.mark.server
def test_postgresql_takes_a_row_that_is_loaded_with_others(postgres_url, jobs, draw):
    # it refuses FOR UPDATE with an outer join
    engine = create_engine(postgres_url)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        player = Player()
        player.avatar.save(draw(), "a.png")
        session.add(player)
        session.commit()
        with Session(engine) as worker:
            assert models.render(json.loads(jobs[0]), worker)
        session.refresh(player)
        assert player.avatar(100) == "/avatars/a-100.png"
    Base.metadata.drop_all(engine)
    engine.dispose()


@pytest.mark.server
def test_postgresql_locks_the_row_only_while_it_is_written(postgres_url, jobs, draw, renders, size_of):
    engine = create_engine(postgres_url)
    Base.metadata.create_all(engine)
    with Session(engine) as session, Session(engine) as worker:
        user = User()
        user.avatar.save(draw(), "a.png")
        session.add(user)
        session.commit()

        def change():
            # it would wait for a lock
            user.avatar.save(draw(colour="blue"), "b.png")
            session.commit()
            renders[1].clear()

        renders[1].append(change)
        assert models.render(json.loads(jobs[0]), worker) is False
        assert models.render(json.loads(jobs[1]), worker) is True
        session.expire_all()
        assert (user.avatar.state, user.avatar.filename) == (None, "b.png")
        assert sorted(avatars.list_files()) == [name.replace("a", "b", 1) for name in MADE]
        session.delete(user)
        session.commit()
    Base.metadata.drop_all(engine)
    engine.dispose()
