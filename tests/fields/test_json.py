"""References in JSON, by whichever provider the app has."""

# mypy: disable-error-code="override"

import datetime
import functools
import io
import json
from decimal import Decimal

import flask
import pytest
from flask.json.provider import DefaultJSONProvider, JSONProvider
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.fields.file import FileReference
from flask_pyfs.fields.image import ImageReference
from flask_pyfs.fields.settings import FileSettings, ImageSettings
from flask_pyfs.mongo import FileField, ImageField

papers = fs.Storage("papers", fs.ALL)
CV = {
    "filename": "cv.pdf",
    "url": "/papers/cv.pdf",
    "size": 2,
    "content_type": "application/pdf",
    "original_name": "Bericht 2026.pdf",
}


class Money(DefaultJSONProvider):
    """A provider of the app, with a function of its own."""

    sort_keys = False

    @staticmethod
    def default(value):
        return f"{value} €" if isinstance(value, Decimal) else DefaultJSONProvider.default(value)


class Bound(DefaultJSONProvider):
    def default(self, value):
        return "set" if isinstance(value, set) else super().default(value)


class Other(JSONProvider):
    """A provider that does not use the one of Flask, as those for orjson do."""

    def default(self, value):
        raise TypeError(f"no {type(value).__name__}")

    def dumps(self, obj, **options):
        return json.dumps(obj, default=self.default)

    def loads(self, text, **options):
        return json.loads(text)


PROVIDERS = [DefaultJSONProvider, Money, Bound, Other]


@pytest.fixture
def app(tmp_path):
    app = flask.Flask("tests", instance_path=str(tmp_path))
    app.config.update(FS_BACKEND="memory", FS_SERVE=True, SECRET_KEY="secret")
    return app


@pytest.fixture(params=PROVIDERS)
def provider(request):
    return request.param


@pytest.fixture(params=["before", "after"])
def cv(request, app, provider):
    """A reference in an app that got its provider before or after init_app."""
    if request.param == "before":
        app.json = provider(app)
    fs.init_app(app, papers)
    if request.param == "after":
        app.json = provider(app)
    reference = FileReference(FileSettings(papers))
    with app.app_context():
        reference.save(FileStorage(io.BytesIO(b"cv"), "Bericht 2026.pdf"), "cv.pdf")
    return reference


def test_wherever_they_are(app, cv):
    empty = ImageReference(ImageSettings(papers))

    @app.get("/")
    def show():
        return flask.jsonify(cv=cv, users=[{"name": "ann", "cv": cv}, {"avatar": empty}])

    @app.get("/one")
    def one():
        return flask.jsonify(cv)

    @app.get("/dict")
    def plain():
        return {"cv": cv}

    client = app.test_client()
    assert client.get("/").json == {"cv": CV, "users": [{"name": "ann", "cv": CV}, {"avatar": None}]}
    assert client.get("/one").json == CV
    assert client.get("/dict").json == {"cv": CV}
    with app.test_request_context():
        assert json.loads(flask.json.dumps([cv, empty])) == [CV, None]
        assert json.loads(flask.render_template_string("{{ cv|tojson }}", cv=cv)) == CV


def test_other_values_are_written_as_before(app, cv, provider):
    fs.init_app(app, papers)
    with app.app_context():
        if provider is Other:
            with pytest.raises(TypeError, match="no Decimal"):
                flask.json.dumps(Decimal(5))
            return
        assert flask.json.loads(flask.json.dumps(Decimal(5))) == ("5 €" if provider is Money else "5")
        assert "2026" in flask.json.dumps(datetime.date(2026, 1, 2))
        if provider is Bound:
            assert flask.json.dumps(set()) == '"set"'
        with pytest.raises(TypeError, match="object"):
            flask.json.dumps(object())


def test_flask_itself_and_other_apps_stay_as_they_are(app):
    fs.init_app(app, papers)
    other = flask.Flask("other")
    with other.app_context(), pytest.raises(TypeError):
        flask.json.dumps(FileReference(FileSettings(papers)))


def test_a_provider_without_default(app):
    class Bare(JSONProvider):
        def dumps(self, obj, **options):
            return json.dumps(obj, default=lambda value: value.to_json())

        def loads(self, text, **options):
            return json.loads(text)

    app.json = Bare(app)
    fs.init_app(app, papers)
    with app.app_context():
        assert flask.json.dumps(FileReference(FileSettings(papers))) == "null"


def test_a_provider_whose_default_cannot_be_replaced(app):
    class Fixed(DefaultJSONProvider):
        default = property(lambda self: DefaultJSONProvider.default)

    app.json = Fixed(app)
    fs.init_app(app, papers)
    with app.app_context():
        assert flask.json.dumps(5) == "5"


def test_a_function_around_the_one_of_the_package(app, cv):
    @functools.wraps(app.json.default)
    def default(value):
        return "set" if isinstance(value, set) else DefaultJSONProvider.default(value)

    app.json.default = default
    for _ in range(2):
        with app.app_context():
            assert json.loads(flask.json.dumps([cv, set()])) == [CV, "set"]


def test_an_image(app, draw):
    fs.init_app(app, papers)
    avatar = ImageReference(ImageSettings(papers, thumbnails=[50]))
    avatar.save(draw(), "a.png")
    with app.app_context():
        assert flask.json.loads(flask.json.dumps(avatar)) == {
            "filename": "a.png",
            "url": "/papers/a.png",
            "size": len(avatar.read()),
            "content_type": "image/png",
            "original_name": None,
        }


def test_a_document(app):
    import mongoengine

    class Member(mongoengine.Document):
        cv = FileField(fs=papers)
        avatar = ImageField(fs=papers)

    fs.init_app(app, papers)
    member = Member()
    member.cv.save(FileStorage(io.BytesIO(b"cv"), "Bericht 2026.pdf"), "cv.pdf")
    with app.app_context():
        assert flask.json.loads(flask.json.dumps({"cv": member.cv, "avatar": member.avatar})) == {
            "cv": CV,
            "avatar": None,
        }
