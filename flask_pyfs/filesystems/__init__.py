"""PyFilesystem2 filesystems with what uploads need. No Flask, no app, no configuration."""

from .. import _import_fs  # noqa: F401  (before fs, also in a thread of its own)
