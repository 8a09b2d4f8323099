"""Bombs are stopped before they are decoded, and damaged images raise only errors of the package."""

import io
import random
import struct
import time
import zlib
from contextlib import suppress
from typing import Any

import bombs
import pytest
from drawn import MODES, drawn
from PIL import Image

from flask_pyfs import FSError, UnauthorizedFileType, images
from flask_pyfs.images.headers import boxes, jpeg, pages, read_header
from flask_pyfs.images.limits import Limits, require_openable
from flask_pyfs.seekable import FileView
from flask_pyfs.uploads import content as verify
from flask_pyfs.uploads import svg

OPERATIONS = {
    "center": lambda file: images.make_thumbnail(file, 16),
    "crop": lambda file: images.make_thumbnail(file, 16, (3, 5, 40, 30)),
    "resize": lambda file: images.resize(file, 20),
    "optimize": images.optimize,
}
EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "AVIF": "avif", "BMP": "bmp", "TIFF": "tif"}
MIB = 1024 * 1024


@pytest.mark.parametrize("operation", ["center", "crop", "resize"])
@pytest.mark.parametrize("size", [(7_800, 7_800), (40_000, 40_000), (2**31 - 1, 1), (60_000_001, 1)])
def test_what_would_take_too_much_is_refused_by_the_header(operation, size):
    file = io.BytesIO(bombs.png(size[0], size[1], rows=0))
    with pytest.raises(UnauthorizedFileType, match="FS_IMAGES_MAX_MEMORY is 256 MiB"):
        OPERATIONS[operation](file)
    assert file.tell() == 0


def test_what_would_take_too_much_is_not_optimized():
    content = bombs.png(8_500, 8_500, rows=0)
    assert images.optimize(io.BytesIO(content)).read() == content
    with pytest.raises(UnauthorizedFileType, match="FS_IMAGES_MAX_PIXELS"):
        images.optimize(io.BytesIO(content), max_pixels=8_500**2 - 1)


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "AVIF"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_pixels_of_all_frames_count(name, operation):
    content = drawn(name, "animated")
    images.make_thumbnail(io.BytesIO(content), 16, max_pixels=3 * 96 * 64)
    functions: dict[str, Any] = {"center": images.center_thumbnail, "optimize": images.optimize}
    arguments = {"center": (16,), "optimize": ()}.get(operation, (16,))
    with pytest.raises(UnauthorizedFileType, match="FS_IMAGES_MAX_PIXELS"):
        functions.get(operation, images.resize)(io.BytesIO(content), *arguments, max_pixels=3 * 96 * 64 - 1)


def test_a_frame_that_is_larger_than_the_canvas_counts():
    content = bytearray(drawn("GIF", "animated", size=(8, 8)))
    # the logical screen becomes one pixel
    content[6:10] = struct.pack("<HH", 1, 1)
    with pytest.raises(UnauthorizedFileType):
        images.make_thumbnail(io.BytesIO(content), 16, max_pixels=100)


def test_frames_that_become_larger_count():
    frames = [Image.new("L", (2, 2), number % 7 * 30) for number in range(100)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=10)
    assert images.make_thumbnail(out, 16, max_memory=32 * MIB)
    with pytest.raises(UnauthorizedFileType, match=r"100 frames.*MAX_MEMORY"):
        images.make_thumbnail(out, 200, max_memory=32 * MIB)
    assert images.make_thumbnail(out, 200, max_memory=64 * MIB)


def test_a_jpeg_that_is_decoded_at_a_smaller_size_may_be_large():
    out = io.BytesIO()
    Image.new("L", (9000, 9000), 128).save(out, "JPEG")
    with Image.open(images.make_thumbnail(out, 100)) as small:
        assert small.size == (100, 100)
    with pytest.raises(UnauthorizedFileType, match="FS_IMAGES_MAX_PIXELS"):
        images.make_thumbnail(out, 100, max_pixels=80_000_000)


