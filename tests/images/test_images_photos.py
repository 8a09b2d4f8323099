"""JPEGs of cameras and phones: their chroma, their other pictures, and their proportions."""

import io
import random

import pytest
from drawn import SRGB, close
from made import lossless_jpeg, tall_chroma, ultra_hdr
from PIL import Image
from PIL.JpegImagePlugin import get_sampling
from reference import bands, furthest, mean, scaled, shown
from test_images_pixels import EVERY, SIDE, made, noise, saved

from flask_pyfs import images


def test_chroma_without_a_name_is_kept_in_full():
    content = tall_chroma(Image.radial_gradient("L").resize((128, 64)).convert("HSV").convert("RGB"))
    result = made("optimize", content)
    with Image.open(io.BytesIO(result)) as image:
        assert get_sampling(image) == 0
    ((before, _),) = shown(content)
    ((after, _),) = shown(result)
    assert mean(bands(after), bands(before)) < 1


def test_chroma_of_half_the_width_is_kept_when_it_is_turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = saved(noise((300, 200)), "JPEG", quality=95, subsampling="4:2:2", exif=exif)
    with Image.open(io.BytesIO(made("optimize", content))) as image:
        assert (image.size, get_sampling(image)) == ((200, 300), 0)


def test_red_green_and_blue_are_kept_instead_of_chroma():
    content = saved(photo((300, 200)), "JPEG", quality=90, keep_rgb=True)
    result = made("optimize", content)
    assert len(result) < len(content)
    with Image.open(io.BytesIO(result)) as image:
        assert [layer[0] for layer in image.layer] == [*b"RGB"]
    assert mean(*(bands(frame) for content in (content, result) for frame, _ in shown(content))) < 0.5


@pytest.mark.parametrize("operation", EVERY)
def test_a_lossless_jpeg(operation):
    # so large that others are decoded at a half
    source = Image.radial_gradient("L").resize((2 * SIDE, 2 * SIDE))
    content = lossless_jpeg(source)
    result = made(operation, content)
    ((image, _),) = shown(result)
    if operation == "optimize":
        assert result == content
    else:
        box = (0, 0, 32, 32) if operation == "crop" else None
        assert mean(bands(image), scaled(source, (32, 32), box)) < 3


@pytest.mark.parametrize("has_map", [True, False])
@pytest.mark.parametrize("operation", EVERY)
def test_a_photo_with_a_gain_map_is_its_primary_picture(operation, has_map):
    photo = Image.merge("RGB", [Image.linear_gradient("L").resize((96, 64)) for _ in range(3)])
    photo.paste((200, 20, 20), (0, 0, 40, 30))
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.info = {"icc_profile": SRGB, "exif": exif.tobytes()}
    content = ultra_hdr(photo, noise((24, 16), "L"), has_map)
    result = made(operation, content)
    assert b"hdrgm" not in result
    with Image.open(io.BytesIO(result)) as image:
        assert (image.format, image.info["icc_profile"]) == ("JPEG", SRGB)
        assert image.getexif().get(0x0112, 1) == 1
        assert image.size == {"resize": (21, 32), "optimize": (64, 96)}.get(operation, (32, 32))
        corner = image.convert("RGB").getpixel({"crop": (28, 6), "optimize": (56, 10)}.get(operation, (19, 3)))
    if operation == "crop":
        assert corner == pytest.approx(photo.getpixel((5, 40)), abs=30)
    else:
        assert close([corner], [(200, 20, 20)], 40)


def photo(size):
    """Draw an image with as many details as a photo has."""
    chance = random.Random(repr(size))
    rough = Image.frombytes("RGB", (24, 16), chance.randbytes(24 * 16 * 3)).resize(size, Image.Resampling.BICUBIC)
    return Image.blend(rough, Image.radial_gradient("L").resize(size).convert("RGB"), 0.5)


@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_proportions_are_those_of_the_whole_image(name):
    # many of these are a fraction of a pixel larger when they are decoded at an eighth
    for size in [(1001, 667), (667, 1001), (1283, 857), (999, 500), (2047, 1023), (803, 401), (1609, 203)]:
        content = saved(Image.new("L", size), name)
        for most in (37, 50, 100, 124):
            longest = max(size)
            exact = tuple((2 * side * most + longest) // (2 * longest) for side in size)
            with Image.open(images.resize(io.BytesIO(content), most)) as image:
                assert image.size == exact
            with Image.open(images.make_thumbnail(io.BytesIO(content), most)) as image:
                # what is around it is white or transparent
                alpha = image.convert("LA").getchannel("A")
                inner = image.convert("L").point([255] * 128 + [0] * 128) if name == "JPEG" else alpha
                box = inner.getbbox()
            assert (box[2] - box[0], box[3] - box[1]) == exact


@pytest.mark.parametrize("size", [(1001, 667), (1206, 903)])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_scaled_photos_against_exact_arithmetic(name, size):
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True, "method": 0, "quality": 0}}
    content = saved(photo(size), name, **options.get(name, {"compress_level": 1}))
    ((whole, _),) = shown(content)
    height = round(60 * size[1] / size[0])
    part = (101, 57, 501, 457)
    made_of_all = scaled(whole, (60, height))
    padding = (60 - height) // 2
    for result, inner, wanted in (
        (images.make_thumbnail(io.BytesIO(content), 60), (0, padding, 60, padding + height), made_of_all),
        (images.make_thumbnail(io.BytesIO(content), 60, part), (0, 0, 60, 60), scaled(whole, (60, 60), part)),
        (images.resize(io.BytesIO(content), 60), (0, 0, 60, height), made_of_all),
    ):
        ((small, _),) = shown(result.read())
        found = bands(small.crop(inner))
        if name == "JPEG":
            # its colours have half the resolution
            found, wanted = ([brightness(some)] for some in (found, wanted))
        assert furthest(found, wanted) <= (14 if name == "JPEG" else 4)
        assert mean(found, wanted) <= (2 if name == "JPEG" else 0.5)


def brightness(colours):
    whole = [band.point(lambda value: value * 1 + 0.5).convert("L") for band in colours[:3]]
    return Image.merge("RGB", whole).convert("L").convert("F")
