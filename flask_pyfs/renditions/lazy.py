"""Thumbnails that are made when a client first asks for them.

The name of such a thumbnail tells the content that it shows: it has a digest of the image, the size and the part. So it
never shows another image, and nothing else has its name: ``@`` is in no name that comes from a client.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from flask import Response
from werkzeug.exceptions import NotFound, ServiceUnavailable

from .. import names
from ..errors import ConfigurationError, FileExists, FileNotFound, UnauthorizedFileType
from ..filesystems.base import CHUNK_SIZE
from ..keys import storage_key
from ..leases.once import once
from ..leases.shared import Busy
from ..seekable import copied
from ..state import State, find
from ..storage import Storage
from ..web.delivery import claims_of
from ..web.failures import http_error, is_missing, missing
from ..web.signing import OF, RENDER, signs
from .making import lease_time, limits_of, longest, render, write_only_new

_NAME = re.compile(r"(.*)-([0-9]+)@[0-9a-f]{20}(\.[^./]*)?", re.DOTALL)

# what disks allow for the last component of a name, in bytes
_LONGEST_NAME = 255

# how many seconds after a 503 a client may ask again
_RETRY_AFTER = 2


class Source(NamedTuple):
    """What a thumbnail shows.

    :param original: the name of the image.
    :param bbox: the part of it; None for the whole image.
    """

    original: str
    bbox: Sequence[float] | None

    def claims(self, name: str) -> dict[str, str]:
        """Return what the signature of a thumbnail's URL covers besides its name."""
        size = _parts_of(name)[1]
        return {OF: self.original, RENDER: ",".join(map(str, (size, *_floats(self.bbox))))}


def is_lazy(name: str) -> bool:
    """Return whether a name is that of a thumbnail that is made at the first request."""
    return _NAME.fullmatch(name) is not None


def name_of(base: str, size: int, ext: str, digest: str, bbox: Sequence[float] | None) -> str:
    """Return the name of a thumbnail. A long one is cut, since it is longer than that of the image.

    :param digest: see :func:`digest_of`.
    :raises InvalidPath: if no file can have the name.
    """
    shown = hashlib.sha256(json.dumps([digest, size, _floats(bbox)]).encode()).hexdigest()
    end = f"-{size}@{shown[:20]}{ext}"
    folder, slash, own = base.rpartition("/")
    kept = own.encode(errors="ignore")[: _LONGEST_NAME - len(end.encode(errors="ignore"))]
    return names.normalize(f"{folder}{slash}{kept.decode(errors='ignore')}{end}")


def digest_of(source: BinaryIO) -> str:
    """Return the digest of an image as it was uploaded. The position of the file is restored."""
    position, digest = source.tell(), hashlib.sha256()
    source.seek(0)
    while piece := source.read(CHUNK_SIZE):
        digest.update(piece)
    source.seek(position)
    return digest.hexdigest()


def require_possible(storage: Storage) -> None:
    """Raise ConfigurationError if the app cannot sign the URLs of thumbnails, or does not serve them."""
    if not storage.is_served:
        raise ConfigurationError(
            f"storage {storage.name!r}: with process='lazy' the app's route makes thumbnails, and it does not serve "
            f"this storage: set FS_SERVE or {storage_key(storage.name, 'SERVE')} to True, in all processes that save",
            storage=storage.name,
        )
    if not signs(find(storage).app):
        raise ConfigurationError(
            f"storage {storage.name!r}: process='lazy' needs signed URLs, and the app cannot sign: set its SECRET_KEY",
            storage=storage.name,
        )


def is_wanted(state: State, name: str) -> bool:
    """Return whether the current request has the signed URL of a thumbnail of this name."""
    return _claims_of(state, name) is not None


def respond(storage: Storage, name: str) -> Response:
    """Answer a request that :func:`is_wanted`: with the thumbnail, which is made and stored if it is missing.

    :raises werkzeug.exceptions.HTTPException: 404 if its image is gone or is another one by now, 415 if it cannot be
        rendered, 503 if another request still renders it; and as ``serve`` does.
    """
    try:
        return storage.serve(name)
    except NotFound as error:
        # AUTHORIZE may call abort(404) to say no
        if not is_missing(error):
            raise
    state = find(storage)
    try:
        _make(storage, name, _claims_of(state, name) or {})
    except FileNotFound as error:
        raise missing(name, storage.name) from error
    except UnauthorizedFileType as error:
        raise http_error(error) from error
    except Busy as error:
        description = "The image is being made. Try again in a few seconds."
        raise ServiceUnavailable(description, retry_after=_RETRY_AFTER) from error
    return storage.serve(name)


def _claims_of(state: State, name: str) -> dict[str, str] | None:
    for action in ("read", "render"):
        claims = claims_of(state, name, action)
        if claims is not None and RENDER in claims:
            return claims
    return None


def _make(storage: Storage, name: str, claims: dict[str, str]) -> None:
    size, *sides = claims[RENDER].split(",")
    source = Source(claims[OF], list(map(float, sides)) or None)
    once(
        find(storage),
        name,
        lambda: _store(storage, name, int(size), source),
        lambda: storage.exists(name),
        lifetime=lease_time(storage),
        patience=longest(storage),
    )


def _store(storage: Storage, name: str, size: int, source: Source) -> None:
    version = storage.version(source.original)
    base, _, ext = _parts_of(name)
    with storage.open(source.original, "rb") as stored, copied(stored) as content:
        if name_of(base, size, ext, digest_of(content), source.bbox) != name:
            raise FileNotFound(
                f"{name!r} shows another image than {source.original!r} is now", path=name, storage=storage.name
            )
        made = render(content, sizes=[size], bbox=source.bbox, **limits_of(storage))
        try:
            thumbnail = write_only_new(storage, name, made.thumbnails[size])
        except FileExists:
            # the lease has expired meanwhile, and another made it
            return
    # who deletes an image deletes its thumbnails after it: this one may have come too late to be among them
    try:
        is_there = storage.version(source.original) == version
    except FileNotFound:
        is_there = False
    if not is_there:
        # nothing else has this name
        storage.delete(thumbnail)
        raise FileNotFound(f"{source.original!r} was deleted meanwhile", path=name, storage=storage.name)


def _parts_of(name: str) -> tuple[str, int, str]:
    found = _NAME.fullmatch(name)
    assert found is not None
    base, size, ext = found.groups(default="")
    return base, int(size), ext


def _floats(bbox: Sequence[float] | None) -> list[float]:
    return [float(side) for side in bbox or ()]