def test_all_bands_one_by_one_count_as_a_progressive_jpeg(tmp_path):
    """A JPEG may have a scan for each component without being progressive (ITU-T T.81, A.2.3)."""
    out = io.BytesIO()
    Image.new("RGB", (7000, 7000)).save(out, "JPEG", subsampling=0)
    content = bytearray(out.getvalue())
    scan = content.index(b"\xff\xda")
    assert content[scan + 4] == 3
    assert images.make_thumbnail(io.BytesIO(content), 16)
    content[scan + 4] = 1
    with pytest.raises(UnauthorizedFileType, match="MiB"):
        images.make_thumbnail(io.BytesIO(content), 16)


def test_many_scans_are_refused():
    out = io.BytesIO()
    with Image.open(io.BytesIO(drawn("JPEG", "RGB"))) as image:
        image.save(out, "JPEG", progressive=True)
    content = out.getvalue()
    assert images.make_thumbnail(io.BytesIO(content), 16)
    last = content.rindex(b"\xff\xda")
    many = content[:last] + content[last:-2] * 1000 + content[-2:]
    with pytest.raises(UnauthorizedFileType, match="scans"):
        images.make_thumbnail(io.BytesIO(many), 16)


def progressive():
    out = io.BytesIO()
    with Image.open(io.BytesIO(drawn("JPEG", "RGB"))) as image:
        image.save(out, "JPEG", progressive=True)
    return out.getvalue()


SCANS = b"\xff\xda\0\x08\1\1\0\0\0\0" * 1_000


def test_what_follows_the_end_of_a_jpeg_has_no_scans():
    """Phones append a film to a photo."""
    content = progressive()
    wanted = read(content, "JPEG").passes
    assert wanted > 5
    for trailer in (b"\0\0\0\x18ftypmp42" + SCANS, content * 50, b"\xff\1" * 10_000):
        assert read(content + trailer, "JPEG").passes == wanted
        assert images.make_thumbnail(io.BytesIO(content + trailer), 16)
    assert read(content[:-2], "JPEG").passes == wanted


def test_what_is_inside_a_segment_is_no_scan():
    content = progressive()
    last = content.rindex(b"\xff\xda")
    inside = content[:last] + bombs.segment(0xFE, SCANS) + b"\xff" * 9 + bombs.segment(0xE5, b"") + content[last:]
    assert read(inside, "JPEG").passes == read(content, "JPEG").passes
    assert images.make_thumbnail(io.BytesIO(inside), 16)


@pytest.mark.parametrize(
    "before",
    [b"", b"\xff\0\xd9", b"\xff\xff\0\xd9", b"\xff\xd0", b"\xff\2\xff\xff", b"\xff\1\xff\xbf", b"\xff\xfe\0\0"],
)
def test_scans_cannot_be_hidden(before):
    content = progressive()
    last = content.rindex(b"\xff\xda")
    with pytest.raises(UnauthorizedFileType, match="200 scans"):
        read(content[:last] + before + SCANS + content[last:], "JPEG")


def test_many_segments_between_scans_are_refused():
    content = progressive()
    last = content.rindex(b"\xff\xda")
    with pytest.raises(UnauthorizedFileType, match="5000 segments"):
        read(content[:last] + b"\xff\1" * 6_000 + content[last:], "JPEG")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_scans_are_counted_across_pieces(monkeypatch, size):
    content = progressive()
    last = content.rindex(b"\xff\xda")
    content = content[:last] + bombs.segment(0xFE, SCANS) + b"\xff\xff" + content[last:]
    wanted = read(content, "JPEG").passes
    monkeypatch.setattr(jpeg, "_READ_SIZE", size)
    assert read(content + SCANS, "JPEG").passes == wanted


