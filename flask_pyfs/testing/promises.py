"""What a backend may promise, and what all tests of backends need."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from typing import Any

__all__ = ["Promises", "checksum", "raises"]


def raises(kind: type[BaseException]) -> AbstractContextManager[Any]:
    """Return the context of pytest that expects an exception."""
    import pytest

    return pytest.raises(kind)


def checksum(algorithm: str, content: bytes) -> str:
    """Return a checksum as the metadata of a file has it."""
    return f"{algorithm}:{hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()}"


class Promises:
    """What the tests ask of a backend; :class:`~flask_pyfs.testing.StorageConformance` describes it."""

    exclusive_create: bool
    has_directories: bool
    outlives_close: bool
    distinct_versions: bool
    checksums: tuple[str | None, ...]
    odd_names: frozenset[str]
