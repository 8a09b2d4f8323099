"""Writes, reads, lists, replaces and deletes a probe, which is a file under a reserved name."""

from __future__ import annotations

import io
import secrets
from collections.abc import Generator, Iterator
from contextlib import suppress
from datetime import datetime, timezone

from fs import errors

from ..errors import FileExists, FSError, translated
from ..filesystems.store import Facts, OtherVersion, StoreFS
from ..names import Reserved
from . import clock, cors, encryption, exposure, signed
from .contents import FIRST, SECOND
from .findings import Finding, Subject

# no store guesses it
_TYPE = "application/x-flask-pyfs-probe"


class Probe:
    """A file under a reserved name, which no listing shows and no client can ask the app for.

    :param subject: the storage.
    :param store: its filesystem.
    :ivar may_be_there: whether it is not known to be deleted.
    """

    def __init__(self, subject: Subject, store: StoreFS) -> None:
        self.subject = subject
        self.store = store
        self.may_be_there = True
        self.path: Reserved = Reserved.of(subject.state.backend.prefix, f"doctor-{secrets.token_hex(16)}")

    def guard(self) -> translated:
        """Return the context that translates errors of the filesystem."""
        return translated(self.subject.state.storage.name)

    def put(self, content: bytes, *, overwrite: bool = True) -> str | None:
        """Store the probe, and return its version."""
        with self.guard():
            return self.store.put(self.path, io.BytesIO(content), overwrite=overwrite, content_type=_TYPE)

    def remove(self) -> None:
        """Delete the probe, if it is there. It takes no right to list files, unless the store knows no versions."""
        with self.guard(), suppress(errors.ResourceNotFound):
            version = self.store.facts(self.path).version
            if version is None:
                self.store.delete_tree(self.path)
            else:
                self.store.delete_version(self.path, version)


def examine_store(subject: Subject, store: StoreFS, *, may_list: bool) -> Generator[Finding, None, None]:
    """Check what a store does with a probe, and delete that. Makes about twenty requests.

    :param may_list: whether the store lets the storage list its files.
    """
    probe = Probe(subject, store)
    began = datetime.now(timezone.utc)
    try:
        try:
            version = probe.put(FIRST, overwrite=False)
        except FSError as error:
            finding = subject.failed("write", error, "the storage takes no files")
            yield finding
            if finding.level == "error":
                yield subject.found("probe", "skipped", "the other checks need a probe in the store")
            # the answer may be lost, and the file be there
            with suppress(FSError):
                probe.remove()
            probe.may_be_there = False
            return
        ended = datetime.now(timezone.utc)
        yield subject.found("write", "ok", "the store takes a file")
        yield from _exclusive(probe)
        facts = yield from _read(probe)
        if facts is not None:
            yield clock.judged(subject, facts.modified, began, ended)
            yield from _range(probe)
        if encryption.is_encrypted(subject):
            yield from encryption.examine_probe(subject, probe.path)
        if may_list:
            yield from _listed(probe)
        yield from _versions(probe, version)
        yield from exposure.examine(subject, probe.path, store)
        url = yield from signed.examine_urls(subject, probe.path, store)
        upload = yield from signed.examine_uploads(subject, probe.path, store)
        yield from signed.examine_copies(subject, probe.path)
        yield from cors.examine(subject, url, upload)
        yield from _deleted(probe)
    except GeneratorExit:
        # nobody waits for the findings any more
        with suppress(FSError):
            probe.remove()
        probe.may_be_there = False
        raise
    finally:
        if probe.may_be_there:
            try:
                probe.remove()
            except FSError as error:
                yield subject.failed("delete", error, f"the probe {probe.path!r} stays")


def _exclusive(probe: Probe) -> Iterator[Finding]:
    subject = probe.subject
    try:
        probe.put(SECOND, overwrite=False)
    except FileExists:
        yield subject.found("exclusive", "ok", "the store refuses to write a new file over another one")
    except FSError as error:
        yield subject.failed("exclusive", error)
    else:
        yield subject.found(
            "exclusive",
            "error",
            "the store wrote a file over another one that it was told to keep (it ignores If-None-Match), so of two "
            f"uploads with one name one is lost: save with unique=True, or let {subject.place} name another store",
        )
        probe.put(FIRST)


