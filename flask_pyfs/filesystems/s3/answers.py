"""What an answer of S3 must contain to count as a success.

botocore parses leniently: an empty body, a page of HTML or another document with the status 200 become an answer
without members, and ``Content-Length: -5`` a length. So each answer is checked before and after it is parsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError, XMLPullParser, fromstring

from ..unreachable import needs_tls
from .facts import is_range
from .parsing import Headers, take_entries

if TYPE_CHECKING:
    from ..._untyped import BotoCoreError
else:
    from botocore.exceptions import BotoCoreError

# statuses of redirections; 304 is the answer to a condition
REDIRECTIONS = frozenset(range(300, 400)) - {304}

# statuses of answers without a body, whatever their Content-Length says
_BODILESS = {204, 304}


class OddAnswer(BotoCoreError):
    """The answer is not one of S3, or it is cut."""

    fmt = "the server's answer to {operation} is not one of S3: {what}"


class Redirected(BotoCoreError):
    """The server redirects to another address. Nobody follows it, because keys and tokens are in the request."""

    fmt = "the server redirects to {address}: set ENDPOINT to the address, with its scheme, that answers itself"


class NeedsTLS(BotoCoreError):
    """The server refuses HTTP without TLS. botocore drops what it says, because it is no XML."""

    fmt = "Client sent an HTTP request to an HTTPS server"


@dataclass(frozen=True)
class _Proof:
    # what a success must have: one of the statuses, the root element of the body, members, members of each entry, and
    # all of the headers or else the id of the request, which no proxy sends; and whether its body must be empty
    statuses: tuple[int, ...] = (200,)
    root: str | None = None
    members: tuple[str, ...] = ()
    entries: dict[str, tuple[str, ...]] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    is_empty: bool = False


_IDS = ("x-amz-request-id", "x-amz-id-2")

# some stores have objects that lack them
_OF_OBJECTS = ("etag", "last-modified")

_PROOFS = {
    "HeadBucket": _Proof(),
    "CreateBucket": _Proof(),
    "HeadObject": _Proof(members=("ContentLength",), headers=_OF_OBJECTS),
    "GetObject": _Proof((200, 206), members=("ContentLength",), headers=_OF_OBJECTS),
    # Ceph can be set to answer 201 or 204 (rgw_s3_success_create_obj_status)
    "PutObject": _Proof((200, 201, 204), members=("ETag",)),
    "CreateMultipartUpload": _Proof(root="InitiateMultipartUploadResult", members=("UploadId",)),
    "UploadPart": _Proof((200, 201, 204), members=("ETag",)),
    "UploadPartCopy": _Proof(root="CopyPartResult", entries={"CopyPartResult": ("ETag",)}),
    "CompleteMultipartUpload": _Proof(root="CompleteMultipartUploadResult", members=("ETag",)),
    # S3 answers 204, and some stores 200
    "AbortMultipartUpload": _Proof((200, 204), is_empty=True),
    "CopyObject": _Proof(root="CopyObjectResult", entries={"CopyObjectResult": ("ETag",)}),
    "DeleteObject": _Proof((200, 204), is_empty=True),
    "DeleteObjects": _Proof(root="DeleteResult"),
    "ListObjectsV2": _Proof(
        root="ListBucketResult", entries={"Contents": ("Key", "Size", "LastModified"), "CommonPrefixes": ("Prefix",)}
    ),
    "ListMultipartUploads": _Proof(
        root="ListMultipartUploadsResult", entries={"Uploads": ("Key", "UploadId", "Initiated")}
    ),
    # the root element of moto has another name
    "ListParts": _Proof(members=("UploadId",), entries={"Parts": ("LastModified",)}),
}


def check_answers(events: Any) -> None:
    """Check each answer that a client gets.

    :param events: the events of the client.
    """
    events.register("before-parse.s3", _check_raw)
    # botocore looks first whether any document is an error, and would parse a whole listing for that
    events.register_first("before-parse.s3.ListObjectsV2", _check_listing)
    events.register("after-call.s3", _check_parsed)
    events.register_first("needs-retry.s3", _refuse_redirection)


def _check_listing(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: Any = None, **others: Any
) -> None:
    # older versions of botocore have no such dict
    if customized_response_dict is None or b"<ListBucketResult" not in response_dict["body"][:1024]:
        return
    _check_raw(operation_model, response_dict)
    if response_dict["status_code"] == 200:
        try:
            take_entries(response_dict, customized_response_dict)
        except ParseError as error:
            raise OddAnswer(operation=operation_model.name, what=_damaged(error)) from error


def _check_raw(
    operation_model: Any, response_dict: dict[str, Any], customized_response_dict: Any = None, **others: Any
) -> None:
    if customized_response_dict and "Contents" in customized_response_dict:
        # a listing that was checked before it was shortened
        return
    response_dict["headers"] = Headers(response_dict["headers"])
    try:
        what = _odd_raw(operation_model, response_dict)
    except ParseError as error:
        what = _damaged(error)
    if what is not None:
        _close(response_dict.get("body"))
        raise OddAnswer(operation=operation_model.name, what=what)


def _damaged(error: ParseError) -> str:
    return f"its XML is cut or damaged ({error})"


def _odd_raw(model: Any, answer: dict[str, Any]) -> str | None:
    status, body = answer["status_code"], answer["body"]
    if status == 300:
        # botocore takes it for a success
        raise Redirected(address=_address(answer["headers"].get("Location")))
    length = answer["headers"].get("content-length")
    if length is not None and not re.fullmatch("[0-9]{1,18}", length):
        return f"Content-Length is {length!r}"
    is_read = isinstance(body, bytes) and model.http["method"] != "HEAD" and status not in _BODILESS
    if is_read and status < 500 and length is not None and int(length) != len(body):
        return f"it is cut, {len(body)} of {length} bytes came"
    if is_read and status == 400 and needs_tls(body[:2000].decode("latin-1")):
        raise NeedsTLS
    proof = _PROOFS.get(model.name)
    if proof is None or status >= 301:
        if is_read and status < 500 and body.lstrip().startswith((b"<?xml", b"<Error")):
            fromstring(body)
        return None
    if status not in proof.statuses:
        return f"its status is {status}"
    has_id = any(answer["headers"].get(name) for name in _IDS)
    if proof.is_empty and status == 200 and (body.strip() or not has_id):
        return "its status is 200"
    if not has_id and (missing := [name for name in proof.headers if not answer["headers"].get(name)]):
        return f"it has no {' and no '.join(missing)}"
    if proof.root is not None and (root := _root_of(body)) != proof.root:
        return f"its root element is {root or 'missing'}, not {proof.root}"
    return None


def _root_of(body: bytes) -> str | None:
    parser: Any = XMLPullParser(["start"])
    for start in range(0, len(body), 1024):
        parser.feed(body[start : start + 1024])
        for _, element in parser.read_events():
            return str(element.tag).rpartition("}")[2]
    return None


def _check_parsed(http_response: Any, parsed: dict[str, Any], model: Any, **others: Any) -> None:
    if http_response.status_code < 300 and model.name in _PROOFS:
        what = _odd_parsed(_PROOFS[model.name], http_response.status_code, parsed)
        if what is not None:
            _close(parsed.get("Body"))
            raise OddAnswer(operation=model.name, what=what)


def _odd_parsed(proof: _Proof, status: int, answer: dict[str, Any]) -> str | None:
    for holder, names in [(answer, proof.members), *_entries(proof, answer)]:
        for name in names:
            value = holder.get(name)
            if value is None or value in ("", '""'):
                return f"it has no {name}"
            if isinstance(value, int) and value < 0:
                return f"{name} is {value}"
            if _is_odd_time(value):
                return f"{name} is {value}"
    if _is_odd_time(answer.get("LastModified")):
        return f"LastModified is {answer['LastModified']}"
    asked = answer.get("ContentRange")
    if (status == 206 or asked is not None) and not is_range(asked, answer["ContentLength"]):
        return f"Content-Range is {asked!r}"
    return None


def _is_odd_time(value: Any) -> bool:
    # what is next to the ends of the calendar cannot be converted to another time zone
    return isinstance(value, datetime) and not 1 < value.year < 9999


def _entries(proof: _Proof, answer: dict[str, Any]) -> list[tuple[dict[str, Any], tuple[str, ...]]]:
    found = []
    for name, names in proof.entries.items():
        value = answer.get(name, ())
        found += [(each, names) for each in ([value] if isinstance(value, dict) else value)]
    return found


def _refuse_redirection(response: Any = None, **others: Any) -> None:
    # without the region, botocore asks the same server for it, is redirected, and asks again
    if response is None or response[0].status_code not in REDIRECTIONS:
        return
    http, parsed = response
    if "x-amz-bucket-region" in http.headers or "Region" in parsed.get("Error", {}):
        return
    raise Redirected(address=_address(http.headers.get("Location")))


def _address(location: str | None) -> str:
    # the rest may hold what signs the request
    try:
        parts = urlsplit(location or "")
    except ValueError:
        return "an address that is not valid"
    return f"{parts.scheme}://{parts.hostname or ''}" if parts.scheme else repr(parts.path) if location else "nowhere"


def _close(body: Any) -> None:
    if hasattr(body, "close"):
        body.close()
