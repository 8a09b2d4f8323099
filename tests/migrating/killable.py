"""Copiers in processes of their own, which kill themselves."""

import multiprocessing
import os
import signal

from load import open_storage

from flask_pyfs.filesystems.migrating import copiers
from flask_pyfs.migration import migrate

# forks from a process without threads, which has imported all that they need
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__, "flask_pyfs.backends.migrating", "flask_pyfs.filesystems.s3"])


def start(settings, names, told=None):
    """Start a copier that is killed when so many names are done, or else puts into a queue how it ended."""
    process = CONTEXT.Process(target=_run, args=(settings, names, told), daemon=True)
    process.start()
    return process


def end(process):
    """Wait for the end of a copier, and return whether it was killed."""
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def _run(settings, names, told):
    left = names
    copiers.EXPIRY = 1.0

    def count(event):
        nonlocal left
        if event.kind != "planned":
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    report = migrate(open_storage(settings)[0], on_event=count)
    if told is not None:
        told.put((report.missing, [str(event.error) for event in report.failures]))
