"""Columns with several files: lists of references, whose files follow the transaction."""

import copy
import gc
import io
import json
import pickle
import random

import flask
import pytest
import sqlalchemy
from databases import KINDS, database
from sqlalchemy import select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, Session, make_transient, mapped_column
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.sqlalchemy import FileReference, FileReferences, FileType, ImageReference, ImageType, file_column

files = fs.Storage("files", fs.ALL)
others = fs.Storage("others", fs.ALL)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "list_users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(unique=True)
    papers = file_column(FileType(files, multiple=True))
    more = file_column(FileType(files, multiple=True))
    cv = file_column(FileType(files))
    photos = file_column(ImageType(files, thumbnails=[20], multiple=True))
    kept = file_column(FileType(files, multiple=True, remove_files=False))
    elsewhere = file_column(FileType(others, multiple=True))
    standard = file_column(FileType(files, multiple=True), default=["default.txt"])


class Record(MappedAsDataclass, Base):
    __tablename__ = "list_records"
    id: Mapped[int] = mapped_column(primary_key=True)
    papers: Mapped[FileReferences[FileReference]] = mapped_column(
        FileType(files, multiple=True), nullable=True, default=None
    )


@pytest.fixture(autouse=True)
def storages(app):
    app.config.update(FILES_FS_BACKEND="memory", OTHERS_FS_BACKEND="memory")
    fs.init_app(app, files, others)


@pytest.fixture(scope="module", params=KINDS)
def tables(request, tmp_path_factory):
    """A database of each kind, with the tables."""
    with database(request, tmp_path_factory.mktemp("sqlite"), Base.metadata) as engine:
        yield engine


@pytest.fixture
def engine(tables):
    """The database with tables that are empty."""
    with tables.begin() as connection:
        for table in Base.metadata.sorted_tables:
            connection.execute(table.delete())
    return tables


@pytest.fixture
def user(session):
    """A user with two papers, committed."""
    user = User(id=1, name="ann")
    session.add(user)
    user.papers.save(content(), "a.txt")
    user.papers.save(content(), "b.txt")
    session.commit()
    return user


def content(text="content"):
    return io.BytesIO(text.encode())


def upload(name, text="content"):
    return FileStorage(content(text), name)


def stored(storage=files):
    return sorted(storage.list_files())


def names(references):
    return [reference.filename for reference in references]


def committed(session, attribute=User.papers):
    """Return the names that the rows have in the database."""
    with Session(session.get_bind()) as fresh:
        return [names(found) for found in fresh.scalars(select(attribute).order_by("id"))]


# What the row has


def test_a_row_keeps_a_list_of_documents(session, user, engine):
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT CAST(papers AS TEXT), more FROM list_users").one()
    documents = json.loads(found[0])
    assert [document["filename"] for document in documents] == ["a.txt", "b.txt"]
    assert documents == [reference.to_row() for reference in user.papers]
    assert found[1] is None


def test_the_attribute_is_always_a_list(session, engine):
    user = User(id=1)
    assert isinstance(user.papers, FileReferences)
    assert not user.papers
    session.add(user)
    session.commit()
    assert not user.papers
    assert len(user.papers) == 0
    assert list(user.papers) == []
    session.expire_all()
    assert session.scalar(select(sqlalchemy.func.count()).where(User.papers.is_(None))) == 1
    assert session.scalar(select(sqlalchemy.func.count()).where(User.papers == None)) == 1  # noqa: E711


def test_an_emptied_list_is_null(session, user):
    user.papers.clear()
    session.commit()
    assert session.scalar(select(sqlalchemy.func.count()).where(User.papers.is_(None))) == 1
    assert stored() == []


def test_a_look_writes_nothing(session, user, engine):
    statements = []
    sqlalchemy.event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    assert [paper.read() for paper in user.papers] == [b"content", b"content"]
    assert not user.more
    assert user.papers[:1] == [user.papers[0]]
    # the same, so there is no change
    user.papers = user.papers
    session.commit()
    assert not [statement for statement in statements if statement.startswith("UPDATE")]


def test_dataclasses(session):
    record = Record(id=1)
    record.papers.save(content(), "a.txt")
    session.add_all([record, Record(id=2, papers=["b.txt"])])  # type: ignore[arg-type]
    session.commit()
    assert committed(session, Record.papers) == [["a.txt"], ["b.txt"]]


