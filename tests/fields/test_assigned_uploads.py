"""Uploads that are assigned to columns of SQLAlchemy are stored by the flush, under the transaction."""

import asyncio
import copy
import gc
import io
import pickle
import weakref

import flask
import pytest
import sqlalchemy
from databases import KINDS, database
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.sqlalchemy import FileType, ImageType, file_column

papers = fs.Storage("papers", fs.DOCUMENTS + fs.TEXT)
pictures = fs.Storage("pictures", fs.IMAGES)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(unique=True)
    cv = file_column(FileType(papers, upload_to=lambda user: f"cv/{user.name}"))
    letter = file_column(FileType(papers, basename=lambda user: "letter"))
    avatar = file_column(ImageType(pictures, max_size=80, thumbnails=[50]))
    licence = file_column(FileType(papers), default="default.txt")
    called = file_column(FileType(papers), default=lambda: "called.txt")
    served = file_column(FileType(papers), server_default='{"filename": "served.txt"}')


@pytest.fixture(autouse=True)
def storages(app):
    app.config["FS_BACKEND"] = "memory"
    fs.init_app(app, papers, pictures)


@pytest.fixture(params=KINDS)
def engine(request, tmp_path):
    with database(request, tmp_path, Base.metadata) as engine:
        yield engine


@pytest.fixture
def user(session):
    """A user with a paper, committed."""
    user = User(name="ann", cv=text("old.txt", b"old"))
    session.add(user)
    session.commit()
    return user


def text(filename, content=b"content"):
    return FileStorage(io.BytesIO(content), filename)


def names():
    return sorted([*papers.list_files(), *pictures.list_files()])


def test_an_upload_is_pending_until_the_flush(session):
    upload = text("My CV.txt")
    user = User(name="ann", cv=upload)
    assert user.cv
    assert user.cv.upload is upload
    assert (user.cv.filename, user.cv.original_name, user.cv.filenames) == (None, "My CV.txt", [])
    session.add(user)
    assert names() == []
    session.flush()
    assert names() == ["cv/ann/My_CV.txt"]
    assert (user.cv.upload, user.cv.filename) == (None, "cv/ann/My_CV.txt")
    assert (user.cv.original_name, user.cv.size) == ("My CV.txt", 7)
    session.commit()
    session.expire_all()
    assert user.cv.read() == b"content"
    assert user.cv.original_name == "My CV.txt"


def test_an_image_gets_its_thumbnails(session, draw):
    user = User(avatar=FileStorage(draw(100, 60), "a.png"))
    session.add(user)
    session.commit()
    assert names() == ["a-50.png", "a-original.png", "a.png"]
    assert (user.avatar.width, user.avatar.thumbnail(50)) == (80, "a-50.png")


def test_a_binary_file_has_its_own_name(session, tmp_path):
    (tmp_path / "plan.txt").write_bytes(b"plan")
    with open(tmp_path / "plan.txt", "rb") as file:
        user = User(name="ann", cv=file, letter=file)
        assert user.cv.upload is file
        session.add(user)
        session.commit()
        assert not file.closed
    assert names() == ["cv/ann/plan.txt", "letter.txt"]
    assert user.cv.original_name == "plan.txt"
    assert user.cv.read() == user.letter.read() == b"plan"


@pytest.mark.parametrize("value", [io.BytesIO(b"x"), b"x", 5, io.StringIO("x"), object()])
def test_what_is_no_upload_cannot_be_assigned(value):
    with pytest.raises(TypeError, match="assign a file name, a document, an upload"):
        User().cv = value


def test_a_rollback_deletes_the_file_and_restores_the_reference(session, user):
    user.cv = text("new.txt")
    session.flush()
    assert names() == ["cv/ann/new.txt", "cv/ann/old.txt"]
    session.rollback()
    assert names() == ["cv/ann/old.txt"]
    assert (user.cv.filename, user.cv.upload) == ("cv/ann/old.txt", None)


def test_a_rollback_drops_what_is_pending(session, user):
    user.cv = text("new.txt")
    session.rollback()
    assert (user.cv.filename, user.cv.upload) == ("cv/ann/old.txt", None)
    session.commit()
    assert names() == ["cv/ann/old.txt"]


