"""The errors for images that are not taken, each with its reason for the person who uploads."""

from __future__ import annotations

from ..errors import UnauthorizedFileType


def damaged(message: str) -> UnauthorizedFileType:
    """Return the error for an image that cannot be read, or not whole."""
    return UnauthorizedFileType(message, user_message="The image is damaged, or incomplete.")


def too_large(message: str) -> UnauthorizedFileType:
    """Return the error for an image that would take too much memory or time."""
    return UnauthorizedFileType(message, user_message="The image is too large to be processed. Make it smaller.")


def other_format(message: str, found: str | None) -> UnauthorizedFileType:
    """Return the error for an image of a format that is not wanted.

    :param found: the format, or None if the file is no image.
    """
    reason = f"The content of the file is {found}, which is not wanted here." if found else "The file is not an image."
    return UnauthorizedFileType(message, user_message=reason)
