"""HEIC, which iPhones send: verified as it is, and made into JPEG."""

import io
import os
import subprocess
import sys
from functools import cache

import phones
import pytest
from drawn import COLOURS, SRGB, STORED, close, corners, drawn, upright
from PIL import Image

import flask_pyfs as fs
from flask_pyfs import ConfigurationError, UnauthorizedFileType, images
from flask_pyfs.fields.image import ImageReference
from flask_pyfs.fields.settings import ImageSettings
from flask_pyfs.fields.stored import NewFile
from flask_pyfs.images.headers import read_header
from flask_pyfs.images.limits import Limits
from flask_pyfs.images.verification import verify_image
from flask_pyfs.seekable import FileView
from flask_pyfs.uploads.content import verify

MADE = {
    "thumbnail": lambda file: images.make_thumbnail(file, 100),
    "crop": lambda file: images.make_thumbnail(file, 100, (0, 0, 96, 64)),
    "resize": lambda file: images.resize(file, 80),
    "resize of what is small": lambda file: images.resize(file, 500),
}
#: The corner that is transparent is white in a JPEG.
WHITE = [(255, 255, 255) if number == 2 else corner for number, corner in enumerate(COLOURS)]


@cache
def whole():
    """Return a HEIC; to make one takes half a second."""
    return phones.heic()


def shown(file):
    with Image.open(file) as image:
        assert image.format == "JPEG"
        image.load()
    return image


def oriented(orientation):
    """Return a HEIC that is turned by its own boxes, and whose EXIF data say so once more."""
    stored, method = upright("RGB").convert("RGB"), STORED[orientation]
    stored = stored if method is None else stored.transpose(method)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return phones.heic(stored, exif.tobytes(), quality=95)


@pytest.mark.parametrize("operation", MADE)
@pytest.mark.parametrize("orientation", STORED)
def test_what_is_made_of_it_is_an_upright_jpeg(operation, orientation):
    made = shown(MADE[operation](io.BytesIO(oriented(orientation))))
    if "resize" in operation:
        assert made.size == ((80, 53) if operation == "resize" else (96, 64))
    else:
        # the picture is in the middle of a white square
        made = made.crop((0, 17, 100, 83))
    assert close(corners(made), COLOURS, 40)
    assert not made.getexif()


@pytest.mark.parametrize("operation", MADE)
def test_transparent_pixels_become_white(operation):
    image = upright("RGBA")
    # hidden colours
    image.putpixel((10, 50), (0, 255, 0, 0))
    made = shown(MADE[operation](io.BytesIO(phones.heic(image, quality=95))))
    if "resize" not in operation:
        made = made.crop((0, 17, 100, 83))
    assert close(corners(made), WHITE, 40)


