"""What is imported when an app starts: it is most of the time that the start takes, and of the memory of a worker."""

import json
import subprocess
import sys

CODE = """
import importlib.metadata, json, sys
import flask
asked = []
entry_points = importlib.metadata.entry_points
importlib.metadata.entry_points = lambda **group: asked.append(group) or entry_points(**group)
before = set(sys.modules)
import flask_pyfs as fs
imported = set(sys.modules)
kinds, settings = json.loads(sys.argv[1])
app = flask.Flask("app")
app.config.update(settings, **{f"S{number}_FS_BACKEND": kind for number, kind in enumerate(kinds)})
fs.init_app(app, *(fs.Storage(f"s{number}") for number in range(len(kinds))))
print(json.dumps([sorted(imported - before), sorted(set(sys.modules) - imported), asked]))
"""

# nobody listens there
SETTINGS = {
    "FS_S3_ENDPOINT": "http://127.0.0.1:1",
    "FS_GRIDFS_MONGO_URL": "mongodb://127.0.0.1:1/",
    "FS_GRIDFS_MONGO_DB": "files",
    "FS_SWIFT_AUTHURL": "http://127.0.0.1:1/auth/v1.0",
    "FS_SWIFT_AUTH_VERSION": "1",
    "FS_SWIFT_USER": "user",
    "FS_SWIFT_KEY": "key",
}

DRIVERS = {"boto3", "botocore", "pymongo", "gridfs", "swiftclient", "keystoneauth1", "PIL", "mongoengine", "sqlalchemy"}


def imported_by(root, *kinds, **settings):
    """Return the modules that are imported with the package, after Flask, those with ten storages of some kinds, and
    for which groups the metadata of all installed packages are read.
    """
    job = json.dumps([kinds * (10 // len(kinds)), settings | {"FS_ROOT": str(root)}])
    found = subprocess.run([sys.executable, "-c", CODE, job], stdout=subprocess.PIPE, check=True, cwd=root)
    return json.loads(found.stdout)


def test_the_package_imports_no_driver_and_few_modules(tmp_path):
    package, storages, groups = imported_by(tmp_path, "local")
    assert not DRIVERS & {*package, *storages}
    assert len(package) <= 100, package
    assert len(storages) <= 24, storages
    # the more packages there are, the longer it takes
    assert groups == []


def test_storages_of_all_kinds_import_their_drivers_and_few_modules(tmp_path):
    _, storages, _ = imported_by(tmp_path, "local", "memory", "s3", "gridfs", "swift", **SETTINGS)
    assert set(storages) & DRIVERS == {"boto3", "botocore", "pymongo", "swiftclient", "keystoneauth1"} & set(storages)
    assert len([name for name in storages if name.startswith("flask_pyfs")]) <= 87
    # those of the drivers, and of what they have installed beside them
    assert len(storages) <= 800, len(storages)
