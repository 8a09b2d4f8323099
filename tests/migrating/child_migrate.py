"""Migrates a storage, and kills itself when some names are done: ``child_migrate.py SETTINGS NAMES``, in JSON.

With 0 names, it runs to the end. It prints what is missing then.
"""

import json
import os
import signal
import sys

from load import open_storage

from flask_pyfs.migration import migrate

settings, left = map(json.loads, sys.argv[1:])


def count(event):
    global left
    left -= event.kind != "planned"
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)


report = migrate(open_storage(settings)[0], on_event=count)
print(json.dumps({"missing": report.missing, "failures": [str(event.error) for event in report.failures]}))
