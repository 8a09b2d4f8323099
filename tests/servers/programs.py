"""Programs that the tests need and pip does not install."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence

import pytest


def program(name: str, package: str, places: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> str:
    """Return where a program is; without it the test is skipped, or fails if ``CI`` is set.

    :param package: the package of Debian that has it.
    :param places: directories to look in before those of PATH.
    """
    # a user's PATH may leave out the directory of Debian's servers
    path = os.pathsep.join([*places, environ.get("PATH", os.defpath), "/usr/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        reason = f"{name} is not installed; on Debian: apt install {package}"
        if environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
