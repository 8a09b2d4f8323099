"""Examines an app and its storages, all at the same time."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterable, Iterator

from flask import Flask

from ..errors import FSError, PermissionDenied
from ..errors import OperationNotSupported as NotSupported
from ..state import find, require_registry
from ..storage import Storage
from . import app as app_checks
from . import disk, probing, settings
from .findings import Finding, Subject

# in seconds; the storages have timeouts of their own, which are shorter
PATIENCE = 120.0


def examine(
    app: Flask,
    storages: Iterable[Storage] | None = None,
    *,
    origin: str | None = None,
    load: str | None = None,
    patience: float = PATIENCE,
) -> Iterator[Finding]:
    """Check an app and its storages, and yield what is found: first of the app, then of each storage in turn.

    Each storage gets a probe: a file below ``.flask_pyfs/``, which no listing shows, and which is deleted. If the
    process is killed meanwhile, ``remove_leftovers`` of the backend removes it. No file of the app is touched. The
    storages are examined at the same time, each in a thread.

    :param app: the app.
    :param storages: some of its storages; by default all, and the app itself.
    :param origin: the origin of the app's pages, such as ``'https://shop.example'``. By default, ``SERVER_NAME`` and
        ``PREFERRED_URL_SCHEME`` tell it.
    :param load: the name of the app, as ``flask --app`` takes it; an empty one is that which Flask finds itself. The
        app is then loaded in another process too, to see whether ``SECRET_KEY`` is the same at each start.
    :param patience: how long to wait for the storages, in seconds.
    :raises flask_pyfs.errors.ConfigurationError: if the app has no storages.
    """
    chosen = list(require_registry(app).values() if storages is None else storages)
    if origin is None and app.config.get("SERVER_NAME"):
        origin = f"{app.config['PREFERRED_URL_SCHEME']}://{app.config['SERVER_NAME']}"
    with app.app_context():
        subjects = [(Subject(find(storage), origin and origin.rstrip("/")), storage) for storage in chosen]
    until = time.monotonic() + patience
    waiting = [_begun(app, subject, storage) for subject, storage in subjects]
    if storages is None:
        yield from app_checks.examine(app, load)
    for (subject, _), results in zip(subjects, waiting, strict=True):
        try:
            yield from results.get(timeout=max(until - time.monotonic(), 0.001))
        except queue.Empty:
            message = (
                f"the checks did not end within {patience:g} seconds: lower {subject.setting('TIMEOUT', 'BACKEND')}"
            )
            yield subject.found("reach", "error", message, again=True)


def _begun(app: Flask, subject: Subject, storage: Storage) -> queue.Queue[list[Finding]]:
    results: queue.Queue[list[Finding]] = queue.Queue()
    name = storage.name

    def run() -> None:
        found: list[Finding] = []
        with app.app_context(), _Warnings() as warnings:
            try:
                found.extend(_of_storage(subject, storage))
            except FSError as error:
                found.append(Finding(name, "reach", "error", str(error)))
            except Exception as error:
                # of a backend that other code wrote
                found.append(Finding(name, "reach", "error", f"{type(error).__name__}: {error}"))
        results.put(found + [Finding(name, "log", "warning", text) for text in warnings.texts])

    # one that hangs must not keep the process
    threading.Thread(target=run, name=f"doctor {name}", daemon=True).start()
    return results


def _of_storage(subject: Subject, storage: Storage) -> Iterator[Finding]:
    yield from settings.examine(subject, storage)
    yield from disk.examine(subject)
    may_list = True
    try:
        next(iter(subject.state.operations.list_files()), None)
    except NotSupported as error:
        yield subject.found("reach", "skipped", str(error))
    except PermissionDenied as error:
        yield subject.failed("list", error, "the files cannot be listed")
        may_list = False
    except FSError as error:
        yield subject.failed("reach", error)
        yield subject.found("probe", "skipped", "the other checks need a store that answers")
        return
    else:
        yield subject.found("reach", "ok", "the store answers and lists")
    store = subject.store
    if store is None:
        kind = type(subject.state.backend).__name__
        yield subject.found(
            "probe", "skipped", f"{kind} was written for Flask-FS, and takes no file under a reserved name"
        )
        return
    yield settings.shared(subject, store)
    yield from probing.examine_store(subject, store, may_list=may_list)


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
