"""The client of S3: how it is made, and what its errors mean."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import boto3

# the first client imports it otherwise, and a fork meanwhile would leave it locked in the child
import boto3.s3.inject
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from fs import errors
from urllib3.exceptions import HTTPError

from ...errors import StoreMisconfigured
from ..store import literal

__all__ = [
    "BucketMissing",
    "ClientSettings",
    "Refused",
    "make_client",
    "make_session",
    "member",
    "not_deleted",
    "s3_errors",
]

_REFUSED = {
    "AccessDenied",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
_TRY_LATER = {"InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown", "Throttling", "TooManyRequests"}
_CONNECTION = (
    BotoConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    HTTPError,
    IncompleteReadError,
    OSError,
    ResponseStreamingError,
)
_WRONG_PLACE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "InvalidBucketName", "IllegalLocationConstraint"}


class BucketMissing(StoreMisconfigured):
    """There is no such bucket."""

    @classmethod
    def named(cls, bucket: str, error: Exception | None = None) -> BucketMissing:
        return cls(literal(f"there is no bucket {bucket!r}: make it, or set CREATE_BUCKET"), exc=error)


class Refused(errors.OperationFailed):
    """The server refused a request for a reason that the caller may know what to do about.

    :ivar code: the code that S3 has for it.
    :ivar details: what else its answer says.
    :ivar repeated: whether the request had been sent before, so that its refusal may be the work of its first sending.
    """

    def __init__(self, path: str, exc: ClientError, msg: str) -> None:
        super().__init__(path, exc, msg)
        self.code = _code(exc)
        self.details: dict[str, str] = exc.response.get("Error", {})
        self.repeated = bool(exc.response.get("ResponseMetadata", {}).get("RetryAttempts"))


@dataclass(frozen=True, repr=False)
class ClientSettings:
    """What makes a client.

    :param timeout: how many seconds to wait for a connection, and for each answer.
    :param retries: how often to ask again after a failure. A server that did not answer in time is not asked again.
    """

    endpoint_url: str | None
    region: str | None
    access_key: str | None
    secret_key: str | None
    session_token: str | None
    addressing_style: str | None
    timeout: float
    retries: int


def make_session(settings: ClientSettings) -> boto3.session.Session:
    """Return a session of its own: boto3's default session is not made for threads."""
    return boto3.session.Session(
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        aws_session_token=settings.session_token,
        region_name=settings.region,
    )


def make_client(settings: ClientSettings) -> Any:
    """Return a client."""
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": settings.addressing_style or "auto"},
        connect_timeout=settings.timeout,
        read_timeout=settings.timeout,
        retries={"mode": "standard", "total_max_attempts": settings.retries + 1},
        # connections beyond these would be made anew for each request
        max_pool_connections=100,
        # many servers refuse the checksums that botocore has sent since 1.36; the signature holds one already
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = make_session(settings).client("s3", endpoint_url=settings.endpoint_url, config=config)
    client.meta.events.register_first("needs-retry.s3", _give_up_on_silence)
    client.meta.events.register("before-call.s3.DeleteObjects", _add_md5)
    return client


def _give_up_on_silence(caught_exception: Exception | None = None, **others: Any) -> None:
    if isinstance(caught_exception, (ConnectTimeoutError, ReadTimeoutError)):
        raise caught_exception


def _add_md5(params: dict[str, Any], **others: Any) -> None:
    # Amazon takes any checksum here, servers that are older than these only this one
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()


class s3_errors:  # noqa: N801
    """Let only ``fs.errors`` out of the block.

    Only a 404 of the object is taken for its absence.

    :param bucket: the bucket, for the message.
    :param path: the path of the file, or empty.
    """

    def __init__(self, bucket: str, path: str) -> None:
        self._bucket = bucket
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, ClientError):
            raise self._refusal(error) from error
        if isinstance(error, (BotoCoreError, HTTPError, OSError, ValueError)):
            raise self._failure(error) from error

    def _refusal(self, error: ClientError) -> errors.FSError:
        code, status = _code(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        message = self._message(error)
        if code == "NoSuchBucket":
            return BucketMissing.named(self._bucket, error)
        if code in _WRONG_PLACE or status in (301, 307):
            return StoreMisconfigured(message, exc=error)
        if code in _REFUSED or status in (401, 403):
            return errors.PermissionDenied(self._path, exc=error, msg=message)
        if code in _TRY_LATER or status == 429 or (status >= 500 and status != 501):
            kind = errors.InsufficientStorage if status == 507 else errors.RemoteConnectionError
            return kind(self._path, exc=error, msg=message)
        # an answer to HEAD has no code
        if code in ("NoSuchKey", "NoSuchVersion") or (status == 404 and error.operation_name.startswith("Head")):
            return errors.ResourceNotFound(self._path, exc=error)
        if status == 404 and code != "NoSuchUpload":
            # whoever answers does not speak S3 at this address
            return StoreMisconfigured(message, exc=error)
        if code == "KeyTooLongError":
            return errors.InvalidPath(self._path, message, exc=error)
        return Refused(self._path, error, message)

    def _failure(self, error: Exception) -> errors.FSError:
        message = self._message(error)
        if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)):
            return errors.OperationTimeout(self._path, exc=error, msg=message)
        if isinstance(error, _CONNECTION):
            return errors.RemoteConnectionError(self._path, exc=error, msg=message)
        # no credentials, no region, a name or an address that cannot be one
        return StoreMisconfigured(message, exc=error)

    def _message(self, error: Exception) -> str:
        return literal(f"bucket {self._bucket!r}: {error}")


def member(answer: Any, name: str) -> Any:
    """Return a member of an answer that must be there.

    :raises fs.errors.RemoteConnectionError: where it is not.
    """
    if name not in answer:
        raise errors.RemoteConnectionError(msg=f"the answer of the server is not complete: it has no {name}")
    return answer[name]


def not_deleted(bucket: str, refusal: Any, count: int) -> errors.FSError:
    """Return the error for objects that a request for many of them did not delete.

    :param refusal: what the answer says of one of them.
    :param count: how many those were.
    """
    key, code = refusal.get("Key", ""), refusal.get("Code", "")
    message = (
        f"bucket {bucket!r}: {count} objects could not be deleted, {key!r} for one: {refusal.get('Message', code)}"
    )
    kind = errors.RemoteConnectionError if code in _TRY_LATER else errors.OperationFailed
    if code in _REFUSED:
        kind = errors.PermissionDenied
    return kind(key, msg=literal(message))


def _code(error: ClientError) -> str:
    # an answer without a body has its status for a code
    return str(error.response.get("Error", {}).get("Code", ""))
