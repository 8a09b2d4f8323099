"""A copy of what a client has sent to a store, which the client cannot change while it is checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from secrets import token_hex

from . import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

# isort: split
from fs import errors

from .errors import translated
from .names import Reserved
from .unfinished import Unfinished

__all__ = ["unchangeable"]

# each worker has its own
_COPY = "held-"


@contextmanager
def unchangeable(upload: Unfinished, path: Reserved, guard: translated, *, is_again: bool) -> Iterator[Reserved]:
    """Let the store copy a file of an upload to a path that no signature names, and yield that path.

    The copy is removed if the block fails, and with the upload if it does not.

    :param path: the file as the client has sent it, and may send it again.
    :param guard: translates the errors of the store.
    :param is_again: whether another worker may have copied it, and was killed: its copy is removed.
    """
    store, copy = upload.store, upload.path(f"{_COPY}{token_hex(16)}")
    with guard:
        for name in upload.look().files if is_again else ():
            if name.startswith(_COPY):
                store.delete_tree(upload.path(name))
    try:
        with guard:
            store.copy_file(path, copy)
        yield copy
    except BaseException:
        # the next request makes another copy
        with suppress(errors.FSError):
            store.delete_tree(copy)
        raise
