"""An app that takes uploads that survive interruptions, for servers."""

from __future__ import annotations

import os
from typing import Any

import flask

import flask_pyfs as fs

files = fs.Storage("files", fs.ALL)


def make_app(root: str, **settings: Any) -> flask.Flask:
    app = flask.Flask("uploadsapp")
    app.config.update(SECRET_KEY="the same in each worker", FILES_FS_ROOT=root, FS_SERVE=True, **settings)
    fs.init_app(app, files)
    app.add_url_rule("/begin/<path:name>", view_func=begin)
    return app


def begin(name: str) -> str:
    size = flask.request.args.get("max_size", type=int)
    return files.resumable_url(name, expires=600, unique=False, overwrite=True, max_size=size).url


if "UPLOADS_ROOT" in os.environ:
    app = make_app(os.environ["UPLOADS_ROOT"])