@pytest.mark.parametrize("name", [b"iCCP", b"eXIf"])
def test_what_a_png_has_once_is_not_there_many_times(name):
    content = zlib.compress(bytes(1_000))
    read(bombs.png(16, 16, before=bombs.chunk(name, b"k\0\0" + content) * 4), "PNG")
    for places in ({"before": 5}, {"before": 4, "after": 1}):
        parts = {place: bombs.chunk(name, b"k\0\0" + content) * count for place, count in places.items()}
        with pytest.raises(UnauthorizedFileType, match=f"4 chunks of the type {name.decode()}"):
            read(bombs.png(16, 16, **parts), "PNG")


def test_texts_that_are_inflated_and_thrown_away_count():
    damaged = zlib.compress(bytes(1_000_000))[:-4] + b"\1\2\3\4"
    with pytest.raises(UnauthorizedFileType, match="500 megabytes of compressed texts"):
        read(bombs.png(16, 16, before=bombs.chunk(b"zTXt", b"k\0\0" + damaged) * 600), "PNG")
    # many short ones are honest
    read(bombs.png(16, 16, before=bombs.chunk(b"zTXt", b"k\0\0" + zlib.compress(b"text")) * 3_000), "PNG")


def test_the_entries_of_all_pages_count():
    """The directories of a TIFF may overlap, so that a byte is an entry of many of them."""
    entries, count = 4_096, 60
    size = 2 + 12 * entries
    content = bytearray(struct.pack("<2sHI", b"II", 42, 8) + bytes(8 * count + size + 8))
    for number in range(count):
        place = 8 + 8 * number
        content[place : place + 2] = struct.pack("<H", entries)
        content[place + size : place + size + 4] = struct.pack("<I", place + 8 if number + 1 < count else 0)
    with pytest.raises(UnauthorizedFileType, match="200000 entries in all"):
        pages(FileView(io.BytesIO(content)))
    assert len(pages(FileView(io.BytesIO(bombs.tiff_pages(9_000))))) == 9_000


def test_the_layers_of_photoshop_are_read_once_and_copied_once():
    content = bombs.tiff((37_724, 7, 100_000_000, 200), (273, 4, 1, 8), (279, 4, 1, 256))
    header = read(content, "TIFF")
    require_openable(header, Limits())
    assert header.opening + header.decoding > 300_000_000
    with pytest.raises(UnauthorizedFileType, match="MiB of memory"):
        require_openable(read(bombs.tiff((37_724, 7, 140_000_000, 200)), "TIFF"), Limits())


def read(content, name):
    return read_header(FileView(io.BytesIO(content)), name)


def test_reading_an_avif_takes_a_step_for_each_piece():
    # a box has no more sizes of samples than its own bytes
    assert read(bombs.avif_boxes(bombs.box(b"stsz", 0, 0, 50_000), bytes(200_000)), "AVIF").frames == 1
    assert read(bombs.avif_boxes(bombs.box(b"stsz", 0, 0, 3, 1, 1, 1)), "AVIF").frames == 3
    few, more = (read(bombs.avif_tracks(count, 100), "AVIF").steps for count in (1, 11))
    assert more - few >= 10 * 200
    with pytest.raises(UnauthorizedFileType, match="100000 boxes and samples"):
        read(bombs.avif_tracks(100, 40_000), "AVIF")