@pytest.mark.parametrize("name", [name for name, (format_, _) in phones.WHOLE.items() if format_ == "HEIF"])
def test_every_kind(name):
    content = phones.WHOLE[name][1]()
    for ext in ("heic", "heif", "hif"):
        verify_image(io.BytesIO(content), ext, Limits())
    for operation in MADE.values():
        shown(operation(io.BytesIO(content)))
    assert images.optimize(io.BytesIO(content)).read() == content
    with pytest.raises(UnauthorizedFileType):
        images.make_thumbnail(io.BytesIO(content[: len(content) // 2]), 100)


def test_the_colour_profile_is_kept():
    image = phones.photo()
    image.info["icc_profile"] = SRGB
    content = phones.heic(image)
    for operation in MADE.values():
        assert shown(operation(io.BytesIO(content))).info["icc_profile"] == SRGB


def test_the_first_picture_of_several_counts():
    import pillow_heif

    several = pillow_heif.from_pillow(upright("RGB").convert("RGB"))
    several.add_from_pillow(Image.new("RGB", (200, 200)))
    out = io.BytesIO()
    several.save(out, quality=95)
    made = shown(images.resize(out, 500, max_pixels=200 * 200))
    assert close(corners(made), COLOURS, 40)


@pytest.mark.parametrize(
    ("content", "ext"),
    [
        (lambda: drawn("AVIF", "RGB"), "heic"),
        (lambda: drawn("JPEG", "RGB"), "heic"),
        (lambda: b"\0\0\0\x18ftypheic" + bytes(600), "heic"),
        (lambda: b"\0\0\0\x18ftypisom\0\0\0\0mp42isom" + bytes(600), "heif"),
        (whole, "avif"),
        (whole, "jpg"),
    ],
    ids=range(6),
)
def test_what_is_something_else_is_refused(content, ext):
    with pytest.raises(UnauthorizedFileType):
        verify_image(io.BytesIO(content()), ext, Limits())


@pytest.mark.parametrize("brand", [b"mif1", b"msf1", b"mif2", b"1pic"])
def test_brands_that_stand_for_both(brand):
    """The major brand may be that of any image; the first of the others that names a codec says which it is."""
    for content, ext, own, other in (
        (whole(), "heic", b"heic", b"avif"),
        (drawn("AVIF", "RGB"), "avif", b"avif", b"heic"),
    ):
        changed = content[:8] + brand + bytes(4) + own + other + content[24:]
        verify(io.BytesIO(changed), ext)
        assert images.make_thumbnail(io.BytesIO(changed), 50)


def test_the_pixels_count():
    content = whole()
    verify_image(io.BytesIO(content), "heic", Limits(320 * 240))
    for attempt in (
        lambda file: verify_image(file, "heic", Limits(320 * 240 - 1)),
        lambda file: images.make_thumbnail(file, 100, max_pixels=320 * 240 - 1),
    ):
        with pytest.raises(UnauthorizedFileType, match="FS_IMAGES_MAX_PIXELS"):
            attempt(io.BytesIO(content))


def test_boxes_that_lie_about_the_size():
    content = bytearray(phones.heic(Image.new("RGB", (2048, 1536))))
    header = read_header(FileView(io.BytesIO(content)), "HEIF")
    assert header.size == (2048, 1536)
    honest = header.decoding
    assert honest == 2048 * 1536 * 3 // 2
    place = content.index(b"ispe") + 8
    content[place : place + 8] = (16).to_bytes(4, "big") * 2
    header = read_header(FileView(io.BytesIO(content)), "HEIF")
    assert header.size == (16, 16)
    # the decoder has as many pixels as H.265 says
    assert header.decoding > 4 * honest
    with pytest.raises(UnauthorizedFileType):
        images.make_thumbnail(io.BytesIO(content), 100, max_memory=24 * 1024 * 1024)


def test_without_pillow_heif(monkeypatch):
    content = whole()
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    verify_image(io.BytesIO(content), "heic", Limits())
    with pytest.raises(UnauthorizedFileType, match="truncated"):
        verify_image(io.BytesIO(content[:-100]), "heic", Limits())
    with pytest.raises(ConfigurationError, match=r"flask_pyfs\[heif\]"):
        images.make_thumbnail(io.BytesIO(content), 100)


PROGRAM = """
import io, sys
from PIL import Image
import flask_pyfs
from flask_pyfs import images
out = io.BytesIO()
Image.new("RGB", (300, 200)).save(out, "JPEG")
images.make_thumbnail(out, 100)
assert "pillow_heif" not in sys.modules
images.make_thumbnail(io.BytesIO(open(sys.argv[1], "rb").read()), 100)
assert "pillow_heif" in sys.modules
assert "HEIF" not in Image.OPEN
"""


def test_pillow_heif_is_imported_when_it_is_used_and_pillow_stays_as_it_is(tmp_path):
    path = tmp_path / "a.heic"
    path.write_bytes(whole())
    subprocess.run([sys.executable, "-c", PROGRAM, str(path)], check=True, env={**os.environ}, timeout=60)


@pytest.fixture
def photos(app):
    storage = fs.Storage("photos", [*fs.IMAGES, "heic"])
    app.config["FS_BACKEND"] = "memory"
    fs.init_app(app, storage)
    return storage


def types(storage):
    return {name: storage.metadata(name)["mime"] for name in storage.list_files()}


def starts(storage):
    """Return what each file of a storage is, by its first bytes."""
    kinds = {True: "jpg", False: "heic"}
    return {name: kinds[storage.read(name).startswith(b"\xff\xd8")] for name in storage.list_files()}


@pytest.mark.parametrize("max_size", [100, 1000])
@pytest.mark.parametrize("optimize", [False, True])
def test_a_field_stores_jpegs_beside_the_upload(photos, max_size, optimize):
    reference = ImageReference(ImageSettings(photos, max_size=max_size, thumbnails=[50], optimize=optimize))
    assert reference.save(io.BytesIO(whole()), "a.heic") == "a.jpg"
    assert (reference.original, reference.thumbnail(50)) == ("a-original.heic", "a-50.jpg")
    assert starts(photos) == {"a.jpg": "jpg", "a-original.heic": "heic", "a-50.jpg": "jpg"}
    assert types(photos)["a-50.jpg"] == types(photos)["a.jpg"] == "image/jpeg"
    assert photos.read("a-original.heic") == whole()
    reference.rerender()
    assert starts(photos) == {"a.jpg": "jpg", "a-original.heic": "heic", "a-50.jpg": "jpg"}


@pytest.mark.parametrize("optimize", [False, True])
def test_a_field_without_max_size_shows_the_upload(photos, optimize):
    reference = ImageReference(ImageSettings(photos, thumbnails=[50], optimize=optimize))
    assert reference.save(io.BytesIO(whole()), "a.heic") == "a.heic"
    wanted = {"a.heic": "heic", "a-50.jpg": "jpg", **({"a-original.heic": "heic"} if optimize else {})}
    assert starts(photos) == wanted
    reference.rerender()
    assert starts(photos) == wanted


def test_a_field_that_gets_a_max_size(photos):
    reference = ImageReference(ImageSettings(photos, thumbnails=[50]))
    reference.save(io.BytesIO(whole()), "a.heic")
    reference = ImageReference(ImageSettings(photos, max_size=100, thumbnails=[60]), reference)
    reference.rerender()
    assert (reference.filename, reference.original, reference.thumbnail(60)) == ("a.jpg", "a.heic", "a-60.jpg")
    assert photos.read("a.heic") == whole()
    reference.rerender()
    assert (reference.filename, reference.original) == ("a.jpg", "a.heic")
    assert starts(photos) == {"a.jpg": "jpg", "a.heic": "heic", "a-50.jpg": "jpg", "a-60.jpg": "jpg"}


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ({"optimize": True}, {"max_size": 100}, "a.jpg"),
        ({"max_size": 100}, {}, "a.heic"),
        ({"max_size": 100}, {"optimize": True}, "a.heic"),
    ],
)
def test_the_displayed_image_is_what_its_extension_says_after_a_change(photos, before, after, shown):
    reference = ImageReference(ImageSettings(photos, thumbnails=[50], **before))
    replaced = reference.save(io.BytesIO(whole()), "a.heic")
    reference = ImageReference(ImageSettings(photos, thumbnails=[50], **after), reference)
    for _ in range(2):
        reference.rerender()
        assert (reference.filename, reference.original) == (shown, "a-original.heic")
        found = starts(photos)
        assert found == {name: name.rpartition(".")[2] for name in found}
        # a field without remove_files keeps what it no longer references
        assert found.keys() == {replaced, shown, "a-original.heic", "a-50.jpg"}


def test_a_heic_of_another_name_is_renamed_without_pillow_heif(app, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    photos = fs.Storage("photos", [*fs.IMAGES, "heic"])
    app.config.update(FS_BACKEND="memory", FS_VERIFY_RENAME=True)
    fs.init_app(app, photos)
    assert photos.save(io.BytesIO(whole()), "a.jpg") == "a.heic"


@pytest.mark.parametrize("max_size", [None, 100, 1000])
@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize("process", ["later", "lazy"])
def test_the_types_are_the_same_later_and_lazily(app, photos, max_size, optimize, process):
    app.config.update(FS_ENQUEUE=print, SECRET_KEY="secret", FS_SERVE=True)
    fs.init_app(app, photos)
    settings = {"max_size": max_size, "thumbnails": [50], "optimize": optimize}
    now = ImageReference(ImageSettings(photos, **settings))
    now.save(io.BytesIO(whole()), "a.heic")
    expected = starts(photos)
    now.delete()
    reference = ImageReference(ImageSettings(photos, **settings, process=process))
    reference.save(io.BytesIO(whole()), "a.heic")
    if process == "later":
        assert list(photos.list_files()) == [reference.filename]
        new: list[NewFile] = []
        reference.complete(reference.rendered(new), new)
        assert starts(photos) == expected
    else:
        response = app.test_client().get(reference(50))
        assert (response.status_code, response.mimetype) == (200, "image/jpeg")
        assert starts(photos) == {
            {"a-50.jpg": reference.thumbnails["50"]}.get(name, name): kind for name, kind in expected.items()
        }
