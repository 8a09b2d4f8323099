"""References to images with their thumbnails, the values of fields in documents and rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO, cast

from ..backends.contract import StoredName
from ..backends.handles import hashing
from ..errors import VersionChanged
from ..renditions import lazy
from ..seekable import OwnFile, copied, rewindable
from .assigned import original_name_of
from .later import enqueue, require_enqueue
from .parts import ImageParts, document_of, renders, rewound
from .stored import NewFile, storing


class ImageReference(ImageParts):
    """A reference to an image with its original and its thumbnails. Calling it calls :meth:`best_url`.

    >>> import io
    >>> import flask
    >>> import flask_pyfs as fs
    >>> from PIL import Image
    >>> from flask_pyfs.fields.settings import ImageSettings
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
        process = self.settings.process if renders(self.settings, self.fs) else "now"
        if process == "later":
            require_enqueue(self.fs)
        elif process == "lazy":
            lazy.require_possible(self.fs)
        with rewindable(file, self.fs.config["max_size"]) as source, storing() as new:
            # what is stored under this name is rendered here, so the storage must check the upload itself
            name = self.fs.check(rewound(source), base + ext) or base + ext
            if process == "later":
                main, document = self._put_pending(new, source, name, bbox, overwrite)
                shown = source
            else:
                main, document, shown = self._put_all(new, source, name, bbox, overwrite)
            known = self._facts_of(main, shown) | {"original_name": original_name_of(file)}
            self._change(document | known, new)
        return main

    def _put_all(
        self, new: list[NewFile], source: BinaryIO, name: str, bbox: Sequence[float] | None, overwrite: bool | None
    ) -> tuple[StoredName, dict[str, Any], BinaryIO]:
        base, ext = os.path.splitext(name)
        if self.settings.process == "lazy" and self.settings.thumbnails:
            # so that no thumbnail is promised that cannot be made
            self._foresee(source, bbox)
        renditions = self._render(source, bbox)
        shown, shown_ext = rewound(renditions.main), ext
        if not renditions.is_source:
            shown, shown_ext = cast(BinaryIO, OwnFile(shown)), renditions.ext or ext
        with hashing():
            main = self._put(new, shown, base + shown_ext, overwrite)
        # the storage has accepted the image; the other files are stored beside it without further checks
        base, main_ext = os.path.splitext(main)
        original = None
        if self._keeps_original(renditions):
            own_ext = main_ext if renditions.ext is None else ext
            original = self._put_beside(new, rewound(source), f"{base}-original{own_ext}", overwrite)
        thumbnails: dict[str, str] = {
            str(size): self._put_beside(new, thumbnail, f"{base}-{size}{renditions.ext or main_ext}", overwrite)
            for size, thumbnail in renditions.thumbnails.items()
        }
        if self.settings.process == "lazy":
            thumbnails = self._promise(new, source, original or main, main, bbox)
        return main, document_of(main, original, thumbnails, bbox), renditions.main

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
        if self.state is not None:
            with storing() as new, hashing():
                self._change(self._put_missing(new), new)
            return
        base, ext = os.path.splitext(self._filename)
        # before the original is read, so that nothing newer is replaced
        versions = {name: None if lazy.is_lazy(name) else self._version(name) for name in self.filenames}
        # a copy, because the original is read several times and may be replaced meanwhile
        with self.fs.open(self.original, "rb") as stored, copied(stored) as source, storing() as new, hashing():
            renditions = self._render(source, self.bbox)
            thumbnails: dict[str, str] = {
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
                original, main = original or main, self._put_new(new, rewound(renditions.main), base + shown_ext)
            elif original:
                main = self._replace(new, main, renditions.main, versions)
            elif self._keeps_original(renditions):
                original = self._put_new(new, rewound(source), f"{base}-original{ext}")
                main = self._replace_original(new, main, renditions.main, versions)
            if self.settings.process == "lazy":
                thumbnails = self._promise(new, source, original or main, main, self.bbox)
                for name in set(thumbnails.values()) & versions.keys():
                    # the next request makes it again
                    self.fs.delete(name)
            known = self._facts_of(main, renditions.main)
            if main is before and self._versions.get(main) in (None, main.version):
                known = self._facts
            known = {**known, "original_name": self.original_name}
            self._change(document_of(main, original, thumbnails, self.bbox) | known, new)

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

    def enqueue(self) -> None:
        """Call the app's ENQUEUE again for an image whose :attr:`state` is not None: its job was lost, or it failed.

        :raises TypeError: if the reference belongs to no row or document that was saved.
        """
        if self.state is not None:
            enqueue(self.fs, self.job)
