import socket

import flask
import pytest

pytest.register_assert_rewrite("flask_pyfs.testing")


def pytest_addoption(parser):
    parser.addoption("--soak", action="store_true", help="run the long tests at their full size")


@pytest.fixture
def soak(request):
    """Whether the long tests run at their full size."""
    return request.config.getoption("--soak")


@pytest.fixture
def app(tmp_path):
    app = flask.Flask("tests", instance_path=str(tmp_path / "instance"))
    app.config.update(FS_ROOT=str(tmp_path / "root"), FS_SERVE=True, SECRET_KEY="secret")
    return app


@pytest.fixture
def unused_port():
    """A port of this machine that nothing listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        yield server.getsockname()[1]
