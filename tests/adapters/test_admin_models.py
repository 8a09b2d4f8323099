"""StorageModelView: models with files in Flask-Admin, for SQLAlchemy and mongoengine."""

import html
import io
import re
from contextlib import closing
from typing import Any

import mongoengine
import pytest
import sqlalchemy as sa
from flask_admin import Admin
from flask_admin.contrib.mongoengine import ModelView as DocumentView
from flask_admin.contrib.sqla import ModelView
from flask_admin.form import SecureForm
from flask_sqlalchemy import SQLAlchemy
from PIL import Image
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from templates import COMPILED, found_in

import flask_pyfs as fs
from flask_pyfs.admin import StorageModelView
from flask_pyfs.mongo import FileField, ImageField
from flask_pyfs.sqlalchemy import FileType, ImageType


def picture(format="PNG", colour="teal"):
    file = io.BytesIO()
    Image.new("RGB", (200, 150), colour).save(file, format)
    return file.getvalue()


PNG, RED = picture(), picture(colour="red")

avatars = fs.Storage("avatars", fs.IMAGES)
papers = fs.Storage("papers", ["txt", "pdf"])


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class User(db.Model):  # type: ignore[name-defined]
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20), unique=True)
    avatar = mapped_column(ImageType(avatars, max_size=150, thumbnails=[50, 100]), nullable=True)
    cv = mapped_column(FileType(papers, upload_to="cv"), nullable=False)
    notes = relationship("Note", back_populates="user", cascade="all, delete-orphan")


class Note(db.Model):  # type: ignore[name-defined]
    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(20), nullable=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id"))
    user = relationship(User, back_populates="notes")
    paper = mapped_column(FileType(papers, upload_to="notes"), nullable=True)


class UserDocument(mongoengine.Document):
    name = mongoengine.StringField(unique=True, required=True, max_length=20)
    avatar = ImageField(fs=avatars, max_size=150, thumbnails=[50, 100], remove_files=True)
    cv = FileField(fs=papers, upload_to="cv", required=True, remove_files=True)


class Rows:
    """The users in a database of SQLAlchemy."""

    view_class = ModelView

    arguments = (User, db)

    def __init__(self, app):
        self.app = app
        app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
        db.init_app(app)
        with app.app_context():
            db.create_all()

    def all(self):
        db.session.expire_all()
        return list(db.session.scalars(db.select(User).order_by(User.name)))

    def rename(self, name):
        """Give the file of each user another name in the database alone."""
        db.session.execute(sa.update(User.__table__).values(cv={"filename": name}))
        db.session.commit()

    def close(self):
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()


class Documents:
    """The users in MongoDB."""

    view_class = DocumentView
    arguments = (UserDocument,)

    def all(self):
        return list(UserDocument.objects.order_by("name"))

    def rename(self, name):
        """Give the file of each user another name in the database alone."""
        UserDocument._get_collection().update_many({}, {"$set": {"cv.filename": name}})

    def close(self):
        UserDocument.drop_collection()


@pytest.fixture(params=["sqlalchemy", pytest.param("mongoengine", marks=pytest.mark.server)])
def users(request, app):
    found: Any
    if request.param == "sqlalchemy":
        found = Rows(app)
    else:
        request.getfixturevalue("mongoengine_database")
        found = Documents()
    yield found
    found.close()


