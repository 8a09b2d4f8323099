"""Checks the POST policy of a form that stores an object in S3: its signature, its expiry and its conditions."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
from datetime import datetime, timezone
from typing import Any

from botocore.credentials import Credentials
from werkzeug.formparser import parse_form_data


def is_form(env: dict[str, Any]) -> bool:
    return bool(env["REQUEST_METHOD"] == "POST" and env.get("CONTENT_TYPE", "").startswith("multipart/form-data"))


def broken_rule(env: dict[str, Any], credentials: Credentials) -> str | None:
    """Return the rule that the form of a request breaks, or None. The body can be read again afterwards."""
    body = env["wsgi.input"].read(int(env["CONTENT_LENGTH"]))
    _, form, files = parse_form_data({**env, "wsgi.input": io.BytesIO(body)})
    env["wsgi.input"] = io.BytesIO(body)
    fields = {name.lower(): value for name, value in form.items()}
    if not _is_signed(fields, credentials):
        return "it is not signed"
    policy = json.loads(base64.b64decode(fields["policy"]))
    expires = datetime.strptime(policy["expiration"], "%Y-%m-%dT%H:%M:%SZ")
    if datetime.now(timezone.utc) > expires.replace(tzinfo=timezone.utc):
        return "it has expired"
    size = len(files["file"].read())
    bucket = env["PATH_INFO"].split("/")[1]
    unchecked = {"policy", "x-amz-signature", "file"}
    for condition in policy["conditions"]:
        if isinstance(condition, dict):
            ((name, value),) = condition.items()
            unchecked.add(name.lower())
            if {**fields, "bucket": bucket}.get(name.lower()) != value:
                return f"{name} is not {value}"
        elif condition[0] == "starts-with":
            name = condition[1].removeprefix("$").lower()
            unchecked.add(name)
            if not fields.get(name, "").startswith(condition[2]):
                return f"{name} does not start with {condition[2]}"
        elif condition[0] == "content-length-range" and not condition[1] <= size <= condition[2]:
            return "the file is too large"
    return next((f"nothing allows {name}" for name in fields if name not in unchecked), None)


def _is_signed(fields: dict[str, str], credentials: Credentials) -> bool:
    if "policy" not in fields or "x-amz-credential" not in fields:
        return False
    _, day, region, service, _ = fields["x-amz-credential"].split("/")
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (day, region, service, "aws4_request", fields["policy"]):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(key.hex(), fields.get("x-amz-signature", ""))
