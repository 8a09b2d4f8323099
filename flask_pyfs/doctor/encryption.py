"""Whether a storage encrypts its files, and with which keys they are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any

from ..backends.base import BaseBackend
from ..errors import FSError, translated
from ..filesystems.store import StoreFS
from ..names import Reserved, has_reserved
from .contents import MARK
from .findings import Finding, Subject

# so many files are looked at
_SAMPLE = 20

# a random key has about 30 different bytes, and never so few, or only those of a text
_FEWEST = 16
_TEXT = range(32, 127)

# after so long, nobody thinks of it any more
_LONG = timedelta(days=30)

_KEYGEN = "'flask fs keygen'"


def is_encrypted(subject: Subject) -> bool:
    """Return whether the storage encrypts its files."""
    backend = subject.state.backend
    return isinstance(backend, BaseBackend) and backend.layer is not None and _keyring(subject) is not None


def _keyring(subject: Subject) -> Any:
    # of another layer than that of ENCRYPTION_KEYS there is none
    return getattr(subject.state.backend.layer, "keyring", None)


def examine_keys(subject: Subject) -> Iterator[Finding]:
    """Check the keys. Makes no request, but asks the service that has the keys if there is one."""
    where = subject.setting("ENCRYPTION_KEYS")
    if not subject.state.config["encryption_keys"]:
        message = f"files that flask-fs2 encrypted can be read, but none can be written: set {where} to a new key"
        yield subject.found("keys", "warning", f"{message}, which {_KEYGEN} prints")
        return
    try:
        keys = list(_keyring(subject))
    except Exception as error:
        # of a callable of the app; what it says may have a key in it
        yield subject.found("keys", "error", f"{where} gives no keys ({type(error).__name__}): check what it calls")
        return
    identifiers = [key.identifier for key in keys]
    twice = [each for each, count in Counter(identifiers).items() if count > 1]
    weak = [key.identifier for key in keys if _is_weak(key.secret)]
    if weak:
        message = f"{where} has a key that was not made at random ({', '.join(weak)}): put one of {_KEYGEN} before it"
        yield subject.found("keys", "warning", f"{message}, and run 'flask fs rekey {subject.state.storage.name}'")
    elif twice:
        yield subject.found("keys", "warning", f"{where} has a key twice ({', '.join(twice)}): remove one")
    else:
        more = f", and {', '.join(identifiers[1:])} can be read" if identifiers[1:] else ""
        yield subject.found("keys", "ok", f"files are encrypted with the key {identifiers[0]}{more}")


def _is_weak(secret: bytes) -> bool:
    return len(set(secret)) < _FEWEST or all(byte in _TEXT for byte in secret)


def examine_probe(subject: Subject, path: Reserved) -> Iterator[Finding]:
    """Check that a probe cannot be read in the store below the layer. Makes one request."""
    try:
        with translated(subject.state.storage.name):
            kept = subject.state.backend.bare.read_file(path)
    except FSError as error:
        yield subject.failed("encrypted", error)
        return
    if MARK in kept:
        where = subject.setting("ENCRYPTION_KEYS")
        yield subject.found("encrypted", "error", f"the store has a probe as it was written, in spite of {where}")
    else:
        yield subject.found("encrypted", "ok", "the store has what it cannot read")


def examine_files(subject: Subject, store: StoreFS) -> Iterator[Finding]:
    """Check with which keys the first files are kept. Makes one request for each, and one listing."""
    check, name = "encrypted-files", subject.state.storage.name
    try:
        with translated(name):
            paths = list(islice(_paths(subject), _SAMPLE))
        forms, unread = _looked_at(name, store, paths)
    except FSError as error:
        yield subject.failed(check, error)
        return
    first = next(iter(_keyring(subject))).identifier
    others = sum(count for key, count in forms.items() if key != first)
    if unread:
        message = (
            f"{len(unread)} of {len(paths)} files that were looked at cannot be read: {next(iter(unread.values()))}"
        )
        yield subject.found(check, "error", message)
    elif others:
        message = f"{others} of {len(paths)} files that were looked at are not encrypted with the first key"
        yield subject.found(check, "ok", f"{message}: 'flask fs rekey {name}' encrypts them")
    else:
        yield subject.found(check, "ok", f"each file that was looked at is encrypted with the key {first}")
    yield from _plain(subject, forms["plain"])


def _paths(subject: Subject) -> Iterator[str]:
    backend = subject.state.backend
    # the layer might ask for the size of each
    for path, _ in backend.bare.iter_facts(f"{backend.prefix}/" if backend.prefix else ""):
        if not has_reserved(path):
            yield path


def _looked_at(storage: str, store: Any, paths: list[str]) -> tuple[Counter[str], dict[str, FSError]]:
    """Return how many files are kept with each key, or in which other form; and the errors of those that are not."""
    forms, unread = Counter[str](), dict[str, FSError]()
    for path in paths:
        try:
            with translated(storage, path):
                kept = store.kept(path)
        except FSError as error:
            unread[path] = error
        else:
            forms[kept.key if kept.form == "segments" else kept.form] += 1
    return forms, unread


def _plain(subject: Subject, found: int) -> Iterator[Finding]:
    moment: datetime | None = subject.state.config["encryption_read_plain"]
    if moment is None:
        return
    where = subject.setting("ENCRYPTION_READ_PLAIN")
    if datetime.now(timezone.utc) - moment > _LONG:
        message = f"{where} is still set: run 'flask fs rekey {subject.state.storage.name}', and unset it"
        yield subject.found("read-plain", "warning", message)
    else:
        some = f"{found} files that were looked at are" if found else "no file that was looked at is"
        yield subject.found("read-plain", "ok", f"{some} not encrypted, as {where} allows for now")
