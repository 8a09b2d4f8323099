"""Lists directories and whole trees. What the root hides is left out, and what cannot be read."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator, Sequence

from ...names import is_reserved
from .root import Root, Run
from .trees import open_directory

log = logging.getLogger(__name__)

# the directories that were logged because they cannot be read
_logged: set[str] = set()
_MOST_LOGGED = 1000


def leads_to_shown(root: Root, link: str, runs: Sequence[Run]) -> bool:
    """Return whether a listing shows a symbolic link.

    :param runs: the directories on the way to it, as :meth:`Root.runs` returns them.
    """
    # OSFS fails on a broken link, and follows a link that leaves the root or leads to a parent
    real = os.path.realpath(link)
    return os.path.exists(real) and root.leads_to(real) and not any(_has(run, real) for run in runs)


def _has(run: Run, directory: str) -> bool:
    top, last = (f"{path.rstrip('/')}/" for path in run)
    return f"{directory.rstrip('/')}/".startswith(top) and last.startswith(f"{directory.rstrip('/')}/")


def files_below(root: Root, parts: list[str], directory: str, start: str) -> Iterator[str]:
    """Iterate over the names of all files below a directory, lazily.

    :param parts: the path of the directory.
    :param directory: the same path in the operating system, with links resolved.
    :param start: the start of the names inside the directory.
    :raises PermissionError: if this directory cannot be read. Others that cannot are left out, and logged once.
    """
    if directory == root.path:
        root.require()
    asked = directory
    pending = [("".join(f"{part}/" for part in parts), directory, root.runs(parts))]
    while pending:
        above, directory, runs = pending.pop()
        try:
            # the root may have become a link to where it was moved; behind a slash, links are followed
            descriptor = open_directory(f"{directory}/" if directory == root.path else directory)
        except (FileNotFoundError, NotADirectoryError):
            root.require()
            continue
        except OSError as error:
            if directory == asked or error.errno not in (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG):
                raise
            log_once(directory, error)
            continue
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    name = entry.name
                    if not name.startswith(start) or is_reserved(name):
                        continue
                    linked = entry.is_symlink()
                    if linked and not leads_to_shown(root, f"{directory}/{name}", runs):
                        continue
                    if entry.is_file():
                        yield above + name
                    elif entry.is_dir():
                        path = f"{directory}/{name}"
                        if not linked:
                            pending.append((f"{above}{name}/", path, (*runs[:-1], (runs[-1][0], path))))
                        elif root.follow_symlinks:
                            real = os.path.realpath(path)
                            pending.append((f"{above}{name}/", real, (*runs, (real, real))))
        finally:
            os.close(descriptor)
        start = ""


def log_once(path: str, error: Exception) -> None:
    """Log, once in this process, that something cannot be read."""
    if path not in _logged and len(_logged) < _MOST_LOGGED:
        _logged.add(path)
        log.warning("%r is left out of listings and is not served, because it cannot be read: %s", path, error)
