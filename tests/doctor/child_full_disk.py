"""Fill a small disk, and print what the doctor says of it. Argument: the directory where it is mounted."""

import sys
from contextlib import suppress
from pathlib import Path

import flask

import flask_pyfs as fs
from flask_pyfs.doctor import examine

directory = Path(sys.argv[1])
app = flask.Flask("app", instance_path=str(directory), static_folder=None)
app.config["FILES_FS_ROOT"] = str(directory / "files")
storage = fs.Storage("files")
fs.init_app(app, storage)
with suppress(OSError):
    (directory / "large").write_bytes(b"x" * (3 << 20))
    for number in range(100):
        (directory / str(number)).write_bytes(b"x" * (32 << 10))
for finding in examine(app):
    if finding.storage and finding.level not in ("ok", "skipped"):
        print(finding.check, finding.message)