def _read(probe: Probe) -> Generator[Finding, None, Facts | None]:
    subject = probe.subject
    try:
        with probe.guard():
            facts, file = probe.store.fetch(probe.path)
            with file:
                content = file.read()
    except FSError as error:
        yield subject.failed("read", error, "a file that was just written cannot be read")
        return None
    if content != FIRST or facts.size != len(FIRST):
        yield subject.found(
            "read", "error", f"the store returned {len(content)} other bytes than the {len(FIRST)} that were written"
        )
    else:
        yield subject.found("read", "ok", "the store returns what was written")
    if facts.content_type is None:
        yield subject.found("content-type", "skipped", "this store keeps no media types; the extension tells them")
    elif facts.content_type != _TYPE:
        yield subject.found(
            "content-type",
            "warning",
            f"the store says {facts.content_type!r} of a file that was stored as {_TYPE!r}: browsers would show it so; "
            f"look for a proxy in front of {subject.place} that changes it",
        )
    else:
        yield subject.found("content-type", "ok", "the store keeps the media type")
    return facts


def _range(probe: Probe) -> Iterator[Finding]:
    try:
        with probe.guard():
            _, file = probe.store.fetch(probe.path, 3, 9)
            with file:
                file.seek(3)
                content = file.read(6)
    except FSError as error:
        yield probe.subject.failed("range", error, "a part of a file cannot be read")
        return
    if content == FIRST[3:9]:
        yield probe.subject.found("range", "ok", "the store returns the part of a file that is asked for")
    else:
        yield probe.subject.found("range", "error", "the store returned another part of a file than was asked for")


def _listed(probe: Probe) -> Iterator[Finding]:
    subject = probe.subject
    try:
        with probe.guard():
            is_listed = any(path == probe.path for path, _ in probe.store.iter_facts(probe.path))
    except FSError as error:
        yield subject.failed("list", error, "the files cannot be listed")
        return
    if is_listed:
        yield subject.found("list", "ok", "the listing shows a file that was just written")
    else:
        message = "the listing does not show a file that was just written: list_files() and entries() are late"
        yield subject.found("list", "warning", message + "; name the files in a database if that matters")


def _versions(probe: Probe, version: str | None) -> Iterator[Finding]:
    subject, store = probe.subject, probe.store
    if version is None:
        yield subject.found("replace", "skipped", "this store knows no versions")
        return
    try:
        with probe.guard():
            replaced = store.replace_version(probe.path, io.BytesIO(SECOND), _current(probe, version))
            try:
                store.replace_version(probe.path, io.BytesIO(FIRST), version)
            except OtherVersion:
                is_kept = True
            else:
                is_kept = False
    except FSError as error:
        yield subject.failed("replace", error, "a file cannot be replaced")
        return
    if is_kept and replaced != version:
        yield subject.found("replace", "ok", "the store replaces a file only in the version that is named")
    else:
        yield subject.found(
            "replace",
            "error",
            "the store replaced a file that had changed since, so replace_version() loses changes: do not use it, or "
            f"change {subject.place} to a store that knows If-Match",
        )


def _current(probe: Probe, version: str) -> str:
    # another one, if the store wrote the second probe over the first
    return probe.store.facts(probe.path).version or version


def _deleted(probe: Probe) -> Iterator[Finding]:
    subject = probe.subject
    try:
        probe.remove()
        with probe.guard():
            is_there = probe.store.has_file(probe.path)
    except FSError as error:
        probe.may_be_there = False
        yield subject.failed("delete", error, f"a file cannot be deleted, and the probe {str(probe.path)!r} stays")
        return
    probe.may_be_there = False
    if is_there:
        yield subject.found("delete", "error", f"the store has deleted the probe {probe.path!r}, and still shows it")
    else:
        yield subject.found("delete", "ok", "the store deletes a file")
