"""Loads the app in another process, to see whether it has the same SECRET_KEY there."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import subprocess
import sys
from contextlib import suppress

# in seconds
_PATIENCE = 20

# only a digest leaves the process, which waits for no thread that the app has started
_PROGRAM = """
import hashlib, hmac, os, sys
from flask.cli import ScriptInfo
salt, path = sys.argv[1:]
del sys.argv[1:]
key = ScriptInfo(path or None).load_app().secret_key or b""
key = key if isinstance(key, bytes) else str(key).encode()
print("digest", hmac.new(bytes.fromhex(salt), key, hashlib.sha256).hexdigest(), flush=True)
os._exit(0)
"""


class Restart:
    """Another process that loads the app, from now on.

    :param load: the name of the app, as ``flask --app`` takes it, or an empty one for that which Flask finds itself.
    """

    def __init__(self, load: str) -> None:
        self._salt = secrets.token_hex(32)
        self._process: subprocess.Popen[str] | None = None
        with suppress(OSError, ValueError):
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, self._salt, load],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                errors="replace",
            )

    def has_key(self, key: bytes) -> bool | None:
        """Return whether the app has this SECRET_KEY there too; None if that cannot be told."""
        if self._process is None:
            return None
        try:
            printed, _ = self._process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            return None
        # the app may print too
        digests = [line.split()[1] for line in printed.splitlines() if line.startswith("digest ")]
        if self._process.returncode or not digests:
            return None
        own = hmac.new(bytes.fromhex(self._salt), key, hashlib.sha256)
        return hmac.compare_digest(digests[-1], own.hexdigest())

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            with self._process:
                self._process.kill()
