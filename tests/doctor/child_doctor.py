"""Examine an app again and again, each time in a forked process, until standard input ends.

Each line of it is a line of JSON: the settings of a storage, and the number of the call of the system with the probe,
or of the command of MongoDB, at which the process kills itself; 0 for never. The process id of the one that examines is
printed, and then how it ended.
"""

import json
import os
import signal
import sys

import flask
from pymongo import monitoring

import flask_pyfs as fs
from flask_pyfs.doctor import examine

# what a client makes at first takes long
import boto3.s3.inject  # isort: skip  # noqa: F401

left = 0


def count(event, arguments):
    global left
    if left and any(isinstance(each, str) and ".flask_pyfs" in each for each in arguments):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)


class Commands(monitoring.CommandListener):
    def started(self, event):
        count(event.command_name, [".flask_pyfs"])

    def succeeded(self, event):
        pass

    failed = succeeded


monitoring.register(Commands())


def run(settings, calls):
    global left
    app = flask.Flask("app", static_folder=None)
    app.config.update({f"FILES_FS_{key}": value for key, value in settings.items()}, SECRET_KEY="x" * 32, FS_SERVE=True)
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    left = calls
    sys.addaudithook(count)
    found = list(examine(app))
    left = 0
    os._exit(any(each.level == "error" for each in found))


for line in sys.stdin:
    settings, calls = json.loads(line)
    child = os.fork()
    if not child:
        try:
            run(settings, calls)
        finally:
            os._exit(2)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
