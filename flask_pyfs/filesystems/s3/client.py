"""The settings and the creation of the S3 client."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, cast
from urllib.parse import urlsplit

import boto3

# otherwise the first client imports it, and a fork during the import leaves the import lock held in the child
import boto3.s3.inject
import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    NoCredentialsError,
    ReadTimeoutError,
)
from fs.errors import OperationTimeout
from urllib3.exceptions import ProtocolError
from urllib3.exceptions import ReadTimeoutError as SilentAnswer

from ..objects.clients import giving_up_on
from ..objects.http import Pace
from .answers import check_answers
from .parsing import parse_time

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, repr=False, kw_only=True)
class S3Settings:
    """The settings of a client.

    :param addressing_style: ``path``, ``virtual`` or ``auto``, which means ``path`` for a custom endpoint.
    :param timeout: the seconds to wait for a connection, and for each response.
    :param retries: the number of retries after a failure other than a timeout.
    :param public_endpoint_url: the endpoint in signed URLs, if clients use another one than the app.
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

    @property
    def account(self) -> tuple[str | None, ...]:
        """What two buckets must have in common for the server to copy from one to the other."""
        return self.endpoint_url, self.region, self.access_key, self.secret_key, self.session_token

    @property
    def server(self) -> tuple[str, int, str] | None:
        """What is one for all spellings of an endpoint, as far as that shows; None for Amazon, which gives the name of
        a bucket once for all regions.
        """
        url = urlsplit(self.endpoint_url or "")
        host = (url.hostname or "").rstrip(".")
        if not host or host.endswith(".amazonaws.com"):
            return None
        try:
            address = ip_address(host)
        except ValueError:
            is_here = host == "localhost"
        else:
            is_here, host = address.is_loopback, address.compressed
        return "localhost" if is_here else host, url.port or _PORTS.get(url.scheme, 0), url.path.strip("/")


def make_session(settings: S3Settings) -> boto3.session.Session:
    """Create a boto3 session; the default session of boto3 is not thread-safe."""
    driver = botocore.session.get_session()
    # botocore's own parser guesses the form of a time, which takes a tenth of a small request
    driver.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=parse_time)
    driver.set_default_client_config(Config(user_agent=_user_agent(driver)))
    return boto3.session.Session(
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        aws_session_token=settings.session_token,
        region_name=settings.region,
        botocore_session=driver,
    )


def _user_agent(driver: Any) -> str:
    # one that is given is not made again for each request; botocore adds its version
    app = driver.get_config_variable("user_agent_appid")
    return f"flask_pyfs Boto3/{boto3.__version__}" + (f" app/{app}" if app else "")


def make_client(settings: S3Settings) -> Any:
    """Create a client. No request, except those with which boto3 finds credentials.

    :raises botocore.exceptions.NoCredentialsError: if there are none now.
    """
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": settings.addressing_style or "auto"},
        connect_timeout=settings.timeout,
        read_timeout=settings.timeout,
        retries={"mode": "standard", "total_max_attempts": settings.retries + 1},
        # connections beyond this number are not reused
        max_pool_connections=100,
        # many servers reject the checksums that botocore sends since 1.36; the signature contains one already
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = make_session(settings)
    if session.get_credentials() is None:
        # a client that is made now would never look again, and what gives a role its credentials may come back
        raise NoCredentialsError
    client = session.client("s3", endpoint_url=settings.endpoint_url, config=config)
    client.meta.events.register_first("needs-retry.s3", giving_up_on(ConnectTimeoutError, ReadTimeoutError))
    client.meta.events.register("before-call.s3.DeleteObjects", _add_md5)
    client._endpoint.http_session = _PacedSession(client._endpoint.http_session)
    check_answers(client.meta.events)
    return client


class _PacedSession:
    # botocore waits for all of an answer that is no content of an object, however slowly it comes
    def __init__(self, session: Any) -> None:
        self._session = session

    def close(self) -> None:
        self._session.close()

    def send(self, request: Any) -> AWSResponse:
        is_content, request.stream_output = request.stream_output, True
        answer = self._session.send(request)
        if is_content and answer.status_code < 300:
            return cast(AWSResponse, answer)
        pieces, pace = [], Pace(is_patient=_takes_long(request))
        try:
            while piece := pace.read(answer.raw, 1024 * 1024):
                pieces.append(piece)
        except (SilentAnswer, OperationTimeout) as error:
            answer.raw.close()
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except ProtocolError as error:
            raise ConnectionClosedError(endpoint_url=request.url, request=request, error=error) from error
        answer.raw = _Read(pieces)
        return cast(AWSResponse, answer)


def _takes_long(request: Any) -> bool:
    # S3 answers 200 at once to a copy and to a completion, and sends blanks until they are done
    if request.method == "PUT":
        return "x-amz-copy-source" in request.headers
    return request.method == "POST" and "uploadId=" in request.url


class _Read:
    # what came of an answer
    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def stream(self) -> list[bytes]:
        return self._pieces


def _add_md5(params: dict[str, Any], **others: Any) -> None:
    # Amazon accepts any checksum here, but older servers accept only Content-MD5
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = base64.b64encode(digest).decode()
