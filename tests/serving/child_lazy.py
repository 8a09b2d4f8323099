"""Ask for the thumbnail that a URL names, when told to.

Arguments: the settings of the app, as JSON; the URL. Each line that is read tells to go on; each that is written tells
what happens: "ready", "waiting" for another, "rendering", and the answer as JSON.
"""

import hashlib
import json
import sys
import time
from types import SimpleNamespace

import flask

import flask_pyfs as fs
from flask_pyfs.leases import once as leases
from flask_pyfs.renditions import lazy, making


def tell(event):
    print(event, flush=True)


def sleep(seconds):
    tell("waiting")
    time.sleep(seconds)


def render(source, **options):
    tell("rendering")
    sys.stdin.readline()
    return rendered(source, **options)


rendered = making.render
setattr(lazy, "render", render)  # noqa: B010
setattr(leases, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))  # noqa: B010

app = flask.Flask("tests")
app.config.update(json.loads(sys.argv[1]))
fs.init_app(app, fs.Storage("avatars", fs.IMAGES))
tell("ready")
sys.stdin.readline()
with app.test_client().get(sys.argv[2]) as response:
    tell(json.dumps([response.status_code, hashlib.sha256(response.data).hexdigest()]))
