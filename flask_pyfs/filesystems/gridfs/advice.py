"""What to do about an error of MongoDB: the setting that is wrong, in one line, without what PyMongo adds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from pymongo.errors import (
    ConfigurationError,
    ExecutionTimeout,
    InvalidName,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)
from pymongo.uri_parser import parse_uri

from ..unreachable import shown_address, unreachable

#: The rule for the name of a database, to be read after its name.
DATABASE = 'must have at most 63 bytes, no blank, and none of / \\ . " $ * < > : | ?'

# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
_UNAUTHORIZED, _LOGIN_FAILED, _ATLAS = 13, 18, 8000
_INVALID_NAMESPACE, _OTHER_CASE = 73, 13297
_UNKNOWN_CONCERN, _UNSATISFIABLE = 79, 100
# ShutdownInProgress, PrimarySteppedDown, NotWritablePrimary, InterruptedAtShutdown, InterruptedDueToReplStateChange,
# NotPrimaryNoSecondaryOk, NotPrimaryOrSecondary
_PASSING = {91, 189, 10107, 11600, 11602, 13435, 13436}
_READING = {"find", "getMore", "aggregate", "count", "distinct"}

# the longest text of the server or the driver that is shown
_LONGEST = 120


@dataclass(frozen=True, repr=False)
class MongoPlace:
    """Where a bucket is.

    :param url: the connection string.
    :param database: the name of the database.
    :param bucket: the name of the bucket.
    :param timeout: the time limit of an operation in seconds.
    """

    url: str
    database: str
    bucket: str
    timeout: float


def code_of(error: Exception) -> int | None:
    """Return the code of the server's refusal, also of a login that kept the driver from finding a server."""
    if isinstance(error, ServerSelectionTimeoutError):
        # only the text of this error contains it
        match = re.search(r"'code': (\d+)", str(error))
        return int(match[1]) if match else None
    return error.code if isinstance(error, OperationFailure) else None


def _said(error: Exception) -> str:
    text = str(error)
    # a refusal of the server shows its command, and an index what it has: names of files, which may be anything
    return text.partition("{")[0] if isinstance(error, OperationFailure) else text


def is_over_quota(error: Exception) -> bool:
    """Return whether Atlas refused because the space of the cluster is used up."""
    return code_of(error) == _ATLAS and "quota" in _said(error)


def passes(error: Exception) -> bool:
    """Return whether the server refused only because it ends, or is the primary no longer."""
    return code_of(error) in _PASSING


def misconfigured(error: Exception, place: MongoPlace) -> str | None:
    """Return what to do if only a setting can be wrong, else None."""
    code, text = code_of(error), _said(error)
    if "replica set members available for replica set name" in text:
        wanted = re.search('replica set name "([^"]*)"', text)
        named = f" {wanted[1]!r}" if wanted else ""
        return (
            f"no server of {_url(place)} belongs to the replica set{named}: correct replicaSet in MONGO_URL, or leave "
            "it out if the server is alone"
        )
    if code == _OTHER_CASE:
        return f"MONGO_DB {place.database!r} exists in other upper and lower case: {_quoted(text, place.database)}"
    if code == _INVALID_NAMESPACE or isinstance(error, InvalidName):
        return _invalid_name(text, place)
    if code in (_UNKNOWN_CONCERN, _UNSATISFIABLE):
        return (
            f"w in MONGO_URL asks for what its servers cannot confirm ({plain(error)}): use w=majority, or leave it out"
        )
    if "readConcern" in text and isinstance(error, OperationFailure):
        return f"readConcernLevel in MONGO_URL is none that MongoDB knows: {plain(error)}"
    if isinstance(error, ConfigurationError) and unreachable(error, "MONGO_URL", place.url) is None:
        return f"{_url(place)} cannot be used as it is: {plain(error)}"
    return None


def refused(error: Exception, place: MongoPlace) -> str | None:
    """Return what to do if the server refused the user, else None."""
    code, text = code_of(error), _said(error)
    is_atlas = code == _ATLAS
    if code == _LOGIN_FAILED or (is_atlas and re.search("bad auth|authentication failed", text, re.IGNORECASE)):
        return _login_failed(place)
    if code != _UNAUTHORIZED and not (is_atlas and re.search("not allowed|not authorized", text)):
        return None
    if "requires authentication" in text:
        return f"{_url(place)} wants a login: put user:password@ before its host"
    command = re.search(r"(?:execute command \{ |do action \[)(\w+)", str(error))
    does = "read" if command and command[1] in _READING else "write"
    return (
        f"the user of MONGO_URL may not {does} in MONGO_DB {place.database!r}: give it the role readWrite on that "
        "database, or correct MONGO_DB"
    )