def test_samples_belong_to_the_last_run_of_chunks_that_has_begun():
    for runs, counts in (
        (((1, 2), (3, 1)), [2, 2, 1, 1]),
        (((3, 1), (1, 2)), [2, 2, 2, 2]),
        (((1, 5), (1, 1), (4, 3)), [1, 1, 1, 3]),
        (((2, 4),), [0, 4, 4, 4]),
    ):
        found = boxes.Boxes(chunks=[100, 200, 300, 400], runs=list(runs), samples=[1] * 30)
        found.end_track()
        starts = [item[0][0] // 100 for item in found.items]
        assert [starts.count(number) for number in (1, 2, 3, 4)] == counts, runs


def mutated(content, random):
    """Return an image with a few bytes changed, cut off, doubled or moved."""
    made = bytearray(content)
    for _ in range(random.choice([1, 1, 2, 3, 8, 40])):
        place = random.randrange(len(made)) if random.random() < 0.5 else random.randrange(min(len(made), 200))
        kind = random.randrange(6)
        if kind == 0:
            made[place] = random.randrange(256)
        elif kind == 1:
            made[place] ^= 1 << random.randrange(8)
        elif kind == 2:
            made[place : place + 4] = random.choice(
                [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\1\0\0"]
            )
        elif kind == 3 and len(made) > 20:
            del made[place : place + random.choice([1, 4, 100, 10_000])]
        elif kind == 4:
            made[place:place] = made[place : place + random.choice([1, 4, 30])]
        elif len(made) > 20:
            del made[max(20, place) :]
        if not made:
            made += b"\0"
    return bytes(made)


def with_checksums(content):
    """Return a PNG whose chunks have the checksums of what is in them, so that they are decoded."""
    made, place = bytearray(content), 8
    while place + 12 <= len(made):
        end = place + 8 + int.from_bytes(made[place : place + 4], "big")
        if end + 4 > len(made):
            break
        made[end : end + 4] = struct.pack(">I", zlib.crc32(made[place + 4 : end]))
        place = end + 4
    return bytes(made)


@pytest.mark.parametrize("name", MODES)
def test_mutated_images(name, soak):
    chance = random.Random(name)
    sources = [drawn(name, mode, size=(48, 32)) for mode in MODES[name]]
    sources.append(drawn(name, MODES[name][1], 6, size=(48, 32), icc=name in ("JPEG", "PNG", "TIFF")))
    outcomes = {"made": 0, "refused": 0}
    for number in range(5_000 if soak else 100):
        content = mutated(chance.choice(sources), chance)
        if name == "PNG" and number % 2:
            content = with_checksums(content)
        operation = list(OPERATIONS.values())[number % len(OPERATIONS)]
        for attempt in (lambda file: verify.verify(file, EXTENSIONS[name]), operation):
            file = io.BytesIO(content)
            start = time.process_time()
            try:
                attempt(file)
                outcomes["made"] += 1
            except FSError:
                outcomes["refused"] += 1
            assert time.process_time() - start < 10
            assert not file.closed
    assert min(outcomes.values()) > 10, outcomes


@pytest.mark.parametrize("function", [svg.check, svg.strip])
def test_mutated_svg(function, soak):
    chance = random.Random("svg")
    source = (
        b'<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd">'
        b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><style>a{fill:url(#x)}'
        b'</style><g id="x"><use xlink:href="#y"/><text>&amp;&#65; x</text><![CDATA[ x ]]></g><!-- y --></svg>'
    )
    for _ in range(5_000 if soak else 200):
        with suppress(FSError):
            function(io.BytesIO(mutated(source, chance)))


class Watched(io.BytesIO):
    largest = 0

    def read(self, size=-1):
        self.largest = max(self.largest, size)
        return super().read(size)


def test_no_more_is_asked_of_a_file_than_it_has():
    file = Watched(b"x" * 3_000_000)
    view = FileView(file, 1_000_000)
    view.seek(0)
    assert len(view.read(10**12)) == 2_000_000
    assert file.largest == 2_000_000
    assert view.read(10**12) == b""
    for wrong in (1.5, None, "1"):
        with pytest.raises(TypeError):
            view.seek(wrong)  # type: ignore[arg-type]
    for outside in ((-1, 0), (-1_500_000, 1), (-2_000_001, 2), (2**63, 0)):
        view.seek(1_400_000)
        with pytest.raises(ValueError, match="cannot seek"):
            view.seek(*outside)
    assert view.error is None


@pytest.mark.parametrize("mode", ["P", "P+transparency"])
def test_a_limit_of_pillow_that_the_app_makes_small(mode, monkeypatch):
    content = drawn("GIF", mode)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(UnauthorizedFileType, match="exceeds limit of 20 pixels"):
        images.make_thumbnail(io.BytesIO(content), 33)