def test_the_facts_of_each(session, user):
    user.papers.append(files.save(upload("c.txt", "four"), "c.txt"))
    session.commit()
    assert [paper.size for paper in user.papers] == [7, 7, 4]
    assert {paper.content_type for paper in user.papers} == {"text/plain"}
    assert user.papers[2].original_name == "c.txt"
    assert user.papers[2].checksum == files.metadata("c.txt", checksum=True)["checksum"]
    with Session(session.get_bind()) as fresh:
        assert [paper.size for paper in fresh.scalars(select(User.papers)).one()] == [7, 7, 4]


def test_images_with_thumbnails(session, user, draw):
    user.photos = [FileStorage(draw(60, 40), "one.png"), FileStorage(draw(40, 60), "two.png")]
    session.commit()
    assert stored() == ["a.txt", "b.txt", "one-20.png", "one.png", "two-20.png", "two.png"]
    assert [(photo.width, photo.height) for photo in user.photos] == [(60, 40), (40, 60)]
    assert all(isinstance(photo, ImageReference) for photo in user.photos)
    del user.photos[0]
    session.commit()
    assert stored() == ["a.txt", "b.txt", "two-20.png", "two.png"]
    user.photos.save(draw(30, 30), "three.png", bbox=(0, 0, 10, 10))
    session.rollback()
    assert stored() == ["a.txt", "b.txt", "two-20.png", "two.png"]
    assert names(user.photos) == ["two.png"]


def test_rerendering(session, user, draw, monkeypatch):
    user.photos.save(draw(60, 40), "one.png")
    session.commit()
    monkeypatch.setattr(User.__table__.c.photos.type, "thumbnails", (10, 30))
    # what is loaded has the new settings
    session.expire_all()
    photo = session.get(User, 1).photos[0]
    photo.rerender()
    session.commit()
    assert stored() == ["a.txt", "b.txt", "one-10.png", "one-30.png", "one.png"]


def test_templates_and_json(app, session, user):
    with app.test_request_context():
        page = flask.render_template_string(
            "{% for paper in papers %}<a href='{{ paper }}'>{{ loop.index }}</a>{% else %}none{% endfor %}",
            papers=user.papers,
        )
        answer = flask.jsonify(papers=user.papers, more=user.more).json
    assert page == "<a href='/files/a.txt'>1</a><a href='/files/b.txt'>2</a>"
    assert answer == {"papers": [paper.to_json() for paper in user.papers], "more": []}
    assert answer["papers"][1]["filename"] == "b.txt"
    assert "'a.txt'" in repr(user.papers)


def test_what_is_asked_of_a_list(user):
    first, second = user.papers
    assert "a.txt" in user.papers
    assert "c.txt" not in user.papers
    assert second in user.papers
    assert user.papers.index("b.txt") == user.papers.index(second) == 1
    assert user.papers.count("a.txt") == 1
    assert user.papers[-1] is second
    assert list(reversed(user.papers)) == [second, first]
    assert user.papers.filenames == ["a.txt", "b.txt"]
    with pytest.raises(ValueError, match="is not in the list"):
        user.papers.remove("c.txt")
    with pytest.raises(IndexError):
        user.papers[2]


# What can be put into it

