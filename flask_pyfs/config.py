"""Layered configuration: the settings of a storage are found in the configuration of an app.

For storage NAME on backend BACKEND the value of KEY is the first of ``{NAME}_FS_{KEY}``, ``FS_{BACKEND}_{KEY}`` and
``FS_{KEY}`` that is present and not None, or the default of the option.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .addresses import require_link
from .encryption import ENCRYPTED, refuse_encryption
from .errors import ConfigurationError
from .keys import backend_key, own_key, refusal, storage_key
from .misspelt import require_known, undeclared_keys
from .options import Option, is_duration
from .origins import Origin, origins_below, prefixes_of, set_by
from .values import converted, shown, sounds_secret

__all__ = [
    "APP",
    "COMMON",
    "LIVE",
    "Config",
    "backend_name",
    "handles_errors",
    "resolve",
    "route_prefix",
    "serves",
    "with_defaults",
    "wrong_setting",
]

DEFAULT_BACKEND = "local"

_ROUTE_PREFIX = Option("PREFIX", levels=(3,))
_SERVE = Option("SERVE", "bool", levels=(1, 2))
_HANDLE_ERRORS = Option("HANDLE_ERRORS", "bool", default=True, levels=(3,))

#: The least leaves room for the libraries.
IMAGES_MAX_MEMORY = Option(
    "IMAGES_MAX_MEMORY",
    "size",
    check=lambda size: size >= 32 * 1024 * 1024,
    rule="a size of at least 32 MiB, such as '256 MiB'",
)

ENQUEUE = Option("ENQUEUE", "callable")

_URL_EXPIRES = Option(
    "URL_EXPIRES",
    "seconds",
    default=3600,
    # S3 signs for no longer
    check=lambda seconds: is_duration(seconds) and seconds <= 7 * 24 * 60 * 60,
    rule="a number of seconds, more than 0 and at most 604800 (7 days)",
)

#: The options of every storage, with any backend.
COMMON: tuple[Option, ...] = (
    Option("BACKEND", default=DEFAULT_BACKEND, levels=(1, 3)),
    Option("URL", named=True, check=require_link),
    Option("PREFIX", "prefix", default="", levels=(1, 2)),
    _SERVE,
    Option("ALLOW", "extensions", default=()),
    Option("DENY", "extensions", default=()),
    Option("MAX_SIZE", "size", check=lambda size: size >= 1, rule="a number of bytes, 1 or more, or such as '20 MB'"),
    Option("SERVE_MODE", default="stream", choices=("stream", "redirect", "sendfile")),
    Option("ACCEL_URL", named=True, check=require_link),
    Option("PRIVATE", "bool", default=False),
    Option("AUTHORIZE", "callable"),
    _URL_EXPIRES,
    Option("MAX_AGE", "seconds"),
    Option("IMMUTABLE", "bool", default=False),
    Option("VERIFY", "bool"),
    Option("VERIFY_RENAME", "bool", default=False),
    Option("VERIFY_SVG", default="refuse", choices=("refuse", "strip")),
    Option("IMAGES_OPTIMIZE", "bool", default=False),
    Option("IMAGES_MAX_PIXELS", "int"),
    IMAGES_MAX_MEMORY,
    ENQUEUE,
)

#: Those of them that are looked up each time they are needed. ``init_app`` reads all others.
LIVE = frozenset({"IMAGES_OPTIMIZE", "IMAGES_MAX_PIXELS", "IMAGES_MAX_MEMORY", "ENQUEUE"})

#: The settings of the app as a whole. ``init_app`` sets FS_ROOT, which is the backend's.
APP: tuple[Option, ...] = (_ROUTE_PREFIX, _SERVE, _HANDLE_ERRORS, Option("ROOT"))


class Config(dict[str, Any]):
    """The settings of a storage: a dict with keys in lower case, which are also attributes.

    Its ``repr`` hides secrets.

    >>> config = Config(region="eu-west-2", secret_key="t0ps3cret")
    >>> config.region
    'eu-west-2'
    >>> config
    Config({'region': 'eu-west-2', 'secret_key': '***'})

    :param secrets: the keys whose values are hidden, besides those that look like secrets, such as ``secret_key``.
    """

    _secrets: frozenset[str] = frozenset()
    # the values were looked up in the layers, and so have the types of their options
    _is_resolved = False
    # of the settings that are set, by their KEYs
    _origins: Mapping[str, Origin] = {}

    def __init__(self, *args: Any, secrets: Iterable[str] = (), **values: Any) -> None:
        super().__init__(*args, **values)
        object.__setattr__(self, "_secrets", frozenset(secrets))

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"this storage has no setting {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"this storage has no setting {name!r}") from None

    def __repr__(self) -> str:
        shown = {
            key: "***" if value is not None and (key in self._secrets or sounds_secret(key)) else value
            for key, value in self.items()
        }
        return f"{type(self).__name__}({shown!r})"

    __str__ = __repr__


def route_prefix(settings: Mapping[str, Any]) -> str | None:
    """Return the app's ``FS_PREFIX``, the URL prefix of the route, with a leading slash; None if it is not set.

    :raises ConfigurationError: if it is not a str.
    """
    value = settings.get("FS_PREFIX")
    prefix = "" if value is None else converted(_ROUTE_PREFIX, "FS_PREFIX", value, None).strip("/")
    return f"/{prefix}" if prefix else None


def serves(settings: Mapping[str, Any]) -> bool:
    """Return whether the app's ``FS_SERVE`` is on.

    :raises ConfigurationError: if it is neither true nor false.
    """
    value = settings.get("FS_SERVE")
    return False if value is None else bool(converted(_SERVE, "FS_SERVE", value, None))


def handles_errors(settings: Mapping[str, Any]) -> bool:
    """Return whether the errors that clients cause are answered: the app's ``FS_HANDLE_ERRORS``.

    :raises ConfigurationError: if it is neither true nor false.
    """
    value = settings.get("FS_HANDLE_ERRORS")
    return bool(_HANDLE_ERRORS.default if value is None else converted(_HANDLE_ERRORS, "FS_HANDLE_ERRORS", value, None))


def wrong_setting(storage: str, backend: str, config: Mapping[str, Any], key: str, rule: str) -> ConfigurationError:
    """Return the error for an invalid setting. The message names it as it is set, or else as it can be set.

    :param config: the settings of the storage.
    :param key: the KEY, without a prefix.
    :param rule: the rest of the message, such as ``must be more than 0 seconds``.
    """
    name = set_by(config, key) or f"{storage_key(storage, key)} or {backend_key(backend, key)}"
    return refusal(f"{name} {rule}", storage)


def backend_name(settings: Mapping[str, Any], storage: str) -> str:
    """Return the name of the backend of a storage.

    :raises ConfigurationError: if it is not a str.
    """
    key = own_key(settings, storage, "BACKEND") or "FS_BACKEND"
    value = settings.get(key)
    if value is None:
        return DEFAULT_BACKEND
    if not isinstance(value, str) or not value:
        raise refusal(f"{key} must be the name of a backend, such as 'local' or 's3', not {shown(value)}", storage)
    return value


def resolve(
    settings: Mapping[str, Any],
    storage: str,
    backend: str,
    options: Sequence[Option] | None,
    known: Callable[[], Mapping[str, Iterable[Option]]] = dict,
) -> Config:
    """Return the settings of a storage.

    >>> settings = {"FS_REGION": "eu-west-2", "FS_S3_PART_SIZE": "8000000", "AVATARS_FS_REGION": "us-east-1"}
    >>> config = resolve(settings, "avatars", "s3", [Option("REGION"), Option("PART_SIZE", "int")])
    >>> config.region, config.part_size
    ('us-east-1', 8000000)

    :param settings: the configuration of an app.
    :param storage: the name of the storage.
    :param backend: the name of the backend.
    :param options: the options that the backend declares, besides :data:`COMMON`; None for a backend that takes any
        key.
    :param known: a callable that returns the options of each installed backend by its name. It is only called if a key
        is not in ``options``.
    :raises ConfigurationError: if a required key is missing, a value has the wrong type, no backend declares a key of
        level 1 or 2, or AES256_ENCRYPTED is on. The message names the keys.
    """
    prefixes = prefixes_of(storage, backend)
    declared = {option.name: option for option in (*COMMON, *(options or ()))}
    names = {alias for option in declared.values() for alias in (option.name, *option.aliases)}
    undeclared = undeclared_keys(settings, prefixes, names)
    if ENCRYPTED.name not in names:
        refuse_encryption(settings, prefixes, storage)
    if options is not None:
        require_known(undeclared, names, known, storage, backend)
        undeclared = {}
    config = Config(
        {name.lower(): settings[key] for name, key in undeclared.items()},
        # nothing tells which are secret of those that a backend does not declare
        secrets=[name.lower() for name in (*undeclared, *(each.name for each in declared.values() if each.secret))],
    )
    found = {
        name: Origin(level, key)
        for name, key in undeclared.items()
        for level, prefix in prefixes
        if key == prefix + name
    }
    for option in declared.values():
        origin, config[option.name.lower()] = _value(settings, option, prefixes, storage)
        if origin is not None:
            found[option.name] = origin
    object.__setattr__(config, "_is_resolved", True)
    object.__setattr__(config, "_origins", found)
    return config


def lookup(settings: Mapping[str, Any], option: Option, storage: str, backend: str) -> Any:
    """Return the current value of one option of a storage, which the app may have changed since ``init_app``.

    :param settings: the configuration of an app.
    :param storage: the name of the storage.
    :param backend: the name of the backend.
    :raises ConfigurationError: see :func:`resolve`.
    """
    return _value(settings, option, prefixes_of(storage, backend), storage)[1]


def with_defaults(config: Mapping[str, Any], options: Iterable[Option], storage: str) -> Config:
    """Return the settings of a backend that is built by hand: converted, with the defaults of those that are not set.

    :raises ConfigurationError: for a required option that is not set, and for an impossible value.
    """
    complete = config if isinstance(config, Config) else Config(config)
    for option in options:
        key = option.name.lower()
        given = (complete.get(name.lower()) for name in (option.name, *option.aliases))
        value = next((value for value in given if value is not None), None)
        if value is None:
            if option.required:
                raise refusal(f"storage {storage!r} needs {option.name}", storage)
            complete[key] = option.default
        elif not complete._is_resolved and value is not option.default:
            complete[key] = converted(option, option.name, value, storage)
    return complete


def _value(
    settings: Mapping[str, Any], option: Option, prefixes: Sequence[tuple[int, str]], storage: str
) -> tuple[Origin | None, Any]:
    origin = next(origins_below(settings, option, prefixes), None)
    if origin is not None:
        value = converted(option, origin.key, settings[origin.key], storage)
        if option.named and origin.level > 1 and value:
            value = f"{value.rstrip('/')}/{quote(storage) if option.name.endswith('URL') else storage}"
        return origin, value
    if option.required:
        keys = " or ".join(prefix + option.name for level, prefix in prefixes if level in option.levels)
        raise refusal(f"storage {storage!r} needs {option.name}: set {keys}", storage)
    return None, option.default
