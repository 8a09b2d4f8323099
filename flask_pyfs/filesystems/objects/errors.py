"""The base class of the contexts that translate the errors of drivers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from traceback import clear_frames
from typing import Any, TypeVar

from fs import errors

from ...errors import ErrorContext, StoreMisconfigured, explained, shortened

Kind = TypeVar("Kind", bound=errors.FSError)


class StoreErrors(ErrorContext):
    """Translate the errors of a driver inside the block into ``fs.errors``. Subclasses define the translation.

    The variables of the driver's frames are dropped: they hold keys and tokens, and tools that report errors print
    them.

    The parameters are those of :class:`~flask_pyfs.errors.ErrorContext`; ``place`` is the name of the bucket or
    container.
    """

    #: The store's word for ``place``, used in messages.
    kind = "bucket"

    #: What the caller was handling already, which is not the driver's, though its exceptions may lead there.
    before: BaseException | None = None

    def __enter__(self) -> Any:
        self.before = sys.exc_info()[1]
        return super().__enter__()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            if error is not None and error is not getattr(self._source, "error", None):
                _drop_variables(error, self.before)
            super().__exit__(kind, error, traceback)
        finally:
            self.before = None

    def message(self, error: Exception | str) -> str:
        """Return the message for an error of the driver, with the name of the bucket or container."""
        return literal(shortened(f"{self.kind} {shortened(repr(self.place), 66)}: {error}"))

    def explain(
        self, kind: Callable[..., Kind], explanation: str | None, error: Exception | None, said: str | None = None
    ) -> Kind:
        """Return an error of PyFilesystem that says what to do.

        :param kind: the class of the error.
        :param explanation: see :func:`~flask_pyfs.errors.explained`; None for what the driver says.
        :param error: the error of the driver.
        :param said: what the driver says, if that is not its text.
        """
        place = {} if isinstance(kind, type) and issubclass(kind, StoreMisconfigured) else {"path": self.path}
        if explanation is None:
            return kind(**place, exc=error, msg=self.message(str(error) if said is None else said))
        return explained(kind(**place, exc=error, msg=self.message(explanation)), explanation)


def misconfigured(explanation: str, error: Exception | None = None) -> StoreMisconfigured:
    """Return an error that says which setting is wrong, and nothing else.

    :param explanation: see :func:`~flask_pyfs.errors.explained`.
    :param error: the error of the driver.
    """
    return explained(StoreMisconfigured(literal(explanation), exc=error), explanation)


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
