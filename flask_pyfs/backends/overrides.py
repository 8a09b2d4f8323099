"""Methods of backends that other code wrote, as Flask-FS had them: which these are, and which arguments they take."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import attrgetter
from types import FunctionType
from typing import Any

#: The methods of a backend of Flask-FS that a storage calls.
METHODS = (
    "copy",
    "delete",
    "exists",
    "get_metadata",
    "list_files",
    "metadata",
    "move",
    "open",
    "read",
    "read_chunks",
    "save",
    "serve",
    "write",
)

NAMES = frozenset(METHODS)

#: Those through which the content of a file comes, and goes. Other code may change it there.
READING = ("open", "read", "read_chunks")
WRITING = ("open", "save", "write")

#: Returns these methods of a class. The result changes when code outside the class replaces one.
methods_of: Callable[[Any], tuple[Any, ...]] = attrgetter(*METHODS)

_PACKAGE = __name__.partition(".")[0]


def is_foreign(method: Any) -> bool:
    """Return whether a method is not from this package: a subclass overrides it, or somebody replaced it."""
    function = getattr(method, "__func__", method)
    # not __module__, which functools.wraps copies
    module = getattr(function, "__globals__", {}).get("__name__", "")
    return bool(module.partition(".")[0] != _PACKAGE)


def overrides_any(backend: Any, methods: Iterable[str]) -> bool:
    """Return whether other code wrote one of these methods of a backend."""
    return any(is_foreign(getattr(backend, name)) for name in methods)


def accepts(method: Any, keyword: str) -> bool:
    """Return whether a method takes an argument by its name.

    A decorated one must take it as well as what it decorates. A mock takes none, so that it sees a call of Flask-FS.
    """
    function = getattr(method, "__func__", method)
    if not isinstance(function, FunctionType):
        return False
    return all(anything or keyword in names for names, anything in _signatures(function))


@lru_cache(maxsize=256)
def _signatures(function: Any) -> list[tuple[frozenset[str], bool]]:
    found = []
    while function is not None:
        parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        names = frozenset(each.name for each in parameters if each.kind in named)
        found.append((names, any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)))
        function = getattr(function, "__wrapped__", None)
    return found


def call(method: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
    """Call a method with the arguments of Flask-FS, and with those of ``more`` that it takes."""
    return method(*arguments, **{keyword: value for keyword, value in more.items() if accepts(method, keyword)})


class handle(property):  # noqa: N801
    """A property of a backend that code which replaces its ``__init__`` may assign, as that of Flask-FS did."""

    _name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, backend: Any, owner: type | None = None, /) -> Any:
        if backend is not None and self._name in vars(backend):
            return vars(backend)[self._name]
        return super().__get__(backend, owner)

    def __set__(self, backend: Any, value: Any, /) -> None:
        vars(backend)[self._name] = value
