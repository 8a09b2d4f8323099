"""VERIFY_RENAME: a healthy image of another type gets the right extension."""

import io

import pytest
from PIL import Image, features
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.fields.file import FileReference
from flask_pyfs.fields.image import ImageReference
from flask_pyfs.fields.settings import FileSettings, ImageSettings

FORMATS = {"jpg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "bmp": "BMP", "tif": "TIFF", "avif": "AVIF"}
FORMATS = {ext: name for ext, name in FORMATS.items() if ext != "avif" or features.check("avif")}
EVERY = [*FORMATS, "jpeg", "tiff", "apng", "svg"]


class Pipe:
    def __init__(self, content):
        self.read = io.BytesIO(content).read


def picture(ext, size=(4, 3)):
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, FORMATS[ext])
    return file.getvalue()


@pytest.fixture
def make_storage(app):
    def make_storage(extensions=EVERY, storage_class=fs.Storage, overwrite=False, **settings):
        storage = storage_class("pictures", extensions, overwrite=overwrite)
        settings = {"VERIFY_RENAME": True, **settings}
        app.config.update(FS_BACKEND="memory", **{f"PICTURES_FS_{key}": value for key, value in settings.items()})
        fs.init_app(app, storage)
        return storage

    return make_storage


@pytest.mark.parametrize("ext", FORMATS)
@pytest.mark.parametrize("claimed", FORMATS)
def test_every_format_under_the_name_of_every_other(make_storage, ext, claimed):
    storage, content = make_storage(), picture(ext)
    assert storage.check(io.BytesIO(content), f"d/a.{claimed}") == f"d/a.{ext}"
    assert storage.save(io.BytesIO(content), f"d/a.{claimed}") == f"d/a.{ext}"
    assert storage.read(f"d/a.{ext}") == content


@pytest.mark.parametrize(("name", "ext"), [("a.jpeg", "jpg"), ("a.tiff", "tif"), ("a.apng", "png"), ("a.JPG", "jpg")])
def test_an_extension_of_the_same_format_stays(make_storage, name, ext):
    assert make_storage().save(io.BytesIO(picture(ext)), name) == name


def test_every_way_to_build_a_name(make_storage):
    storage = make_storage()
    storage.upload_to = "up"
    content = picture("png")
    upload = FileStorage(io.BytesIO(content), "../My Photo.JPG")
    stored = storage.save(upload, prefix="pre")
    assert (stored, stored.original_name) == ("up/pre/My_Photo.png", "My Photo.JPG")
    assert storage.save(io.BytesIO(content), "a.jpg", unique=True).endswith(".png")
    assert storage.save(Pipe(content), "pipe.jpg") == "up/pipe.png"
    file = io.BytesIO(b"12" + content)
    file.seek(2)
    assert storage.save(file, "later.jpg") == "up/later.png"
    assert {storage.read(name) for name in storage.list_files()} == {content}


def test_a_taken_name_is_that_of_the_file(make_storage):
    storage = make_storage()
    storage.write("a.png", "old")
    with pytest.raises(fs.FileExists) as caught:
        storage.save(io.BytesIO(picture("png")), "a.jpg")
    assert caught.value.path == "a.png"
    storage.save(io.BytesIO(picture("png")), "a.jpg", overwrite=True)
    assert storage.read("a.png") == picture("png")


def test_only_what_the_storage_takes(make_storage):
    content = picture("png")
    for storage in (
        make_storage(["jpg", "gif"]),
        make_storage(DENY=["png"]),
        make_storage(storage_class=NoPNG),
    ):
        with pytest.raises(fs.UnauthorizedFileType):
            storage.save(io.BytesIO(content), "a.jpg")
        with pytest.raises(fs.UnauthorizedFileType):
            storage.check(io.BytesIO(content), "a.jpg")
        assert list(storage.list_files()) == []


class NoPNG(fs.Storage):
    def file_allowed(self, file, basename):
        file.read()
        return super().file_allowed(file, basename) and not basename.endswith(".png")


