"""The base class of the contexts that translate the errors of drivers."""

from __future__ import annotations

from ...errors import ErrorContext


class StoreErrors(ErrorContext):
    """Translate the errors of a driver inside the block into ``fs.errors``. Subclasses define the translation.

    The parameters are those of :class:`~flask_pyfs.errors.ErrorContext`; ``place`` is the name of the bucket or
    container.
    """

    #: The store's word for ``place``, used in messages.
    kind = "bucket"

    def message(self, error: Exception) -> str:
        """Return the message for an error of the driver, with the name of the bucket or container."""
        return literal(f"{self.kind} {self.place!r}: {error}")


def literal(message: str) -> str:
    """Escape the braces of a message, because ``fs.errors`` passes it to ``str.format``."""
    return message.replace("{", "{{").replace("}", "}}")
