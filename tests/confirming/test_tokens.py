"""What is no token confirms nothing, whatever it looks like."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flask_pyfs as fs
from flask_pyfs.uploads.terms import Terms
from flask_pyfs.web.signing import signed_token

CLAIMS = {"storage": "files", "id": "0" * 32, **Terms("a.txt", unique=True).claims()}


@pytest.fixture
def storage(app):
    storage = fs.Storage("files", fs.ALL)
    app.config.update(FS_BACKEND="memory")
    fs.init_app(app, storage)
    return storage


def signed(app, storage="files", purpose="confirm"):
    return signed_token(app, storage, purpose, CLAIMS)


def test_any_text(app, storage, soak):
    real = signed(app)
    places, letters = st.integers(0, len(real) - 1), st.sampled_from("Aa09-_.=é/")
    changed = st.builds(lambda place, letter: real[:place] + letter + real[place + 1 :], places, letters)
    client = app.test_client()

    @settings(max_examples=10_000 if soak else 25)
    @given(st.one_of(st.text(), changed, places.map(lambda place: real[:place])).filter(lambda token: token != real))
    def check(token):
        with app.app_context(), pytest.raises(fs.NotAuthorized):
            storage.confirm(token)
        # a path has other rules than a token
        assert client.post(f"/-/confirm/{token.replace('?', '').replace('#', '')}").status_code in (308, 403, 404, 405)

    check()
    with app.app_context(), pytest.raises(fs.FileNotFound):
        storage.confirm(real)


@pytest.mark.parametrize(
    "token", [None, 5, True, b"a.b", ["a.b"], {"a": "b"}, "\ud800.x", "a.\udcff", "é.é", "W10.x", ""]
)
def test_what_any_json_may_hold(app, storage, token):
    with app.app_context(), pytest.raises(fs.NotAuthorized):
        storage.confirm(token)


@pytest.mark.parametrize(("of", "purpose"), [("others", "confirm"), ("files", "resumable"), ("files", "upload")])
def test_a_token_of_another_storage_or_for_another_purpose(app, storage, of, purpose):
    with app.app_context(), pytest.raises(fs.NotAuthorized):
        storage.confirm(signed(app, of, purpose))
    assert app.test_client().post(f"/-/confirm/{signed(app, of, purpose)}").status_code == 403


def test_a_token_of_a_former_key(app, storage):
    token = signed(app)
    app.secret_key = "another"
    with app.app_context(), pytest.raises(fs.NotAuthorized):
        storage.confirm(token)
    app.config["SECRET_KEY_FALLBACKS"] = ["secret"]
    with app.app_context(), pytest.raises(fs.FileNotFound):
        storage.confirm(token)