def test_a_new_row_keeps_what_was_assigned_as_its_other_values(session, user):
    added = User(name="ann", cv=text("added.txt"))
    session.add(added)
    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()
    assert names() == ["cv/ann/old.txt"]
    assert added.cv.upload
    added.name = "bob"
    session.add(added)
    session.commit()
    assert names() == ["cv/ann/old.txt", "cv/bob/added.txt"]
    assert added.cv.read() == b"content"


def test_a_commit_deletes_the_former_file(session, user):
    user.cv = text("new.txt")
    session.commit()
    assert names() == ["cv/ann/new.txt"]


def test_the_last_assignment_before_the_flush_counts(session, user):
    user.cv = text("one.txt")
    user.cv = text("two.txt")
    user.letter = text("letter.txt")
    user.letter = None
    session.commit()
    assert names() == ["cv/ann/two.txt"]
    user.cv = text("three.txt")
    user.cv.delete()
    assert not user.cv
    session.commit()
    assert names() == []


def test_save_replaces_what_is_pending(session, user):
    user.cv = text("pending.txt")
    user.cv.save(text("saved.txt"))
    session.commit()
    assert names() == ["cv/ann/saved.txt"]


def test_an_empty_field_of_a_form_changes_nothing(session, user):
    user.cv = FileStorage(io.BytesIO(), "")
    assert not session.is_modified(user)
    session.commit()
    assert user.cv.filename == "cv/ann/old.txt"
    user.cv = text("new.txt")
    user.cv = FileStorage(io.BytesIO(), "")
    session.commit()
    assert names() == ["cv/ann/new.txt"]


def test_an_empty_field_of_a_form_leaves_a_new_row_its_defaults(session):
    columns = ("cv", "licence", "called", "served")
    user = User(**{name: FileStorage() for name in columns})
    user.licence = FileStorage()
    assert not user.cv
    session.add(user)
    session.commit()
    assert [getattr(user, name).filename for name in columns] == [None, "default.txt", "called.txt", "served.txt"]
    user = User(licence=FileStorage(), called=FileStorage(), served=FileStorage())
    user.licence = None
    user.called.delete()
    user.served = text("own.txt")
    session.add(user)
    session.commit()
    assert [getattr(user, name).filename for name in columns] == [None, None, None, "own.txt"]


def test_an_upload_without_a_name_is_refused_as_save_does(session, user):
    user.cv = FileStorage(io.BytesIO(b"content"))
    with pytest.raises(fs.InvalidPath, match="a filename is required"):
        session.flush()


def test_a_refusal_leaves_the_session_usable_and_the_store_as_it_was(session, user):
    user.letter = text("fine.txt")
    user.cv = text("bad.exe")
    with pytest.raises(fs.UnauthorizedFileType):
        session.commit()
    session.rollback()
    assert names() == ["cv/ann/old.txt"]
    assert (user.cv.filename, bool(user.letter)) == ("cv/ann/old.txt", False)
    user.cv = text("good.txt")
    session.commit()
    assert names() == ["cv/ann/good.txt"]


def test_the_transaction_goes_on_after_a_refusal(session, user):
    user.cv = text("bad.exe")
    with pytest.raises(fs.UnauthorizedFileType):
        session.flush()
    # it is not forgotten
    with pytest.raises(fs.UnauthorizedFileType):
        session.commit()
    user.cv = text("good.txt")
    session.commit()
    assert names() == ["cv/ann/good.txt"]


def test_a_failed_statement_deletes_the_file(session, user):
    session.add(User(name="ann", cv=text("new.txt")))
    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()
    assert names() == ["cv/ann/old.txt"]


def test_a_savepoint_undoes_what_was_assigned_in_it(session, user):
    user.letter = text("outer.txt")
    savepoint = session.begin_nested()
    assert names() == ["cv/ann/old.txt", "letter.txt"]
    user.cv = text("inner.txt")
    session.flush()
    savepoint.rollback()
    assert names() == ["cv/ann/old.txt", "letter.txt"]
    session.commit()
    assert (user.cv.filename, user.letter.filename) == ("cv/ann/old.txt", "letter.txt")


def test_a_query_flushes(session, user):
    user.cv = text("new.txt")
    assert session.scalar(select(User.id)) == user.id
    assert user.cv.filename == "cv/ann/new.txt"
    session.commit()
    assert names() == ["cv/ann/new.txt"]


