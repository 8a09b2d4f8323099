"""Thumbnails, smaller images and smaller files, with Pillow (the extra ``images``)."""

from ..extras import required_by

with required_by("images", "PIL"):
    from .thumbnails import center_thumbnail, crop_thumbnail, make_thumbnail, optimize, resize

__all__ = ["center_thumbnail", "crop_thumbnail", "make_thumbnail", "optimize", "resize"]
