"""Examines an app and its storages, all at the same time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing

from flask import Flask

from ..backends.base import BaseBackend
from ..errors import FSError, PermissionDenied
from ..errors import OperationNotSupported as NotSupported
from ..settings import unread_settings
from ..state import find, require_registry
from ..storage import Storage
from . import app as app_checks
from . import disk, encryption, probing, scanner, settings
from .findings import Finding, Subject
from .http import origin_of
from .restarting import Restart

# in seconds; the storages have timeouts of their own, which are shorter
PATIENCE = 120.0

# for the probes of storages whose examination is stopped
_LEAVE = 10.0


def examine(
    app: Flask,
    storages: Iterable[Storage] | None = None,
    *,
    origin: str | None = None,
    load: str | None = None,
    patience: float = PATIENCE,
) -> Generator[Finding, None, None]:
    """Check an app and its storages, and yield what is found: first of the app, then of each storage in turn.

    Each storage gets a probe: a file below ``.flask_pyfs/``, which no listing shows, and which is deleted. If the
    process is killed meanwhile, ``remove_leftovers`` of the backend removes it. No file of the app is touched. The
    storages are examined at the same time, each in a thread. Who closes the iterator waits for the probes to be
    deleted, for ten seconds at most.

    :param app: the app.
    :param storages: some of its storages; by default all, and the app itself.
    :param origin: the origin of the app's pages, such as ``'https://shop.example'``. By default, ``SERVER_NAME`` and
        ``PREFERRED_URL_SCHEME`` tell it.
    :param load: the name of the app, as ``flask --app`` takes it; an empty one is that which Flask finds itself. The
        app is then loaded in another process too, to see whether ``SECRET_KEY`` is the same at each start.
    :param patience: how long to wait for the storages, in seconds.
    :raises flask_pyfs.errors.ConfigurationError: if the app has no storages.
    :raises ValueError: if the origin is none.
    """
    chosen = list(require_registry(app).values() if storages is None else storages)
    is_given = origin is not None
    if origin is None and app.config.get("SERVER_NAME"):
        origin = f"{app.config['PREFERRED_URL_SCHEME']}://{app.config['SERVER_NAME']}"
    origin = origin and origin_of(origin)
    unread = tuple(unread_settings(app))
    with app.app_context():
        subjects = [Subject(find(storage), origin, unread, is_given) for storage in chosen]
    restart = Restart(load) if storages is None and load is not None else None
    until = time.monotonic() + patience
    running = [_Examination(app, *each) for each in zip(subjects, chosen, strict=True)]
    try:
        if storages is None:
            yield from app_checks.examine(app, unread, restart)
        while running:
            running[0].wait(until)
            examination = running.pop(0)
            yield from examination.results(patience)
            # one that is late is not waited for again
            examination.stop()
    finally:
        if restart is not None:
            restart.end()
        until = time.monotonic() + _LEAVE
        for each in running:
            each.stop()
        for each in running:
            each.wait(until)


class _Examination:
    """Examines a storage in a thread, from now on."""

    def __init__(self, app: Flask, subject: Subject, storage: Storage) -> None:
        self._app, self._subject, self._storage = app, subject, storage
        self._found: list[Finding] = []
        self._is_leaving, self._has_ended = threading.Event(), threading.Event()
        # one that hangs must not keep the process
        threading.Thread(target=self._run, name=f"doctor {storage.name}", daemon=True).start()

    def _run(self) -> None:
        with self._app.app_context(), _Warnings() as warnings:
            try:
                with closing(_of_storage(self._subject, self._storage)) as checks:
                    for finding in checks:
                        self._found.append(finding)
                        if self._is_leaving.is_set():
                            break
            except FSError as error:
                self._found.append(self._subject.found("reach", "error", str(error)))
            except Exception as error:
                # of a backend that other code wrote
                self._found.append(self._subject.found("reach", "error", f"{type(error).__name__}: {error}"))
        self._found += [self._subject.found("log", "warning", text) for text in warnings.texts]
        self._has_ended.set()

    def wait(self, until: float) -> None:
        """Wait for the end, to a time of the monotonic clock."""
        # Thread.join takes a thread for ended after Ctrl-C (Python 3.11)
        self._has_ended.wait(max(until - time.monotonic(), 0))

    def stop(self) -> None:
        """Let it delete its probe, and end."""
        self._is_leaving.set()

    def results(self, patience: float) -> Iterator[Finding]:
        """Iterate over what it has found; if it has not ended, that is an error."""
        is_late, found = not self._has_ended.is_set(), [*self._found]
        yield from found
        if is_late:
            check = "probe" if any(each.check == "reach" for each in found) else "reach"
            where = self._subject.setting("TIMEOUT", "BACKEND")
            message = f"the checks did not end within {patience:g} seconds: lower {where}"
            yield self._subject.found(check, "error", message, again=True)


def _of_storage(subject: Subject, storage: Storage) -> Generator[Finding, None, None]:
    yield from settings.examine(subject, storage)
    yield from scanner.examine(subject)
    for side in (sides := list(subject.sides())):
        yield settings.transport(side)
        yield from _of_store(side)
    if sides:
        # all of them together, too
        if (yield from _reached(subject)) and isinstance(backend := subject.state.backend, BaseBackend):
            for message in backend.doubts():
                yield subject.found("contents", "warning", message)
    else:
        yield from _of_store(subject)


def _reached(subject: Subject) -> Generator[Finding, None, bool | None]:
    """List a file. Returns whether the store lets its files be listed; None if it does not answer."""
    try:
        next(iter(subject.state.operations.list_files()), None)
    except NotSupported as error:
        yield subject.found("reach", "skipped", str(error))
    except PermissionDenied as error:
        yield subject.failed("list", error, "the files cannot be listed")
        return False
    except FSError as error:
        yield subject.failed("reach", error)
        return None
    else:
        yield subject.found("reach", "ok", "the store answers and lists")
    return True


def _of_store(subject: Subject) -> Generator[Finding, None, None]:
    if subject.state.root:
        yield from disk.examine(subject, subject.state.root)
    if is_encrypted := encryption.is_encrypted(subject):
        yield from encryption.examine_keys(subject)
    may_list = yield from _reached(subject)
    if may_list is None:
        yield subject.found("probe", "skipped", "the other checks need a store that answers")
        return
    store = subject.store
    if store is None:
        kind = type(subject.state.backend).__name__
        yield subject.found(
            "probe", "skipped", f"{kind} was written for Flask-FS, and takes no file under a reserved name"
        )
        return
    yield settings.shared(subject, store)
    filesystem = store.standard
    if not subject.state.root and (root := subject.root):
        yield from disk.examine(subject, root)
    if filesystem.getmeta().get("read_only"):
        yield subject.found("write", "skipped", f"what {subject.place} opens can only be read")
        return
    if is_encrypted and not encryption.has_keys(subject):
        yield subject.found("write", "skipped", "nothing can be written without a key")
    else:
        yield from probing.examine_store(subject, store, may_list=may_list)
    if is_encrypted and may_list:
        yield from encryption.examine_files(subject, store)


class _Warnings(logging.Handler):
    """Keeps the warnings that this package logs in the current thread, such as of a condition that a store lacks."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self._thread = threading.get_ident()

    def __enter__(self) -> _Warnings:
        logging.getLogger(__name__.partition(".")[0]).addHandler(self)
        return self

    def __exit__(self, *error: object) -> None:
        logging.getLogger(__name__.partition(".")[0]).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.texts.append(record.getMessage())
