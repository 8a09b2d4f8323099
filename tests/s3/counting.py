"""What a client of S3 sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def requests_of(client: Any) -> Iterator[list[tuple[str, str]]]:
    """The HTTP requests that a boto3 client sends in the block, repeated ones too, as (method, operation)."""
    sent: list[tuple[str, str]] = []

    def note(request: Any, event_name: str, **others: Any) -> None:
        sent.append((request.method, event_name.rpartition(".")[2]))

    client.meta.events.register("before-send.s3", note)
    try:
        yield sent
    finally:
        client.meta.events.unregister("before-send.s3", note)


def operations(sent: list[tuple[str, str]]) -> Counter[str]:
    """How often each operation was sent, for those whose order is open."""
    return Counter(operation for _, operation in sent)
