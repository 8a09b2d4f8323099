"""The settings that the page on encryption shows as classes, which its own test only defines."""

import sys
from pathlib import Path

import flask
import pytest

sys.path.append(str(Path(__file__).parents[1]))

from pages import TOP, blocks

import flask_pyfs as fs

SHOWN = {}
for _, code in blocks(TOP / "docs" / "encryption.rst"):
    if code.startswith("class "):
        # that moment is at most a week ahead once the page is read
        exec(code.replace("2026-", "2025-"), SHOWN)
CLASSES = [each for name, each in SHOWN.items() if isinstance(each, type)]


@pytest.mark.parametrize("settings", CLASSES, ids=lambda each: each.__name__)
def test_init_app_takes_them(settings, tmp_path):
    app = flask.Flask(__name__, instance_path=str(tmp_path))
    app.config.from_object(settings)
    fs.init_app(app, fs.Storage("records"))


def test_no_storage_is_left_out_of_a_key_for_all(tmp_path):
    app = flask.Flask(__name__, instance_path=str(tmp_path))
    app.config.update(FS_BACKEND="memory", FS_ENCRYPTION_KEYS=SHOWN["Encrypting"].RECORDS_FS_ENCRYPTION_KEYS)
    for none in ("", []):
        app.config["RECORDS_FS_ENCRYPTION_KEYS"] = none
        with pytest.raises(fs.ConfigurationError, match="RECORDS_FS_ENCRYPTION_KEYS must be a list of keys"):
            fs.init_app(app, fs.Storage("records"))
    app.config["RECORDS_FS_ENCRYPTION_KEYS"] = None
    records = fs.Storage("records")
    fs.init_app(app, records)
    with app.app_context():
        records.write("a", b"content")
        assert records.backend.bare.read_file("a") != b"content"
