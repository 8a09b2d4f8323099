"""Two apps that answer in one request keep their secrets apart."""

import flask
import pytest
from werkzeug.test import EnvironBuilder

import flask_pyfs as fs


@pytest.fixture
def apps(tmp_path):
    files = fs.Storage("files")
    apps = []
    for name in ("one", "other"):
        app = flask.Flask(name, instance_path=str(tmp_path / name))
        app.config.update(FS_SERVE=True, SECRET_KEY=f"the key of {name}", FILES_FS_PRIVATE=True)
        fs.init_app(app, files)
        apps.append(app)
    with apps[1].app_context():
        files.write("a.txt", b"a secret of the other")
    return files, *apps


def test_a_signature_of_one_app_opens_nothing_of_another(apps):
    files, one, other = apps
    with one.app_context():
        forged = files.url("a.txt", expires=60)
    with other.app_context():
        signed = files.url("a.txt", expires=60)

    def ask(url):
        # one environment, as with a middleware that asks one app after the other
        environ = EnvironBuilder(url).get_environ()
        statuses = []
        for app in (one, other):
            with app.request_context(environ):
                response = app.full_dispatch_request()
            statuses.append(response.status_code)
            response.close()
        return statuses

    assert ask(forged) == [404, 403]
    assert ask(signed) == [403, 200]
