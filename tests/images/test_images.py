"""What the table of all cases does not tell."""

import io
import random
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from drawn import COLOURS, SRGB, close, corners, drawn
from PIL import Image, ImageChops, ImageCms
from PIL.JpegImagePlugin import JpegImageFile
from werkzeug.datastructures import FileStorage

import flask_pyfs as fs
from flask_pyfs import images

EVERY = {
    "make_thumbnail": lambda file: images.make_thumbnail(file, 32),
    "crop": lambda file: images.make_thumbnail(file, 32, (0, 0, 40, 40)),
    "resize": lambda file: images.resize(file, 32),
    "optimize": images.optimize,
}


def noise(size, mode="RGB"):
    return Image.effect_noise(size, 60).convert(mode)


def saved(image, name, **options):
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def reopened(file):
    image = Image.open(file)
    image.load()
    return image


@pytest.mark.parametrize("operation", EVERY)
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_colour_profile_is_kept_and_nothing_else(name, operation):
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif[0x0112] = 3
    options: dict[str, Any] = {"exif": exif.tobytes(), "xmp": b"<x/>"} if name != "TIFF" else {"exif": exif}
    if name == "JPEG":
        options["comment"] = b"a secret"
    content = saved(noise((300, 200)), name, icc_profile=SRGB, **options)
    made: Any = EVERY[operation](io.BytesIO(content))
    if operation == "optimize" and made.getvalue() == content:
        return
    image = reopened(made)
    assert image.info["icc_profile"] == SRGB
    assert 0x010F not in image.getexif()
    assert "xmp" not in image.info
    assert b"a secret" not in made.getvalue()


def test_profile_of_other_colours_is_dropped():
    # a profile for gray would make nonsense of a picture in colours
    gray = bytes(SRGB[:16]) + b"GRAY" + bytes(SRGB[20:])
    content = saved(Image.new("L", (40, 20), 50), "WEBP", icc_profile=gray)
    assert "icc_profile" in reopened(io.BytesIO(content)).info
    kept = images.make_thumbnail(io.BytesIO(saved(Image.new("L", (40, 20), 50), "PNG", icc_profile=gray)), 10)
    assert reopened(kept).info["icc_profile"] == gray
    assert ImageCms.ImageCmsProfile(io.BytesIO(SRGB)).profile.xcolor_space.strip() == "RGB"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("corner", range(4))
