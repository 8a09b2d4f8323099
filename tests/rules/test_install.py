"""What importing the package costs and gives."""

import importlib
import subprocess
import sys

import pytest

import flask_pyfs as fs


def run(code, *options):
    return subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True)


def test_importing_warns_of_nothing():
    done = run("import flask_pyfs", "-W", "error")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_importing_leaves_the_filters_of_warnings_alone():
    done = run("import warnings; before = warnings.filters[:]; import flask_pyfs; assert warnings.filters == before")
    assert done.returncode == 0, done.stderr


def test_importing_loads_nothing_that_only_some_need():
    heavy = ["boto3", "botocore", "fs_s3fs", "pymongo", "gridfs", "swiftclient", "PIL", "mongoengine", "sqlalchemy"]
    heavy += [
        "cryptography",
        "flask_pyfs.encryption",
        "flask_pyfs.backends.encrypted",
        "flask_pyfs.filesystems.encrypted",
    ]
    heavy += ["pytest", "pkg_resources", "setuptools", "packaging", "defusedxml", "xml.sax"]
    heavy += ["concurrent.futures", "subprocess", "urllib.request", "ftplib", "tarfile"]
    code = "import sys, flask; before = set(sys.modules); import flask_pyfs; "
    done = run(code + f"print([name for name in {heavy} if name in set(sys.modules) - before])")
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("module", ["wtf", "admin", "fsspec", "pytest_plugin"])
def test_an_adapter_needs_no_other_extra(module):
    others = ["boto3", "pymongo", "swiftclient", "PIL", "mongoengine", "sqlalchemy"]
    others += {"wtf": ["flask_admin", "fsspec"], "admin": ["fsspec"]}.get(module, ["wtforms", "flask_wtf"])
    done = run(f"import sys; sys.modules.update(dict.fromkeys({others})); import flask_pyfs.{module}")
    assert done.returncode == 0, done.stderr


WITHOUT_BOTO3 = """
import sys
sys.modules["boto3"] = sys.modules["fs_s3fs"] = None
import flask
import flask_pyfs as fs
app = flask.Flask("app")
app.config.update(FS_S3_BUCKET="b", AVATARS_FS_BUCKET="b", AVATARS_FS_BACKEND="memory", FILES_FS_BACKEND="s3")
fs.init_app(app, fs.Storage("avatars"))
try:
    fs.init_app(app, fs.Storage("files"))
except fs.ConfigurationError as error:
    print(error)
"""


def test_the_settings_of_a_backend_are_known_without_its_driver():
    done = run(WITHOUT_BOTO3)
    assert done.stderr == ""
    assert "pip install 'flask_pyfs[s3]'" in done.stdout


WITHOUT_CRYPTOGRAPHY = """
import sys
sys.modules["cryptography"] = None
import flask
import flask_pyfs as fs
app = flask.Flask("app")
app.config.update(FS_BACKEND="memory")
fs.init_app(app, fs.Storage("files"))
app.config.update(FILES_FS_ENCRYPTION_KEYS="A" * 43 + "=")
try:
    fs.init_app(app, fs.Storage("files"))
except fs.ConfigurationError as error:
    print(error)
"""


def test_only_keys_need_the_extra_for_encryption():
    done = run(WITHOUT_CRYPTOGRAPHY)
    assert done.stderr == ""
    assert done.stdout.startswith("FILES_FS_ENCRYPTION_KEYS: flask_pyfs.encryption needs cryptography: pip install")
    assert "pip install 'flask_pyfs[encryption]'" in done.stdout
    assert "A" * 43 not in done.stdout


def test_the_names_of_flask_fs():
    names = [
        "Storage",
        "init_app",
        "by_name",
        "BaseBackend",
        "DEFAULT_BACKEND",
        "TEXT",
        "DOCUMENTS",
        "IMAGES",
        "AUDIO",
        "DATA",
        "SCRIPTS",
        "ARCHIVES",
        "EXECUTABLES",
        "DEFAULTS",
        "ALL",
        "NONE",
        "All",
        "AllExcept",
        "DisallowAll",
        "FSError",
        "FileExists",
        "FileNotFound",
        "UnauthorizedFileType",
        "UploadNotAllowed",
        "OperationNotSupported",
        "InvalidPath",
        "ConfigurationError",
        "PermissionDenied",
        "BackendError",
    ]
    assert set(names) <= set(fs.__all__)
    assert all(hasattr(fs, name) for name in fs.__all__)
    modules = {
        "files": ["extension", "lower_extension", "mime"],
        "errors": ["FSError"],
        "signals": ["file_uploaded", "file_deleted", "before_display"],
        "storage": ["Storage", "Config"],
        "backends": ["BaseBackend", "DEFAULT_BACKEND"],
        "backends.local": ["LocalBackend"],
        "backends.memory": ["MemoryBackend"],
        "backends.mock": ["MockBackend"],
        "backends.s3": ["S3Backend"],
    }
    for module, names in modules.items():
        found = importlib.import_module(f"flask_pyfs.{module}")
        assert all(hasattr(found, name) for name in names)


def test_a_backend_is_made_of_a_name_and_settings(tmp_path):
    from flask_pyfs.backends.local import LocalBackend
    from flask_pyfs.storage import Config

    backend = LocalBackend("test", Config({"root": str(tmp_path)}))
    backend.write("d/a.txt", "content")
    assert backend.root == str(tmp_path)
    assert backend.read("d/a.txt") == b"content"
    assert list(backend.list_files()) == ["d/a.txt"]
