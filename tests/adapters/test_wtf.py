"""The fields of Flask-WTF check an upload as its storage would, and store nothing."""

import io

import flask
import pytest
import sqlalchemy as sa
from flask_wtf import FlaskForm
from flask_wtf.file import FileAllowed, FileField, FileRequired
from PIL import Image
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from werkzeug.datastructures import FileStorage, MultiDict
from wtforms import FieldList, StringField
from wtforms.validators import DataRequired, InputRequired, Optional, ValidationError

import flask_pyfs as fs
from flask_pyfs.sqlalchemy import FileType
from flask_pyfs.wtf import (
    MultipleStorageFileField,
    MultipleStorageImageField,
    StorageFileField,
    StorageImageField,
)


def picture(format="PNG", size=(40, 30)):
    file = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(file, format)
    return file.getvalue()


PNG, JPEG = picture(), picture("JPEG")
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
# the header is whole, and something inside is not
DAMAGED = PNG[:300] + b"\0" * 60 + PNG[360:]


def upload(content, name):
    return FileStorage(io.BytesIO(content), filename=name, name="file")


@pytest.fixture
def storage(app):
    """A function that makes a storage in memory from its extensions and settings."""
    app.config.update(FS_BACKEND="memory", WTF_CSRF_ENABLED=False)

    def make(extensions=fs.ALL, kind=fs.Storage, **settings):
        made = kind("papers", extensions)
        app.config.update({f"PAPERS_FS_{key}": value for key, value in settings.items()})
        fs.init_app(app, made)
        return made

    with app.test_request_context(method="POST"):
        yield make


def form_of(unbound, *uploads, obj=None, **values):
    class Form(FlaskForm):
        file = unbound
        title = StringField()

    data = MultiDict([("file", each) for each in uploads])
    data.update(values)
    return Form(data, obj=obj)


def errors_of(unbound, *uploads):
    form = form_of(unbound, *uploads)
    assert form.validate() == (not form.errors)
    return form.errors.get("file", [])


class Strict(fs.Storage):
    def file_allowed(self, file, basename):
        # reads what a form gives it
        return super().file_allowed(file, basename) and b"secret" not in file.read()


