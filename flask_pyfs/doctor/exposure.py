"""Asks, as anybody may, for a file under a reserved name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import quote, urljoin, urlsplit

from ..errors import FSError, translated
from ..filesystems.store import StoreFS
from ..names import Reserved
from ..web.urls import base_url
from . import disk
from .contents import MARK
from .findings import Finding, Subject
from .http import Unanswered, ask
from .signed import LIFETIME


def examine(subject: Subject, path: Reserved, store: StoreFS) -> Iterator[Finding]:
    """Check that nobody can read a reserved name without a signature: by URL, or at the store. Makes two requests."""
    check, config = "reserved", subject.state.config
    try:
        urls = list(_urls(subject, path, store))
    except FSError as error:
        yield subject.failed(check, error)
        return
    shown, reasons = list[str](), list[str]()
    root = subject.root
    if root and disk.is_shown_by_flask(subject, root):
        reasons.append("the files are in the static folder, which Flask shows to everybody (see the check root)")
    elif not urls and store.standard.getmeta().get("network") is not False:
        reasons.append("this store tells no address of its files, so whoever reaches it without the app is not known")
    for url in urls:
        try:
            if not url.startswith(("http://", "https://")):
                raise Unanswered(f"{url} has no host: give the app's origin (--origin), or set SERVER_NAME")
            if (answer := ask(url)).is_success and answer.body.startswith(MARK):
                shown.append(url)
        except Unanswered as error:
            reasons.append(str(error))
    if shown and not subject.is_meant_for_all:
        where = subject.setting("BUCKET", "CONTAINER", "URL")
        yield subject.found(
            check,
            "error" if config["private"] or config["authorize"] is not None else "warning",
            f"anybody can read the files without a signature at {shown[0].partition('.flask_pyfs')[0]}: make {where} "
            "private there (its policy, its ACL)",
        )
    elif shown and subject.state.root:
        yield subject.found(
            check,
            "warning",
            f"anybody can read unfinished uploads below {shown[0].rpartition('/')[0]}/: let the web server at "
            f"{subject.setting('URL')} deny .flask_pyfs",
        )
    elif shown and (config["confirm"] or config["scan"] is not None):
        # the client knows the name
        yield subject.found(
            check,
            "warning",
            f"a client that uploads a file can show it to anybody before it is checked, below "
            f"{shown[0].rpartition('/')[0]}/: "
            f"let {subject.setting('BUCKET', 'CONTAINER', 'URL')} deny .flask_pyfs (its policy), or turn "
            f"{subject.setting('CONFIRM')} off where that cannot be",
        )
    elif shown:
        yield subject.found(check, "ok", "the files are for all, as URL says, and the probe is too")
    elif reasons:
        yield subject.found(check, "skipped", reasons[0])
    elif not urls:
        yield subject.found(check, "ok", "only the app's route leads to the files, and that refuses reserved names")
    else:
        yield subject.found(check, "ok", "a reserved name cannot be read without a signature")


def _urls(subject: Subject, path: Reserved, store: StoreFS) -> Iterator[str]:
    state = subject.state
    if state.config["url"]:
        base = urljoin(subject.origin or "", base_url(state.app, state.storage.name, state.config["url"]))
        # anybody knows no password; PREFIX is no part of the names, so URL leads below it
        host, name = urlsplit(base).netloc.rpartition("@")[2], path.removeprefix(f"{state.backend.prefix}/")
        yield urlsplit(base)._replace(netloc=host).geturl() + quote(name)
    now = int(time.time())
    if signed := state.operations.signed_url(path, now + LIFETIME, LIFETIME):
        yield signed.partition("?")[0]
    else:
        with translated(state.storage.name):
            address = store.address(path)
        if address is not None:
            yield address
