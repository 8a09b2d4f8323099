"""What the doctor and ``flask fs settings`` say of a storage that moves."""

import pytest

import flask_pyfs as fs
from flask_pyfs.doctor import examine
from flask_pyfs.settings import settings_of, unread_settings


@pytest.fixture
def moving(app, tmp_path):
    def moving(**settings):
        """Configure a storage that moves from a directory to another one."""
        app.config.update(
            {
                "FS_ROOT": None,
                "FILES_FS_BACKEND": "migrating",
                "FILES_FS_SOURCE": "local",
                "FILES_FS_TARGET": "local",
                "FILES_FS_SOURCE_ROOT": str(tmp_path / "old"),
                "FILES_FS_TARGET_ROOT": str(tmp_path / "new"),
            },
            **settings,
        )
        fs.init_app(app, storage := fs.Storage("files", fs.ALL))
        return storage

    return moving


def test_both_sides_are_examined(app, moving, tmp_path):
    storage = moving()
    with app.app_context():
        storage.write("a.txt", "content")
    found = list(examine(app, [storage]))
    assert {each.storage for each in found} == {"files"}
    assert [each.message for each in found if each.level == "error"] == []
    probed = {"write", "exclusive", "read", "range", "replace", "delete"}
    for side, root in (("SOURCE", "old"), ("TARGET", "new")):
        told = {each.check: each.message.removeprefix(f"{side}: ") for each in found if each.message.startswith(side)}
        assert probed <= told.keys()
        assert told["root"].startswith(f"the files are in {tmp_path / root}")
    # of both together
    assert [each.message for each in found if each.check == "reach"][-1] == "the store answers and lists"
    with app.app_context():
        assert [list(each.store.walk.files()) for each in (storage.backend.source, storage.backend.target)] == [
            [],
            ["/a.txt"],
        ]


def test_a_finding_names_the_setting_of_its_side(app, moving):
    app.testing = False
    storage = moving(FILES_FS_TARGET="memory", FILES_FS_SOURCE_ROOT=f"{app.static_folder}/x")
    found = {(each.check, each.message.partition(":")[0]): each for each in examine(app, [storage])}
    assert "set FILES_FS_SOURCE_ROOT to a directory outside of the static folder" in found["root", "SOURCE"].message
    assert "set FILES_FS_TARGET to 'local', 's3' or another store" in found["shared", "TARGET"].message
    assert found["settings", "FILES_FS_TARGET_ROOT"].level == "warning"


def test_a_side_that_does_not_answer(app, moving):
    storage = moving(
        FILES_FS_TARGET="s3",
        FILES_FS_TARGET_ENDPOINT="http://127.0.0.1:9",
        FILES_FS_TARGET_ACCESS_KEY="a",
        FILES_FS_TARGET_SECRET_KEY="t0ps3cret",
        FS_S3_RETRIES=0,
    )
    found = list(examine(app, [storage]))
    errors = [each for each in found if each.level == "error"]
    assert {(each.check, each.again) for each in errors} == {("reach", True)}
    assert errors[0].message.startswith("TARGET: ")
    assert not any("t0ps3cret" in each.message for each in found)
    # the other side is examined all the same
    assert any(each.check == "delete" and each.message.startswith("SOURCE: ") for each in found)


def test_the_settings_of_both_sides(app, moving, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage = moving(FILES_FS_SOURCE_ROOT="relative", FILES_FS_TARGET="s3", FS_S3_REGION="eu-west-2")
    with app.app_context():
        found = {each.name: each for each in settings_of(storage)}
        assert [each.key for each in unread_settings(app)] == ["FILES_FS_TARGET_ROOT"]
    assert (found["SOURCE_ROOT"].value, found["SOURCE_ROOT"].key) == (
        str(tmp_path / "relative"),
        "FILES_FS_SOURCE_ROOT",
    )
    # the storage's name, as nothing sets it
    assert (found["TARGET_BUCKET"].value, found["TARGET_BUCKET"].layer) == ("files", 4)
    assert (found["TARGET_REGION"].value, found["TARGET_REGION"].key) == ("eu-west-2", "FS_S3_REGION")
    assert (found["DIRECTION"].value, found["DIRECTION"].layer) == ("forward", 4)


def test_a_target_that_is_not_empty(app, moving, tmp_path):
    storage = moving()
    (tmp_path / "new").mkdir(exist_ok=True)

    def warned():
        return [each.message for each in examine(app, [storage]) if (each.check, each.level) == ("contents", "warning")]

    assert warned() == []
    (tmp_path / "new" / "there.txt").write_bytes(b"of nobody")
    [message] = warned()
    assert "such as 'there.txt': each counts as written by the app" in message
    assert "FILES_FS_TARGET_" in message
