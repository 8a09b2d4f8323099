"""Finds the settings that reach nothing, because their names are misspelt."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from .keys import backend_key, refusal, storage_key, storage_prefixes
from .options import Option
from .peers import SETTINGS, WITHOUT_EFFECT

__all__ = [
    "Installed",
    "Misspelt",
    "closest",
    "is_close",
    "reaching_nothing",
    "require_known",
    "require_storage",
    "splits",
    "undeclared_keys",
]

#: Returns the options of each installed backend by its name.
Installed = Callable[[], Mapping[str, Iterable[Option]]]

# more wrong letters than one in so many are another word
_LETTERS = 4


class Misspelt(NamedTuple):
    """A setting that reaches nothing.

    :param key: its name in the configuration.
    :param meant: the name that it probably should have.
    """

    key: str
    meant: str


def is_close(given: str, known: str) -> bool:
    """Return whether a name is probably a misspelling of another one.

    Words that both have at the start or at the end do not count, so that ``TENANT_ONE`` is not close to ``TENANT_TWO``.
    Names with other digits are others.

    >>> is_close("ROOOT", "ROOT"), is_close("SECRETKEY", "SECRET_KEY"), is_close("FILES_EU", "FILES_US")
    (True, True, False)
    """
    one, other = _words(given), _words(known)
    letters, others = "".join(one), "".join(other)
    if letters == others:
        return True
    if not _may_be_close(letters, others):
        return False
    part, wanted = _differing(one, other)
    if re.sub(r"\D", "", part) != re.sub(r"\D", "", wanted):
        return False
    if not _may_be_close(part, wanted) or _distance(part, wanted) > _most(part, wanted):
        return False
    is_substituted = len(part) == len(wanted) and sorted(part) != sorted(wanted)
    return min(len(part), len(wanted)) >= (3 if is_substituted else 2)


def closest(given: str, known: Iterable[str]) -> str | None:
    """Return the known name of which another one is probably a misspelling, or None."""
    found = [name for name in known if is_close(given, name)]
    return min(found, key=lambda name: (_distance(given.upper(), name.upper()), name), default=None)


def undeclared_keys(
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


def require_known(
    undeclared: Mapping[str, str], names: Iterable[str], installed: Installed, storage: str, backend: str
) -> None:
    """Check the keys of the levels 1 and 2 of a storage.

    :param undeclared: the keys that its backend does not declare, by their KEY.
    :param names: what its backend declares.
    :param installed: returns the options of each installed backend by its name.
    :raises flask_pyfs.errors.ConfigurationError: for a key that no backend declares.
    """
    if WITHOUT_EFFECT.issuperset(undeclared):
        return
    backends = installed()
    declared = [option for options in backends.values() for option in options]
    everything = {*names, *WITHOUT_EFFECT, *_names(declared)}
    # those of a storage that has several backends
    sides = tuple(f"{option.name}_" for option in declared if option.type == "backend")
    of_sides = {side + name for side in sides for name in everything}
    # if there is a backend local_cache, FS_LOCAL_CACHE_SIZE is a key of that one, not of the backend local
    longer = tuple(backend_key(name, "") for name in backends if name.upper().startswith(f"{backend.upper()}_"))
    for name, key in undeclared.items():
        is_own = key.startswith(storage_prefixes(storage))
        if name in everything or (name in of_sides and is_own) or key.startswith(longer):
            continue
        close = closest(name, everything | of_sides)
        if close is None:
            among = of_sides if name.upper().startswith(sides) else everything
            close = difflib.get_close_matches(name.upper(), sorted(among), n=1, cutoff=0)[0]
        level = storage_key(storage, "") if close in of_sides and not is_own else key[: -len(name)]
        message = f"{key} is not a setting of any backend (storage {storage!r}): did you mean {level}{close}?"
        raise refusal(message, storage)


def require_storage(settings: Mapping[str, Any], storage: str, constructed: Iterable[str]) -> None:
    """Check that no setting is meant for a storage and has another name in its key.

    :param constructed: the names of all storages, which need not be configured.
    :raises flask_pyfs.errors.ConfigurationError: for a key whose name is close to the storage's, and no storage's.
    """
    read = tuple(prefix for name in constructed for prefix in storage_prefixes(name))
    for key, value in settings.items():
        # None is not set
        if value is None or not isinstance(key, str) or "_FS_" not in key or key.startswith(("FS_", *read)):
            continue
        for name, rest in splits(key):
            if is_close(name, storage):
                other = f" If there is a storage {name.lower()!r}, construct it before init_app"
                is_other = name.lower() != storage.lower()
                message = f"{key} reaches no storage: did you mean {storage_key(storage, rest)}?"
                raise refusal(message + other if is_other else message, storage)


def reaching_nothing(
    settings: Mapping[str, Any],
    known: Iterable[Option],
    backends: Callable[[], Iterable[str]],
    installed: Installed,
    storages: Iterable[str] = (),
) -> Iterator[Misspelt]:
    """Find the keys of level 3 that no backend declares, and that are close to one that is declared.

    An app may have keys of its own, so the others are left alone.

    :param known: options that are known without asking the installed backends.
    :param backends: returns the names of the installed backends, whose own keys are not looked at.
    :param installed: returns the options of each installed backend by its name. Both are only called for a key that is
        not among the others.
    :param storages: the names of the app's storages.
    """
    names = {*_names(known), *(setting.name for setting in SETTINGS)}
    keys = [key for key in settings if isinstance(key, str) and key.startswith("FS_") and key[3:] not in names]
    own = tuple(backend_key(name, "") for name in (backends() if keys else ()))
    unknown = [key for key in keys if not key.startswith(own)]
    if not unknown:
        return
    declared_by = {name: tuple(options) for name, options in installed().items()}
    options_of = {name: set(_names(options)) for name, options in declared_by.items()}
    # of those that level 3 does not set, a name that is close is the app's own
    at_level_3 = set(_names(each for options in declared_by.values() for each in options if 3 in each.levels))
    everywhere = frozenset(names)
    meant = {name: f"FS_{name}" for name in everywhere | at_level_3}
    names = names.union(*options_of.values())
    for backend, declared in options_of.items():
        meant.update({f"{backend.upper()}_{name}": backend_key(backend, name) for name in declared | everywhere})
    for storage in storages:
        # its parts may be in the wrong order
        for name, prefix in product(names, storage_prefixes(storage)):
            meant.setdefault(f"{prefix.removesuffix('_FS_')}_{name}", prefix + name)
    for key in unknown:
        # few write the first letter wrong, and FS_CODE may be the app's own
        alike = [name for name in meant if name[:1] == key[3:4].upper()]
        if key[3:] not in names and (close := closest(key[3:], alike)):
            yield Misspelt(key, meant[close])


def _names(options: Iterable[Option]) -> Iterator[str]:
    return (name for option in options for name in (option.name, *option.aliases))


def splits(key: str) -> Iterator[tuple[str, str]]:
    """Iterate over the names of a storage, in upper case, and the KEYs that the name of a setting may consist of."""
    for found in re.finditer("(?=_FS_)", key):
        name, rest = key[: found.start()], key[found.start() + 4 :]
        if name and rest:
            yield name, rest


@lru_cache(4096)
def _words(name: str) -> tuple[str, ...]:
    return tuple(re.sub(r"[-.\s]", "_", name.upper()).split("_"))


def _most(one: str, other: str) -> int:
    return max(1, max(len(one), len(other)) // _LETTERS)


def _may_be_close(one: str, other: str) -> bool:
    # quick: a wrong letter changes the length by one at most, and two of the letters that there are
    most = _most(one, other)
    return abs(len(one) - len(other)) <= most and len(set(one) ^ set(other)) <= 2 * most


def _differing(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, str]:
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    return "_".join(one), "_".join(other)


def _distance(one: str, other: str) -> int:
    # letters that are missing, too many, wrong, or swapped with their neighbour
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        above, row, older = row, [i], before
        for j, wanted in enumerate(other, 1):
            best = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != wanted))
            if older and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                best = min(best, older[j - 2] + 1)
            row.append(best)
        before = above
    return row[-1]
