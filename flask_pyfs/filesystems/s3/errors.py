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
    InvalidRegionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    ResponseStreamingError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError
from fs import errors
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError as SilentAnswer

from ...errors import StoreMisconfigured, explained, shortened
from ...names import is_normal
from ..objects.errors import StoreErrors, literal
from ..unreachable import is_unknown_host, is_wrong_scheme, unreachable
from .advice import EXPIRED, WRONG_REGION, advice, bucket_missing, code_of, is_full, may_pass, no_right, server
from .answers import REDIRECTIONS, OddAnswer, Redirected
from .client import S3Settings

_REFUSED = {
    "AccessDenied",
    "AllAccessDisabled",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    *EXPIRED,
}
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
_WRONG_SETTING = {"InvalidBucketName", *WRONG_REGION}
_UNKNOWN = S3Settings(endpoint_url=None, region=None, access_key=None, secret_key=None, session_token=None)


class BucketMissing(StoreMisconfigured):
    """The bucket does not exist."""


class S3Refused(errors.OperationFailed):
    """The server refused a request for a reason that the caller may handle.

    :ivar code: the error code of S3; the HTTP status if the response has no body.
    :ivar details: all members of the error in the response.
    :ivar repeated: whether this was a retry. An earlier attempt may then have succeeded and caused the refusal.
    """

    def __init__(self, path: str, exc: ClientError, msg: str) -> None:
        super().__init__(path, exc, msg)
        self.code: str = code_of(exc)
        self.details: dict[str, str] = exc.response.get("Error", {})
        self.repeated: bool = was_repeated(exc)


