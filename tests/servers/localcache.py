"""Loaded by the Swift servers of the tests: a cache instead of memcached, and a log file instead of syslog."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any


class LocalCache:
    """The methods of the memcached client that Swift calls, over a dict in memory."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[str, float | None]] = {}

    def get(self, key: str, raise_on_error: bool = False) -> Any:
        value, expires = self._values.get(key, ("null", None))
        if expires is not None and expires <= time.time():
            self.delete(key)
            return None
        return json.loads(value)

    def set(
        self,
        key: str,
        value: Any,
        serialize: bool = True,
        time: float = 0,
        min_compress_len: int = 0,
        raise_on_error: bool = False,
    ) -> None:
        self._values[key] = (json.dumps(value), _expiry(time))

    def delete(self, key: str, server_key: str | None = None) -> None:
        self._values.pop(key, None)

    def incr(self, key: str, delta: int = 1, time: float = 0) -> int:
        value = max(0, int(self.get(key) or 0) + delta)
        self.set(key, value, time=time)
        return value

    def decr(self, key: str, delta: int = 1, time: float = 0) -> int:
        return self.incr(key, -delta, time)

    def get_multi(self, keys: Iterable[str], server_key: str, raise_on_error: bool = False) -> list[Any]:
        return [self.get(key) for key in keys]

    def set_multi(
        self,
        mapping: dict[str, Any],
        server_key: str,
        serialize: bool = True,
        time: float = 0,
        min_compress_len: int = 0,
        raise_on_error: bool = False,
    ) -> None:
        for key, value in mapping.items():
            self.set(key, value, time=time)


def _expiry(seconds: float) -> float | None:
    return time.time() + seconds if seconds else None


def filter_factory(global_conf: dict[str, str], **local_conf: str) -> Callable[[Any], Any]:
    cache = LocalCache()

    def make_filter(app: Any) -> Any:
        def with_cache(env: dict[str, Any], start_response: Any) -> Any:
            env["swift.cache"] = cache
            return app(env, start_response)

        return with_cache

    return make_filter


def log_to_file(
    conf: dict[str, str],
    name: str,
    log_to_console: bool,
    log_route: str,
    fmt: str,
    logger: logging.Logger,
    adapted_logger: Any,
) -> None:
    """Replace the syslog handler of a logger. Swift calls this for each logger (option ``log_custom_handlers``)."""
    formatter = logger.handlers[0].formatter
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    file_handler = logging.FileHandler(conf["log_file"])
    file_handler.setFormatter(formatter)
    logger.addHandler(file_handler)
