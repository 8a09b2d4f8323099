"""What the contexts that translate the errors of drivers have in common."""

from __future__ import annotations

from ...errors import ErrorContext


class StoreErrors(ErrorContext):
    """Let only ``fs.errors`` out of the block. Subclasses say what the errors of a driver mean.

    The parameters are those of :class:`~flask_pyfs.errors.ErrorContext`; ``place`` is the bucket or the container.
    """

    #: What the store calls the place of its objects.
    kind = "bucket"

    def message(self, error: Exception) -> str:
        """Return the message for an error of the driver, with the place."""
        return literal(f"{self.kind} {self.place!r}: {error}")


def literal(message: str) -> str:
    """Return a message for an error of ``fs``, which formats it."""
    return message.replace("{", "{{").replace("}", "}}")