@pytest.mark.parametrize("name", ["refresh", "expire"])
def test_what_is_discarded_is_not_stored(session, user, name):
    user.cv = text("new.txt")
    getattr(session, name)(user)
    session.commit()
    assert names() == ["cv/ann/old.txt"]


def test_the_former_version_is_replaced_under_its_own_name(session, app):
    papers.overwrite = True
    try:
        user = User(letter=text("one.txt", b"one"))
        session.add(user)
        session.commit()
        user.letter = text("two.txt", b"two")
        session.commit()
        assert user.letter.read() == b"two"
        session.delete(user)
        session.commit()
    finally:
        papers.overwrite = False
    assert names() == []


def test_listeners_of_the_app_for_the_flush_can_assign(session, user):
    def assign(session, context, rows):
        for row in session.dirty:
            row.letter = text("letter.txt")

    event.listen(session, "before_flush", assign)
    user.name = "bob"
    session.commit()
    assert names() == ["cv/ann/old.txt", "letter.txt"]
    assert user.letter.read() == b"content"


def test_listeners_of_the_app_for_the_row_can_assign(session):
    class Own(DeclarativeBase):
        pass

    class Listened(Own):
        __tablename__ = "listened"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str | None]
        cv = file_column(FileType(papers))

    @event.listens_for(Listened, "before_insert")
    @event.listens_for(Listened, "before_update")
    def assign(mapper, connection, row):
        row.cv = text(f"{row.name}.txt")

    Own.metadata.create_all(session.connection())
    row = Listened(name="one")
    session.add(row)
    session.commit()
    assert row.cv.read() == b"content"
    assert names() == ["one.txt"]
    row.name = "two"
    session.commit()
    assert names() == ["two.txt"]
    Own.metadata.drop_all(session.connection())
    session.commit()


def test_one_of_two_uploads_is_refused(session, user):
    user.letter, user.licence = text("fine.txt"), text("bad.exe")
    for _ in range(2):
        with pytest.raises(fs.UnauthorizedFileType):
            session.commit()
    user.licence = text("good.txt")
    session.commit()
    assert names() == ["cv/ann/old.txt", "good.txt", "letter.txt"]
    assert user.letter.read() == user.licence.read() == b"content"


def test_a_refusal_at_the_begin_of_a_savepoint(session, user):
    user.cv = text("bad.exe")
    with pytest.raises(fs.UnauthorizedFileType):
        session.begin_nested()
    session.rollback()
    user.cv = text("good.txt")
    with session.begin_nested():
        user.letter = text("letter.txt")
    session.commit()
    assert names() == ["cv/ann/good.txt", "letter.txt"]


def test_a_savepoint_that_is_rolled_back_drops_what_is_pending_in_it(session, user):
    savepoint = session.begin_nested()
    user.cv = text("new.txt")
    savepoint.rollback()
    session.commit()
    assert user.cv.filename == "cv/ann/old.txt"
    assert names() == ["cv/ann/old.txt"]


def test_a_row_that_is_deleted_stores_nothing(session, user):
    user.cv = text("new.txt")
    session.delete(user)
    session.commit()
    assert names() == []


def test_a_row_does_not_stay_alive(session):
    user = User(name="ann", licence=FileStorage(), cv=text("new.txt"))
    session.add(user)
    session.commit()
    user.cv = text("newer.txt")
    session.commit()
    row = weakref.ref(user)
    del user
    gc.collect()
    assert row() is None


@pytest.mark.server
def test_an_asynchronous_session(postgres_url):
    engine = create_async_engine(postgres_url)

    async def work():
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.drop_all)
            await connection.run_sync(Base.metadata.create_all)
        async with AsyncSession(engine, expire_on_commit=False) as session:
            user = User(name="ann", cv=text("one.txt", b"one"))
            session.add(user)
            await session.commit()
            user.cv = text("two.txt", b"two")
            await session.commit()
            assert names() == ["cv/ann/two.txt"]
            user.cv = text("three.txt")
            await session.flush()
            await session.rollback()
            assert names() == ["cv/ann/two.txt"]
            await session.refresh(user)
            user.cv = text("bad.exe")
            with pytest.raises(fs.UnauthorizedFileType):
                await session.commit()
            await session.rollback()
            await session.refresh(user)
            assert user.cv.read() == b"two"
        await engine.dispose()

    asyncio.run(work())


