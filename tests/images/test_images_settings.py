"""IMAGES_MAX_MEMORY reaches what handles images: the functions, the fields, and VERIFY."""

import io
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
from bombs import padded_webp
from drawn import drawn
from PIL import Image

import flask_pyfs as fs
from flask_pyfs import images
from flask_pyfs.fields.image import ImageReference
from flask_pyfs.fields.settings import ImageSettings
from flask_pyfs.images import codec, jobs
from flask_pyfs.renditions.making import render

MIB = 1024 * 1024
LAYERS = ["FS_IMAGES_MAX_MEMORY", "FS_MEMORY_IMAGES_MAX_MEMORY", "PICTURES_FS_IMAGES_MAX_MEMORY"]


@pytest.fixture
def storage(app):
    def storage(**settings):
        app.config.update(FS_BACKEND="memory", **settings)
        pictures = fs.Storage("pictures", [*fs.IMAGES, "webp"])
        fs.init_app(app, pictures)
        return pictures

    return storage


@cache
def content(side, name):
    out = io.BytesIO()
    Image.effect_noise((side, side), 60).convert("RGB").save(out, name, quality=80)
    return out.getvalue()


def picture(side, name="PNG"):
    return io.BytesIO(content(side, name))


@pytest.mark.parametrize("key", LAYERS)
def test_verify_refuses_what_takes_too_much_to_open(storage, key):
    upload = padded_webp(12 * MIB)
    assert storage().save(io.BytesIO(upload), "a.webp")
    with pytest.raises(fs.UnauthorizedFileType, match="FS_IMAGES_MAX_MEMORY is 32 MiB"):
        storage(**{key: str(32 * MIB)}).save(io.BytesIO(upload), "b.webp")


def test_verify_takes_what_is_too_large_for_a_thumbnail(storage):
    assert storage(FS_IMAGES_MAX_MEMORY=32 * MIB).save(picture(1500), "a.png")


@pytest.mark.parametrize("key", LAYERS)
def test_a_field_refuses_what_takes_too_much_to_decode(storage, key):
    def field():
        return ImageReference(ImageSettings(pictures, max_size=300, thumbnails=[50, 100]))

    pictures = storage()
    assert field().save(picture(1500), "a.png")
    pictures = storage(**{key: 32 * MIB})
    before = sorted(pictures.list_files())
    with pytest.raises(
        fs.UnauthorizedFileType, match=r"1500 by 1500 pixels would take .* FS_IMAGES_MAX_MEMORY is 32 MiB"
    ):
        field().save(picture(1500), "b.png")
    assert sorted(pictures.list_files()) == before


@pytest.mark.parametrize("value", ["1000", 0, "much", 1.5])
def test_what_is_no_size_is_refused(storage, value):
    with pytest.raises(fs.ConfigurationError, match="FS_IMAGES_MAX_MEMORY"):
        storage(FS_IMAGES_MAX_MEMORY=value)


@pytest.mark.parametrize("function", ["center", "crop", "resize"])
def test_the_functions_take_it(function):
    def made(memory):
        options = {"max_memory": memory}
        if function == "resize":
            return images.resize(picture(1500), 1000, **options)
        return images.make_thumbnail(picture(1500), 100, (0, 0, 90, 90) if function == "crop" else None, **options)

    assert made(None).read() == made(256 * MIB).read()
    with pytest.raises(fs.UnauthorizedFileType, match="FS_IMAGES_MAX_MEMORY"):
        made(32 * MIB)


def test_what_is_only_checked_may_be_larger():
    assert images.optimize(picture(2600), max_memory=32 * MIB).read() == content(2600, "PNG")


@pytest.fixture
def decoded(monkeypatch):
    """The number of files that each decoding makes."""
    decoded = []

    def counted(opened, group):
        decoded.append(len(group))
        return decode(opened, group)

    decode = codec.decode
    monkeypatch.setattr(jobs, "decode", counted)
    return decoded


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_a_field_decodes_an_image_once_if_the_memory_allows(decoded, name):
    together = render(picture(800, name), sizes=(40, 80, 160), max_size=400, optimize=True)
    assert decoded == [4]
    assert render(picture(300, name), sizes=(20,), optimize=True).thumbnails
    assert decoded == [4, 2]
    assert sorted(together.thumbnails) == [40, 80, 160]
    with Image.open(together.main) as image:
        assert image.size == (400, 400)


def test_a_field_decodes_an_image_for_each_file_otherwise(decoded):
    drawing = drawn("GIF", "animated", size=(640, 480))
    together = render(io.BytesIO(drawing), sizes=(1200, 1201, 1202))
    decoded.clear()
    one_by_one = render(io.BytesIO(drawing), max_memory=80 * MIB, sizes=(1200, 1201, 1202))
    assert decoded == [1, 1, 1]
    for size in (1200, 1201, 1202):
        with Image.open(together.thumbnails[size]) as one, Image.open(one_by_one.thumbnails[size]) as other:
            assert one.size == other.size == (size, size)
            assert one.n_frames == other.n_frames == 3


def test_a_field_does_not_optimize_what_it_scales_down():
    scaled = render(picture(600, "JPEG"), max_size=300, optimize=True)
    assert scaled.main.read() == images.resize(picture(600, "JPEG"), 300).read()


def test_many_at_once_get_what_one_gets():
    drawing = drawn("PNG", "RGBA", size=(900, 700))
    with ThreadPoolExecutor(4) as pool:
        made = {file.read() for file in pool.map(lambda _: images.make_thumbnail(io.BytesIO(drawing), 64), range(8))}
    assert len(made) == 1
