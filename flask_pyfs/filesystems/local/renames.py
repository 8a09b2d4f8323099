"""Renames that never replace a file, or that exchange two files: ``renameat2`` of Linux."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

# linux/fs.h
_NOREPLACE, _EXCHANGE = 1, 2

# linux/fcntl.h
_AT_FDCWD = -100

# its number, for C libraries without the function (musl before 1.2.6)
_NUMBERS = {"x86_64": 316, "aarch64": 276, "riscv64": 276}

# what is said by kernels, file systems (the network's, and FUSE) and sandboxes that do not have it
_MISSING = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EPERM}


def is_known() -> bool:
    """Return whether the system has these renames. Not all of its file systems must have them."""
    return _renameat2() is not None


def rename_new(source: str, target: str) -> bool:
    """Rename a file if the new name is free, in one step. Return False, and do nothing, if the system cannot.

    :raises FileExistsError: if the name is taken.
    """
    return _rename(source, target, _NOREPLACE)


def exchange(path: str, other: str) -> bool:
    """Exchange two files, in one step. Return False, and do nothing, if the system cannot.

    :raises FileNotFoundError: if one of them is missing.
    """
    return _rename(path, other, _EXCHANGE)


def _rename(source: str, target: str, flag: int) -> bool:
    call = _renameat2()
    if call is None:
        return False
    number = call(os.fsencode(source), os.fsencode(target), flag)
    if number in _MISSING:
        # if the reason is another one, what the caller does instead fails too
        return False
    if number:
        raise OSError(number, os.strerror(number), source, None, target)
    return True


@cache
def _renameat2() -> Callable[[bytes, bytes, int], int] | None:
    """Return a function that returns 0 or the number of the error; None if the system has no ``renameat2``."""
    if not sys.platform.startswith("linux"):
        return None
    # it takes milliseconds to import, and few apps need it
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    types: list[Any] = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    start: tuple[int, ...] = ()
    if hasattr(library, "renameat2"):
        function = library.renameat2
    elif ctypes.sizeof(ctypes.c_void_p) == 8 and os.uname().machine in _NUMBERS:
        function, start = library.syscall, (_NUMBERS[os.uname().machine],)
        types.insert(0, ctypes.c_long)
        function.restype = ctypes.c_long
    else:
        return None
    function.argtypes = types

    def call(source: bytes, target: bytes, flag: int) -> int:
        failed = function(*start, _AT_FDCWD, source, _AT_FDCWD, target, flag)
        return ctypes.get_errno() if failed else 0

    return call
