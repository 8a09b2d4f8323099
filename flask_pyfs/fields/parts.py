"""The parts of a reference to an image, and how its files are stored."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, BinaryIO

from .. import names
from ..backends.contract import StoredName
from ..backends.handles import hashing
from ..errors import FileExists, FileNotFound, UnauthorizedFileType, VersionChanged
from ..options import Option
from ..renditions import lazy
from ..renditions.making import Renditions, foresee, limits_of, made_extension, render, setting
from ..seekable import copied
from ..state import find
from ..storage import Storage
from . import facts
from .file import FileReference
from .settings import ImageSettings, Setting
from .showing import ShownReference
from .stored import Known, NewFile, write_new

#: What a reference knows of files that are made later.
STATE_NAMES = ("state", "failure", "ticket")

_STATES = ("pending", "failed")

_OPTIMIZE = Option("IMAGES_OPTIMIZE", "bool", default=False)


class ImageParts(ShownReference, FileReference):
    """What a reference to an image has, and what stores its files."""

    settings: ImageSettings
    max_size: Setting = Setting("max_size")
    thumbnail_sizes: Setting = Setting("thumbnails")
    optimize: Setting = Setting("optimize")
    process: Setting = Setting("process")

    _settings_class = ImageSettings
    _setting_names = {
        **FileReference._setting_names,
        "max_size": "max_size",
        "thumbnail_sizes": "thumbnails",
        "optimize": "optimize",
        "process": "process",
    }
    _fact_names = (*facts.NAMES, *facts.IMAGE_NAMES)
    _state_names = STATE_NAMES
    _part_names = (*FileReference._part_names, *facts.IMAGE_NAMES, "original", "thumbnails", "bbox", *STATE_NAMES)

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self._original = state.get("original")
        self.bbox: Sequence[float] | None = state.get("bbox")
        thumbnails = state.get("thumbnails")
        known = thumbnails.items() if isinstance(thumbnails, Mapping) else ()
        self.thumbnails: dict[str, str] = {str(size): name for size, name in known}
        self._state = {name: str(state[name]) for name in STATE_NAMES if state.get(name)}
        if self._state.get("state") not in _STATES:
            self._state = {}

    def snapshot(self) -> dict[str, Any]:
        own = {"original": self._original, "thumbnails": dict(self.thumbnails), "bbox": self.bbox}
        return {**super().snapshot(), **own, **dict.fromkeys(STATE_NAMES), **self._state}

    @property
    def state(self) -> str | None:
        """None if all files are there. With ``process="later"``, ``"pending"`` until a worker has made them, and
        ``"failed"`` if the image cannot be rendered. Until then, all URLs are those of the image as it was uploaded.
        """
        return self._state.get("state")

    @property
    def failure(self) -> str | None:
        """Why the image cannot be rendered, for a developer; None unless :attr:`state` is ``"failed"``."""
        return self._state.get("failure")

    @property
    def ticket(self) -> str | None:
        """What tells the job of this upload from those of others; None if all files are there."""
        return self._state.get("ticket")

    @property
    def job(self) -> dict[str, Any]:
        """What ENQUEUE gets for the image, as JSON.

        :raises TypeError: if the reference belongs to no row or document that was saved.
        """
        return self.job_at(self.holder.place())

    def job_at(self, place: Mapping[str, Any]) -> dict[str, Any]:
        """Return the job for a place, which the reference may only have after the flush."""
        return {**place, "ticket": self.ticket, "state": self.state}

    def is_of(self, job: Mapping[str, Any]) -> bool:
        """Return whether a job is for this upload, and still to be done: one that failed once takes another job."""
        return (self.ticket, self.state) == (job["ticket"], job["state"])

    @property
    def original(self) -> str | None:
        """The name of the image as it was uploaded, or None. Assign a name to refer to another file."""
        return self._original or self._filename

    @original.setter
    def original(self, value: str | None) -> None:
        unknown = dict.fromkeys(("original_name", "upload", *STATE_NAMES))
        self._change({**self.snapshot(), **unknown, "original": value and names.given(value)}, [])
        self.since: datetime | None = None

    @property
    def filenames(self) -> list[str]:
        """The names of all files of the reference."""
        found = [self._filename, self._original, *self.thumbnails.values()]
        return list(dict.fromkeys(name for name in found if name))

    @property
    def files(self) -> dict[str, Known]:
        found = super().files
        if self.ticket is not None:
            found.update((name, known._replace(ticket=self.ticket)) for name, known in list(found.items()))
        return found

    def thumbnail(self, size: int) -> str | None:
        """Return the name of a thumbnail, or None if there is none.

        :param size: one of the sizes of the field, in pixels.
        :raises ValueError: if neither the field nor the image has this size.
        """
        found = self.thumbnails.get(str(size))
        if found is None and size not in self.settings.thumbnails:
            sizes = ", ".join(map(str, self.settings.thumbnails)) or "none"
            raise ValueError(f"there is no thumbnail of size {size}; the sizes of the field are: {sizes}")
        return found

    def _render(self, source: BinaryIO, bbox: Sequence[float] | None) -> Renditions:
        return render(source, **self._wanted(bbox, is_lazy=self.settings.process == "lazy"))

    def _foresee(self, source: BinaryIO, bbox: Sequence[float] | None) -> bool:
        return foresee(source, **self._wanted(bbox, is_lazy=False))

    def _wanted(self, bbox: Sequence[float] | None, *, is_lazy: bool) -> dict[str, Any]:
        return {
            "max_size": self.settings.max_size,
            "sizes": () if is_lazy else self.settings.thumbnails,
            "bbox": bbox,
            "optimize": self._optimizes,
            **limits_of(self.fs),
        }

    @property
    def _optimizes(self) -> bool:
        return _optimizes(self.settings, self.fs)

    def _put_pending(
        self, new: list[NewFile], source: BinaryIO, name: str, bbox: Sequence[float] | None, overwrite: bool | None
    ) -> tuple[StoredName, dict[str, Any]]:
        """Store an upload alone, under the name that it will keep."""
        base, ext = os.path.splitext(name)
        is_aside = self._foresee(source, bbox) or self._optimizes
        with hashing():
            stored = self._put(new, rewound(source), f"{base}-original{ext}" if is_aside else name, overwrite)
        ticket = {"state": "pending", "ticket": secrets.token_hex(12)}
        return stored, document_of(stored, stored if is_aside else None, {}, bbox) | ticket

    def _put_missing(self, new: list[NewFile]) -> dict[str, Any]:
        """Store what is pending beside the upload, and return the document of all files.

        No file is replaced, so nobody notices if the change is not kept.
        """
        upload = StoredName(self._filename or "", self._versions.get(self._filename or ""))
        with self.fs.open(upload, "rb") as stored, copied(stored) as source:
            renditions = self._render(source, self.bbox)
            main, original, known = upload, None, self._facts
            base, ext = os.path.splitext(upload)
            if self._original or not renditions.is_source:
                base, original = base.removesuffix("-original"), upload
                shown_ext = ext if renditions.is_source else renditions.ext or ext
                main = self._put_new(new, rewound(renditions.main), base + shown_ext)
                known = self._facts_of(main, renditions.main)
                base, ext = os.path.splitext(main)
            thumbnails: dict[str, str] = {
                str(size): self._put_new(new, thumbnail, f"{base}-{size}{renditions.ext or ext}")
                for size, thumbnail in renditions.thumbnails.items()
            }
            if self.settings.process == "lazy":
                thumbnails = self._promise(new, source, upload, main, self.bbox)
        return document_of(main, original, thumbnails, self.bbox) | {"original_name": self.original_name} | known

    def rendered(self, new: list[NewFile]) -> dict[str, Any]:
        """Store what is pending, or find out that it cannot be made, and return the document for :meth:`complete`.

        The reference itself does not change.

        :param new: gets the files, which the caller deletes if the change is not kept.
        :raises FSError: if the store fails or cannot be reached.
        """
        try:
            with hashing():
                return self._put_missing(new)
        except (UnauthorizedFileType, FileNotFound) as error:
            while new:
                new.pop().undo()
            return {**self.snapshot(), "state": "failed", "failure": str(error)}

    def complete(self, document: Mapping[str, Any], new: Sequence[NewFile]) -> None:
        """Refer to the files that :meth:`rendered` has stored."""
        self._change(document, new)

    def _promise(
        self, new: list[NewFile], source: BinaryIO, original: str, main: str, bbox: Sequence[float] | None
    ) -> dict[str, str]:
        """Return the names of the thumbnails that are made at the first request."""
        base, ext = os.path.splitext(main)
        digest = self._digest(source, original)
        ext = made_extension(source) or ext
        promised = {str(size): lazy.name_of(base, size, ext, digest, bbox) for size in self.settings.thumbnails}
        # first, so that they are undone last, after the image: see lazy
        new[:0] = [NewFile(self.fs, name, None) for name in promised.values()]
        return promised

    def _digest(self, source: BinaryIO, original: str) -> str:
        if type(self.fs).save is Storage.save:
            return lazy.digest_of(source)
        # a subclass of the app may change what is saved
        with self.fs.open(original, "rb") as stored, copied(stored) as content:
            return lazy.digest_of(content)

    def _facts_of(self, stored: StoredName, content: BinaryIO) -> dict[str, Any]:
        known = facts.stored_facts(stored)
        if known.get("size") == rewound(content).seek(0, os.SEEK_END):
            # else a method of the app has stored something else
            known |= facts.sides_of(find(self.fs), rewound(content))
        return known

    def _version(self, name: str) -> str | None:
        try:
            return self.fs.version(name)
        except FileNotFound:
            return None

    def _keeps_original(self, renditions: Renditions) -> bool:
        # as in Flask-FS, a field that optimizes keeps the original even if that saved nothing
        return self._optimizes or not renditions.is_source

    def _put_beside(self, new: list[NewFile], content: BinaryIO, name: str, overwrite: bool | None) -> StoredName:
        try:
            return self._added(new, write_new(self.fs, name, content))
        except FileExists:
            if not (self.fs.overwrite if overwrite is None else overwrite):
                raise
        try:
            return self._replace(new, name, content, {name: self._known_version(name)})
        except VersionChanged:
            return self._replace(new, name, content, {name: None})

    def _put_again(
        self, new: list[NewFile], content: BinaryIO, name: str, versions: Mapping[str, str | None]
    ) -> StoredName:
        return self._replace(new, name, content, versions) if name in versions else self._put_new(new, content, name)

    def _put_new(self, new: list[NewFile], content: BinaryIO, name: str) -> StoredName:
        folder, _, basename = name.rpartition("/")
        while True:
            try:
                return self._added(new, write_new(self.fs, name, content))
            except FileExists:
                name = names.join(folder, self.fs.resolve_conflict(folder, basename))

    def _replace(
        self, new: list[NewFile], name: str, content: BinaryIO, versions: Mapping[str, str | None]
    ) -> StoredName:
        version = versions[name]
        if version is None:
            stored = self.fs.write(name, rewound(content), overwrite=True)
        else:
            stored = self.fs.replace_version(name, rewound(content), version)
        return self._replaced(new, stored, version)


def _optimizes(settings: ImageSettings, storage: Storage) -> bool:
    return bool(setting(storage, _OPTIMIZE)) if settings.optimize is None else settings.optimize


def renders(settings: ImageSettings, storage: Storage) -> bool:
    """Return whether files are made of what is uploaded, so that it must be an image that is read.

    :param settings: the settings of the field.
    :param storage: its storage.
    """
    return bool(settings.max_size or settings.thumbnails or _optimizes(settings, storage))


def document_of(
    main: StoredName,
    original: StoredName | None,
    thumbnails: Mapping[str, str],
    bbox: Sequence[float] | None,
) -> dict[str, Any]:
    """Return the document of files that were just stored."""
    stored = [main, *thumbnails.values(), *([original] if original else [])]
    return {
        "filename": str(main),
        "original": original and str(original),
        "thumbnails": {size: str(name) for size, name in thumbnails.items()},
        "bbox": bbox,
        "versions": {str(name): name.version for name in stored if isinstance(name, StoredName)},
    }


def rewound(file: BinaryIO) -> BinaryIO:
    """Return a file, which is at its first byte now."""
    file.seek(0)
    return file
