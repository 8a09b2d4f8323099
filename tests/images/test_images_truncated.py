"""An upload of which a part is missing is refused, wherever it was cut; a whole one is taken, whatever follows it."""

import io
import random
import struct

import phones
import pytest
from bombs import tiff, tiff_pages
from drawn import drawn
from PIL import Image, ImageChops, ImageFile, ImageStat
from PIL.JpegImagePlugin import JpegImageFile

import flask_pyfs as fs
from flask_pyfs import UnauthorizedFileType, images
from flask_pyfs.images.headers import is_cut
from flask_pyfs.images.limits import Limits
from flask_pyfs.images.verification import verify_image
from flask_pyfs.seekable import FileView
from flask_pyfs.uploads.content import verify

#: What does not count: bytes behind the image, and those that fill up a page of a TIFF.
BEHIND = {"TIFF of pages": 6, "PNG with more behind": 6, "GIF with more behind": 6, "WebP with more behind": 6}


def taken(content, name):
    file = io.BytesIO(content)
    file.seek(3)
    try:
        verify_image(file, phones.EXTENSIONS[name], Limits())
    finally:
        assert file.tell() == 3


def is_taken(content, name):
    try:
        taken(content, name)
    except UnauthorizedFileType:
        return False
    return True


def whole_length(name, format_, content):
    """Return how many bytes of a file are needed for its pixels."""
    if format_ == "JPEG":
        return ended(content)
    # a GIF with one frame needs no end
    is_still = format_ == "GIF" and "animated" not in name and "behind" not in name
    return len(content) - BEHIND.get(name, 0) - is_still


def ended(content):
    """Return where the first picture of a JPEG ends: those before it are inside a segment."""
    place = 2
    while content[place + 1] != 0xDA:
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return content.index(b"\xff\xd9", place) + 2