REFUSALS = {
    "extension": ({"extensions": ["jpg", "png"]}, b"text", "a.txt", "Only jpg and png files are accepted."),
    "no extension": ({"extensions": ["jpg"]}, b"text", "notes", "Only jpg files are accepted."),
    "DENY inside": (
        {"DENY": ["php"]},
        b"text",
        "shell.PHP.txt",
        "The name of the file must not contain .php. Rename the file.",
    ),
    "nothing allowed": ({"extensions": fs.NONE}, b"text", "a.txt", "No files can be uploaded here."),
    "size": ({"MAX_SIZE": 3}, b"text", "a.txt", "The file is too large: it may have 3 bytes at most."),
    "content": (
        {"VERIFY": True},
        b"text",
        "a.pdf",
        "The file is not what its name says: its content is not that of a pdf file.",
    ),
    "empty": ({"VERIFY": True}, b"", "a.txt", "The file is empty."),
    "script": ({"VERIFY": True}, b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", "a.svg", None),
    "pixels": (
        {"extensions": fs.IMAGES, "IMAGES_MAX_PIXELS": 100},
        PNG,
        "a.png",
        "The image has too many pixels: it may have 100 at most.",
    ),
    "no letter": ({}, b"text", "???", "The name of the file has no letter and no digit. Rename the file."),
    "device": ({"extensions": ["png"]}, PNG, "../../etc/passwd", "Only png files are accepted."),
    "method of the app": ({"kind": Strict}, b"a secret", "a.txt", "This file is not accepted."),
}


@pytest.mark.parametrize(("made", "content", "name", "sentence"), REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("kind", [StorageFileField, MultipleStorageFileField])
def test_what_save_refuses_is_an_error_of_the_field(storage, kind, made, content, name, sentence):
    papers = storage(**made)
    with pytest.raises(fs.FSError) as refused:
        papers.save(upload(content, name))
    sent = upload(content, name)
    (said,) = errors_of(kind(papers), sent)
    assert said.endswith(refused.value.user_message)
    assert sentence is None or said.endswith(sentence)
    assert sent.tell() == 0
    assert list(papers.list_files()) == []


ACCEPTED = {
    "image": ({"extensions": fs.IMAGES}, PNG, "me.PNG"),
    "renamed": ({"extensions": fs.IMAGES, "VERIFY_RENAME": True}, JPEG, "me.png"),
    "empty": ({}, b"", "a.txt"),
    "largest": ({"MAX_SIZE": 4}, b"text", "a.txt"),
    "other script": ({"extensions": ["jpg"]}, JPEG, "фото.jpg"),
    "ALLOW": ({"extensions": fs.NONE, "ALLOW": ["txt"]}, b"text", "a.txt"),
    "reads": ({"kind": Strict}, b"public", "a.txt"),
    "SVG": ({"extensions": ["svg"], "VERIFY": True}, SVG, "a.svg"),
}


@pytest.mark.parametrize(("made", "content", "name"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_save_takes_is_valid(storage, made, content, name):
    papers = storage(**made)
    sent = upload(content, name)
    form = form_of(StorageFileField(papers), sent)
    assert form.validate()
    assert form.file.data is sent
    assert sent.tell() == 0
    assert list(papers.list_files()) == []
    assert papers.read(papers.save(sent)) == content


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (b"text", "a.txt", "The file is not an image."),
        (b"%PDF-1.7", "a.png", "The file is not an image."),
        (SVG, "a.svg", "The file is not an image."),
        (DAMAGED, "a.png", "The image is damaged, or incomplete."),
        (JPEG[:-40], "a.jpg", "The image is damaged, or incomplete."),
    ],
)
@pytest.mark.parametrize("kind", [StorageImageField, MultipleStorageImageField])
def test_an_image_field_takes_images_only_also_where_the_storage_verifies_nothing(
    storage, kind, content, name, sentence
):
    papers = storage()
    assert errors_of(StorageFileField(papers), upload(content, name)) == []
    (said,) = errors_of(kind(papers), upload(content, name))
    assert said.endswith(sentence)
    assert errors_of(kind(papers), upload(PNG, "a.png")) == []


def test_an_image_field_holds_the_limits_of_images(storage):
    wide = io.BytesIO()
    Image.new("1", (2000, 1000)).save(wide, "PNG")
    sent = upload(wide.getvalue(), "a.png")
    papers = storage(IMAGES_MAX_PIXELS=1_000_000)
    assert errors_of(StorageImageField(papers), sent) == [
        "The image has too many pixels: it may have 1,000,000 at most."
    ]


def test_an_image_field_holds_the_limits_that_columns_hold(storage, app):
    papers, sent = storage(), upload(PNG, "a.png")
    assert errors_of(StorageImageField(papers), sent) == []
    app.config["PAPERS_FS_IMAGES_MAX_PIXELS"] = 10
    assert errors_of(StorageImageField(papers), sent) == ["The image has too many pixels: it may have 10 at most."]
    app.config["PAPERS_FS_IMAGES_MAX_PIXELS"] = None
    assert errors_of(StorageImageField(papers), sent) == []


def test_each_refused_file_of_several_is_named(storage):
    papers = storage(["png"])
    sent = [upload(PNG, "a.png"), upload(b"", r"C:\notes\b.txt"), upload(b"", "<i>.php")]
    form = form_of(MultipleStorageFileField(papers), *sent)
    assert not form.validate()
    assert form.file.errors == ["b.txt: Only png files are accepted.", "<i>.php: Only png files are accepted."]
    assert "<i>" not in flask.render_template_string(
        "{% for error in form.file.errors %}{{ error }}{% endfor %}", form=form
    )
    assert form.file.data == sent


def test_other_validators_run_after_the_storage_and_may_read_the_file(storage):
    said = []

    def reads(form, field):
        said.append(field.data.read())
        raise ValidationError("never")

    papers = storage(["txt"])
    sent = upload(b"text", "a.txt")
    form = form_of(StorageFileField(papers, "File", [reads]), sent)
    assert not form.validate()
    assert not form.validate()
    assert form.errors == {"file": ["never"]}
    assert said == [b"text", b"text"]
    assert sent.tell() == 0
    assert errors_of(StorageFileField(papers, "File", [reads]), upload(b"", "a.php")) == [
        "Only txt files are accepted."
    ]
    assert len(said) == 2


@pytest.mark.parametrize("kind", [StorageFileField, StorageImageField, MultipleStorageFileField])
@pytest.mark.parametrize("required", [FileRequired, InputRequired])
def test_a_form_without_a_file(storage, kind, required):
    papers = storage()
    nothing = upload(b"", "")
    for sent in ([], [nothing], [""]):
        assert errors_of(kind(papers), *sent) == []
        assert errors_of(kind(papers, validators=[Optional()]), *sent) == []
        assert errors_of(kind(papers, validators=[required()]), *sent) == ["This field is required."]
    assert errors_of(kind(papers, validators=[required()]), upload(PNG, "a.png")) == []


class Row:
    file = "a name"
    title = ""


@pytest.mark.parametrize("validators", [[], [Optional()], [FileRequired()], [InputRequired()]])
@pytest.mark.parametrize("kind", [StorageFileField, MultipleStorageFileField])
def test_a_form_that_sends_names_alone_is_told_of(storage, kind, validators):
    assert errors_of(kind(storage(), validators=validators), "me.png") == [
        'The file itself was not sent: its form needs enctype="multipart/form-data".'
    ]


@pytest.mark.parametrize("kind", [StorageFileField, MultipleStorageFileField])
@pytest.mark.parametrize("given", [None, Row()])
def test_populate_obj_assigns_the_upload_and_leaves_the_rest_alone(storage, kind, given):
    papers = storage()
    row = Row()
    form = form_of(kind(papers), obj=given, title="new")
    assert form.validate()
    form.populate_obj(row)
    assert (row.file, row.title) == ("a name", "new")
    sent = upload(b"text", "a.txt")
    form = form_of(kind(papers), sent, obj=given)
    assert form.validate()
    form.populate_obj(row)
    assert row.file in (sent, [sent])


def test_an_error_of_the_store_is_no_error_of_the_field(storage):
    class Broken(fs.Storage):
        def file_allowed(self, file, basename):
            raise fs.BackendError("down")

    with pytest.raises(fs.BackendError):
        form_of(StorageFileField(storage(kind=Broken)), upload(b"", "a.txt")).validate()


@pytest.mark.parametrize(
    ("kind", "made", "accept"),
    [
        (StorageFileField, {"extensions": ["jpg", "png"]}, ".jpg,.png"),
        (StorageFileField, {"extensions": ["JPG"], "ALLOW": ["pdf"], "DENY": ["jpg"]}, ".pdf"),
        (StorageFileField, {"extensions": fs.AllExcept(fs.EXECUTABLES)}, None),
        (StorageFileField, {"extensions": fs.NONE}, None),
        (StorageImageField, {"extensions": ["png", "svg", "pdf"]}, ".png"),
        (StorageImageField, {"extensions": fs.ALL}, "image/*"),
        (MultipleStorageFileField, {"extensions": {"txt"}}, ".txt"),
    ],
)
def test_the_input_says_what_the_storage_takes(storage, kind, made, accept):
    field = form_of(kind(storage(**made))).file
    html = str(field())
    assert field.accept == accept
    assert (f'accept="{accept}"' in html) if accept else ("accept" not in html)
    assert 'type="file"' in html
    assert ("multiple" in html) == (kind is MultipleStorageFileField)
    assert 'accept="image/*"' in field(accept="image/*")


def test_an_accept_of_the_app_wins(storage):
    field = form_of(StorageFileField(storage(["png"]), render_kw={"accept": ".gif", "class": "big"})).file
    assert 'accept=".gif"' in field()
    assert 'class="big"' in field()


def test_file_allowed_of_flask_wtf_takes_a_storage(storage):
    papers = storage(["jpg"], ALLOW=["pdf"], DENY=["php"])
    allowed = FileField(validators=[FileAllowed(papers, "no")])
    for name in ("a.jpg", "A.JPG", "b.pdf"):
        assert errors_of(allowed, upload(b"", name)) == []
    for name in ("a.txt", "a", "x.php.jpg", ".jpg", "jpg"):
        assert errors_of(allowed, upload(b"", name)) == ["no"]


def test_the_storage_comes_first(storage):
    papers = storage()
    with pytest.raises(TypeError, match=r"'file' needs its storage as the first argument, not str"):
        form_of(StorageFileField("File", papers))  # type: ignore[arg-type]


def test_a_list_of_fields(storage):
    papers = storage(["png"])

    class Form(FlaskForm):
        files = FieldList(StorageFileField(papers))

    form = Form(MultiDict({"files-0": upload(PNG, "a.png"), "files-1": upload(b"", "b.txt")}))
    assert not form.validate()
    assert form.errors == {"files": [[], ["Only png files are accepted."]]}


def test_through_a_request(app, storage):
    papers = storage(fs.IMAGES)

    class Form(FlaskForm):
        photo = StorageImageField(papers, validators=[FileRequired()])

    @app.post("/")
    def send():
        form = Form()
        return papers.save(form.photo.data) if form.validate_on_submit() else (form.errors, 422)

    client = app.test_client()
    assert client.post("/", data={"photo": (io.BytesIO(PNG), "me.png")}).text == "me.png"
    assert papers.read("me.png") == PNG
    answer = client.post("/", data={"photo": (io.BytesIO(PNG), "me.gif")})
    assert answer.json == {"photo": ["The file is not what its name says: its content is not that of a gif file."]}
    assert client.post("/", data={"photo": (io.BytesIO(b""), "")}).json == {"photo": ["This field is required."]}


class Base(DeclarativeBase):
    pass


cvs = fs.Storage("cvs", ["txt"])


class Person(Base):
    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)
    cv = mapped_column(FileType(cvs), nullable=True)


@pytest.fixture
def session(app, storage):
    fs.init_app(app, cvs)
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


class PersonForm(FlaskForm):
    cv = StorageFileField(cvs)


class PlainForm(FlaskForm):
    cv = FileField(validators=[FileAllowed(cvs)])


@pytest.mark.parametrize("form_class", [PersonForm, PlainForm])
def test_populate_obj_stores_with_the_commit(session, form_class):
    person = Person()
    session.add(person)
    for content, name in ((b"one", "one.txt"), (b"two", "two.txt")):
        form = form_class(MultiDict({"cv": upload(content, name)}), obj=person)
        assert form.validate()
        assert len(list(cvs.list_files())) < 2
        form.populate_obj(person)
        session.commit()
        assert (person.cv.read(), person.cv.original_name) == (content, name)
        assert list(cvs.list_files()) == [name]
    # without another file, a form of the row keeps the one that there is
    form = form_class(MultiDict(), obj=person)
    assert form.validate()
    form.populate_obj(person)
    session.commit()
    assert person.cv.filename == "two.txt"


def test_a_form_that_does_not_know_the_row_keeps_the_file_too(session):
    person = Person(cv=upload(b"one", "one.txt"))
    session.add(person)
    session.commit()
    form = PersonForm(MultiDict())
    form.populate_obj(person)
    session.commit()
    assert person.cv.filename == "one.txt"
    # the field of Flask-WTF alone has None then
    PlainForm(MultiDict()).populate_obj(person)
    session.commit()
    assert not person.cv


def test_a_field_whose_row_has_a_file_is_not_required_again(session):
    class Form(FlaskForm):
        cv = StorageFileField(cvs, validators=[DataRequired()])

    person = Person(cv=upload(b"one", "one.txt"))
    session.add(person)
    session.commit()
    assert Form(MultiDict(), obj=person).validate()
    assert not Form(MultiDict(), obj=Person()).validate()