def test_another_extension_of_the_format_if_the_storage_has_no_other(make_storage):
    storage = make_storage(["jpeg", "png"])
    assert storage.save(io.BytesIO(picture("jpg")), "a.png") == "a.jpeg"


def test_a_name_that_is_not_taken_is_no_way_in(make_storage):
    storage = make_storage(DENY=["php"])
    for name in ("a.exe", "a.php", "a.php.jpg", "a"):
        with pytest.raises(fs.UnauthorizedFileType):
            storage.save(io.BytesIO(picture("png")), name)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.png"),
        (picture("png"), "a.svg"),
        (picture("png"), "a.txt"),
        (picture("png"), "a.pdf"),
        (b"%PDF-1.4", "a.png"),
        (picture("png")[:40], "a.jpg"),
        (b"", "a.png"),
    ],
)
def test_what_is_refused_as_ever(make_storage, content, name):
    storage = make_storage(fs.ALL, VERIFY=True)
    with pytest.raises(fs.UnauthorizedFileType):
        # binary content of "a.txt" has a NUL
        storage.save(io.BytesIO(content), name)
    assert list(storage.list_files()) == []


def test_without_verify_it_has_no_effect(app):
    app.config.update(FS_BACKEND="memory", FS_VERIFY_RENAME=True)
    storage = fs.Storage("files", fs.ALL)
    fs.init_app(app, storage)
    assert storage.save(io.BytesIO(picture("png")), "a.jpg") == "a.jpg"


@pytest.mark.parametrize("settings", [{"VERIFY": False}, {}])
def test_a_storage_of_its_own_that_verifies_nothing_is_told(make_storage, settings):
    extensions = fs.ALL if not settings else EVERY
    with pytest.raises(
        fs.ConfigurationError, match=r"PICTURES_FS_VERIFY_RENAME is on, but .* set PICTURES_FS_VERIFY to True"
    ):
        make_storage(extensions, **settings)
    make_storage(extensions, VERIFY_RENAME="no", **settings)


def test_without_pillow_it_is_told(make_storage, monkeypatch):
    monkeypatch.setattr("flask_pyfs.uploads.content.has_pillow", lambda: False)
    with pytest.raises(fs.ConfigurationError, match=r"PICTURES_FS_VERIFY_RENAME needs Pillow: pip install"):
        make_storage()


def test_off_by_default(make_storage):
    storage = make_storage(VERIFY_RENAME=None)
    with pytest.raises(fs.UnauthorizedFileType):
        storage.save(io.BytesIO(picture("png")), "a.jpg")


def test_a_name_that_a_signature_binds_stays(app, make_storage):
    storage = make_storage()
    with app.app_context():
        url = storage.upload_url("a.jpg", expires=60, unique=False).url
        answer = app.test_client().post(url, data={"file": (io.BytesIO(picture("png")), "a.png")})
        assert answer.status_code == 415
        assert list(storage.list_files()) == []
        assert app.test_client().post(url, data={"file": (io.BytesIO(picture("jpg")), "a.png")}).status_code == 201


@pytest.mark.parametrize("overwrite", [False, True])
def test_fields(make_storage, overwrite):
    storage = make_storage(overwrite=overwrite)
    for _ in range(1 + overwrite):
        paper = FileReference(FileSettings(storage, upload_to="papers"))
        assert paper.save(FileStorage(io.BytesIO(picture("png")), "Scan 1.jpg")) == "papers/Scan_1.png"
        assert (paper.filename, paper.original_name) == ("papers/Scan_1.png", "Scan 1.jpg")
        image = ImageReference(ImageSettings(storage, max_size=20, thumbnails=[10]))
        assert image.save(FileStorage(io.BytesIO(picture("png", (40, 30))), "me.gif")) == "me.png"
        assert image.to_document() == {
            "filename": "me.png",
            "original": "me-original.png",
            "thumbnails": {"10": "me-10.png"},
        }
    assert len(list(storage.list_files())) == 4
