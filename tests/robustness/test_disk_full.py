"""A disk that takes no more: an error, the old file intact, nothing left behind."""

import pytest
from robust import on_small_disk, run_script


@pytest.mark.parametrize("backend", ["local", "pyfs"])
def test_files_may_not_grow(backend, tmp_path):
    assert run_script("child_disk_full.py", tmp_path, backend, 1 << 20) == "checked\n"


@pytest.mark.parametrize("backend", ["local", "pyfs"])
def test_a_small_disk(backend, tmp_path):
    small = on_small_disk(tmp_path, "2m")
    assert run_script("child_disk_full.py", tmp_path, backend, 0, before=small) == "checked\n"
