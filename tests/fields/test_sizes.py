"""MAX_SIZE and empty uploads, in fields."""

import io

import pytest
from PIL import Image
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs.fields.file import FileReference
from flask_pyfs.fields.image import ImageReference
from flask_pyfs.fields.settings import FileSettings, ImageSettings


class Stream:
    """A stream of unknown length."""

    def __init__(self, content):
        self.file = io.BytesIO(content)
        self.read = self.file.read


@pytest.fixture
def content():
    file = io.BytesIO()
    Image.effect_noise((40, 30), 50).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(params=[False, True])
def storage(app, request, content):
    storage = fs.Storage("files", fs.ALL, overwrite=request.param)
    app.config.update(FS_BACKEND="memory", FILES_FS_MAX_SIZE=len(content))
    fs.init_app(app, storage)
    return storage


@pytest.fixture(params=[FileReference, ImageReference])
def reference(request, storage):
    if request.param is FileReference:
        return FileReference(FileSettings(storage))
    # the thumbnails and the displayed image need not be smaller
    return ImageReference(ImageSettings(storage, max_size=35, thumbnails=[20]))


@pytest.mark.parametrize("make", [io.BytesIO, Stream, lambda content: FileStorage(io.BytesIO(content), "b.png")])
def test_the_upload_counts(storage, reference, content, make):
    too_large = make(content + b"x")
    with pytest.raises(fs.FileTooLarge):
        reference.save(too_large, "a.png")
    assert list(storage.list_files()) == []
    assert not reference
    reference.save(make(content), "a.png")
    assert storage.read(getattr(reference, "original", reference.filename)) == content


def test_what_is_made_of_an_upload_may_be_larger(app, storage):
    file = io.BytesIO()
    Image.effect_noise((90, 70), 80).save(file, "JPEG", quality=5)
    app.config["FILES_FS_MAX_SIZE"] = file.tell()
    fs.init_app(app, storage)
    reference = ImageReference(ImageSettings(storage, max_size=80, thumbnails=[70]))
    for _ in range(2 if storage.overwrite else 1):
        reference.save(FileStorage(file, "a.jpg"))
        assert reference.original == "a-original.jpg"
        assert {len(storage.read(name)) > file.getbuffer().nbytes for name in ("a.jpg", "a-70.jpg")} == {True}


def test_no_more_of_a_stream_is_read_than_shows_that_it_is_too_long(storage, reference, content):
    stream = Stream(content + bytes(3_000_000))
    with pytest.raises(fs.FileTooLarge):
        reference.save(stream, "a.png")
    assert stream.file.tell() == len(content) + 1
    assert list(storage.list_files()) == []


def test_an_upload_that_was_read_before(storage, reference, content):
    file = io.BytesIO(content)
    file.read()
    if isinstance(reference, ImageReference):
        # it reads an image from its first byte
        reference.save(file, "a.png")
        assert storage.read(str(reference.original)) == content
    else:
        with pytest.raises(fs.EmptyUpload):
            reference.save(file, "a.png")
        assert (list(storage.list_files()), bool(reference)) == ([], False)
