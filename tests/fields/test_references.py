"""What all references do, whatever holds them."""

import copy
import io
import pickle

import flask
import pytest
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.fields.file import FileReference
from flask_pyfs.fields.image import ImageReference
from flask_pyfs.fields.settings import FileSettings, ImageSettings


def upload(content=b"content", filename="me.txt"):
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    return FileStorage(file, filename=filename)


def names(storage):
    return sorted(storage.list_files())


def image(storage, value=None, **settings):
    return ImageReference(ImageSettings(storage, **settings), value)


def test_an_empty_reference(storage):
    reference = FileReference(FileSettings(storage))
    assert not reference
    assert (reference.filename, reference.url, str(reference), reference.to_document()) == (None, None, "", None)
    picture = image(storage, thumbnails=[100])
    assert (picture.original, picture.full(), picture.best_url(), picture(50), picture.thumbnail(100)) == (None,) * 5
    assert picture.srcset() == ""
    picture.rerender()
    picture.delete()
    assert not picture


def test_save_and_delete(storage):
    reference = FileReference(FileSettings(storage))
    assert reference.save(upload()) == "me.txt"
    assert reference
    assert str(reference) == reference.url == storage.url("me.txt")
    assert reference.to_document() == {"filename": "me.txt"}
    reference.delete()
    assert not reference
    assert names(storage) == []


@pytest.mark.parametrize(
    ("settings", "filename", "stored"),
    [
        ({}, None, "My_CV.txt"),
        ({}, "a/Other.TXT", "a/Other.txt"),
        ({"upload_to": "up"}, None, "up/My_CV.txt"),
        ({"upload_to": lambda instance: f"of-{instance}"}, None, "of-None/My_CV.txt"),
        ({"basename": lambda instance: "by/name"}, None, "by/name.txt"),
        ({"basename": "cv", "upload_to": "up"}, None, "up/cv.txt"),
        ({"basename": "cv"}, "other.txt", "other.txt"),
    ],
)
@pytest.mark.parametrize(("kind", "of"), [(FileReference, FileSettings), (ImageReference, ImageSettings)])
def test_the_name_of_an_upload(storage, kind, of, settings, filename, stored):
    reference = kind(of(storage, **settings))
    assert reference.save(upload(filename="../My CV.TXT"), filename) == stored == reference.filename
    assert names(storage) == [stored]


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("🎉.PNG", "file.png"), ("папка/हिन्दी.txt", "हिन्दी.txt"), ("C:\\me\\cv.txt", "cv.txt")],
)
@pytest.mark.parametrize("kind", [FileReference, ImageReference])
def test_the_client_s_name_is_made_safe(storage, kind, sent, stored):
    reference = kind((FileSettings if kind is FileReference else ImageSettings)(storage))
    assert reference.save(upload(filename=sent)) == stored == reference.filename


def test_a_name_is_required(storage):
    for reference in (FileReference(FileSettings(storage, basename="x")), image(storage)):
        with pytest.raises(ValueError, match="filename"):
            reference.save(io.BytesIO(b""))
        with pytest.raises(ValueError, match="filename"):
            reference.save(upload(filename=""))


def test_a_name_that_is_taken(storage):
    storage.write("me.txt", "before")
    reference = FileReference(FileSettings(storage))
    with pytest.raises(fs.FileExists):
        reference.save(upload())
    assert not reference
    reference.save(upload(), overwrite=True)
    assert storage.read("me.txt") == b"content"


@pytest.mark.parametrize("by_storage", [True, False])
def test_a_thumbnail_whose_name_is_taken(app, draw, by_storage):
    storage = fs.Storage("others", fs.IMAGES, overwrite=by_storage)
    app.config["OTHERS_FS_BACKEND"] = "memory"
    fs.init_app(app, storage)
    storage.write("me-50.png", "another's")
    picture = image(storage, thumbnails=[100, 50])
    with pytest.raises(fs.FileExists):
        picture.save(draw(), "me.png", overwrite=False)
    assert names(storage) == ["me-50.png"]
    assert storage.read("me-50.png") == b"another's"
    picture.save(draw(), "me.png", overwrite=True)
    assert storage.read("me-50.png") != b"another's"


