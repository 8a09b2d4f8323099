"""What to do about a refusal of S3: one sentence that names the setting or the right."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from ...errors import shortened
from ..unreachable import shown_address
from .client import S3Settings

#: Codes of S3 for credentials that have expired, or never were valid for the account.
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
#: Codes for the wrong region, and for a bucket that the server does not make in this one.
WRONG_REGION = {
    "AuthorizationHeaderMalformed",
    "AuthorizationQueryParametersError",
    "IllegalLocationConstraintException",
    "InvalidLocationConstraint",
    "InvalidRegion",
    "PermanentRedirect",
    "TemporaryRedirect",
}
# codes for a server that may do it later.
_TRY_LATER = {"InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown", "Throttling", "TooManyRequests"}
# codes for a server, or a bucket, that has no space left.
_FULL = {"QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull"}

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
_RIGHTS = {
    "HeadObject": "s3:GetObject (and s3:ListBucket, without which missing files are refused too)",
    "GetObject": "s3:GetObject (and s3:ListBucket, without which missing files are refused too)",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "UploadPartCopy": "s3:GetObject and s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "CopyObject": "s3:GetObject and s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "DeleteObjects": "s3:DeleteObject",
    "ListObjectsV2": "s3:ListBucket",
    "HeadBucket": "s3:ListBucket",
    "CreateBucket": "s3:CreateBucket",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListParts": "s3:ListMultipartUploadParts",
}

_OTHERS = {
    "AccessControlListNotSupported": "BUCKET {bucket} takes no ACL: leave ACL out, and use a policy of the bucket",
    "EntityTooLarge": "the object is too large for the server: set PART_SIZE lower, so that it is sent in parts",
    "EntityTooSmall": "a part is too small for the server: raise PART_SIZE",
    "InvalidBucketName": "BUCKET {bucket} is not valid: take 3 to 63 lower-case letters, digits and hyphens",
    "InvalidObjectState": "the object is archived: restore it, and set a STORAGE_CLASS that can be read at once",
    "InvalidEncryptionAlgorithmError": "the server does not know SSE of this kind: set another, or leave it out",
    "InvalidStorageClass": "the server does not know STORAGE_CLASS (InvalidStorageClass): leave it out, or set another",
    "TooManyBuckets": "the account has too many buckets: delete one, or set BUCKET to one that exists",
}


def bucket_missing(bucket: str, error: Exception | None = None, settings: S3Settings | None = None) -> str:
    """Return what to do if there is no such bucket."""
    found = error.response.get("Error", {}).get("BucketName") if isinstance(error, ClientError) else None
    if found and found != bucket and settings is not None and settings.endpoint_url:
        where = shown_address(settings.endpoint_url)
        return (
            f"ENDPOINT {where} makes the server look for the bucket {found!r}: give it no path, and name BUCKET alone"
        )
    return f"BUCKET {bucket!r} does not exist: create it, or set CREATE_BUCKET to True"


def may_pass(code: str, status: int) -> bool:
    """Return whether a server that refuses with this code and status may do it later."""
    return code in _TRY_LATER or status in (408, 429) or (status >= 500 and status != 501)


def cannot_encrypt(code: str, details: Mapping[str, str]) -> bool:
    """Return whether a server has no encryption. Those that do not know another header have the same code for it.

    :param details: what the server says of its refusal.
    """
    return code == "NotImplemented" and "encrypt" in str(details.get("Message", "")).lower()


def is_full(code: str, status: int) -> bool:
    """Return whether there is no space left."""
    return code in _FULL or status == 507


def no_right(operation: str, bucket: str, code: str = "AccessDenied", said: str = "") -> str:
    """Return which right an operation lacks.

    :param operation: the name of the operation in the API of S3.
    :param said: the message of the server.
    """
    if operation == "CreateBucket":
        # it goes through BUCKET missing
        return (
            f"BUCKET {bucket!r} does not exist, and may not be created ({code}): allow s3:CreateBucket, "
            "or create it and set CREATE_BUCKET to False"
        )
    # Amazon names the right: that of a key of KMS, for example
    named = re.search(r"not authorized to perform: ([a-z0-9-]{1,30}:\w{1,60})", said)
    right = named[1] if named else _RIGHTS.get(operation, "the operation")
    denied = ", which a policy denies" if "explicit deny" in said else ""
    return f"BUCKET {bucket!r} refuses these credentials ({code}): allow them {right}{denied}"


def advice(error: ClientError, bucket: str, settings: S3Settings) -> str:
    """Return what happened and what to do.

    :param error: a refusal.
    """
    response: Mapping[str, Any] = error.response
    details: Mapping[str, str] = response.get("Error", {})
    code, operation = code_of(error), error.operation_name
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if code == "InvalidAccessKeyId":
        return _unknown_key(settings)
    if code == "SignatureDoesNotMatch":
        if settings.secret_key is None:
            return _found("whose signature does not match: check them")
        return (
            "SECRET_KEY does not fit ACCESS_KEY (SignatureDoesNotMatch): check both, and that no proxy changes requests"
        )
    if code in EXPIRED:
        if settings.session_token is None:
            return _found("have expired: log in again")
        return "SESSION_TOKEN has expired: set a new one with its ACCESS_KEY and SECRET_KEY, or leave all to boto3"
    if code in ("InvalidToken", "InvalidSecurityToken"):
        if settings.session_token is None:
            return _found("have a token that the server does not take: log in again")
        return "the server does not take SESSION_TOKEN: set the one of ACCESS_KEY, or none if that is permanent"
    if code == "RequestTimeTooSkewed":
        return _skew(details, headers)
    if code in WRONG_REGION or status in (301, 307):
        return _region(code, operation, bucket, details, headers, settings)
    if is_full(code, status):
        what = f"the quota of BUCKET {bucket!r} is used up" if "Quota" in code else f"{server(settings)} is full"
        return f"{what} ({code}): make room there, or delete files"
    if cannot_encrypt(code, details):
        return f"the server does not encrypt as SSE says ({code}): leave SSE out, or set up the server for it"
    if code.startswith("KMS."):
        return f"KMS refuses the key ({code}): set SSE_KMS_KEY_ID to one that is enabled, in the region of the bucket"
    if code in _OTHERS:
        return _OTHERS[code].format(bucket=repr(bucket))
    if code == "413":
        return (
            f"{server(settings)} takes no request of this size (413): raise the limit of the proxy, or lower PART_SIZE"
        )
    if may_pass(code, status):
        said = code if code.isdigit() else f"{status} {code}"
        return f"{server(settings)} fails ({said}): try again later, look into its log, or raise RETRIES"
    if code.isdigit() and not operation.startswith("Head") and not is_of_s3(error):
        return f"{server(settings)} answers {status}, but not as S3 does: set it to the address of S3, without a path"
    if status in (401, 403):
        if code.isdigit():
            right = _RIGHTS.get(operation, "the operation")
            keys = "ACCESS_KEY, SECRET_KEY" if settings.access_key else "the credentials that boto3 found"
            return f"the server gives no reason ({code}): check {keys} and the clock, or allow {right}"
        return no_right(operation, bucket, code, str(details.get("Message") or ""))
    said = shortened(str(details.get("Message") or ""), 140)
    return f"the server refused {operation} ({code}){': ' if said else ''}{said}"


def code_of(error: ClientError) -> str:
    """Return the error code of S3; the HTTP status if there is none, as in the answer to a HEAD, or in a web page."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
    return str(error.response.get("Error", {}).get("Code") or status)


