"""Renders the images of a whole table or collection again, one after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..errors import BackendError, ConfigurationError, VersionChanged

_log = logging.getLogger(__name__)

#: How many keys one query returns.
PAGE = 500
_ATTEMPTS = 3

#: Called with the primary key of each row whose image was rendered, or whose error it has.
Report = Callable[[Any, "Exception | None"], object]


class Rerendered(NamedTuple):
    """What ``rerender`` of a table did.

    :param rendered: how many images were rendered.
    :param failed: how many could not be rendered. They are as they were.
    """

    rendered: int
    failed: int


def rerender_each(
    keys: Iterable[Any],
    render: Callable[[Any], bool],
    place: str,
    report: Report | None,
    require_database: Callable[[], object],
) -> Rerendered:
    """Render the image of each key, and go on after one that fails.

    :param keys: the primary keys.
    :param render: renders the image of one and saves that; returns whether there was one.
    :param place: the attribute, for the log.
    :param report: told of each image.
    :param require_database: raises if the database cannot be reached, so that all others would fail too.
    """
    rendered = failed = 0
    for key in keys:
        error = None
        try:
            if not _attempted(render, key):
                continue
            rendered += 1
        except (BackendError, ConfigurationError):
            raise
        except Exception as failure:
            require_database()
            _log.warning("%s of %r is not rendered: %s", place, key, failure)
            error = failure
            failed += 1
        if report is not None:
            report(key, error)
    return Rerendered(rendered, failed)


def _attempted(render: Callable[[Any], bool], key: Any) -> bool:
    for _ in range(_ATTEMPTS - 1):
        try:
            return render(key)
        except VersionChanged:
            # by another upload, whose image may be rendered as well
            continue
    return render(key)
