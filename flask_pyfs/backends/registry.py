"""Finds the installed backends by their entry points, and builds them."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from typing import Any, TypeGuard

from ..config import Config, setting_name, wrong_setting
from ..errors import ConfigurationError, shortened
from ..keys import refusal
from ..misspelt import closest
from ..options import Option
from .base import BaseBackend
from .contract import Operations
from .flaskfs import FlaskFSBackend
from .overrides import NAMES, READING, WRITING, is_foreign, methods_of
from .wrappers import asked_for

#: The group of entry points that name backends.
GROUP = "fs.backend"

_PACKAGE = __name__.partition(".")[0]

_NEVER = -1

# through these, the content of files comes and goes, and what is told of it
_CONTENT = (
    *dict.fromkeys((*READING, *WRITING)),
    *("serve", "fetch", "replace_version", "join", "joined", "copy_from", "store", "fs"),
    *("get_metadata", "metadata", "facts", "size", "entries", "level"),
)


@cache
def installed() -> dict[str, EntryPoint]:
    """Return the entry points of all backends by their names. No other package can replace a built-in backend."""
    found = entry_points(group=GROUP)
    return {entry.name: entry for entry in sorted(found, key=_is_own)}


@cache
def _built_in() -> dict[str, EntryPoint]:
    # to read what all packages have installed takes ten times as long, and most apps need no more than these
    try:
        found = distribution(_PACKAGE).entry_points
    except PackageNotFoundError:
        return {}
    return {entry.name: entry for entry in found if entry.group == GROUP}


def load(name: str, storage: str, key: str) -> Any:
    """Return the class of a backend.

    :param name: the backend's name.
    :param storage: the storage's name, for the message.
    :param key: the setting that names the backend, for the message.
    :raises ConfigurationError: if no package registers the name, or its module cannot be imported.
    """
    entry = _built_in().get(name) or installed().get(name)
    if entry is None:
        known = ", ".join(sorted(installed()))
        close = closest(name, installed())
        meant = f": did you mean {close!r}?" if close else ""
        raise refusal(f"{key} must be one of {known}, not {shortened(repr(name), 60)}{meant}", storage)
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise _not_importable(entry, storage, key, error) from error


def build(backend_class: Any, storage: str, config: Config) -> tuple[Any, Callee]:
    """Return an instance of a backend, and what a storage calls for it.

    :param backend_class: the backend's class.
    :param storage: the storage's name.
    :param config: the storage's settings.
    :raises ConfigurationError: if the driver of the backend is not installed, or the backend rejects a setting.
    """
    try:
        backend = backend_class(storage, config)
        if isinstance(backend, BaseBackend):
            backend.check_settings()
    except ImportError as error:
        key = setting_name(config, storage, "BACKEND")
        raise _not_importable(installed()[config["backend"]], storage, key, error) from error
    callee = Callee(backend, storage, config.get("prefix", ""))
    _require_wrapped(backend, storage, config)
    return backend, callee


def _require_wrapped(backend: Any, storage: str, config: Config) -> None:
    """Check that all content of a storage passes the wrapper that its settings ask for."""
    option = asked_for(config, options_of(type(backend)) or ())
    if option is None or not getattr(backend, "keeps_files", True):
        return
    if (other := _other_code(backend)) is not None:
        rule = (
            f"cannot be used with the backend {config['backend']!r}: {other} is not of {_PACKAGE}, and may read or "
            "write past it. Remove it, or use another backend"
        )
        raise wrong_setting(storage, config["backend"], config, option.name, rule)


def _other_code(backend: Any) -> str | None:
    """Return the name of a backend without a filesystem, or of the first method through which content goes that other
    code wrote; None if there is none.
    """
    kind = type(backend)
    if not _has_filesystem(backend):
        return kind.__name__
    for name in _CONTENT:
        method = vars(backend).get(name) or getattr(kind, name)
        if is_foreign(getattr(method, "fget", method)):
            return f"{kind.__name__}.{name}"
    return None


def build_side(storage: str, config: Config, side: str) -> tuple[Any, Callee]:
    """Return an instance of one of the backends of a storage that has several, and what to call for it.

    :param storage: the storage's name.
    :param config: the storage's settings; see :meth:`flask_pyfs.config.Config.side`.
    :param side: the KEY of the option that names the backend: ``SOURCE``.
    :raises ConfigurationError: see :func:`load` and :func:`build`.
    """
    own = config.side(side)
    return build(load(own["backend"], storage, setting_name(own, storage, "BACKEND")), storage, own)


class Callee:
    """What a storage calls for a backend.

    :param backend: the backend.
    :param storage: the storage's name.
    :param prefix: the storage's PREFIX.
    :ivar operations: the object with the operations: the backend itself, or an adapter if it has none, or if other code
        wrote some of them as Flask-FS has them. It holds until the methods of the class ``kind`` are others than
        ``methods``, or the number of ``attributes`` is not ``count``. It never is while a method is among them.
    """

    __slots__ = ("_backend", "_prefix", "_storage", "attributes", "count", "kind", "methods", "operations")

    def __init__(self, backend: Any, storage: str, prefix: str) -> None:
        self._backend = backend
        self._storage = storage
        self._prefix = prefix
        self.kind: type[BaseBackend] = BaseBackend
        self.attributes: dict[str, Any] = {}
        if isinstance(backend, BaseBackend):
            # a test may put a method into it
            self.kind, self.attributes = type(backend), vars(backend)
        self.renew()

    def renew(self) -> None:
        """Find the object with the operations, because the backend is new, or perhaps a method of it was replaced."""
        methods, count = methods_of(self.kind), len(self.attributes)
        # the operations first: another thread takes them once the others are as they were
        self.operations: Operations = self._find()
        self.methods: tuple[Any, ...] = methods
        # another method may take the place of one in the backend itself, and the number stays
        self.count: int = count if NAMES.isdisjoint(self.attributes) else _NEVER

    def _find(self) -> Operations:
        backend = self._backend
        if not _has_filesystem(backend):
            return FlaskFSBackend(backend, self._storage, self._prefix)
        foreign = frozenset(name for name in NAMES if is_foreign(getattr(backend, name)))
        if foreign and _is_built_in(type(backend)):
            return FlaskFSBackend(backend, self._storage, "", backend, foreign)
        return backend


def _has_filesystem(backend: Any) -> TypeGuard[BaseBackend]:
    return isinstance(backend, BaseBackend) and type(backend).open_fs is not BaseBackend.open_fs


def _is_built_in(backend_class: type) -> bool:
    # what Flask-FS does not have, a subclass of BaseBackend with a filesystem, overrides methods as they are here
    bases = set(backend_class.__mro__) - set(BaseBackend.__mro__)
    return any(each.__module__.startswith(f"{_PACKAGE}.") for each in bases)


def options_of(backend_class: Any) -> tuple[Option, ...] | None:
    """Return the options that a backend declares, or None if it accepts any key."""
    if isinstance(backend_class, type) and issubclass(backend_class, BaseBackend):
        return None if backend_class.options is None else tuple(backend_class.options)
    return None


def all_options() -> dict[str, tuple[Option, ...]]:
    """Return the options of each installed backend. One that declares none, or cannot be imported, has no options."""
    declared: dict[str, tuple[Option, ...]] = {}
    for name, entry in installed().items():
        try:
            declared[name] = options_of(entry.load()) or ()
        except Exception:
            # an app that does not use it need not care how it fails
            declared[name] = ()
    return declared


def _is_own(entry: EntryPoint) -> bool:
    return entry.module.startswith(f"{_PACKAGE}.")


def _not_importable(entry: EntryPoint, storage: str, key: str, error: Exception) -> ConfigurationError:
    # a module of this package, or a part of a module, comes with no other package
    is_missing = isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith(_PACKAGE)
    hint = f": pip install '{_PACKAGE}[{entry.name}]'" if _is_own(entry) and is_missing else ""
    cause = shortened(str(error), 150)
    message = f"the backend {entry.name!r} of {key} cannot be imported ({cause}){hint}"
    return refusal(f"storage {storage!r}: {message}", storage)