class Site:
    """The admin, as a person uses it in a browser without scripts."""

    def __init__(self, app, users, **attributes):
        self.users = users
        view = type("UserView", (StorageModelView, users.view_class), attributes)
        app.jinja_env.bytecode_cache = COMPILED
        Admin(app).add_view(view(*users.arguments, endpoint="users"))
        self.client = app.test_client()

    def page(self, path=""):
        answer = self.client.get(f"/admin/users/{path}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, path, **form):
        sent = {
            name: (io.BytesIO(value[0]), value[1]) if isinstance(value, tuple) else value
            for name, value in form.items()
        }
        return self.client.post(f"/admin/users/{path}", data=sent, follow_redirects=True)

    def errors(self, answer):
        return [html.unescape(text) for text in re.findall(r"<li>([^<]*)</li>", answer.text)]

    def alerts(self, answer):
        found = re.findall(r'<div class="alert.*?</button>(.*?)</div>', answer.text, re.DOTALL)
        return [html.unescape(text).strip() for text in found]

    def edit(self, **form):
        (user,) = self.users.all()
        return self.post(f"edit/?id={user.id}", name=user.name, **form)

    def edit_page(self):
        (user,) = self.users.all()
        return self.page(f"edit/?id={user.id}")


def stored():
    return sorted([*avatars.list_files(), *papers.list_files()])


@pytest.fixture
def site(app, users):
    """A function that makes the admin."""
    app.config.update(FS_BACKEND="memory")
    fs.init_app(app, avatars, papers)

    def make(**attributes):
        return Site(app, users, **attributes)

    with app.app_context():
        yield make


ALL_FILES = ["cv/cv.txt", "me-100.png", "me-50.png", "me-original.png", "me.png"]


def test_a_record_through_its_life(site, users):
    made = site()
    made.post("new/", name="Ann", avatar=(PNG, "me.png"), cv=(b"a life", "cv.txt"))
    (ann,) = users.all()
    assert (
        (ann.avatar.filename, ann.avatar.original_name) == ("me.png", "me.png")
        if users.view_class is ModelView
        else True
    )
    assert (ann.cv.filename, ann.cv.read()) == ("cv/cv.txt", b"a life")
    assert stored() == ALL_FILES

    page = made.edit_page()
    assert '<img src="/avatars/me-100.png"' in page
    assert 'href="/papers/cv/cv.txt"' in page
    assert 'name="avatar-delete"' in page
    assert 'name="cv-delete"' not in page
    assert 'accept=".txt,.pdf"' in page

    made.edit()
    assert stored() == ALL_FILES

    made.edit(cv=(b"another life", "cv2.txt"))
    (ann,) = users.all()
    assert (ann.cv.read(), ann.avatar.filename) == (b"another life", "me.png")
    assert stored() == ["cv/cv2.txt", *ALL_FILES[1:]]

    made.edit(**{"avatar-delete": "y", "cv-delete": "y"})
    (ann,) = users.all()
    assert not ann.avatar
    assert ann.cv
    assert stored() == ["cv/cv2.txt"]
    assert 'name="avatar-delete"' not in made.edit_page()

    # an upload wins over the box
    made.edit(avatar=(RED, "red.png"))
    made.edit(avatar=(PNG, "teal.png"), **{"avatar-delete": "y"})
    (ann,) = users.all()
    assert ann.avatar.filename == "teal.png"
    assert stored() == ["cv/cv2.txt", "teal-100.png", "teal-50.png", "teal-original.png", "teal.png"]

    assert '<img src="/avatars/teal-100.png"' in made.page()
    assert 'href="/papers/cv/cv2.txt"' in made.page()
    made.post("delete/", id=str(ann.id))
    assert users.all() == []
    assert stored() == []


WRONG = [
    ({"avatar": (b"text", "me.png")}, "The file is not what its name says: its content is not that of a png file."),
    ({"avatar": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "me.svg")}, "The file is not an image."),
    ({"avatar": (PNG[:-30], "me.png")}, "The image is damaged, or incomplete."),
    ({"cv": (b"x", "cv.exe")}, "Only txt and pdf files are accepted."),
    ({"cv": (b"", "")}, "This field is required."),
    ({"cv": None}, "This field is required."),
    ({"name": ""}, "This field is required."),
    ({"name": "x" * 21}, None),
]


@pytest.mark.parametrize(("wrong", "sentence"), WRONG)
def test_nothing_is_stored_if_a_field_is_wrong(site, users, wrong, sentence):
    made = site()
    right = {"name": "Ann", "avatar": (PNG, "me.png"), "cv": (b"a life", "cv.txt")}
    answer = made.post("new/", **{name: value for name, value in {**right, **wrong}.items() if value is not None})
    said = made.errors(answer)
    assert sentence in said if sentence else any("20" in each for each in said)
    assert users.all() == []
    assert stored() == []


class Logo(db.Model):  # type: ignore[name-defined]
    __tablename__ = "logo"
    id: Mapped[int] = mapped_column(primary_key=True)
    image = mapped_column(ImageType(avatars), nullable=True)


class Logos(Rows):
    arguments = (Logo, db)


