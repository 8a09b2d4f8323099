"""The value of a field that names an image with its thumbnails."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from .. import names
from ..config import lookup
from ..errors import FileExists
from ..options import Option
from ..seekable import copied, rewindable
from ..state import find
from .file import FileReference, FileSettings, NewFile, storing
from .renditions import Renditions, render

__all__ = ["ImageReference", "ImageSettings"]

_OPTIMIZE = Option("IMAGES_OPTIMIZE", "bool", default=False)
_MAX_PIXELS = Option("IMAGES_MAX_PIXELS", "int")


@dataclass(frozen=True)
class ImageSettings(FileSettings):
    """What a field says about its images.

    :param max_size: the longer side of the image that is shown, in pixels; what is larger is kept as the original.
    :param thumbnails: the sizes of the thumbnails, in pixels.
    :param optimize: whether the image that is shown has as few bytes as possible; None for what IMAGES_OPTIMIZE says of
        the storage.
    """

    max_size: int | None = None
    thumbnails: Sequence[int] = ()
    optimize: bool | None = None


class ImageReference(FileReference):
    """The image that a field names, with its original and its thumbnails. To call it is :meth:`best_url`.

    :param settings: what the field says.
    :param value: the document form, ``{'filename': …, 'original': …, 'thumbnails': {'100': …}, 'bbox': […]}``, or the
        name alone, or another reference.
    :param holder: the document or the row.
    """

    settings: ImageSettings

    def _load(self, document: Mapping[str, Any]) -> None:
        super()._load(document)
        self._original: str | None = document.get("original")
        self.bbox: Sequence[float] | None = document.get("bbox")
        #: The names of the thumbnails by their sizes, which are texts here.
        self.thumbnails: dict[str, str] = {str(size): name for size, name in (document.get("thumbnails") or {}).items()}

    def _parts(self) -> dict[str, Any]:
        mine = {"original": self._original, "thumbnails": dict(self.thumbnails), "bbox": self.bbox}
        return {**super()._parts(), **mine}

    @property
    def original(self) -> str | None:
        """The name of the image as it was uploaded. To set it lets the reference name another."""
        return self._original or self._filename

    @original.setter
    def original(self, value: str | None) -> None:
        self._change({**self._parts(), "original": value and names.normalize(value)}, [])

    @property
    def filenames(self) -> list[str]:
        """The names of all files that belong to the reference."""
        found = [self._filename, self._original, *self.thumbnails.values()]
        return list(dict.fromkeys(name for name in found if name))

    def thumbnail(self, size: int) -> str | None:
        """Return the name of a thumbnail, or None where there is no image.

        :param size: one of the sizes of the field.
        :raises ValueError: for another size.
        """
        found = self.thumbnails.get(str(size))
        if found is None and size not in self.settings.thumbnails:
            raise ValueError(f"there are no thumbnails of the size {size}")
        return found

    def full(self, external: bool = False) -> str | None:
        """Return the URL of the image that is shown, or None where there is none.

        :param external: make it absolute.
        """
        return self.fs.url(self._filename, external=external) if self._filename else None

    def best_url(self, size: int | None = None, external: bool = False) -> str | None:
        """Return the URL of the smallest thumbnail that is large enough, else of the largest.

        Without thumbnails it is that of the image that is shown, and without an image None.

        :param size: how large it will be shown, in pixels; without it the largest thumbnail is meant.
        :param external: make it absolute.
        """
        sizes = self._sizes
        if not self._filename or not sizes:
            return self.full(external)
        best = next((known for known in sizes if size and known >= size), sizes[-1])
        return self.fs.url(self.thumbnails[str(best)], external=external)

    __call__ = best_url

    def srcset(self, size: int | None = None, external: bool = False) -> str:
        """Return the ``srcset`` of an ``<img>``; it is empty where there are no thumbnails.

        :param size: how large the image will be shown, in pixels, whatever the width of the page. The browser gets a
            thumbnail for each density of the screen. Without it, it gets all with their widths, for ``sizes``.
        :param external: make the URLs absolute.
        """
        choices = {f"{known}w": known for known in self._sizes}
        if size:
            choices = {}
            for density in (1, 2, 3):
                best = next((known for known in self._sizes if known >= density * size), None)
                if best is not None and best not in choices.values():
                    choices[f"{density}x"] = best
        return ", ".join(
            # a comma would end the URL
            f"{self.fs.url(self.thumbnails[str(known)], external=external).replace(',', '%2C')} {descriptor}"
            for descriptor, known in choices.items()
        )

    @property
    def _sizes(self) -> list[int]:
        # documents of others may hold anything
        return sorted(int(size) for size, name in self.thumbnails.items() if size.isdecimal() and name)

    def save(
        self,
        file: Any,
        filename: str | None = None,
        bbox: Sequence[float] | None = None,
        overwrite: bool | None = None,
    ) -> str:
        """Store an upload, from its first byte, and what the field wants made of it. Where that fails, the reference
        is as it was and nothing new is stored.

        The image that is shown is stored as ``base.ext``, the upload as ``base-original.ext`` where they differ or are
        optimized, and thumbnails as ``base-100.ext``.

        :param file: a ``FileStorage`` or a binary file, which is left open.
        :param filename: see :meth:`FileReference.save`.
        :param bbox: the part of the image that the thumbnails show: left, top, right and bottom, in pixels.
        :param overwrite: replace files of those names; None means what the storage says.
        :return: the name of the image that is shown.
        :raises ValueError: without a name.
        :raises UnauthorizedFileType: for what is no image, where something has to be made of it.
        :raises FSError: as :meth:`flask_pyfs.Storage.save` does.
        """
        base, ext = self._base_and_extension(file, filename)
        with rewindable(file) as source, storing() as new:
            # what the storage is given first is made here, and what the client sent goes to a name of its own
            self.fs.check(_rewound(source), base + ext)
            made = self._render(source, bbox)
            name = self._put(new, _rewound(made.main), base + ext, overwrite)
            document: dict[str, Any] = {"filename": name, "bbox": bbox, "thumbnails": {}}
            # the storage has taken the image: what belongs to it is stored as it is, beside it
            base, ext = os.path.splitext(name)
            if self._keeps_original(made):
                document["original"] = self._put_beside(new, _rewound(source), f"{base}-original{ext}", overwrite)
            for size, thumbnail in made.thumbnails.items():
                beside = self._put_beside(new, thumbnail, f"{base}-{size}{ext}", overwrite)
                document["thumbnails"][str(size)] = beside
            self._change(document, new)
        return name

    def rerender(self) -> None:
        """Make the image that is shown and the thumbnails again, as the field wants them now, from the original.

        What the document or the row names is there at any moment. New files are stored first, and files of the same
        name replaced each in one step. An image that was its own original is copied to ``base-original.ext`` before,
        and put back where the change is not kept. Thumbnails of sizes that the field has no more are deleted where it
        removes files, once the document or the row is saved. Without an image nothing happens.

        :raises FileNotFound: where there is no original.
        :raises UnauthorizedFileType: where it is no image.
        """
        if not self._filename or not self.original:
            return
        base, ext = os.path.splitext(self._filename)
        # what was opened in the storage may be about to be replaced, and is read several times
        with self.fs.open(self.original, "rb") as stored, copied(stored) as source, storing() as new:
            made = self._render(source, self.bbox)
            document: dict[str, Any] = {"filename": self._filename, "original": self._original, "bbox": self.bbox}
            document["thumbnails"] = {
                str(size): self._put_again(new, thumbnail, f"{base}-{size}{ext}")
                for size, thumbnail in made.thumbnails.items()
            }
            if not self._original and self._keeps_original(made):
                document["original"] = kept = self._free(f"{base}-original{ext}")
                self.fs.copy(self._filename, kept)
                new.append(NewFile(self.fs, kept, moved_from=self._filename))
            if document["original"]:
                self.fs.write(self._filename, _rewound(made.main), overwrite=True)
            self._change(document, new)

    def _render(self, source: BinaryIO, bbox: Sequence[float] | None) -> Renditions:
        return render(
            source,
            max_size=self.settings.max_size,
            sizes=self.settings.thumbnails,
            bbox=bbox,
            optimize=self._optimizes,
            max_pixels=self._setting(_MAX_PIXELS),
        )

    @property
    def _optimizes(self) -> bool:
        if self.settings.optimize is not None:
            return self.settings.optimize
        return bool(self._setting(_OPTIMIZE))

    def _setting(self, option: Option) -> Any:
        # Flask-FS asked the app at each upload
        state = find(self.fs)
        return lookup(state.app.config, option, self.fs.name, state.backend_name)

    def _keeps_original(self, made: Renditions) -> bool:
        # an optimized image has one even where nothing was won, as in the documents of Flask-FS
        return self._optimizes or not made.is_source

    def _put_beside(self, new: list[NewFile], content: BinaryIO, name: str, overwrite: bool | None) -> str:
        replace = self.fs.overwrite if overwrite is None else overwrite
        is_taken = (replace or self.fs.overwrite) and self.fs.exists(name)
        if is_taken and not replace:
            raise FileExists(
                f"{name!r} in storage {self.fs.name!r}: the name is taken", path=name, storage=self.fs.name
            )
        stored = self.fs.write(name, content, overwrite=replace)
        if not is_taken:
            new.append(NewFile(self.fs, stored))
        return stored

    def _put_again(self, new: list[NewFile], content: BinaryIO, name: str) -> str:
        if name in self.filenames:
            return self.fs.write(name, content, overwrite=True)
        stored = self.fs.write(self._free(name), content)
        new.append(NewFile(self.fs, stored))
        return stored

    def _free(self, name: str) -> str:
        if not self.fs.exists(name):
            return name
        folder, _, basename = name.rpartition("/")
        return names.join(folder, self.fs.resolve_conflict(folder, basename))


def _rewound(file: BinaryIO) -> BinaryIO:
    file.seek(0)
    return file
