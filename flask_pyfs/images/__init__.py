"""Thumbnails, smaller images and smaller files, with Pillow (the extra ``images``)."""

from .thumbnails import center_thumbnail, crop_thumbnail, make_thumbnail, optimize, resize

__all__ = ["center_thumbnail", "crop_thumbnail", "make_thumbnail", "optimize", "resize"]
