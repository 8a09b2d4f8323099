"""A backend that tests can patch."""

from __future__ import annotations

from .base import BaseBackend

__all__ = ["MockBackend"]


class MockBackend(BaseBackend):
    """A backend without a store. A test patches this class or its methods and inspects the calls, as in Flask-FS."""
