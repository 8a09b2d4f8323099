"""Import ``fs``, with or without the ``pkg_resources`` that it asks for.

fs 2.4.16 uses two functions of ``pkg_resources``, which setuptools 82 no longer has and which takes longer to import
than all of this package. A stand-in has both functions; it is in ``sys.modules`` only while fs is imported.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pkgutil import extend_path
from threading import RLock
from types import ModuleType
from typing import Any

_NAME = "pkg_resources"
_importing = RLock()


class _StandIn(ModuleType):
    """Has what fs asks of pkg_resources, and gets the rest from the real one."""

    @staticmethod
    def declare_namespace(name: str) -> None:
        package = sys.modules[name]
        package.__path__ = extend_path(package.__path__, name)

    @staticmethod
    def iter_entry_points(group: str, name: str | None = None) -> Iterator[EntryPoint]:
        found = _entry_points(group, tuple(sys.path))
        return iter(found if name is None else found.select(name=name))

    def __getattr__(self, name: str) -> Any:
        # another thread may import pkg_resources while the stand-in is there
        with _importing:
            if name.startswith("__") or sys.modules.get(_NAME) is self:
                raise AttributeError(f"module {_NAME!r} has no attribute {name!r}")
        return getattr(import_module(_NAME), name)


@lru_cache(maxsize=4)
def _entry_points(group: str, path: tuple[str, ...]) -> EntryPoints:
    # fs asks for every URL that is opened, and an answer takes milliseconds
    return entry_points(group=group)


def _import_fs() -> None:
    stand_in = _StandIn(_NAME)
    with _importing:
        if sys.modules.setdefault(_NAME, stand_in) is not stand_in:
            _import_quietly()
            return
        try:
            import_module("fs.opener")
        finally:
            # the real one takes its place if another thread was importing it already
            if sys.modules.get(_NAME) is stand_in:
                del sys.modules[_NAME]


def _import_quietly() -> None:
    with warnings.catch_warnings():
        # only fs itself could mend the cause
        warnings.filterwarnings("ignore", message="Deprecated call to `pkg_resources")
        import_module("fs.opener")


_import_fs()
