"""Programs and shared libraries.

Sources: System V ABI, 4 (ELF header); Microsoft's PE format, 2 and 3.3 (characteristics); Apple's mach-o/loader.h.
"""

from __future__ import annotations

from .source import Check, Source, any_of, starts

_SHARED = 3
_DLL = 0x2000
_PE = b"PE\0\0"


def _is_shared_elf(source: Source) -> bool:
    head = source.at(0, 18)
    if len(head) < 18 or not head.startswith(b"\x7fELF"):
        return False
    return int.from_bytes(head[16:18], "big" if head[5] == 2 else "little") == _SHARED


#: Shared objects of ELF, and of macOS.
is_so: Check = any_of(_is_shared_elf, starts(b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe\0\0\0"))


def _characteristics(source: Source) -> int | None:
    """Return the flags of a program for Windows, None if there are none."""
    place = source.little(60, 4)
    return source.little(place + 22, 2) if source.at(place, 4) == _PE else None


def is_exe(source: Source) -> bool:
    """Tell whether the file is a program for DOS or Windows, and no library."""
    return source.at(0, 2) == b"MZ" and source.size >= 28 and not (_characteristics(source) or 0) & _DLL


def is_dll(source: Source) -> bool:
    """Tell whether the file is a library of Windows."""
    return source.at(0, 2) == b"MZ" and bool((_characteristics(source) or 0) & _DLL)
