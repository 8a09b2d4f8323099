"""What clients are told of an upload that another request is finishing, or that has ended, whatever protocol they
speak.
"""

from __future__ import annotations

from typing import NamedTuple

from flask import Response, jsonify
from werkzeug.http import HTTP_STATUS_CODES

__all__ = ["BUSY", "ENDED", "Outcome", "in_json", "with_patience"]


class Outcome(NamedTuple):
    """The answer to a request for an upload that the upload does not allow.

    :param code: the status.
    :param error: the name of the error.
    :param description: a sentence for the person who uploads.
    :param patience: after how many seconds the client may ask again, or None if it is for ever.
    """

    code: int
    error: str
    description: str
    patience: int | None = None


BUSY = Outcome(423, "Busy", "The upload is being finished by another request. Ask again.", 1)

ENDED = Outcome(410, "Ended", "The upload was cancelled, or has expired. Begin another.")


def in_json(outcome: Outcome) -> Response:
    """Return a response with the keys of all errors of this package; see :mod:`flask_pyfs.web.failures`."""
    code, error, description, _ = outcome
    response = jsonify(code=code, name=HTTP_STATUS_CODES[code], description=description, error=error)
    response.status_code = code
    return with_patience(response, outcome)


def with_patience(response: Response, outcome: Outcome) -> Response:
    """Add when the client may ask again."""
    if outcome.patience is not None:
        response.headers["Retry-After"] = str(outcome.patience)
    return response
