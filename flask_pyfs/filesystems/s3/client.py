"""The client of S3: how it is made."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import boto3

# the first client imports it otherwise, and a fork meanwhile would leave it locked in the child
import boto3.s3.inject
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from ..objects.clients import giving_up_on


@dataclass(frozen=True, repr=False, kw_only=True)
class S3Settings:
    """What makes a client.

    :param addressing_style: ``path``, ``virtual`` or ``auto``, which is ``path`` for an endpoint of one's own.
    :param timeout: how many seconds to wait for a connection, and for each answer.
    :param retries: how often to ask again after a failure. A server that did not answer in time is not asked again.
    :param public_endpoint_url: the endpoint for those who get signed URLs, if it is another one.
    """

    endpoint_url: str | None
    region: str | None
    access_key: str | None
    secret_key: str | None
    session_token: str | None
    addressing_style: str | None = None
    timeout: float = 30
    retries: int = 2
    public_endpoint_url: str | None = None


def make_session(settings: S3Settings) -> boto3.session.Session:
    """Return a session of its own: boto3's default session is not made for threads."""
    return boto3.session.Session(
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        aws_session_token=settings.session_token,
        region_name=settings.region,
    )


def make_client(settings: S3Settings) -> Any:
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
    client.meta.events.register_first("needs-retry.s3", giving_up_on(ConnectTimeoutError, ReadTimeoutError))
    client.meta.events.register("before-call.s3.DeleteObjects", _add_md5)
    return client


def _add_md5(params: dict[str, Any], **others: Any) -> None:
    # Amazon takes any checksum here, servers that are older than these only this one
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()
