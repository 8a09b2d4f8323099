"""What formats say of their pixels in ways of their own: transparent colours, gamma, profiles, palettes, depth."""

import io
import random
import struct
from typing import Any, cast

import pytest
from drawn import SRGB, bmp_with_alpha
from made import ADAM7, COLOUR, GRAY, WHOLE, chunk, png, tiff
from PIL import Image, ImageCms
from reference import bands, furthest, hidden_aside, scaled, shown

from flask_pyfs import images

SIDE = 64
EVERY = {
    "thumbnail": lambda file: images.make_thumbnail(file, 32),
    "crop": lambda file: images.make_thumbnail(file, 32, (0, 0, 32, 32)),
    "resize": lambda file: images.resize(file, 32),
    "optimize": images.optimize,
}


def made(operation, content):
    return EVERY[operation](io.BytesIO(content)).read()


def saved(image, name, **options):
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def noise(size=(SIDE, SIDE), mode="RGB"):
    return Image.effect_noise(size, 60).convert(mode)


def pixels_of(content, operation):
    """Return the pixels in the middle of the first two squares, each 16 pixels wide in the source."""
    ((image, _),) = shown(content)
    scale = 1 if operation in ("crop", "optimize") else 0.5
    return [image.convert("RGBA").getpixel((int(x * scale), int(8 * scale))) for x in (8, 24)]


def checked(x, y, first, second):
    return first if (x // 16 + y // 16) % 2 == 0 else second


# depth, the colour that is seen, the transparent one that is next to it, and what is seen in 8 bits
KEYS = [
    (1, (1,), (0,), (255,) * 3),
    (2, (1,), (2,), (85,) * 3),
    (4, (9,), (10,), (153,) * 3),
    (8, (78,), (77,), (78,) * 3),
    (16, (0x4D12,), (0x4D13,), (0x4D,) * 3),
    (8, (1, 2, 4), (1, 2, 3), (1, 2, 4)),
    (16, (0x1234, 0x5678, 0x9ABD), (0x1234, 0x5678, 0x9ABC), (0x12, 0x56, 0x9A)),
]


@pytest.mark.parametrize("operation", EVERY)
@pytest.mark.parametrize(("depth", "colour", "key", "seen"), KEYS, ids=lambda value: str(value))
def test_the_transparent_colour_of_a_png(depth, colour, key, seen, operation):
    kind = COLOUR if len(key) == 3 else GRAY
    chunk = (b"tRNS", struct.pack(f">{len(key)}H", *key))
    content = png((SIDE, SIDE), depth, kind, lambda x, y: checked(x, y, colour, key), chunk)
    result = made(operation, content)
    with Image.open(io.BytesIO(result)) as image:
        image.load()
        if operation == "optimize" and depth == 16:
            # Pillow shows neither, but keeps both
            assert result == content or (image.mode[0], image.info["transparency"]) == ("I", key[0])
            return
    opaque, clear = pixels_of(result, operation)
    assert opaque == pytest.approx((*seen, 255), abs=1)
    assert clear[3] == 0


GAMMA = (b"gAMA", struct.pack(">I", 100_000))
PRIMARIES = (b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
INTENT = (b"sRGB", b"\1")
NUMBERS = (b"cICP", bytes([12, 13, 0, 1]))


def chunks_of(content):
    found, place = {}, 8
    while place < len(content):
        length, name = struct.unpack_from(">I4s", content, place)
        found.setdefault(name, content[place + 8 : place + 8 + length])
        place += length + 12
    return found


@pytest.mark.parametrize("operation", EVERY)
@pytest.mark.parametrize(
    "chunks", [[GAMMA], [GAMMA, PRIMARIES], [INTENT, GAMMA], [NUMBERS, GAMMA]], ids=lambda all: all[0][0].decode()
)
@pytest.mark.parametrize("kind", [GRAY, COLOUR])
def test_what_a_png_says_of_its_colours(kind, chunks, operation):
    samples = 3 if kind == COLOUR else 1
    content = png((SIDE, SIDE), 8, kind, lambda x, y: (x * 3,) * samples, *chunks)
    result = made(operation, content)
    found = chunks_of(result)
    assert {name: found.get(name) for name, _ in chunks} == dict(chunks)
    if operation == "optimize":
        assert result != content


@pytest.mark.parametrize("operation", EVERY)
def test_a_profile_counts_before_what_else_a_png_says(operation):
    image = Image.linear_gradient("L").convert("RGB").resize((SIDE, SIDE))
    content = saved(image, "PNG", icc_profile=SRGB, compress_level=0)
    # behind the header
    place = 8 + 25
    content = content[:place] + chunk(*NUMBERS) + chunk(*GAMMA) + content[place:]
    found = chunks_of(made(operation, content))
    assert b"iCCP" in found
    assert found[b"cICP"] == NUMBERS[1]
    assert b"gAMA" not in found


def test_a_profile_of_other_colours_goes():
    gray = bytearray(SRGB)
    gray[16:20] = b"GRAY"
    assert ImageCms.ImageCmsProfile(io.BytesIO(SRGB)).profile.xcolor_space == "RGB "
    for profile, mode, is_kept in (
        (bytes(gray), "L", True),
        (bytes(gray), "RGB", False),
        (SRGB, "RGB", True),
        (SRGB, "L", False),
        (b"of no known kind", "L", True),
    ):
        content = saved(noise(mode=mode), "PNG", icc_profile=profile)
        with Image.open(io.BytesIO(made("resize", content))) as image:
            assert (image.info.get("icc_profile") == profile) == is_kept


def animation(colours, has_hole, seed, count=4):
    """Return frames with a number of colours, and a hole that wanders."""
    chance = random.Random(seed)
    palette = [tuple(chance.randrange(256) for _ in range(3)) for _ in range(colours)]
    frames = [Image.new("RGBA", (60, 40), (0, 0, 0, 0) if has_hole else (*palette[0], 255))]
    for number in range(count):
        frame = frames[-1].copy()
        for colour in palette:
            frame.paste((*colour, 255), (x := chance.randrange(60), y := chance.randrange(40), x + 7, y + 6))
        if has_hole:
            frame.paste((0, 0, 0, 0), (10 * number, 0, 10 * number + 8, 30))
        frames.append(frame)
    return frames[1:]


@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
@pytest.mark.parametrize("has_hole", [False, True])
@pytest.mark.parametrize("colours", [2, 14, 100, 255])
def test_an_animated_gif_keeps_its_colours(colours, has_hole, disposal):
    frames = animation(colours, has_hole, seed=disposal)
    if not has_hole:
        frames = [frame.convert("RGB") for frame in frames]
    options = {"duration": [50, 60, 70, 80], "loop": 3, "disposal": disposal, "comment": b"x" * 9000}
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], **options)
    result = made("optimize", content)
    # who clears a frame without a transparent colour shows the page
    assert (result == content) == (disposal == 2 and not has_hole)
    assert [(hidden_aside(frame), time) for frame, time in shown(result)] == [
        (hidden_aside(frame), time) for frame, time in shown(content)
    ]
    with Image.open(io.BytesIO(result)) as image:
        assert image.info["loop"] == 3


