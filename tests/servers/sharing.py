"""One server for the processes of a run: the first that needs it starts it, and at its end waits for the others."""

from __future__ import annotations

import fcntl
import pickle
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, TypeVar

from servers import process

T = TypeVar("T")


@contextmanager
def shared(place: Path, start: Callable[[Path], AbstractContextManager[T]]) -> Iterator[T]:
    """Give what ``start`` gives in the first process; the others get a copy of it.

    :param place: a directory that the processes share, and that nothing else uses.
    :param start: starts the server in the empty directory that it gets; what it gives can be pickled.
    """
    # nobody would notice it where another process has started it
    process.check_marked()
    place.mkdir(exist_ok=True)
    told = place / "server"
    with (place / "users").open("w") as users:
        with _locked(place / "starting"):
            # until the server that is just ending has ended
            fcntl.flock(users, fcntl.LOCK_SH)
            ours = None
            if not told.exists():
                ours = start(Path(tempfile.mkdtemp(dir=place)))
                server = ours.__enter__()
                told.write_bytes(pickle.dumps(server))
            else:
                server = pickle.loads(told.read_bytes())
        try:
            yield server
        finally:
            if ours is not None:
                # the lock of a process that was killed is gone with it
                fcntl.flock(users, fcntl.LOCK_EX)
                told.unlink()
                ours.__exit__(None, None, None)


@contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
