"""Renders the displayed image and the thumbnails of an uploaded image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ..common import IMAGES_MAX_MEMORY
from ..config import lookup
from ..errors import FileExists
from ..options import Option
from ..seekable import FileView
from ..state import find
from ..storage import Storage

if TYPE_CHECKING:
    from ..images.wanted import Wanted

_MAX_PIXELS = Option("IMAGES_MAX_PIXELS", "int")

# reading and storing an image takes no longer than this, in seconds, besides what the limits allow for rendering it
_TRANSFER = 50


@dataclass(frozen=True)
class Renditions:
    """The files that are stored for an image.

    :param main: the displayed image.
    :param is_source: whether the displayed image is the upload, byte for byte.
    :param thumbnails: the thumbnails by their sizes, in pixels.
    :param ext: the extension of what was made, with its dot; None for that of the upload.
    """

    main: BinaryIO
    is_source: bool
    thumbnails: dict[int, BinaryIO]
    ext: str | None = None


def render(
    source: BinaryIO,
    *,
    max_size: int | None = None,
    sizes: Sequence[int] = (),
    bbox: Sequence[float] | None = None,
    optimize: bool = False,
    max_pixels: int | None = None,
    max_memory: int | None = None,
) -> Renditions:
    """Render the files that are stored for an image, without storing them. The image is decoded once if it can.

    :param source: the upload, a binary file that can seek.
    :param max_size: the maximum width and height of the displayed image, in pixels; None for any size.
    :param sizes: the sizes of the thumbnails, in pixels.
    :param bbox: the part of the image that the thumbnails show; None for the whole image.
    :param optimize: whether the displayed image is optimized, if it is not scaled down.
    :param max_pixels: the number of pixels that the upload may have; None for any number.
    :param max_memory: the memory that all files together may take, in bytes, and with it the time; None for the default
        of :mod:`flask_pyfs.images`.
    :raises UnauthorizedFileType: if there is something to render and the upload is not an image, is damaged, or exceeds
        a limit.
    :raises ConfigurationError: if there is something to render of a HEIC, and pillow-heif is not installed.
    """
    if not (max_size or sizes or optimize):
        return Renditions(source, True, {})
    # needs Pillow, which may be missing if nothing is rendered
    from ..images.jobs import make
    from ..images.limits import Limits

    wanted = _wanted(max_size, sizes, bbox, optimize)
    *thumbnails, main = make(source, wanted, Limits.of(max_pixels, max_memory))
    made = {size: cast(BinaryIO, thumbnail) for size, thumbnail in zip(sizes, thumbnails, strict=True)}
    return Renditions(source if main is None else main, main is None, made, made_extension(source))


def foresee(
    source: BinaryIO,
    *,
    max_size: int | None = None,
    sizes: Sequence[int] = (),
    bbox: Sequence[float] | None = None,
    optimize: bool = False,
    max_pixels: int | None = None,
    max_memory: int | None = None,
) -> bool:
    """Return whether :func:`render` would make another displayed image than the upload, without decoding it.

    The parameters are those of :func:`render`.

    :raises UnauthorizedFileType: if the header says that the image cannot be rendered, or a part of it is missing.
    """
    from ..images.jobs import changes
    from ..images.limits import Limits

    return changes(source, _wanted(max_size, sizes, bbox, optimize), Limits.of(max_pixels, max_memory))[-1]


def made_extension(source: BinaryIO) -> str | None:
    """Return the extension of what is made of an image, with its dot; None for its own."""
    from ..images.opening import format_of

    # no browser but Safari shows HEIC
    return ".jpg" if format_of(FileView(source)) == "HEIF" else None


def _wanted(max_size: int | None, sizes: Sequence[int], bbox: Sequence[float] | None, optimize: bool) -> list[Wanted]:
    from ..images.thumbnails import require_bbox, require_size
    from ..images.wanted import Displayed, Thumbnail

    for size in (*sizes, *([max_size] if max_size else [])):
        require_size(size)
    if bbox is not None:
        require_bbox(bbox)
    return [*(Thumbnail(size, bbox) for size in sizes), Displayed(max_size, optimize)]


def write_only_new(storage: Storage, name: str, content: BinaryIO) -> str:
    """Store a file as ``storage.write_only_new`` does, by the methods that a subclass of the app may have.

    :raises FileExists: if the name is taken.
    """
    if storage.overwrite and type(storage).write is Storage.write:
        return storage.write_only_new(name, content)
    # a subclass may change what is written
    if storage.overwrite and storage.exists(name):
        raise FileExists(f"{name!r} in storage {storage.name!r}: the name is taken", path=name, storage=storage.name)
    return storage.write(name, content)


def limits_of(storage: Storage) -> dict[str, Any]:
    """Return ``max_pixels`` and ``max_memory`` of a storage, for :func:`render`."""
    return {"max_pixels": setting(storage, _MAX_PIXELS), "max_memory": setting(storage, IMAGES_MAX_MEMORY)}


def setting(storage: Storage, option: Option) -> Any:
    """Return a setting of a storage, which the app may change at any time, as in Flask-FS."""
    state = find(storage)
    return lookup(state.app.config, option, storage.name, state.backend_name)


def longest(storage: Storage) -> float:
    """Return how long rendering an image takes at most, in seconds."""
    from ..images.limits import Limits

    return Limits.of(None, setting(storage, IMAGES_MAX_MEMORY)).seconds


def lease_time(storage: Storage) -> float:
    """Return for how long one who renders an image keeps others from it, in seconds."""
    return longest(storage) + _TRANSFER
