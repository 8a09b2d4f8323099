"""Layered configuration: the settings of a storage are found in the configuration of an app.

For storage NAME on backend BACKEND the value of KEY is the first of ``{NAME}_FS_{KEY}``, ``FS_{BACKEND}_{KEY}`` and
``FS_{KEY}`` that is present and not None, or the default of the option.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .common import COMMON, DEFAULT_BACKEND, OF_SIDES, OF_STORAGE, serves
from .encryption_settings import require_keys, require_unambiguous, require_wrappers
from .errors import ConfigurationError
from .keys import backend_key, own_key, refusal, side_prefixes, storage_key, storage_prefixes
from .misspelt import Installed, closest, require_known, undeclared_keys
from .options import Option
from .origins import Origin, origins_below, prefixes_of, set_by
from .values import converted, shown, sounds_secret

__all__ = [
    "Config",
    "backend_name",
    "backend_setting",
    "resolve",
    "setting_name",
    "sides_of",
    "with_defaults",
    "wrong_setting",
]


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
    # of the other backends that settings name, by the KEYs of these
    _sides: dict[str, Config]
    # the KEY of the setting that names the backend, if the storage has several
    _side = ""

    def __init__(self, *args: Any, secrets: Iterable[str] = (), **values: Any) -> None:
        super().__init__(*args, **values)
        object.__setattr__(self, "_secrets", frozenset(secrets))
        object.__setattr__(self, "_sides", {})

    def side(self, key: str) -> Config:
        """Return the settings of another backend, which an option of the type ``backend`` names.

        They are those of that backend, each the first that is set of ``{NAME}_FS_{key}_{KEY}`` and of the levels of
        that backend for this storage. PREFIX and what encrypts are among them; the other settings of every storage are
        those of the storage itself.

        Of settings that were given by hand, a key such as ``source_root`` is the ROOT of the backend that SOURCE names.

        :param key: the KEY of the option: ``SOURCE``.
        """
        if key in self._sides:
            return self._sides[key]
        start = f"{key.lower()}_"
        own = {name[len(start) :]: value for name, value in self.items() if name.startswith(start)}
        return Config({**self, **own, "backend": self.get(key.lower())}, secrets=self._secrets)

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


def sides_of(config: Mapping[str, Any]) -> Mapping[str, Config]:
    """Return the settings of the backends of a storage that has several, by the KEYs that name them; see
    :meth:`Config.side`.
    """
    return getattr(config, "_sides", {})


def setting_name(config: Mapping[str, Any], storage: str, key: str) -> str:
    """Return the name by which a setting is set in the configuration of the app, or else by which it can be set.

    :param config: the settings of the storage, or of one of its sides; see :meth:`Config.side`.
    :param key: the KEY, without a prefix.
    """
    if found := set_by(config, key):
        return found
    if side := getattr(config, "_side", ""):
        key = side if key == "BACKEND" else key if key in OF_STORAGE else f"{side}_{key}"
    return storage_key(storage, key)


def wrong_setting(storage: str, backend: str, config: Mapping[str, Any], key: str, rule: str) -> ConfigurationError:
    """Return the error for an invalid setting. The message names it as it is set, or else as it can be set.

    :param config: the settings of the storage.
    :param key: the KEY, without a prefix.
    :param rule: the rest of the message, such as ``must be more than 0 seconds``.
    """
    name = set_by(config, key) or f"{setting_name(config, storage, key)} or {backend_key(backend, key)}"
    return refusal(f"{name} {rule}", storage)


def backend_setting(settings: Mapping[str, Any], storage: str) -> str:
    """Return the key that sets the backend of a storage, or that can set it for all."""
    return own_key(settings, storage, "BACKEND") or "FS_BACKEND"


def backend_name(settings: Mapping[str, Any], storage: str) -> str:
    """Return the name of the backend of a storage.

    :raises ConfigurationError: if it is not a str.
    """
    key = backend_setting(settings, storage)
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
    options_of: Callable[[str, str], Sequence[Option] | None] | None = None,
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
    :param options_of: a callable that returns the options of another backend, for each option of the type ``backend``.
        Its arguments are the name of that backend, and the key by which it is set.
    :raises ConfigurationError: if a required key is missing, a value has the wrong type, no backend declares a key of
        level 1 or 2, or it is in doubt whether files are encrypted. The message names the keys.
    """
    prefixes, declared = prefixes_of(storage, backend), (*COMMON, *(options or ()))
    naming = {option.name: option for option in declared if option.type == "backend"}
    of_sides = tuple(prefix for each in naming for prefix in side_prefixes(storage, each))
    found = undeclared_keys(settings, prefixes, _names(declared))
    undeclared = {name: key for name, key in found.items() if not key.startswith(of_sides)}
    sides = {}
    for each in naming.values():
        origin = next(origins_below(settings, each, prefixes), None)
        key = origin.key if origin else storage_key(storage, each.name)
        name = converted(each, key, settings[key], storage) if origin else each.default
        if name is not None:
            sides[each.name] = options_of(name, key) if options_of else None
    if options is not None:
        own, names = storage_prefixes(storage), _names(declared)
        takes_any = own if None in sides.values() else ()
        checked = {
            name: key for name, key in undeclared.items() if not key.startswith(takes_any) or closest(name, names)
        }
        require_known(checked, names, known, storage, backend)
        undeclared = {}
    config = _read(settings, storage, prefixes, declared, undeclared)
    if not sides:
        require_keys(config, storage)
        require_wrappers(found, settings, config, storage)
    for side, of_backend in sides.items():
        config._sides[side] = _side(settings, storage, config, side, of_backend, naming, known)
    return config


