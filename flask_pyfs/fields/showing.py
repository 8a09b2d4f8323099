"""The image of a reference, as far as a page shows it: its width and height, and the URLs of its thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from ..renditions import lazy
from . import facts, links
from .reading import ReadableReference


class ShownReference(ReadableReference):
    """What a reference to an image does without changing. A subclass sets the parts."""

    #: The names of the thumbnails by their sizes; the sizes are str.
    thumbnails: dict[str, str]
    #: The part of the image that the thumbnails show; None for the whole image.
    bbox: Sequence[float] | None
    _original: str | None

    @property
    def width(self) -> int | None:
        """The width of the displayed image in pixels, for ``<img width>``: upright, as browsers show it.

        It is kept or asked for as :attr:`size` is. One request asks for the beginning of the file. It is None if there
        is no file, if that is no image that Pillow reads, such as SVG, and without Pillow.
        """
        found: int | None = self._fact("width")
        return found

    @property
    def height(self) -> int | None:
        """The height of the displayed image in pixels, as :attr:`width`."""
        found: int | None = self._fact("height")
        return found

    def _ask(self, filename: str, name: str) -> dict[str, Any]:
        return facts.asked_of_image(self.fs, filename) if name in facts.IMAGE_NAMES else super()._ask(filename, name)

    def full(self, external: bool = False, *, expires: float | timedelta | None = None) -> str | None:
        """Return the URL of the displayed image, or None if there is no image. Makes requests as :attr:`url` does.

        :param external: whether the URL is absolute.
        :param expires: sign the URL for so many seconds. None signs the URLs of a PRIVATE storage for URL_EXPIRES. If
            AUTHORIZE denies that or fails, the URL is not signed.
        """
        return links.page_url(self.fs, self._filename, external=external, expires=expires) if self._filename else None

    def best_url(
        self, size: int | None = None, external: bool = False, *, expires: float | timedelta | None = None
    ) -> str | None:
        """Return the URL of the smallest thumbnail that is large enough, or of the largest one.

        Without thumbnails, return the URL of the displayed image; without an image, None.

        :param size: the size at which the page shows the image, in pixels; None for the largest thumbnail.
        :param external: whether the URL is absolute.
        :param expires: see :meth:`full`.
        """
        thumbnails = self._by_size
        if not self._filename or not thumbnails:
            return self.full(external, expires=expires)
        best = next((known for known in thumbnails if size and known >= size), max(thumbnails))
        return self._thumbnail_url(thumbnails[best], external, expires)

    __call__ = best_url

    def srcset(
        self, size: int | None = None, external: bool = False, *, expires: float | timedelta | None = None
    ) -> str:
        """Return the ``srcset`` attribute of an ``<img>``. It is empty if there are no thumbnails.

        :param size: the fixed size at which the page shows the image, in pixels: the browser chooses a thumbnail by the
            pixel density of the screen. Without it, ``srcset`` has all thumbnails with their widths, for ``sizes``.
        :param external: whether the URLs are absolute.
        :param expires: see :meth:`full`.
        """
        thumbnails = self._by_size
        choices = {f"{known}w": known for known in thumbnails}
        if size:
            choices = {}
            for density in (1, 2, 3):
                best = next((known for known in thumbnails if known >= density * size), None)
                if best is not None and best not in choices.values():
                    choices[f"{density}x"] = best
        urls = (self._thumbnail_url(thumbnails[known], external, expires) for known in choices.values())
        # a comma ends a URL in srcset
        return ", ".join(
            f"{url.replace(',', '%2C')} {descriptor}" for url, descriptor in zip(urls, choices, strict=True)
        )

    def _thumbnail_url(self, name: str, external: bool, expires: float | timedelta | None) -> str:
        source = lazy.Source(self._original or self._filename or "", self.bbox) if lazy.is_lazy(name) else None
        return links.page_url(self.fs, name, external=external, expires=expires, source=source, instead=self._filename)

    @property
    def _by_size(self) -> dict[int, str]:
        # documents written by other libraries may hold other keys
        found = {int(size): name for size, name in self.thumbnails.items() if size.isdecimal() and name}
        return dict(sorted(found.items()))
