"""Whether a storage encrypts its files, and with which keys they are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any

from ..backends.base import BaseBackend
from ..errors import DecryptionError, FileNotFound, FSError, translated
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


def is_encrypted(subject: Subject) -> bool:
    """Return whether the storage encrypts its files."""
    backend = subject.state.backend
    return isinstance(backend, BaseBackend) and backend.wrapper is not None and _keyring(subject) is not None


def _keyring(subject: Subject) -> Any:
    # of another wrapper than that of ENCRYPTION_KEYS there is none
    return getattr(subject.state.backend.wrapper, "keyring", None)


def has_keys(subject: Subject) -> bool:
    """Return whether there is a key to encrypt with; else the storage only reads what flask-fs2 encrypted."""
    return bool(subject.state.config["encryption_keys"])


def examine_keys(subject: Subject) -> Iterator[Finding]:
    """Check the keys. Makes no request, but asks the service that has the keys if there is one."""
    where, name = subject.setting("ENCRYPTION_KEYS"), subject.state.storage.name
    if not has_keys(subject):
        message = f"files that flask-fs2 encrypted can be read, and none can be written: set {where} to a new key"
        yield subject.found("keys", "warning", f"{message}, which 'flask fs keygen' prints")
        return
    try:
        with translated(name):
            first, *others = _keyring(subject)
    except FSError as error:
        yield subject.failed("keys", error)
        return
    identifiers = [first.identifier, *(key.identifier for key in others)]
    if _is_weak(first.secret):
        message = f"the first key of {where} ({first.identifier}) was not made at random, so it can be guessed: put one"
        more = f"that 'flask fs keygen' prints before it, and run 'flask fs rekey {name}'"
        yield subject.found("keys", "warning", f"{message} {more}")
    elif len({*identifiers}) < len(identifiers):
        yield subject.found("keys", "warning", f"{where} has a key twice ({', '.join(identifiers)}): remove one")
    else:
        more = f"; files with {', '.join(identifiers[1:])} can be read" if others else ""
        yield subject.found("keys", "ok", f"new files are encrypted with the key {first.identifier}{more}")


def _is_weak(secret: bytes) -> bool:
    return len(set(secret)) < _FEWEST or all(byte in _TEXT for byte in secret)


def examine_probe(subject: Subject, path: Reserved) -> Iterator[Finding]:
    """Check that a probe cannot be read in the store below the wrapper. Makes one request."""
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
    """Check with which keys the first files are kept. Makes one listing, and one request for each, or two."""
    check, name = "encrypted-files", subject.state.storage.name
    try:
        with translated(name):
            paths = list(islice(_paths(subject), _SAMPLE))
            first = _keyring(subject).first.identifier if has_keys(subject) else None
        keys, unread = _looked_at(name, store, paths)
    except FSError as error:
        yield subject.failed(check, error)
        return
    others = sum(count for key, count in keys.items() if key != first)
    of_all = f"of {len(paths)} files that were looked at"
    if unread:
        yield subject.found(check, "error", f"{len(unread)} {of_all} cannot be read: {next(iter(unread.values()))}")
    elif others and first is not None:
        message = f"{others} {of_all} are not encrypted with the first key"
        yield subject.found(check, "ok", f"{message}: 'flask fs rekey {name}' does it")
    else:
        yield subject.found(check, "ok", "each file that was looked at can be read")
    yield from _plain(subject, f"{keys['plain']} {of_all}")


def _paths(subject: Subject) -> Iterator[str]:
    backend = subject.state.backend
    # the wrapper might ask for the size of each
    for path, _ in backend.bare.iter_facts(f"{backend.prefix}/" if backend.prefix else ""):
        if not has_reserved(path):
            yield path


def _looked_at(storage: str, store: Any, paths: list[str]) -> tuple[Counter[str], dict[str, FSError]]:
    """Return how many files each key opens, or have another form, and the errors of those that none opens."""
    keys, unread = Counter[str](), dict[str, FSError]()
    for path in paths:
        try:
            with translated(storage, path):
                kept = store.kept(path)
        except DecryptionError as error:
            unread[path] = error
        except FileNotFound:
            # it was deleted meanwhile
            continue
        else:
            keys[kept.key if kept.form == "segments" else kept.form] += 1
    return keys, unread


def _plain(subject: Subject, found: str) -> Iterator[Finding]:
    moment: datetime | None = subject.state.config["encryption_read_plain"]
    if moment is None:
        return
    where = subject.setting("ENCRYPTION_READ_PLAIN")
    if datetime.now(timezone.utc) - moment > _LONG:
        message = f"{where} is still set: run 'flask fs rekey {subject.state.storage.name}', and unset it"
        yield subject.found("read-plain", "warning", message)
    else:
        yield subject.found("read-plain", "ok", f"{found} are not encrypted, as {where} allows for now")
