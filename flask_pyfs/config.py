"""Layered configuration: the settings of a storage are found in the configuration of an app.

For storage NAME on backend BACKEND the value of KEY is the first of ``{NAME}_FS_{KEY}``, ``FS_{BACKEND}_{KEY}`` and
``FS_{KEY}`` that is present and not None, or the default of the option.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .errors import ConfigurationError
from .options import Option
from .peers import WITHOUT_EFFECT

__all__ = [
    "COMMON",
    "Config",
    "backend_key",
    "backend_name",
    "handles_errors",
    "own_key",
    "require_unencrypted",
    "resolve",
    "route_prefix",
    "serves",
    "storage_key",
    "with_defaults",
    "wrong_setting",
]

DEFAULT_BACKEND = "local"

_SECRET_KEY = re.compile(r"secret|password|passwd|token|credential|(^|_)key$", re.IGNORECASE)

_ROUTE_PREFIX = Option("PREFIX", levels=(3,))
_SERVE = Option("SERVE", "bool", levels=(1, 2))
_HANDLE_ERRORS = Option("HANDLE_ERRORS", "bool", default=True, levels=(3,))
_ENCRYPTED = Option("AES256_ENCRYPTED", "bool")
_ENCRYPTION_KEY = "AES256_KEY"

#: The least leaves room for the libraries.
IMAGES_MAX_MEMORY = Option(
    "IMAGES_MAX_MEMORY",
    "int",
    check=lambda size: size >= 32 * 1024 * 1024,
    rule="a number of bytes, at least 33554432 (32 MiB)",
)

#: The options of every storage, with any backend.
COMMON: tuple[Option, ...] = (
    Option("BACKEND", default=DEFAULT_BACKEND, levels=(1, 3)),
    Option("URL", named=True),
    Option("PREFIX", "prefix", default="", levels=(1, 2)),
    _SERVE,
    Option("ALLOW", "extensions", default=()),
    Option("DENY", "extensions", default=()),
    Option("MAX_SIZE", "size", check=lambda size: size >= 1, rule="a number of bytes, 1 or more, or such as '20 MB'"),
    Option("SERVE_MODE", default="stream", choices=("stream", "redirect", "sendfile")),
    Option("ACCEL_URL", named=True),
    Option("PRIVATE", "bool", default=False),
    Option("AUTHORIZE", "callable"),
    Option("MAX_AGE", "seconds"),
    Option("IMMUTABLE", "bool", default=False),
    Option("VERIFY", "bool"),
    Option("VERIFY_RENAME", "bool", default=False),
    Option("VERIFY_SVG", default="refuse", choices=("refuse", "strip")),
    Option("IMAGES_OPTIMIZE", "bool", default=False),
    Option("IMAGES_MAX_PIXELS", "int"),
    IMAGES_MAX_MEMORY,
)


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
            key: "***" if value is not None and (key in self._secrets or _SECRET_KEY.search(key)) else value
            for key, value in self.items()
        }
        return f"{type(self).__name__}({shown!r})"

    __str__ = __repr__


def storage_key(storage: str, key: str) -> str:
    """Return the name of a setting at the storage's own level, valid as the name of an environment variable."""
    return f"{re.sub('[-.]', '_', storage.upper())}_FS_{key}"


def backend_key(backend: str, key: str) -> str:
    """Return the name of a setting at the level of a backend."""
    return f"FS_{backend.upper()}_{key}"


def _storage_prefixes(storage: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((f"{storage.upper()}_FS_", storage_key(storage, ""))))


def own_key(settings: Mapping[str, Any], storage: str, key: str) -> str | None:
    """Return the name by which a setting is set at the storage's own level, or None if it is not set there."""
    keys = (prefix + key for prefix in _storage_prefixes(storage))
    return next((found for found in keys if settings.get(found) is not None), None)