def test_the_part_is_of_the_image_as_it_is_seen(orientation, corner):
    left, top = (corner % 2) * 48, (corner // 2) * 32
    content = drawn("JPEG", "RGB", orientation, size=(96, 64))
    made = images.make_thumbnail(io.BytesIO(content), 20, (left + 6, top + 4, left + 30, top + 28))
    assert close(corners(reopened(made)), [COLOURS[corner]] * 4, 30)


def test_part_of_a_jpeg_that_is_decoded_smaller():
    content = drawn("JPEG", "RGB", 6, size=(1200, 800))
    made = reopened(images.make_thumbnail(io.BytesIO(content), 40, (620, 10, 1190, 390)))
    assert close(corners(made.crop((0, 7, 40, 33))), [COLOURS[1]] * 4, 30)


@pytest.mark.parametrize(
    ("bbox", "inside"),
    [((0, 0, 96, 32), (0, 14, 40, 26)), ((0, 0, 20, 64), (14, 0, 26, 40)), ((-50, -50, 40, 30), (0, 5, 40, 35))],
)
def test_part_that_is_not_square_stands_in_the_middle(bbox, inside):
    made = reopened(images.make_thumbnail(io.BytesIO(drawn("PNG", "RGB")), 40, bbox))
    assert made.getbbox() is not None
    assert made.getchannel("A").getbbox()[:2] == pytest.approx(inside[:2], abs=1)
    assert made.getpixel((20, 20))[3] == 255


@pytest.mark.parametrize("bbox", [(500, 500, 600, 600), (-9, -9, -1, -1), (95.5, 63.5, 96, 64), (0, 0, 1e9, 1e9)])
def test_part_outside_is_the_nearest_pixel(bbox):
    assert reopened(images.make_thumbnail(io.BytesIO(drawn("JPEG", "RGB", 6)), 10, bbox)).size == (10, 10)


@pytest.mark.parametrize("bbox", [(0, 0, 0, 10), (5, 5, 1, 9), (1, 2, 3), (), (0, 0, float("nan"), 5), "1234"])
def test_what_is_no_part(bbox):
    with pytest.raises(ValueError, match="bbox must be"):
        images.crop_thumbnail(io.BytesIO(drawn("PNG", "RGB")), 10, bbox)


@pytest.mark.parametrize("size", [0, -1, 10.5, "10", None])
def test_what_is_no_size(size):
    for function in (images.make_thumbnail, images.center_thumbnail, images.resize):
        with pytest.raises(ValueError, match="at least 1"):
            function(io.BytesIO(drawn("PNG", "RGB")), size)


def test_thumbnails_are_enlarged_and_images_are_not():
    content = drawn("PNG", "RGB")
    assert reopened(images.make_thumbnail(io.BytesIO(content), 300)).size == (300, 300)
    assert images.resize(io.BytesIO(content), 96).read() == content
    assert reopened(images.resize(io.BytesIO(drawn("PNG", "RGB", 6)), 500)).size == (96, 64)


def test_thin_images_keep_a_pixel():
    content = saved(Image.new("RGB", (1000, 1)), "PNG")
    assert reopened(images.resize(io.BytesIO(content), 10)).size == (10, 1)
    assert reopened(images.make_thumbnail(io.BytesIO(content), 10)).size == (10, 10)


def test_images_of_pillow_are_taken_and_returned():
    image = Image.open(io.BytesIO(drawn("JPEG", "RGB")))
    centered = images.center_thumbnail(image, 40)
    assert (centered.size, centered.mode) == ((40, 40), "RGB")
    cropped = images.crop_thumbnail(image, 40, (50, 0, 90, 30))
    assert close([cropped.getpixel((20, 20))], [COLOURS[1]], 30)
    assert images.center_thumbnail(Image.new("RGB", (20, 10)), 20).getchannel("A").getpixel((0, 0)) == 0


def test_jpegs_are_decoded_at_a_smaller_size(monkeypatch):
    decoded = []
    draft = JpegImageFile.draft

    def recorded(image, *arguments):
        draft(image, *arguments)
        decoded.append(image.size)

    monkeypatch.setattr(JpegImageFile, "draft", recorded)
    content = saved(noise((1600, 1200)), "JPEG")
    images.make_thumbnail(io.BytesIO(content), 100)
    images.resize(io.BytesIO(content), 300)
    images.make_thumbnail(io.BytesIO(content), 100, (0, 0, 800, 800))
    images.make_thumbnail(io.BytesIO(content), 100, (0, 0, 150, 150))
    assert decoded == [(200, 150), (800, 600), (400, 300), (1600, 1200)]


def test_deep_grays_stay_deep_where_they_are_only_resized():
    ramp = Image.new("I;16", (256, 4))
    for x in range(256):
        for y in range(4):
            ramp.putpixel((x, y), 20_000 + x)
    made = reopened(images.resize(io.BytesIO(saved(ramp, "PNG")), 128))
    assert made.mode.startswith("I")
    assert made.getpixel((64, 1)) == pytest.approx(20_128, abs=3)
    small = reopened(images.make_thumbnail(io.BytesIO(saved(ramp, "PNG")), 64))
    assert small.convert("L").getpixel((32, 31)) == pytest.approx(20_128 // 257, abs=2)


def test_deep_grays_beside_an_edge_do_not_darken_the_others():
    image = Image.new("I;16", (60, 60), 0)
    image.paste(65535, (0, 0, 29, 60))
    image.paste(32896, (45, 0, 60, 60))
    small = reopened(images.make_thumbnail(io.BytesIO(saved(image, "PNG")), 200)).convert("L")
    assert [small.getpixel((x, 100)) for x in (20, 125, 190)] == [255, 0, 128]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_scientific_images(mode):
    image = Image.new(mode, (60, 60), -70_000)
    image.paste(200_000, (0, 0, 30, 60))
    small = reopened(images.make_thumbnail(io.BytesIO(saved(image, "TIFF")), 20)).convert("L")
    assert small.getpixel((5, 10)) > 200
    assert small.getpixel((15, 10)) < 10
    assert reopened(images.resize(io.BytesIO(saved(image, "TIFF")), 20)).mode == mode


def test_optimized_jpeg_keeps_its_quality():
    content = saved(noise((400, 300)), "JPEG", quality=71, subsampling=2)
    made = images.optimize(io.BytesIO(content))
    assert len(made.read()) < len(content)
    assert reopened(made).quantization == reopened(io.BytesIO(content)).quantization


@pytest.mark.parametrize(
    ("name", "options"),
    [("PNG", {"compress_level": 0}), ("WEBP", {"lossless": True}), ("TIFF", {"compression": "raw"})],
)
def test_optimized_without_a_loss(name, options):
    source = noise((200, 150), "RGB")
    made = images.optimize(io.BytesIO(saved(source, name, **options)))
    assert list(reopened(made).convert("RGB").tobytes()) == list(source.tobytes())


def test_what_optimizing_would_harm_is_kept():
    page = noise((60, 40))
    pages = saved(page, "TIFF", save_all=True, append_images=[page, page], compression="raw")
    assert images.optimize(io.BytesIO(pages)).read() == pages

    # two bytes for each colour
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30, 30, 16, 2, 0, 0, 0)
    rows = (b"\0" + bytes(range(180))) * 30
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")
    deep = b"\x89PNG\r\n\x1a\n" + data
    assert images.optimize(io.BytesIO(deep)).read() == deep


def test_pictures_of_several_views_are_jpegs():
    view = noise((200, 100))
    content = saved(view, "MPO", save_all=True, append_images=[view])
    for operation in EVERY.values():
        with Image.open(operation(io.BytesIO(content))) as image:
            assert image.format in ("JPEG", "MPO")
    with Image.open(images.make_thumbnail(io.BytesIO(content), 50)) as image:
        assert image.format == "JPEG"


def test_semitransparent_colours_do_not_bleed():
    image = Image.new("RGBA", (800, 800), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 400, 800))
    small = reopened(images.make_thumbnail(io.BytesIO(saved(image, "PNG")), 33))
    assert all(pixel[1] < 20 for x in range(17) if (pixel := small.getpixel((x, 16)))[3] > 60)


