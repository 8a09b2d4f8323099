"""What a client of Swift sends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple
from urllib.parse import urlsplit

from containers import bare_connection
from servers.openstack import SwiftPlace

KINDS = ("account", "container", "object")


class Sent(NamedTuple):
    """A request.

    :param kind: what it is sent to: account, container, object, info, or auth.
    :param segments: whether that is, or is in, a container of segments.
    """

    method: str
    kind: str
    segments: bool = False


def requests_in(lines: Iterable[str]) -> list[Sent]:
    """Return what the first lines of HTTP requests ask for."""
    return [_request_in(line) for line in lines]


def _request_in(line: str) -> Sent:
    method, target, _ = line.split(" ")
    path = urlsplit(target).path
    if path == "/info":
        return Sent(method, "info")
    if path.startswith("/auth/"):
        return Sent(method, "auth")
    # version and account, container, object, which may have slashes
    _, *names = path.strip("/").split("/", 3)
    return Sent(method, KINDS[len(names) - 1], len(names) > 1 and names[1].endswith("_segments"))


def put_many(place: SwiftPlace, container: str, names: Sequence[str]) -> None:
    """Put many small objects with the bare driver."""

    def put(names: Sequence[str]) -> None:
        with closing(bare_connection(place)) as connection:
            for name in names:
                connection.put_object(container, name, b"x")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, (names[start::4] for start in range(4))))
