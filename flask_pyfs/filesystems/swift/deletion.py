"""Deleting the objects of a container, many in one request if the cluster can."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any
from urllib.parse import quote

from fs import errors

from ...errors import explained
from ..objects.errors import literal
from .advice import denied
from .answers import Deleted, deleted_of, is_number, odd_answers, whole_body
from .container import SwiftContainer

# the most objects in one bulk-delete request
_BATCH = 1000

# the longest line of such a request in characters (a limit of Swift)
_LINE = 2000

# how many objects are deleted in parallel if the cluster has no bulk delete
_AT_ONCE = 8


def remove(container: SwiftContainer, key: str, timeout: float | None = None) -> bool:
    """Delete an object, and return whether it existed. One request.

    :param timeout: the seconds to wait for the response, if other than those of the account.
    """
    try:
        return container.remove(key, timeout)
    except errors.InvalidPath:
        _remove_many(container, [key], timeout)
    return True


def delete(container: SwiftContainer, keys: Iterable[str], timeout: float | None = None) -> None:
    """Delete objects. Missing objects are ignored. 1,000 per request if the cluster has bulk delete, else one.

    :param timeout: the seconds to wait for each response, if other than those of the account.
    """
    remaining = iter(keys)
    while batch := list(islice(remaining, _BATCH)):
        if len(batch) == 1:
            remove(container, batch[0], timeout)
        else:
            _remove_many(container, batch, timeout)


def _remove_many(container: SwiftContainer, keys: list[str], timeout: float | None) -> None:
    with container.errors(keys[0]):
        bulk = container.account.capabilities(timeout).get("bulk_delete")
    if not isinstance(bulk, dict):
        if any(collapses(key) for key in keys):
            raise errors.OperationFailed(
                keys[0], msg="cannot delete '{path}': HTTP clients collapse its dots, and Swift has no bulk delete"
            )
        _remove_each(container, keys, timeout)
        return
    for key in keys:
        # Swift refuses longer lines, and counts the percent-encoded characters
        if len(quote(container.path(key))) > _LINE:
            container.remove(key, timeout)
    keys = [key for key in keys if len(quote(container.path(key))) <= _LINE]
    most = min(_BATCH, _most(bulk))
    for start in range(0, len(keys), most):
        _remove_by_one_request(container, keys[start : start + most], timeout)


def _most(bulk: dict[str, Any]) -> int:
    limit = bulk.get("max_deletes_per_request")
    return limit if is_number(limit) and limit else _BATCH


def _remove_each(container: SwiftContainer, keys: list[str], timeout: float | None) -> None:
    unreachable = threading.Event()

    def remove(key: str) -> None:
        # after the first timeout, skip the rest instead of waiting for each
        if not unreachable.is_set():
            try:
                container.remove(key, timeout)
            except (errors.OperationTimeout, errors.RemoteConnectionError):
                unreachable.set()
                raise

    with ThreadPoolExecutor(_AT_ONCE, "delete") as deletions:
        # the executor waits for all deletions before an error leaves the block
        list(deletions.map(remove, keys))


def _remove_by_one_request(container: SwiftContainer, keys: list[str], timeout: float | None) -> None:
    account, renewed = container.account, False
    pauses = account.pauses()
    while True:
        result = _ask(container, keys, timeout)
        # Swift sends 200 before it checks the token and the objects; the body has the real statuses
        statuses = [result.status, *(status for _, status in result.refused)]
        if not renewed and any(status.startswith("401") for status in statuses):
            renewed = True
            with container.errors(keys[0]):
                account.access(stale=account.access())
            continue
        pause = next(pauses, None)
        if pause is None or not any(status.startswith(("409", "5")) for status in statuses):
            break
        time.sleep(pause)
    refused = [(path, status) for path, status in result.refused if not status.startswith("404")]
    # some versions of Swift answer 400 if none of the objects exists
    succeeded = result.status.startswith("200") or (not refused and result.status.startswith("400") and result.gone)
    if refused or not succeeded:
        raise _not_deleted(container, refused, result.status)
    if result.gone + len(result.refused) != len(keys):
        message = f"container {container.name!r}: {result.gone} of {len(keys)} objects were deleted"
        raise errors.RemoteConnectionError(keys[0], msg=literal(message))


def _ask(container: SwiftContainer, keys: list[str], timeout: float | None) -> Deleted:
    body = "\n".join(quote(container.path(key)) for key in keys).encode()
    headers = {"Content-Type": "text/plain", "Accept": "application/json"}
    with container.errors(keys[0]):
        response, _ = container.account.request(
            "POST", "", expected={200}, query="bulk-delete", headers=headers, body=body, timeout=timeout
        )
        with response:
            content = whole_body(response, is_patient=True)
    with odd_answers(container.name, keys[0]):
        return deleted_of(content)


def collapses(key: str) -> bool:
    """Return whether HTTP clients take a key for another one, because they collapse its dots."""
    return any(part in (".", "..") for part in key.split("/"))


def _not_deleted(container: SwiftContainer, refused: list[tuple[str, str]], status: str) -> errors.FSError:
    path, reason = refused[0] if refused else ("", status)
    if reason.startswith(("401", "403")):
        explanation = denied(container.name, container.owner, reads=False)
        return explained(errors.PermissionDenied(path, msg=literal(explanation)), explanation)
    message = f"container {container.name!r}: could not delete {len(refused)} objects, among them {path!r}: {reason}"
    kind = errors.RemoteConnectionError if reason.startswith("5") else errors.OperationFailed
    return kind(path, msg=literal(message))
