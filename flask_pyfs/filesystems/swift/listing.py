"""Listing the objects of a container."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from urllib.parse import quote

from fs import errors

from ..objects.errors import literal
from .answers import Entry, is_number, listing_of, odd_answers, require_container
from .container import ContainerMissing, SwiftContainer

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
