"""What the settings of a storage will do in production. Makes no request."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from ..backends.registry import options_of
from ..filesystems.store import StoreFS
from ..origins import set_by
from ..state import require_registry
from ..uploads.intake import verifies
from .findings import Finding, Subject, signs_urls


def examine(subject: Subject, storage: Any) -> Iterator[Finding]:
    """Check the settings of a storage.

    :param storage: the storage itself.
    """
    yield _effects(subject)
    yield _extras(subject, storage)
    yield _served(subject, storage)
    yield _sizes(subject, storage)
    yield transport(subject)


def _effects(subject: Subject) -> Finding:
    state = subject.state
    unread = [f"{each.key}: {each.reason}" for each in subject.unread if each.storage == state.storage.name]
    if unread:
        return subject.found("settings", "warning", "; ".join(unread))
    url = set_by(state.config, "URL")
    if state.config["private"] and state.config["url"]:
        message = f"the storage is PRIVATE, and {url} names a server that checks no signature of the app: unset {url}, "
        return subject.found("settings", "warning", message + "or let that server ask who may read")
    if idle := _without_effect(subject):
        return subject.found("settings", "warning", idle)
    return subject.found("settings", "ok", "each setting of this storage has an effect")


def _without_effect(subject: Subject) -> str | None:
    config, backend = subject.state.config, subject.state.backend
    # of a storage that moves, the side that takes new files decides
    signs = signs_urls(subject.state) or any(side.signs_urls for side in getattr(backend, "sides", ()))
    if config["confirm"] and not signs:
        return (
            f"{subject.setting('CONFIRM')} has no effect: this store signs no uploads as it is set up, so they go "
            "through the app, which checks them at once"
        )
    if config["scan_fail_open"] and config["scan"] is None:
        return f"{subject.setting('SCAN_FAIL_OPEN')} has no effect without {subject.setting('SCAN')}"
    return None


def _extras(subject: Subject, storage: Any) -> Finding:
    config = subject.state.config
    needing = [
        set_by(config, key) or key
        for key, needs in (
            ("VERIFY", verifies(storage.extensions, config)),
            ("IMAGES_OPTIMIZE", config["images_optimize"]),
        )
        if needs
    ]
    if needing and not _is_installed("PIL"):
        message = f"{' and '.join(needing)} cannot look into images without Pillow: pip install 'flask_pyfs[images]'"
        return subject.found("extras", "error" if config["images_optimize"] else "warning", message)
    return subject.found("extras", "ok", "the packages that this storage needs are installed")


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:
        return False


def _served(subject: Subject, storage: Any) -> Finding:
    state = subject.state
    if storage.is_served or state.config["url"]:
        return subject.found("served", "ok", "the URLs of the files are answered")
    key = set_by(state.config, "SERVE")
    is_said = require_registry(state.app).is_set(state.app.config, "FS_SERVE")
    if key is not None or is_said or (state.config["private"] and signs_urls(state)):
        return subject.found("served", "ok", "the app's route does not serve the files, as the settings say")
    return subject.found(
        "served",
        "warning",
        f"FS_SERVE is off, so url() gives URLs that are answered 404: set {subject.setting('SERVE')} to True, or to "
        "False if views of the app send the files",
    )


def _sizes(subject: Subject, storage: Any) -> Finding:
    most, limit = subject.state.config["max_size"], subject.state.app.config.get("MAX_CONTENT_LENGTH")
    goes_through = storage.verifies or not signs_urls(subject.state)
    if goes_through and most is not None and limit is not None and most > limit:
        where = subject.setting("MAX_SIZE")
        message = f"{where} allows {most} bytes, but Flask refuses forms of more than MAX_CONTENT_LENGTH, {limit} bytes"
        return subject.found("max-size", "warning", f"{message}: raise that, or lower {where}")
    return subject.found(
        "max-size", "ok", "Flask takes forms as large as the storage does, or clients upload to the store"
    )


def transport(subject: Subject) -> Finding:
    """Check that no address on the internet is without TLS."""
    state = subject.state
    for option in options_of(type(state.backend)) or ():
        value = state.config.get(option.name.lower())
        if isinstance(value, str) and value.lower().startswith("http://") and _is_far(urlsplit(value).hostname or ""):
            where = subject.setting(option.name)
            message = (
                f"{where} has no TLS, so everybody on the way can read the files and use what authorizes: use https"
            )
            return subject.found("transport", "warning", message)
    return subject.found("transport", "ok", "no setting sends files unencrypted over the internet")


def _is_far(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        name = host.rstrip(".").lower()
        # names that a network has for itself (RFC 6761, RFC 6762, RFC 8375, and what Docker and Kubernetes use)
        ends = (".localhost", ".local", ".internal", ".home.arpa", ".test", ".svc", ".lan")
        return "." in name and not name.endswith(ends)


def shared(subject: Subject, store: StoreFS) -> Finding:
    """Check that other processes have the same files. Makes no request, once the filesystem is open."""
    # one that encrypts tells no path
    filesystem = store.bare.standard
    meta = filesystem.getmeta()
    if meta.get("network") is not False or meta.get("read_only") or filesystem.hassyspath("/"):
        return subject.found("shared", "ok", "all processes of the app have the same files")
    if subject.state.app.testing:
        return subject.found("shared", "ok", "the files are only in this process, as in tests")
    message = "the files are only in this process: others have others, and a restart loses them; set "
    return subject.found(
        "shared", "warning", f"{message}{subject.setting('BACKEND')} to 'local', 's3' or another store"
    )
