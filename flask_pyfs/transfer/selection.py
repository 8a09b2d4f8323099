"""Which files of both sides a transfer is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

from ..errors import ConfigurationError
from ..extras import required_by

__all__ = ["Selection", "shard_of"]


class Selection:
    """Chooses files by their names.

    :param include: patterns as those of a .gitignore. With any, only files that match are chosen.
    :param exclude: patterns of files that are not chosen.
    :param shard: ``(i, n)``: of n parts of the names, the part i, from 1 to n. Each name is in one of them, whatever
        other names there are, on every machine.
    :raises flask_pyfs.errors.ConfigurationError: if a pattern or the shard is invalid.
    :raises ModuleNotFoundError: if there are patterns, and the extra ``cli`` is not installed.
    """

    def __init__(
        self, include: Sequence[str] = (), exclude: Sequence[str] = (), shard: tuple[int, int] | None = None
    ) -> None:
        self._included = _matcher(include)
        self._excluded = _matcher(exclude)
        self._takes_back = any(pattern.lstrip().startswith("!") for pattern in exclude)
        self._shard = shard
        if shard is not None and not 1 <= shard[0] <= shard[1]:
            raise ConfigurationError(f"a shard is I/N, with I from 1 to N, not {shard[0]}/{shard[1]}")

    @property
    def is_whole(self) -> bool:
        """Whether all files are chosen."""
        return self._included is None and self._excluded is None and self._shard is None

    def has(self, name: str) -> bool:
        """Return whether a file is chosen.

        :param name: the name under which both sides are compared.
        """
        if self._shard is not None and shard_of(name, self._shard[1]) != self._shard[0]:
            return False
        if self._included is not None and not self._included(name):
            return False
        return self._excluded is None or not self._excluded(name)

    def may_have_below(self, directory: str) -> bool:
        """Return whether files below a directory may be chosen. A pattern that takes names back, such as ``!*.jpg``,
        may choose some below any.

        :param directory: its name, with a slash at its end.
        """
        return self._excluded is None or self._takes_back or not self._excluded(directory)


def shard_of(name: str, shards: int) -> int:
    """Return in which of so many parts a name is, from 1 on."""
    digest = blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % shards + 1


def _matcher(patterns: Sequence[str]) -> Callable[[str], bool] | None:
    if isinstance(patterns, str):
        raise ConfigurationError(f"include and exclude are lists of patterns, not one text: [{patterns!r}]")
    if not patterns:
        return None
    with required_by("cli", "pathspec"):
        from pathspec import GitIgnoreSpec
    for pattern in patterns:
        try:
            GitIgnoreSpec.from_lines([pattern])
        except ValueError as error:
            raise ConfigurationError(f"{pattern!r} is no pattern as in a .gitignore: {error}") from error
    return GitIgnoreSpec.from_lines(patterns).match_file
