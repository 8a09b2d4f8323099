"""Signed URLs and forms of S3."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from botocore import UNSIGNED
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import NoCredentialsError

from .client import S3Settings, make_session

#: The maximum validity of a signature in seconds (AWS Signature Version 4).
LONGEST = 7 * 24 * 60 * 60


class Signer:
    """Signs URLs and forms with which others send requests to S3.

    :param settings: the settings of its clients.
    """

    def __init__(self, settings: S3Settings) -> None:
        self._session = make_session(settings)
        style = {"addressing_style": settings.addressing_style or "auto"}
        endpoint = settings.public_endpoint_url or settings.endpoint_url
        self._unsigned, self._signed = (
            self._session.client("s3", endpoint_url=endpoint, config=Config(signature_version=kind, s3=style))
            for kind in (UNSIGNED, "s3v4")
        )

    def url(self, expires: int, lifetime: int, **parameters: Any) -> str:
        """Return a signed URL of GetObject. No request.

        :param expires: the time of expiry, in seconds since 1970.
        :param lifetime: the validity in seconds; the signature is dated to ``expires - lifetime``.
        """
        request = AWSRequest("GET", self._unsigned.generate_presigned_url("get_object", Params=parameters))
        credentials = self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        moment = datetime.fromtimestamp(expires - lifetime, timezone.utc)
        region = self._unsigned.meta.region_name or "us-east-1"
        _DatedAuth(credentials.get_frozen_credentials(), "s3", region, lifetime, moment).add_auth(request)
        return str(request.url)

    def post(self, lifetime: int, bucket: str, key: str, fields: dict[str, str], conditions: list[Any]) -> Any:
        """Return the ``url`` and the ``fields`` of a POST form that stores an object. No request.

        :param lifetime: the validity in seconds.
        :param fields: fields that the form must contain with exactly these values.
        :param conditions: further conditions of the POST policy of S3.
        """
        exact = [{name: value} for name, value in fields.items()]
        return self._signed.generate_presigned_post(
            bucket, key, Fields=dict(fields), Conditions=[*exact, *conditions], ExpiresIn=lifetime
        )

    def request(self, operation: str, lifetime: int, **parameters: Any) -> str:
        """Return a signed URL of an operation, such as ``"put_object"``. Whoever sends the request sends each of the
        parameters that are headers with exactly its value. No request.

        :param lifetime: the validity in seconds.
        """
        return str(self._signed.generate_presigned_url(operation, Params=parameters, ExpiresIn=lifetime))


class _DatedAuth(S3SigV4QueryAuth):  # type: ignore[misc]
    # botocore dates a signature to the current time, so each of its URLs differs; caches need equal URLs
    def __init__(self, credentials: Any, service: str, region: str, expires: int, moment: datetime) -> None:
        super().__init__(credentials, service, region, expires)
        self._moment = moment

    def add_auth(self, request: Any) -> None:
        request.context["timestamp"] = self._moment.strftime("%Y%m%dT%H%M%SZ")
        self._modify_request_before_signing(request)
        signature = self.signature(self.string_to_sign(request, self.canonical_request(request)), request)
        self._inject_signature_to_request(request, signature)
