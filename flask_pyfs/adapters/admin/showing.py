"""What pages of the admin show of a file: an image as its thumbnail, another file as a link."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup, escape

from ...errors import InvalidPath
from ...fields.file import FileReference
from ...fields.holders import Held
from ...fields.image import ImageReference

# in pixels
_THUMBNAIL = 100


def shown(reference: FileReference) -> Markup:
    """Return the HTML for a reference; empty if it has no file. Makes no request to the store.

    The URLs are those of the reference: signed if the storage is PRIVATE. A name that no file can have, from another
    tool, is shown without them.
    """
    name = reference.original_name or (reference.filename or "").rpartition("/")[2]
    try:
        return _linked(reference, name)
    except InvalidPath:
        return escape(name)


def _linked(reference: FileReference, name: str) -> Markup:
    url = reference.url
    if not url:
        return Markup("")
    what: str = name
    if isinstance(reference, ImageReference):
        what = Markup('<img src="{}" alt="{}" style="max-width: {}px; max-height: {}px">').format(
            reference.best_url(_THUMBNAIL), name, _THUMBNAIL, _THUMBNAIL
        )
    return Markup('<a href="{}" target="_blank" rel="noopener">{}</a>').format(url, what)


def formatted(view: Any, value: Held, name: str) -> Markup:
    """Return the HTML for a cell of a list, as Flask-Admin calls formatters of a type."""
    return Markup("<br>").join(shown(reference) for reference in value.references)


def exported(view: Any, value: Held, name: str) -> str:
    """Return the text for a cell of an export: the names of the files."""
    return ", ".join(reference.filename or "" for reference in value.references)