@pytest.mark.parametrize("colours", [14, 256])
@pytest.mark.parametrize("mode", ["P", "RGB", "RGBA"])
def test_an_animated_png_keeps_its_colours(mode, colours):
    frames = animation(colours, mode == "RGBA", seed=colours)
    if mode != "RGBA":
        frames = [frame.convert("RGB") for frame in frames]
    if mode == "P":
        # one palette for all frames, as the format has it
        whole = Image.new("RGB", (60, 160))
        for number, frame in enumerate(frames):
            whole.paste(frame, (0, 40 * number))
        whole = whole.quantize(256)
        frames = [whole.crop((0, 40 * number, 60, 40 * number + 40)) for number in range(len(frames))]
    options = {"duration": [50, 60, 70, 80], "compress_level": 0}
    content = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], **options)
    result = made("optimize", content)
    assert len(result) < len(content)
    assert [(hidden_aside(frame), time) for frame, time in shown(result)] == [
        (hidden_aside(frame), time) for frame, time in shown(content)
    ]


def test_frames_that_are_the_same_are_not_lost():
    frames = animation(14, has_hole=False, seed=1, count=2)
    frames = [frames[0], frames[0], frames[1]]
    for name in ("GIF", "PNG", "WEBP"):
        first, *others = (frame.copy() for frame in frames)
        # Pillow itself joins them
        options = {"lossless": True} if name == "WEBP" else {}
        content = saved(first, name, save_all=True, append_images=others, duration=[50, 60, 70], **options)
        assert sum(time for _, time in shown(made("optimize", content))) == 180


