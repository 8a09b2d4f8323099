"""The layers of configuration: a mapping, a storage, a backend and its options become settings.

For storage NAME on backend BACKEND the value of KEY is the first that is set (is there and not None) of
``{NAME}_FS_{KEY}``, ``FS_{BACKEND}_{KEY}``, ``FS_{KEY}`` and the default of the option.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from .errors import ConfigurationError

__all__ = ["COMMON", "Config", "Option", "backend_name", "resolve", "serves", "storage_key", "with_defaults"]

DEFAULT_BACKEND = "local"

_TRUE = {"1", "true", "yes", "on", "y", "t"}
_FALSE = {"0", "false", "no", "off", "n", "f", ""}
_SECRET_KEY = re.compile(r"secret|password|passwd|token|credential|(^|_)key$", re.IGNORECASE)


def _to_str(value: Any) -> str:
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise ValueError("text")


def _to_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if isinstance(value, (str, int)) and text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueError("true or false")


def _to_int(value: Any) -> int:
    if not isinstance(value, bool) and isinstance(value, (str, int, float)):
        try:
            number = int(value)
        except (ValueError, OverflowError):
            number = None
        if number is not None and (isinstance(value, str) or number == value):
            return number
    raise ValueError("a whole number")


def _to_float(value: Any) -> float:
    if not isinstance(value, bool) and isinstance(value, (str, int, float)):
        try:
            return float(value)
        except ValueError:
            pass
    raise ValueError("a number")


def _to_mode(value: Any) -> int:
    try:
        mode = int(value, 8) if isinstance(value, str) else _to_int(value)
    except ValueError:
        mode = -1
    if 0 <= mode <= 0o777:
        return mode
    raise ValueError("permissions such as 0o644 or '0644'")


def _to_list(value: Any) -> list[str]:
    if isinstance(value, str):
        return [item for item in re.split(r"[\s,]+", value) if item]
    if isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        items = list(value)
        if all(isinstance(item, str) for item in items):
            return items
    raise ValueError("a list of texts")


def _to_extensions(value: Any) -> Container[str]:
    if isinstance(value, Container) and not isinstance(value, (str, bytes, Iterable)):
        return value
    return [item.lower().lstrip(".") for item in _to_list(value)]


def _to_dict(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        with suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise ValueError("a mapping")


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "str": _to_str,
    "bool": _to_bool,
    "int": _to_int,
    "float": _to_float,
    "mode": _to_mode,
    "list": _to_list,
    "extensions": _to_extensions,
    "dict": _to_dict,
}


@dataclass(frozen=True)
class Option:
    """A setting that a backend declares.

    :param name: the KEY, in upper case.
    :param type: ``str``, ``bool``, ``int``, ``float``, ``mode`` (file permissions), ``list`` (of texts),
        ``extensions`` or ``dict``. Texts, as the environment gives them, are converted.
    :param default: the value where nothing is set.
    :param required: refuse a configuration without it.
    :param secret: never show the value.
    :param aliases: other KEYs that set it at the same level; its own name wins.
    :param named: a value above the storage's own level gets the storage's name appended, as a directory.
    :param levels: the levels that may set it: 1 the storage's, 2 the backend's, 3 the app's.
    """

    name: str
    type: str = "str"
    default: Any = None
    required: bool = False
    secret: bool = False
    aliases: tuple[str, ...] = ()
    named: bool = False
    levels: tuple[int, ...] = field(default=(1, 2, 3))

    def __post_init__(self) -> None:
        if self.type not in _CONVERTERS:
            raise ValueError(f"{self.name}: an option's type is one of {', '.join(_CONVERTERS)}, not {self.type!r}")


_SERVE = Option("SERVE", "bool", levels=(1, 2))

#: What every storage may set, whatever its backend.
COMMON: tuple[Option, ...] = (
    Option("BACKEND", default=DEFAULT_BACKEND),
    Option("URL", named=True),
    Option("PREFIX", default="", levels=(1, 2)),
    _SERVE,
    Option("ALLOW", "extensions", default=()),
    Option("DENY", "list", default=()),
)


class Config(dict[str, Any]):
    """The settings of one storage: a dictionary with keys in lower case that are attributes too.

    Secrets are left out of its ``repr``.
    """

    _secrets: frozenset[str] = frozenset()

    def __init__(self, *args: Any, secrets: Iterable[str] = (), **values: Any) -> None:
        super().__init__(*args, **values)
        object.__setattr__(self, "_secrets", frozenset(secrets))

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no setting {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"there is no setting {name!r}") from None

    def __repr__(self) -> str:
        shown = {
            key: "***" if value is not None and (key in self._secrets or _SECRET_KEY.search(key)) else value
            for key, value in self.items()
        }
        return f"{type(self).__name__}({shown!r})"

    __str__ = __repr__


def storage_key(storage: str, key: str) -> str:
    """Return the name of a setting at the storage's own level, as the environment can hold it."""
    return f"{re.sub('[-.]', '_', storage.upper())}_FS_{key}"