@pytest.mark.parametrize("optimizes", [True, False])
def test_a_column_that_optimizes_by_the_setting_takes_only_images_that_are_read(app, optimizes):
    app.config.update(FS_BACKEND="memory", FS_IMAGES_OPTIMIZE=optimizes)
    fs.init_app(app, avatars, papers)
    with closing(Logos(app)) as logos, app.app_context():
        made = Site(app, logos)
        answer = made.post("new/", image=(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "me.svg"))
        assert made.errors(answer) == (["The file is not an image."] if optimizes else [])
        assert list(avatars.list_files()) == ([] if optimizes else ["me.svg"])
        assert "Record was successfully created." in answer.text or optimizes


def test_nothing_is_stored_and_nothing_lost_if_the_database_refuses(site, users):
    made = site()
    made.post("new/", name="Ann", cv=(b"a life", "cv.txt"))
    answer = made.post("new/", name="Ann", avatar=(PNG, "me.png"), cv=(b"b", "b.txt"))
    assert made.alerts(answer) or made.errors(answer)
    assert len(users.all()) == 1
    assert stored() == ["cv/cv.txt"]
    made.edit(avatar=(PNG, "me.png"))
    assert stored() == ALL_FILES


def test_a_name_that_is_taken_is_said_in_a_sentence(site, users):
    made = site()
    papers.write("cv/cv.txt", "of others")
    answer = made.post("new/", name="Ann", avatar=(PNG, "me.png"), cv=(b"a life", "cv.txt"))
    assert made.alerts(answer) == ["There is already a file with this name. Choose another name."]
    assert users.all() == []
    assert stored() == ["cv/cv.txt"]
    assert papers.read("cv/cv.txt") == b"of others"


def test_a_store_that_fails_is_said_without_its_host(site, users, monkeypatch, caplog):
    made = site()

    def failing(*arguments, **options):
        raise fs.BackendError("no route to db1.internal:9000", storage="papers")

    monkeypatch.setattr(papers, "save", failing)
    answer = made.post("new/", name="Ann", cv=(b"a life", "cv.txt"))
    assert made.alerts(answer) == ["The file cannot be read or stored at the moment. Try again later."]
    assert "db1.internal" in caplog.text


def test_private_files_are_shown_by_signed_urls(app, site, users):
    app.config.update(AVATARS_FS_PRIVATE=True, PAPERS_FS_PRIVATE=True)
    fs.init_app(app, avatars, papers)
    made = site()
    made.post("new/", name="Ann", avatar=(PNG, "me.png"), cv=(b"a life", "cv.txt"))
    for page in (made.page(), made.edit_page()):
        urls = [html.unescape(url) for url in re.findall(r'(?:src|href)="(/(?:avatars|papers)/[^"]*)"', page)]
        assert len(urls) == 3
        for url in urls:
            assert made.client.get(url).status_code == 200
            assert made.client.get(url.partition("?")[0]).status_code == 403


def test_the_names_of_clients_are_text(site, users):
    made = site()
    made.post("new/", name="Ann", cv=(b"a life", "<img src=x onerror=alert(1)>.txt"))
    assert len(users.all()) == 1
    for page in (made.page(), made.edit_page()):
        assert "<img src=x" not in page


@pytest.mark.parametrize("name", ["../<b>.txt", ".flask_pyfs/<b>.txt", "a\0/<b>.txt"])
def test_a_name_that_no_file_can_have_breaks_no_page(site, users, name):
    made = site()
    made.post("new/", name="Ann", cv=(b"a life", "cv.txt"))
    users.rename(name)
    for page in (made.page(), made.edit_page()):
        assert "&lt;b&gt;.txt" in page
        assert "/papers/" not in page
    made.edit(cv=(b"another life", "new.txt"))
    (ann,) = users.all()
    assert ann.cv.filename == "cv/new.txt"


def test_a_list_is_edited_filtered_searched_sorted_and_exported(site, users):
    made = site(
        column_editable_list=["name"],
        column_searchable_list=["name"],
        column_filters=["name"],
        can_export=True,
        can_view_details=True,
    )
    made.post("new/", name="Ann", avatar=(PNG, "me.png"), cv=(b"a life", "cv.txt"))
    made.post("new/", name="Bob", cv=(b"a life", "bob.txt"))
    ann, _ = users.all()
    answer = made.post("ajax/update/", list_form_pk=str(ann.id), name="Anna")
    assert answer.status_code == 200
    assert [(user.name, user.cv.filename) for user in users.all()] == [("Anna", "cv/cv.txt"), ("Bob", "cv/bob.txt")]
    assert stored() == ["cv/bob.txt", *ALL_FILES]
    assert "bob.txt" not in made.page("?search=Anna")
    assert "bob.txt" not in made.page("?flt1_0=Anna")
    assert "bob.txt" in made.page("?sort=0&desc=1")
    assert '<img src="/avatars/me-100.png"' in made.page(f"details/?id={ann.id}")
    export = made.client.get("/admin/users/export/csv/").text
    assert "cv/cv.txt" in export
    assert "<" not in export


