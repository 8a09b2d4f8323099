"""What a storage must say if a setting is wrong that only its server can tell."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fs import errors

CALLS = {
    "write": lambda storage: storage.write("a.txt", b"new", overwrite=True),
    "read": lambda storage: storage.read("a.txt"),
    "exists": lambda storage: storage.exists("a.txt"),
    "list_files": lambda storage: list(storage.list_files()),
}

# what drivers add: what they know of each server, a whole answer, a pool of connections, a regular expression
ADDED = re.compile(
    r"[Tt]opology|full error|configured timeouts|Pool\(|Traceback|Errno|_ssl\.c|\(\?|\[\^|\\[wdsZ]|<html"
)


def wrong(app: Any, storage: Any, kind: Any, *said: str, calls: Any = CALLS, hidden: Any = ()) -> None:
    """Each operation raises an error of a kind whose text is one short line that says all of ``said`` and no secret.

    :param calls: the names of the operations that fail.
    :param hidden: what the text must not have, beside the secrets of the storage.
    """
    secrets = [storage.config[option.name.lower()] for option in storage.backend.options if option.secret]
    hidden = [*hidden, *(secret for secret in secrets if isinstance(secret, str))]

    def told(name: str) -> str:
        with app.app_context(), pytest.raises(kind) as raised:
            CALLS[name](storage)
        assert raised.value.__cause__ is not None
        return check(str(raised.value), hidden, *said)

    # at once, as some wait for TIMEOUT
    with ThreadPoolExecutor(len(CALLS)) as threads:
        texts = dict(zip(calls, threads.map(told, calls), strict=True))
    for name, text in texts.items():
        place = "in storage 'files': "
        assert text.startswith(place if name == "list_files" else f"'a.txt' {place}"), text
    name, text = next(iter(texts.items()))
    with app.app_context(), pytest.raises(errors.FSError) as raised:
        # a filesystem looks for the directory before it writes
        storage.fs.readbytes("a.txt") if name != "write" else storage.backend.store.put("a.txt", io.BytesIO(b"new"))
    assert text.partition("in storage 'files': ")[2] in check(str(raised.value), hidden, *said)


def check(text: str, hidden: Any, *said: str) -> str:
    """Return a text of an error that is one short line, says what it must and no secret."""
    for part in said:
        assert part in text, text
    assert len(text) <= 300, text
    assert text.isprintable(), text
    assert not ADDED.search(text), text
    for secret in hidden:
        assert secret not in text, text
    return text