def test_files_of_every_kind_are_left_as_they_were(app, tmp_path):
    content = drawn("PNG", "RGB", size=(300, 200))
    (tmp_path / "a.png").write_bytes(content)
    storage = fs.Storage("photos", fs.IMAGES)
    fs.init_app(app, storage)
    storage.write("a.png", content)
    for file in (
        (tmp_path / "a.png").open("rb"),
        storage.open("a.png", "rb"),
        FileStorage(io.BytesIO(content), filename="a.png"),
    ):
        file.seek(5)
        for operation in EVERY.values():
            assert operation(file).tell() == 0
            assert file.tell() == 5
        file.seek(0)
        assert file.read() == content
        file.close()


class Pipe:
    """What has no more than read."""

    def __init__(self, content):
        self.read = io.BytesIO(content).read


@pytest.mark.parametrize("operation", EVERY)
def test_what_the_functions_of_flask_fs_took(tmp_path, operation):
    function: Any = EVERY[operation]
    content = saved(noise((300, 200)), "PNG", compress_level=0)
    path = tmp_path / "a.png"
    path.write_bytes(content)
    expected = function(io.BytesIO(content)).read()
    for file in (str(path), path, bytes(path), FileStorage(Pipe(content)), Pipe(content)):  # type: ignore[arg-type]
        assert function(file).read() == expected
    assert path.read_bytes() == content
    with pytest.raises(FileNotFoundError, match="missing"):
        function(str(tmp_path / "missing.png"))
    path.write_text("no image")
    with pytest.raises(fs.UnauthorizedFileType):
        function(str(path))