CHANGES = {
    "append": lambda papers: papers.append("c.txt"),
    "insert": lambda papers: papers.insert(0, "c.txt"),
    "extend": lambda papers: papers.extend(["c.txt", {"filename": "d.txt"}]),
    "add": lambda papers: papers.__iadd__(["c.txt"]),
    "set": lambda papers: papers.__setitem__(0, "c.txt"),
    "slice": lambda papers: papers.__setitem__(slice(0, 2), ["c.txt"]),
    "delete": lambda papers: papers.__delitem__(0),
    "delete slice": lambda papers: papers.__delitem__(slice(None)),
    "pop": lambda papers: papers.pop(),
    "remove": lambda papers: papers.remove("a.txt"),
    "clear": lambda papers: papers.clear(),
    "reverse": lambda papers: papers.reverse(),
    "shuffle": lambda papers: random.Random(1).shuffle(papers),
    "swap": lambda papers: papers.__setitem__(slice(None), [papers[1], papers[0]]),
    "twice": lambda papers: papers.append(papers[0]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("end", ["commit", "rollback", "expire", "refresh"])
def test_changes_are_tracked(session, user, change, end):
    files.write("c.txt", b"")
    files.write("d.txt", b"")
    # as a list of Python changes
    papers = [{"filename": "a.txt"}, {"filename": "b.txt"}]
    expected = ["a.txt", "b.txt"]
    if end == "commit":
        plain = [paper["filename"] for paper in papers]
        change(plain)
        expected = [one if isinstance(one, str) else one["filename"] for one in plain]
    with session.no_autoflush:
        change(user.papers)
        if end in ("expire", "refresh"):
            getattr(session, end)(user)
        else:
            getattr(session, end)()
    session.commit()
    assert committed(session) == [expected]
    assert names(user.papers) == expected
    assert stored() == sorted({"c.txt", "d.txt", *expected})


def test_values_of_an_assignment(session, user):
    one = files.write("c.txt", b"content")
    user.papers = (value for value in [one, {"filename": "d.txt"}, user.papers[1], "/e.txt"])
    session.commit()
    assert names(user.papers) == ["c.txt", "d.txt", "b.txt", "/e.txt"]
    assert stored() == ["b.txt", "c.txt"]
    user.papers = None
    session.commit()
    assert not user.papers
    assert stored() == []


@pytest.mark.parametrize(
    "value", ["a.txt", b"a.txt", {"filename": "a.txt"}, FileReference(files, "a.txt"), upload("a.txt"), content(), 5]
)
def test_one_value_is_no_list(session, user, value):
    with pytest.raises(TypeError, match="assign a list"):
        user.papers = value
    with pytest.raises(TypeError, match="assign a list"):
        user.papers.extend(value)
    session.commit()
    assert names(user.papers) == ["a.txt", "b.txt"]


@pytest.mark.parametrize("value", [None, "", {}, FileReference(files)])
def test_a_list_has_no_empty_references(session, user, value):
    for change in (
        lambda: user.papers.append(value),
        lambda: user.papers.__setitem__(0, value),
        lambda: setattr(user, "papers", ["c.txt", value]),
    ):
        with pytest.raises(ValueError, match="no file"):
            change()
    session.commit()
    assert names(user.papers) == ["a.txt", "b.txt"]


def test_other_values_are_refused(session, user):
    with pytest.raises(TypeError, match="int"):
        user.papers.append(5)
    with pytest.raises(fs.InvalidPath):
        user.papers = ["c.txt", "../d.txt"]
    with pytest.raises(TypeError, match="list"):
        user.cv = ["a.txt"]
    session.commit()
    assert names(user.papers) == ["a.txt", "b.txt"]


def test_a_column_that_had_one_file(session, user):
    user.cv = "c.txt"
    session.commit()
    session.execute(sqlalchemy.text("UPDATE list_users SET more = cv"))
    session.commit()
    assert names(user.more) == ["c.txt"]


# Uploads


def test_uploads_are_stored_by_the_flush(session, user):
    user.papers.append(upload("c.txt"))
    assert user.papers[2].upload.filename == "c.txt"
    assert user.papers[2].original_name == "c.txt"
    assert stored() == ["a.txt", "b.txt"]
    user.papers.insert(0, upload("d.txt"))
    session.flush()
    assert names(user.papers) == ["d.txt", "a.txt", "b.txt", "c.txt"]
    assert not any(paper.upload for paper in user.papers)
    session.commit()
    assert committed(session) == [["d.txt", "a.txt", "b.txt", "c.txt"]]
    user.papers = [upload("e.txt"), user.papers[1]]
    session.commit()
    assert committed(session) == [["e.txt", "a.txt"]]
    assert stored() == ["a.txt", "e.txt"]


def test_uploads_of_a_new_row(session):
    session.add(User(id=1, papers=[upload("a.txt"), upload("b.txt")]))
    session.commit()
    assert committed(session) == [["a.txt", "b.txt"]]
    assert stored() == ["a.txt", "b.txt"]


def test_uploads_that_are_rolled_back(session, user):
    user.papers = [upload("c.txt"), upload("d.txt")]
    session.rollback()
    assert names(user.papers) == ["a.txt", "b.txt"]
    user.papers += [upload("c.txt"), upload("d.txt")]
    session.flush()
    session.rollback()
    assert names(user.papers) == ["a.txt", "b.txt"]
    assert stored() == ["a.txt", "b.txt"]


def test_an_upload_that_leaves_before_the_flush(session, user):
    user.papers.append(upload("c.txt"))
    user.papers.pop()
    user.papers.append(upload("d.txt"))
    user.papers[2] = upload("e.txt")
    user.papers.append(upload("f.txt"))
    user.papers.reverse()
    session.commit()
    assert names(user.papers) == ["f.txt", "e.txt", "b.txt", "a.txt"]
    assert stored() == ["a.txt", "b.txt", "e.txt", "f.txt"]


@pytest.mark.parametrize("is_new", [False, True])
@pytest.mark.parametrize("ended", [False, True], ids=["rollback", "the app goes on"])
def test_one_of_five_uploads_fails(session, user, fail, is_new, ended):
    fail(files, "3.txt")
    row = User(id=2) if is_new else user
    session.add(row)
    before = names(row.papers)
    row.papers = [upload(f"{number}.txt") for number in range(1, 6)]
    with pytest.raises(fs.BackendError):
        session.commit()
    if ended:
        row.papers = before
        session.commit()
    else:
        session.rollback()
    assert stored() == ["a.txt", "b.txt"]
    if is_new and not ended:
        # the row is none of the session's, and can be added again
        assert [paper.upload.filename for paper in row.papers] == [f"{number}.txt" for number in range(1, 6)]
    else:
        assert names(row.papers) == before


def test_a_refused_upload(session, user, app):
    small = fs.Storage("small", fs.IMAGES)
    app.config["SMALL_FS_BACKEND"] = "memory"
    fs.init_app(app, small)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(User.__table__.c.more.type, "fs", small)
        session.expire_all()
        user.more.append(upload("a.txt"))
        with pytest.raises(fs.UnauthorizedFileType):
            session.commit()
        session.rollback()
        assert not user.more


def empty():
    return FileStorage(io.BytesIO(), "")


def test_the_field_of_a_form_in_which_no_file_was_chosen(session, user):
    user.papers = [empty()]
    user.papers.append(empty())
    user.papers.insert(0, empty())
    user.papers.extend([empty()])
    user.papers[0] = empty()
    user.papers[:1] = [empty()]
    session.commit()
    assert names(user.papers) == ["a.txt", "b.txt"]
    user.papers = [empty(), upload("c.txt"), empty()]
    session.commit()
    assert names(user.papers) == ["c.txt"]
    user.papers = []
    session.commit()
    assert names(user.papers) == []


def test_uploads_of_a_form(app, session, user):
    @app.post("/")
    def post():
        user.papers = flask.request.files.getlist("papers")
        session.commit()
        return ""

    def send(*uploads):
        assert app.test_client().post("/", data={"papers": list(uploads)}).status_code == 200

    send((content(), "c.txt"), (content(), "d.txt"))
    assert committed(session) == [["c.txt", "d.txt"]]
    send((io.BytesIO(), ""))
    assert committed(session) == [["c.txt", "d.txt"]]


# Files follow the transaction


def test_save_appends(session, user):
    assert user.papers.save(content(), "c.txt") == "c.txt"
    assert user.papers.save(upload("d.txt")) == "d.txt"
    assert stored() == ["a.txt", "b.txt", "c.txt", "d.txt"]
    session.rollback()
    assert stored() == ["a.txt", "b.txt"]
    assert names(user.papers) == ["a.txt", "b.txt"]
    user.papers.save(content(), "c.txt")
    session.commit()
    assert committed(session) == [["a.txt", "b.txt", "c.txt"]]
    with pytest.raises(fs.FileExists):
        user.papers.save(content(), "c.txt")
    assert names(user.papers) == ["a.txt", "b.txt", "c.txt"]


def test_a_reference_of_the_list_is_changed(session, user):
    user.papers[0].save(content(), "c.txt")
    session.rollback()
    assert (names(user.papers), stored()) == (["a.txt", "b.txt"], ["a.txt", "b.txt"])
    user.papers[0].save(content(), "c.txt")
    user.papers[1].filename = "a.txt"
    session.commit()
    assert committed(session) == [["c.txt", "a.txt"]]
    assert stored() == ["a.txt", "c.txt"]


@pytest.mark.parametrize("clear", [lambda paper: paper.delete(), lambda paper: setattr(paper, "filename", None)])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_references_that_lose_their_files_leave_the_list(session, user, clear, end):
    for paper in user.papers:
        clear(paper)
        assert paper not in user.papers
    assert len(user.papers) == 0
    getattr(session, end)()
    expected = [] if end == "commit" else ["a.txt", "b.txt"]
    assert committed(session) == [expected]
    assert names(user.papers) == expected == stored()


@pytest.mark.parametrize("inner", ["commit", "rollback"])
@pytest.mark.parametrize("outer", ["commit", "rollback"])
def test_savepoints(session, user, inner, outer):
    user.papers.save(content(), "c.txt")
    savepoint = session.begin_nested()
    user.papers.append(upload("d.txt"))
    del user.papers[0]
    getattr(savepoint, inner)()
    assert names(user.papers) == (["b.txt", "c.txt", "d.txt"] if inner == "commit" else ["a.txt", "b.txt", "c.txt"])
    getattr(session, outer)()
    expected = ["a.txt", "b.txt"]
    if outer == "commit":
        expected = ["b.txt", "c.txt", "d.txt"] if inner == "commit" else ["a.txt", "b.txt", "c.txt"]
    assert names(user.papers) == expected == stored()
    assert committed(session) == [expected]


def test_a_row_that_is_deleted(session, user):
    session.delete(user)
    session.flush()
    session.rollback()
    assert stored() == ["a.txt", "b.txt"]
    session.delete(user)
    session.commit()
    assert stored() == []


def test_a_commit_that_fails(session, user):
    other = User(id=2, name="ann", papers=[upload("c.txt")])
    other.papers.save(content(), "d.txt")
    session.add(other)
    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()
    assert stored() == ["a.txt", "b.txt"]
    # what was assigned is still to be stored
    assert [paper.upload.filename for paper in other.papers] == ["c.txt"]
    other.name = "bob"
    other.papers.save(content(), "d.txt")
    session.add(other)
    session.commit()
    assert committed(session) == [["a.txt", "b.txt"], ["c.txt", "d.txt"]]


def test_files_that_are_kept(session):
    user = User(id=1, kept=[upload("a.txt"), upload("b.txt"), upload("c.txt")])
    session.add(user)
    session.commit()
    del user.kept[0]
    session.commit()
    assert stored() == ["a.txt", "b.txt", "c.txt"]
    user.kept[0].delete()
    user.kept.append(upload("d.txt"))
    session.rollback()
    assert stored() == ["a.txt", "b.txt", "c.txt"]
    user.kept[0].delete()
    session.commit()
    assert stored() == ["a.txt", "c.txt"]
    session.delete(user)
    session.commit()
    assert stored() == ["a.txt", "c.txt"]


def test_a_file_that_is_twice_in_the_list(session, user):
    user.papers += ["a.txt", user.papers[0]]
    session.commit()
    assert names(user.papers) == ["a.txt", "b.txt", "a.txt", "a.txt"]
    assert user.papers.files["a.txt"].version == files.version("a.txt")
    user.papers[2].delete()
    user.papers.pop()
    session.commit()
    assert (names(user.papers), stored()) == (["a.txt", "b.txt"], ["a.txt", "b.txt"])
    user.papers.remove("a.txt")
    session.commit()
    assert stored() == ["b.txt"]


def test_the_place_of_one_that_is_twice_in_the_list(session, user):
    user.papers.append("a.txt")
    last = user.papers[2]
    last.filename = "a.txt"
    user.papers.remove(last)
    assert names(user.papers) == ["a.txt", "b.txt"]
    assert user.papers[0] is not last


@pytest.mark.parametrize("again", ["save", "reference", "assign"])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_name_that_is_stored_again(session, user, app, again, end):
    """Each reference to the file then knows its version, or the file could not be deleted."""
    app.config["FILES_FS_OVERWRITE"] = True
    user.papers.append("a.txt")
    session.commit()
    if again == "save":
        user.papers.save(content("again"), "a.txt", overwrite=True)
    elif again == "reference":
        user.papers[1].save(content("again"), "a.txt", overwrite=True)
    else:
        user.papers = [*user.papers, files.write("a.txt", b"again", overwrite=True)]
    getattr(session, end)()
    assert files.read("a.txt") == b"again"
    kept = ["a.txt"] if again == "reference" and end == "commit" else ["a.txt", "b.txt"]
    assert stored() == kept
    user.papers.clear()
    session.commit()
    # what the app itself wrote was not known before the rollback
    assert stored() == (["a.txt"] if (again, end) == ("assign", "rollback") else [])


def test_what_another_stored_under_the_name_stays(session, user):
    files.write("a.txt", b"another's", overwrite=True)
    files.write("b.txt", b"another's", overwrite=True)
    del user.papers[0]
    session.commit()
    session.delete(user)
    session.commit()
    assert files.read("a.txt") == files.read("b.txt") == b"another's"


def test_the_default_belongs_to_all(session):
    files.write("default.txt", b"")
    session.add_all([User(id=1), User(id=2)])
    one, two = session.scalars(select(User).order_by(User.id))
    papers = one.standard
    assert names(papers) == names(two.standard) == ["default.txt"]
    session.commit()
    papers.append(upload("a.txt"))
    session.commit()
    assert committed(session, User.standard) == [["default.txt", "a.txt"], ["default.txt"]]
    one.standard.clear()
    session.delete(two)
    session.commit()
    assert stored() == ["default.txt"]


def test_the_default_if_no_file_was_chosen(session):
    session.add(User(id=1, standard=[empty()]))
    session.commit()
    assert committed(session, User.standard) == [["default.txt"]]


def test_a_list_that_the_app_has_when_the_default_comes(session):
    user = User(id=1)
    standard = user.standard
    session.add(user)
    session.flush()
    assert names(standard) == ["default.txt"]
    assert user.standard is standard


# Moving


def test_between_lists_of_a_row(session, user):
    user.more.append(user.papers.pop(0))
    session.commit()
    assert (names(user.papers), names(user.more)) == (["b.txt"], ["a.txt"])
    user.papers, user.more = user.more, user.papers
    session.commit()
    # as with two lists of Python, but the first assignment has changed what the second reads
    assert stored() == ["a.txt"]


def test_between_rows(session, user):
    other = User(id=2)
    session.add(other)
    paper = user.papers.pop(0)
    other.papers.append(paper)
    other.cv = user.papers[0]
    assert other.papers[0] is paper
    del user.papers[0]
    session.commit()
    assert stored() == ["a.txt", "b.txt"]
    assert committed(session) == [[], ["a.txt"]]
    user.papers = [other.cv, *other.papers]
    other.cv = other.papers = None
    session.commit()
    assert stored() == ["a.txt", "b.txt"]
    assert committed(session) == [["b.txt", "a.txt"], []]


def test_a_move_that_is_rolled_back(session, user):
    other = User(id=2)
    session.add(other)
    session.commit()
    paper = user.papers.pop(0)
    other.papers.append(paper)
    paper.save(content(), "c.txt")
    session.rollback()
    assert stored() == ["a.txt", "b.txt"]
    assert names(user.papers) == ["a.txt", "b.txt"]
    assert names(other.papers) == []
    user.papers[0].save(content(), "d.txt")
    session.commit()
    assert committed(session) == [["d.txt", "b.txt"], []]


def test_a_whole_list_that_another_row_gets(session, user):
    other = User(id=2, papers=user.papers)
    session.add(other)
    assert other.papers is not user.papers
    assert other.papers[0] is not user.papers[0]
    user.papers = None
    session.commit()
    assert stored() == ["a.txt", "b.txt"]
    assert committed(session) == [[], ["a.txt", "b.txt"]]


def test_to_another_storage(session, user):
    user.elsewhere = user.papers
    user.papers = None
    session.commit()
    assert names(user.elsewhere) == ["a.txt", "b.txt"]
    assert (stored(), stored(others)) == ([], [])
    assert "a.txt" in user.elsewhere
    assert FileReference(files, "a.txt") not in user.elsewhere


@pytest.mark.parametrize("change", [lambda paper: paper.save(content(), "c.txt"), lambda paper: paper.delete()])
def test_what_left_the_list_cannot_be_changed(session, user, change):
    paper = user.papers.pop()
    copies = [copy.copy(user.papers[0]), copy.copy(user.papers)[0], copy.deepcopy(user.papers)[0]]
    copies.append(session.scalars(select(User.papers)).one()[0])
    for reference in [paper, *copies]:
        with pytest.raises(TypeError, match="change the reference of the row"):
            change(reference)
    for references in (copy.copy(user.papers), session.scalars(select(User.papers)).one()):
        with pytest.raises(TypeError, match="change the reference of the row"):
            references.append("c.txt")
    session.commit()
    assert committed(session) == [["a.txt"]] == [stored()]


# Sessions


def test_a_list_and_its_references_outlive_the_commit(session, user):
    papers, first = user.papers, user.papers[0]
    session.commit()
    papers.append(upload("c.txt"))
    first.save(content(), "d.txt")
    assert user.papers is papers
    session.commit()
    assert committed(session) == [["d.txt", "b.txt", "c.txt"]]
    assert stored() == ["b.txt", "c.txt", "d.txt"]


def test_what_another_session_appended_is_not_lost(engine, session, user):
    papers, last = user.papers, user.papers[1]
    session.commit()
    with Session(engine) as other:
        other.get(User, 1).papers = ["a.txt", upload("c.txt")]
        other.commit()
    papers.append(upload("d.txt"))
    session.commit()
    assert committed(session) == [["a.txt", "c.txt", "d.txt"]]
    with pytest.raises(TypeError, match="change the reference of the row"):
        last.save(content(), "e.txt")
    assert stored() == ["a.txt", "c.txt", "d.txt"]


STALE = {
    "append": (lambda papers: papers.append("d.txt"), ["a.txt", "b.txt", "c.txt", "d.txt"]),
    "extend": (lambda papers: papers.extend(["d.txt"]), ["a.txt", "b.txt", "c.txt", "d.txt"]),
    "pop": (lambda papers: papers.pop(), ["a.txt", "b.txt"]),
    "remove": (lambda papers: papers.remove("c.txt"), ["a.txt", "b.txt"]),
    "clear": (lambda papers: papers.clear(), []),
    "save": (lambda papers: papers.save(content(), "d.txt"), ["a.txt", "b.txt", "c.txt", "d.txt"]),
}


@pytest.mark.parametrize(("change", "expected"), STALE.values(), ids=STALE)
def test_a_list_that_the_app_kept_is_loaded_before_it_changes(engine, session, user, change, expected):
    papers = user.papers
    session.commit()
    with Session(engine) as other:
        other.get(User, 1).papers.append("c.txt")
        other.commit()
    change(papers)
    session.commit()
    assert committed(session) == [expected]
    assert names(papers) == expected


def test_a_row_that_is_merged_without_loading(session, user):
    assert user.papers
    session.expunge(user)
    merged = session.merge(user, load=False)
    assert merged.papers is not user.papers
    merged.papers.append(upload("c.txt"))
    session.commit()
    assert committed(session) == [["a.txt", "b.txt", "c.txt"]]
    assert names(user.papers) == ["a.txt", "b.txt"]


def test_merged_rows(session, user):
    session.commit()
    twin = User(id=1, name="ann", papers=["a.txt", upload("c.txt")])
    twin.papers.save(content(), "d.txt")
    merged = session.merge(twin)
    session.commit()
    assert committed(session) == [["a.txt", "c.txt", "d.txt"]]
    assert merged.papers is not twin.papers
    assert stored() == ["a.txt", "c.txt", "d.txt"]


def test_a_merge_that_is_rolled_back(session, user):
    twin = User(id=1, name="ann", papers=["a.txt"])
    twin.papers.save(content(), "d.txt")
    session.merge(twin)
    session.rollback()
    assert committed(session) == [["a.txt", "b.txt"]] == [stored()]
    assert names(twin.papers) == ["a.txt"]


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_one_reference_of_a_row_that_is_in_no_session(session, user, end):
    other = User(id=2)
    other.papers.save(content(), "c.txt")
    other.papers.save(content(), "d.txt")
    user.papers.append(other.papers[0])
    getattr(session, end)()
    expected = ["a.txt", "b.txt", *(["c.txt"] if end == "commit" else [])]
    assert committed(session) == [expected]
    assert stored() == [*expected, "d.txt"]
    assert names(other.papers) == (["c.txt", "d.txt"] if end == "commit" else ["d.txt"])


def test_pickled_rows(session, user):
    assert user.papers
    again = pickle.loads(pickle.dumps(user))
    assert names(again.papers) == ["a.txt", "b.txt"]
    session.expunge_all()
    session.add(again)
    papers = again.papers
    papers.save(content(), "c.txt")
    del papers[0]
    session.commit()
    papers.save(content(), "d.txt")
    session.commit()
    assert committed(session) == [["b.txt", "c.txt", "d.txt"]] == [stored()]


def test_a_pickled_list_is_read_only(user):
    again = pickle.loads(pickle.dumps(user.papers))
    assert names(again) == ["a.txt", "b.txt"]
    with pytest.raises(TypeError):
        again.append("c.txt")
    user.more = again
    assert names(user.more) == ["a.txt", "b.txt"]


def test_autoflush(session, user):
    user.papers.append(upload("c.txt"))
    assert session.scalars(select(User.papers)).one().filenames == ["a.txt", "b.txt", "c.txt"]
    assert names(user.papers) == ["a.txt", "b.txt", "c.txt"]


def test_a_row_that_takes_the_place_of_another(session, user):
    session.delete(user)
    session.add(User(id=1, papers=[upload("c.txt")]))
    session.commit()
    assert committed(session) == [["c.txt"]] == [stored()]


def test_a_row_that_is_deleted_and_added_again(session, user):
    assert user.papers
    session.delete(user)
    session.flush()
    make_transient(user)
    session.add(user)
    user.papers.append(upload("c.txt"))
    session.commit()
    assert committed(session) == [["a.txt", "b.txt", "c.txt"]] == [stored()]


def test_a_reference_keeps_its_row(session, user):
    paper = user.papers[0]
    del user
    session.expire_all()
    gc.collect()
    paper.save(content(), "c.txt")
    session.commit()
    assert committed(session) == [["c.txt", "b.txt"]]
    assert stored() == ["b.txt", "c.txt"]


def test_many_changes_are_quick(session, user):
    """Each takes as much memory as the list, at most: a snapshot of it is kept only once."""
    for number in range(300):
        user.papers.append(f"{number}.txt")
    changes = next(iter(session.info["flask_pyfs.changes"].values()))
    assert len(changes.snapshots) == 1
    session.rollback()
    assert names(user.papers) == ["a.txt", "b.txt"]


# Queries

NOT_COMPARED = {
    "==": lambda column: column == "a.txt",
    "== []": lambda column: column == ["a.txt"],
    "!=": lambda column: column != "a.txt",
    "in": lambda column: column.in_(["a.txt"]),
    "contains": lambda column: column.contains("a.txt"),
    "like": lambda column: column.like("a%"),
}


@pytest.mark.parametrize("compare", NOT_COMPARED.values(), ids=NOT_COMPARED)
def test_comparisons_say_what_to_do(compare):
    for column in (User.papers, User.photos):
        with pytest.raises(fs.OperationNotSupported, match="give each file a row of its own"):
            compare(column)


@pytest.mark.server
def test_postgresql_looks_into_lists(postgres_url):
    engine = sqlalchemy.create_engine(postgres_url)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([User(id=1, papers=["a.txt", "b.txt"]), User(id=2, papers=["c.txt"]), User(id=3)])
        session.flush()
        has_b = type_coerce(User.papers, JSONB).contains([{"filename": "b.txt"}])
        assert session.scalars(select(User.id).where(has_b)).all() == [1]
    engine.dispose()


def test_a_list_and_a_single_file_are_two_types():
    one, several = FileType(files), FileType(files, multiple=True)
    assert one._static_cache_key != several._static_cache_key
    assert ImageType(files)._static_cache_key != ImageType(files, multiple=True)._static_cache_key


def test_a_place_of_the_list_is_compared(session, user):
    first = User.papers[0]["filename"].as_string()
    assert session.scalars(select(User).where(first == "a.txt")).one() is user
    assert session.scalars(select(User).where(User.papers.is_not(None), first == "b.txt")).all() == []
