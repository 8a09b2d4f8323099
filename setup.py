"""Everything but what an sdist carries is in setup.cfg."""

from __future__ import annotations

import os
import subprocess

from setuptools import setup
from setuptools.command.sdist import sdist

CARRIED = ["CHANGELOG.md", "docs", "tests"]
MADE = ("_build", "__pycache__", "instance")


class Sdist(sdist):
    """A source distribution with the tests, the documentation and the example."""

    def make_distribution(self) -> None:
        others = [name for name in self.filelist.files if name.split(os.sep)[0] not in CARRIED]
        self.filelist.files = sorted({*others, *(tracked() or present())})
        super().make_distribution()


def tracked() -> list[str]:
    """Return what git knows of the carried files, nothing outside of a clone."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z", "--", *CARRIED], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [name for name in os.fsdecode(listed.stdout).split("\0") if os.path.isfile(name)]


def present() -> list[str]:
    """Return the carried files of a tree that git does not know, such as an unpacked sdist."""
    found = [name for name in CARRIED if os.path.isfile(name)]
    for top in CARRIED:
        for directory, directories, names in os.walk(top):
            directories[:] = [name for name in directories if not is_made(name)]
            found += [os.path.join(directory, name) for name in names if not is_made(name)]
    return found


def is_made(name: str) -> bool:
    return name in MADE or name.startswith(".") or name.endswith((".egg-info", ".pyc"))


setup(cmdclass={"sdist": Sdist})
