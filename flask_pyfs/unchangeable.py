"""A copy of what a client has sent to a store, which the client cannot change while it is checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from secrets import token_hex

from . import _import_fs  # noqa: F401  (before fs, also in a thread of its own)

# isort: split
from fs import errors

from .errors import translated
from .filesystems.store import PART
from .names import Reserved
from .unfinished import Unfinished

__all__ = ["unchangeable"]

# each worker has its own
_COPY = "copy-"


@contextmanager
def unchangeable(upload: Unfinished, path: Reserved, guard: translated, *, is_again: bool) -> Iterator[Reserved]:
    """Let the store copy a file of an upload to a path that no signature names, and yield that path.

    The copy lies where it can become the file, if the store has such a place. It is removed if the block fails, and
    with the upload if it does not.

    :param path: the file as the client has sent it, and may send it again.
    :param guard: translates the errors of the store.
    :param is_again: whether another worker may have copied it, and was killed. Its copy is removed now, or with the
        upload if the store may still make a file of it.
    """
    store, mark = upload.store, token_hex(16)
    is_part = store.part_mark(mark, 0, 0, waits=False) is not None
    copy = upload.path(f"{_COPY}{mark}{PART if is_part else ''}")
    with guard:
        for name in upload.look().files if is_again else ():
            if name.startswith(_COPY) and not name.endswith(PART):
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
