"""What the package above gives to a backend that is used without a storage, as Flask-FS allowed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import OperationNotSupported


def _no_root() -> str | None:
    return None


def _no_response(backend: Any, filename: str) -> Any:
    raise OperationNotSupported(f"{type(backend).__name__} has no app to respond with", storage=backend.name)


@dataclass
class Surroundings:
    """
    :param default_root: returns the directory for the storages of the current app, or None.
    :param respond: returns the response to the current request for a file of a backend.
    """

    default_root: Callable[[], str | None] = _no_root
    respond: Callable[[Any, str], Any] = _no_response


#: The surroundings of all backends. ``extension`` sets them.
surroundings: Surroundings = Surroundings()