def test_an_upload_of_a_request_that_has_ended(app, session, user):
    @app.post("/")
    def view():
        user.cv = flask.request.files["cv"]
        return "done"

    assert app.test_client().post("/", data={"cv": (io.BytesIO(b"text"), "new.txt")}).text == "done"
    with pytest.raises(ValueError, match=r"a request closes its uploads when it ends"):
        session.commit()


def test_an_upload_that_was_closed_is_told_as_such(session, user):
    upload = user.cv = text("new.txt")
    upload.close()
    with pytest.raises(ValueError, match=r"the upload 'new\.txt' was closed before it was stored"):
        session.commit()
    session.rollback()
    assert user.cv.filename == "cv/ann/old.txt"


class Pipe(io.RawIOBase):
    """A stream that cannot seek."""

    def __init__(self):
        self._content = io.BytesIO(b"piped")

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._content.readinto(buffer)


def test_an_upload_that_cannot_seek_is_stored(session, user):
    user.cv = FileStorage(io.BufferedReader(Pipe()), "new.txt")
    session.commit()
    assert papers.read("cv/ann/new.txt") == b"piped"


# the rest of the stream would be stored: nothing
@pytest.mark.parametrize("again", ["another field", "after a failure"])
def test_an_upload_that_cannot_seek_is_stored_once(session, user, again):
    upload = FileStorage(io.BufferedReader(Pipe()), "new.txt")
    if again == "another field":
        user.cv = user.letter = upload
    else:
        other = User(name="ann", cv=upload)
        session.add(other)
        with pytest.raises(IntegrityError):
            session.commit()
        session.rollback()
        other.name = "bob"
        session.add(other)
    with pytest.raises(ValueError, match=r"the upload 'new\.txt' was read before, and its stream cannot seek"):
        session.commit()
    session.rollback()
    assert names() == ["cv/ann/old.txt"]


def test_merge_stores_the_upload_of_the_row_that_stays_outside(session, user):
    merged = session.merge(User(id=user.id, cv=text("new.txt")))
    session.commit()
    assert merged is user
    assert names() == ["cv/ann/new.txt"]


@pytest.mark.parametrize(
    "write",
    [
        lambda session, upload: session.execute(sqlalchemy.insert(User).values(cv=upload)),
        lambda session, upload: session.execute(sqlalchemy.update(User).values(cv=upload)),
        lambda session, upload: session.bulk_insert_mappings(User, [{"cv": upload}]),
        lambda session, upload: session.bulk_save_objects([User(cv=upload)]),
        lambda session, upload: session.scalars(select(User).where(User.cv == upload)).all(),
    ],
)
def test_statements_refuse_uploads(session, user, write):
    with pytest.raises(StatementError, match="store the upload first"):
        write(session, text("new.txt"))
    session.rollback()
    assert names() == ["cv/ann/old.txt"]


def test_a_page_with_a_pending_reference_does_not_break(app, user):
    user.cv, user.avatar = text("new.txt"), text("new.png")
    with app.test_request_context():
        assert (str(user.cv), user.cv.url, user.cv.download_url, user.cv.signed_url()) == ("", None, None, None)
        assert (user.avatar(100), user.avatar.full(), user.avatar.srcset(64)) == (None, None, "")
        assert (user.cv.size, user.cv.content_type, user.cv.checksum, user.avatar.width) == (None,) * 4
        expected = {"filename": None, "url": None, "size": None, "content_type": None, "original_name": "new.txt"}
        assert app.json.loads(app.json.dumps(user.cv)) == expected
    assert not user.cv.exists()
    for read in (user.cv.read, user.cv.open):
        with pytest.raises(fs.FileNotFound, match=r"'new\.txt' is not stored yet .* 'papers': flush the session"):
            read()


def test_a_copy_has_the_same_upload(session, user):
    user.cv = text("new.txt")
    other = User(name="bob", cv=user.cv, letter=copy.copy(user.cv))
    session.add(other)
    session.commit()
    assert names() == ["cv/ann/new.txt", "cv/bob/new.txt", "letter.txt"]
    assert user.cv.read() == other.cv.read() == other.letter.read() == b"content"


def test_a_pending_upload_cannot_be_pickled(session, user):
    user.cv = text("new.txt")
    for value in (user.cv, user):
        with pytest.raises(TypeError, match="flush the session or save the document first"):
            pickle.dumps(value)
    session.flush()
    assert pickle.loads(pickle.dumps(user.cv)).filename == "cv/ann/new.txt"
