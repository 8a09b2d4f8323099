"""Says which extra to install, where a package is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["MissingExtra", "required_by"]

_PACKAGE = __name__.partition(".")[0]


class MissingExtra(ModuleNotFoundError):
    """A package of an extra is missing. The message has the command that installs it."""


@contextmanager
def required_by(extra: str, *packages: str) -> Iterator[None]:
    """Let an import fail with the command that installs what it needs.

    :param extra: the extra, which also is the module that needs the packages.
    :param packages: the names by which they are imported. If anything else is missing, the error stays as it is.
    :raises MissingExtra: if one of them is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in packages:
            raise
        message = f"{_PACKAGE}.{extra} needs {error.name}: pip install '{_PACKAGE}[{extra}]'"
        raise MissingExtra(message, name=error.name) from error
