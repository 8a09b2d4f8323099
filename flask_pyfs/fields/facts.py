"""What is known of the file of a reference: kept since it was stored, or asked of the store when it is wanted."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ..backends.contract import StoredName, Wanted
from ..common import IMAGES_MAX_MEMORY
from ..config import lookup
from ..errors import FileNotFound, FSError
from ..files import mime
from ..filesystems.store import Facts
from ..seekable import FileView
from ..state import State, find
from ..storage import Storage

if TYPE_CHECKING:
    from ..images.limits import Limits

#: The names of the facts, in references, rows and documents.
NAMES = ("size", "content_type", "checksum")
#: Those of images besides.
IMAGE_NAMES = ("width", "height")

# as BaseBackend has it
_UNKNOWN_TYPE = "application/octet-stream"

_SVG = "image/svg+xml"

# the header of nearly every JPEG, PNG, GIF and bitmap, with the metadata of a camera
_HEADER = 128 * 1024


def kept(state: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the facts that a document or row keeps, without what other programs wrote under these names."""
    return {name: state[name] for name in names if _is_fact(name, state.get(name))}


def _is_fact(name: str, value: Any) -> bool:
    if name in ("content_type", "checksum"):
        return isinstance(value, str) and value != "" and value.isprintable()
    return type(value) is int and value >= (1 if name in IMAGE_NAMES else 0)


def stored_facts(name: StoredName) -> dict[str, Any]:
    """Return what the name of a file that was just stored knows of it."""
    return kept({fact: getattr(name, fact) for fact in NAMES}, NAMES)


def note_facts(name: StoredName, facts: Facts) -> None:
    """Let the name of a file that was just stored know what the store told of it."""
    found = _told(name, facts)
    name.size, name.content_type, name.checksum = found["size"], found["content_type"], found.get("checksum")


def asked(storage: Storage, name: str, *, checksum: bool = False) -> dict[str, Any]:
    """Ask the store for the facts of a file; none if there is no file. Makes one request.

    :param checksum: return the checksum too, for which some stores must read the file.
    :raises FSError: if the store fails or cannot be reached.
    """
    operations = find(storage).operations
    try:
        facts = None if checksum else operations.facts(name)
        if facts is None:
            found = operations.metadata(name, checksum=checksum)
            return {"size": found.get("size"), "content_type": found["mime"], "checksum": found.get("checksum")}
    except FileNotFound:
        return {}
    return _told(name, facts)


def asked_of_image(storage: Storage, name: str) -> dict[str, Any]:
    """Ask the store for the facts of an image with its width and height; none if there is no file.

    Makes one request, for the beginning of the file. Some formats need more of a large file: one more request. An SVG
    needs none, because Pillow does not read it.

    :raises FSError: if the store fails or cannot be reached.
    """
    if mime(name, _UNKNOWN_TYPE) == _SVG:
        return _sides(None)
    state = find(storage)

    def look(stored: str, facts: Facts, file: BinaryIO, guard: AbstractContextManager[Any]) -> dict[str, Any]:
        with file, guard:
            beginning = file.read(_HEADER)
            size = dimensions(state, io.BytesIO(beginning))
            if size is None and len(beginning) == _HEADER:
                size = dimensions(state, file)
        return {**_told(name, facts), **_sides(size)}

    try:
        answer = state.operations.serve(name, look, lambda: None, Wanted(0, _HEADER))
        if isinstance(answer, dict):
            return answer
        # a method of Flask-FS made a response of its own
        getattr(answer, "close", lambda: None)()
        with storage.open(name, "rb") as file:
            return _sides(dimensions(state, cast(BinaryIO, file)))
    except FileNotFound:
        return {}


def sides_of(state: State, file: BinaryIO) -> dict[str, Any]:
    """Return the width and height of an image that is about to be stored, as its file has them; none if unknown."""
    return kept(_sides(dimensions(state, file)), IMAGE_NAMES)


def dimensions(state: State, file: BinaryIO) -> tuple[int, int] | None:
    """Return the width and height of an image in pixels, as a page shows it; None if that is not known.

    Only the header is read; the position of the file is restored. It is not known of what is no image, of one that
    takes too much to open, and without Pillow.

    :param file: a binary file that can seek.
    """
    try:
        from ..images.dimensions import dimensions_of
        from ..images.limits import Limits
    except ImportError:
        return None
    limits: Limits = Limits.of(
        None, lookup(state.app.config, IMAGES_MAX_MEMORY, state.storage.name, state.backend_name)
    )
    position = file.tell()
    view = FileView(file)
    try:
        return dimensions_of(cast(BinaryIO, view), limits)
    except FSError:
        if view.error is not None:
            raise
        return None
    finally:
        file.seek(position)


def _told(name: str, facts: Facts) -> dict[str, Any]:
    found = {"size": facts.size, "content_type": facts.content_type or mime(name, _UNKNOWN_TYPE)}
    return {**found, "checksum": facts.checksum} if facts.checksum else found


def _sides(size: tuple[int, int] | None) -> dict[str, Any]:
    width, height = size or (None, None)
    return {"width": width, "height": height}
