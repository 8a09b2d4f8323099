"""A client that sends files in parts as ``@uppy/aws-s3`` 6 does, with the same requests."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import requests

from flask_pyfs.backends.contract import UploadURL


class Refused(Exception):
    """The app or the store refused a request."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status} {body}")
        self.status = status


class Companion:
    """One upload.

    :param client: a test client of the app.
    :param upload: what the app has permitted.
    """

    def __init__(self, client: Any, upload: UploadURL) -> None:
        self.client = client
        self.upload = upload
        self.base = f"{upload.url}/s3"
        self.name = upload.name

    def ask(self, path: str, method: str = "GET", **more: Any) -> Any:
        """Ask the app, and return what its JSON says."""
        answer = self.client.open(f"{self.base}{path}", method=method, **more)
        if answer.status_code != 200:
            raise Refused(answer.status_code, answer.text)
        return answer.json

    def create(self, filename: str = "any name.txt", kind: str = "text/plain") -> tuple[str, str]:
        body = {"filename": filename, "metadata": {"name": filename}, "type": kind}
        answer = self.ask("/multipart", "POST", json=body)
        return answer["uploadId"], answer["key"]

    def path(self, upload: str, key: str | None, *below: object) -> str:
        asked = "".join(f"/{quote(str(each), safe='')}" for each in (upload, *below))
        return f"/multipart{asked}" + ("" if key is None else f"?key={quote(key, safe='')}")

    def signed(self, upload: str, key: str | None, number: object) -> str:
        url: str = self.ask(self.path(upload, key, number))["url"]
        return url

    def send(self, upload: str, key: str, number: int, content: bytes) -> dict[str, Any]:
        answer = requests.put(self.signed(upload, key, number), data=content, timeout=30)
        if answer.status_code != 200:
            raise Refused(answer.status_code, answer.text)
        return {"PartNumber": number, "ETag": answer.headers["ETag"].strip('"')}

    def list(self, upload: str, key: str | None) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.ask(self.path(upload, key))
        return listed

    def complete(self, upload: str, key: str | None, parts: object) -> dict[str, str]:
        answer: dict[str, str] = self.ask(self.path(upload, key, "complete"), "POST", json={"parts": parts})
        return answer

    def abort(self, upload: str, key: str | None) -> None:
        self.ask(self.path(upload, key), "DELETE")

    def whole(self, *contents: bytes) -> dict[str, str]:
        """Send a file, and return the answer to its completion."""
        upload, key = self.create()
        return self.complete(upload, key, [self.send(upload, key, *part) for part in enumerate(contents, 1)])