def test_a_list_cannot_edit_a_file(site):
    with pytest.raises(fs.ConfigurationError, match=r"'cv' is a file.*column_editable_list"):
        site(column_editable_list=["name", "cv"])


def test_the_options_of_flask_admin_for_fields_apply(site, users):
    made = site(
        form_columns=["cv", "name"],
        form_args={"cv": {"label": "Your life", "description": "In a page"}},
        form_widget_args={"cv": {"class": "mine", "data-x": "y"}},
        column_formatters={"cv": lambda view, context, model, name: "formatted here"},
    )
    page = made.page("new/")
    assert "Your life" in page
    assert "In a page" in page
    assert 'data-x="y"' in page
    assert 'name="avatar"' not in page
    made.post("new/", name="Ann", cv=(b"a life", "cv.txt"))
    assert "formatted here" in made.page()


def test_the_browser_demands_a_file_only_where_there_is_none(site, users):
    made = site()
    assert re.search(r'<input[^>]* name="cv"[^>]* required', made.page("new/"))
    made.post("new/", name="Ann", cv=(b"a life", "cv.txt"))
    assert not re.search(r'<input[^>]* name="cv"[^>]* required', made.edit_page())


def test_a_forged_form_stores_nothing(site, users):
    made = site(form_base_class=SecureForm)
    made.post("new/", name="Ann", cv=(b"a life", "cv.txt"))
    assert stored() == []
    token = found_in(made.page("new/"), r'name="csrf_token"[^>]*value="([^"]+)"')
    made.post("new/", name="Ann", cv=(b"a life", "cv.txt"), csrf_token=token)
    assert stored() == ["cv/cv.txt"]


def test_a_converter_of_the_app_stays(site, users):
    own = type("Own", (users.view_class.model_form_converter,), {})
    made = site(model_form_converter=own)
    assert 'type="file"' in made.page("new/")


@pytest.mark.parametrize("users", ["sqlalchemy"], indirect=True)
def test_inline_models(site, users):
    made = site(inline_models=[Note])
    page = made.page("new/")
    assert "paper" in page
    files = {"notes-0-paper": (b"one", "one.txt"), "notes-1-paper": (b"two", "two.txt")}
    titles = {"notes-0-id": "", "notes-0-title": "One", "notes-1-id": "", "notes-1-title": "Two"}
    wrong = {**files, "notes-1-paper": (b"two", "two.exe")}
    answer = made.post("new/", name="Ann", cv=(b"a life", "cv.txt"), **titles, **wrong)
    assert "Only txt and pdf files are accepted." in made.errors(answer)
    assert stored() == []
    made.post("new/", name="Ann", cv=(b"a life", "cv.txt"), **titles, **files)
    assert stored() == ["cv/cv.txt", "notes/one.txt", "notes/two.txt"]
    one, two = sorted(users.all()[0].notes, key=lambda note: note.title)
    assert 'href="/papers/notes/one.txt"' in made.edit_page()
    kept = {"notes-0-id": str(one.id), "notes-0-title": "One", "notes-1-id": str(two.id), "notes-1-title": "Two"}
    made.edit(**kept, **{"notes-0-paper-delete": "y", "notes-1-paper": (b"new", "new.txt")})
    assert stored() == ["cv/cv.txt", "notes/new.txt"]
    made.edit(**kept, **{"del-notes-1": "on"})
    assert stored() == ["cv/cv.txt"]
    assert [note.title for note in users.all()[0].notes] == ["One"]


@pytest.mark.parametrize("users", ["sqlalchemy"], indirect=True)
def test_a_mixin_of_the_app_between_them(app, site, users):
    class Mixin(StorageModelView):
        page_size = 5

    class View(Mixin, ModelView):
        pass

    Admin(app, endpoint="other", url="/other").add_view(View(*users.arguments, endpoint="others"))
    assert 'type="file"' in app.test_client().get("/other/others/new/").text
