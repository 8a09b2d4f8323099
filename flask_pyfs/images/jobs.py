"""Makes the files that are wanted of an image, decoding it as seldom as the limits allow."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from PIL import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from ..errors import UnauthorizedFileType
from .codec import Job, Picture, decode, draft, encode, is_lossless_jpeg, shows
from .costs import Output, Source, decoding_bytes, decoding_seconds
from .headers import pages
from .limits import Limits, refusal, require_pixels, sufficient_effort
from .opening import Opened, open_image
from .verification import require_whole
from .wanted import CHECK, Wanted


@dataclass
class _Plan:
    """How the files are made.

    :param jobs: what makes each file.
    :param groups: the numbers of the files for which the image is decoded once.
    :param effort: how hard the encoders may try.
    :param divisor: the size of a JPEG divided by the size at which it is decoded.
    """

    jobs: list[Job]
    groups: list[list[int]]
    effort: int = 0
    divisor: int = 1


def make(file: BinaryIO, wanted: Sequence[Wanted], limits: Limits) -> list[BinaryIO | None]:
    """Make the files that are wanted of an image; None stands for the image itself.

    The image is decoded once if the memory allows it, and once for each file otherwise.

    :param file: the image, a binary file that can seek; its position is restored.
    :raises UnauthorizedFileType: if it is not an image, is damaged, or exceeds the limits.
    """
    made: list[BinaryIO | None] = [None] * len(wanted)
    plan, pictures = _first(file, wanted, limits)
    for number, group in enumerate(plan.groups):
        if number:
            pictures = _again(file, plan, group, limits)
        for place in group:
            picture = pictures.pop(0)
            if picture.frames:
                made[place] = _encoded(file, picture, plan, place, wanted[place].is_optional, limits)
    return made


def changes(file: BinaryIO, wanted: Sequence[Wanted], limits: Limits) -> list[bool]:
    """Return for each file that is wanted whether it is another than the image itself, without decoding the image.

    What is optional may turn out to be the image itself.

    :param file: the image, a binary file that can seek; its position is restored.
    :raises UnauthorizedFileType: if it is not an image, a part of it is missing, or it exceeds the limits.
    """
    with open_image(file, limits) as opened:
        plan = _counted(opened, wanted, limits)
        require_whole(opened.view, opened.format)
    made = {place for group in plan.groups for place in group}
    return [place in made and plan.jobs[place] is not CHECK for place in range(len(wanted))]


def _counted(opened: Opened, wanted: Sequence[Wanted], limits: Limits) -> _Plan:
    opened.count_frames()
    require_pixels(opened.header.pixels * opened.header.frames, limits)
    if opened.format == "TIFF" and any(one.is_optional for one in wanted):
        opened.header.pages = len(pages(opened.view))
    return _plan(opened, wanted, limits)


def _first(file: BinaryIO, wanted: Sequence[Wanted], limits: Limits) -> tuple[_Plan, list[Picture]]:
    with open_image(file, limits) as opened:
        plan = _counted(opened, wanted, limits)
        if not plan.groups or opened.format == "HEIF" or ImageFile.LOAD_TRUNCATED_IMAGES:
            # libheif shows tiles that are missing as black, and Pillow what is missing as gray if the app says so
            require_whole(opened.view, opened.format)
        if not plan.groups:
            return plan, []
        pictures = _decode(opened, plan, plan.groups[0])
        if opened.header.pages > 1:
            _check_pages(opened, limits)
        return plan, pictures


def _again(file: BinaryIO, plan: _Plan, group: list[int], limits: Limits) -> list[Picture]:
    with open_image(file, limits) as opened:
        opened.count_frames()
        return _decode(opened, plan, group)


def _decode(opened: Opened, plan: _Plan, group: list[int]) -> list[Picture]:
    if isinstance(opened.image, JpegImageFile) and not is_lossless_jpeg(opened.image):
        draft(opened.image, plan.divisor)
    return decode(opened, [plan.jobs[place] for place in group])


def _plan(opened: Opened, wanted: Sequence[Wanted], limits: Limits) -> _Plan:
    jobs = [one.job(opened) for one in wanted]
    places = range(len(jobs))
    checked = [CHECK if one.is_optional else job for one, job in zip(wanted, jobs, strict=True)]
    for tried in (jobs, checked):
        # who decodes an image for a file has checked it
        alone = [[place] for place in places if tried[place] is not CHECK]
        for groups in ([list(places)], alone or [list(places)]):
            outputs = [[tried[place].output for place in group] for group in groups]
            for divisor in _divisors(opened, max(job.scale for job in tried)):
                source = _source(opened, divisor)
                effort = sufficient_effort(source, outputs, limits)
                if effort is not None:
                    return _Plan(tried, groups, effort, divisor)
    if all(one.is_optional or job is CHECK for one, job in zip(wanted, jobs, strict=True)):
        return _Plan([], [])
    raise refusal(source, outputs, limits)


def _divisors(opened: Opened, scale: float) -> list[int]:
    """Return by what a JPEG may be divided: first so that it is twice as large as needed, then just large enough."""
    if not isinstance(opened.image, JpegImageFile) or is_lossless_jpeg(opened.image):
        return [1]
    return [
        next(divisor for divisor in (8, 4, 2, 1) if divisor == 1 or divisor * smallest <= 1)
        for smallest in (2 * scale, scale)
    ]


def _source(opened: Opened, divisor: int = 1) -> Source:
    width, height = opened.header.size
    size = (-(-width // divisor), -(-height // divisor))
    return Source(opened.image.format or "", opened.image.mode, size, opened.header)


def _check_pages(opened: Opened, limits: Limits) -> None:
    """Decode the other pages of a TIFF, as far as the limits allow."""
    nothing: list[Output] = []
    seconds = decoding_seconds(_source(opened), nothing)
    for number, header in enumerate(pages(opened.view)[1:], 1):
        opened.view.seek(0)
        header.length = opened.header.length
        opened.image.seek(number)
        source = Source("TIFF", opened.image.mode, header.size, header)
        seconds += decoding_seconds(source, nothing)
        if seconds > limits.seconds:
            break
        if decoding_bytes(source, nothing) <= limits.max_memory:
            opened.image.load()


def _encoded(
    file: BinaryIO, picture: Picture, plan: _Plan, place: int, is_optional: bool, limits: Limits
) -> BinaryIO | None:
    out = io.BytesIO() if plan.jobs[place].output.in_memory else temporary_file()
    picture.options.update(plan.jobs[place].options)
    try:
        encode(picture, plan.effort, out)
    except UnauthorizedFileType:
        # libjpeg cannot write all that it reads
        if not is_optional:
            raise
        return None
    finally:
        picture.frames.clear()
    if is_optional and length(out) >= length(file):
        return None
    try:
        is_right = not plan.jobs[place].output.is_compared or shows(out, picture, limits)
    except UnauthorizedFileType:
        is_right = False
    return out if is_right else None


class _TemporaryFile(io.BufferedRandom):
    def __del__(self) -> None:
        # without a warning: who gets a file in memory need not close it either
        self.close()


def temporary_file() -> BinaryIO:
    """Return a new file without a name, which is closed when nothing refers to it."""
    with tempfile.TemporaryFile(buffering=0) as file:
        return _TemporaryFile(io.FileIO(os.dup(file.fileno()), "rb+"))


def length(file: BinaryIO) -> int:
    """Return the length of a file in bytes. Its position is restored."""
    position = file.tell()
    try:
        return file.seek(0, io.SEEK_END)
    finally:
        file.seek(position)
