"""Jobs for a worker: what the app's ENQUEUE gets for an image whose files are made later."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from inspect import iscoroutine
from typing import Any, TypeVar

from ..common import ENQUEUE
from ..errors import BackendError, ConfigurationError
from ..keys import storage_key
from ..leases.once import once
from ..leases.shared import Busy
from ..renditions.making import lease_time, setting
from ..state import find
from ..storage import Storage
from .holders import Held

_log = logging.getLogger(__name__)

#: A value of JSON: ``model``, ``field`` and ``id`` tell the place of a reference, ``ticket`` tells the upload, and
#: ``state`` whether it failed before.
Job = Mapping[str, Any]

Value = TypeVar("Value", bound=Held)


class Gone(Exception):
    """The row or document has another image by now, or is gone."""


def require_enqueue(storage: Storage) -> Any:
    """Return ENQUEUE.

    :raises ConfigurationError: if it is not set.
    """
    function = setting(storage, ENQUEUE)
    if function is None:
        raise ConfigurationError(
            f"storage {storage.name!r}: process='later' needs a function that passes a job to a worker: set "
            f"{storage_key(storage.name, 'ENQUEUE')} or FS_ENQUEUE, for example to the delay of a task of Celery",
            storage=storage.name,
        )
    return function


def enqueue(storage: Storage, job: Job) -> None:
    """Call ENQUEUE with a job.

    :raises ConfigurationError: if it is not set, or is a coroutine function.
    """
    answer = require_enqueue(storage)(dict(job))
    if iscoroutine(answer):
        # else Python warns that nobody awaited it
        answer.close()
        raise ConfigurationError(
            f"ENQUEUE of storage {storage.name!r} is an async function, which nobody awaits: set a function",
            storage=storage.name,
        )


def enqueue_saved(storage: Storage, job: Job) -> None:
    """Call ENQUEUE for what was just saved. A failure is logged, because the upload itself is saved."""
    try:
        enqueue(storage, job)
    except Exception:
        _log.exception(
            "storage %r: ENQUEUE failed, so no worker was told of %r: the image is stored, and its thumbnails are "
            "pending; when the queue works again, call enqueue() of the reference, or rerender() to make them at once",
            storage.name,
            job,
        )


def unknown_class(job: Job) -> ConfigurationError:
    """Return the error of a worker that has no class of the name in a job."""
    wanted = "import the module that defines it"
    if job["model"].startswith("__main__."):
        wanted = (
            "the app is a script, whose classes no other process knows: start it by its module, as flask --app does"
        )
    return ConfigurationError(f"this worker does not know the class {job['model']!r} of a job: {wanted}")


def unknown_field(job: Job) -> ConfigurationError:
    """Return the error of a worker whose class is not as that which made a job."""
    return ConfigurationError(
        f"a job names the image {job['field']!r} of {job['model']!r} with the key {job['id']!r}, but that class has no "
        "such image or no such key: another version of the app made the job; rerender() of the reference does its work"
    )


def rendering(job: Job, unfinished: Callable[[], Value | None], render: Callable[[Value], None]) -> bool:
    """Render the reference of a job, unless it is done already or another worker does so now. Return whether this call
    did so.

    :param unfinished: reads the reference; None if it is done, or has another upload by now, or is gone.
    :param render: renders it, on the condition that it is unfinished still, or raises :class:`Gone`.
    :raises BackendError: if another worker has not finished by the time when its lease must have expired.
    """
    found = unfinished()
    if found is None:
        return False
    storage, is_rendered = found.fs, False

    def is_done() -> bool:
        nonlocal found
        found = unfinished()
        return found is None

    def make() -> None:
        nonlocal is_rendered
        # what is_done has just read
        if found is not None:
            with suppress(Gone):
                render(found)
                is_rendered = True

    lifetime = lease_time(storage)
    try:
        once(find(storage), f"job {job['ticket']}", make, is_done, lifetime=lifetime, patience=2 * lifetime)
    except Busy as error:
        raise BackendError(
            f"storage {storage.name!r}: another worker has rendered the image of {dict(job)!r} for more than "
            f"{2 * lifetime:.0f} seconds: try again",
            storage=storage.name,
        ) from error
    return is_rendered
