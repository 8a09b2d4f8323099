"""Listing the objects of a container."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice
from urllib.parse import quote

from fs import errors

from ..objects.errors import literal
from ..store import Facts
from .answers import Entry, is_number, listing_of, odd_answers, require_container
from .container import ContainerMissing, SwiftContainer
from .deletion import collapses
from .facts import facts_of, is_marker, listed_facts

_log = logging.getLogger(__name__)

# Swift searches up to the character after the last one of a prefix, and these two have none that UTF-8 can encode
_WITHOUT_NEXT = "\ud7ff\U0010ffff"


def entries(
    container: SwiftContainer, prefix: str, delimiter: str | None = None, limit: int | None = None
) -> Iterator[Entry]:
    """Iterate over the entries of the listing whose keys start with a prefix. One request per page.

    :param delimiter: group the keys that contain it after the prefix: each group is one entry with ``subdir``.
    :param limit: the maximum number of entries.
    :raises fs.errors.RemoteConnectionError: if a page does not go on where the one before it ended.
    """
    return islice(_entries(container, prefix, delimiter, limit), limit)


def name_of(entry: Entry) -> str:
    """Return the key of an entry, or the common part of the keys of a group."""
    return str(entry.get("subdir") or entry["name"])


def _entries(container: SwiftContainer, prefix: str, delimiter: str | None, limit: int | None) -> Iterator[Entry]:
    asked, marker = _asked(prefix)
    most = _page_size(container)
    size = min(filter(None, (most, limit)), default=None)
    while True:
        page = _page(container, asked, delimiter, marker, size)
        for entry in page:
            name = name_of(entry)
            # a proxy that drops the query sends other names, or the same ones for ever
            if name <= marker or not name.startswith(asked):
                message = f"container {container.name!r}: the listing has {name!r} after {marker!r} for {asked!r}"
                raise errors.RemoteConnectionError(prefix, msg=literal(message))
            marker = name
            if name.startswith(prefix):
                yield entry
            elif name > prefix:
                return
        if not page or (most is not None and size is not None and len(page) < size):
            return


def _asked(prefix: str) -> tuple[str, str]:
    """Return the prefix to ask for, and a name before all those that start with the prefix that is meant."""
    asked = prefix.rstrip(_WITHOUT_NEXT)
    if asked == prefix:
        return prefix, ""
    return asked, prefix[:-1] + chr(ord(prefix[-1]) - 1)


def _page_size(container: SwiftContainer) -> int | None:
    if container.limit is not None:
        return container.limit
    with container.errors():
        swift = container.account.capabilities().get("swift")
    limit = swift.get("container_listing_limit") if isinstance(swift, dict) else None
    return limit if is_number(limit) and limit else None


def _page(container: SwiftContainer, prefix: str, delimiter: str | None, marker: str, limit: int | None) -> list[Entry]:
    asked = {"format": "json", "prefix": prefix, "delimiter": delimiter, "marker": marker, "limit": limit}
    with container.errors(prefix):
        query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in asked.items() if value)
    try:
        answer = container.finish("GET", None, query=query)
    except errors.ResourceNotFound:
        if not container.create:
            raise ContainerMissing.named(container.name) from None
        return []
    with odd_answers(container.name, prefix):
        require_container(answer.headers)
        return [] if answer.status == 204 else listing_of(answer.content)


def listed(
    container: SwiftContainer, prefix: str, *, deep: bool, limit: int | None
) -> Iterator[tuple[str, Facts | None]]:
    """Do what :meth:`ObjectStore.list_objects` does."""
    found, markers = False, set()
    for entry in entries(container, prefix, None if deep else "/", limit):
        found = True
        if "subdir" in entry:
            if entry["subdir"] not in markers:
                yield entry["subdir"], None
        elif is_marker(entry.get("content_type"), entry["bytes"]) and not entry["name"].endswith("/"):
            markers.add(f"{entry['name']}/")
            yield f"{entry['name']}/", None
        else:
            yield entry["name"], _facts(container, entry)
    if not found and prefix.endswith("/") and (marker := foreign_marker(container, prefix)):
        yield prefix, marker


def files(container: SwiftContainer, prefix: str) -> Iterator[tuple[str, Facts]]:
    """Iterate over the objects that are files. Unlike :func:`listed`, it makes no request for a marker."""
    for entry in entries(container, prefix):
        name = entry["name"]
        if name.endswith("/") or is_marker(entry.get("content_type"), entry["bytes"]):
            continue
        if collapses(name):
            _log.warning("container %r: no HTTP client can ask for %r: it is left out", container.name, name)
            continue
        yield name, _facts(container, entry)


def _facts(container: SwiftContainer, entry: Entry) -> Facts:
    with odd_answers(container.name, entry["name"]):
        return listed_facts(entry)


def foreign_marker(container: SwiftContainer, key: str) -> Facts | None:
    """Return the facts of the marker of a directory as other tools name it, without the slash. One request."""
    if len(key) < 2:
        return None
    try:
        headers = container.head(key[:-1]).headers
    except errors.ResourceNotFound:
        return None
    with odd_answers(container.name, key):
        facts = facts_of(headers)
    return facts if is_marker(facts.content_type, facts.size) else None
