"""A damaged image is refused, whatever its mode and its pages, unless decoding it costs too much."""

import io
import os

import pytest
from bombs import png
from drawn import MODES, drawn
from PIL import Image

from flask_pyfs import UnauthorizedFileType, images
from flask_pyfs.renditions.making import render

CASES = [(name, mode) for name, modes in MODES.items() for mode in modes]


def tiff_of_pages(**options):
    out = io.BytesIO()
    pages = [Image.effect_noise((64, 48), 60 + number) for number in range(3)]
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:], **options)
    return out.getvalue()


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_truncated(name, mode):
    content = drawn(name, mode, size=(300, 200))
    cut = content[: len(content) * 2 // 3]
    for function in (images.optimize, lambda file: render(file, optimize=True), lambda file: images.resize(file, 1000)):
        with pytest.raises(UnauthorizedFileType):
            function(io.BytesIO(cut))


@pytest.mark.parametrize("colour", [2, 6])
def test_16_bits_that_are_truncated(colour):
    assert images.optimize(io.BytesIO(png(32, 32, colour, depth=16))).read() == png(32, 32, colour, depth=16)
    with pytest.raises(UnauthorizedFileType):
        images.optimize(io.BytesIO(png(32, 32, colour, depth=16)[:-30]))


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_pages(compression):
    content = tiff_of_pages(compression=compression)
    assert images.optimize(io.BytesIO(content)).read() == content
    # the strip of the last page
    with Image.open(io.BytesIO(content)) as image:
        image.seek(2)
        offset = image.tag_v2[273][0]
    if compression is None:
        # where it is not compressed, only what is missing can be seen
        content = content[:-4].replace(offset.to_bytes(4, "little"), len(content).to_bytes(4, "little"))
    else:
        content = content[:offset] + b"\xff" * 200 + content[offset + 200 :]
    with pytest.raises(UnauthorizedFileType):
        images.optimize(io.BytesIO(content))


def test_what_is_decoded_at_an_eighth_is_checked_to_its_end():
    out = io.BytesIO()
    Image.effect_noise((2000, 2000), 50).convert("RGB").save(out, "JPEG", quality=30)
    content = out.getvalue()
    # too little to optimize it
    memory = 16 * 1024 * 1024
    assert images.optimize(io.BytesIO(content), max_memory=memory).read() == content
    with pytest.raises(UnauthorizedFileType):
        images.optimize(io.BytesIO(content[: len(content) * 9 // 10]), max_memory=memory)


def test_what_libjpeg_reads_but_cannot_write_is_not_damaged():
    out = io.BytesIO()
    Image.frombytes("RGB", (300, 300), os.urandom(270_000)).save(out, "JPEG", quality=95, subsampling=0)
    assert images.optimize(io.BytesIO(out.getvalue())).read()
