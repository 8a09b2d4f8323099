"""What is stored is what its extension says, wherever it comes in."""

import io

import pytest
from drawn import MODES, drawn
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.uploads import content as verify

EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "AVIF": "avif", "BMP": "bmp", "TIFF": "tif"}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
HOSTILE_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><rect/></svg>'


CONTENT = {
    **{ext: drawn(name, MODES[name][1]) for name, ext in EXTENSIONS.items()},
    "svg": SVG,
    "txt": b"some text",
    "html": b"<!DOCTYPE html><html><script>alert(1)</script></html>",
}


@pytest.fixture
def storage(app):
    def storage(extensions=fs.ALL, **settings):
        made = fs.Storage("pictures", extensions)
        app.config.update({f"PICTURES_FS_{key}": value for key, value in settings.items()})
        fs.init_app(app, made)
        return made

    app.config["FS_BACKEND"] = "memory"
    return storage


@pytest.mark.parametrize("ext", CONTENT)
@pytest.mark.parametrize("content", CONTENT)
def test_every_content_under_every_extension(storage, ext, content):
    pictures = storage(VERIFY=True)
    file = io.BytesIO(CONTENT[content])
    # these are text in fact
    fits = ext == content or (ext in ("txt", "html") and content in ("txt", "html", "svg"))
    if fits:
        assert pictures.read(pictures.save(file, f"a.{ext}")) == CONTENT[content]
    else:
        with pytest.raises(fs.UnauthorizedFileType) as caught:
            pictures.save(file, f"a.{ext}")
        assert caught.value.path == f"a.{ext}"
        assert caught.value.storage == "pictures"
        assert not list(pictures.list_files())
    assert not file.closed


@pytest.mark.parametrize("ext", ["jpg", "jpe", "jpeg", "JPG"])
def test_other_names_of_a_format(storage, ext):
    assert storage(VERIFY=True).save(io.BytesIO(CONTENT["jpg"]), f"a.{ext}") == f"a.{ext}"


@pytest.mark.parametrize(
    ("extensions", "settings", "verified"),
    [
        (fs.IMAGES, {}, True),
        ([*fs.IMAGES, "webp", "avif", ".TIFF"], {}, True),
        ("jpg png", {}, True),
        (fs.IMAGES, {"ALLOW": ["txt"]}, True),
        (fs.NONE, {"ALLOW": ["png"]}, True),
        (fs.NONE, {"ALLOW": ["txt"]}, False),
        (fs.NONE, {}, False),
        (fs.ALL, {"ALLOW": ["png"]}, False),
        (fs.AllExcept(["exe"]), {"ALLOW": ["png"]}, False),
        (fs.DEFAULTS, {}, False),
        (fs.ALL, {}, False),
        (fs.AllExcept(["exe"]), {}, False),
        (fs.IMAGES, {"VERIFY": "false"}, False),
        (fs.DEFAULTS, {"VERIFY": "1"}, True),
    ],
)
def test_which_storages_verify(storage, extensions, settings, verified):
    assert storage(extensions, **settings).verifies is verified


def test_a_storage_that_does_not_verify_takes_anything(storage):
    assert storage(fs.IMAGES, VERIFY=False).save(io.BytesIO(b"text"), "a.jpg") == "a.jpg"


def test_write_is_for_the_app(storage):
    assert storage(fs.IMAGES).write("a.png", b"text") == "a.png"


@pytest.mark.parametrize("ext", ["jpg", "png", "gif", "bmp", "svg", "zip", "txt"])
def test_empty_is_refused(storage, ext):
    with pytest.raises(fs.UnauthorizedFileType):
        storage(VERIFY=True).save(io.BytesIO(), f"a.{ext}")


def test_only_the_signature_is_not_enough(storage):
    with pytest.raises(fs.UnauthorizedFileType):
        storage(fs.IMAGES).save(io.BytesIO(CONTENT["png"][:16]), "a.png")


def test_without_pillow_the_signature_counts(storage, monkeypatch):
    monkeypatch.setattr(verify, "has_pillow", lambda: False)
    pictures = storage(fs.IMAGES)
    assert pictures.save(io.BytesIO(CONTENT["png"][:16]), "a.png")
    for ext in ("jpg", "gif", "bmp"):
        with pytest.raises(fs.UnauthorizedFileType):
            pictures.save(io.BytesIO(CONTENT["png"]), f"a.{ext}")


