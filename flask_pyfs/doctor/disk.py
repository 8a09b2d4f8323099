"""Looks at the directory of a storage whose files are on a disk of this machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

from .findings import Finding, Subject

# of the disk, or of its inodes
_LEAST = 0.02
# even of a large disk, this is enough for a while
_ENOUGH = 10 * 1024**3


def examine(subject: Subject, root: str) -> Iterator[Finding]:
    """Check where the directory is, and how full its disk. Makes no request."""
    where, directory = subject.place, os.path.realpath(root)
    app, config = subject.state.app, subject.state.config
    if is_shown_by_flask(subject, directory):
        yield subject.found(
            "root",
            "error" if config["private"] or config["authorize"] is not None else "warning",
            f"the files are in {directory}, and Flask shows all of {app.static_folder} to everybody: set {where} to a "
            "directory outside of the static folder",
        )
    elif _is_in(directory, os.path.realpath(tempfile.gettempdir())) and not app.testing:
        yield subject.found(
            "root",
            "warning",
            f"the files are in {directory}, among the temporary files, which the system may delete: set {where} to a "
            "directory that stays",
        )
    else:
        yield subject.found("root", "ok", f"the files are in {directory}")
    yield _space(subject, directory, where)


def is_shown_by_flask(subject: Subject, root: str) -> bool:
    """Return whether a directory is in the static folder of the app, which Flask shows to everybody."""
    static = subject.state.app.static_folder
    return bool(static) and _is_in(os.path.realpath(root), os.path.realpath(static or ""))


def _space(subject: Subject, directory: str, where: str) -> Finding:
    while not os.path.exists(directory):
        directory = os.path.dirname(directory)
    try:
        disk = os.statvfs(directory)
    except OSError as error:
        return subject.found("space", "skipped", f"the system does not tell how full the disk is ({error.strerror})")
    free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    if free < min(_ENOUGH, _LEAST * size):
        left = f"{free // 1024**2} MiB of {size // 1024**2} MiB"
        message = f"the disk is nearly full: {left} are left; make room, or set {where} to a directory on another disk"
        return subject.found("space", "warning", message)
    # some filesystems count no inodes
    if disk.f_files and disk.f_favail < _LEAST * disk.f_files:
        message = f"the disk takes only {disk.f_favail} files more (inodes): make room, or set {where} to another disk"
        return subject.found("space", "warning", message)
    return subject.found("space", "ok", "the disk has room")


def _is_in(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory.rstrip('/')}/")