@pytest.mark.parametrize("name", phones.WHOLE)
def test_what_is_cut_is_refused(name, soak):
    format_, make = phones.WHOLE[name]
    content = make()
    taken(content, format_)
    length = whole_length(name, format_, content)
    taken(content[:length], format_)
    places = random.Random(name).sample(range(1, length), min(length - 1, 200 if soak else 40))
    for place in (*places, length - 1, length - 2, length // 2):
        assert not is_taken(content[:place], format_), f"{place} of {len(content)} bytes"


@pytest.mark.parametrize(
    "name", ["JPEG, RGB", "PNG, RGB", "PNG, animated", "GIF, P", "WEBP, RGB", "TIFF, RGB", "BMP, RGB"]
)
def test_what_is_cut_is_refused_whatever_the_app_tells_pillow(name, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    format_, whole = phones.WHOLE[name]
    content = whole()
    assert images.make_thumbnail(io.BytesIO(content), 30).read()
    length = whole_length(name, format_, content)
    for place in (length - 1, length * 9 // 10, length // 2):
        with pytest.raises(UnauthorizedFileType):
            images.make_thumbnail(io.BytesIO(content[:place]), 30)


@pytest.mark.parametrize("name", ["PNG, photo", "PNG, animated", "PNG, P"])
def test_pixels_of_a_png_that_are_damaged_are_refused(name):
    content = phones.WHOLE[name][1]()
    place = content.index(b"IDAT") + 8
    for byte in range(place, place + 40):
        damaged = content[:byte] + bytes([content[byte] ^ 16]) + content[byte + 1 :]
        with pytest.raises(UnauthorizedFileType):
            taken(damaged, "PNG")


def test_an_icon_that_is_a_png_is_as_whole_as_a_png():
    content = phones.WHOLE["PNG, photo"][1]()
    verify(io.BytesIO(content), "ico")
    with pytest.raises(UnauthorizedFileType, match="truncated"):
        verify(io.BytesIO(content[:-20]), "ico")


def test_a_jpeg_whose_rest_was_never_written_is_refused():
    content = phones.saved(phones.photo(), "JPEG")
    for place in (len(content) // 3, len(content) - 10):
        with pytest.raises(UnauthorizedFileType, match="truncated"):
            taken(content[:place] + bytes(len(content) - place), "JPEG")


def test_the_size_of_the_last_strip_may_be_that_of_a_full_one():
    content = tiff((273, 4, 1, 200), (278, 4, 1, 20), (279, 4, 1, 16 * 20), tail=bytes(16 * 16))
    taken(content, "TIFF")
    assert not is_taken(content[:-1], "TIFF")


@pytest.mark.parametrize(("tag", "kind"), [(258, 3), (273, 4), (279, 4), (320, 3), (339, 3), (347, 7), (34675, 7)])
def test_values_of_a_tiff_behind_its_pixels(tag, kind):
    """Libtiff writes the directory at the end, and behind it what has no room in it: strips, palettes, tables."""
    content = tiff((273, 4, 1, 200), (279, 4, 1, 16), (tag, kind, 6, 300), tail=bytes(124))
    assert not is_cut(FileView(io.BytesIO(content)), "TIFF")
    size = 6 * {3: 2, 4: 4, 7: 1}[kind]
    assert not is_cut(FileView(io.BytesIO(content[: 300 + size])), "TIFF")
    assert is_cut(FileView(io.BytesIO(content[: 299 + size])), "TIFF")


def test_tags_that_do_not_change_the_picture_may_point_anywhere():
    content = tiff((273, 4, 1, 200), (279, 4, 1, 16), (37500, 7, 1000, 10**6), tail=bytes(16))
    assert not is_cut(FileView(io.BytesIO(content)), "TIFF")


class Counting(io.BytesIO):
    count = 0

    def read(self, size=-1):
        content = super().read(size)
        self.count += len(content)
        return content


def boxes_of_sizes(count):
    head = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    sizes = struct.pack(">I4s4xII", 20, b"ispe", 9, 9) * count
    return (
        head
        + struct.pack(">I4s4xI4sI4s", 28 + len(sizes), b"meta", 16 + len(sizes), b"iprp", 8 + len(sizes), b"ipco")
        + sizes
    )


@pytest.mark.parametrize(
    ("name", "content"), [("HEIF", boxes_of_sizes(5_000)), ("TIFF", tiff_pages(2_000))], ids=["boxes", "pages"]
)
def test_many_small_pieces_are_not_read_again_and_again(name, content):
    file = Counting(content)
    is_cut(FileView(file), name)
    assert len(content) // 2 < file.count < 20 * len(content)


@pytest.mark.parametrize(
    ("ext", "name"), [("heics", "HEIC"), ("heifs", "HEIC"), ("hif", "HEIC"), ("avifs", "AVIF, photo")]
)
def test_names_of_sequences(ext, name):
    content = phones.WHOLE[name][1]()
    verify(io.BytesIO(content), ext)
    with pytest.raises(UnauthorizedFileType):
        verify(io.BytesIO(content[:-20]), ext)


def test_a_bmp_of_os2_with_a_short_header():
    """The header has 16 bytes, and what follows says nothing of a compression."""
    head = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 14 + 16 + 8) + struct.pack("<IiiHH", 16, 9, 5, 1, 1)
    content = head + struct.pack("<II", 1, 0x00FFFFFF) + bytes(4 * 5)
    assert not is_cut(FileView(io.BytesIO(content)), "BMP")
    assert is_cut(FileView(io.BytesIO(content[:-4])), "BMP")


def test_a_jpeg_without_pixels_is_refused():
    content = phones.saved(phones.photo(), "JPEG")
    # some versions of Pillow refuse it by themselves
    with pytest.raises(UnauthorizedFileType):
        taken(content[: content.index(b"\xff\xda")] + b"\xff\xd9", "JPEG")


@pytest.mark.parametrize("ext", ["jpg", "png", "gif", "bmp", "webp", "avif"])
def test_storages_of_images_refuse_what_is_cut(app, ext):
    pictures = fs.Storage("pictures", [*fs.IMAGES, "webp", "avif"])
    app.config["FS_BACKEND"] = "memory"
    fs.init_app(app, pictures)
    name = next(name for name, known in phones.EXTENSIONS.items() if known == ext)
    content = drawn(name, "P" if name == "GIF" else "RGB", size=(200, 150))
    assert pictures.save(io.BytesIO(content), f"a.{ext}")
    with pytest.raises(UnauthorizedFileType, match=r"truncated|readable"):
        pictures.save(io.BytesIO(content[: len(content) * 2 // 3]), f"b.{ext}")
    assert list(pictures.list_files()) == [f"a.{ext}"]


@pytest.mark.parametrize("ext", ["jpg", "jpe", "jpeg"])
@pytest.mark.parametrize("name", phones.JPEGS)
def test_photos_of_phones_are_jpegs(name, ext):
    content = phones.JPEGS[name]()
    verify(io.BytesIO(content), ext, max_pixels=320 * 240)
    with pytest.raises(UnauthorizedFileType, match="FS_IMAGES_MAX_PIXELS"):
        verify(io.BytesIO(content), ext, max_pixels=320 * 240 - 1)


@pytest.mark.parametrize("name", phones.JPEGS)
def test_the_first_picture_of_a_photo_counts(name):
    content = phones.JPEGS[name]()
    with JpegImageFile(io.BytesIO(content[: ended(content)])) as first:
        shown = first.convert("RGB")
    for function in (images.optimize, lambda file: images.resize(file, 1000), lambda file: images.resize(file, 160)):
        made = function(io.BytesIO(content))
        with JpegImageFile(made) as image:
            small = image.convert("RGB")
        difference = ImageChops.difference(small, shown.resize(small.size, Image.Resampling.LANCZOS))
        # other pictures differ by more than 30
        assert max(ImageStat.Stat(difference).mean) < 12
    for function in (lambda file: images.make_thumbnail(file, 64, max_pixels=320 * 240), images.optimize):
        with Image.open(function(io.BytesIO(content))) as image:
            assert image.format == "JPEG"
            assert getattr(image, "n_frames", 1) == 1