class s3_errors(StoreErrors):  # noqa: N801
    """Translate errors of boto3 inside the block into ``fs.errors``.

    A 404 becomes ``ResourceNotFound`` only if the server says, or a HEAD implies, that the object is missing.

    :ivar settings: the settings of the client, for what is to be done.
    """

    settings = _UNKNOWN

    def meaning(self, error: Exception) -> errors.FSError | None:
        if isinstance(error, ClientError):
            return self._refusal(error)
        if isinstance(error, (BotoCoreError, HTTPError, OSError, ValueError)):
            return self._failure(error)
        return None

    def _refusal(self, error: ClientError) -> errors.FSError:
        code, status = code_of(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code == "NoSuchBucket":
            return self.bucket_missing(error)
        # a response to HEAD has no error code
        if code in ("NoSuchKey", "NoSuchVersion") or (status == 404 and error.operation_name.startswith("Head")):
            return errors.ResourceNotFound(self.path, exc=error)
        return self.explain(self._kind(error, code, status), advice(error, self.place, self.settings), error)

    def _kind(self, error: ClientError, code: str, status: int) -> type[errors.FSError]:
        if code in _WRONG_SETTING or status in REDIRECTIONS:
            return StoreMisconfigured
        if is_full(code, status):
            return errors.InsufficientStorage
        if code in _REFUSED or status in (401, 403):
            return errors.PermissionDenied
        if may_pass(code, status):
            return errors.RemoteConnectionError
        if status == 404 and code != "NoSuchUpload":
            # the server at this address does not speak S3
            return StoreMisconfigured
        # some servers take no key that is not normal; a response to HEAD does not say why
        is_odd = code == "400" and bool(self.path) and not is_normal(self.path)
        if is_odd or code in ("KeyTooLongError", "XMinioInvalidObjectName"):
            return errors.InvalidPath
        return S3Refused

    def bucket_missing(self, error: Exception | None = None) -> BucketMissing:
        """Return the error for a bucket that does not exist."""
        return self.explain(BucketMissing, bucket_missing(self.place, error, self.settings), error)

    def _failure(self, error: Exception) -> errors.FSError:
        if is_wrong_scheme(error, before=self.before):
            kind: type[errors.FSError] = StoreMisconfigured
        elif isinstance(error, (ConnectTimeoutError, ReadTimeoutError, SilentAnswer)):
            kind = errors.OperationTimeout
        elif isinstance(error, _CONNECTION):
            kind = errors.RemoteConnectionError
        else:
            # missing credentials or region, or an invalid name or address
            kind = StoreMisconfigured
        return self.explain(kind, self._sentence(error), error)

    def _sentence(self, error: Exception) -> str | None:
        settings = self.settings
        if (sentence := _without_credentials(error)) is not None:
            return sentence
        if isinstance(error, Redirected):
            return str(error)
        if isinstance(error, OddAnswer):
            return f"{error}: check that {server(settings)} is the address of S3, not of a web page or a proxy"
        if isinstance(error, InvalidRegionError):
            return f"REGION {settings.region!r} is not valid: set it to a name such as 'eu-west-1'"
        if isinstance(error, ParamValidationError):
            if "ucket name" in str(error):
                return f"BUCKET {self.place!r} is not valid: take 3 to 63 lower-case letters, digits and hyphens"
            return None
        if isinstance(error, ValueError) and "endpoint" in str(error).lower():
            return f"{server(settings)} is not valid: set it to an address such as 'https://s3.example.org'"
        if is_unknown_host(error, before=self.before):
            if not settings.endpoint_url:
                region = f"the spelling of REGION {settings.region!r}" if settings.region else "REGION"
                return f"the host of Amazon's S3 is unknown: check {region}, and whether DNS works here"
            if settings.addressing_style == "virtual":
                host = f"the host of {server(settings)} is unknown with BUCKET {self.place!r} before it"
                return f"{host}: check DNS, or set ADDRESSING_STYLE to path"
        address = settings.endpoint_url or f"https://s3.{settings.region or 'us-east-1'}.amazonaws.com"
        return unreachable(error, "ENDPOINT", address, settings.timeout, before=self.before)


class s3_answers(s3_errors):  # noqa: N801
    """The same around a request, whose answer may be anything."""

    def meaning(self, error: Exception) -> errors.FSError | None:
        if isinstance(error, UnicodeError):
            return errors.InvalidPath(self.path, self.message(error), exc=error)
        if isinstance(error, _ODD) and not isinstance(error, (BotoCoreError, HTTPError, OSError)):
            return self._odd(error)
        return super().meaning(error)

    def _odd(self, error: Exception) -> errors.FSError:
        if is_wrong_scheme(error, before=self.before):
            return self._failure(error)
        odd = f"the server's answer is not one of S3 ({shortened(repr(error), 80)})"
        return self.explain(
            errors.RemoteConnectionError, f"{odd}: check that {server(self.settings)} is the address of S3", error
        )


def _without_credentials(error: Exception) -> str | None:
    if isinstance(error, NoCredentialsError):
        return (
            "no credentials: set ACCESS_KEY and SECRET_KEY, or give them to boto3 (AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, ~/.aws/credentials, AWS_PROFILE, or a role of this machine)"
        )
    if isinstance(error, ProfileNotFound):
        return "boto3 has no such profile: check AWS_PROFILE and ~/.aws/config, or set ACCESS_KEY and SECRET_KEY"
    if isinstance(error, (SSOError, TokenRetrievalError)):
        return "the login of boto3 has expired: run 'aws sso login', or set ACCESS_KEY and SECRET_KEY"
    if isinstance(error, (PartialCredentialsError, CredentialRetrievalError)):
        found = shortened(str(error), 100)
        return f"boto3 has no complete credentials ({found}): mend what it found, or set ACCESS_KEY and SECRET_KEY"
    return None


def was_repeated(error: Any) -> bool:
    """Return whether a refusal answered a retry. An earlier attempt may then have succeeded and caused it."""
    return bool(getattr(error, "response", {}).get("ResponseMetadata", {}).get("RetryAttempts"))


def is_mute(error: Any) -> bool:
    """Return whether a refusal says nothing but its status, because it answers a HEAD."""
    return isinstance(error, ClientError) and code_of(error) in ("400", "401", "403")


def not_deleted(bucket: str, refusal: Any, count: int) -> errors.FSError:
    """Return the error to raise if a DeleteObjects request did not delete all its objects.

    :param refusal: one of the entries under ``Errors`` in the response.
    :param count: the number of objects that were not deleted.
    """
    key, code = refusal.get("Key", ""), refusal.get("Code", "")
    problem = f"could not delete {count} objects, among them {shortened(repr(key), 60)}"
    kind = errors.RemoteConnectionError if may_pass(code, 0) else errors.OperationFailed
    what = f"{problem}: {shortened(str(refusal.get('Message', code)), 100)}"
    if code in _REFUSED:
        kind, what = (
            errors.PermissionDenied,
            f"{problem}: {no_right('DeleteObjects', bucket, code, str(refusal.get('Message', '')))}",
        )
    return explained(kind(key, msg=literal(shortened(f"bucket {bucket!r}: {what}"))), what)