def test_a_thumbnail_without_a_part_as_in_flask_fs(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(drawn("PNG", "RGB", size=(60, 40)))
    whole = images.make_thumbnail(str(path), 50).read()
    for nothing in (None, (), []):
        assert images.make_thumbnail(str(path), 50, nothing).read() == whole
    with Image.open(path) as image:
        assert (
            images.center_thumbnail(image, 50).size == images.crop_thumbnail(image, 50, (0, 0, 9, 9)).size == (50, 50)
        )


class Failing(io.BytesIO):
    def read(self, size=-1):
        if self.tell() > 100:
            raise ConnectionResetError("the store is gone")
        return super().read(min(size, 64) if size >= 0 else 64)


@pytest.mark.parametrize("operation", EVERY)
def test_what_the_file_raises_is_not_taken_for_a_bad_image(operation):
    with pytest.raises(ConnectionResetError):
        EVERY[operation](Failing(saved(noise((200, 200)), "PNG")))


def test_in_many_threads():
    content = drawn("JPEG", "RGB", 6, size=(800, 600))
    expected = images.make_thumbnail(io.BytesIO(content), 64).getvalue()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: images.make_thumbnail(io.BytesIO(content), 64).getvalue(), range(64)))
    assert set(made) == {expected}


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("operation", EVERY)
def test_a_frame_does_not_show_through_the_next(name, operation):
    frames = [Image.new("RGBA", (64, 64)) for _ in range(2)]
    for number, frame in enumerate(frames):
        frame.paste((200, 10, 10, 255), (32 * number, 0, 32 * number + 32, 64))
        # libwebp writes no alpha for what is opaque as far as it goes
        frame.paste((0, 0, 0, 0), (32 * number + 12, 4, 32 * number + 20, 12))
    options = {"disposal": 2} if name == "GIF" else {}
    content = saved(frames[0], name, save_all=True, append_images=frames[1:], duration=50, **options)
    with Image.open(EVERY[operation](io.BytesIO(content))) as image:
        for number in range(2):
            image.seek(number)
            shown = image.convert("RGBA")
            left, right = (shown.getpixel((shown.width * part // 4, shown.height // 2))[3] for part in (1, 3))
            if operation == "crop":
                # of 40 pixels of 64, less than a half is of the right side
                right = shown.getpixel((shown.width - 2, shown.height // 2))[3]
            assert (left > 200, right > 200) == (number == 0, number == 1)


def test_a_palette_with_half_transparent_colours():
    image = Image.new("P", (64, 64), 1)
    image.putpalette([0, 0, 0, 200, 10, 10] + [0] * 762)
    content = saved(image, "PNG", transparency=bytes([255, 128]))
    small = reopened(images.make_thumbnail(io.BytesIO(content), 20)).convert("RGBA")
    assert small.getpixel((10, 10)) == pytest.approx((200, 10, 10, 128), abs=1)
    kept = reopened(images.optimize(io.BytesIO(content))).convert("RGBA")
    assert kept.getpixel((10, 10)) == (200, 10, 10, 128)


def shown(file):
    """Return what is seen of each frame, and for how long."""
    with Image.open(file) as image:
        for number in range(image.n_frames):
            image.seek(number)
            frame = image.convert("RGBA")
            frame.paste((0, 0, 0, 0), mask=frame.getchannel("A").point(lambda alpha: 255 * (not alpha)))
            yield frame.tobytes(), image.info["duration"]


@pytest.mark.parametrize("disposal", [0, 1, 2])
@pytest.mark.parametrize("blend", [0, 1])
def test_frames_of_a_png_that_are_parts_are_whole_in_the_result(disposal, blend):
    chance = random.Random(disposal + 3 * blend)
    for _ in range(20):
        frames = [Image.new("RGBA", (30, 20), chance.choice([(0, 0, 0, 0), (200, 30, 40, 255)]))]
        for duration in range(3):
            frame = frames[-1].copy() if chance.random() < 0.6 else Image.new("RGBA", (30, 20))
            left, top = chance.randrange(20), chance.randrange(10)
            colour = chance.choice([(0, 0, 255, 255), (0, 255, 0, 255), (0, 0, 0, 0)])
            frame.paste(colour, (left, top, left + 10, top + 10))
            frame.putpixel((duration, 0), (9, 9, 9, 255))
            frames.append(frame)
        parts = {"duration": [10, 20, 30, 40], "disposal": disposal, "blend": blend}
        content = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], **parts)
        assert list(shown(images.optimize(io.BytesIO(content)))) == list(shown(io.BytesIO(content)))


@pytest.mark.parametrize("count", [1, 2])
def test_a_gif_shows_no_traces_of_what_is_hardly_there(count):
    frames = [Image.new("RGBA", (60, 60)) for _ in range(count)]
    for number, frame in enumerate(frames):
        frame.paste((10, 10, 200, 255), (21 + number, 21, 40, 40))
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], disposal=2)
    with Image.open(images.resize(io.BytesIO(content), 30)) as image:
        image.seek(count - 1)
        left, top, right, bottom = image.convert("RGBA").getchannel("A").getbbox()
    assert min(left, top) >= 10
    assert max(right, bottom) <= 21


def test_a_gif_of_many_colours_keeps_the_pixels_that_are_clear():
    image = Image.merge("RGB", [noise((80, 80), "L") for _ in range(3)]).convert("RGBA")
    image.paste((0, 0, 0, 0), (30, 30, 40, 40))
    small = reopened(images.resize(io.BytesIO(saved(image, "GIF")), 40)).convert("RGBA")
    assert small.getpixel((17, 17))[3] == 0
    assert small.getpixel((5, 5))[3] == 255


def test_a_large_image_is_resampled_in_bands_that_do_not_show():
    image = noise((3000, 1600), "L")
    made = reopened(images.resize(io.BytesIO(saved(image, "PNG", compress_level=1)), 1500))
    whole = image.resize((1500, 800), Image.Resampling.LANCZOS)
    assert max(ImageChops.difference(made, whole).tobytes()) <= 2


def test_the_colour_profile_of_cmyk_is_kept():
    content = saved(noise((60, 40)).convert("CMYK"), "JPEG", icc_profile=b"for CMYK")
    made = reopened(images.resize(io.BytesIO(content), 30))
    assert (made.mode, made.info["icc_profile"]) == ("CMYK", b"for CMYK")


def test_the_image_that_stands_for_an_apng_stays_out_of_its_animation():
    still, *frames = (Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue"))
    content = saved(still, "PNG", save_all=True, append_images=frames, default_image=True, duration=[300, 400])
    with Image.open(images.resize(io.BytesIO(content), 10)) as made:
        assert (made.info["default_image"], made.n_frames) == (True, 3)
        durations = []
        for number in (1, 2):
            made.seek(number)
            durations.append(made.info["duration"])
    assert durations == [300, 400]


def compressed_pixels(content):
    """Return the compressed data of a PNG."""
    found, place = b"", 8
    while place < len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        found += content[place + 8 : place + 8 + length] if kind == b"IDAT" else b""
        place += length + 12
    return found


def test_pngs_are_compressed_as_well_as_possible_only_if_they_are_small():
    # zlib writes its level into the second byte
    default, best = 0x9C, 0xDA
    small = saved(Image.radial_gradient("L").convert("RGB"), "PNG", compress_level=0)
    for name, operation in EVERY.items():
        level = compressed_pixels(operation(io.BytesIO(small)).read())[1]
        assert level == (best if name == "optimize" else default)
    large = saved(Image.radial_gradient("L").resize((1001, 500)), "PNG", compress_level=0)
    assert compressed_pixels(images.optimize(io.BytesIO(large)).read())[1] == default
