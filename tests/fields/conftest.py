import io

import pytest
from PIL import Image
from servers.postgres import new_schema, postgres, postgres_from_environment
from sqlalchemy.orm import Session

import flask_pyfs as fs


@pytest.fixture
def storage(configure_storage):
    """A storage in memory that takes all files."""
    return configure_storage("files", {"BACKEND": "memory"})


@pytest.fixture
def draw():
    """Draw an image and return it as a file."""

    def draw(width=300, height=200, colour="red", format="PNG"):
        file = io.BytesIO()
        Image.new("RGB", (width, height), colour).save(file, format)
        file.seek(0)
        return file

    return draw


@pytest.fixture
def size_of():
    """Return the width and the height of a stored image."""

    def size_of(storage, name):
        with storage.open(name, "rb") as file, Image.open(file) as image:
            return image.size

    return size_of


@pytest.fixture
def fail(monkeypatch):
    """Let a storage fail to save files with a certain part in their names."""

    def fail(storage, part):
        for method in ("save", "write", "replace_version"):
            real = getattr(storage.backend, method)

            def failing(*arguments, real=real, **options):
                if any(isinstance(argument, str) and part in argument for argument in arguments):
                    raise fs.BackendError("out of order")
                return real(*arguments, **options)

            monkeypatch.setattr(storage.backend, method, failing)

    return fail


@pytest.fixture
def session(engine):
    """A session of SQLAlchemy on the database of the test module."""
    with Session(engine) as session:
        yield session


@pytest.fixture(scope="session")
def postgres_url(share):
    """The URL of an empty schema of PostgreSQL, on the server that the environment names or that of the tests."""
    # its directory is not one of pytest
    with new_schema(postgres_from_environment() or share("postgres", lambda _: postgres())) as url:
        yield url
