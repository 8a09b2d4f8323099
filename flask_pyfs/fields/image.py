"""References to images with their thumbnails, the values of fields in documents and rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO, cast

from .. import names
from ..backends.contract import StoredName
from ..backends.handles import hashing
from ..config import IMAGES_MAX_MEMORY, lookup
from ..errors import FileExists, FileNotFound, VersionChanged
from ..options import Option
from ..seekable import OwnFile, copied, rewindable
from ..state import find
from . import facts
from .file import FileReference
from .pending import original_name_of
from .renditions import Renditions, render
from .settings import ImageSettings, Setting
from .showing import ShownReference
from .stored import NewFile, storing, write_new

_OPTIMIZE = Option("IMAGES_OPTIMIZE", "bool", default=False)
_MAX_PIXELS = Option("IMAGES_MAX_PIXELS", "int")


class ImageReference(ShownReference, FileReference):
    """A reference to an image with its original and its thumbnails. Calling it calls :meth:`best_url`.

    >>> import io
    >>> import flask
    >>> import flask_pyfs as fs
    >>> from PIL import Image
    >>> avatars = fs.Storage("avatars", fs.IMAGES)
    >>> app = flask.Flask("app")
    >>> app.config["FS_BACKEND"] = "memory"
    >>> fs.init_app(app, avatars)
    >>> file = io.BytesIO()
    >>> Image.new("RGB", (800, 600), "teal").save(file, "PNG")
    >>> avatar = ImageReference(ImageSettings(avatars, max_size=400, thumbnails=[100, 200]))
    >>> avatar.save(file, "ann.png")
    'ann.png'
    >>> avatar.original, avatar.thumbnail(100), avatar(150)
    ('ann-original.png', 'ann-100.png', '/avatars/ann-200.png')

    :param settings: the settings of the field.
    :param value: a file name, a document such as ``{'filename': …, 'original': …, 'thumbnails': {'100': …}, 'bbox':
        […]}``, another reference, or None.
    :param holder: the place of the reference in a document or row; None for a reference without one.
    :param parts: as in :class:`~flask_pyfs.fields.file.FileReference`, also ``max_size``, ``thumbnail_sizes`` and
        ``optimize``, and ``original``, ``thumbnails`` and ``bbox``.
    """

    settings: ImageSettings
    max_size: Setting = Setting("max_size")
    thumbnail_sizes: Setting = Setting("thumbnails")
    optimize: Setting = Setting("optimize")

    _settings_class = ImageSettings
    _setting_names = {
        **FileReference._setting_names,
        "max_size": "max_size",
        "thumbnail_sizes": "thumbnails",
        "optimize": "optimize",
    }
    _fact_names = (*facts.NAMES, *facts.IMAGE_NAMES)
    _part_names = (*FileReference._part_names, *facts.IMAGE_NAMES, "original", "thumbnails", "bbox")

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self._original: str | None = state.get("original")
        self.bbox: Sequence[float] | None = state.get("bbox")
        thumbnails = state.get("thumbnails")
        known = thumbnails.items() if isinstance(thumbnails, Mapping) else ()
        self.thumbnails: dict[str, str] = {str(size): name for size, name in known}

    def snapshot(self) -> dict[str, Any]:
        own = {"original": self._original, "thumbnails": dict(self.thumbnails), "bbox": self.bbox}
        return {**super().snapshot(), **own}

    @property
    def original(self) -> str | None:
        """The name of the image as it was uploaded, or None. Assign a name to refer to another file."""
        return self._original or self._filename

    @original.setter
    def original(self, value: str | None) -> None:
        self._change({**self.snapshot(), "original": value and names.given(value), "original_name": None}, [])
        self.since: datetime | None = None

    @property
    def filenames(self) -> list[str]:
        """The names of all files of the reference."""
        found = [self._filename, self._original, *self.thumbnails.values()]
        return list(dict.fromkeys(name for name in found if name))

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

    def save(
        self,
        file: Any,
        filename: str | None = None,
        bbox: Sequence[float] | None = None,
        overwrite: bool | None = None,
    ) -> str:
        """Store an upload and its thumbnails, and refer to them.

        If this fails, the reference is unchanged and no new file remains. The displayed image is stored as
        ``base.ext``, thumbnails as ``base-100.ext``, and the upload as ``base-original.ext`` if it differs from the
        displayed image or the field optimizes. What is made of a HEIC is a JPEG, and its extension ``.jpg``.

        :param file: a ``FileStorage`` or a binary file, which is read from its first byte and left open.
        :param filename: see :meth:`FileReference.save`.
        :param bbox: the part of the image that the thumbnails show: left, top, right and bottom, in pixels.
        :param overwrite: whether to replace files of these names; None for the setting of the storage.
        :return: the name of the displayed image.
        :raises InvalidPath: if there is no name, or it is not valid.
        :raises UnauthorizedFileType: if the field resizes, optimizes or has thumbnails, and the file is not an image.
        :raises FSError: see :meth:`flask_pyfs.Storage.save`.
        """
        base, ext = self._base_and_extension(file, filename)
        bbox = bbox or None
        with rewindable(file, self.fs.config["max_size"]) as source, storing() as new:
            # what is stored under this name is rendered here, so the storage must check the upload itself
            base, ext = os.path.splitext(self.fs.check(_rewound(source), base + ext) or base + ext)
            renditions = self._render(source, bbox)
            shown, shown_ext = _rewound(renditions.main), ext
            if not renditions.is_source:
                shown, shown_ext = cast(BinaryIO, OwnFile(shown)), renditions.ext or ext
            with hashing():
                main = self._put(new, shown, base + shown_ext, overwrite)
            known = self._facts_of(main, renditions.main)
            # the storage has accepted the image; the other files are stored beside it without further checks
            base, main_ext = os.path.splitext(main)
            original = None
            if self._keeps_original(renditions):
                own_ext = main_ext if renditions.ext is None else ext
                original = self._put_beside(new, _rewound(source), f"{base}-original{own_ext}", overwrite)
            thumbnails = {
                str(size): self._put_beside(new, thumbnail, f"{base}-{size}{renditions.ext or main_ext}", overwrite)
                for size, thumbnail in renditions.thumbnails.items()
            }
            self._change(_document(main, original, thumbnails, bbox, original_name_of(file)) | known, new)
        return main

    def _facts_of(self, stored: StoredName, content: BinaryIO) -> dict[str, Any]:
        known = facts.stored_facts(stored)
        if known.get("size") == _rewound(content).seek(0, os.SEEK_END):
            # else a method of the app has stored something else
            known |= facts.sides_of(find(self.fs), _rewound(content))
        return known

    def rerender(self) -> None:
        """Render the displayed image and the thumbnails again from the original, as the field is now set up.

        The files that the document or row references exist at any moment: new files are stored first, and files of the
        same name are each replaced in one step. An image without a separate original is first copied to
        ``base-original.ext``, and moved back if the change is not kept. If a HEIC gets or loses a ``max_size``, the
        displayed image gets the extension of its new type. If the field has ``remove_files``, what it no longer
        references is deleted when the document or row is saved. Without an image nothing happens.

        :raises FileNotFound: if the original does not exist.
        :raises UnauthorizedFileType: if the original is not an image.
        :raises VersionChanged: if another upload replaces a file meanwhile, which then stays.
        """
        if not self._filename or not self.original:
            return
        base, ext = os.path.splitext(self._filename)
        # before the original is read, so that nothing newer is replaced
        versions = {name: self._version(name) for name in self.filenames}
        # a copy, because the original is read several times and may be replaced meanwhile
        with self.fs.open(self.original, "rb") as stored, copied(stored) as source, storing() as new, hashing():
            renditions = self._render(source, self.bbox)
            thumbnails = {
                str(size): self._put_again(new, thumbnail, f"{base}-{size}{renditions.ext or ext}", versions)
                for size, thumbnail in renditions.thumbnails.items()
            }
            main = StoredName(self._filename, versions[self._filename])
            original = StoredName(self._original, versions[self._original]) if self._original else None
            shown_ext = ext
            if renditions.ext is not None:
                shown_ext = os.path.splitext(self.original)[1] if renditions.is_source else renditions.ext
            before = main
            if shown_ext != ext:
                # the displayed image is of another type now, so it gets another name, and the original keeps its own
                original, main = original or main, self._put_new(new, _rewound(renditions.main), base + shown_ext)
            elif original:
                main = self._replace(new, main, renditions.main, versions)
            elif self._keeps_original(renditions):
                original = self._put_new(new, _rewound(source), f"{base}-original{ext}")
                main = self._replace_original(new, main, renditions.main, versions)
            known = self._facts_of(main, renditions.main)
            if main is before and self._versions.get(main) in (None, main.version):
                known = self._facts
            self._change(_document(main, original, thumbnails, self.bbox, self.original_name) | known, new)

    def _version(self, name: str) -> str | None:
        try:
            return self.fs.version(name)
        except FileNotFound:
            return None

    def _replace_original(
        self, new: list[NewFile], main: str, content: BinaryIO, versions: Mapping[str, str | None]
    ) -> StoredName:
        if versions[main] is not None and versions[main] == self.holder.own_version(main):
            return self._replace(new, main, content, versions)
        place, copy = len(new) - 1, new[-1]
        # from here on, the copy may be all that is left of the original
        new[place] = replace(copy, moved_from=str(main), replaces=versions[main])
        try:
            stored = self._replace(new, main, content, versions)
        except VersionChanged:
            new[place] = copy
            raise
        new[place] = replace(new[place], replaced_by=stored)
        return stored

    def _render(self, source: BinaryIO, bbox: Sequence[float] | None) -> Renditions:
        return render(
            source,
            max_size=self.settings.max_size,
            sizes=self.settings.thumbnails,
            bbox=bbox,
            optimize=self._optimizes,
            max_pixels=self._setting(_MAX_PIXELS),
            max_memory=self._setting(IMAGES_MAX_MEMORY),
        )

    @property
    def _optimizes(self) -> bool:
        if self.settings.optimize is not None:
            return self.settings.optimize
        return bool(self._setting(_OPTIMIZE))

    def _setting(self, option: Option) -> Any:
        # as in Flask-FS, an app may change these settings at any time
        state = find(self.fs)
        return lookup(state.app.config, option, self.fs.name, state.backend_name)

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
            stored = self.fs.write(name, _rewound(content), overwrite=True)
        else:
            stored = self.fs.replace_version(name, _rewound(content), version)
        return self._replaced(new, stored, version)


def _document(
    main: StoredName,
    original: StoredName | None,
    thumbnails: Mapping[str, StoredName],
    bbox: Sequence[float] | None,
    original_name: str | None,
) -> dict[str, Any]:
    stored = [main, *thumbnails.values(), *([original] if original else [])]
    return {
        "filename": str(main),
        "original_name": original_name,
        "original": original and str(original),
        "thumbnails": {size: str(name) for size, name in thumbnails.items()},
        "bbox": bbox,
        "versions": {str(name): name.version for name in stored},
    }


def _rewound(file: BinaryIO) -> BinaryIO:
    file.seek(0)
    return file
