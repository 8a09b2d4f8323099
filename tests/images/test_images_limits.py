"""No image takes more than 256 MiB and ten seconds, whatever it is and whatever is made of it."""

import bombs
import pytest
from largest import measured

MIB = 1024 * 1024
ALL = ("verify", "center", "crop", "resize", "optimize", "field")
EXTENSIONS = {"JPEG": "jpg", "TIFF": "tif"}


def files(tmp_path, cases):
    for name, (ext, make, *_) in cases.items():
        path = tmp_path / f"{name} {make.__code__.co_firstlineno}.{ext}"
        path.write_bytes(make())
        yield name, path, ext


def test_what_costs_too_much_is_refused_quickly_and_in_little_memory(tmp_path):
    runs, wanted = [], []
    for name, path, ext in files(tmp_path, bombs.UNOPENABLE):
        runs += [[path, operation, 400, ext] for operation in ALL]
        wanted += [(name, operation, bombs.UNOPENABLE[name][2]) for operation in ALL]
    for name, path, ext in files(tmp_path, bombs.UNDECODABLE):
        runs += [[path, operation, 400, ext] for operation in ("center", "crop", "field")]
        wanted += [(name, operation, "FS_IMAGES_MAX_MEMORY") for operation in ("center", "crop", "field")]
    for case, found in zip(wanted, measured(tmp_path, runs), strict=True):
        assert case[2] in found["error"], (case, found)
        assert found["mib"] < 32, (case, found)
        assert found["seconds"] < 5, (case, found)


def test_what_costs_too_much_to_decode_can_be_stored(tmp_path):
    runs = []
    for _, path, ext in files(tmp_path, bombs.UNDECODABLE):
        runs += [[path, operation, 400, ext] for operation in ("verify", "optimize")]
    for run, found in zip(runs, measured(tmp_path, runs), strict=True):
        assert found["error"] == "", (run, found)
        assert found["mib"] < 64, (run, found)


# by default each in turn with one operation, the dearest
@pytest.mark.parametrize("name", bombs.TAKEN)
def test_what_is_taken_keeps_its_promise(tmp_path, soak, name):
    ((_, path, ext),) = files(tmp_path, {name: bombs.TAKEN[name]})
    for operation in ALL if soak else ["field"]:
        (found,) = measured(tmp_path, [[path, operation, 400, ext]])
        print(name, operation, found)
        assert found["error"] == ""
        assert found["mib"] <= 256
        assert found["seconds"] <= 10 or not soak
