"""Requests to the URLs of uploads, as clients of both protocols send them, through the client of Flask."""

from __future__ import annotations

import base64
from typing import Any

TUS = {"Tus-Resumable": "1.0.0"}
OFFSET_TYPE = "application/offset+octet-stream"
PART_TYPE = "application/partial-upload"


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


class Tus:
    """A client of tus.

    :param client: the test client of an app.
    :param url: the URL where uploads begin.
    """

    def __init__(self, client: Any, url: str) -> None:
        self.client, self.url = client, url
        self.location = ""

    def create(self, length: int | None, content: bytes = b"", **fields: str) -> Any:
        size = {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
        kind = {"Content-Type": OFFSET_TYPE} if content else {}
        answer = self.client.post(self.url, headers={**TUS, **size, **kind, **named(fields)}, data=content)
        self.location = answer.headers.get("Location", self.location)
        return answer

    def patch(self, offset: int | str, content: bytes = b"", **fields: str) -> Any:
        headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": OFFSET_TYPE, **named(fields)}
        return self.client.patch(self.location, headers=headers, data=content)

    def head(self) -> Any:
        return self.client.head(self.location, headers=TUS)

    def delete(self) -> Any:
        return self.client.delete(self.location, headers=TUS)


class Draft:
    """A client of Resumable Uploads for HTTP."""

    def __init__(self, client: Any, url: str) -> None:
        self.client, self.url = client, url
        self.location = ""

    def create(self, is_last: bool, content: bytes = b"", **fields: str) -> Any:
        headers = {"Upload-Complete": f"?{int(is_last)}", "Upload-Draft-Interop-Version": "10", **named(fields)}
        answer = self.client.post(self.url, headers=headers, data=content)
        self.location = answer.headers.get("Location", self.location)
        return answer

    def append(self, offset: int | str, is_last: bool, content: bytes = b"", **fields: str) -> Any:
        headers = {
            "Upload-Complete": f"?{int(is_last)}",
            "Upload-Offset": str(offset),
            "Content-Type": PART_TYPE,
            **named(fields),
        }
        return self.client.patch(self.location, headers=headers, data=content)

    def head(self) -> Any:
        return self.client.head(self.location)

    def delete(self) -> Any:
        return self.client.delete(self.location)


def named(fields: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in fields.items()}
