"""Syncs two sides, and prints a byte for each file that is done: ``child_sync.py SOURCE TARGET``, both in JSON.

A side is the path of a directory, or the settings of a storage.
"""

import json
import os
import sys

from load import open_storage

from flask_pyfs.transfer import sync


def main(*sides):
    opened = [side if isinstance(side, str) else open_storage(side)[0] for side in map(json.loads, sides)]
    report = sync(*opened, on_event=lambda event: os.write(1, b".") if event.kind in ("copied", "replaced") else None)
    os.write(1, b"!" if not report.failed else repr(report.failures).encode())


main(*sys.argv[1:])
