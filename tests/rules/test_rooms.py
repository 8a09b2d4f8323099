"""Storage hands work to rooms above it, each of which may be missing."""

import pytest

import flask_pyfs as fs
from flask_pyfs import rooms


def test_a_room_is_imported_by_its_name():
    assert rooms.room("testing", "files").__name__ == "flask_pyfs.testing"


def test_a_room_that_is_missing_is_not_supported():
    with pytest.raises(
        fs.OperationNotSupported, match=r"^storage 'files' cannot do this without flask_pyfs\.cellar"
    ) as raised:
        rooms.room("cellar", "files")
    assert raised.value.storage == "files"


@pytest.mark.parametrize(
    ("missing", "error"),
    [
        ("flask_pyfs.adapters.cellar", fs.OperationNotSupported),
        ("wine", ModuleNotFoundError),
        (None, ModuleNotFoundError),
    ],
)
def test_only_a_part_of_this_package_counts_as_a_room(monkeypatch, missing, error):
    def import_module(path):
        raise ModuleNotFoundError("No module", name=missing)

    monkeypatch.setattr(rooms, "import_module", import_module)
    with pytest.raises(error):
        rooms.room("cellar", "files")
