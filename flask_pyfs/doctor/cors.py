"""Asks the store, as a browser does, whether pages of the app may use it (CORS, as of the Fetch Standard)."""

from __future__ import annotations

from collections.abc import Iterator

from ..backends.contract import UploadURL
from .findings import Finding, Subject
from .http import Answer, Unanswered, ask


def examine(subject: Subject, url: str | None, upload: UploadURL | None) -> Iterator[Finding]:
    """Check that pages of the app may upload to the store and read from it. Makes two requests.

    :param url: a signed URL of a file, if the store signs URLs.
    :param upload: a signed upload, if it signs them.
    """
    origin = subject.origin
    if url is None and upload is None:
        yield subject.found("cors", "skipped", "clients reach the files at the app's own route, or at URL")
    elif origin is None:
        message = "nothing tells the origin of the app's pages: give it (--origin), or set SERVER_NAME"
        yield subject.found("cors", "skipped", message)
    else:
        refused = []
        try:
            if upload is not None and not _may_upload(
                ask(upload.url, "OPTIONS", _preflight(upload, origin)), upload, origin
            ):
                refused.append(f"upload to it ({upload.method})")
            if url is not None and not _is_allowed(ask(url, headers={"Origin": origin}), origin):
                refused.append("read files with scripts (GET)")
        except Unanswered as error:
            yield subject.found("cors", "skipped", str(error))
            return
        if refused:
            where = subject.setting("BUCKET", "CONTAINER", "URL")
            message = (
                f"the store does not let pages of {origin} {' or '.join(refused)}: if the app needs it, allow this "
                f"origin and method in the CORS rules of {where}"
            )
            if origin == f"http://{subject.state.app.config['SERVER_NAME']}":
                message += "; if the pages are of https, set PREFERRED_URL_SCHEME"
            # nothing else tells whether the app needs it
            if subject.is_origin_given:
                yield subject.found("cors", "warning", message)
            else:
                yield subject.found("cors", "skipped", f"{message}; to be warned, give the origin (--origin)")
        else:
            yield subject.found("cors", "ok", f"pages of {origin} may use the store")


def _preflight(upload: UploadURL, origin: str) -> dict[str, str]:
    headers = {"Origin": origin, "Access-Control-Request-Method": upload.method}
    # a form needs none, and a browser asks all the same if the page shows progress
    if upload.method != "POST":
        named = sorted({"content-type", *(name.lower() for name in upload.headers)})
        headers["Access-Control-Request-Headers"] = ",".join(named)
    return headers


def _may_upload(answer: Answer, upload: UploadURL, origin: str) -> bool:
    # a method of forms is always allowed
    methods = {"POST", *_listed(answer, "Access-Control-Allow-Methods")}
    asked = _preflight(upload, origin).get("Access-Control-Request-Headers", "")
    headers = {name.lower() for name in _listed(answer, "Access-Control-Allow-Headers")}
    return (
        answer.is_success
        and _is_allowed(answer, origin)
        and not methods.isdisjoint({upload.method, "*"})
        and ("*" in headers or headers.issuperset(filter(None, asked.split(","))))
    )


def _is_allowed(answer: Answer, origin: str) -> bool:
    return answer.headers.get("Access-Control-Allow-Origin") in (origin, "*")


def _listed(answer: Answer, name: str) -> list[str]:
    return [each.strip() for value in answer.headers.get_all(name, []) for each in value.split(",")]