def failed(error: Exception, place: MongoPlace, before: BaseException | None) -> str | None:
    """Return what to do if no server could answer, else None."""
    text = _said(error)
    if isinstance(error, NotPrimaryError) or "match selector" in text:
        return _no_member(text, place)
    if isinstance(error, ServerSelectionTimeoutError) and (member := _hidden_member(text, place)):
        return (
            f"the replica set of {_url(place)} calls its member {member}, which cannot be reached from here: make that "
            "name known here, or add directConnection=true to MONGO_URL"
        )
    if passes(error):
        return f"{_url(place)} ends now, or another server becomes the primary: try again"
    if isinstance(error, ExecutionTimeout):
        return f"{_url(place)} did not do the operation in {place.timeout:g} s: raise TIMEOUT"
    if isinstance(error, OperationFailure):
        # the server has answered
        return None
    return unreachable(error, "MONGO_URL", place.url, place.timeout, before=before)


def unusable_url(error: Exception, url: str) -> str:
    """Return what is wrong with a connection string.

    :param error: what the driver raised. Its text is left out if it may have a part of the user or the password.
    :param url: the connection string.
    """
    text = plain(error)
    if isinstance(error, OSError) or re.search("certificate|private key", text, re.IGNORECASE):
        # the driver has no names of options here, or has them in lower case
        return (
            "MONGO_URL has tlsCAFile, tlsCertificateKeyFile or tlsCRLFile, whose file is missing or has no certificate"
        )
    user = url.partition("://")[2].rpartition("@")[0]
    secrets = [part for each in re.split("[:@]", user) for part in (each, unquote_plus(each)) if part]
    if type(error) is not ConfigurationError or any(secret in text for secret in secrets):
        text = type(error).__name__
    return f"MONGO_URL is not a valid connection string ({text})"


def plain(error: Any) -> str:
    """Return what an error says, on one line and not longer than 120 characters."""
    details = getattr(error, "details", None)
    writes = details.get("writeErrors") if isinstance(details, dict) else None
    text = writes[0].get("errmsg", "") if writes else str(error)
    # what PyMongo adds: the document of the error, the timeouts, what it knows of each server
    text = re.split(r", full error: |, Timeout: | \(configured timeouts: |, Topology Description: ", text, maxsplit=1)[
        0
    ]
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _url(place: MongoPlace) -> str:
    return f"MONGO_URL {shown_address(place.url)}"


def _login_failed(place: MongoPlace) -> str:
    source = "admin"
    try:
        parsed = parse_uri(place.url, validate=False, warn=False) if place.url.startswith("mongodb://") else {}
    except (PyMongoError, ValueError):
        parsed = {}
    if parsed:
        options = {key.lower(): value for key, value in parsed["options"].items()}
        source = options.get("authsource") or parsed.get("database") or source
    other = "" if source == "admin" else "; most users are in 'admin'"
    return (
        f"{_url(place)} refused its user or password: correct them, or authSource, the database that has the user "
        f"(now {source!r}{other})"
    )


def _invalid_name(text: str, place: MongoPlace) -> str:
    if "database" in text.lower() or len(place.database.encode()) > 63:
        return f"MONGO_DB {DATABASE}"
    return (
        f"BUCKET {_cut(place.bucket)!r} is no name of a collection: it must have no $, no dot at an end and no two "
        "dots, and at most 120 bytes"
    )


def _quoted(text: str, database: str) -> str:
    found = re.search(r"already have: \[([^\]]*)\]", text)
    return f"set it to {found[1]!r}, or to another name" if found and found[1] != database else "set it to another name"


def _no_member(text: str, place: MongoPlace) -> str:
    if re.search(r'match selector "(Secondary|Nearest)', text):
        return (
            f"no server of {_url(place)} can be read with its readPreference: use another, or look at the replica set"
        )
    if "directconnection=true" in place.url.lower():
        return (
            f"the server of {_url(place)} is not the primary, so it takes no writes: give the primary, or all hosts "
            "with replicaSet in place of directConnection"
        )
    return (
        f"the replica set of {_url(place)} has no primary now, so it takes no writes: look at its servers (rs.status())"
    )


def _hidden_member(text: str, place: MongoPlace) -> str | None:
    """Return a host that the servers named and that cannot be reached, if none of those in the URL is left."""
    named = {f"{host}:{port}" for host, port in re.findall(r"<ServerDescription \('([^']+)', (\d+)\)", text)}
    if not named or place.url.startswith("mongodb+srv://"):
        return None
    try:
        given = {f"{host}:{port}" for host, port in parse_uri(place.url, validate=False, warn=False)["nodelist"]}
    except (PyMongoError, ValueError):
        return None
    return None if named & given else repr(_cut(min(named)))


def _cut(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:59]}…"
