"""Stores pieces one after the other, each while the next one comes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

__all__ = ["Storing"]


class Storing:
    """A context that stores pieces in a thread, one at a time. When it ends, all are stored, or their error is raised.

    :param put: stores a piece under a name.
    """

    def __init__(self, put: Callable[[str, memoryview], object]) -> None:
        self._put = put
        self._pool: ThreadPoolExecutor | None = None
        self._under_way: Future[object] | None = None

    def __enter__(self) -> Storing:
        return self

    def put(self, name: str, piece: memoryview, *, is_end: bool) -> None:
        """Store a piece once the one before is stored, and do not wait for it, unless it is the last one.

        :param piece: its content, which stays until another one is stored, or the context ends.
        :raises flask_pyfs.errors.FSError: if the one before could not be stored.
        """
        self._wait()
        if not is_end:
            try:
                self._pool = self._pool or ThreadPoolExecutor(1, "pieces")
                self._under_way = self._pool.submit(self._put, name, piece)
                return
            except RuntimeError:
                # the interpreter is shutting down, and starts no threads
                pass
        self._put(name, piece)

    def _wait(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        if error is None:
            self._wait()
