"""What the answers of Swift must have. A proxy that answers in place of Swift can send anything."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from typing import Any, NamedTuple

from fs import errors
from requests import Response

from ..objects.errors import StoreErrors, literal
from ..objects.http import Pace

Entry = dict[str, Any]

# what reading an answer raises that is not what it should be
_ODD = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)

# the most that is read of a body that is no content of a file; a listing of 10,000 names of 1,024 bytes has about 40 MB
_LARGEST = 128 * 1024 * 1024


class odd_answers(StoreErrors):  # noqa: N801
    """Translate what reading an odd answer raises inside the block into :exc:`fs.errors.RemoteConnectionError`."""

    kind = "container"

    def meaning(self, error: Exception) -> errors.FSError | None:
        if isinstance(error, errors.FSError) or not isinstance(error, _ODD):
            return None
        message = f"{self.kind} {self.place!r}: the answer of the server is odd ({error or type(error).__name__})"
        return errors.RemoteConnectionError(self.path, exc=error, msg=literal(message))


class Deleted(NamedTuple):
    """The result of a bulk delete.

    :param status: the status of the whole, such as ``'200 OK'``.
    :param refused: the paths that were not deleted, each with a status.
    :param gone: the number of objects that were deleted or missing.
    """

    status: str
    refused: list[tuple[str, str]]
    gone: int


def expected_statuses(method: str, is_container: bool, headers: Mapping[str, str]) -> Container[int]:
    """Return the statuses with which Swift says that a request succeeded.

    :param headers: the headers of the request.
    """
    if is_container:
        return _CONTAINER[method]
    expected = {_OBJECT[method]}
    if "Range" in headers:
        expected.add(206)
    if "If-None-Match" in headers and method == "GET":
        expected.add(304)
    return expected


# the 202 to the PUT of an object means that a newer one is there, that to a container that it was there already
_OBJECT = {"PUT": 201, "COPY": 201, "DELETE": 204, "HEAD": 200, "GET": 200}
_CONTAINER = {"PUT": (201, 202), "HEAD": (200, 204), "GET": (200, 204)}


def whole_body(response: Response, *, is_patient: bool = False) -> bytes:
    """Read the body of a response that is no content of a file.

    :param is_patient: whether Swift sends blanks until it is done.
    :raises fs.errors.RemoteConnectionError: if it is far larger than any answer of Swift.
    :raises fs.errors.OperationTimeout: if the server sends it too slowly.
    """
    content, pace = bytearray(), Pace(is_patient=is_patient)
    while piece := pace.read(response.raw, _LARGEST):
        content += piece
        if len(content) > _LARGEST:
            raise errors.RemoteConnectionError(msg=f"the answer of the server is larger than {_LARGEST} bytes")
    return bytes(content)


def length_of(headers: Mapping[str, str]) -> int:
    """Return the Content-Length, in bytes.

    :raises ValueError: if it is missing or invalid.
    """
    # http.client takes a connection that closes within the headers for their end
    value = headers.get("Content-Length", "")
    if not re.fullmatch(r"[0-9]{1,18}", value):
        raise ValueError(f"Content-Length is {value!r}" if value else "Content-Length is missing")
    return int(value)


def require_container(headers: Mapping[str, str]) -> None:
    """Check that the headers are those of a container.

    :raises ValueError: if they are not.
    """
    if "X-Container-Object-Count" not in headers:
        raise ValueError("X-Container-Object-Count is missing: it is no answer of Swift")


def listing_of(content: bytes) -> list[Entry]:
    """Return the entries of a listing.

    :raises ValueError: if it is none.
    """
    entries = _list_of_objects(content, "listing")
    for entry in entries:
        if "subdir" in entry:
            _require(entry, "subdir", str)
        else:
            _require(entry, "name", str)
            _require(entry, "hash", str)
            _require(entry, "last_modified", str)
            _require_size(entry)
            if not isinstance(entry.get("content_type") or "", str):
                raise ValueError(f"'content_type' is odd in {str(entry)[:200]}")
    return entries


def manifest_of(content: bytes) -> list[Entry]:
    """Return the entries of the manifest of a static large object.

    :raises ValueError: if it is none.
    """
    entries = _list_of_objects(content, "manifest")
    for entry in entries:
        if "data" in entry:
            continue
        _require(entry, "name", str)
        _require(entry, "hash", str)
        _require_size(entry)
        if not re.fullmatch("/[^/]+/.+", entry["name"], re.DOTALL):
            raise ValueError(f"the manifest names {entry['name']!r}, which is no path of an object")
    return entries


def deleted_of(content: bytes) -> Deleted:
    """Return the result of a bulk delete.

    :raises ValueError: if it is none.
    """
    result = json.loads(content)
    if not isinstance(result, dict):
        raise ValueError("the result of the deletion is no object of JSON")
    _require(result, "Response Status", str)
    refused = result.get("Errors", [])
    if not isinstance(refused, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair) for pair in refused
    ):
        raise ValueError("the result of the deletion has odd errors")
    numbers = [result.get(name, 0) for name in ("Number Deleted", "Number Not Found")]
    if not all(is_number(number) for number in numbers):
        raise ValueError("the result of the deletion has odd numbers")
    return Deleted(result["Response Status"], [(path, status) for path, status in refused], sum(numbers))


def is_number(value: Any) -> bool:
    """Return whether a value of JSON is a whole number, 0 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _list_of_objects(content: bytes, what: str) -> list[Entry]:
    entries = json.loads(content)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"it is no {what}")
    return entries


def _require(entry: Mapping[str, Any], name: str, kind: type) -> None:
    if not isinstance(entry.get(name), kind) or not entry[name]:
        raise ValueError(f"{name!r} is missing or odd in {str(entry)[:200]}")


def _require_size(entry: Entry) -> None:
    if not is_number(entry.get("bytes")):
        raise ValueError(f"'bytes' is missing or odd in {str(entry)[:200]}")