def test_a_gif_of_a_few_colours_has_them_when_scaled_too():
    frame = Image.new("RGB", (64, 64), (200, 30, 41))
    frame.paste((201, 30, 40), (0, 0, 32, 64))
    for number in range(256):
        frame.putpixel((number % 64, 60 + number // 64), (number, 255 - number, 7))
    ((small, _),) = shown(made("crop", saved(frame.quantize(256), "GIF")))
    assert set(small.convert("RGB").crop((0, 0, 28, 32)).getcolors()) == {(28 * 32, (201, 30, 40))}


def test_the_alpha_of_a_bmp():
    image = noise().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((SIDE, SIDE)))
    content = bmp_with_alpha(image)
    for operation in ("thumbnail", "crop", "resize"):
        ((small, _),) = shown(made(operation, content))
        assert small.mode == "RGBA"
        box = (0, 0, 32, 32) if operation == "crop" else None
        assert furthest(bands(small), scaled(image, (32, 32), box)) <= 4
    # alpha that is nowhere says nothing: programs show the colours
    image.putalpha(0)
    for operation in EVERY:
        ((shown_one, _),) = shown(made(operation, bmp_with_alpha(image)))
        if operation != "optimize":
            assert shown_one.getextrema()[3] == (255, 255)
            assert shown_one.getpixel((3, 16)) != (0, 0, 0, 255)


# bits, samples and more entries: 262 is the kind of colours, 338 what the samples beyond them are
MORE_THAN_IS_DECODED = {
    "16 bits": (16, 3, (262, 2)),
    "16 bits with alpha": (16, 4, (262, 2), (338, 2)),
    "16 bits of CMYK": (16, 4, (262, 5)),
    "a sample of no known kind": (8, 4, (262, 2), (338, 0)),
    "alpha that is multiplied already": (8, 4, (262, 2), (338, 1)),
}


@pytest.mark.parametrize("kind", MORE_THAN_IS_DECODED)
def test_a_tiff_with_more_than_is_decoded_is_not_optimized(kind):
    depth, samples, *entries = cast(Any, MORE_THAN_IS_DECODED[kind])
    data = bytes(SIDE * SIDE * samples * depth // 8)
    content = tiff((SIDE, SIDE), depth, samples, data, *entries)
    assert made("optimize", content) == content
    assert made("resize", content) != content


def test_an_avif_of_wide_colours_is_not_optimized():
    content = saved(noise((200, 200)), "AVIF", quality=100, speed=10)
    place = content.index(b"colrnclx") + 8
    assert content[place : place + 4] == bytes([0, 1, 0, 13])
    assert len(made("optimize", content)) < len(content)
    # Display P3, and PQ
    for numbers in ((12, 13), (9, 16)):
        wide = content[:place] + struct.pack(">HH", *numbers) + content[place + 4 :]
        assert made("optimize", wide) == wide


@pytest.mark.parametrize("operation", EVERY)
@pytest.mark.parametrize("depth", [1, 4, 16])
def test_an_interlaced_png(depth, operation):
    key, kind = (b"tRNS", struct.pack(">H", 1)), GRAY
    files = [png((SIDE, SIDE), depth, kind, lambda x, y: ((x * y) % 2,), key, passes=all) for all in (WHOLE, ADAM7)]
    one, other = (made(operation, content) for content in files)
    assert one == other
    assert one != files[0]


@pytest.mark.parametrize("loop", [None, 0, 1, 5])
@pytest.mark.parametrize("operation", EVERY)
def test_a_gif_repeats_as_often_as_before(operation, loop):
    first, *others = animation(14, has_hole=False, seed=1)
    options = {} if loop is None else {"loop": loop}
    content = saved(first, "GIF", save_all=True, append_images=others, duration=50, comment=b"x" * 9000, **options)
    with Image.open(io.BytesIO(made(operation, content))) as image:
        assert image.info.get("loop") == loop
        assert "comment" not in image.info


@pytest.mark.parametrize("is_animated", [False, True])
def test_a_lossless_webp_keeps_the_colours_that_are_transparent(is_animated):
    image = noise().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((SIDE, SIDE)).point(lambda value: max(0, value - 100)))
    frames = [image, image.transpose(Image.Transpose.ROTATE_90)] if is_animated else [image]
    options = {"save_all": True, "append_images": frames[1:], "duration": 50} if is_animated else {"exact": True}
    content = saved(frames[0], "WEBP", lossless=True, method=0, quality=0, xmp=b"x" * 5000, **options)
    result = made("optimize", content)
    assert len(result) < len(content)
    for (after, _), (before, _) in zip(shown(result), shown(content), strict=True):
        assert (hidden_aside if is_animated else Image.Image.tobytes)(after) == (
            hidden_aside if is_animated else Image.Image.tobytes
        )(before)


@pytest.mark.parametrize("name", ["TIFF"])
def test_lab(name):
    source = Image.new("RGB", (SIDE, SIDE), (200, 80, 40))
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.applyTransform(source, ImageCms.buildTransform(*profiles, "RGB", "LAB"))
    content = saved(lab, name)
    ((small, _),) = shown(made("resize", content))
    assert small.convert("RGB").getpixel((9, 9)) == pytest.approx((200, 80, 40), abs=2)
