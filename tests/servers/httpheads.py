"""Finds HTTP requests in a stream of bytes."""

from __future__ import annotations

import re


class Requests:
    """Finds the HTTP requests in the bytes that a client sends on one connection. It finds none in other protocols."""

    def __init__(self) -> None:
        self._part = "head"
        self._pending = b""
        self._skip = 0
        self.waits = False

    @property
    def in_head(self) -> bool:
        """Whether the head of a request has begun but not ended."""
        return self._part == "head" and bool(self._pending)

    @property
    def whole(self) -> bool:
        """Whether the last request is complete, with its body."""
        return self._part == "head" and not self._pending and not self._skip

    def feed(self, data: bytes) -> list[bytes]:
        """Return the heads that end in these bytes."""
        if self.waits and re.match(rb"[A-Z]+ \S+ HTTP/1", data):
            # after Expect: 100-continue, the server refused the body, so the client sends the next request
            self._part, self._skip = "head", 0
        self.waits = False
        self._pending += data
        heads: list[bytes] = []
        while self._pending and self._step(heads):
            pass
        return heads

    def _step(self, heads: list[bytes]) -> bool:
        if self._skip:
            skipped = min(self._skip, len(self._pending))
            self._pending = self._pending[skipped:]
            self._skip -= skipped
            return True
        if self._part == "head" and not re.match(rb"[A-Z]+( |\Z)", self._pending):
            self._part = "other"
        if self._part == "other":
            self._pending = b""
            return False
        text, end, rest = self._pending.partition(b"\r\n\r\n" if self._part == "head" else b"\r\n")
        if not end:
            return False
        self._pending = rest
        if self._part == "head":
            heads.append(text)
            self._begin_body(text)
        elif self._part == "trailer":
            self._part = "trailer" if text else "head"
        else:
            size = int(text.partition(b";")[0], 16)
            # CRLF follows the data of each chunk
            self._part, self._skip = ("chunk", size + 2) if size else ("trailer", 0)
        return True

    def _begin_body(self, head: bytes) -> None:
        length = re.search(rb"(?im)^content-length: *(\d+)", head)
        if re.search(rb"(?im)^transfer-encoding:.*\bchunked\b", head):
            self._part = "chunk"
        elif length:
            self._skip = int(length[1])
        self.waits = not self._pending and bool(re.search(rb"(?im)^expect: *100-continue", head))