def is_of_s3(error: ClientError) -> bool:
    """Return whether an answer has one of the headers of S3."""
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return any(name.startswith("x-amz") for name in headers)


def server(settings: S3Settings) -> str:
    """Return the setting and the address of the server."""
    if settings.endpoint_url:
        return f"ENDPOINT {shown_address(settings.endpoint_url)}"
    return f"ENDPOINT (not set: Amazon{f', {settings.region}' if settings.region else ''})"


def _found(problem: str) -> str:
    return f"the credentials that boto3 found {problem}, or set ACCESS_KEY and SECRET_KEY"


def _unknown_key(settings: S3Settings) -> str:
    if settings.access_key is None:
        return _found("are unknown to the server: check them")
    if settings.access_key.startswith("ASIA") and settings.session_token is None:
        # the prefix of temporary keys: "Unique ID prefixes" in the manual of IAM
        return "the server does not know ACCESS_KEY, which is a temporary one: set its SESSION_TOKEN too"
    return f"the server does not know ACCESS_KEY: check it, and whether it belongs to {server(settings)}"


def _skew(details: Mapping[str, str], headers: Mapping[str, str]) -> str:
    theirs = _time(details.get("ServerTime")) or _time(headers.get("date"))
    ours = _time(details.get("RequestTime")) or now()
    behind = (theirs - ours).total_seconds() if theirs is not None else 0
    if abs(behind) < 1:
        return "the clocks of this machine and of the server differ too much: set the clock of this machine (NTP)"
    way = "behind" if behind > 0 else "ahead of"
    return f"the clock of this machine is {_span(abs(behind))} {way} the server's: set it, with NTP if you can"


def now() -> datetime:
    return datetime.now(timezone.utc)


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    for form in ("%Y%m%dT%H%M%SZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=timezone.utc)
        except ValueError:
            continue
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _span(seconds: float) -> str:
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"


def _region(
    code: str,
    operation: str,
    bucket: str,
    details: Mapping[str, str],
    headers: Mapping[str, str],
    settings: S3Settings,
) -> str:
    host = urlsplit(settings.endpoint_url or "").hostname or ""
    found = headers.get("x-amz-bucket-region") or details.get("Region") or _region_in(details.get("Endpoint", ""))
    if operation == "CreateBucket" and not found:
        found = _region_in(host)
    given = "REGION" if settings.region is None else f"REGION {settings.region!r}"
    if found and re.fullmatch("[A-Za-z0-9-]{1,40}", found) and found != settings.region:
        elsewhere = _region_in(host) not in (None, found)
        what = "makes no bucket here" if operation == "CreateBucket" else f"is not that of BUCKET {bucket!r}"
        return f"{given} {what}: set REGION to {found!r}{', and ENDPOINT to its address' if elsewhere else ''}"
    if operation == "CreateBucket":
        return (
            f"BUCKET {bucket!r} cannot be created in {given} ({code}): set REGION to the one of the server "
            "(us-east-1 unless it is set there), or create the bucket"
        )
    other = details.get("Endpoint")
    named = f" (the server names {shortened(other, 60)!r})" if other else ""
    return f"BUCKET {bucket!r} has another region or address than {given}: set REGION and ENDPOINT to its own{named}"


def _region_in(host: str) -> str | None:
    match = re.search(r"(?:^|\.)s3[.-](?:dualstack\.|fips\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com", host)
    return match[1] if match else None
