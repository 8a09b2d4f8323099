"""An app whose workers tell who they are, so that a test can kill the one that takes an upload."""

from __future__ import annotations

import json
import os
from pathlib import Path

import flask

import flask_pyfs as fs
from flask_pyfs import unfinished

settings = json.loads(os.environ["UPLOADS"])
unfinished.upload.SILENCE = settings["silence"]

files = fs.Storage("files", fs.ALL)
app = flask.Flask("killedapp")
app.config.update(SECRET_KEY="the same in each worker", **settings["config"])
fs.init_app(app, files)
files.last_state.backend.bare.piece_size = settings["size"]


@app.before_request
def tell() -> None:
    if flask.request.method == "PATCH":
        # the test may read it at any moment
        part = Path(f"{settings['worker']}-{os.getpid()}")
        part.write_text(str(os.getpid()))
        part.replace(settings["worker"])


@app.get("/begin/<name>")
def begin(name: str) -> str:
    return files.resumable_url(name, expires=600, unique=False).url
