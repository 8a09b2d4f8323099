"""Apps with one storage, for uploads."""

import flask

import flask_pyfs as fs


def open_files(settings, tmp_path, **options):
    """Return an app, and its storage ``files``."""
    app, storage = flask.Flask("tests", instance_path=str(tmp_path / "instance")), fs.Storage("files", fs.ALL)
    app.config.update(SECRET_KEY="secret", FS_ROOT=str(tmp_path / "root"))
    app.config.update({f"FILES_FS_{key}": value for key, value in {**settings, **options}.items()})
    fs.init_app(app, storage)
    return app, storage
