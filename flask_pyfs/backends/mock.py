"""A backend to be replaced by a mock."""

from __future__ import annotations

from .base import BaseBackend

__all__ = ["MockBackend"]


class MockBackend(BaseBackend):
    """Does nothing. A test patches this class, or its methods, and sees the calls that a Flask-FS backend would."""