def test_what_cannot_seek_is_stored(storage, draw):
    class Pipe:
        def __init__(self, content):
            self.read = io.BytesIO(content).read

    assert FileReference(FileSettings(storage)).save(Pipe(b"a"), "a.txt", overwrite=True) == "a.txt"
    assert image(storage, thumbnails=[10]).save(Pipe(draw().read()), "a.png") == "a.png"
    assert names(storage) == ["a-10.png", "a.png", "a.txt"]


def test_the_files_of_an_image(storage, draw, size_of):
    picture = image(storage, max_size=150, thumbnails=[100, 50], upload_to="up")
    assert picture.save(upload(draw(), "me.png"), bbox=(0, 0, 100, 100)) == "up/me.png"
    assert picture.to_document() == {
        "filename": "up/me.png",
        "original": "up/me-original.png",
        "thumbnails": {"100": "up/me-100.png", "50": "up/me-50.png"},
        "bbox": (0, 0, 100, 100),
    }
    assert {name: size_of(storage, name) for name in storage.list_files()} == {
        "up/me.png": (150, 100),
        "up/me-original.png": (300, 200),
        "up/me-100.png": (100, 100),
        "up/me-50.png": (50, 50),
    }
    assert picture.filenames == ["up/me.png", "up/me-original.png", "up/me-100.png", "up/me-50.png"]
    picture.delete()
    assert names(storage) == []


def test_an_image_that_is_small_enough_is_its_own_original(storage, draw):
    content = draw().read()
    picture = image(storage, max_size=300)
    picture.save(io.BytesIO(content), "me.png")
    assert picture.to_document() == {"filename": "me.png"}
    assert picture.original == "me.png"
    assert storage.read("me.png") == content


@pytest.mark.parametrize("setting", ["field", "app"])
def test_an_optimized_image_has_an_original(app, storage, draw, setting):
    app.config["FS_IMAGES_OPTIMIZE"] = "true" if setting == "app" else False
    content = draw().read()
    picture = image(storage, optimize=True if setting == "field" else None)
    picture.save(io.BytesIO(content), "me.png")
    assert picture.to_document() == {"filename": "me.png", "original": "me-original.png"}
    assert storage.read("me-original.png") == content
    assert storage.metadata("me.png")["size"] <= storage.metadata("me-original.png")["size"]


def test_the_limit_of_pixels(app, storage, draw):
    app.config["FS_IMAGES_MAX_PIXELS"] = "1000"
    with pytest.raises(fs.UnauthorizedFileType):
        image(storage, thumbnails=[10]).save(draw(), "me.png")
    assert names(storage) == []


@pytest.mark.parametrize("part", ["original", "me.png", "-100", "-50"])
def test_a_save_that_fails_leaves_nothing(storage, draw, fail, part):
    picture = image(storage, max_size=150, thumbnails=[100, 50])
    picture.save(draw(), "old.png")
    before, document = names(storage), picture.to_document()
    fail(storage, part)
    with pytest.raises(fs.BackendError):
        picture.save(draw(), "me.png")
    assert names(storage) == before
    assert picture.to_document() == document


def test_the_storage_looks_at_what_the_client_sent(app, draw):
    class Watchful(fs.Storage):
        def file_allowed(self, file, basename):
            return super().file_allowed(file, basename) and b"forbidden" not in file.read()

    app.config["FS_BACKEND"] = "memory"
    storage = Watchful("watched", fs.ALL)
    fs.init_app(app, storage)
    picture = image(storage, max_size=50, thumbnails=[10])
    with pytest.raises(fs.UnauthorizedFileType):
        picture.save(io.BytesIO(draw().read() + b"forbidden"), "me.png")
    assert names(storage) == []
    picture.save(draw(), "me.png")
    assert names(storage) == ["me-10.png", "me-original.png", "me.png"]


def test_content_that_is_not_what_the_extension_says(app, draw):
    app.config["FS_BACKEND"] = "memory"
    storage = fs.Storage("pictures", fs.IMAGES)
    fs.init_app(app, storage)
    with pytest.raises(fs.UnauthorizedFileType):
        image(storage, thumbnails=[10]).save(draw(format="GIF"), "me.png")
    assert names(storage) == []


