"""The translation of S3 errors into ``fs.errors``."""

from __future__ import annotations

from typing import Any

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
from botocore.parsers import ResponseParserError
from fs import errors
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError as SilentAnswer

from ...errors import StoreMisconfigured
from ...names import is_normal
from ..objects.errors import StoreErrors, literal
from .answers import REDIRECTIONS, OddAnswer

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
    OddAnswer,
    OSError,
    ResponseStreamingError,
)
# what botocore raises where an answer is not what it expects
_ODD = (ResponseParserError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_WRONG_PLACE = {"PermanentRedirect", "AuthorizationHeaderMalformed", "InvalidBucketName", "IllegalLocationConstraint"}


class BucketMissing(StoreMisconfigured):
    """The bucket does not exist."""

    @classmethod
    def named(cls, bucket: str, error: Exception | None = None) -> BucketMissing:
        return cls(literal(f"bucket {bucket!r} does not exist: create it, or set CREATE_BUCKET"), exc=error)


class S3Refused(errors.OperationFailed):
    """The server refused a request for a reason that the caller may handle.

    :ivar code: the error code of S3; the HTTP status if the response has no body.
    :ivar details: all members of the error in the response.
    :ivar repeated: whether this was a retry. An earlier attempt may then have succeeded and caused the refusal.
    """

    def __init__(self, path: str, exc: ClientError, msg: str) -> None:
        super().__init__(path, exc, msg)
        self.code = _code(exc)
        self.details: dict[str, str] = exc.response.get("Error", {})
        self.repeated = was_repeated(exc)


class s3_errors(StoreErrors):  # noqa: N801
    """Translate errors of boto3 inside the block into ``fs.errors``.

    A 404 becomes ``ResourceNotFound`` only if the server says, or a HEAD implies, that the object is missing.
    """

    def meaning(self, error: Exception) -> errors.FSError | None:
        if isinstance(error, ClientError):
            return self._refusal(error)
        if isinstance(error, (BotoCoreError, HTTPError, OSError, ValueError)):
            return self._failure(error)
        return None

    def _refusal(self, error: ClientError) -> errors.FSError:
        code, status = _code(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        message = self.message(error)
        if code == "NoSuchBucket":
            return BucketMissing.named(self.place, error)
        if code in _WRONG_PLACE or status in REDIRECTIONS:
            return StoreMisconfigured(message, exc=error)
        if code in _REFUSED or status in (401, 403):
            return errors.PermissionDenied(self.path, exc=error, msg=message)
        if code in _TRY_LATER or status == 429 or (status >= 500 and status != 501):
            kind = errors.InsufficientStorage if status == 507 else errors.RemoteConnectionError
            return kind(self.path, exc=error, msg=message)
        # a response to HEAD has no error code
        if code in ("NoSuchKey", "NoSuchVersion") or (status == 404 and error.operation_name.startswith("Head")):
            return errors.ResourceNotFound(self.path, exc=error)
        if status == 404 and code != "NoSuchUpload":
            # the server at this address does not speak S3
            return StoreMisconfigured(message, exc=error)
        # some servers take no key that is not normal; a response to HEAD does not say why
        is_odd = code == "400" and bool(self.path) and not is_normal(self.path)
        if is_odd or code in ("KeyTooLongError", "XMinioInvalidObjectName"):
            return errors.InvalidPath(self.path, message, exc=error)
        return S3Refused(self.path, error, message)

    def _failure(self, error: Exception) -> errors.FSError:
        message = self.message(error)
        if isinstance(error, (ConnectTimeoutError, ReadTimeoutError, SilentAnswer)):
            return errors.OperationTimeout(self.path, exc=error, msg=message)
        if isinstance(error, _CONNECTION):
            return errors.RemoteConnectionError(self.path, exc=error, msg=message)
        # missing credentials or region, or an invalid name or address
        return StoreMisconfigured(message, exc=error)


class s3_answers(s3_errors):  # noqa: N801
    """The same around a request, whose answer may be anything."""

    def meaning(self, error: Exception) -> errors.FSError | None:
        if isinstance(error, UnicodeError):
            return errors.InvalidPath(self.path, self.message(error), exc=error)
        if isinstance(error, _ODD) and not isinstance(error, (BotoCoreError, HTTPError, OSError)):
            text = literal(f"bucket {self.place!r}: the server's answer is not one of S3: {error!r:.300}")
            return errors.RemoteConnectionError(self.path, exc=error, msg=text)
        return super().meaning(error)


def was_repeated(error: Any) -> bool:
    """Return whether a refusal answered a retry. An earlier attempt may then have succeeded and caused it."""
    return bool(getattr(error, "response", {}).get("ResponseMetadata", {}).get("RetryAttempts"))


def not_deleted(bucket: str, refusal: Any, count: int) -> errors.FSError:
    """Return the error to raise if a DeleteObjects request did not delete all its objects.

    :param refusal: one of the entries under ``Errors`` in the response.
    :param count: the number of objects that were not deleted.
    """
    key, code = refusal.get("Key", ""), refusal.get("Code", "")
    message = f"bucket {bucket!r}: could not delete {count} objects, among them {key!r}: {refusal.get('Message', code)}"
    kind = errors.RemoteConnectionError if code in _TRY_LATER else errors.OperationFailed
    if code in _REFUSED:
        kind = errors.PermissionDenied
    return kind(key, msg=literal(message))


def _code(error: ClientError) -> str:
    # botocore uses the HTTP status as the code if the response has no body
    return str(error.response.get("Error", {}).get("Code", ""))
