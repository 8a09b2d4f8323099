"""Uses signed URLs of the store as a client does."""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from secrets import token_hex
from urllib.parse import urlsplit

from ..backends.contract import UploadTerms, UploadURL
from ..errors import FSError, shortened, translated
from ..filesystems.parts import InParts
from ..filesystems.store import StoreFS
from ..names import Reserved
from .contents import UPLOADED
from .encryption import is_encrypted
from .findings import Finding, Subject
from .http import Answer, Unanswered, ask, form

#: In seconds.
LIFETIME = 600

# of a server that does not know such a request; the signature is not the reason
_UNKNOWN = (400, 404, 405, 501)

# the last letter of a signature may stand for bits that nobody reads
_SIGNATURE = re.compile(r"(sig(?:nature)?=)(.)", re.IGNORECASE)


def examine_urls(subject: Subject, path: Reserved, store: StoreFS) -> Generator[Finding, None, str | None]:
    """Fetch a file by its signed URL, by one that was changed and by one that has expired, and a part of it.

    Makes five requests if the store signs URLs, else none. Returns the URL if the store signed it.
    """
    check = "signed-url"
    try:
        now = int(time.time())
        url = subject.state.operations.signed_url(path, now + LIFETIME, LIFETIME)
        expired = subject.state.operations.signed_url(path, now - LIFETIME, LIFETIME)
        if url is None or expired is None:
            yield subject.found(check, "skipped", _unsigned(subject))
            return None
        with translated(subject.state.storage.name):
            content = store.read_file(path)
    except FSError as error:
        yield subject.failed(check, error)
        return None
    changed = _SIGNATURE.sub(lambda found: found[1] + ("0" if found[2] != "0" else "1"), url, count=1)
    try:
        answer, part = ask(url), ask(url, headers={"Range": "bytes=3-8"})
        refusals = {"was changed": ask(changed), "has expired": ask(expired)}
    except Unanswered as error:
        yield subject.found(
            check,
            "error",
            f"clients cannot fetch signed URLs: {error}; set {subject.setting('PUBLIC_ENDPOINT', 'AUTHURL', 'URL')} to "
            "an address that they reach",
            again=True,
        )
        return url
    let_in = [which for which, refusal in refusals.items() if refusal.is_success]
    if not answer.is_success:
        yield subject.found(check, "error", f"the store refuses its own signed URLs ({_said(answer)}): {_key(subject)}")
    elif answer.body != content:
        where = urlsplit(url).netloc
        message = f"a signed URL shows something else than the file: check what answers at {where}"
        yield subject.found(check, "error", f"{message}, {subject.setting('PUBLIC_ENDPOINT', 'AUTHURL', 'URL')}")
    elif let_in:
        yield subject.found(
            check,
            "error",
            f"whoever has a URL whose signature {' or '.join(let_in)} reads the file: the store checks none; make "
            f"{subject.setting('BUCKET', 'CONTAINER', 'URL')} private",
        )
    else:
        yield subject.found(check, "ok", "the store accepts signed URLs, and refuses changed and expired ones")
    if answer.is_success and (part.status != 206 or part.body != content[3:9]):
        yield subject.found(
            "signed-range",
            "warning",
            f"the store sends clients a whole file where they ask for a part (status {part.status}), so nobody can "
            f"skip in a video: look for a proxy in front of {subject.setting('PUBLIC_ENDPOINT', 'AUTHURL', 'URL')}",
        )
    return url


