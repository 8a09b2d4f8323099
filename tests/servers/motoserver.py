"""The S3 of moto, closer to a real S3: ``python motoserver.py PORT ACCESS_KEY SECRET_KEY`` runs until it is killed.

The server of moto itself closes each connection, may let two conditional writes of one key both succeed, and accepts
any secret. This one keeps connections open, handles one request at a time after its body was received (so that a
condition and its write are atomic), and answers 403 to a wrong signature and to a form that breaks its policy.
"""

from __future__ import annotations

import gc
import hmac
import socket
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl

import eventlet.wsgi
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY, environ_key_for_header
from moto.moto_server.werkzeug_app import create_backend_app
from postpolicy import broken_rule, is_form  # type: ignore[import-not-found]

App = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Refused(Exception):
    """The request is refused. The arguments are the status, unless it is 403, and the code and message of S3."""


class Signatures:
    """WSGI middleware that passes only requests signed with the configured key, in a header or in the URL."""

    def __init__(self, app: App, credentials: Credentials) -> None:
        self._app = app
        self._credentials = credentials

    def __call__(self, env: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        _complete(env)
        try:
            if env["REQUEST_METHOD"] == "PUT" and not env.get("CONTENT_LENGTH"):
                # eventlet takes a connection that closes within the headers for their end
                raise Refused("411 Length Required", "MissingContentLength", "The request has no length.")
            self._check_form(env) if is_form(env) else self._check(env)
        except Refused as refused:
            *status, code, message = refused.args
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
            headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
            start_response(*(status or ["403 Forbidden"]), headers)
            return [] if env["REQUEST_METHOD"] == "HEAD" else [body]
        return self._app(env, start_response)

    def _check_form(self, env: dict[str, Any]) -> None:
        if broken := broken_rule(env, self._credentials):
            raise Refused("AccessDenied", f"Invalid according to Policy: {broken}")

    def _check(self, env: dict[str, Any]) -> None:
        if env["REQUEST_METHOD"] == "OPTIONS":
            # browsers do not sign CORS preflight requests
            return
        query = dict(parse_qsl(env["QUERY_STRING"], keep_blank_values=True))
        if "X-Amz-Signature" in query:
            fields, date, auth_type = _query_fields(query), query["X-Amz-Date"], S3SigV4QueryAuth
        else:
            fields, date, auth_type = _header_fields(env), env.get("HTTP_X_AMZ_DATE", ""), S3SigV4Auth
        access_key, _, region, _, _ = fields["Credential"].split("/")
        if access_key != self._credentials.access_key:
            raise Refused("InvalidAccessKeyId", "There is no such access key.")
        auth = auth_type(self._credentials, "s3", region)
        request = _signed_request(env, fields["SignedHeaders"].split(";"))
        request.context["timestamp"] = date
        signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        if not hmac.compare_digest(signature, fields["Signature"]):
            raise Refused("SignatureDoesNotMatch", "The signature was made with another secret or for another request.")


def _complete(env: dict[str, Any]) -> None:
    """Add what the server of moto itself would add: the path as sent, and the exact names of the metadata."""
    query = env.setdefault("QUERY_STRING", "")
    env["RAW_URI"] = f"{env['RAW_PATH_INFO']}?{query}" if query else env["RAW_PATH_INFO"]
    received = {name.lower(): value for name, value in env["headers_raw"]}
    if "content-type" not in received:
        del env["CONTENT_TYPE"]
    metadata = {environ_key_for_header(name): name for name in received if name.startswith("x-amz-meta-")}
    env.update({key: received[name] for key, name in metadata.items()})
    env[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = metadata


def _query_fields(query: dict[str, str]) -> dict[str, str]:
    signed_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    if datetime.now(timezone.utc) > signed_at + timedelta(seconds=int(query["X-Amz-Expires"])):
        raise Refused("AccessDenied", "Request has expired")
    return {name: query[f"X-Amz-{name}"] for name in ("Credential", "SignedHeaders", "Signature")}


def _header_fields(env: dict[str, Any]) -> dict[str, str]:
    scheme, _, fields = env.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme != "AWS4-HMAC-SHA256":
        raise Refused("AccessDenied", "The request is not signed.")
    return dict(field.strip().split("=", 1) for field in fields.split(","))


def _signed_request(env: dict[str, Any], names: list[str]) -> AWSRequest:
    pairs = [pair for pair in env["QUERY_STRING"].split("&") if not pair.startswith("X-Amz-Signature=")]
    url = f"http://{env['HTTP_HOST']}{env['RAW_PATH_INFO']}?{'&'.join(pairs)}"
    received = dict(env["headers_raw"])
    headers = {name: value.strip() for name, value in received.items() if name.lower() in names}
    return AWSRequest(method=env["REQUEST_METHOD"], url=url, headers=headers)


def main(port: int, access_key: str, secret_key: str) -> None:
    # its S3 alone: which of its services each request is for takes a fifth of the time of an answer
    app = Signatures(create_backend_app("s3"), Credentials(access_key, secret_key))
    listener = eventlet.listen(("127.0.0.1", port), backlog=1024)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # what was imported stays until the end
    gc.freeze()
    eventlet.wsgi.server(listener, app, capitalize_response_headers=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