def route_prefix(settings: Mapping[str, Any]) -> str | None:
    """Return the app's ``FS_PREFIX``, the URL prefix of the route, with a leading slash; None if it is not set.

    :raises ConfigurationError: if it is not a str.
    """
    value = settings.get("FS_PREFIX")
    prefix = "" if value is None else _convert(_ROUTE_PREFIX, "FS_PREFIX", value, None).strip("/")
    return f"/{prefix}" if prefix else None


def serves(settings: Mapping[str, Any]) -> bool:
    """Return whether the app's ``FS_SERVE`` is on.

    :raises ConfigurationError: if it is neither true nor false.
    """
    value = settings.get("FS_SERVE")
    return False if value is None else bool(_convert(_SERVE, "FS_SERVE", value, None))


def handles_errors(settings: Mapping[str, Any]) -> bool:
    """Return whether the errors that clients cause are answered: the app's ``FS_HANDLE_ERRORS``.

    :raises ConfigurationError: if it is neither true nor false.
    """
    value = settings.get("FS_HANDLE_ERRORS")
    return bool(_HANDLE_ERRORS.default if value is None else _convert(_HANDLE_ERRORS, "FS_HANDLE_ERRORS", value, None))


def wrong_setting(storage: str, backend: str, key: str, rule: str) -> ConfigurationError:
    """Return the error for an invalid setting.

    :param key: the KEY, without a prefix.
    :param rule: the rest of the message, such as ``must be more than 0 seconds``.
    """
    message = f"storage {storage!r}: {storage_key(storage, key)} or {backend_key(backend, key)} {rule}"
    return ConfigurationError(message, storage=storage)