def test_file_is_taken_from_where_it_stands(storage):
    file = io.BytesIO(b"before" + CONTENT["png"])
    file.seek(6)
    pictures = storage(fs.IMAGES)
    assert pictures.read(pictures.save(file, "a.png")) == CONTENT["png"]
    file.seek(3)
    for name in ("b.png", "b.svg", "b.jpg"):
        with pytest.raises(fs.UnauthorizedFileType):
            pictures.save(file, name)
        assert file.tell() == 3


class Pipe(io.RawIOBase):
    def __init__(self, content):
        self._file = io.BytesIO(content)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._file.readinto(buffer)


def test_file_that_cannot_seek(storage):
    large = drawn("BMP", "RGB", size=(800, 800))
    pictures = storage(fs.IMAGES)
    assert pictures.read(pictures.save(Pipe(large), "a.bmp")) == large
    with pytest.raises(fs.UnauthorizedFileType):
        pictures.save(Pipe(b"text"), "b.bmp")


class Broken(io.BytesIO):
    def read(self, size=-1):
        raise OSError("the disk of the client is gone")


def test_failure_of_the_callers_file_is_the_callers(storage):
    for ext in ("png", "svg", "gif"):
        with pytest.raises(OSError, match="is gone"):
            storage(fs.IMAGES).save(Broken(CONTENT["png"]), f"a.{ext}")


def test_svg_is_refused_or_stripped(storage, app):
    with pytest.raises(fs.UnauthorizedFileType, match="event handler"):
        storage(fs.IMAGES).save(io.BytesIO(HOSTILE_SVG), "a.svg")
    pictures = storage(fs.IMAGES, VERIFY_SVG="strip")
    upload = FileStorage(io.BytesIO(HOSTILE_SVG), filename="a.svg")
    kept = pictures.read(pictures.save(upload))
    assert b"<rect/>" in kept
    assert b"onload" not in kept
    with pytest.raises(fs.ConfigurationError, match="PICTURES_FS_VERIFY_SVG"):
        storage(fs.IMAGES, VERIFY_SVG="keep")


def test_max_pixels_are_counted_before_anything_is_stored(storage):
    pictures = storage(fs.IMAGES, IMAGES_MAX_PIXELS=96 * 64)
    assert pictures.save(io.BytesIO(drawn("PNG", "RGB")), "a.png")
    with pytest.raises(fs.UnauthorizedFileType, match="FS_IMAGES_MAX_PIXELS"):
        pictures.save(io.BytesIO(drawn("PNG", "RGB", size=(97, 64))), "b.png")


def test_images_are_stored_as_they_are(storage, app):
    app.config["FS_IMAGES_OPTIMIZE"] = True
    pictures = storage(fs.IMAGES)
    content = drawn("JPEG", "RGB", 6, size=(600, 400))
    assert pictures.read(pictures.save(io.BytesIO(content), "a.jpg")) == content


def test_an_upload_is_checked_without_being_stored(storage):
    pictures = storage(fs.IMAGES)
    file = io.BytesIO(b"before" + CONTENT["png"])
    file.seek(6)
    pictures.check(file, "a.png")
    assert file.tell() == 6
    for name in ("a.txt", "a.jpg"):
        with pytest.raises(fs.UnauthorizedFileType):
            pictures.check(file, name)
        assert file.tell() == 6
    with pytest.raises(fs.UploadNotAllowed):
        storage(()).check(file, "a.png")
    assert not list(pictures.list_files())


def test_signed_uploads_are_verified(storage, app):
    pictures = storage(fs.IMAGES)
    client = app.test_client()
    with app.test_request_context():
        bad, good = (pictures.upload_url("a.png", expires=60) for _ in range(2))
    response = client.post(bad.url, data={"file": (io.BytesIO(CONTENT["html"]), "a.png")})
    assert response.status_code == 415
    assert not list(pictures.list_files())
    response = client.post(good.url, data={"file": (io.BytesIO(CONTENT["png"]), "a.png")})
    assert response.status_code == 201
    assert pictures.read(good.name) == CONTENT["png"]


def test_uploads_do_not_go_past_the_app(storage, app, monkeypatch):
    def straight(*arguments, **options):
        raise AssertionError("the store signed an upload that nobody looks at")

    pictures = storage(fs.IMAGES)
    monkeypatch.setattr(type(pictures.backend), "signed_upload", straight)
    with app.test_request_context():
        assert pictures.upload_url("a.png", expires=60).url.startswith("/pictures/")
        with pytest.raises(AssertionError):
            storage(fs.IMAGES, VERIFY=False).upload_url("a.png", expires=60)
