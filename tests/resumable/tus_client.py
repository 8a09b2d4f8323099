"""A client of tus 1.0.0 on plain HTTP, which does not give up."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

#: How much it sends at once, in bytes.
PART = 64 * 1024

#: How long it tries, in seconds.
PATIENCE = 120

# what another request is answered otherwise
_WAIT = {423, 500, 502, 503}


class TusClient:
    """Uploads one file.

    :param host: the host of the server.
    :param port: its port.
    :param on_part: is called with the number of bytes that were sent, of all, after each part.
    """

    def __init__(self, host: str, port: int, on_part: Callable[[int], Any] = lambda sent: None) -> None:
        self.host, self.port, self.on_part = host, port, on_part
        self.until = time.monotonic() + PATIENCE

    def upload(self, url: str, content: bytes) -> str:
        """Upload a file, and return the URL of the upload."""
        created = self.answered("POST", url, {"Upload-Length": str(len(content))})
        location = str(created.headers["Location"])
        while (offset := int(self.answered("HEAD", location, {}).headers["Upload-Offset"])) < len(content):
            try:
                self._send(location, content, offset)
            except (OSError, HTTPException):
                continue
        return location

    def _send(self, location: str, content: bytes, offset: int) -> None:
        connection = self._connected("PATCH", location, self._fields(offset, len(content) - offset))
        try:
            for start in range(offset, len(content), PART):
                connection.send(content[start : start + PART])
                self.on_part(min(start + PART, len(content)))
            answer = connection.getresponse()
            answer.read()
            assert answer.status in {204, 409, *_WAIT}, answer.status
        finally:
            connection.close()

    def _fields(self, offset: int, size: int) -> dict[str, str]:
        return {
            "Upload-Offset": str(offset),
            "Content-Length": str(size),
            "Content-Type": "application/offset+octet-stream",
        }

    def answered(self, method: str, url: str, fields: dict[str, str]) -> HTTPResponse:
        """Return the answer to a request without a body, which is sent again until there is one."""
        while True:
            try:
                connection = self._connected(method, url, {"Content-Length": "0", **fields})
                answer = connection.getresponse()
                answer.read()
                connection.close()
                if answer.status not in _WAIT:
                    assert answer.status < 400, (method, answer.status)
                    return answer
            except (OSError, HTTPException):
                pass
            assert time.monotonic() < self.until, "the server does not answer"
            # as the server asks it to
            time.sleep(0.05)

    def _connected(self, method: str, url: str, fields: dict[str, str]) -> HTTPConnection:
        connection = HTTPConnection(self.host, self.port, timeout=PATIENCE)
        connection.putrequest(method, url)
        for name, value in {"Tus-Resumable": "1.0.0", **fields}.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection
