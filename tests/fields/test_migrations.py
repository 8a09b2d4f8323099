"""Migrations that Alembic and Flask-Migrate generate for columns of files."""

import inspect
import subprocess
import sys

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations import Operations
from databases import sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

import flask_pyfs as fs
from flask_pyfs.sqlalchemy import FileType, ImageType, file_column, render_item

files = fs.Storage("files", fs.ALL)
MODES = [{}, {"render_item": render_item}]
IDS = ["by itself", "render_item"]


class Base(DeclarativeBase):
    pass


class OwnType(FileType):
    """A type of an app."""


class Paper(Base):
    __tablename__ = "migrated"
    id: Mapped[int] = mapped_column(primary_key=True)
    file = file_column(FileType(files, upload_to=lambda row: "x"), nullable=False)
    image = file_column(ImageType(files, thumbnails=[50]), index=False)
    own = file_column(OwnType(files))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def url(request, tmp_path):
    return f"sqlite:///{tmp_path}/database" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.mark.parametrize("options", MODES, ids=IDS)
def test_a_generated_migration_creates_the_columns(url, options):
    engine = sqlite(url) if url.startswith("sqlite") else sqlalchemy.create_engine(url)
    only_ours = {"include_object": lambda item, name, kind, reflected, other: kind != "table" or name == "migrated"}
    Base.metadata.drop_all(engine)
    with engine.begin() as connection:
        migrations = MigrationContext.configure(connection, opts={"compare_type": True, **only_ours})
        operations = produce_migrations(migrations, Base.metadata).upgrade_ops
        assert operations is not None
        code = render_python_code(operations, **options)
        assert "Storage" not in code
        assert "flask_pyfs" not in code
        # what the template of Alembic imports, and what render_item does
        namespace = {"sa": sqlalchemy, "op": Operations(migrations)}
        if options:
            namespace["postgresql"] = sqlalchemy.dialects.postgresql
        exec(inspect.cleandoc(code), namespace)
        assert compare_metadata(migrations, Base.metadata) == []
        columns = sqlalchemy.inspect(connection).get_columns("migrated")
    kind = "JSON" if url.startswith("sqlite") else "JSONB"
    assert [type(column["type"]).__name__ for column in columns[1:]] == [kind] * 3
    assert [column["nullable"] for column in columns[1:]] == [False, True, True]
    Base.metadata.drop_all(engine)
    engine.dispose()


def test_other_things_are_left_to_alembic():
    class Other(UserDefinedType[str]):
        pass

    for kind, item in (("type", Other()), ("server_default", None), ("table", Paper.__table__)):
        assert render_item(kind, item, None) is False


APP = """
import glob
import io

import flask
import flask_migrate
import flask_pyfs as fs
import flask_sqlalchemy
import sys
from flask_pyfs.sqlalchemy import FileType, ImageType, file_column, render_item
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.datastructures import FileStorage

url, directory, is_rendered = sys.argv[1:]


class Base(DeclarativeBase):
    pass


papers = fs.Storage("papers", fs.ALL)
db = flask_sqlalchemy.SQLAlchemy(model_class=Base)


class Paper(db.Model):
    __tablename__ = "papers"
    id: Mapped[int] = mapped_column(primary_key=True)
    file = file_column(FileType(papers))
    cover = file_column(ImageType(papers, thumbnails=[50]), nullable=False)


app = flask.Flask("app")
app.config.update(FS_BACKEND="memory", SQLALCHEMY_DATABASE_URI=url)
fs.init_app(app, papers)
db.init_app(app)
flask_migrate.Migrate(app, db, **({"render_item": render_item} if is_rendered == "yes" else {}))
with app.app_context():
    flask_migrate.init(directory)
    flask_migrate.migrate(directory, "papers")
    flask_migrate.upgrade(directory)
    # finds no difference
    flask_migrate.migrate(directory, "nothing")
    assert len(glob.glob(f"{directory}/versions/*.py")) == 1
    db.session.add(Paper(file=FileStorage(io.BytesIO(b"text"), "a.txt"), cover="cover.png"))
    db.session.commit()
    assert Paper.query.one().file.read() == b"text"
    db.session.remove()
    flask_migrate.downgrade(directory)
    with db.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    db.engine.dispose()
"""


@pytest.mark.slow
@pytest.mark.parametrize("is_rendered", ["no", "yes"], ids=IDS)
def test_flask_migrate(url, is_rendered, tmp_path):
    (tmp_path / "app.py").write_text(APP)
    command = [sys.executable, "app.py", url, str(tmp_path / "migrations"), is_rendered]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