def test_no_image(storage):
    picture = image(storage, thumbnails=[100])
    with pytest.raises(fs.UnauthorizedFileType):
        picture.save(io.BytesIO(b"no image"), "me.png")
    assert names(storage) == []


def test_thumbnails_and_the_best_of_them(storage, draw):
    picture = image(storage, thumbnails=[50, 200, 100])
    picture.save(draw(), "me.png")
    best = {None: 200, 1: 50, 50: 50, 51: 100, 100: 100, 200: 200, 201: 200}
    for size, expected in best.items():
        assert picture.best_url(size) == picture(size) == storage.url(f"me-{expected}.png")
    assert picture.thumbnail(50) == "me-50.png"
    with pytest.raises(ValueError, match="60"):
        picture.thumbnail(60)
    assert picture.full() == storage.url("me.png")


def test_a_document_without_the_thumbnails_that_the_field_has_now(storage):
    picture = image(storage, "me.png", thumbnails=[100])
    assert picture(100) == storage.url("me.png")
    assert picture.thumbnail(100) is None


def test_templates(app, storage, draw):
    picture = image(storage, thumbnails=[50, 100, 200])
    picture.save(draw(), "my, me.png")

    def render(template):
        return flask.render_template_string(template, avatar=picture)

    with app.test_request_context():
        assert render("{{ avatar(100) }}") == "/files/my,%20me-100.png"
        assert render("{{ avatar }}") == "/files/my,%20me.png"
        assert render("{{ avatar(50, external=True) }}") == "http://localhost/files/my,%20me-50.png"
        assert render("{{ avatar.srcset() }}") == (
            "/files/my%2C%20me-50.png 50w, /files/my%2C%20me-100.png 100w, /files/my%2C%20me-200.png 200w"
        )
        assert render("{{ avatar.srcset(60) }}") == "/files/my%2C%20me-100.png 1x, /files/my%2C%20me-200.png 2x"


def test_names_that_are_set(storage):
    picture = image(storage)
    picture.original = "me-original.png"
    assert not picture
    assert picture.to_document() is None
    picture.filename = "me.png"
    assert picture.to_document() == {"filename": "me.png", "original": "me-original.png"}


def test_rerender_makes_what_the_field_has_now(storage, draw, size_of):
    content = draw().read()
    picture = image(storage, thumbnails=[100])
    picture.save(io.BytesIO(content), "up/me.png")
    picture = image(storage, picture, max_size=150, thumbnails=[50])
    picture.rerender()
    assert picture.to_document() == {
        "filename": "up/me.png",
        "original": "up/me-original.png",
        "thumbnails": {"50": "up/me-50.png"},
    }
    assert storage.read("up/me-original.png") == content
    assert size_of(storage, "up/me.png") == (150, 100)
    again = names(storage)
    picture.rerender()
    assert names(storage) == again
    assert storage.read("up/me-original.png") == content


def test_rerender_takes_no_name_of_another(storage, draw):
    storage.write("me-50.png", "another's")
    storage.write("me-original.png", "another's")
    storage.write("me.png", draw())
    picture = image(storage, "me.png", max_size=150, thumbnails=[50])
    picture.rerender()
    assert picture.thumbnails == {"50": "me-50_1.png"}
    assert picture.original == "me-original_1.png"
    assert storage.read("me-50.png") == storage.read("me-original.png") == b"another's"


@pytest.mark.parametrize("part", ["me.png", "-100", "-50"])
def test_a_rerender_that_fails_changes_nothing(storage, draw, fail, part):
    content = draw().read()
    storage.write("me.png", content)
    picture = image(storage, "me.png", max_size=150, thumbnails=[100, 50])
    fail(storage, part)
    with pytest.raises(fs.BackendError):
        picture.rerender()
    assert picture.to_document() == {"filename": "me.png"}
    assert names(storage) == ["me.png"]
    assert storage.read("me.png") == content


def test_copies_and_pickles(storage):
    reference = FileReference(FileSettings(storage), "me.txt")
    for same in (copy.copy(reference), copy.deepcopy(reference)):
        assert same is not reference
        assert same.to_document() == {"filename": "me.txt"}
    assert pickle.loads(pickle.dumps(reference)).to_document() == {"filename": "me.txt"}
    with pytest.raises(TypeError, match="save"):
        FileReference(FileSettings(storage), io.BytesIO())
