"""Does tasks in several threads, and hands what they tell to the thread that called."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

from .patience import Patience

__all__ = ["in_threads", "require_jobs"]

Task = TypeVar("Task")

# by job: tasks that wait or are under way, and events that nobody has taken
_TASKS, _EVENTS = 2, 32


class _Ended(NamedTuple):
    error: BaseException | None = None


def require_jobs(jobs: int) -> None:
    """Do nothing if there can be so many threads.

    :raises ValueError: if it is less than 1.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be 1 or more, not {jobs!r}")


def in_threads(
    tasks: Iterable[Task],
    work: Callable[[Task, Callable[[Any], None]], None],
    jobs: int,
    patience: Patience,
    tell: Callable[[Any], object],
) -> None:
    """Do tasks in threads. They are taken from the iterable in this thread, only a few in advance.

    When this ends, in whatever way, its threads have ended. If anything is raised here, such as KeyboardInterrupt, the
    patience is stopped, and no further task begins.

    :param work: does one task, in one of the threads. Its second argument is a function to tell something with.
    :param jobs: how many threads there are at most.
    :param tell: is called here with what they tell, one at a time.
    :raises BaseException: what ``work`` raises.
    """
    # not queue.Queue: Ctrl-C may leave its lock taken for ever, right after this thread took it
    todo: SimpleQueue[Any] = SimpleQueue()
    told: SimpleQueue[Any] = SimpleQueue()
    # a slow listener slows the threads down
    room: SimpleQueue[None] = SimpleQueue()
    for _ in range(_EVENTS * jobs):
        room.put(None)
    threads: list[threading.Thread] = []
    under_way = 0

    def put(message: Any) -> None:
        if not patience.is_stopped:
            room.get()
        told.put(message)

    def work_on() -> None:
        while (task := todo.get()) is not None:
            error = None
            try:
                if not patience.is_stopped:
                    work(task, put)
            except BaseException as raised:
                error = raised
            put(_Ended(error))

    def listen() -> int:
        message = told.get()
        room.put(None)
        if not isinstance(message, _Ended):
            tell(message)
            return 0
        if message.error is not None:
            raise message.error
        return 1

    try:
        for task in tasks:
            if len(threads) < jobs:
                # with the app of this thread; a second Ctrl-C leaves it behind, and need not wait for it
                threads.append(
                    threading.Thread(target=copy_context().run, args=(work_on,), name="flask_pyfs-copy", daemon=True)
                )
                threads[-1].start()
            todo.put(task)
            under_way += 1
            while under_way >= _TASKS * jobs or not told.empty():
                under_way -= listen()
        while under_way:
            under_way -= listen()
    except BaseException:
        patience.stop()
        raise
    finally:
        for _ in threads:
            todo.put(None)
            # each may wait for room, once
            room.put(None)
        for thread in threads:
            # Ctrl-C within start() leaves a thread of which nobody knows yet whether it runs: it ends by itself
            if thread.is_alive():
                thread.join()
