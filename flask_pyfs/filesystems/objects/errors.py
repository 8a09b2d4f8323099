"""The base class of the contexts that translate the errors of drivers."""

from __future__ import annotations

import sys
from traceback import clear_frames
from typing import Any

from ...errors import ErrorContext


class StoreErrors(ErrorContext):
    """Translate the errors of a driver inside the block into ``fs.errors``. Subclasses define the translation.

    The variables of the driver's frames are dropped: they hold keys and tokens, and tools that report errors print
    them.

    The parameters are those of :class:`~flask_pyfs.errors.ErrorContext`; ``place`` is the name of the bucket or
    container.
    """

    #: The store's word for ``place``, used in messages.
    kind = "bucket"

    def __enter__(self) -> Any:
        # what the caller was handling already is not the driver's
        self._before = sys.exc_info()[1]
        return super().__enter__()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        before, self._before = self._before, None
        if error is not None and error is not getattr(self._source, "error", None):
            _drop_variables(error, before)
        super().__exit__(kind, error, traceback)

    def message(self, error: Exception) -> str:
        """Return the message for an error of the driver, with the name of the bucket or container."""
        return literal(f"{self.kind} {self.place!r}: {error}")


def _drop_variables(error: BaseException, before: BaseException | None) -> None:
    dropped, pending = {id(before)}, [error]
    while pending:
        each = pending.pop()
        if id(each) not in dropped:
            dropped.add(id(each))
            # frames that still run, such as ours, are left alone
            clear_frames(each.__traceback__)
            pending += filter(None, (each.__cause__, each.__context__))


def literal(message: str) -> str:
    """Escape the braces of a message, because ``fs.errors`` passes it to ``str.format``."""
    return message.replace("{", "{{").replace("}", "}}")