def _storage_prefixes(storage: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((f"{storage.upper()}_FS_", storage_key(storage, ""))))


def serves(settings: Mapping[str, Any]) -> bool:
    """Whether an app's ``FS_SERVE`` is on.

    :raises ConfigurationError: where it is neither true nor false.
    """
    value = settings.get("FS_SERVE")
    return False if value is None else bool(_convert(_SERVE, "FS_SERVE", value, None))


def backend_name(settings: Mapping[str, Any], storage: str) -> str:
    """Return the name of the backend that the settings give a storage.

    :raises ConfigurationError: where it is not a text.
    """
    for key in (*(prefix + "BACKEND" for prefix in _storage_prefixes(storage)), "FS_BACKEND"):
        value = settings.get(key)
        if value is not None:
            if not isinstance(value, str) or not value:
                raise ConfigurationError(f"{key} must be the name of a backend, not {value!r}", storage=storage)
            return value
    return DEFAULT_BACKEND


def resolve(
    settings: Mapping[str, Any],
    storage: str,
    backend: str,
    options: Sequence[Option] | None,
    known: Callable[[], Iterable[Option]] = tuple,
) -> Config:
    """Resolve the settings of one storage.

    :param settings: the configuration of an app.
    :param storage: the storage's name.
    :param backend: the backend's name.
    :param options: what the backend declares beside :data:`COMMON`; None for a backend that takes any key.
    :param known: returns what all installed backends declare; asked only when a key is not in ``options``.
    :raises ConfigurationError: for a required key that is missing, a value of the wrong type, and a key of the
        storage's or the backend's level that no backend knows. The message names the keys.
    """
    prefixes = (*((1, prefix) for prefix in _storage_prefixes(storage)), (2, f"FS_{backend.upper()}_"), (3, "FS_"))
    declared = {option.name: option for option in (*COMMON, *(options or ()))}
    names = {alias for option in declared.values() for alias in (option.name, *option.aliases)}
    free = _free_keys(settings, prefixes, names)
    if options is not None:
        _refuse_unknown(free, names, known, storage)
        free = {}
    config = Config(
        {name.lower(): settings[key] for name, key in free.items()},
        secrets=[option.name.lower() for option in declared.values() if option.secret],
    )
    for option in declared.values():
        config[option.name.lower()] = _value(settings, option, prefixes, storage)
    return config


def with_defaults(config: Mapping[str, Any], options: Iterable[Option], storage: str) -> Config:
    """Return the settings with the defaults of options that are not set, for a backend that is built by hand.

    :raises ConfigurationError: for a required option that is not set.
    """
    complete = config if isinstance(config, Config) else Config(config)
    for option in options:
        key = option.name.lower()
        if complete.get(key) is None:
            if option.required:
                raise ConfigurationError(f"storage {storage!r} needs {option.name}", storage=storage)
            complete[key] = option.default
    return complete


def _value(settings: Mapping[str, Any], option: Option, prefixes: Iterable[tuple[int, str]], storage: str) -> Any:
    tried = []
    for level, prefix in prefixes:
        if level not in option.levels:
            continue
        for name in (option.name, *option.aliases):
            key = prefix + name
            tried.append(key)
            if settings.get(key) is None:
                continue
            value = _convert(option, key, settings[key], storage)
            if option.named and level > 1 and value:
                value = f"{value.rstrip('/')}/{quote(storage) if option.name == 'URL' else storage}"
            return value
    if option.required:
        keys = " or ".join(key for key in tried if key.endswith(option.name))
        raise ConfigurationError(f"storage {storage!r} needs {option.name}: set {keys}", storage=storage)
    return option.default


def _convert(option: Option, key: str, value: Any, storage: str | None) -> Any:
    try:
        return _CONVERTERS[option.type](value)
    except (ValueError, TypeError) as error:
        shown = "the value that it has" if option.secret or _SECRET_KEY.search(key) else repr(value)
        raise ConfigurationError(f"{key} must be {error}, not {shown}", storage=storage) from None


def _free_keys(
    settings: Mapping[str, Any], prefixes: Iterable[tuple[int, str]], names: Container[str]
) -> dict[str, str]:
    """Find the keys of levels 1 and 2 that are not in the names: KEY -> the whole key, the storage's level first."""
    found: dict[str, str] = {}
    for level, prefix in prefixes:
        for key in settings:
            if level < 3 and isinstance(key, str) and key.startswith(prefix):
                name = key[len(prefix) :]
                if name and name not in names:
                    found.setdefault(name, key)
    return found


def _refuse_unknown(
    free: Mapping[str, str], names: Iterable[str], known: Callable[[], Iterable[Option]], storage: str
) -> None:
    if not free:
        return
    everything = {alias for option in known() for alias in (option.name, *option.aliases)}.union(names)
    for name, key in free.items():
        if name not in everything:
            close = difflib.get_close_matches(name, sorted(everything), n=1, cutoff=0)[0]
            raise ConfigurationError(
                f"{key} is not a setting of any backend: did you mean {key[: -len(name)]}{close}?", storage=storage
            )
