"""A backend that tests can patch."""

from __future__ import annotations

from .base import BaseBackend

__all__ = ["MockBackend"]


class MockBackend(BaseBackend):
    """A backend without a store. A test patches this class or its methods and inspects the calls, as in Flask-FS."""

    keeps_files = False

    def obstacle_to(self, serve_mode: str) -> str | None:
        # a test keeps the settings of the real backend, and the app streams
        return None
