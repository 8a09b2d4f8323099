"""No image takes more than 256 MiB and ten seconds, whatever it is and whatever is made of it."""

import io
from typing import Any

import bombs
import largest
import pytest
from largest import measured

from flask_pyfs import UnauthorizedFileType, images
from flask_pyfs.renditions.making import render

MIB = 1024 * 1024
ALL = ("verify", "center", "crop", "resize", "optimize", "field")
EXTENSIONS = {"JPEG": "jpg", "TIFF": "tif", "HEIF": "heic"}


def files(tmp_path, cases):
    for name, (ext, make, *_) in cases.items():
        path = tmp_path / f"{name} {make.__code__.co_firstlineno}.{ext}"
        path.write_bytes(make())
        yield name, path, ext


def test_what_costs_too_much_is_refused_quickly_and_in_little_memory(tmp_path, soak):
    runs: list[Any] = []
    wanted: list[Any] = []
    every: list[Any] = [(bombs.UNOPENABLE, ("verify", "field")), (bombs.UNDECODABLE, ("crop", "field"))]
    for cases, operations in every:
        for name, path, ext in files(tmp_path, cases):
            for operation in ALL if soak and cases is bombs.UNOPENABLE else operations:
                runs.append([path, operation, 400, ext])
                wanted.append(
                    (name, operation, cases[name][2] if cases is bombs.UNOPENABLE else "FS_IMAGES_MAX_MEMORY")
                )
    for (name, operation, message), found in zip(wanted, measured(tmp_path, runs), strict=True):
        # the signature of some is wrong, too
        messages = (message, "is not of the type") if operation == "verify" else (message,)
        assert any(one in found["error"] for one in messages), (name, operation, found)
        assert found["mib"] < 32, (name, operation, found)
        assert found["seconds"] < 5 or not soak, (name, operation, found)


def test_what_costs_too_much_to_decode_can_be_stored(tmp_path):
    runs = []
    for _, path, ext in files(tmp_path, bombs.UNDECODABLE):
        runs += [[path, operation, 400, ext] for operation in ("verify", "optimize")]
    for run, found in zip(runs, measured(tmp_path, runs), strict=True):
        assert found["error"] == "", (run, found)
        assert found["mib"] < 64, (run, found)


def test_what_is_taken_keeps_the_promise(tmp_path, soak):
    for name, path, ext in files(tmp_path, bombs.TAKEN if soak else {name: bombs.TAKEN[name] for name in bombs.QUICK}):
        for operation in ALL if soak else ["crop"]:
            keeps_the_promise(name, operation, measured(tmp_path, [[path, operation, 400, ext]])[0], soak)


def keeps_the_promise(name, operation, found, soak):
    print(f"{name}, {operation}: {found['mib']:.0f} MiB, {found['seconds']:.1f} s")
    assert found["error"] == "", (name, operation, found)
    assert found["mib"] <= 256, (name, operation, found)
    assert found["seconds"] <= 10 or not soak, (name, operation, found)


def test_the_largest_of_each_kind_keeps_the_promise(tmp_path, soak):
    """The largest image that is taken of each format, mode and variant, for each operation."""
    path = tmp_path / "largest"
    for name in largest.KINDS if soak else ["JPEG, progressive", "WebP"]:
        kind = largest.KINDS[name]
        ext = EXTENSIONS.get(kind.format, kind.format.lower())
        for operation in [*largest.OPERATIONS, "verify"] if soak else ["field"]:
            if operation != "verify":
                side = largest.largest_side(kind, operation)
                path.write_bytes(kind.made(side))
            found = measured(tmp_path, [[path, operation, side, ext]])[0]
            while found["error"] and "FS_IMAGES_MAX_MEMORY" in found["error"] and side > 100:
                # its file has more bytes than those of a smaller one let expect
                side = int(side * 0.95)
                path.write_bytes(kind.made(side))
                found = measured(tmp_path, [[path, operation, side, ext]])[0]
            keeps_the_promise(f"{name} of {side} by {side}", operation, found, soak)


@pytest.mark.parametrize("name", largest.ORDINARY)
def test_ordinary_pictures_are_taken(name, tmp_path, soak):
    """What phones, cameras and scanners make, with the default of IMAGES_MAX_MEMORY."""
    kind, size = largest.ORDINARY[name]
    with largest.sample(kind) as is_taken:
        for operation, wanted in largest.MADE.items():
            assert is_taken(size, wanted), operation
    if soak:
        path = tmp_path / "picture"
        path.write_bytes(kind.made(size))
        ext = EXTENSIONS.get(kind.format, kind.format.lower())
        for operation in ("verify", *largest.MADE, "optimize"):
            (found,) = measured(tmp_path, [[path, operation, max(size), ext]])
            keeps_the_promise(f"{name}, {size[0]} by {size[1]}", operation, found, soak)


def test_what_needs_nothing_done_is_returned_whatever_it_would_cost():
    content = bombs.png(8_500, 8_500, rows=1)
    assert images.resize(io.BytesIO(content), 8_500).read() == content
    with pytest.raises(UnauthorizedFileType, match="FS_IMAGES_MAX_MEMORY"):
        images.resize(io.BytesIO(content), 8_499)
    with pytest.raises(UnauthorizedFileType, match="truncated"):
        images.resize(io.BytesIO(content[:-20]), 8_500)
    renditions = render(io.BytesIO(content), max_size=8_500)
    assert renditions.is_source