def backend_name(settings: Mapping[str, Any], storage: str) -> str:
    """Return the name of the backend of a storage.

    :raises ConfigurationError: if it is not a str.
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
    prefixes = _prefixes(storage, backend)
    declared = {option.name: option for option in (*COMMON, *(options or ()))}
    names = {alias for option in declared.values() for alias in (option.name, *option.aliases)}
    undeclared = _undeclared_keys(settings, prefixes, names)
    if _ENCRYPTED.name not in names:
        _refuse_encryption(settings, prefixes, storage)
    if options is not None:
        _require_known(undeclared, names, known, storage, backend)
        undeclared = {}
    config = Config(
        {name.lower(): settings[key] for name, key in undeclared.items()},
        secrets=[option.name.lower() for option in declared.values() if option.secret],
    )
    for option in declared.values():
        config[option.name.lower()] = _value(settings, option, prefixes, storage)
    object.__setattr__(config, "_is_resolved", True)
    return config


def lookup(settings: Mapping[str, Any], option: Option, storage: str, backend: str) -> Any:
    """Return the current value of one option of a storage, which the app may have changed since ``init_app``.

    :param settings: the configuration of an app.
    :param storage: the name of the storage.
    :param backend: the name of the backend.
    :raises ConfigurationError: see :func:`resolve`.
    """
    return _value(settings, option, _prefixes(storage, backend), storage)


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
                raise ConfigurationError(f"storage {storage!r} needs {option.name}", storage=storage)
            complete[key] = option.default
        elif not complete._is_resolved and value is not option.default:
            complete[key] = _convert(option, option.name, value, storage)
    return complete


def _prefixes(storage: str, backend: str) -> tuple[tuple[int, str], ...]:
    return (*((1, prefix) for prefix in _storage_prefixes(storage)), (2, backend_key(backend, "")), (3, "FS_"))


def _value(settings: Mapping[str, Any], option: Option, prefixes: Iterable[tuple[int, str]], storage: str) -> Any:
    tried = []
    for level, prefix in prefixes:
        if level not in option.levels:
            continue
        for name in (option.name, *option.aliases):
            key = prefix + name
            tried.append(key)
            if settings.get(key) is None or (option.required and settings[key] == ""):
                continue
            value = _convert(option, key, settings[key], storage)
            if option.named and level > 1 and value:
                value = f"{value.rstrip('/')}/{quote(storage) if option.name.endswith('URL') else storage}"
            return value
    if option.required:
        keys = " or ".join(key for key in tried if key.endswith(option.name))
        raise ConfigurationError(f"storage {storage!r} needs {option.name}: set {keys}", storage=storage)
    return option.default


def _convert(option: Option, key: str, value: Any, storage: str | None) -> Any:
    try:
        return option.convert(value)
    except (ValueError, TypeError) as error:
        shown = (
            "the value it has"
            if option.secret or _SECRET_KEY.search(key)
            else re.sub(r"//[^/@]*@", "//***@", repr(value))
        )
        raise ConfigurationError(f"{key} must be {error}, not {shown}", storage=storage) from None


def _undeclared_keys(
    settings: Mapping[str, Any], prefixes: Iterable[tuple[int, str]], names: Container[str]
) -> dict[str, str]:
    """Return the keys of the levels 1 and 2 without an option, by their KEY. A key of level 1 takes precedence."""
    found: dict[str, str] = {}
    for level, prefix in prefixes:
        for key in settings:
            if level < 3 and isinstance(key, str) and key.startswith(prefix):
                name = key[len(prefix) :]
                if name and name not in names:
                    found.setdefault(name, key)
    return found


def _refuse_encryption(settings: Mapping[str, Any], prefixes: Sequence[tuple[int, str]], storage: str) -> None:
    keys = [prefix + _ENCRYPTED.name for _, prefix in prefixes]
    key = next((key for key in keys if settings.get(key) is not None), None)
    if key is not None:
        has_key = any(settings.get(prefix + _ENCRYPTION_KEY) for _, prefix in prefixes)
        _require_unencrypted(key, settings[key], storage, has_key=has_key)


def require_unencrypted(config: Mapping[str, Any], options: Iterable[Option], storage: str) -> None:
    """Check that a backend which is built by hand is not to encrypt, unless it has the option itself.

    :raises ConfigurationError: if AES256_ENCRYPTED is on.
    """
    value = config.get(_ENCRYPTED.name.lower())
    if value is None or getattr(config, "_is_resolved", False) or any(each.name == _ENCRYPTED.name for each in options):
        return
    _require_unencrypted(_ENCRYPTED.name, value, storage, has_key=bool(config.get(_ENCRYPTION_KEY.lower())))


def _require_unencrypted(key: str, value: Any, storage: str, *, has_key: bool) -> None:
    if _convert(_ENCRYPTED, key, value, storage):
        raise ConfigurationError(
            f"{key} is on, but nothing is encrypted here: storage {storage!r} would keep its files unencrypted. "
            "Keep flask-fs2 for this storage, or decrypt its files with flask-fs2 and turn the setting off",
            storage=storage,
        )
    if has_key and value and isinstance(value, str):
        raise ConfigurationError(
            f"{key} is the text {value!r}, which flask-fs2 takes for true: with the AES256_KEY that is set, it "
            f"encrypted files of storage {storage!r}, and nothing is decrypted here. Decrypt them with flask-fs2, and "
            "set False or an empty text, or no AES256_KEY",
            storage=storage,
        )


def _require_known(
    undeclared: Mapping[str, str],
    names: Iterable[str],
    known: Callable[[], Mapping[str, Iterable[Option]]],
    storage: str,
    backend: str,
) -> None:
    if WITHOUT_EFFECT.issuperset(undeclared):
        return
    installed = known()
    everything = {
        name for options in installed.values() for option in options for name in (option.name, *option.aliases)
    }
    everything.update(names, WITHOUT_EFFECT)
    # if there is a backend local_cache, FS_LOCAL_CACHE_SIZE is a key of that one, not of the backend local
    longer = tuple(backend_key(name, "") for name in installed if name.upper().startswith(f"{backend.upper()}_"))
    for name, key in undeclared.items():
        if name not in everything and not key.startswith(longer):
            close = difflib.get_close_matches(name, sorted(everything), n=1, cutoff=0)[0]
            raise ConfigurationError(
                f"{key} is not a setting of any backend: did you mean {key[: -len(name)]}{close}?", storage=storage
            )
