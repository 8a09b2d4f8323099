"""Right setups, of which the doctor has nothing to say; and what it asks of each store."""

import pytest

# which warnings are documented, and which checks are skipped
EXPECTED = {
    "local": ([], {"content-type", "signed-url", "signed-upload", "cors"}),
    "memory": (["shared"], {"content-type", "signed-url", "signed-upload", "cors"}),
    # its server obeys headers that nobody has signed
    "s3-moto": (["signed-copy"], {"cors"}),
    # its server knows neither forms nor If-Match
    "s3-swift": (["signed-upload", "log"], {"cors"}),
    "swift": ([], {"signed-url", "signed-upload", "cors"}),
    # nothing tells whom else its server lets in
    "gridfs": ([], {"reserved", "signed-url", "signed-upload", "cors"}),
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_right_setup(kind, app, configured, findings, request):
    storage = configured(kind)
    with app.app_context():
        storage.write("mine.txt", b"of the app")
    found = findings()
    warned, skipped = EXPECTED[kind]
    assert [each for each in found.values() if each.level == "error"] == []
    assert [each.check for each in found.values() if each.level == "warning"] == warned
    assert {each.check for each in found.values() if each.level == "skipped"} == skipped
    with app.app_context():
        assert storage.read("mine.txt") == b"of the app"
        assert list(storage.list_files()) == ["mine.txt"]
        assert storage.backend.remove_leftovers(-60) == 0


def test_a_right_app(app, configured, findings):
    configured("local")
    found = findings(None)
    assert {each.check: each.level for each in found.values()} == {
        "settings": "ok",
        "debug": "ok",
        "secret-key": "ok",
        "restart": "skipped",
    }
