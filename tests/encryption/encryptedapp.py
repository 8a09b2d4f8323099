"""An app with an encrypted storage, for gunicorn."""

import json
import os

import flask

import flask_pyfs as fs

files = fs.Storage("files", fs.ALL)
app = flask.Flask("encryptedapp")
app.config.update(json.loads(os.environ["ENCRYPTED"]))
fs.init_app(app, files)
