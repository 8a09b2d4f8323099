"""The limits of images: what one costs is estimated from its header, and is refused before it is decoded if too much.

The estimates are those of :mod:`flask_pyfs.images.costs`, for the worst image with such a header.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UnauthorizedFileType
from .costs import EFFORTS, Output, Source, decoding_bytes, decoding_seconds, encoding, kept_bytes, made_bytes
from .headers import Header
from .refusals import too_large

#: The memory that an image may take if IMAGES_MAX_MEMORY is not set, in bytes.
MAX_MEMORY = 256 * 1024 * 1024

#: The time that an image may take with this memory, in seconds on a processor of 2020; more memory allows more time.
MAX_SECONDS = 10.0

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """How much an image may take.

    :param max_pixels: the number of pixels in all frames together; None for any number.
    :param max_memory: the memory in bytes, above what the process takes before.
    """

    max_pixels: int | None = None
    max_memory: int = MAX_MEMORY

    @classmethod
    def of(cls, max_pixels: int | None, max_memory: int | None) -> Limits:
        """Return limits from settings, None for those that are not set."""
        return cls(max_pixels, MAX_MEMORY if max_memory is None else max_memory)

    @property
    def seconds(self) -> float:
        """The time that the image may take."""
        return MAX_SECONDS * self.max_memory / MAX_MEMORY


@dataclass(frozen=True)
class Estimate:
    """What making some files of an image takes, in bytes and in seconds."""

    memory: int
    seconds: float

    def fits(self, limits: Limits) -> bool:
        return self.memory <= limits.max_memory and self.seconds <= limits.seconds


def estimate(source: Source, groups: list[list[Output]], effort: int) -> Estimate:
    """Estimate what it takes to decode an image once for each group of outputs, and to encode them.

    :param effort: one of :data:`~flask_pyfs.images.costs.EFFORTS`.
    """
    memory, seconds, made = 0, 0.0, 0
    for group in groups:
        seconds += decoding_seconds(source, group)
        memory = max(memory, made + decoding_bytes(source, group))
        waiting = sum(kept_bytes(source, output) for output in group)
        for output in group:
            more, time = encoding(source, output, effort)
            memory = max(memory, made + waiting + more)
            seconds += time
            waiting -= kept_bytes(source, output)
            made += made_bytes(source, output)
    return Estimate(memory, seconds)


def sufficient_effort(source: Source, groups: list[list[Output]], limits: Limits) -> int | None:
    """Return the most effort with which the outputs can be made within the limits, or None."""
    return next((effort for effort in EFFORTS if estimate(source, groups, effort).fits(limits)), None)


def refusal(source: Source, groups: list[list[Output]], limits: Limits) -> UnauthorizedFileType:
    """Return the error for an image that exceeds a limit."""
    needed = estimate(source, groups, EFFORTS[-1])
    width, height = source.header.size
    frames = f" and {source.header.frames} frames" if source.header.frames > 1 else ""
    if needed.memory > limits.max_memory:
        return too_much_memory(f"the image of {width} by {height} pixels{frames}", needed.memory, limits)
    return too_large(
        f"the image of {width} by {height} pixels{frames} would take {needed.seconds:.0f} seconds, more than "
        f"{limits.seconds:.0f}; FS_IMAGES_MAX_MEMORY sets the memory and with it the time"
    )


def too_much_memory(subject: str, needed: int, limits: Limits) -> UnauthorizedFileType:
    """Return the error for an image that takes too much memory."""
    return too_large(
        f"{subject} would take {-(-needed // _MIB)} MiB of memory, but FS_IMAGES_MAX_MEMORY is "
        f"{limits.max_memory / _MIB:g} MiB"
    )


def require_openable(header: Header, limits: Limits) -> None:
    """Refuse a file that takes too much memory or time to open.

    :raises UnauthorizedFileType: if it has too many bytes or too much metadata.
    """
    if header.opening > limits.max_memory:
        raise too_much_memory(f"the file of {header.length} bytes with its metadata", header.opening, limits)


def require_pixels(pixels: int, limits: Limits) -> None:
    """Refuse an image with more pixels than allowed.

    :raises UnauthorizedFileType: if ``pixels`` exceeds ``max_pixels``.
    """
    if limits.max_pixels is not None and pixels > limits.max_pixels:
        raise UnauthorizedFileType(
            f"the image has {pixels} pixels in all its frames, but FS_IMAGES_MAX_PIXELS is {limits.max_pixels}",
            user_message=f"The image has too many pixels: it may have {limits.max_pixels:,} at most.",
        )