def _side(
    settings: Mapping[str, Any],
    storage: str,
    whole: Config,
    side: str,
    options: Sequence[Option] | None,
    sides: Iterable[str],
    known: Installed,
) -> Config:
    """Return the settings of one of the backends of a storage.

    :param whole: the settings of the storage, but for its backends.
    :param side: the KEY that names the backend.
    :param options: the options of that backend.
    :param sides: the KEYs that name all backends of the storage.
    """
    backend, key = whole[side.lower()], setting_name(whole, storage, side)
    if any(option.type == "backend" for option in options or ()):
        raise refusal(f"{key} must be a backend that keeps files itself, not {shown(backend)}", storage)
    prefixes, declared = prefixes_of(storage, backend, side), (*OF_SIDES, *(options or ()))
    own = side_prefixes(storage, side)
    _require_apart(settings, storage, whole, own, backend, key)
    names = _names(declared)
    if options is None:
        # at the storage's own level are those of its other backends, too
        others = names.union(OF_STORAGE, map(str.upper, whole))
        keys, of_sides = undeclared_keys(settings, prefixes, others), tuple(f"{each}_" for each in sides)
        undeclared = {name: key for name, key in keys.items() if not name.startswith(of_sides)}
    else:
        checked = [(level, prefix) for level, prefix in prefixes if level == 2 or prefix in own]
        require_known(undeclared_keys(settings, checked, names | OF_STORAGE), names, known, storage, backend)
        undeclared = {}
    config = _read(settings, storage, prefixes, declared, undeclared)
    shared = (OF_STORAGE - names) | {option.name for option in OF_SIDES if option.name not in config._origins}
    config.update({name.lower(): whole[name.lower()] for name in shared}, backend=backend)
    found = {name: origin for name, origin in whole._origins.items() if name in shared}
    found.pop("BACKEND", None)
    if side in whole._origins:
        found["BACKEND"] = whole._origins[side]
    object.__setattr__(config, "_origins", {**found, **config._origins})
    object.__setattr__(config, "_side", side)
    if (set_by(config, "ENCRYPTION_READ_PLAIN") or "").startswith(own):
        # the other backend may have those of the storage as a whole
        require_keys(config, storage)
    return config


def _require_apart(
    settings: Mapping[str, Any], storage: str, whole: Config, own: Iterable[str], backend: str, key: str
) -> None:
    """Check that no setting of a storage as a whole is given to one of its backends, where it would not apply.

    :param own: what the keys of this backend begin with, for this storage.
    :param key: the one that names the backend.
    """
    for option in COMMON:
        if option.name not in OF_STORAGE:
            continue
        right = key if option.name == "BACKEND" else storage_key(storage, option.name)
        wrong = next((found for prefix in own if settings.get(found := f"{prefix}{option.name}") is not None), None)
        if wrong is not None:
            raise refusal(f"{wrong} is a setting of the storage, not of one of its backends: set {right}", storage)
        applies = whole._origins.get(option.name)
        origin, value = _value(settings, option, [(2, backend_key(backend, ""))], storage)
        # without one of its own, a storage has that of the app
        current = serves(settings) if option.name == "SERVE" and applies is None else whole[option.name.lower()]
        if origin and not (applies and applies.level <= 2) and value != current:
            message = f"{origin.key} has no effect on storage {storage!r}, which has several backends"
            raise refusal(f"{message}: set {right}", storage)


def _read(
    settings: Mapping[str, Any],
    storage: str,
    prefixes: Sequence[tuple[int, str]],
    options: Sequence[Option],
    undeclared: Mapping[str, str],
) -> Config:
    """Return the values of some options, and those of undeclared keys, which are given by their names."""
    config = Config(
        {name.lower(): settings[key] for name, key in undeclared.items()},
        # nothing tells which are secret of those that a backend does not declare
        secrets=[name.lower() for name in (*undeclared, *(each.name for each in options if each.secret))],
    )
    found = {
        name: Origin(level, key)
        for name, key in undeclared.items()
        for level, prefix in prefixes
        if key == prefix + name
    }
    # the last of a name counts
    by_name = {option.name: option for option in options}
    for option in by_name.values():
        origin, config[option.name.lower()] = _value(settings, option, prefixes, storage)
        if origin is not None:
            found[option.name] = origin
    for name, origin in found.items():
        if name in by_name:
            require_unambiguous(by_name[name], origin.key, settings[origin.key], config, storage)
    object.__setattr__(config, "_is_resolved", True)
    object.__setattr__(config, "_origins", found)
    return config


def lookup(settings: Mapping[str, Any], option: Option, storage: str, backend: str, side: str = "") -> Any:
    """Return the current value of one option of a storage, which the app may have changed since ``init_app``.

    :param settings: the configuration of an app.
    :param storage: the name of the storage.
    :param backend: the name of the backend.
    :param side: the KEY that names the backend, if the storage has several.
    :raises ConfigurationError: see :func:`resolve`.
    """
    return _value(settings, option, prefixes_of(storage, backend, side), storage)[1]


def _names(options: Iterable[Option]) -> set[str]:
    return {name for option in options for name in (option.name, *option.aliases)}


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
            require_unambiguous(option, option.name, value, complete, storage)
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
