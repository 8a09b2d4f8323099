"""Loads the app in another process, to see whether it has the same SECRET_KEY there."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import subprocess
import sys

# in seconds
_PATIENCE = 20

# only a digest leaves the process
_PROGRAM = """
import hashlib, hmac, sys
from flask.cli import ScriptInfo
salt, path = sys.stdin.read().split("\\n", 1)
key = ScriptInfo(path or None).load_app().secret_key or b""
key = key if isinstance(key, bytes) else str(key).encode()
print("digest", hmac.new(bytes.fromhex(salt), key, hashlib.sha256).hexdigest())
"""


def key_after_restart(key: str | bytes, load: str) -> bool | None:
    """Return whether an app has the same SECRET_KEY if another process loads it; None if that cannot be told.

    :param key: the key in this process.
    :param load: the name of the app, as ``flask --app`` takes it, or an empty one for that which Flask finds itself.
    """
    salt = secrets.token_hex(32)
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            input=f"{salt}\n{load}",
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    # the app may print too
    digests = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("digest ")]
    if done.returncode or not digests:
        return None
    own = hmac.new(bytes.fromhex(salt), key if isinstance(key, bytes) else key.encode(), hashlib.sha256)
    return hmac.compare_digest(digests[-1], own.hexdigest())