def examine_uploads(subject: Subject, path: Reserved, store: StoreFS) -> Generator[Finding, None, UploadURL | None]:
    """Upload a file with a signed request. Makes two requests. Returns the request if the store signed it."""
    check = "signed-upload"
    terms = UploadTerms(int(time.time()) + LIFETIME, LIFETIME, overwrite=True)
    try:
        upload = subject.state.operations.signed_upload(path, terms)
    except FSError as error:
        yield subject.failed(check, error)
        return None
    if upload is None:
        why = "the files are encrypted" if is_encrypted(subject) else "this store signs no uploads"
        yield subject.found(check, "skipped", f"{why}: clients send them to the app's route")
        return None
    try:
        answer = _sent(upload)
        with translated(subject.state.storage.name):
            is_stored = answer.is_success and store.read_file(path) == UPLOADED
    except Unanswered as error:
        where = subject.setting("PUBLIC_ENDPOINT", "AUTHURL", "URL")
        message = f"clients cannot upload: {error}; set {where} to an address that they reach"
        yield subject.found(check, "error", message, again=True)
        return upload
    except FSError as error:
        yield subject.failed(check, error)
        return upload
    if is_stored:
        yield subject.found(check, "ok", "the store takes uploads with a signed request")
    elif answer.status in _UNKNOWN:
        message = (
            f"the server takes no uploads with a signed {upload.method} (status {answer.status}), so those of "
            f"upload_url() fail: set {subject.setting('VERIFY')} to True, so that the app's route takes them"
        )
        yield subject.found(check, "warning", message)
    elif answer.is_success:
        where = subject.setting("PUBLIC_ENDPOINT", "AUTHURL", "URL")
        message = f"an upload with a signed request was answered {answer.status}, and nothing was stored: check {where}"
        yield subject.found(check, "error", message)
    else:
        message = f"the store refuses its own signed uploads ({_said(answer)}): {_key(subject)}"
        yield subject.found(check, "error", message)
    return upload


def examine_copies(subject: Subject, path: Reserved) -> Iterator[Finding]:
    """Try whether a client that may upload gets a copy of another file by a header that is not signed.

    It copies the probe, as a part of an upload that is then aborted. Makes three or four requests if the store takes
    files in parts from clients, else none.
    """
    check = "signed-copy"
    file = subject.state.operations.in_parts(path)
    if file is None:
        return
    try:
        with translated(subject.state.storage.name), _begun(file) as upload:
            answer = ask(file.signed(upload, 1, LIFETIME), "PUT", file.copying(), b"")
            parts = (file.parts(upload) or {}) if answer.is_success else {}
    except (FSError, Unanswered) as error:
        yield subject.found(check, "skipped", f"it could not be tried ({shortened(str(error), 200)})")
        return
    # the part was empty, so each byte is one of a copy
    if any(part.size for part in parts.values()):
        yield subject.found(
            check,
            "warning",
            f"the server obeys headers that are not signed ({', '.join(file.copying())}), so a client that may upload "
            "reads any file of the bucket: let no client upload to it, by upload_url() or multipart_url(), or let "
            f"{subject.setting('ENDPOINT')} name another server",
        )
    else:
        yield subject.found(check, "ok", "a client that may upload gets no copy of another file")


@contextmanager
def _begun(file: InParts) -> Iterator[str]:
    """Begin an upload in parts, and abort it at the end of the block."""
    upload = file.begin(token_hex(8))
    try:
        yield upload
    finally:
        file.abort(upload)


def _sent(upload: UploadURL) -> Answer:
    if upload.method == "PUT":
        headers = {"Content-Type": "application/octet-stream", **upload.headers}
        return ask(upload.url, "PUT", headers, UPLOADED)
    body, media_type = form(upload.fields, UPLOADED)
    return ask(upload.url, upload.method, {**upload.headers, "Content-Type": media_type}, body)


def _unsigned(subject: Subject) -> str:
    if is_encrypted(subject):
        return "the files are encrypted, so the app's route sends them, and the store signs no URLs"
    if subject.state.app.secret_key:
        return "the app signs the URLs of this storage, with its SECRET_KEY"
    return "the app would sign the URLs of this storage, and has no SECRET_KEY: set it if url() gets expires"


def _key(subject: Subject) -> str:
    if "TEMP_URL_KEY" in subject.declared:
        return f"set {subject.setting('TEMP_URL_KEY')} to the Temp-URL key of the account or the container"
    where = subject.setting("PUBLIC_ENDPOINT", "URL")
    return (
        f"check the clock, the rights of {subject.setting('SECRET_KEY')}, and that {where} leads to this store as it is"
    )


def _said(answer: Answer) -> str:
    found = re.search(rb"<Code>(\w+)</Code>", answer.body)
    return f"{answer.status} {found[1].decode()}" if found else str(answer.status)
