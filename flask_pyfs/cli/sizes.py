"""Numbers, sizes and times for people."""

from __future__ import annotations

__all__ = ["counted", "size_text", "time_text"]


def counted(number: int, what: str) -> str:
    """Return a number of things, such as ``1 file`` or ``2 files``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def size_text(size: float) -> str:
    """Return a number of bytes, such as ``1 byte`` or ``1.2 GiB``."""
    units = iter(("KiB", "MiB", "GiB", "TiB", "PiB"))
    if size < 1024:
        return counted(int(size), "byte")
    # 1023.95 would be shown as 1024.0
    while size >= 1023.95:
        size, unit = size / 1024, next(units)
    return f"{size:.1f} {unit}"


def time_text(seconds: float) -> str:
    """Return a number of seconds, such as ``8 min 1 s``."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
